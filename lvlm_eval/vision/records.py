"""What ``lvlm-eval vision --out`` leaves: the figures, what repeats them, and every prediction."""

import json
import math
import socket
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonlines

from lvlm_eval.datasets.refusals import shown
from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.runs.folder import write_whole
from lvlm_eval.vision.evaluation import Evaluation
from lvlm_eval.vision.job import VisionResult
from lvlm_eval.vision.row_errors import SKIPPED

METRICS, MANIFEST, KEYPOINTS = "metrics.json", "manifest.json", "keypoints.jsonl"


def check_folder(folder: Path, wanted: Mapping[str, Any]) -> None:
    """Make a folder before the work, so that it is not in vain.

    Args:
        folder: where the figures go.
        wanted: fields of ``config`` that must be those of the figures that are there.

    Raises:
        InputError: it cannot be made or written, or holds figures of something else.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"--out {folder} cannot be written: {error.strerror}. Give another folder."
        ) from None
    if (folder / "predictions.jsonl").exists():
        raise InputError(f"--out {folder} holds a run of 'lvlm-eval run'. Give another folder.")
    try:
        before = json.loads((folder / MANIFEST).read_bytes())["config"]
    except FileNotFoundError:
        return
    except (OSError, ValueError, LookupError, TypeError):
        raise InputError(
            f"--out {folder}: its {MANIFEST} is not that of figures. Give another folder."
        ) from None
    for name, value in wanted.items():
        if before.get(name) != value:
            raise InputError(
                f"--out {folder} holds other figures: {name} is {shown(before.get(name))} there "
                f"and {shown(value)} now. Give another folder."
            )


def write_result(folder: Path, result: VisionResult, recorded: Mapping[str, Any]) -> None:
    """Write the figures and every prediction.

    ``metrics.json`` has the same bytes for the same features; what changes from call to call stands
    in ``manifest.json``.

    Args:
        folder: there, and writable.
        result: what came of the job.
        recorded: what decides nothing, such as the command line.

    Raises:
        StoppedError: the disk is full, or not writable any more.
    """
    done = result.evaluation
    manifest = {
        "config": result.document["config"],
        **recorded,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": socket.gethostname(),
        "passes": result.passes,
        "skipped": list(done.selected.skipped) if done else [],
        "broken_photos": {
            done.work.photos[number]: why for number, why in sorted(done.encoded.broken.items())
        }
        if done
        else {},
    }
    try:
        if done is not None:
            whole = folder / f".{KEYPOINTS}.part"
            try:
                with jsonlines.open(whole, "w", compact=True) as lines:
                    lines.write_all(_keypoints(done))
                whole.replace(folder / KEYPOINTS)
            finally:
                whole.unlink(missing_ok=True)
        for name, content in ((METRICS, result.document), (MANIFEST, manifest)):
            text = json.dumps(content, indent=1, ensure_ascii=False)
            write_whole(folder / name, text + "\n")
    except OSError as error:
        raise StoppedError(
            f"the figures could not be written to {folder}: {error.strerror}. What was there "
            "before is left as it was; give another --out"
        ) from None


def _keypoints(done: Evaluation) -> Iterator[dict[str, Any]]:
    """One line a source keypoint of a pair: where it was found, in px, and how far off that is."""
    work, errors = done.work, done.errors
    longer = [max(done.selected.sizes[photo]) for photo in work.photos]
    for row, name in enumerate(work.rows.names):
        pair = work.pairs[int(work.rows.pair[row])]
        x, y = errors.points[row] * longer[pair.target]
        code = int(errors.skipped["multi"][row])
        yield {
            "split": pair.split,
            "pair": pair.key,
            "keypoint": name,
            "predicted": None if math.isnan(x) else [round(float(x), 2), round(float(y), 2)],
            "cc_error": _number(errors.cc[row]),
            "soc_error": _number(errors.soc[row]),
            "soc_soft_error": _number(errors.soft[row]),
            "soc_geo_error": _number(errors.geo[row]),
            "soc_geo_skipped": SKIPPED[code] if code >= 0 else None,
        }


def _number(error: float) -> float | None:
    return None if math.isnan(error) else round(float(error), 6)

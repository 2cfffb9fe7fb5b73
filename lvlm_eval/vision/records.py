"""What ``lvlm-eval vision --out`` leaves: the figures, what repeats them, and every prediction."""

import json
import math
import socket
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonlines

from lvlm_eval.errors import InputError
from lvlm_eval.vision.evaluation import Evaluation
from lvlm_eval.vision.job import VisionResult
from lvlm_eval.vision.row_errors import SKIPPED

METRICS, MANIFEST, KEYPOINTS = "metrics.json", "manifest.json", "keypoints.jsonl"


def check_folder(folder: Path) -> None:
    """Make a folder before the work, so that it is not in vain.

    Raises:
        InputError: it cannot be made or written.
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


def write_result(folder: Path, result: VisionResult, recorded: Mapping[str, Any]) -> None:
    """Write the figures and every prediction.

    ``metrics.json`` has the same bytes for the same features; what changes from call to call stands
    in ``manifest.json``.

    Args:
        folder: there, and writable.
        result: what came of the job.
        recorded: what decides nothing, such as the command line.

    Raises:
        InputError: the disk is full, or not writable any more.
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
        for name, content in ((METRICS, result.document), (MANIFEST, manifest)):
            text = json.dumps(content, indent=1, ensure_ascii=False)
            (folder / name).write_text(text + "\n", encoding="utf-8")
        if done is not None:
            with jsonlines.open(folder / KEYPOINTS, "w", compact=True) as lines:
                lines.write_all(_keypoints(done))
    except OSError as error:
        raise InputError(f"--out {folder} cannot be written: {error.strerror}.") from None


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

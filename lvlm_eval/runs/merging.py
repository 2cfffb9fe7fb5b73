"""One compressed file of a run, for keeping: every row once, in order, with its figures.

The file is a plain zip archive of a run's folder: unpacked, it is a run again, and ``score`` reads
it as it is.
"""

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lvlm_eval.errors import InputError
from lvlm_eval.records import Prediction, plain
from lvlm_eval.runs.folder import (
    ANSWERS,
    MANIFEST,
    METRICS,
    PREDICTIONS,
    QUESTIONS,
    canonical,
    planned_rows,
    read_manifest,
    read_predictions,
    read_questions,
)
from lvlm_eval.runs.locks import locked

SUFFIX = ".zip"
_MEMBERS = (MANIFEST, QUESTIONS, PREDICTIONS, ANSWERS, METRICS)
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Time of every member, so that the same run gives the same bytes."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What was written.

    Attributes:
        file: the archive.
        bytes: its size.
        rows: predictions in it, each id once.
        errors: of these, rows of which only errors are recorded.
        missing: planned rows without any line.
        files: ``predictions*.jsonl`` that they came from.
        unreadable: lines that were left out, since they are no predictions.
    """

    file: Path
    bytes: int
    rows: int
    errors: int
    missing: int
    files: int
    unreadable: int

    def to_json(self) -> dict[str, Any]:
        """What ``merge --json`` prints."""
        return {**plain(self), "file": str(self.file)}


def merge(folder: Path, file: Path | None = None) -> Merged:
    """Write a run into one compressed file; the folder stays as it is.

    Args:
        folder: of the run.
        file: where to; beside the folder, named like it, if not given.

    Raises:
        InputError: it is no run, a process writes to it, or the file cannot be written.
    """
    if read_manifest(folder) is None:
        raise InputError(f"{folder} has no {MANIFEST}: it is not the folder of a run.")
    target = file or folder.resolve().with_name(folder.resolve().name + SUFFIX)
    if target.suffix.lower() != SUFFIX:
        raise InputError(f"--out {target}: the file is a zip archive. Give a name ending in .zip.")
    with locked(folder):
        return _merge(folder, target)


@contextmanager
def unpacked(file: Path) -> Iterator[Path]:
    """A merged run as a folder, for as long as the block lasts.

    Raises:
        InputError: the file is no merged run.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            with zipfile.ZipFile(file) as archive:
                there = set(archive.namelist())
                if not {MANIFEST, QUESTIONS, PREDICTIONS} <= there:
                    raise InputError(f"{file} is no run that 'lvlm-eval merge' wrote.")
                for member in there.intersection(_MEMBERS):  # and no path that leads elsewhere
                    archive.extract(member, folder)
        except (OSError, zipfile.BadZipFile, EOFError) as error:
            raise InputError(f"{file} cannot be read as a zip archive: {error}.") from None
        yield folder


def _merge(folder: Path, target: Path) -> Merged:
    from lvlm_eval.scoring import score_run  # which reads runs itself

    questions = read_questions(folder)
    recorded = read_predictions(folder)
    place = {row.id: number for number, row in enumerate(planned_rows(questions))}
    rows = sorted(recorded.by_id.values(), key=lambda one: (place.get(one.id, len(place)), one.id))
    try:
        with tempfile.TemporaryDirectory(dir=target.parent) as name:
            whole = Path(name)
            for member in (MANIFEST, QUESTIONS):
                (whole / member).write_bytes((folder / member).read_bytes())
            with (whole / PREDICTIONS).open("w", encoding="utf-8") as lines:
                lines.writelines(_line(row) for row in rows)
            score_run(whole)
            archive = whole / "run.zip"
            _pack(whole, archive)
            size = archive.stat().st_size
            archive.replace(target)
    except OSError as error:
        raise InputError(
            f"{target} cannot be written: {error.strerror}. Give another --out."
        ) from None
    errors = sum(one.status == "error" for one in rows)
    return Merged(
        target,
        size,
        len(rows),
        errors,
        len(place.keys() - recorded.by_id.keys()),
        len(list(folder.glob("predictions*.jsonl"))),
        sum(recorded.unreadable.values()),
    )


def _line(prediction: Prediction) -> str:
    return canonical(plain(prediction)) + "\n"


def _pack(folder: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for member in _MEMBERS:
            info = zipfile.ZipInfo(member, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            packed.writestr(info, (folder / member).read_bytes(), compresslevel=9)

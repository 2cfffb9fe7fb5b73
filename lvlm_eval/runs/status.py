"""How far a run is, told from its files alone, while others write to them."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lvlm_eval.errors import InputError
from lvlm_eval.prices import Price
from lvlm_eval.records import PlannedRow, Prediction, Question
from lvlm_eval.runs.folder import (
    MANIFEST,
    parse_prediction,
    planned_rows,
    read_manifest,
    read_questions,
)
from lvlm_eval.runs.shards import shard_of_file

RECENT = 200
"""Answers of a file that its rate is taken from."""

QUIET_SECONDS = 300.0
"""A file that has not grown for so long is taken for one that nobody writes to."""


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One ``predictions*.jsonl``.

    Attributes:
        name: ``3/8`` for a shard, empty for a run that one process writes.
        planned: rows that fall to it; None where the split does not tell (no shard).
        done: rows with an answer in this file.
        failed: rows whose last line here is an error.
        repeated: lines of rows that had an answer in this file before.
        unreadable: lines that are no prediction; a last one without its end is not counted, since
            it may just be being written.
        rate: answers a second of late, by the writer's own clock; None with fewer than two.
        idle: seconds since the file grew.
    """

    name: str
    planned: int | None
    done: int
    failed: int
    repeated: int
    unreadable: int
    rate: float | None
    idle: float

    @property
    def active(self) -> bool:
        """Whether somebody seems to write to it."""
        finished = self.planned is not None and self.done >= self.planned
        return self.idle < QUIET_SECONDS and not finished


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A whole run.

    Attributes:
        folder: of the run.
        model: its name.
        data: the dataset's name.
        planned: rows in all.
        done: rows with an answer, whichever file it stands in.
        failed: rows of which only errors are recorded.
        extra: rows with an answer that are not planned (any more).
        by_setting: setting → planned rows and those with an answer.
        parts: by file.
        tokens: ``prompt`` and ``completion`` tokens of all answers that tell.
        cost: of all answers, in ``currency``; None without a price.
        currency: empty without a price.
    """

    folder: Path
    model: str
    data: str
    planned: int
    done: int
    failed: int
    extra: int
    by_setting: Mapping[str, tuple[int, int]]
    parts: tuple[PartStatus, ...]
    tokens: Mapping[str, int]
    cost: float | None
    currency: str

    @property
    def rate(self) -> float:
        """Answers a second of all files that somebody seems to write to."""
        return sum(part.rate or 0.0 for part in self.parts if part.active)

    @property
    def seconds_left(self) -> float | None:
        """At this rate; None when nobody writes, 0 when nothing is left."""
        left = self.planned - self.done
        if left <= 0:
            return 0.0
        return left / self.rate if self.rate > 0 else None

    def to_json(self) -> dict[str, Any]:
        """What ``status --json`` prints."""
        return {
            "folder": str(self.folder),
            "model": self.model,
            "data": self.data,
            "planned": self.planned,
            "done": self.done,
            "failed": self.failed,
            "missing": self.planned - self.done - self.failed,
            "extra": self.extra,
            "rate": round(self.rate, 4),
            "seconds_left": None if self.seconds_left is None else round(self.seconds_left, 1),
            "settings": {
                name: {"planned": planned, "done": done}
                for name, (planned, done) in self.by_setting.items()
            },
            "parts": [
                {
                    "shard": part.name or None,
                    "planned": part.planned,
                    "done": part.done,
                    "failed": part.failed,
                    "repeated": part.repeated,
                    "unreadable": part.unreadable,
                    "rate": None if part.rate is None else round(part.rate, 4),
                    "idle_seconds": round(part.idle, 1),
                    "active": part.active,
                }
                for part in self.parts
            ],
            "tokens": dict(self.tokens),
            "cost": self.cost,
            "currency": self.currency or None,
        }


def runs_below(path: Path) -> list[Path]:
    """The run folders that a path names: itself, or those directly in it.

    Raises:
        InputError: there is none.
    """
    if (path / MANIFEST).is_file():
        return [path]
    found = sorted(one.parent for one in path.glob(f"*/{MANIFEST}")) if path.is_dir() else []
    if not found:
        what = f"holds no run (no {MANIFEST})" if path.is_dir() else "is no folder"
        raise InputError(f"{path} {what}. Give the folder of a run, or one with runs in it.")
    return found


def status_of(folder: Path, price_of: Mapping[str, Price] | None = None) -> RunStatus:
    """Read a run's files.

    Args:
        folder: of the run.
        price_of: name of the model → its price; None tells no cost.

    Raises:
        InputError: it is no run, or a file cannot be read.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise InputError(f"{folder} has no {MANIFEST}: it is not the folder of a run.")
    questions = read_questions(folder)
    planned = set(planned_rows(questions))
    reading = _Reading(planned)
    parts = tuple(
        _part(path, questions, reading) for path in sorted(folder.glob("predictions*.jsonl"))
    )
    model = str(manifest.identity["model"]["name"])
    price = (price_of or {}).get(model)
    by_setting: dict[str, tuple[int, int]] = {}
    for one in planned:
        before, done = by_setting.get(one.setting, (0, 0))
        by_setting[one.setting] = before + 1, done + (one.id in reading.answered)
    costs = [price.of(usage) for usage in reading.usages] if price else []
    return RunStatus(
        folder,
        model,
        str(manifest.recorded["calls"][-1].get("data_name", "")),
        len(planned),
        len(reading.answered & reading.planned),
        len((reading.errors - reading.answered) & reading.planned),
        len(reading.answered - reading.planned),
        dict(sorted(by_setting.items())),
        parts,
        reading.tokens(),
        sum(cost or 0.0 for cost in costs) if price else None,
        price.currency if price else "",
    )


class _Reading:
    """What all files of a run say together."""

    def __init__(self, planned: set[PlannedRow]) -> None:
        self.planned = {one.id for one in planned}
        self.answered: set[str] = set()
        self.errors: set[str] = set()
        self.usages: list[Mapping[str, Any]] = []

    def add(self, prediction: Prediction) -> None:
        if prediction.status == "error":
            self.errors.add(prediction.id)
        elif prediction.id not in self.answered:
            self.answered.add(prediction.id)
            self.usages.append(prediction.usage or {})

    def tokens(self) -> dict[str, int]:
        return {
            name: sum(
                value
                for usage in self.usages
                if isinstance(value := usage.get(f"{name}_tokens"), int)
            )
            for name in ("prompt", "completion")
        }


def _part(path: Path, questions: tuple[Question, ...], reading: _Reading) -> PartStatus:
    shard = shard_of_file(path.name)
    answered: set[str] = set()
    errors: set[str] = set()
    times: list[float] = []
    repeated = unreadable = 0
    for prediction in _lines(path):
        if prediction is None:
            unreadable += 1
            continue
        reading.add(prediction)
        if prediction.status == "error":
            errors.add(prediction.id)
            continue
        repeated += prediction.id in answered
        answered.add(prediction.id)
        if (at := _seconds(prediction.at)) is not None:
            times.append(at)
    return PartStatus(
        str(shard) if shard else "",
        sum(1 for _ in planned_rows(shard.of(questions))) if shard else None,
        len(answered),
        len(errors - answered),
        repeated,
        unreadable,
        _rate(times[-RECENT:]),
        max(0.0, time.time() - path.stat().st_mtime),
    )


def _lines(path: Path) -> Iterator[Prediction | None]:
    try:
        with path.open("rb") as lines:
            for line in lines:
                if line.strip() and line.endswith(b"\n"):
                    yield parse_prediction(line)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None


def _seconds(at: str | None) -> float | None:
    try:
        return datetime.fromisoformat(at or "").timestamp()
    except ValueError:
        return None


def _rate(times: list[float]) -> float | None:
    """Answers a second between the first and the last; a clock that was set back tells nothing."""
    if len(times) < 2 or times[-1] <= times[0]:
        return None
    return (len(times) - 1) / (times[-1] - times[0])

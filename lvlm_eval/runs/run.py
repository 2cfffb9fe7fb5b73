"""Requests → adapter → results folder: plan, resume, ask, record.

The order is by question, then setting, then rotation, so that the requests that share images and
text stand next to each other. An answer is on disk before the next one is taken from the adapter.
"""

import errno
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.models.registry import BuiltModel
from lvlm_eval.records import Prediction, Question, Setting
from lvlm_eval.requests import RequestSource
from lvlm_eval.runs.asking import ask_all, now
from lvlm_eval.runs.folder import (
    PREDICTIONS,
    QUESTIONS,
    Manifest,
    PredictionWriter,
    RecordedAnswers,
    canonical,
    locked,
    read_manifest,
    read_predictions,
    read_questions,
    write_manifest,
    write_questions,
)
from lvlm_eval.stopping import StopSignal, StopSignals

SECONDS_BETWEEN_SYNCS = 2.0


class Watcher(Protocol):
    """Told of a run's progress; draws a bar, or writes nothing at all."""

    def start(self, total: int, done: int) -> None:
        """So many rows are planned, and so many of them were answered before."""
        ...

    def answered(self, prediction: Prediction) -> None:
        """One more row is on disk."""
        ...

    def note(self, line: str) -> None:
        """Something that the user should read."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """One call of ``lvlm-eval run``.

    Attributes:
        source: where the requests come from.
        model: what answers them.
        settings: the settings to ask in.
        limit: how many questions at most; None asks all.
        folder: where the results go.
        decoding: how answers are taken from the model; part of the identity.
        recorded: what is written down and decides nothing, such as the command line.
    """

    source: RequestSource
    model: BuiltModel
    settings: tuple[Setting, ...]
    limit: int | None
    folder: Path
    decoding: str = "text"
    recorded: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        planned: rows that this call was to have answered in the end.
        asked: rows that were sent in this call.
        failed: planned rows whose last answer is an error.
    """

    planned: int
    asked: int
    failed: int


def identity_of(source: RequestSource, model: BuiltModel, decoding: str) -> dict[str, Any]:
    """Everything that decides the answers of a run, JSON-able."""
    return {
        "format": 1,
        **source.identity(),
        "model": {"name": model.name, "settings": dict(model.settings)},
        "decode": decoding,
    }


def run(job: Job, watcher: Watcher) -> Outcome:
    """Ask everything that has no answer yet, and record each answer as it comes.

    Args:
        job: what to ask of whom.
        watcher: told of every answer.

    Raises:
        InputError: the folder holds another run, cannot be written, or the model refused to start.
        StoppedError: a signal, a full disk or a model that fails every time; can be resumed.
    """
    try:
        job.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the results folder cannot be made: {error}") from error
    try:
        with locked(job.folder):
            return _run_locked(job, watcher)
    except StopSignal as stop:
        raise StoppedError(str(stop)) from stop
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoppedError(f"the disk of {job.folder} is full") from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise InputError(f"{job.folder} cannot be written: {error}") from error
        raise


def _run_locked(job: Job, watcher: Watcher) -> Outcome:
    chosen = job.source.questions[: job.limit]
    recorded = read_predictions(job.folder)
    _settle_identity(job, chosen, recorded, watcher)
    _settle_questions(job, chosen)
    asks = [
        ask
        for question in chosen
        for setting in job.settings
        for ask in job.source.asks(question, setting)
    ]
    for name, count in recorded.unreadable.items():
        watcher.note(f"{name}: {count} unreadable lines were left alone (torn by a crash?)")
    answered = {id for id, one in recorded.by_id.items() if one.status != "error"}
    pending = [ask for ask in asks if ask.id not in answered]
    watcher.start(len(asks), len(asks) - len(pending))
    failed: set[str] = set()
    asked = 0
    if not pending:
        return Outcome(len(asks), 0, 0)
    with (
        StopSignals() as signals,
        closing(PredictionWriter(job.folder / PREDICTIONS)) as writer,
        closing(ask_all(job.model.adapter, job.source, pending, watcher.note)) as predictions,
    ):
        synced = time.monotonic()
        for prediction in predictions:
            with signals.held():
                writer.write(prediction)
                asked += 1
                if prediction.status == "error":
                    failed.add(prediction.id)
                watcher.answered(prediction)
                if time.monotonic() - synced > SECONDS_BETWEEN_SYNCS:
                    writer.sync()
                    synced = time.monotonic()
    return Outcome(len(asks), asked, len(failed))


def _settle_identity(
    job: Job, chosen: Sequence[Question], recorded: RecordedAnswers, watcher: Watcher
) -> None:
    """Write the manifest of a new run, or check that an old one is the same run."""
    identity = identity_of(job.source, job.model, job.decoding)
    photos = job.source.photos(chosen)
    before = read_manifest(job.folder)
    if before is None:
        leftover = next(job.folder.glob("predictions*.jsonl"), None)
        if leftover is not None:
            raise InputError(
                f"{job.folder} has answers but no manifest, so it cannot be told what they answer. "
                "Give another --out."
            )
        history: list[Any] = []
    else:
        if canonical(before.identity) != canonical(identity):
            what = "; ".join(_differences(before.identity, identity)[:3])
            raise InputError(
                f"{job.folder} holds another run: {what}. Give another --out, or leave it out."
            )
        _check_photos(before.photos, photos, chosen, recorded, job.folder)
        photos = {**before.photos, **photos}
        history = list(before.recorded["calls"])
        if history[-1].get("model_code", "") != job.model.code:
            watcher.note(
                f"{job.model.name} has changed since the last call; the answers of before stay. "
                "Give another --out to ask everything anew"
            )
    calls = [*history, {"at": now(), "model_code": job.model.code, **job.recorded}]
    write_manifest(job.folder, Manifest(identity, {"calls": calls}, photos))


def _check_photos(
    before: Mapping[str, str],
    photos: Mapping[str, str],
    chosen: Sequence[Question],
    recorded: RecordedAnswers,
    folder: Path,
) -> None:
    """Refuse a photo that is another one than when a question about it was answered."""
    changed = {path for path, print in photos.items() if before.get(path, print) != print}
    good = [one for one in recorded.by_id.values() if one.status != "error"]
    target_seen = {one.question for one in good}
    source_seen = {one.question for one in good if one.setting != "desc"}
    for question in chosen:
        for image, seen in ((question.source, source_seen), (question.target, target_seen)):
            if image is not None and image.path in changed and question.id in seen:
                raise InputError(
                    f"{folder} holds another run: {image.path} is another photo now than when "
                    f"'{question.id}' was answered. Give another --out."
                )


def _differences(there: Any, here: Any, place: str = "") -> list[str]:
    """Where two identities differ, a phrase each."""
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        return [
            phrase
            for key in sorted({*there, *here})
            for phrase in _differences(
                there.get(key), here.get(key), f"{place}.{key}" if place else str(key)
            )
        ]
    if canonical(there) == canonical(here):
        return []
    return [f"{place} is {_short(there)} there and {_short(here)} here"]


def _short(value: Any) -> str:
    text = canonical(value)
    return text if len(text) <= 60 else f"{text[:40]}… ({len(text)} characters)"


def _settle_questions(job: Job, chosen: Sequence[Question]) -> None:
    """Add what this call plans to what earlier calls planned."""
    path = job.folder / QUESTIONS
    planned = {one.id: one for one in read_questions(job.folder)} if path.exists() else {}
    for question in chosen:
        before = planned.get(question.id, question)
        rows = {setting: len(job.source.asks(question, setting)) for setting in job.settings}
        planned[question.id] = replace(question, rows={**before.rows, **rows})
    write_questions(job.folder, tuple(planned.values()))

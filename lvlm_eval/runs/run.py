"""Requests → adapter → results folder: plan, resume, ask, record.

The order is by question, then setting, then rotation, so that the requests that share images and
text stand next to each other. An answer is on disk before the next one is taken from the adapter.
"""

import errno
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.models.registry import BuiltModel
from lvlm_eval.models.secrets import hidden, without_values
from lvlm_eval.prices import Price, Spending
from lvlm_eval.records import Ask, ModelView, PlannedRow, Prediction, Question, Setting, plain
from lvlm_eval.requests import RequestSource
from lvlm_eval.runs.asking import now
from lvlm_eval.runs.budget import Budget
from lvlm_eval.runs.differences import differences
from lvlm_eval.runs.engines.engine import Engine
from lvlm_eval.runs.engines.here import Here
from lvlm_eval.runs.folder import (
    QUESTIONS,
    Manifest,
    PredictionWriter,
    RecordedAnswers,
    canonical,
    predictions_file,
    read_manifest,
    read_predictions,
    read_questions,
    write_manifest,
    write_questions,
)
from lvlm_eval.runs.locks import ShardLocks
from lvlm_eval.runs.shards import Shard
from lvlm_eval.stopping import StopSignal, StopSignals

SECONDS_BETWEEN_SYNCS = 2.0

WORKSPACE = "adapter"
"""Folder inside a run's for what its adapter must keep."""


class Watcher(Protocol):
    """Told of a run's progress; draws a bar, or writes nothing at all."""

    def start(self, total: int, done: int) -> None:
        """So many rows are planned, and so many of them were answered before."""
        ...

    def answered(self, prediction: Prediction) -> None:
        """One more row is on disk."""
        ...

    def spent(self, spending: Spending) -> None:
        """What all rows have cost up to now, where a price is known."""
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
        price: what the model's tokens cost; None if nobody said.
        budget: what this call may use.
        recorded: what is written down and decides nothing, such as the command line.
        shard: the part of the questions that this process asks; None asks all.
        engine: who asks the model; None is this process.
        repeats: how often each row is asked.
    """

    source: RequestSource
    model: BuiltModel
    settings: tuple[Setting, ...]
    limit: int | None
    folder: Path
    decoding: str = "text"
    price: Price | None = None
    budget: Budget = field(default_factory=Budget)
    recorded: Mapping[str, Any] = field(default_factory=dict)
    shard: Shard | None = None
    engine: Engine | None = None
    repeats: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        planned: rows that this call was to have answered in the end.
        asked: rows that were sent in this call.
        failed: planned rows whose last answer is an error.
        reason: the most frequent error of these, empty if there is none.
        empty: rows of this call that the model answered with an empty text.
        spending: what the folder's answers cost; None without a price.
        recorded: the folder's answers, if none came in by this call.
    """

    planned: int
    asked: int
    failed: int
    reason: str = ""
    empty: int = 0
    spending: Spending | None = None
    recorded: RecordedAnswers | None = None


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
        raise InputError(
            f"the results folder {job.folder} cannot be made: {error.strerror}. Give another --out."
        ) from error
    try:
        locks = ShardLocks(job.folder, job.shard)
        with locks.held():
            return _run_locked(job, locks, watcher)
    except StopSignal as stop:
        raise StoppedError(str(stop)) from stop
    except (InputError, StoppedError) as error:
        # A model's own words may quote a key that was given to it.
        raise type(error)(hidden(str(error), job.model.secrets)) from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoppedError(f"the disk of {job.folder} is full") from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise InputError(
                f"{job.folder} cannot be written: {error.strerror}. Give another --out."
            ) from error
        raise


@dataclass(frozen=True, slots=True)
class Plan:
    """What a call is to have answered in the end.

    Attributes:
        chosen: the questions of the run.
        rows: all their rows.
        asks: those of this process's share, in the order in which they are asked.
        pending: of these, those without an answer on disk; what failed before comes last, so that
            rows which always fail do not stand before the others.
    """

    chosen: Sequence[Question]
    rows: Sequence[Ask]
    asks: Sequence[Ask]
    pending: Sequence[Ask]


def plan_of(job: Job, recorded: RecordedAnswers) -> Plan:
    """What a job is to have answered, given what is recorded."""
    chosen = job.source.questions[: job.limit]
    rows = [
        ask
        for question in chosen
        for setting in job.settings
        for ask in job.source.asks(question, setting)
        for ask in _repeated(ask, question, job.repeats)
    ]
    asks = rows
    if job.shard is not None:
        own = {question.id for question in job.shard.of(chosen)}
        asks = [ask for ask in rows if ask.question in own]
    answered = {id for id, one in recorded.by_id.items() if one.status != "error"}
    pending = sorted(
        (ask for ask in asks if ask.id not in answered), key=lambda ask: ask.id in recorded.by_id
    )
    return Plan(chosen, rows, asks, pending)


def _repeated(ask: Ask, question: Question, repeats: int) -> tuple[Ask, ...]:
    """The row itself, and what asks it again."""
    again = (
        PlannedRow(ask.question, ask.setting, ask.rotation, question.control, repeat)
        for repeat in range(1, repeats)
    )
    return (ask, *(replace(ask, id=row.id, repeat=row.repeat) for row in again))


def _run_locked(job: Job, locks: ShardLocks, watcher: Watcher) -> Outcome:
    recorded = read_predictions(job.folder)
    plan = plan_of(job, recorded)
    engine = job.engine or Here(job.source, job.model.adapter)
    with engine.working(plan.pending):
        with locks.shared():
            _settle_identity(job, plan.chosen, recorded, watcher)
            held = _settle_questions(job, plan.chosen, plan.rows)
        if held > len(plan.chosen):
            watcher.note(f"{job.folder} holds {held} questions of earlier calls; all are scored")
        for name, count in recorded.unreadable.items():
            watcher.note(f"{name}: {count} unreadable lines were left alone (torn by a crash?)")
        watcher.start(len(plan.asks), len(plan.asks) - len(plan.pending))
        spending = None
        if job.price is not None:
            spending = Spending.of_earlier(job.price, recorded.by_id.values())
            watcher.spent(spending)
        if not plan.pending:
            return Outcome(len(plan.asks), 0, 0, spending=spending, recorded=recorded)
        with _notes_meanwhile(job.source, plan, watcher):
            outcome = _ask_pending(job, engine, plan, spending, watcher)
    _record_view(job, engine.saw(), locks, watcher)
    job.budget.check_all_asked(len(plan.pending))
    return outcome


@contextmanager
def _notes_meanwhile(source: RequestSource, plan: Plan, watcher: Watcher) -> Iterator[None]:
    """Tell what is odd about the questions; looking at thousands of photos delays no request."""

    def tell() -> None:
        waiting = {ask.question for ask in plan.pending}
        for line in source.notes([one for one in plan.chosen if one.id in waiting]):
            watcher.note(line)

    with ThreadPoolExecutor(1, thread_name_prefix="notes") as pool:
        told = pool.submit(tell)
        yield
    told.result()


def _ask_pending(
    job: Job, engine: Engine, plan: Plan, spending: Spending | None, watcher: Watcher
) -> Outcome:
    secrets = job.model.secrets

    def note(line: str) -> None:
        watcher.note(hidden(line, secrets))

    job.model.adapter.workspace = job.folder / WORKSPACE
    pending = job.budget.first(plan.pending)
    adapter = job.budget.around(job.model.adapter, spending, len(plan.pending))
    errors: Counter[str] = Counter()
    asked = empty = 0
    with (
        StopSignals() as signals,
        closing(PredictionWriter(job.folder / predictions_file(job.shard))) as writer,
        closing(engine.answers(adapter, pending, note)) as predictions,
    ):
        synced = time.monotonic()
        for prediction in predictions:
            prediction = _without(secrets, prediction)
            with signals.held():
                writer.write(prediction)
                asked += 1
                if prediction.status == "error":
                    errors[prediction.error or ""] += 1
                empty += prediction.status == "ok" and not prediction.text.strip()
                watcher.answered(prediction)
                if spending is not None:
                    spending = spending.plus(prediction)
                    watcher.spent(spending)
                if time.monotonic() - synced > SECONDS_BETWEEN_SYNCS:
                    writer.sync()
                    synced = time.monotonic()
    reason = errors.most_common(1)[0][0] if errors else ""
    return Outcome(len(plan.asks), asked, errors.total(), reason, empty, spending)


def _record_view(job: Job, view: ModelView | None, locks: ShardLocks, watcher: Watcher) -> None:
    """Write down what the model made of the pictures, and tell if that is too little."""
    if view is None:
        return
    sizes = [(one.sent, one.seen) for one in view.pictures if one.seen is not None]
    told = [note for sent, seen in sizes if (note := job.source.shrunk_note(sent, seen))]
    if told:
        more = f" (and {len(told) - 1} other sizes)" if len(told) > 1 else ""
        watcher.note(told[0] + more)
    with locks.shared():
        manifest = read_manifest(job.folder)
        assert manifest is not None
        calls = list(manifest.recorded["calls"])
        # Other shards may have begun since; the call of this one is its last.
        own = max(i for i, call in enumerate(calls) if call.get("shard") == _shard_name(job))
        calls[own] = {**calls[own], "model_saw": plain(view)}
        recorded = {**manifest.recorded, "calls": calls}
        write_manifest(job.folder, replace(manifest, recorded=recorded))


def _shard_name(job: Job) -> str | None:
    return None if job.shard is None else str(job.shard)


def _without(secrets: tuple[str, ...], prediction: Prediction) -> Prediction:
    """The prediction without a key in it: a server may repeat what it was sent."""
    if not secrets:
        return prediction
    texts = ("text", "reasoning", "finish_reason", "error", "usage", "served_model")
    return replace(
        prediction,
        **{name: without_values(getattr(prediction, name), secrets) for name in texts},
    )


def _settle_identity(
    job: Job, chosen: Sequence[Question], recorded: RecordedAnswers, watcher: Watcher
) -> None:
    """Write the manifest of a new run, or check that an old one is the same run."""
    identity = identity_of(job.source, job.model, job.decoding)
    files = job.source.files(chosen)
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
            what = "; ".join(differences(before.identity, identity)[:3])
            raise InputError(
                f"{job.folder} holds another run: {what}. Give another --out, or leave it out."
            )
        _check_files(before.files, files, job, recorded)
        files = {**before.files, **files}
        history = list(before.recorded["calls"])
        if any(call.get("model_code", "") != job.model.code for call in history):
            watcher.note(
                f"{job.model.name} has changed since an earlier call; the answers of before stay. "
                "Give another --out to ask everything anew"
            )
        servers = {str(call.get("incidental", {}).get("base_url")) for call in history}
        server = str(job.model.incidental.get("base_url"))
        if servers != {server}:
            watcher.note(
                f"earlier answers here came from {', '.join(sorted(servers))}, this call asks "
                f"{server}. If that serves another model, give another --out"
            )
    call = {
        "at": now(),
        "model_code": job.model.code,
        "incidental": dict(job.model.incidental),
        **job.recorded,
    }
    if job.shard is not None:
        call["shard"] = _shard_name(job)
    calls = [*history, call]
    write_manifest(job.folder, Manifest(identity, {"calls": calls}, files))


def _check_files(
    before: Mapping[str, str], now_there: Mapping[str, str], job: Job, recorded: RecordedAnswers
) -> None:
    """Refuse a photo or table that is another one than when a question about it was answered."""
    changed = {name for name, print in now_there.items() if before.get(name, print) != print}
    if not changed:
        return
    questions = {question.id: question for question in job.source.questions}
    for one in recorded.by_id.values():
        if one.status == "error" or one.question not in questions:
            continue
        for name in job.source.files_of(questions[one.question], one.setting):
            if name in changed:
                raise InputError(
                    f"{job.folder} holds another run: {name} has another content now than when "
                    f"'{one.question}' was answered. Give another --out."
                )


def _more_repeats(job: Job, before: Question) -> dict[Setting, int]:
    """The settings in which this call asks a question more often than earlier ones did."""
    return {one: job.repeats for one in job.settings if job.repeats > before.repeats.get(one, 1)}


def _settle_questions(job: Job, chosen: Sequence[Question], asks: Sequence[Ask]) -> int:
    """Add what this call plans to what earlier calls planned; gives the number of questions."""
    path = job.folder / QUESTIONS
    planned = {one.id: one for one in read_questions(job.folder)} if path.exists() else {}
    earlier = dict(planned)
    counts = Counter((ask.question, ask.setting) for ask in asks if not ask.repeat)
    for question in chosen:
        before = planned.get(question.id, question)
        rows = {setting: counts[question.id, setting] for setting in job.settings}
        planned[question.id] = replace(
            question,
            rows={**before.rows, **rows},
            repeats={**before.repeats, **_more_repeats(job, before)},
        )
    if planned != earlier:
        write_questions(job.folder, tuple(planned.values()))
    return len(planned)

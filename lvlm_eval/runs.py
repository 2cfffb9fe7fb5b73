"""Requests → adapter → results folder: plan, resume, ask, record.

The order is by question, then setting, then rotation, so that the requests that share images and
text stand next to each other. An answer is on disk before the next one is taken from the adapter.
"""

import errno
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, overload

from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.models import Adapter
from lvlm_eval.models.registry import BuiltModel
from lvlm_eval.records import Ask, Picture, Prediction, Question, Request, Response, Setting
from lvlm_eval.requests import RequestSource, sha256_of_prompt
from lvlm_eval.results import (
    PREDICTIONS,
    QUESTIONS,
    Manifest,
    PredictionWriter,
    canonical,
    locked,
    read_manifest,
    read_predictions,
    read_questions,
    write_manifest,
    write_questions,
)
from lvlm_eval.stopping import StopSignals

# After so many chunks in a row that gave nothing but an exception, a model is broken, not unlucky.
FAILING_CHUNKS = 3
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
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoppedError(f"the disk of {job.folder} is full") from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise InputError(f"{job.folder} cannot be written: {error}") from error
        raise


def _run_locked(job: Job, watcher: Watcher) -> Outcome:
    _settle_identity(job)
    chosen = job.source.questions[: job.limit]
    _settle_questions(job, chosen)
    asks = [
        ask
        for question in chosen
        for setting in job.settings
        for ask in job.source.asks(question, setting)
    ]
    recorded = read_predictions(job.folder)
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
        closing(_predictions(job, pending, watcher)) as predictions,
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


def _settle_identity(job: Job) -> None:
    """Write the manifest of a new run, or check that an old one is the same run."""
    identity = identity_of(job.source, job.model, job.decoding)
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
        history = list(before.recorded.get("calls", []))
    calls = [*history, {"at": _now(), **job.recorded}]
    write_manifest(job.folder, Manifest(identity, {"calls": calls}))


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


@dataclass(slots=True)
class _Sent:
    """What is remembered of the requests that an adapter was given."""

    asks: dict[str, Ask] = field(default_factory=dict)
    prompts: dict[str, str] = field(default_factory=dict)
    images: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def track(self, ask: Ask, request: Request) -> Request:
        """The same request, which leaves a note of the pictures when they are looked at."""
        self.asks[ask.id] = ask
        self.prompts[ask.id] = sha256_of_prompt(request)

        def load() -> tuple[Picture, ...]:
            pictures = request.load_pictures()
            self.images[ask.id] = tuple(picture.sha256 for picture in pictures)
            return pictures

        return replace(request, load_pictures=load)

    def prediction(self, response: Response) -> Prediction:
        """The line to record; the ask counts as answered from now on."""
        ask = self.asks.pop(response.id)
        return Prediction(
            id=ask.id,
            question=ask.question,
            setting=ask.setting,
            rotation=ask.rotation,
            options=ask.options,
            answer=ask.answer,
            text=response.text,
            reasoning=response.reasoning,
            finish_reason=response.finish_reason,
            status=response.status,
            error=response.error,
            logprobs=response.logprobs,
            usage=response.usage,
            seconds=response.seconds,
            served_model=response.served_model,
            at=_now(),
            prompt_sha256=self.prompts.pop(ask.id, None),
            images=self.images.pop(ask.id, ()),
            drawn=ask.drawn,
        )


class _Lazily(Sequence[Request]):
    """All pending requests, each prepared when it is looked at."""

    def __init__(self, source: RequestSource, asks: Sequence[Ask], sent: _Sent) -> None:
        self._source = source
        self._asks = asks
        self._sent = sent
        for ask in asks:
            sent.asks[ask.id] = ask

    def __len__(self) -> int:
        return len(self._asks)

    @overload
    def __getitem__(self, index: int) -> Request: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Request]: ...
    def __getitem__(self, index: int | slice) -> Request | Sequence[Request]:
        if isinstance(index, slice):
            return _Lazily(self._source, self._asks[index], self._sent)
        ask = self._asks[index]
        return self._sent.track(ask, self._source.request(ask))


def _predictions(
    job: Job, pending: Sequence[Ask], watcher: Watcher
) -> Generator[Prediction, None, None]:
    """Ask the adapter, chunk by chunk; the pictures of the next chunk are drawn meanwhile."""
    adapter = job.model.adapter
    if adapter.chunk is None:
        sent = _Sent()
        yield from _ask(adapter, _Lazily(job.source, pending, sent), sent, _Failures(watcher))
        return
    size = max(1, adapter.chunk)
    chunks = [pending[start : start + size] for start in range(0, len(pending), size)]
    failures = _Failures(watcher)
    with ThreadPoolExecutor(1, thread_name_prefix="draw") as pool:

        def prepare(number: int) -> Future[_Prepared] | None:
            if number >= len(chunks):
                return None
            return pool.submit(_prepare, job.source, chunks[number], adapter.needs_pictures)

        ahead = prepare(0)
        for number in range(len(chunks)):
            prepared = ahead.result() if ahead else _Prepared()
            ahead = prepare(number + 1)
            yield from prepared.broken
            yield from _ask(adapter, prepared.requests, prepared.sent, failures)


@dataclass(slots=True)
class _Prepared:
    """A chunk with its pictures drawn, and the rows whose pictures could not be."""

    requests: list[Request] = field(default_factory=list)
    broken: list[Prediction] = field(default_factory=list)
    sent: _Sent = field(default_factory=_Sent)


def _prepare(source: RequestSource, asks: Sequence[Ask], with_pictures: bool) -> _Prepared:
    prepared = _Prepared()
    for ask in asks:
        prepared.sent.asks[ask.id] = ask
        try:
            request = prepared.sent.track(ask, source.request(ask))
            if with_pictures:
                pictures = request.pictures
                prepared.requests.append(replace(request, load_pictures=_given(pictures)))
            else:
                prepared.requests.append(request)
        except InputError as error:
            failure = Response(ask.id, status="error", error=str(error))
            prepared.broken.append(prepared.sent.prediction(failure))
    return prepared


def _given(pictures: tuple[Picture, ...]) -> Callable[[], tuple[Picture, ...]]:
    return lambda: pictures


@dataclass(slots=True)
class _Failures:
    """Counts the chunks in a row that raised and gave no answer."""

    watcher: Watcher
    in_a_row: int = 0

    def count(self, answers: int, error: Exception) -> None:
        """Note a chunk that raised; stop the run when it was one too many.

        Raises:
            StoppedError: the adapter has failed too often without one answer.
        """
        self.watcher.note(f"the model raised {_described(error)}")
        self.in_a_row = 0 if answers else self.in_a_row + 1
        if self.in_a_row >= FAILING_CHUNKS:
            raise StoppedError(
                f"the model failed {FAILING_CHUNKS} times in a row without one answer; the last "
                f"time: {_described(error)}"
            ) from error


def _ask(
    adapter: Adapter, requests: Sequence[Request], sent: _Sent, failures: _Failures
) -> Iterator[Prediction]:
    """Hand requests to the adapter and pair what comes back with what was asked."""
    if not len(requests):
        return
    answers, problem = 0, "the model gave no answer to this request"
    raised: Exception | None = None
    try:
        for response in _checked(adapter.answer(requests), sent):
            answers += response.status != "error"
            yield sent.prediction(response)
    except (InputError, StoppedError, GeneratorExit):
        raise
    except Exception as error:
        problem, raised = _described(error), error
    for id in tuple(sent.asks):
        yield sent.prediction(Response(id, status="error", error=problem))
    if raised is not None:
        failures.count(answers, raised)
    else:
        failures.in_a_row = 0


def _checked(responses: Iterable[Response], sent: _Sent) -> Iterator[Response]:
    for response in responses:
        if not isinstance(response, Response):
            raise InputError(
                f"the model's answer() gave {type(response).__name__}, expected Response."
            )
        if response.id not in sent.asks:
            raise InputError(
                f"the model answered '{response.id}', which was not asked or was answered already."
            )
        if not isinstance(response.text, str):
            raise InputError(
                f"the model's answer to '{response.id}' has text of type "
                f"{type(response.text).__name__}, expected str."
            )
        yield response


def _described(error: Exception) -> str:
    """One line: what was raised, and where in the adapter."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message}{place}" if message else type(error).__name__ + place


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")

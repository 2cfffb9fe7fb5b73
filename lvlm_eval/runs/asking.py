"""Hands requests to an adapter and pairs what comes back with what was asked."""

import itertools
import threading
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import overload

from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.models import Adapter
from lvlm_eval.records import Ask, Picture, Prediction, Request, Response
from lvlm_eval.requests import RequestSource, sha256_of_prompt
from lvlm_eval.runs.recordable import recordable

# After so many chunks in a row that gave nothing but an exception, a model is broken, not unlucky.
FAILING_CHUNKS = 3

QUESTIONS_AT_A_TIME = 4
"""Questions that are prepared at a time; the drawing itself is left to processes."""


def ask_all(
    adapter: Adapter,
    source: RequestSource,
    pending: Sequence[Ask],
    note: Callable[[str], None],
    failures: "Failures | None" = None,
) -> Generator[Prediction, None, None]:
    """Ask the adapter, chunk by chunk; the pictures of the next chunk are drawn meanwhile.

    Args:
        adapter: answers.
        source: makes the requests.
        pending: what to ask, in this order.
        note: told, a line each, what the adapter raised.
        failures: of earlier calls for the same adapter, which count with those of this one.

    Yields:
        One prediction for each ask, as they come; an ``error`` where there is no answer.

    Raises:
        InputError: the adapter refuses to work, or breaks the contract.
        StoppedError: it failed too often in a row.
    """
    failures = failures or Failures(note)
    if adapter.chunk is None:
        left = list(pending)
        while left:
            sent = _Sent({ask.id: ask for ask in left})
            yield from _ask(adapter, _Lazily(source, left, sent), sent, failures)
            left = [ask for ask in left if ask.id in sent.asks]
        return
    size = adapter.chunk
    chunks = [pending[start : start + size] for start in range(0, len(pending), size)]
    stop = threading.Event()
    with ThreadPoolExecutor(QUESTIONS_AT_A_TIME, thread_name_prefix="prepare") as pool:

        def prepare(number: int) -> tuple[_Sent, list[Future[_Prepared]]]:
            asks = chunks[number] if number < len(chunks) else ()
            sent = _Sent({ask.id: ask for ask in asks})
            # The rows of a question share its pictures, so they are the smallest piece of work.
            parts = [
                pool.submit(_prepare, source, tuple(rows), sent, adapter.needs_pictures, stop)
                for _, rows in itertools.groupby(asks, key=lambda ask: ask.question)
            ]
            return sent, parts

        try:
            ahead = prepare(0)
            for number in range(len(chunks)):
                sent, parts = ahead
                prepared = [part.result() for part in parts]
                ahead = prepare(number + 1)
                for part in prepared:
                    yield from part.broken
                requests = [request for part in prepared for request in part.requests]
                yield from _ask(adapter, requests, sent, failures)
        finally:
            stop.set()  # or leaving would wait for a whole chunk to be drawn


@dataclass(slots=True)
class _Sent:
    """What is remembered of the requests that an adapter was given and has not answered."""

    asks: dict[str, Ask] = field(default_factory=dict)
    prompts: dict[str, str] = field(default_factory=dict)
    images: dict[str, tuple[str, ...]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def track(self, ask: Ask, request: Request) -> Request:
        """The same request, which leaves a note of the pictures when they are looked at."""
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
            repeat=ask.repeat,
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
            at=now(),
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
        try:
            return self._sent.track(ask, self._source.request(ask))
        except InputError as error:
            self._sent.problems[ask.id] = str(error)
            raise


@dataclass(slots=True)
class _Prepared:
    """Requests with their pictures drawn, and the rows whose pictures could not be."""

    requests: list[Request] = field(default_factory=list)
    broken: list[Prediction] = field(default_factory=list)


def _prepare(
    source: RequestSource,
    asks: Sequence[Ask],
    sent: _Sent,
    with_pictures: bool,
    stop: threading.Event,
) -> _Prepared:
    prepared = _Prepared()
    for ask in asks:
        if stop.is_set():
            break
        try:
            request = sent.track(ask, source.request(ask))
            if with_pictures:
                pictures = request.pictures
                prepared.requests.append(replace(request, load_pictures=_given(pictures)))
            else:
                prepared.requests.append(request)
        except InputError as error:
            failure = Response(ask.id, status="error", error=str(error))
            prepared.broken.append(sent.prediction(failure))
    return prepared


def _given(pictures: tuple[Picture, ...]) -> Callable[[], tuple[Picture, ...]]:
    return lambda: pictures


@dataclass(slots=True)
class Failures:
    """Counts the chunks in a row that raised and gave no answer."""

    note: Callable[[str], None]
    in_a_row: int = 0

    def count(self, answers: int, error: BaseException) -> None:
        """Note a chunk that raised; stop the run when it was one too many.

        Raises:
            StoppedError: the adapter has failed too often without one answer.
        """
        self.note(f"the model raised {_described(error)}")
        self.in_a_row = 0 if answers else self.in_a_row + 1
        if self.in_a_row >= FAILING_CHUNKS:
            raise StoppedError(
                f"the model failed {FAILING_CHUNKS} times in a row without one answer; the last "
                f"time: {_described(error)}"
            ) from error


def _ask(
    adapter: Adapter, requests: Sequence[Request], sent: _Sent, failures: Failures
) -> Iterator[Prediction]:
    """Hand requests to the adapter and pair what comes back with what was asked."""
    if not len(requests):
        return
    answers, problem = 0, "the model gave no answer to this request"
    raised: BaseException | None = None
    try:
        answers_given = adapter.answer(requests)
        if answers_given is None:
            raise InputError(
                "the model's answer() returned None, expected responses: is a yield missing?"
            )
        for response in _checked(answers_given, sent):
            answers += response.status != "error"
            yield sent.prediction(response)
    except (InputError, StoppedError):
        raise
    except (Exception, SystemExit) as error:
        problem, raised = _described(error), error
    for id in tuple(sent.asks):
        # Of requests that are looked at one by one, those behind a failure were never tried.
        if raised is None or id in sent.prompts or id in sent.problems:
            why = sent.problems.get(id, problem)
            yield sent.prediction(Response(id, status="error", error=why))
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
        yield recordable(response)


def _described(error: BaseException) -> str:
    """One line: what was raised, and where in the adapter."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message}{place}" if message else type(error).__name__ + place


def unanswered(ask: Ask, why: str) -> Prediction:
    """The line to record for a row that could not be asked."""
    return _Sent({ask.id: ask}).prediction(Response(ask.id, status="error", error=why))


def now() -> str:
    """The time as it is recorded: UTC, ISO 8601, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")

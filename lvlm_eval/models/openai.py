"""Any OpenAI-compatible chat server: the images as base64, many requests at a time.

Temporary failures are retried with a growing, jittered pause (or the one the server asks for); what
stays a failure is recorded as an error of that row, never as a wrong answer.
"""

import asyncio
import base64
import functools
import os
import queue
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field, replace
from typing import Any, cast

import openai
from openai.types.chat import ChatCompletionMessageParam
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.models.adapter import Adapter
from lvlm_eval.models.chat_answers import GarbledAnswerError, response_of
from lvlm_eval.models.secrets import without_secrets
from lvlm_eval.models.server_trouble import is_temporary, one_line, pause
from lvlm_eval.records import Picture, Request, Response

# What fails at the start, without one answer yet, is no accident of a row: a wrong parameter would
# fail 24,000 times. Questions are counted, since the twelve rows of one share their photos.
QUESTIONS_REFUSED_AT_START = 8
CONNECTIONS_FAILED_AT_START = 8

# Later a server that is gone shows by a row of failures.
FAILURES_IN_A_ROW = 64

_FILTER_CODES = frozenset({"content_filter", "content_policy_violation", "moderation_blocked"})


@dataclass(slots=True)
class _Tally:
    """How the requests went so far, to tell a wall from an accident.

    Attributes:
        where: the server, for messages.
        any_answer: one request at least was answered.
        wall: why no further request should be sent; what is in flight is still waited for.
    """

    where: str
    any_answer: bool = False
    wall: Exception | None = None
    failures_in_a_row: int = 0
    connections_failed: int = 0
    refused_questions: set[str] = field(default_factory=set)

    def count(self, response: Response, question: str) -> None:
        """Note how one request ended."""
        if response.status != "error":
            self.any_answer, self.failures_in_a_row = True, 0
        elif response.finish_reason == BAD_REQUEST:
            self.refused_questions.add(question)
        elif response.finish_reason != UNSENT:
            self.failures_in_a_row += 1
            self.connections_failed += response.finish_reason == NO_CONNECTION
        if self.wall is not None:
            return
        if not self.any_answer and len(self.refused_questions) >= QUESTIONS_REFUSED_AT_START:
            self.wall = InputError(f"{self.where} refuses every request: {response.error}")
        elif not self.any_answer and self.connections_failed >= CONNECTIONS_FAILED_AT_START:
            self.wall = StoppedError(f"{self.where} answers no request: {response.error}")
        elif self.failures_in_a_row >= FAILURES_IN_A_ROW:
            self.wall = StoppedError(
                f"{self.where} failed {self.failures_in_a_row} times in a row: {response.error}"
            )


# Recorded as the finish reason of a failed row.
BAD_REQUEST, NO_CONNECTION, UNSENT = "bad_request", "no_connection", "unsent"


class OpenAIChat(Adapter):
    """Chat completions of one model on one server.

    Args:
        model: the name that the server knows it by.
        base_url: of the server, such as ``http://127.0.0.1:8000/v1``; OpenAI's own if not given.
        concurrency: requests in flight at a time.
        temperature: 0 is greedy; null leaves the server's default.
        max_tokens: bound on the answer; null leaves the server's default.
        max_completion_tokens: sent instead of max_tokens, for models that want that name.
        detail: ``low``, ``high`` or ``auto`` image detail, where the server knows it.
        timeout: seconds for one try.
        max_retries: further tries after a temporary failure.
        extra: more fields of the request's body, as JSON.

    Raises:
        InputError: no key in ``OPENAI_API_KEY`` for OpenAI's own server, or a value is impossible.
    """

    chunk = None
    incidental = frozenset({"base_url", "concurrency", "timeout", "max_retries"})

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        concurrency: int = 16,
        temperature: float | None = 0.0,
        max_tokens: int | None = 1024,
        max_completion_tokens: int | None = None,
        detail: str | None = None,
        timeout: float = 120.0,
        max_retries: int = 6,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        _check_whole("concurrency", concurrency, 1)
        _check_whole("max_retries", max_retries, 0)
        if not isinstance(timeout, int | float) or timeout <= 0:
            raise InputError(f"timeout is {timeout!r}, expected seconds above 0.")
        for name, bound in (
            ("max_tokens", max_tokens),
            ("max_completion_tokens", max_completion_tokens),
        ):
            if bound is not None:
                _check_whole(name, bound, 1)
        if temperature is not None and not isinstance(temperature, int | float):
            raise InputError(f"temperature is {temperature!r}, expected a number or null.")
        if detail not in (None, "low", "high", "auto"):
            raise InputError(f"detail is {detail!r}, expected low, high or auto.")
        if extra is not None and not isinstance(extra, Mapping):
            raise InputError(f"extra is {extra!r}, expected a JSON object.")
        base_url = base_url or os.environ.get("OPENAI_BASE_URL")
        key = os.environ.get("OPENAI_API_KEY", "")
        if not key and not base_url:
            raise InputError(
                "set OPENAI_API_KEY to your key, or give --base-url for a server of your own."
            )
        if not (key.isascii() and key.isprintable()):
            raise InputError("OPENAI_API_KEY holds characters that no key has; set it again.")
        if base_url and not base_url.startswith(("http://", "https://")):
            shown = without_secrets(base_url)
            raise InputError(f"--base-url '{shown}' does not begin with http:// or https://.")
        self.model = model
        self._base_url = base_url
        self._concurrency = concurrency
        self._timeout = timeout
        self._max_retries = max_retries
        self._detail = detail
        body: dict[str, Any] = {"temperature": temperature, "max_tokens": max_tokens}
        if max_completion_tokens is not None:
            body["max_completion_tokens"] = max_completion_tokens
        body |= extra or {}
        if "max_completion_tokens" in body and "max_tokens" not in (extra or {}):
            del body["max_tokens"]
        self._body = {name: value for name, value in body.items() if value is not None}

    def answer(self, requests: Sequence[Request]) -> Iterable[Response]:
        """Send everything, ``concurrency`` at a time; yield answers in the order they come."""
        exchange = _Exchange(self, requests)
        try:
            yield from exchange.responses()
        finally:
            exchange.stop()

    async def send_all(self, requests: Sequence[Request], done: "queue.Queue[_Done]") -> None:
        """Work through the requests and put every response in the queue.

        Raises:
            InputError: the server refuses the key, does not know the model or the address.
        """
        places: Iterator[int] = iter(range(len(requests)))
        tally = _Tally(str(without_secrets(self._base_url) or "the OpenAI server"))
        async with openai.AsyncOpenAI(
            api_key=os.environ.get("OPENAI_API_KEY") or "none",
            base_url=self._base_url,
            timeout=self._timeout,
            max_retries=0,
        ) as client:

            async def work() -> None:
                for place in places:
                    if tally.wall is not None:
                        break
                    try:
                        request = await asyncio.to_thread(requests.__getitem__, place)
                    except InputError:
                        continue  # the row's text cannot be written; the run notes why
                    response = await self._one(client, request, tally)
                    tally.count(response, request.question)
                    done.put(response)

            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._concurrency, len(requests))):
                    group.create_task(work())
        if tally.wall is not None:
            raise tally.wall

    async def _one(self, client: openai.AsyncOpenAI, request: Request, tally: _Tally) -> Response:
        """One request from its pictures to its response, tries and pauses included."""
        try:
            messages = await asyncio.to_thread(self._messages, request)
        except InputError as error:
            return Response(request.id, status="error", error=str(error), finish_reason=UNSENT)
        began = time.monotonic()
        tries = AsyncRetrying(
            retry=retry_if_exception(lambda error: tally.wall is None and is_temporary(error)),
            wait=pause,
            stop=stop_after_attempt(self._max_retries + 1),
            reraise=True,
        )
        try:
            response: Response = await tries(self._ask, client, messages, request.id)
        except openai.APIStatusError as error:
            return self._failed(request, error, tally)
        except openai.APIConnectionError as error:
            said = one_line(error)
            return Response(request.id, status="error", error=said, finish_reason=NO_CONNECTION)
        except GarbledAnswerError as error:
            return Response(request.id, status="error", error=one_line(error))
        return replace(response, seconds=round(time.monotonic() - began, 3))

    async def _ask(
        self, client: openai.AsyncOpenAI, messages: Sequence[Mapping[str, Any]], id: str
    ) -> Response:
        try:
            async with asyncio.timeout(self._timeout):
                completion = await client.chat.completions.create(
                    model=self.model,
                    messages=cast(list[ChatCompletionMessageParam], messages),
                    stream=False,
                    extra_body=self._body,
                )
        except TimeoutError as error:
            raise GarbledAnswerError(f"no answer within {self._timeout:g} s") from error
        except openai.APIResponseValidationError as error:
            raise GarbledAnswerError(one_line(error)) from error
        except openai.OpenAIError:
            raise
        except Exception as error:
            raise GarbledAnswerError(
                f"the server's answer cannot be read: {one_line(error)}"
            ) from error
        try:
            return response_of(id, completion)
        except GarbledAnswerError:
            raise
        except Exception as error:
            # Servers leave out or retype any field; the client does not check.
            raise GarbledAnswerError("the server's answer is no chat completion") from error

    def _messages(self, request: Request) -> list[dict[str, Any]]:
        content: list[dict[str, Any]] = []
        for picture in request.pictures:
            image: dict[str, Any] = {"url": _data_url(picture)}
            if self._detail is not None:
                image["detail"] = self._detail
            content.append({"type": "image_url", "image_url": image})
        content.append({"type": "text", "text": request.text})
        messages: list[dict[str, Any]] = [{"role": "user", "content": content}]
        if request.system is not None:
            messages.insert(0, {"role": "system", "content": request.system})
        return messages

    def _failed(self, request: Request, error: openai.APIStatusError, tally: _Tally) -> Response:
        """What a final refusal means: the whole run, a filtered request, or this row."""
        where, said = tally.where, one_line(error)
        status, first = error.status_code, not tally.any_answer
        if status == 401 or (status == 403 and first):
            tally.wall = InputError(f"{where} refuses the key in OPENAI_API_KEY: {said}")
        elif status == 404 and first:
            tally.wall = InputError(f"{where} has no model '{self.model}': {said}")
        elif error.code == "insufficient_quota":
            tally.wall = StoppedError(f"{where}: the quota is used up: {said}")
        elif error.code in _FILTER_CODES:
            return Response(
                request.id, status="refused", error=said, finish_reason="content_filter"
            )
        kind = BAD_REQUEST if status in (400, 403, 413, 422) else None
        return Response(request.id, status="error", error=said, finish_reason=kind)


_Done = Response | BaseException | None


class _Exchange:
    """Runs the requests on an event loop in a thread, so that ``answer`` is a plain generator."""

    def __init__(self, adapter: OpenAIChat, requests: Sequence[Request]) -> None:
        self._done: queue.Queue[_Done] = queue.Queue()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="openai", daemon=True)
        self._thread.start()
        self._work = asyncio.run_coroutine_threadsafe(
            adapter.send_all(requests, self._done), self._loop
        )
        self._work.add_done_callback(self._finish)

    def _finish(self, _: object) -> None:
        try:
            self._done.put(self._work.exception())
        except CancelledError:
            self._done.put(None)

    def responses(self) -> Iterator[Response]:
        """Everything that comes back, then whatever ended the work."""
        while (done := self._done.get()) is not None:
            if isinstance(done, Response):
                yield done
            elif isinstance(done, BaseExceptionGroup):
                # The task group's wrapping of whatever one of the tasks raised.
                raise done.exceptions[0]
            else:
                raise done

    def stop(self) -> None:
        """End what is in flight and the thread."""
        self._work.cancel()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        # Cancelled tasks must run once more to close their connections.
        self._loop.run_until_complete(_settle(self._loop))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


async def _settle(loop: asyncio.AbstractEventLoop) -> None:
    rest = asyncio.all_tasks(loop) - {asyncio.current_task(loop)}
    await asyncio.gather(*(task for task in rest if task is not None), return_exceptions=True)


def _check_whole(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InputError(f"{name} is {value!r}, expected a whole number from {least}.")


@functools.lru_cache(maxsize=64)
def _data_url(picture: Picture) -> str:
    return f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode('ascii')}"

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
from typing import Any, ClassVar, cast

import openai
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from lvlm_eval.errors import InputError
from lvlm_eval.models.adapter import Adapter
from lvlm_eval.records import Picture, Request, Response, Status

LONGEST_PAUSE = 60.0
"""Seconds; a server may ask for more with Retry-After."""

# A wrong parameter fails every request: after so many refusals of the request itself and not one
# answer, it is the request that is wrong, and the run stops instead of failing 24,000 times.
BAD_REQUESTS_AT_START = 8

_FILTER_CODES = frozenset({"content_filter", "content_policy_violation", "moderation_blocked"})


class GarbledAnswerError(Exception):
    """The server answered with something that is no chat completion."""


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
    incidental: ClassVar[frozenset[str]] = frozenset(
        {"base_url", "concurrency", "timeout", "max_retries"}
    )

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
        if concurrency < 1 or max_retries < 0 or timeout <= 0:
            raise InputError("concurrency must be at least 1, max_retries 0, timeout above 0.")
        if not os.environ.get("OPENAI_API_KEY") and not base_url:
            raise InputError(
                "set OPENAI_API_KEY to your key, or give --base-url for a server of your own."
            )
        self.model = model
        self._base_url = base_url
        self._concurrency = concurrency
        self._timeout = timeout
        self._max_retries = max_retries
        self._detail = detail
        self._body: dict[str, Any] = {"temperature": temperature, **(extra or {})}
        if max_completion_tokens is not None:
            self._body["max_completion_tokens"] = max_completion_tokens
        else:
            self._body["max_tokens"] = max_tokens
        self._body = {key: value for key, value in self._body.items() if value is not None}

    def identity(self) -> Mapping[str, Any]:
        """The fields of the request's body, and the image detail."""
        return {**self._body, "detail": self._detail}

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
        any_answer, refused_requests = False, 0
        async with openai.AsyncOpenAI(
            api_key=os.environ.get("OPENAI_API_KEY") or "none",
            base_url=self._base_url,
            timeout=self._timeout,
            max_retries=0,
        ) as client:

            async def work() -> None:
                nonlocal any_answer, refused_requests
                for place in places:
                    response = await self._one(client, requests, place)
                    any_answer |= response.status != "error"
                    refused_requests += response.finish_reason == "bad_request"
                    if refused_requests >= BAD_REQUESTS_AT_START and not any_answer:
                        raise InputError(f"the server refuses every request: {response.error}")
                    done.put(response)

            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._concurrency, len(requests))):
                    group.create_task(work())

    async def _one(
        self, client: openai.AsyncOpenAI, requests: Sequence[Request], place: int
    ) -> Response:
        """One request from its pictures to its response, tries and pauses included."""
        request = await asyncio.to_thread(requests.__getitem__, place)
        try:
            messages = await asyncio.to_thread(self._messages, request)
        except InputError as error:
            return Response(request.id, status="error", error=str(error))
        began = time.monotonic()
        tries = AsyncRetrying(
            retry=retry_if_exception(_is_temporary),
            wait=_pause,
            stop=stop_after_attempt(self._max_retries + 1),
            reraise=True,
        )
        try:
            completion: ChatCompletion = await tries(self._ask, client, messages)
        except openai.APIStatusError as error:
            return self._failed(request, error)
        except (openai.APIConnectionError, GarbledAnswerError) as error:
            return Response(request.id, status="error", error=_one_line(error))
        return _response(request.id, completion, time.monotonic() - began)

    async def _ask(
        self, client: openai.AsyncOpenAI, messages: Sequence[Mapping[str, Any]]
    ) -> ChatCompletion:
        try:
            completion = await client.chat.completions.create(
                model=self.model,
                messages=cast(list[ChatCompletionMessageParam], messages),
                stream=False,
                extra_body=self._body,
            )
        except (openai.APIResponseValidationError, ValueError) as error:
            raise GarbledAnswerError(
                f"the server's answer cannot be read: {_one_line(error)}"
            ) from error
        choices = getattr(completion, "choices", None)
        if not choices or getattr(choices[0], "message", None) is None:
            raise GarbledAnswerError("the server's answer holds no message")
        return completion

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

    def _failed(self, request: Request, error: openai.APIStatusError) -> Response:
        """What a final refusal means: the whole run, a filtered request, or this row."""
        where = self._base_url or "the OpenAI server"
        said = _one_line(error)
        if error.status_code in (401, 403):
            raise InputError(f"{where} refuses the key in OPENAI_API_KEY: {said}") from error
        if error.status_code == 404:
            raise InputError(f"{where} has no model '{self.model}': {said}") from error
        if error.code == "insufficient_quota":
            raise InputError(f"{where}: the quota is used up: {said}") from error
        if error.code in _FILTER_CODES:
            return Response(
                request.id, status="refused", error=said, finish_reason="content_filter"
            )
        kind = "bad_request" if error.status_code in (400, 422) else None
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
                # Several requests may meet the same wall at once; one line says it.
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


def _response(id: str, completion: ChatCompletion, seconds: float) -> Response:
    choice = completion.choices[0]
    message = choice.message
    extra = message.model_extra or {}
    reasoning = extra.get("reasoning_content") or extra.get("reasoning")
    status: Status = "ok"
    if message.refusal or choice.finish_reason == "content_filter":
        status = "refused"
    elif choice.finish_reason == "length":
        status = "truncated"
    return Response(
        id=id,
        text=message.content if isinstance(message.content, str) else "",
        reasoning=reasoning if isinstance(reasoning, str) else None,
        finish_reason=choice.finish_reason,
        status=status,
        error=message.refusal,
        usage=completion.usage.model_dump(exclude_none=True) if completion.usage else None,
        seconds=round(seconds, 3),
        served_model=completion.model,
    )


def _is_temporary(error: BaseException) -> bool:
    if isinstance(error, openai.RateLimitError):
        return error.code != "insufficient_quota"
    if isinstance(error, openai.APIStatusError):
        return error.status_code in (408, 409) or error.status_code >= 500
    return isinstance(error, openai.APIConnectionError | GarbledAnswerError)


def _pause(state: RetryCallState) -> float:
    """Seconds until the next try: what the server asks for, else random and growing."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, openai.APIStatusError):
        asked = error.response.headers.get("retry-after", "")
        try:
            return max(0.0, float(asked))
        except ValueError:
            pass
    return wait_random_exponential(multiplier=0.5, max=LONGEST_PAUSE)(state)


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    key = os.environ.get("OPENAI_API_KEY")
    if key:
        text = text.replace(key, "(key)")
    return f"{type(error).__name__}: {text[:400]}"


@functools.lru_cache(maxsize=64)
def _data_url(picture: Picture) -> str:
    return f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode('ascii')}"

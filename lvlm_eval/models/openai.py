"""Any OpenAI-compatible chat server: the images as base64, many requests at a time.

Temporary failures are retried with a growing, jittered pause (or the one the server asks for); what
stays a failure is recorded as an error of that row, never as a wrong answer.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import openai
from openai._types import RequestOptions
from openai.types.chat import ChatCompletion
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.models.adapter import Adapter
from lvlm_eval.models.argument_checks import check_above_zero, check_whole
from lvlm_eval.models.bodies_ahead import BodiesAhead
from lvlm_eval.models.chat_answers import GarbledAnswerError, SilenceError, tokens_of
from lvlm_eval.models.chat_requests import ChatRequests
from lvlm_eval.models.exchange import Exchange, Tell
from lvlm_eval.models.local.decoding import Decode
from lvlm_eval.models.pacing import Pacing
from lvlm_eval.models.server_access import OPENAI_KEY, ServerAccess
from lvlm_eval.models.server_trouble import (
    LONGEST_RETRY_AFTER,
    broken_connection,
    is_filtered,
    is_temporary,
    one_line,
    pause,
    retry_after,
)
from lvlm_eval.models.walls import BAD_REQUEST, NO_CONNECTION, UNSENT, Tally
from lvlm_eval.records import Request, Response

LONG_PAUSE = 10.0
"""Seconds; a pause that a server asks for is told to the user if it is longer."""


_RAW: RequestOptions = {"headers": {"X-Stainless-Raw-Response": "true"}}
"""Asks the client for the answer with its headers, as its ``with_raw_response`` does."""


class OpenAIChat(Adapter):
    """Chat completions of one model on one server.

    Args:
        model: the name that the server knows it by.
        decode: ``text``; ``choice``, which sends the option letters as ``structured_outputs``, a
            field that only vLLM's servers have; or ``score``: one token is asked for with the 20
            likeliest ones, and the likeliest option letter among them is the answer. Letters that
            are not among them get no log-probability; if none is, the text that came is kept.
        base_url: of the server, such as ``http://127.0.0.1:8000/v1``; OpenAI's own if not given.
        concurrency: requests in flight at a time.
        requests_per_minute: bound on the tries that are sent; null for none.
        tokens_per_minute: bound on tokens of prompts and answers, kept on average; null for none.
        temperature: 0 is greedy; null leaves the server's default.
        max_tokens: bound on the answer; null leaves the server's default.
        max_completion_tokens: sent instead of max_tokens, for models that want that name.
        detail: ``low``, ``high`` or ``auto`` image detail, where the server knows it.
        timeout: seconds for one try.
        max_retries: further tries after a temporary failure.
        logprobs: record the letters' log-probabilities as the answer's first token, where the
            server gives them.
        extra: more fields of the request's body, as JSON.
        key_env: the environment variable that holds the key.

    Raises:
        InputError: no key for OpenAI's own server, or a value is impossible.
    """

    chunk = None
    incidental = frozenset(
        {
            *("base_url", "concurrency", "requests_per_minute", "tokens_per_minute"),
            *("timeout", "max_retries", "key_env", "logprobs"),
        }
    )

    def __init__(
        self,
        model: str,
        decode: Decode = "text",
        base_url: str | None = None,
        concurrency: int = 16,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        temperature: float | None = 0.0,
        max_tokens: int | None = 1024,
        max_completion_tokens: int | None = None,
        detail: str | None = None,
        timeout: float = 120.0,
        max_retries: int = 6,
        logprobs: bool = False,
        extra: Mapping[str, Any] | None = None,
        key_env: str = OPENAI_KEY,
    ) -> None:
        check_whole("concurrency", concurrency, 1)
        check_whole("max_retries", max_retries, 0)
        check_above_zero("timeout", timeout, "seconds")
        check_above_zero("requests_per_minute", requests_per_minute, "a number", or_null=True)
        check_above_zero("tokens_per_minute", tokens_per_minute, "a number", or_null=True)
        self._chat = ChatRequests(
            *(model, decode, temperature, max_tokens, max_completion_tokens),
            *(detail, logprobs, extra),
        )
        self._server = ServerAccess.of(base_url, key_env)
        self.model = model
        self.secrets = self._server.secrets
        self._concurrency = concurrency
        self._limits = (requests_per_minute, tokens_per_minute)
        self._timeout = timeout
        self._max_retries = max_retries

    def answer(self, requests: Sequence[Request]) -> Iterable[Response]:
        """Send everything, ``concurrency`` at a time; yield answers in the order they come."""
        exchange = Exchange(lambda tell: self._send_all(requests, tell))
        try:
            yield from exchange.responses()
        finally:
            exchange.stop()

    async def _send_all(self, requests: Sequence[Request], tell: Tell) -> None:
        """Work through the requests and tell every response.

        Raises:
            InputError: the server refuses the key, does not know the model or the address.
            StoppedError: the server does not answer, or no longer, or wants to be paid.
        """
        tally = Tally(self._server.where, self._concurrency)
        pacing = Pacing(*self._limits, slowed=self._tell_slowed)
        async with openai.AsyncOpenAI(
            api_key=self._server.key or "none",
            base_url=self._server.base_url,
            default_headers=self._server.headers,
            timeout=self._timeout,
            max_retries=0,
            # Half the processor time of the client's usual one, whose pool looks at all of its
            # connections for each request.
            http_client=openai.DefaultAioHttpClient(timeout=self._timeout),
        ) as client:

            def unsent(request: Request, why: InputError) -> None:
                tell(Response(request.id, status="error", error=str(why), finish_reason=UNSENT))

            bodies = BodiesAhead(requests, self._chat.body, unsent, self._concurrency)

            async def write() -> None:
                try:
                    await bodies.write()
                except StoppedError as stop:
                    tally.stop(stop)
                    bodies.stop()

            async def send() -> None:
                while (taken := await bodies.take()) is not None:
                    request, body = taken
                    response = await self._one(client, request, body, tally, pacing)
                    tally.count(response, request.question)
                    tell(response)
                    bodies.answered(response.status != "error")
                    if tally.wall is not None:
                        bodies.stop()

            async with asyncio.TaskGroup() as group:
                writers = [group.create_task(write()) for _ in range(bodies.writers)]
                senders = [group.create_task(send()) for _ in range(self._concurrency)]
                await asyncio.wait(senders)
                for writer in writers:
                    writer.cancel()
        if tally.wall is not None:
            raise tally.wall

    async def _one(
        self,
        client: openai.AsyncOpenAI,
        request: Request,
        body: bytes,
        tally: Tally,
        pacing: Pacing,
    ) -> Response:
        """One request's response, tries and pauses included."""

        async def attempt() -> Response:
            turn = await pacing.turn()

            def heard(headers: Mapping[str, str]) -> None:
                pacing.heard(turn, headers)

            try:
                response = await self._ask(client, body, request, heard)
            except SilenceError as error:
                tally.silence(str(error))
                raise
            except openai.APIStatusError as error:
                tally.heard()
                heard(error.response.headers)
                seconds = retry_after(error)
                if seconds is not None and is_temporary(error):
                    pacing.hold(seconds)
                    if seconds > LONG_PAUSE:
                        self.tell(f"{tally.where} asks to wait {seconds:.0f} s")
                raise
            tally.heard()
            pacing.settle(turn, tokens_of(response))
            return response

        began = time.monotonic()
        tries = AsyncRetrying(
            retry=retry_if_exception(lambda error: tally.wall is None and is_temporary(error)),
            wait=pause,
            stop=stop_after_attempt(self._max_retries + 1),
            reraise=True,
        )
        try:
            response: Response = await tries(attempt)
        except openai.APIStatusError as error:
            return self._failed(request, error, tally)
        except openai.APIConnectionError as error:
            said = self._said(error)
            return Response(request.id, status="error", error=said, finish_reason=NO_CONNECTION)
        except GarbledAnswerError as error:
            return Response(request.id, status="error", error=self._said(error))
        return replace(response, seconds=round(time.monotonic() - began, 3))

    async def _ask(
        self,
        client: openai.AsyncOpenAI,
        body: bytes,
        request: Request,
        heard: Callable[[Mapping[str, str]], None],
    ) -> Response:
        try:
            async with asyncio.timeout(self._timeout):
                # Not by chat.completions.create: that walks through the whole body, and writes the
                # pictures in it as JSON on the event loop, which holds up all other requests.
                answer: Any = await client.post(
                    "/chat/completions", cast_to=ChatCompletion, content=body, options=_RAW
                )
            heard(answer.headers)
            completion = answer.parse()
        except (TimeoutError, openai.APITimeoutError) as error:
            if isinstance(error, openai.APITimeoutError) and (cause := broken_connection(error)):
                raise openai.APIConnectionError(request=error.request) from cause
            raise SilenceError(f"no answer within {self._timeout:g} s") from error
        except openai.APIResponseValidationError as error:
            raise GarbledAnswerError(self._said(error)) from error
        except openai.OpenAIError:
            raise
        except Exception as error:
            raise GarbledAnswerError(
                f"the server's answer cannot be read: {self._said(error)}"
            ) from error
        return self._chat.read(request, completion, self.tell)

    def _tell_slowed(self, seconds: float) -> None:
        self.tell(
            f"{self._server.where} says that its rate limit is nearly used up: requests wait for "
            f"it from now on, this one up to {seconds:.0f} s"
        )

    def _failed(self, request: Request, error: openai.APIStatusError, tally: Tally) -> Response:
        """What a final refusal means: the whole run, a filtered request, or this row."""
        where, key_env, said = tally.where, self._server.key_env, self._said(error)
        status, first = error.status_code, not tally.any_answer
        if status == 401 or (status == 403 and first):
            if first:
                tally.stop(InputError(f"{where} refuses the key in {key_env}: {said}"))
            else:
                tally.stop(StoppedError(f"{where} refuses the key in {key_env} now: {said}"))
        elif status == 404 and first:
            tally.stop(
                InputError(f"{where} has no model '{self.model}', or is no such server: {said}")
            )
        elif (seconds := retry_after(error) or 0) > LONGEST_RETRY_AFTER:
            tally.stop(StoppedError(f"{where} asks to wait {seconds / 60:.0f} minutes: {said}"))
        elif status == 402 or error.code == "insufficient_quota":
            tally.stop(StoppedError(f"{where}: the quota is used up: {said}"))
        elif is_filtered(error):
            return Response(
                request.id, status="refused", error=said, finish_reason="content_filter"
            )
        kind = BAD_REQUEST if status in (400, 403, 413, 422) else None
        return Response(request.id, status="error", error=said, finish_reason=kind)

    def _said(self, error: BaseException) -> str:
        return one_line(error, self.secrets)

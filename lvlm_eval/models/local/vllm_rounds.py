"""Keeps vLLM's engines busy: requests go in as answers come out, each answer as it is ready."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lvlm_eval.errors import InputError, StoppedError, one_line
from lvlm_eval.models.local.messages import messages_of
from lvlm_eval.models.local.vllm_answers import Answers
from lvlm_eval.models.local.vllm_feed import Feed, Ready
from lvlm_eval.models.local.vllm_start import Started
from lvlm_eval.models.local.vllm_views import Views
from lvlm_eval.models.local.vllm_watch import watching
from lvlm_eval.records import Request, Response

ADDED_A_ROUND = 24
"""Requests that are given to engines between two looks at their answers: two questions."""

QUESTIONS_REFUSED_AT_START = 8
"""So many questions refused, and none answered, is no accident of a row."""

UNSENT, BAD_REQUEST = "unsent", "bad_request"


@dataclass(slots=True)
class _InFlight:
    """A request that an engine has and has not answered."""

    ready: Ready
    began: float
    image_tokens: int
    tries: int = 1


@dataclass(slots=True)
class _Engine:
    """One engine with what it was given; vLLM's own ids are used once each."""

    llm: Any
    flying: dict[str, _InFlight] = field(default_factory=dict)


class Rounds:
    """One call of `Adapter.answer`.

    All rows of a question go to the same engine, one after the other, since what they share is
    remembered there.

    Args:
        started: the engines.
        answers: asks and reads.
        views: told of every prompt.
        chunk: requests that an engine has at a time.
        model: as the user wrote it.
    """

    def __init__(
        self, started: Started, answers: Answers, views: Views, chunk: int, model: str
    ) -> None:
        self._started = started
        self._answers = answers
        self._views = views
        self._chunk = chunk
        self._model = model
        self._engines = [_Engine(llm) for llm in started.engines]
        self._engine_of: tuple[str, _Engine] | None = None
        self._held: Ready | None = None
        self._all_seen = False
        self._number = 0
        self._answered = False
        self._refused: set[str] = set()

    def run(self, feed: Feed) -> Iterator[Response]:
        """Answer everything; what is in flight when this is closed is given up.

        Raises:
            InputError: the model takes none of the requests.
            StoppedError: an engine died.
        """
        try:
            with watching(self._started.engines):
                while True:
                    yield from self._fill(feed)
                    busy = [engine for engine in self._engines if engine.flying]
                    if not busy and self._held is None and self._all_seen:
                        return
                    for engine in busy:
                        yield from self._step(engine)
        finally:
            for engine in self._engines:
                if engine.flying:
                    with contextlib.suppress(Exception):  # it may be dead
                        engine.llm.llm_engine.abort_request(list(engine.flying))

    def _fill(self, feed: Feed) -> Iterator[Response]:
        """Give the engines new requests while they have room; yields what cannot be asked."""
        refusals: tuple[type[Exception], ...] = (ValueError, TypeError, RuntimeError)
        refusals += _client_errors()
        for _ in range(ADDED_A_ROUND):
            if any(engine.flying for engine in self._engines) and feed.waiting():
                return  # answers are worth more than standing still
            ready = self._held or next(feed, None)
            self._held = None
            if ready is None:
                self._all_seen = True
                return
            request = ready.request
            if ready.problem:
                yield Response(
                    request.id, status="error", error=ready.problem, finish_reason=UNSENT
                )
                continue
            engine = self._choose(request)
            if len(engine.flying) >= self._chunk:
                self._held = ready
                return
            try:
                self._add(engine, ready)
            except refusals as error:
                yield self._refuse(request, error)

    def _choose(self, request: Request) -> _Engine:
        """The engine of the question; for a new one the one with the least to do."""
        if self._engine_of is None or self._engine_of[0] != request.question:
            engine = min(self._engines, key=lambda one: len(one.flying))
            self._engine_of = (request.question, engine)
        return self._engine_of[1]

    def _add(self, engine: _Engine, ready: Ready, tries: int = 1) -> None:
        began = time.monotonic()
        prompt = self._rendered(engine.llm, ready)
        image_tokens = self._views.note(ready, prompt)
        self._number += 1
        id = f"{self._number}"
        try:
            engine.llm.llm_engine.add_request(id, prompt, self._answers.parameters(ready.request))
        except _dead_errors() as error:
            raise self._died(error) from error
        engine.flying[id] = _InFlight(ready, began, image_tokens, tries)

    def _rendered(self, llm: Any, ready: Ready) -> Any:
        """The prompt as tokens with the pictures processed, by the model's own chat template."""
        from vllm.renderers import ChatParams
        from vllm.utils.mistral import is_mistral_tokenizer

        conversation = messages_of(ready.request, ready.images)
        pictures = iter(ready.pictures)
        for message in conversation:
            for part in message["content"]:
                if part["type"] == "image":
                    # By the hash of its file, a picture is processed and encoded once for all rows.
                    picture = next(pictures)
                    part["type"], part["image_pil"] = "image_pil", part.pop("image")
                    part["uuid"] = f"{picture.sha256}-{self._started.pixels}"
        chat = ChatParams(
            chat_template_kwargs={
                "add_generation_prompt": True,
                "continue_final_message": False,
                "tokenize": is_mistral_tokenizer(llm.renderer.tokenizer),
            }
        )
        # The template writes the first token of a text where there is one.
        tokens = llm.renderer.default_chat_tok_params.with_kwargs(add_special_tokens=False)
        _, prompts = llm.renderer.render_chat([conversation], chat, tokens)
        return prompts[0]

    def _refuse(self, request: Request, error: Exception) -> Response:
        """A request that cannot be asked, such as one that is too long.

        Raises:
            InputError: none could be asked up to now.
        """
        said = one_line(" ".join(str(error).split())) or type(error).__name__
        self._refused.add(request.question)
        if not self._answered and len(self._refused) >= QUESTIONS_REFUSED_AT_START:
            raise InputError(f"vLLM takes no request for '{self._model}': {said}") from error
        return Response(request.id, status="error", error=said, finish_reason=BAD_REQUEST)

    def _step(self, engine: _Engine) -> Iterator[Response]:
        """One step of an engine, and the answers that are ready after it.

        Raises:
            StoppedError: it died.
        """
        try:
            outputs = engine.llm.llm_engine.step()
        except Exception as error:  # an engine in this process raises whatever killed it
            raise self._died(error) from error
        for output in outputs:
            flight = engine.flying.get(output.request_id)
            if flight is None:
                continue
            if not output.finished:
                if self._answers.cut(output.outputs[0].token_ids).over:
                    engine.llm.llm_engine.abort_request([output.request_id])
                else:
                    continue
            del engine.flying[output.request_id]
            response = self._read(engine, flight, output)
            if response is not None:
                yield response

    def _read(self, engine: _Engine, flight: _InFlight, output: Any) -> Response | None:
        """The response; None if the request was given to the engine once more."""
        request = flight.ready.request
        finish = output.outputs[0].finish_reason
        if finish in ("error", "abort"):
            if flight.tries == 1:
                self._add(engine, flight.ready, tries=2)
                return None
            said = f"vLLM could not answer this request ({finish}), twice"
            return Response(request.id, status="error", error=said, finish_reason=finish)
        self._answered = True
        usage = {"image_tokens": flight.image_tokens}
        return self._answers.response(request, output, usage, time.monotonic() - flight.began)

    def _died(self, error: Exception) -> StoppedError:
        cause = self._started.overheard.cause()
        if not cause and isinstance(error, _dead_errors()):
            cause = "its process is gone and left no word"
        said = cause or " ".join(str(error).split()) or type(error).__name__
        return StoppedError(
            f"vLLM's engine died ({said}). The same command goes on where it stopped; if "
            "memory ran out, with a lower --model-arg chunk=…, memory=… or max_model_len=…"
        )


def _client_errors() -> tuple[type[Exception], ...]:
    from vllm import exceptions

    kind = getattr(exceptions, "VLLMClientError", None)
    return () if kind is None else (kind,)


def _dead_errors() -> tuple[type[Exception], ...]:
    from vllm.v1.engine.exceptions import EngineDeadError

    return (EngineDeadError,)

"""A checkpoint run by vLLM: many requests at a time, what prompts begin with computed once.

The engine is started when the first answer is asked for, so a run that is complete starts none.
"""

import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lvlm_eval.errors import InputError
from lvlm_eval.models.adapter import Adapter
from lvlm_eval.models.argument_checks import check_whole
from lvlm_eval.models.local.checkpoint import checkpoint_fingerprint, served_name
from lvlm_eval.models.local.decoding import Decode, Decoding
from lvlm_eval.models.local.vllm_feed import Feed
from lvlm_eval.models.local.vllm_settings import EngineSettings
from lvlm_eval.records import ModelView, Request, Response

if importlib.util.find_spec("vllm") is None:
    raise ModuleNotFoundError("No module named 'vllm'", name="vllm")

CHUNK = 384
"""Requests that an engine has at a time if nothing is said: 32 questions in all their rows."""


class VLLM(Adapter):
    """One checkpoint, as vLLM runs it.

    Every request goes through the model's own chat template. Requests are given to the engine in
    their order, which is by question: what the rows of a question have in common is computed once,
    and each picture is processed and encoded once.

    Args:
        model: hub id or folder.
        decode: ``text``; ``choice``: the text can only be one of the option letters; ``score``: the
            letter that is most probable as the first token.
        device: ``cpu`` to do without a GPU, which takes minutes a request with a model of some
            billion parameters.
        dtype: ``auto``, ``float32``, ``float16`` or ``bfloat16``.
        min_pixels: least pixels of a picture as the model sees it, where it has such a bound.
        max_pixels: most pixels of a picture as the model sees it.
        max_tokens: bound on the answer, without reasoning.
        max_reasoning_tokens: bound on the reasoning before it, of models that think.
        temperature: 0 is greedy.
        top_p: only the likeliest tokens that have this probability together.
        top_k: only so many of the likeliest tokens; 0 for all.
        presence_penalty: subtracted from the logits of tokens that were generated before.
        repetition_penalty: the logits of tokens of prompt and answer are divided by it.
        seed: of the sampling.
        revision: of the hub repository.
        logprobs: record the letters' log-probabilities at the first token of the answer.
        tensor_parallel: GPUs that share one copy of the model.
        data_parallel: copies of the model, each with an engine of its own.
        memory: share of each GPU's memory that vLLM may take.
        max_model_len: bound on prompt and answer together in tokens; null for as long as the model
            can and the memory allows.
        chunk: requests that an engine has at a time; null for 384.
        prefix_caching: compute what prompts begin with once.
        engine: further arguments of vLLM's EngineArgs, as a JSON object.

    Raises:
        InputError: a value is impossible, or the folder holds no checkpoint.
    """

    chunk = None
    incidental = frozenset(
        {
            *("device", "logprobs", "tensor_parallel", "data_parallel", "memory"),
            *("max_model_len", "chunk", "prefix_caching"),
        }
    )

    def __init__(
        self,
        model: str,
        decode: Decode = "text",
        device: str | None = None,
        dtype: str = "auto",
        min_pixels: int | None = None,
        max_pixels: int | None = None,
        max_tokens: int = 1024,
        max_reasoning_tokens: int = 16384,
        temperature: float = 0.0,
        top_p: float = 1.0,
        top_k: int = 0,
        presence_penalty: float = 0.0,
        repetition_penalty: float = 1.0,
        seed: int = 0,
        revision: str | None = None,
        logprobs: bool = False,
        tensor_parallel: int = 1,
        data_parallel: int = 1,
        memory: float = 0.9,
        max_model_len: int | None = None,
        chunk: int | None = None,
        prefix_caching: bool = True,
        engine: Mapping[str, Any] | None = None,
    ) -> None:
        check_whole("chunk", chunk, 1, or_null=True)
        if not isinstance(logprobs, bool):
            raise InputError(f"logprobs is {logprobs!r}, expected true or false.")
        self._decoding = Decoding(
            decode=decode,
            max_tokens=max_tokens,
            max_reasoning_tokens=max_reasoning_tokens,
            temperature=temperature,
            top_p=top_p,
            top_k=top_k,
            presence_penalty=presence_penalty,
            repetition_penalty=repetition_penalty,
            seed=seed,
        )
        self._settings = EngineSettings(
            model=model,
            device=device,
            dtype=dtype,
            min_pixels=min_pixels,
            max_pixels=max_pixels,
            revision=revision,
            seed=seed,
            tensor_parallel=tensor_parallel,
            data_parallel=data_parallel,
            memory=memory,
            max_model_len=max_model_len,
            prefix_caching=prefix_caching,
            engine={} if engine is None else engine,
        )
        self._logprobs = logprobs
        self._at_a_time = chunk or CHUNK
        self._started: Any = None

    def answer(self, requests: Sequence[Request]) -> Iterable[Response]:
        """Keep the engines filled; yield each answer as it is ready.

        Raises:
            InputError: the engine cannot be started, or takes none of the requests.
            StoppedError: it died on the way.
        """
        started = self.engines()
        # Only now: these import torch, which reads the environment that is settled before a start.
        from lvlm_eval.models.local.vllm_answers import Answers
        from lvlm_eval.models.local.vllm_rounds import Rounds

        answers = Answers(self._decoding, started, self._logprobs, self._served_model())
        feed = Feed(requests)
        try:
            model = self._settings.model
            rounds = Rounds(started, answers, started.views, self._at_a_time, model)
            yield from rounds.run(feed)
        finally:
            feed.close()

    def engines(self) -> Any:
        """What runs the model, started when this is first called; see `vllm_start.Started`.

        Raises:
            InputError: it cannot be started.
        """
        if self._started is None:
            self.tell(f"vLLM starts with '{self._settings.model}', which takes a while")
            from lvlm_eval.models.local.vllm_start import start

            self._started = start(self._settings, self._decoding)
            self._tell_of_room()
        return self._started

    def _tell_of_room(self) -> None:
        """Tell if the bounds on tokens are above what there is room for."""
        wanted = 1 if self._decoding.decode == "score" else self._decoding.max_tokens
        if self._started.opened and self._decoding.decode != "score":
            wanted += self._decoding.max_reasoning_tokens
        room = self._started.engines[0].model_config.max_model_len
        if wanted >= room:
            self.tell(
                f"prompt and answer together have room for {room} tokens (max_model_len), so "
                f"answers can be cut before they reach the {wanted} that are allowed"
            )

    def identity(self) -> Mapping[str, Any]:
        """A folder is known by its content; its path is only recorded."""
        found = checkpoint_fingerprint(self._settings.place)
        return {} if found is None else {"checkpoint": found}

    def saw(self) -> ModelView | None:
        """What the processor made of the pictures; None if no engine was started."""
        view: ModelView | None = None if self._started is None else self._started.views.view()
        return view

    def _served_model(self) -> str:
        """The model's own name, of a hub repository with the commit."""
        return served_name(self._settings.place, self._settings.revision)

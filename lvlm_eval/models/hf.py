"""Models of the Hugging Face hub, or of a folder, in this process.

Requests are answered in batches. What they share is computed once: a picture is encoded once
however many requests show it, and the beginning of a prompt, pictures included, is run through the
language model once for all rotations and settings of its question. None of that changes an answer.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
import transformers

from lvlm_eval.errors import InputError, StoppedError, one_line
from lvlm_eval.models.adapter import Adapter
from lvlm_eval.models.argument_checks import check_whole
from lvlm_eval.models.local.answering import Speech
from lvlm_eval.models.local.asked import Asked, asked, chat_text, parts_of_size
from lvlm_eval.models.local.checkpoint import checkpoint_fingerprint, served_name
from lvlm_eval.models.local.decoding import Decoding
from lvlm_eval.models.local.engine import Engine
from lvlm_eval.models.local.families import Family, family_of
from lvlm_eval.models.local.letters import letter_tokens
from lvlm_eval.models.local.loading import (
    dtype_of,
    load_model,
    load_processor,
    place_of,
)
from lvlm_eval.models.local.plain import answer_plainly
from lvlm_eval.models.local.thinking import opens_reasoning
from lvlm_eval.models.local.vision import Shown, Vision
from lvlm_eval.records import ModelView, Request, Response

BATCH_ON_GPU, BATCH_ON_CPU = 128, 24
"""Requests in a batch at first; halved whenever they do not fit into the memory."""


class HuggingFace(Adapter):
    """A model that ``AutoModelForImageTextToText`` loads.

    Args:
        model: hub id, or folder of a checkpoint.
        decode: ``text``, ``choice`` or ``score``; see `Decoding`.
        device: ``cuda``, ``cuda:1``, ``cpu``, or ``auto`` to spread a model over all GPUs; wants
            a GPU if not given.
        dtype: of the weights: ``bfloat16``, ``float16``, ``float32``, or ``auto`` as stored.
        batch_size: requests in a batch; by the memory if not given.
        attention: ``sdpa``, ``flash_attention_2`` or ``eager``.
        min_pixels: least px of a picture after the model's own resizing (Qwen models).
        max_pixels: most px of a picture after that.
        max_tokens: bound on the answer.
        max_reasoning_tokens: bound on the reasoning before it, of models that think.
        temperature: 0 is greedy.
        top_p: see `Decoding`.
        top_k: see `Decoding`.
        presence_penalty: see `Decoding`.
        repetition_penalty: see `Decoding`.
        seed: of the sampling.
        revision: commit or branch of the hub repository.
        logprobs: record the log probabilities of the option letters at the answer's first token.
        cache_images: False encodes the pictures of every request anew.
        share_prefix: False computes every prompt from its start.
        chunk: requests that are drawn and handed over at a time.

    Raises:
        InputError: an argument is impossible, or there is no GPU and no word that a CPU will do.
    """

    incidental = frozenset(
        {
            *("device", "batch_size", "attention", "logprobs"),
            *("cache_images", "share_prefix", "chunk"),
        }
    )

    def __init__(
        self,
        model: str,
        decode: str = "text",
        device: str | None = None,
        dtype: str = "auto",
        batch_size: int | None = None,
        attention: str | None = None,
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
        cache_images: bool = True,
        share_prefix: bool = True,
        chunk: int = 384,
    ) -> None:
        check_whole("batch_size", batch_size, 1, or_null=True)
        check_whole("min_pixels", min_pixels, 1, or_null=True)
        check_whole("max_pixels", max_pixels, 1, or_null=True)
        check_whole("chunk", chunk, 1)
        dtype_of(dtype)
        self._decoding = Decoding(
            decode=decode,  # type: ignore[arg-type]  # checked there
            max_tokens=max_tokens,
            max_reasoning_tokens=max_reasoning_tokens,
            temperature=temperature,
            top_p=top_p,
            top_k=top_k,
            presence_penalty=presence_penalty,
            repetition_penalty=repetition_penalty,
            seed=seed,
        )
        self.chunk = chunk
        self.model = model
        self._place = place_of(device)
        self._batch_size = batch_size or (BATCH_ON_GPU if self._place.on_gpu else BATCH_ON_CPU)
        self._dtype = dtype
        self._attention = attention
        self._pixels = (min_pixels, max_pixels)
        self._revision = revision
        self._letters_wanted = logprobs or decode in ("choice", "score")
        self._cache_images = cache_images
        self._share_prefix = share_prefix

    def answer(self, requests: Sequence[Request]) -> Iterable[Response]:
        """Answer batch by batch; an answer comes when its batch is done."""
        if not requests:
            return
        prepared = []
        for request in requests:
            one = self._asked(request)
            problem = self._problem(one)
            if problem is None:
                prepared.append(one)
            else:
                yield Response(request.id, status="error", error=problem)
        if not prepared:
            raise InputError(f"'{self.model}': {problem}")
        waiting = deque(parts_of_size(prepared, self._batch_size))
        while waiting:
            part = waiting.popleft()
            try:
                yield from self._answers(part)
            except Exception as error:
                if _is_out_of_memory(error):
                    self._halve(len(part), error)
                    left = [*part, *(one for other in waiting for one in other)]
                    waiting = deque(parts_of_size(left, self._batch_size))
                elif _is_of_the_gpu(error):
                    raise StoppedError(
                        f"the GPU failed while '{self.model}' answered: {one_line(str(error))}"
                    ) from error
                else:
                    raise

    def _answers(self, part: Sequence[Asked]) -> Iterator[Response]:
        if self._engine is not None:
            responses = self._engine.answers(part)
        else:
            texts = [chat_text(self._processor, one.request) for one in part]
            responses = answer_plainly(
                self._model, self._processor, part, texts, self._speech, self._decoding
            )
        name = served_name(self.model, self._revision)
        for response in responses:
            yield replace(response, served_model=name)

    def _halve(self, rows: int, error: Exception) -> None:
        """Go on with smaller batches, from now on."""
        if rows == 1:
            raise InputError(
                f"'{self.model}' runs out of memory with a single request: "
                f"{one_line(str(error))} Give a smaller max_pixels, or dtype=bfloat16."
            ) from error
        self._batch_size = max(1, min(rows, self._batch_size) // 2)
        self.tell(f"out of memory: batches of {self._batch_size} requests from now on")
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _asked(self, request: Request) -> Asked:
        if self._vision is None:
            shown = Shown((tuple(one.sha256 for one in request.pictures),), (), (), ())
            opened = opens_reasoning(chat_text(self._processor, request))
            return Asked(request, (), request.pictures, shown, 0, opened)
        shown = self._vision.show(request.pictures)
        return asked(self._processor, request, shown, self._model.config.image_token_id)

    def _problem(self, one: Asked) -> str | None:
        """What keeps a request from being answered at all; one line."""
        if one.reasons and self._decoding.decode != "text":
            return (
                "this model reasons before it answers, so its first token is no letter. "
                "Use --decode text."
            )
        most = getattr(self._model.config.get_text_config(), "max_position_embeddings", None)
        needed = len(one.ids) + (1 if self._decoding.decode != "text" else 16)
        if most is not None and needed > most:
            return (
                f"the request takes {len(one.ids)} tokens with its pictures, and the model holds "
                f"{most} with its answer. Give a smaller max_pixels, or a renderer with max_side."
            )
        return None

    @cached_property
    def _processor(self) -> Any:
        processor = load_processor(self.model, self._revision)
        least, most = self._pixels
        if least or most:
            images = processor.image_processor
            size = dict(images.size)
            if not {"shortest_edge", "longest_edge"} <= size.keys():
                raise InputError(
                    f"'{self.model}' has no pixel budget, so it takes neither min_pixels nor "
                    "max_pixels."
                )
            size["shortest_edge"] = least or size["shortest_edge"]
            size["longest_edge"] = most or size["longest_edge"]
            images.size = type(images.size)(**size)
        return processor

    @cached_property
    def _model(self) -> Any:
        transformers.utils.logging.disable_progress_bar()
        return load_model(self.model, self._place, self._dtype, self._attention, self._revision)

    @cached_property
    def _family(self) -> Family | None:
        family = family_of(self._model, self._processor)
        if family is None:
            self.tell(
                f"{self._model.config.model_type} is no family whose requests can share their "
                f"work with transformers {transformers.__version__}: every request is computed "
                "for itself"
            )
        return family

    @cached_property
    def _vision(self) -> Vision | None:
        if self._family is None:
            return None
        return Vision(self._model, self._processor, self._family, self._cache_images)

    @cached_property
    def _speech(self) -> Speech:
        tokenizer = self._processor.tokenizer
        letters = letter_tokens(tokenizer) if self._letters_wanted else {}
        return Speech.of(self._model, tokenizer, letters)

    @cached_property
    def _engine(self) -> Engine | None:
        if self._family is None or self._vision is None:
            return None
        return Engine(
            self._model,
            self._processor,
            self._family,
            self._vision,
            self._speech,
            self._decoding,
            self._share_prefix,
        )

    def identity(self) -> Mapping[str, Any]:
        """A folder is known by its content; its path is only recorded."""
        found = checkpoint_fingerprint(self.model)
        return {} if found is None else {"checkpoint": found}

    def saw(self) -> ModelView | None:
        """What the processor made of the pictures; None for a family that we do not know."""
        if "_vision" not in self.__dict__ or self._vision is None:
            return None
        images = self._processor.image_processor
        size = dict(images.size)
        least, most = size.get("shortest_edge"), size.get("longest_edge")
        budget = (int(least), int(most)) if least and most else None
        return ModelView(type(images).__name__, budget, self._vision.saw())


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "not enough memory" in str(error)
    )


def _is_of_the_gpu(error: Exception) -> bool:
    return isinstance(error, RuntimeError) and any(
        word in str(error) for word in ("CUDA error", "CUDNN", "cuDNN", "cublas", "CUBLAS")
    )

"""Requests, engines and Hugging Face's own answers for the tests of the vLLM adapter."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from making import encoded_image

from lvlm_eval.models.local.messages import messages_of
from lvlm_eval.models.vllm import VLLM
from lvlm_eval.records import LETTERS, SETTINGS, Picture, Request, Response

SMALL: Mapping[str, Any] = {
    "max_num_seqs": 24,
    "block_size": 32,
    "kv_cache_memory_bytes": 64 << 20,
}
USUAL: Mapping[str, Any] = {
    "device": "cpu",
    "dtype": "float32",
    "max_tokens": 24,
    "max_model_len": 768,
    "engine": SMALL,
}

Checkpoint = Callable[[str], Path]


def picture(number: int) -> Picture:
    """One of many different small pictures."""
    colour = (40 * number % 256, 90 * number % 256, 150)
    size = (112, 84) if number % 2 else (84, 112)
    data = encoded_image(size, colour, kind="PNG")
    return Picture(data, "image/png", size, hashlib.sha256(data).hexdigest())


def rows_of(question: int, settings: tuple[Any, ...] = SETTINGS) -> list[Request]:
    """All rows of a question, as a run asks them: two pictures, which the rows share."""
    source, target = picture(2 * question), picture(2 * question + 1)
    rows = []
    for setting in settings:
        shown = (target,) if setting == "desc" else (source, target)
        words = "" if setting == "vis" else f" It is the front left wheel of car {question}."
        for rotation in range(4):
            points = LETTERS[rotation:] + LETTERS[:rotation]
            options = "\n".join(f"{a}. Point {b}" for a, b in zip(LETTERS, points, strict=True))
            rows.append(
                Request(
                    id=f"q{question}/{setting}/{rotation}",
                    question=f"q{question}",
                    setting=setting,
                    rotation=rotation,
                    text=f"Which point marks the same place as REF?{words}\nOptions:\n{options}\n",
                    system="Answer with one letter.",
                    options=dict(zip(LETTERS, points, strict=True)),
                    load_pictures=lambda shown=shown: shown,  # type: ignore[misc]
                )
            )
    return rows


class Shared:
    """Adapters that share one engine a checkpoint: starting one takes seconds."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._engines: dict[str, Any] = {}
        self._others: list[VLLM] = []

    def own(self, family: str, **arguments: Any) -> VLLM:
        """An adapter with an engine of its own.

        It is kept: an engine that goes takes along what all engines of a process need.
        """
        self._others.append(VLLM(str(self._checkpoint(family)), **{**USUAL, **arguments}))
        return self._others[-1]

    def adapter(self, family: str, **arguments: Any) -> VLLM:
        """An adapter of a family's engine; the engine's own arguments are always the usual ones."""
        adapter = VLLM(str(self._checkpoint(family)), **{**USUAL, **arguments})
        if family not in self._engines:
            self._engines[family] = VLLM(str(self._checkpoint(family)), **USUAL).engines()
        adapter._started = self._engines[family]
        return adapter

    def llm(self, family: str) -> Any:
        return self.adapter(family).engines().engines[0]


def by_id(responses: Iterable[Response]) -> dict[str, Response]:
    found = {one.id: one for one in responses}
    assert not [one for one in found.values() if one.status == "error"]
    return found


def hugging_face(folder: Path, requests: Sequence[Request], tokens: int) -> dict[str, Any]:
    """Request id → text, number of tokens and logits of the first one, one request at a time."""
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(folder)
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
    found = {}
    for request in requests:
        inputs = processor.apply_chat_template(
            messages_of(request, request.images),
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        )
        made = model.generate(
            **inputs,
            do_sample=False,
            max_new_tokens=tokens,
            output_logits=True,
            return_dict_in_generate=True,
        )
        new = made.sequences[0, inputs["input_ids"].shape[1] :]
        text = processor.tokenizer.decode(new, skip_special_tokens=True).strip()
        found[request.id] = (text, len(new), torch.log_softmax(made.logits[0][0].double(), -1))
    return found

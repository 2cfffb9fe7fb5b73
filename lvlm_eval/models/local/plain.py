"""Answers by the library's own ``generate``: batches of whole prompts, nothing shared.

For families that `families` does not know, and to compare the others with.
"""

import time
from collections.abc import Sequence
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from lvlm_eval.models.local.answering import Speech, begun, chooser
from lvlm_eval.models.local.asked import Asked
from lvlm_eval.models.local.choosing import NextTokens
from lvlm_eval.models.local.decoding import Decoding
from lvlm_eval.records import Response


class _Chosen(LogitsProcessor):  # type: ignore[misc]  # the library's types are not looked at
    """Leaves only the token that was chosen, and keeps the first logits."""

    def __init__(self, choose: NextTokens) -> None:
        self._choose = choose
        self.first: torch.Tensor | None = None

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        scores = scores.float()
        if self.first is None:
            self.first = scores
        chosen = self._choose(scores, list(range(len(scores))))
        only = torch.full_like(scores, -torch.inf)
        only[torch.arange(len(scores)), torch.tensor(chosen)] = 0
        return only


def answer_plainly(
    model: Any,
    processor: Any,
    requests: Sequence[Asked],
    texts: Sequence[str],
    speech: Speech,
    decoding: Decoding,
) -> list[Response]:
    """Answer requests as one batch.

    Args:
        model: any that the library's ``generate`` runs.
        processor: of the same checkpoint.
        requests: as many as fit into the memory at a time; ``ids`` are not looked at.
        texts: their prompts, from `chat_text`.
        speech: of the model.
        decoding: how to answer.
    """
    began = time.perf_counter()
    processor.tokenizer.padding_side = "left"
    inputs = processor(
        text=list(texts),
        images=[[picture.image() for picture in one.pictures] for one in requests],
        padding=True,
        return_tensors="pt",
    ).to(model.get_input_embeddings().weight.device)
    width = inputs["input_ids"].shape[1]
    choose = _Chosen(chooser(requests, speech, decoding))
    limit = {"choice": 1, "score": 1}.get(decoding.decode)
    thinks = decoding.max_reasoning_tokens if any(one.reasons for one in requests) else 0
    with torch.inference_mode():
        made = model.generate(
            **inputs,
            generation_config=GenerationConfig(
                max_new_tokens=limit or decoding.max_tokens + thinks,
                do_sample=False,
                eos_token_id=sorted(speech.ends),
                pad_token_id=processor.tokenizer.pad_token_id or min(speech.ends),
            ),
            logits_processor=LogitsProcessorList([choose]),
        )
    answers = []
    assert choose.first is not None
    for row, one in enumerate(requests):
        answer = begun(one, speech, choose.first[row])
        for token in made[row, width:].tolist():
            if answer.ended is None:
                answer.take(token, speech, decoding)
        answer.ended = answer.ended or "length"
        answers.append(answer)
    seconds = time.perf_counter() - began
    return [one.response(speech, decoding, seconds) for one in answers]

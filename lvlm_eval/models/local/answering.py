"""Generates the answers of a batch, each row until it ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from lvlm_eval.models.local.asked import Asked
from lvlm_eval.models.local.choosing import NextTokens
from lvlm_eval.models.local.decoding import Decoding
from lvlm_eval.models.local.letters import letter_logprobs, likeliest
from lvlm_eval.models.local.prefixes import Batch
from lvlm_eval.models.local.thinking import CLOSED, OPENED, parts_of
from lvlm_eval.records import Response, Status

FEW_LEFT = 0.75
"""The finished rows leave a batch when at most this part of it goes on: leaving takes a copy."""


@dataclass(frozen=True, slots=True)
class Speech:
    """What of a model's vocabulary has a meaning for us.

    Attributes:
        tokenizer: turns tokens into text.
        ends: tokens that end an answer.
        letters: option letter → its token; empty if no letter is ever looked at.
        reasoning: tokens that open and close the reasoning; None where they are no single tokens.
    """

    tokenizer: Any
    ends: frozenset[int]
    letters: Mapping[str, int]
    reasoning: tuple[int, int] | None

    @staticmethod
    def of(model: Any, tokenizer: Any, letters: Mapping[str, int]) -> "Speech":
        """Read it off a model and its tokenizer."""
        ends = model.generation_config.eos_token_id
        known = [ends] if isinstance(ends, int) else list(ends or ())
        if tokenizer.eos_token_id is not None:
            known.append(tokenizer.eos_token_id)
        pair = tuple(tokenizer.convert_tokens_to_ids(tag) for tag in (OPENED, CLOSED))
        single = all(id is not None and id != tokenizer.unk_token_id for id in pair)
        return Speech(tokenizer, frozenset(known), letters, (pair[0], pair[1]) if single else None)


@dataclass(slots=True)
class Answer:
    """A row's answer while it is generated.

    Attributes:
        asked: the request.
        tokens: generated up to now.
        answer_from: number of tokens of the reasoning; None while it goes on.
        ended: why it ended: ``stop`` or ``length``; None while it goes on.
        logprobs: option letter → log probability at the first token.
    """

    asked: Asked
    tokens: list[int] = field(default_factory=list)
    answer_from: int | None = 0
    ended: str | None = None
    logprobs: Mapping[str, float] | None = None

    def take(self, token: int, speech: Speech, decoding: Decoding) -> None:
        """Add a token, and see whether that was the last one."""
        if token in speech.ends:
            self.ended = "stop"
            return
        self.tokens.append(token)
        if decoding.decode == "choice":
            self.ended = "stop"
            return
        if speech.reasoning is not None:
            opens, closes = speech.reasoning
            if token == opens and len(self.tokens) == 1:
                self.answer_from = None
            elif token == closes and self.answer_from is None:
                self.answer_from = len(self.tokens)
        if self.answer_from is None:
            if len(self.tokens) >= decoding.max_reasoning_tokens:
                self.ended = "length"
        elif len(self.tokens) - self.answer_from >= decoding.max_tokens:
            self.ended = "length"

    def response(self, speech: Speech, decoding: Decoding, seconds: float) -> Response:
        """What is recorded of it."""
        asked = self.asked
        if decoding.decode == "score":
            assert self.logprobs is not None
            text, reasoning, whole = likeliest(self.logprobs), None, True
        else:
            said = speech.tokenizer.decode(self.tokens, skip_special_tokens=True)
            parts = parts_of(said, asked.reasons)
            text, reasoning = parts.answer, parts.reasoning
            whole = self.ended != "length" and parts.finished
        usage: dict[str, Any] = {
            "prompt_tokens": len(asked.ids),
            "completion_tokens": len(self.tokens),
        }
        if all(asked.shown.sizes):
            usage["image_sizes"] = [list(size) for size in asked.shown.sizes if size]
        status: Status = "ok" if whole else "truncated"
        return Response(
            id=asked.request.id,
            text=text,
            reasoning=reasoning,
            finish_reason=self.ended,
            status=status,
            logprobs=self.logprobs,
            usage=usage,
            seconds=round(seconds, 3),
        )


def begun(asked: Asked, speech: Speech, logits: torch.Tensor) -> Answer:
    """An answer without a token yet.

    Args:
        asked: the request.
        speech: of the model.
        logits: (vocabulary,): of the answer's first token.
    """
    reasons = asked.reasons and speech.reasoning is not None
    logprobs = letter_logprobs(logits, speech.letters) if speech.letters else None
    return Answer(asked, answer_from=None if reasons else 0, logprobs=logprobs)


def chooser(requests: Sequence[Asked], speech: Speech, decoding: Decoding) -> NextTokens:
    """What chooses the tokens of these requests, a row each."""
    return NextTokens(
        decoding,
        [one.request.id for one in requests],
        [one.ids for one in requests],
        list(speech.letters.values()) if decoding.decode == "choice" else None,
    )


def generate(
    model: Any, batch: Batch, requests: Sequence[Asked], speech: Speech, decoding: Decoding
) -> list[Answer]:
    """Generate the answers of all rows of a batch.

    Args:
        model: that computed the batch.
        batch: after the prompts.
        requests: its rows.
        speech: of the model.
        decoding: how to choose, and how long an answer may be.
    """
    answers = [
        begun(one, speech, logits) for one, logits in zip(requests, batch.logits, strict=True)
    ]
    if decoding.decode == "score":
        return answers
    choose = chooser(requests, speech, decoding)
    rows = list(range(len(answers)))  # that are in the batch, by their numbers
    while True:
        going = [place for place, row in enumerate(rows) if answers[row].ended is None]
        if len(going) <= FEW_LEFT * len(rows):
            if not going:
                return answers
            batch.keep(torch.tensor(going, device=batch.logits.device))
            rows = [rows[place] for place in going]
            going = list(range(len(rows)))
        places = torch.tensor(going, device=batch.logits.device)
        chosen = choose(batch.logits[places], [rows[place] for place in going])
        tokens = torch.zeros(len(rows), dtype=torch.long)
        for place, token in zip(going, chosen, strict=True):
            answers[rows[place]].take(token, speech, decoding)
            tokens[place] = token
        if all(answers[row].ended is not None for row in rows):
            return answers
        batch.step(model, tokens.to(batch.logits.device))

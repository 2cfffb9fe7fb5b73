"""The option letters as tokens, and what a model thinks of each."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from lvlm_eval.errors import InputError
from lvlm_eval.records import LETTERS


def letter_tokens(tokenizer: Any, letters: Sequence[str] = LETTERS) -> dict[str, int]:
    """Letter → the token that it is at the start of an answer.

    Args:
        tokenizer: has ``encode``.
        letters: option letters.

    Raises:
        InputError: one of them is not a single token.
    """
    found = {}
    for letter in letters:
        ids = tokenizer.encode(letter, add_special_tokens=False)
        if len(ids) != 1:
            raise InputError(
                f"the letter {letter} is {len(ids)} tokens of this model, so it can neither be "
                "chosen nor scored as one. Use --decode text."
            )
        found[letter] = int(ids[0])
    return found


def letter_logprobs(logits: torch.Tensor, tokens: Mapping[str, int]) -> dict[str, float]:
    """Letter → natural log probability of its token among all tokens.

    Args:
        logits: (vocabulary,): of the first token of the answer.
        tokens: from `letter_tokens`.
    """
    scores = torch.log_softmax(logits.double(), dim=-1)
    return {letter: round(float(scores[token]), 6) for letter, token in tokens.items()}


def likeliest(logprobs: Mapping[str, float]) -> str:
    """The letter with the highest log probability; of equal ones the first."""
    return max(sorted(logprobs), key=lambda letter: logprobs[letter])

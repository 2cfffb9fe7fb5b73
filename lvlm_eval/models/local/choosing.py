"""From the model's logits to the next token of every row, the same whatever stands beside it."""

from collections.abc import Sequence

import torch
from transformers import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from lvlm_eval.models.local.decoding import Decoding
from lvlm_eval.ranking import rank


class NextTokens:
    """Chooses the next token of each row.

    Sampling adds noise of a generator that a row has for itself, seeded by the run's seed and the
    request's id: so an answer depends neither on the batch nor on the order.

    Args:
        decoding: how to choose.
        ids: of each row's request.
        prompts: of each row the tokens of its prompt; only a repetition penalty looks at them.
        allowed: the only tokens that may be chosen; None for all.
    """

    def __init__(
        self,
        decoding: Decoding,
        ids: Sequence[str],
        prompts: Sequence[Sequence[int]],
        allowed: Sequence[int] | None = None,
    ) -> None:
        self._decoding = decoding
        self._allowed = None if allowed is None else list(allowed)
        self._seen = [list(prompt) for prompt in prompts]
        self._generated: list[list[int]] = [[] for _ in ids]
        seeds = [int.from_bytes(rank(decoding.seed, id)[:7], "big") for id in ids]
        self._noise = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._processors = LogitsProcessorList()
        if not decoding.greedy:
            self._processors.append(TemperatureLogitsWarper(decoding.temperature))
            if decoding.top_k:
                self._processors.append(TopKLogitsWarper(decoding.top_k))
            if decoding.top_p < 1:
                self._processors.append(TopPLogitsWarper(decoding.top_p))

    def __call__(self, logits: torch.Tensor, rows: Sequence[int]) -> list[int]:
        """Choose.

        Args:
            logits: (rows, vocabulary).
            rows: which rows these are.
        """
        scores = logits.clone()
        if self._allowed is not None:
            barred = torch.ones_like(scores, dtype=torch.bool)
            barred[:, self._allowed] = False
            scores = scores.masked_fill(barred, -torch.inf)
        self._penalise(scores, rows)
        scores = self._processors(None, scores)
        if not self._decoding.greedy:
            scores = scores + self._gumbel(scores, rows)
        chosen = scores.argmax(dim=-1).tolist()
        for row, token in zip(rows, chosen, strict=True):
            self._generated[row].append(token)
        return [int(token) for token in chosen]

    def _penalise(self, scores: torch.Tensor, rows: Sequence[int]) -> None:
        presence, repetition = self._decoding.presence_penalty, self._decoding.repetition_penalty
        for place, row in enumerate(rows):
            if repetition != 1:
                seen = torch.tensor([self._seen[row] + self._generated[row]], device=scores.device)
                penalise = RepetitionPenaltyLogitsProcessor(repetition)
                scores[place] = penalise(seen, scores[place][None])[0]
            if presence and self._generated[row]:
                scores[place, sorted(set(self._generated[row]))] -= presence

    def _gumbel(self, scores: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
        """Noise with which the highest score is a draw from the probabilities."""
        width = scores.shape[-1]
        draws = [torch.rand(width, generator=self._noise[row], dtype=torch.float64) for row in rows]
        noise = -torch.log(-torch.log(torch.stack(draws).clamp_min(1e-300)))
        return noise.to(scores.device, scores.dtype)

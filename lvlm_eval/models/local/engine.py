"""Answers many requests at once, and computes what they share once."""

import time
from collections.abc import Sequence
from typing import Any

import torch

from lvlm_eval.models.local.answering import Answer, Speech, generate
from lvlm_eval.models.local.asked import Asked, Branch, branches_of
from lvlm_eval.models.local.decoding import Decoding
from lvlm_eval.models.local.families import Family
from lvlm_eval.models.local.prefixes import Beginning, Row, prefill
from lvlm_eval.models.local.vision import Vision
from lvlm_eval.records import Response


class Engine:
    """Runs a model of a known family.

    Args:
        model: from ``AutoModelForImageTextToText``.
        processor: of the same checkpoint.
        family: of the model.
        vision: encodes the pictures.
        speech: of the model.
        decoding: how to answer.
        share: False computes the whole prompt of every request, for comparison.
    """

    def __init__(
        self,
        model: Any,
        processor: Any,
        family: Family,
        vision: Vision,
        speech: Speech,
        decoding: Decoding,
        share: bool = True,
    ) -> None:
        self._model = model
        self._processor = processor
        self._family = family
        self._vision = vision
        self._speech = speech
        self._decoding = decoding
        self._share = share
        self._padding = processor.tokenizer.pad_token_id or 0

    def answers(self, requests: Sequence[Asked]) -> list[Response]:
        """Answer requests as one batch.

        Args:
            requests: as many as fit into the memory at a time.

        Raises:
            torch.OutOfMemoryError: they do not fit; none of them has been answered.
        """
        began = time.perf_counter()
        answers: list[Answer] = []
        with torch.inference_mode():
            starts = self._beginnings(requests) if self._share else {}
            for alike in (True, False):
                part = [one for one in requests if (one.request.id in starts) is alike]
                if part:
                    rows = [self._row(one, starts.get(one.request.id)) for one in part]
                    batch = prefill(self._model, self._family, rows, self._padding)
                    answers += generate(self._model, batch, part, self._speech, self._decoding)
                    del batch
        seconds = time.perf_counter() - began
        return [one.response(self._speech, self._decoding, seconds) for one in answers]

    def _beginnings(self, requests: Sequence[Asked]) -> dict[str, Beginning]:
        """Request id → the longest beginning that was computed for it."""
        branches = branches_of(requests)
        if not branches:
            return {}
        found: dict[str, Beginning] = {}
        self._compute(branches, found)
        inner = [one for branch in branches for one in branch.branches]
        if inner:
            self._compute(inner, found)
        return found

    def _compute(self, branches: Sequence[Branch], found: dict[str, Beginning]) -> None:
        """Compute what each branch shares, going on from what is found for its members."""
        rows = []
        for branch in branches:
            first = branch.members[0]
            rows.append(self._row(first, found.get(first.request.id), branch.length))
        batch = prefill(self._model, self._family, rows, self._padding)
        for branch, beginning in zip(branches, batch.beginnings(rows), strict=True):
            found.update((one.request.id, beginning) for one in branch.members)

    def _row(self, asked: Asked, beginning: Beginning | None, end: int | None = None) -> Row:
        if beginning is not None:
            ids = asked.ids[beginning.length : end]
            return Row(ids, beginning, ahead=beginning.ahead)
        positions, ahead = self._family.positions(
            self._model, self._processor, asked.ids, asked.shown.grids
        )
        features = self._vision.features(asked.shown, asked.pictures)
        return Row(asked.ids[:end], None, positions[..., :end], ahead, features)

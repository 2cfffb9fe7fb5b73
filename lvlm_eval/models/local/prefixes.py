"""Prompts that begin alike are computed once: keys and values of a beginning, and going on from it.

Everywhere a batch is laid out as ``[padding, beginning, padding, rest]`` a row, so that rows of any
length stand together; positions and the attention mask are given in full, so that neither padding
counts for anything.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import DynamicCache

from lvlm_eval.models.local.families import Family, Feature


@dataclass(frozen=True, slots=True)
class Beginning:
    """Tokens that stand at the beginning of several prompts, as the language model knows them.

    Attributes:
        length: number of tokens.
        ahead: what is added to a number of tokens to get the next position.
        layers: of each layer keys and values, (heads, length, width of a head).
    """

    length: int
    ahead: int
    layers: Sequence[tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a batch.

    Attributes:
        ids: tokens after the beginning; at least one.
        beginning: what precedes them; None at the start of a prompt.
        positions: of the tokens, (tokens,) or (3, tokens); None if they go on by count.
        ahead: see `Beginning`.
        features: of the pictures whose places are among the tokens, in order.
    """

    ids: Sequence[int]
    beginning: Beginning | None = None
    positions: torch.Tensor | None = None
    ahead: int = 0
    features: Sequence[Feature] = field(default=())

    @property
    def start(self) -> int:
        """Number of tokens before."""
        return 0 if self.beginning is None else self.beginning.length


@dataclass(slots=True)
class Batch:
    """Rows after their last token, ready to go on.

    Attributes:
        cache: keys and values of everything.
        mask: (rows, columns of the cache): 0 at padding.
        logits: (rows, vocabulary): of the token after each row's last one; float32.
        next: (rows,): position of that token.
        dimensions: 1, or 3 where positions have three dimensions.
    """

    cache: Any
    mask: torch.Tensor
    logits: torch.Tensor
    next: torch.Tensor
    dimensions: int

    def step(self, model: Any, tokens: torch.Tensor) -> None:
        """Append one token to every row.

        Args:
            model: the same as before.
            tokens: (rows,).
        """
        self.mask = torch.cat([self.mask, torch.ones_like(self.mask[:, :1])], dim=1)
        made = model(
            input_ids=tokens[:, None],
            attention_mask=self.mask,
            position_ids=_shaped(self.next[:, None], self.dimensions),
            use_cache=True,
            logits_to_keep=1,
            **{_cache_name(model): self.cache},
        )
        self.logits = made.logits[:, -1].float()
        self.next = self.next + 1

    def keep(self, rows: torch.Tensor) -> None:
        """Go on with some of the rows only.

        Args:
            rows: their indices.
        """
        self.cache.batch_select_indices(rows)
        self.mask, self.next, self.logits = self.mask[rows], self.next[rows], self.logits[rows]

    def beginnings(self, rows: Sequence[Row]) -> list[Beginning]:
        """What was computed, each row without its padding, for others to go on from."""
        found = []
        for index, row in enumerate(rows):
            there = self.mask[index].bool()
            layers = [
                (layer.keys[index][:, there], layer.values[index][:, there])
                for layer in self.cache.layers
            ]
            found.append(Beginning(row.start + len(row.ids), row.ahead, layers))
        return found


def prefill(model: Any, family: Family, rows: Sequence[Row], padding: int) -> Batch:
    """Run all rows through the language model at once.

    Args:
        model: of that family.
        family: gives features their places.
        rows: all with a beginning, or all without one.
        padding: any token.
    """
    device = model.get_input_embeddings().weight.device
    before = max(row.start for row in rows)
    width = max(len(row.ids) for row in rows)
    ids = torch.full((len(rows), width), padding, dtype=torch.long)
    mask = torch.zeros((len(rows), before + width), dtype=torch.long)
    positions = [_positions(row) for row in rows]
    dimensions = 3 if any(one.ndim == 2 for one in positions) else 1
    places = torch.zeros((dimensions, len(rows), width), dtype=torch.long)
    for index, (row, own) in enumerate(zip(rows, positions, strict=True)):
        ids[index, width - len(row.ids) :] = torch.tensor(list(row.ids))
        mask[index, before - row.start : before] = 1
        mask[index, before + width - len(row.ids) :] = 1
        places[:, index, width - len(row.ids) :] = own
    features = [one for row in rows for one in row.features]
    more = {"mm_encoder_outputs": {"image": family.outputs(features)}} if features else {}
    mask = mask.to(device)
    made = model(
        input_ids=ids.to(device),
        attention_mask=mask,
        position_ids=(places if dimensions > 1 else places[0]).to(device),
        use_cache=True,
        logits_to_keep=1,
        **{_cache_name(model): _stacked(rows, before, device)},
        **more,
    )
    ends = torch.tensor([row.start + len(row.ids) + row.ahead for row in rows], device=device)
    cache = made[_cache_name(model)]
    return Batch(cache, mask, made.logits[:, -1].float(), ends, dimensions)


def _cache_name(model: Any) -> str:
    """What the library calls keys and values of earlier tokens; newer versions have a new word."""
    return "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"


def _positions(row: Row) -> torch.Tensor:
    if row.positions is not None:
        return row.positions
    return torch.arange(row.start, row.start + len(row.ids)) + row.ahead


def _shaped(positions: torch.Tensor, dimensions: int) -> torch.Tensor:
    return positions if dimensions == 1 else positions[None].expand(dimensions, -1, -1)


def _stacked(rows: Sequence[Row], width: int, device: torch.device) -> DynamicCache | None:
    """The beginnings of all rows in one cache, padded on the left with zeros."""
    beginnings = [row.beginning for row in rows if row.beginning is not None]
    if not beginnings:
        return None
    layers = []
    for layer in range(len(beginnings[0].layers)):
        pair = []
        for which in (0, 1):
            parts = [one.layers[layer][which] for one in beginnings]
            heads, _, size = parts[0].shape
            whole = parts[0].new_zeros((len(parts), heads, width, size))
            for index, part in enumerate(parts):
                whole[index, :, width - part.shape[1] :] = part
            pair.append(whole)
        layers.append(tuple(pair))
    return DynamicCache(layers)

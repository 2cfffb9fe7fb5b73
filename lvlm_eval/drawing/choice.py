"""Chooses one way for every mark so that their common cost is least."""

import numpy as np
from numpy.typing import NDArray

from lvlm_eval.drawing.rating import Floats

Indices = NDArray[np.int64]


def cheapest(own: Floats, shared: Floats, beam: int) -> tuple[Indices, float]:
    """Find the cheapest joint choice by beam search over the marks.

    The marks with the fewest cheap ways are settled first. Equal costs are decided by the lower
    index, so the same input always gives the same choice.

    Args:
        own: (marks, k): cost of each way by itself; infinite where there is none.
        shared: (marks, marks, k, k): cost of two ways together.
        beam: how many partial choices are kept.

    Returns:
        The index chosen for each mark, and the total cost.
    """
    marks = len(own)
    order = np.argsort(np.isfinite(own).sum(axis=1), kind="stable")
    first, *rest = order.tolist()
    costs = own[first]
    kept = np.arange(own.shape[1])[:, None]
    for depth, mark in enumerate(rest, 1):
        total = costs[:, None] + own[mark]
        for step in range(depth):
            total = total + shared[order[step], mark][kept[:, step]]
        flat = np.round(total.ravel(), 6)
        best = _lowest(flat, beam)
        costs = flat[best]
        kept = np.concatenate([kept[best // own.shape[1]], (best % own.shape[1])[:, None]], axis=1)
    winner = int(np.argmin(costs))
    choice = np.empty(marks, dtype=np.int64)
    choice[order] = kept[winner]
    return choice, float(costs[winner])


def _lowest(values: Floats, count: int) -> Indices:
    """Indices of the lowest values, equal ones by index."""
    if len(values) <= count:
        return np.arange(len(values))
    # A partition leaves equal values in no order that is promised, its border value is exact.
    border = np.partition(values, count - 1)[count - 1]
    below = np.flatnonzero(values < border)
    level = np.flatnonzero(values == border)[: count - len(below)]
    return np.sort(np.concatenate([below, level]))

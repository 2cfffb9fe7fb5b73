"""Where in a target's map the queries are found: nearest cell, soft point, best of some cells.

All queries of a target are compared with all its cells in one product on the map's own device, in
float32. Such a product is rounded, and rounded otherwise on another device or with other queries
beside it; so what lies within that rounding of the best is compared again in float64, feature by
feature, and of equals the first in row-major order holds. The outcome thus depends on the features
alone.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lvlm_eval.vision.arrays import like, to_numpy
from lvlm_eval.vision.backbones.backbone import Maps
from lvlm_eval.vision.grid import Floats, Integers

SOFT_RADIUS = 7
"""Cells on each side of the nearest one that the soft point looks at: a window of 15×15."""

SOFT_TEMPERATURE = 0.02

_ROUNDING = 4e-6
"""More than a float32 product of two features of length one, of up to 4,096 channels, is off."""

_AT_A_TIME = 1 << 26
"""Similarities held at once: 256 MiB."""

Queries = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Found:
    """Where some queries are found in one target.

    Attributes:
        cells: (n,), the most similar cell of each query, in row-major order.
        soft: (n, 2), the soft points.
        chosen: of each list of cells that was given, the cells chosen: (n,); -1 where a query has
            none to choose from.
    """

    cells: Integers
    soft: Floats
    chosen: tuple[Integers, ...]


def find(map_: Maps, queries: Queries, choices: tuple[Integers, ...] = ()) -> Found:
    """Look for all queries of one target.

    Args:
        map_: (H, W, C), features of length one.
        queries: (n, C).
        choices: lists of cells to choose from, each (n, k), filled up with -1; of equally similar
            ones the first in the list is chosen.
    """
    height, width, channels = map_.shape
    flat = map_.reshape(height * width, channels)
    step = max(1, _AT_A_TIME // len(flat))
    parts = [
        _find(flat, (height, width), queries[i : i + step], tuple(c[i : i + step] for c in choices))
        for i in range(0, len(queries), step)
    ]
    if len(parts) == 1:
        return parts[0]
    return Found(
        np.concatenate([part.cells for part in parts] or [np.zeros(0, dtype=np.int64)]),
        np.concatenate([part.soft for part in parts] or [np.zeros((0, 2))]),
        tuple(
            np.concatenate([part.chosen[i] for part in parts] or [np.zeros(0, dtype=np.int64)])
            for i in range(len(choices))
        ),
    )


def choose(map_: Maps, queries: Queries, candidates: Integers) -> Integers:
    """The candidate whose cell is most similar to its query, the first of equals.

    Args:
        map_: (H, W, C), features of length one.
        queries: (n, C).
        candidates: (n, k), cells in row-major order.

    Returns:
        (n,), places of the chosen ones.
    """
    height, width, channels = map_.shape
    flat = map_.reshape(height * width, channels)
    features = to_numpy(flat[like(candidates, map_)]).astype(np.float64)
    similar = (features * queries[:, None].astype(np.float64)).sum(axis=2)
    places: Integers = similar.argmax(axis=1)
    return places


def _find(
    flat: Maps, grid: tuple[int, int], queries: Queries, choices: tuple[Integers, ...]
) -> Found:
    similar = like(queries, flat) @ flat.T
    cells = _nearest(flat, queries, similar)
    rows = np.arange(len(queries))[:, None]

    def of_cells(some: Integers) -> Floats:
        picked = similar[like(rows, flat), like(np.maximum(some, 0), flat)]
        return np.where(some < 0, -np.inf, to_numpy(picked).astype(np.float64))

    chosen = tuple(_best(flat, queries, some, of_cells(some)) for some in choices)
    window = _window(cells, grid)
    return Found(cells, _soft(window, of_cells(window), grid), chosen)


def _nearest(flat: Maps, queries: Queries, similar: Maps) -> Integers:
    best = similar.max(axis=1)
    top = getattr(best, "values", best)  # torch gives places beside the values
    close = similar >= (top - _margin(queries, top))[:, None]
    counts = to_numpy(close.sum(axis=1))
    cells = to_numpy(similar.argmax(axis=1)).astype(np.int64)
    for row in np.flatnonzero(counts > 1):
        some = np.flatnonzero(to_numpy(close[int(row)]))
        cells[row] = some[np.argmax(_exactly(flat, some, queries[row]))]
    return cells


def _best(flat: Maps, queries: Queries, some: Integers, similar: Floats) -> Integers:
    if not some.size:
        return np.full(len(some), -1, dtype=np.int64)
    top = similar.max(axis=1)
    place = similar.argmax(axis=1)
    close = similar >= (top - _margin(queries, top))[:, None]
    for row in np.flatnonzero((close.sum(axis=1) > 1) & (top > -np.inf)):
        places = np.flatnonzero(close[row])
        place[row] = places[np.argmax(_exactly(flat, some[row, places], queries[row]))]
    return np.where(top > -np.inf, some[np.arange(len(some)), place], -1)


def _margin(queries: Queries, top: Maps) -> Maps:
    """How far a rounded similarity can be off, for each query."""
    lengths = np.linalg.norm(queries, axis=1) * _ROUNDING
    margin: Maps = like(lengths.astype(np.float32), top)
    return margin


def _exactly(flat: Maps, cells: Integers, query: npt.NDArray[np.float32]) -> Floats:
    """Similarities in float64; equal features give equal ones, which a matrix product may not."""
    features = to_numpy(flat[like(cells, flat)]).astype(np.float64)
    similar: Floats = (features * query.astype(np.float64)).sum(axis=1)
    return similar


def _window(cells: Integers, grid: tuple[int, int]) -> Integers:
    """The cells round each of some cells, -1 beyond the border: (n, 225)."""
    height, width = grid
    offsets = np.arange(-SOFT_RADIUS, SOFT_RADIUS + 1)
    down = (cells // width)[:, None, None] + offsets[:, None]
    across = (cells % width)[:, None, None] + offsets
    inside = (down >= 0) & (down < height) & (across >= 0) & (across < width)
    return np.where(inside, down * width + across, -1).reshape(len(cells), -1)


def _soft(window: Integers, similar: Floats, grid: tuple[int, int]) -> Floats:
    """Mean column and row of each window, weighted by softmax(similarity / temperature)."""
    height, width = grid
    if not len(window):
        return np.zeros((0, 2))
    logits = (similar - similar.max(axis=1, keepdims=True)) / SOFT_TEMPERATURE
    weights = np.exp(logits)
    weights /= weights.sum(axis=1, keepdims=True)
    across = (weights * (window % width)).sum(axis=1) / width
    down = (weights * (window // width)).sum(axis=1) / height
    return np.stack([across, down], axis=1)

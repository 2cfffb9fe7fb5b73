"""What the shape of a marker looks like: where its colour must be, and where it must not be.

The shapes are stated here a second time, apart from the code that draws them, from what a style
promises: an arrow whose head widens from its tip, a ring, a cross, a square, a disc.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lvlm_eval.drawing.shapes import BLUNT_TIP, MOST_HEAD
from lvlm_eval.drawing.sizing import Sizes
from lvlm_eval.drawing.style import MarkerShape

Floats = NDArray[np.float64]

SHORTEST_ARROW = 0.78
"""The shortest arrow that a layout draws, in nominal lengths."""
EDGE = -0.5
"""Px from a marker's edge outwards to the edge of what has exactly its colour: px on the edge
itself are mixed."""


@dataclass(frozen=True, slots=True)
class Model:
    """A shape as samples round its point, for one size and one allowance.

    Attributes:
        offsets: px from the point; x along an arrow from its tip, (samples, 2).
        weights: (samples, parts + 1): each column takes the mean of one part's samples, the last
            one that of the samples that must be free of the colour.
        turns: whether the shape looks different when it is turned.
    """

    offsets: Floats
    weights: Floats
    turns: bool

    def thinned(self, every: int) -> "Model":
        """The same with every so many samples of each part."""
        groups = [self.offsets[column > 0][::every] for column in self.weights.T]
        return _model(groups[:-1], groups[-1], self.turns)


def model_of(shape: MarkerShape, sizes: Sizes, beside: float) -> Model:
    """The model of a shape.

    Args:
        shape: of the marker.
        sizes: of the marker.
        beside: px to both sides of an edge at which the colour is looked for: the more, the less
            exactly the model has to be in its place.
    """
    if shape == "arrow":
        return _model(*_arrow(sizes, beside), turns=True)
    return _model(*_centred(shape, sizes, beside), turns=False)


def _model(parts: list[Floats], outside: Floats, turns: bool) -> Model:
    groups = [*parts, outside]
    weights = np.zeros((sum(map(len, groups)), len(groups)))
    start = 0
    for column, group in enumerate(groups):
        weights[start : start + len(group), column] = 1 / len(group)
        start += len(group)
    return Model(np.concatenate(groups), weights, turns)


def _arrow(sizes: Sizes, beside: float) -> tuple[list[Floats], Floats]:
    """Both sides of the head, and as much of the shaft as the shortest arrow has."""
    shortest = SHORTEST_ARROW * sizes.length
    head, half, line = min(sizes.head_length, MOST_HEAD * shortest), sizes.head_half, sizes.line
    slope = (half - BLUNT_TIP) / head
    slant = math.hypot(1, slope)
    sides: tuple[list[tuple[float, float]], ...] = ([], [])
    shaft, outside = [], []
    for t in np.linspace(1.5, head * 0.95, 12).tolist():
        edge = BLUNT_TIP + slope * t + EDGE * slant
        for side, sign in zip(sides, (-1, 1), strict=True):
            side.append((t, sign * max(0.0, edge - beside * slant)))
            outside.append((t, sign * (edge + beside * slant)))
    for t in np.linspace(head, shortest - line, 9).tolist():
        shaft += [(t, sign * max(0.0, line + EDGE - beside)) for sign in (-1, 1)]
    behind = head - EDGE + beside
    for s in np.linspace(line + 1, max(line + 1, half), 3).tolist():
        outside += [(behind, sign * s) for sign in (-1, 1)]
    for t in np.linspace(behind, shortest - line, 6).tolist():
        outside += [(t, sign * (line + EDGE + beside)) for sign in (-1, 1)]
    outside += [(0.35 - beside, s) for s in (-1.0, 0.0, 1.0)] * 2
    return [np.array(part) for part in (*sides, shaft)], np.array(outside)


def _centred(shape: MarkerShape, sizes: Sizes, beside: float) -> tuple[list[Floats], Floats]:
    """A disc, the four arms of a cross, or the four quarters of a ring or square."""
    outer, inner = sizes.radius + EDGE, max(0.0, sizes.radius - 2 * sizes.line - EDGE)
    beyond, within = outer + beside, max(0.0, inner - beside)
    if shape == "dot":
        rings = np.linspace(0, max(0.0, outer - beside), 4).tolist()
        return [np.concatenate([_circle(ring, 24) for ring in rings])], _circle(beyond, 48)
    if shape == "cross":
        arm = np.linspace(0, max(0.0, outer - beside), 16)
        along = np.linspace(min(outer, 2 * (sizes.line + beside)), outer, 9)
        off = np.full_like(along, sizes.line + EDGE + beside)
        arms, outside = [], []
        for angle in (45, 135, 225, 315):
            cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            frame = np.array([(cos, sin), (-sin, cos)])
            arms.append(np.stack([arm, 0 * arm], axis=1) @ frame)
            outside += [np.stack([along, side], axis=1) @ frame for side in (off, -off)]
            outside.append(np.array([(beyond, 0.0)] * 3) @ frame)
        return arms, np.concatenate(outside)
    outline = _circle if shape == "circle" else _square
    quarters = np.split(outline(sizes.radius - sizes.line, 64), 4)
    return list(quarters), np.concatenate([outline(within, 32), outline(beyond, 32)])


def _circle(radius: float, steps: int) -> Floats:
    turns = np.arange(steps) * (2 * np.pi / steps)
    return np.stack([np.cos(turns), np.sin(turns)], axis=1) * radius


def _square(half: float, steps: int) -> Floats:
    side = np.linspace(-half, half, steps // 4, endpoint=False)
    level = np.full_like(side, half)
    pairs = ((side, level), (-side, -level), (level, -side), (-level, side))
    return np.concatenate([np.stack(pair, axis=1) for pair in pairs])

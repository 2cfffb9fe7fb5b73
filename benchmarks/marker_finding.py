"""Finds drawn markers again in a picture, from its px alone.

What the finder knows is the renderer's style: the colour, the shape, and the sizes that it has on a
picture of this size, at each of the steps by which a layout may shrink the markers. What it does
not know: the unmarked photo, the keypoints, how many there are, from where an arrow comes and how
long it is.

A px counts as the marker's where it has exactly the marker's colour. A marker is found where a
model of its shape is filled with such px and its surroundings are free of them.
"""

import math
from dataclasses import dataclass

import numpy as np
from marker_models import Model, model_of
from numpy.typing import NDArray
from PIL import Image, ImageColor

from lvlm_eval.drawing.layout import SCALES
from lvlm_eval.drawing.sizing import Sizes, sizes_of
from lvlm_eval.drawing.style import MarkerShape, Style

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

DIRECTIONS = 60
"""From which an arrow is looked for at first; then it is turned until it fits best."""
AT_A_GLANCE, ROUGHLY, SURELY, WELL = 0.2, 0.35, 0.5, 0.6
"""Fits from which a place is looked at closely, from which it is a marker, and from which no other
size is tried."""
WORTH_SHRINKING = 0.5
"""By so much the fits must add up to more at a smaller size for it to be the size drawn: small
models fit at more places."""
BESIDE = 0.65
"""Px beside a marker's edges where the colour is looked for at last."""
FINE = 2
"""Samples a px."""
THIN = 2.0
"""Half a line's width, px, below which half a px decides whether a ring or square fits."""
SAME_SIDE = math.cos(math.radians(35))
"""Arrows that come from further apart than this are two, even with one tip."""


@dataclass(frozen=True, slots=True)
class FoundMarker:
    """A marker as it was found.

    Attributes:
        point: tip of an arrow, or centre of another shape, px.
        tail: far end of an arrow, px; the point itself for other shapes.
        score: 1 for a perfect fit.
        sizes: that fit best.
    """

    point: tuple[float, float]
    tail: tuple[float, float]
    score: float
    sizes: Sizes


def find_markers(picture: Image.Image, style: Style) -> list[FoundMarker]:
    """Find all markers of a style.

    Args:
        picture: RGB, as it was sent.
        style: that it may have been drawn in.
    """
    mask = colour_mask(picture, style.marker.colour)
    best: list[FoundMarker] = []
    for sizes in dict.fromkeys(sizes_of(style, picture.size, scale) for scale in SCALES):
        found = _find(mask, style.marker.shape, sizes)
        if _total(found) > _total(best) + WORTH_SHRINKING:
            best = found
        if found and min(one.score for one in found) >= WELL:
            break
    return best


def colour_mask(picture: Image.Image, colour: str) -> Bools:
    """Where a picture has exactly a colour, (height, width)."""
    pixels = np.asarray(picture)
    red, green, blue = (pixels[..., i] == ImageColor.getrgb(colour)[i] for i in range(3))
    return np.asarray(red & green & blue)


def _total(found: list[FoundMarker]) -> float:
    return sum(one.score for one in found)


class _Canvas:
    """A mask to take samples of; what is outside it does not count.

    Args:
        mask: the px that have the colour, (height, width).
        margin: px outside the picture that samples may be in.
    """

    def __init__(self, mask: Bools, margin: int) -> None:
        image = Image.fromarray(np.pad(mask, margin, mode="edge").astype(np.uint8) * 255)
        size = (image.width * FINE, image.height * FINE)
        self._pixels = np.asarray(image.resize(size, Image.Resampling.BILINEAR))
        self._margin = margin
        self._height, self._width = mask.shape

    def filled(self, points: Floats, turn: Floats, model: Model) -> Floats:
        """Share of each part of a model that has the colour, last of its surroundings.

        Args:
            points: where the model is, (n, 2), px.
            turn: of the model, radians; one for each of the points, or one for all.
            model: the shape.

        Returns:
            (n, parts + 1), 0 to 1.
        """
        cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
        along, across = model.offsets.T
        x = points[:, :1] + (along * cos - across * sin)
        y = points[:, 1:2] + (along * sin + across * cos)
        rows, columns = (((at + self._margin) * FINE).astype(np.intp) for at in (y, x))
        shown = (x >= 0) & (y >= 0) & (x < self._width) & (y < self._height)
        weights = shown @ model.weights
        sums = np.where(shown, self._pixels[rows, columns], 0) @ model.weights / 255
        # A part that is cut off by the border speaks neither for the model nor against it.
        nothing = np.where(np.arange(weights.shape[1]) == weights.shape[1] - 1, 0.0, 1.0)
        filled = np.where(weights > 0, sums / np.maximum(weights, 1e-9), nothing)
        filled[self._outside(points[:, :2]), :-1] = 0
        return np.asarray(filled)

    def _outside(self, points: Floats) -> Bools:
        """Whether a point is further outside the picture than rounding explains."""
        limit = np.array([self._width, self._height]) + 1
        return np.asarray(((points < -1) | (points > limit)).any(axis=1))


def _find(mask: Bools, shape: MarkerShape, sizes: Sizes) -> list[FoundMarker]:
    """Look at many places roughly, then move the model to where it fits, ever more exactly."""
    arrow = shape == "arrow"
    step = max(1, round(sizes.head_length / 11 if arrow else sizes.line))
    points = _starts(mask, step, 0.0 if arrow else sizes.radius)
    if sizes.radius and sizes.line < THIN:
        points = np.concatenate([points + np.array((x, y)) for x in (0.0, 0.5) for y in (0.0, 0.5)])
    if not len(points):
        return []
    canvas = _Canvas(mask, margin=math.ceil(sizes.length + 2 * sizes.radius) + 4 * step + 8)
    beside = max(BESIDE, 0.7 * step, 0.08 * sizes.head_length)
    model = model_of(shape, sizes, beside)
    glance = model.thinned(3)
    found = []
    for turn in np.arange(DIRECTIONS if arrow else 1) * (2 * np.pi / DIRECTIONS):
        way = np.array([turn])
        likely = points[_score(canvas.filled(points, way, glance)) > AT_A_GLANCE]
        scores = _score(canvas.filled(likely, way, model))
        found.append(np.c_[likely, np.full(len(likely), turn), scores][scores > ROUGHLY])
    apart = 0.3 * (sizes.head_length or 2 * sizes.radius)
    places = _distinct(np.concatenate(found), apart / 3)
    while True:
        settled = [_settled(canvas, place, model, max(1.0, 1.5 * beside)) for place in places]
        places = _distinct(np.array(settled).reshape(-1, 4), apart)
        if beside == BESIDE:
            break
        beside = max(BESIDE, beside / 2)
        model = model_of(shape, sizes, beside)
    return [
        FoundMarker((x, y), _tail(mask, x, y, turn) if arrow else (x, y), score, sizes)
        for x, y, turn, score in places.tolist()
        if score >= SURELY
    ]


def _starts(mask: Bools, step: int, reach: float) -> Floats:
    """Places that are tried at first, (n, 2), px.

    Args:
        mask: the px that have the colour.
        step: px from one place to the next.
        reach: px from the colour to the furthest place.
    """
    near, cell = mask, math.ceil(reach)
    if cell:
        near = np.zeros_like(mask)
        rows, columns = (index // cell for index in np.nonzero(mask))
        for row, column in set(zip(rows.tolist(), columns.tolist(), strict=True)):
            top, left = max(0, (row - 1) * cell), max(0, (column - 1) * cell)
            near[top : (row + 2) * cell, left : (column + 2) * cell] = True
    rows, columns = np.nonzero(near[::step, ::step])
    return np.stack([columns * step + 0.5, rows * step + 0.5], axis=1)


def _score(filled: Floats) -> Floats:
    """How well a model fits, (n,): the part that is filled least decides."""
    return np.asarray(filled[:, :-1].min(axis=1) - filled[:, -1])


def _distinct(places: Floats, apart: float) -> Floats:
    """The best of every group of places that mean the same marker.

    Args:
        places: x, y, turn and score, (n, 4).
        apart: px between two markers from the same side.
    """
    left = places[np.argsort(-places[:, 3], kind="stable")]
    kept = []
    while len(left):
        best = left[0]
        kept.append(best)
        near = np.hypot(left[:, 0] - best[0], left[:, 1] - best[1]) < apart
        left = left[~(near & (np.cos(left[:, 2] - best[2]) > SAME_SIDE))]
    return np.array(kept).reshape(-1, 4)


def _settled(canvas: _Canvas, place: Floats, model: Model, step: float) -> Floats:
    """Move and turn the model until it fits best, in ever smaller steps; x, y, turn and score."""
    angle = 2 * math.pi / DIRECTIONS if model.turns else 0.0
    grid = [(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1) if angle or not k]
    moves = np.array(grid)
    here, best = place[:3], -math.inf
    while step > 0.1:
        tried = here + moves * (step, step, angle)
        # The mean over the parts leads to the place more smoothly than the worst part does.
        filled = canvas.filled(tried, tried[:, 2], model)
        fits = filled[:, :-1].mean(axis=1) - filled[:, -1]
        top = int(fits.argmax())
        if fits[top] > best + 1e-6:
            best, here = float(fits[top]), tried[top]
        else:
            step, angle = step / 2, angle / 2
    return np.array([*here, _score(canvas.filled(here[None], here[2:], model))[0]])


def _tail(mask: Bools, x: float, y: float, turn: float) -> tuple[float, float]:
    """Follow the shaft from the tip on for as long as its axis has the colour."""
    height, width = mask.shape
    length, gap = 2.0, 0
    while gap < 3:
        column, row = x + length * math.cos(turn), y + length * math.sin(turn)
        if not (0 <= column < width and 0 <= row < height):
            break
        gap = 0 if mask[int(row), int(column)] else gap + 1
        length += 1.0
    length -= gap
    return x + length * math.cos(turn), y + length * math.sin(turn)

"""Marker shapes as polygons, and filling polygons with smooth edges and exact colours."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lvlm_eval.drawing.sizing import Sizes
from lvlm_eval.drawing.style import MarkerShape

Points = NDArray[np.float64]
"""Shape (n, 2): x and y in px."""

BLUNT_TIP = 0.7
"""Half the width of an arrow's tip in px: a needle's end would have no px of the full colour."""
NOTCH = 0.84
"""Where the back of an arrow's head meets the shaft, in head lengths from the tip."""
MOST_HEAD = 0.62
"""At most this part of a shortened arrow is head."""
FULL_RIM = 0.25
"""Where the rim reaches its full width, in head lengths from the tip."""
RIM_AT_HEAD = 1.2
"""Px across an arrow for one px of rim at right angles to its head's edge."""
FINEST, COARSEST = 8, 2
SAMPLES_A_SIDE = 1024


@dataclass(frozen=True, slots=True)
class Shape:
    """Filled polygons, and polygons cut out of them."""

    solid: tuple[Points, ...]
    holes: tuple[Points, ...] = ()


def arrow(tip: tuple[float, float], tail: tuple[float, float], sizes: Sizes, rim: float) -> Shape:
    """An arrow that ends exactly at its tip.

    The rim grows from nothing at the tip to its full width within a quarter of the head: a rim of
    full width all round would reach beyond the tip and cover the keypoint.

    Args:
        tip: px; the keypoint.
        tail: px.
        sizes: of the marker.
        rim: px round the arrow; 0 for the arrow itself.
    """
    length = math.dist(tip, tail)
    along = ((tail[0] - tip[0]) / length, (tail[1] - tip[1]) / length)
    head = min(sizes.head_length, MOST_HEAD * length)
    line = sizes.line + rim
    side = [
        (0.0, BLUNT_TIP),
        (FULL_RIM * head, BLUNT_TIP + FULL_RIM * (sizes.head_half - BLUNT_TIP) + RIM_AT_HEAD * rim),
        (head + rim, sizes.head_half + RIM_AT_HEAD * rim),
        (NOTCH * head + rim, line),
        *((length - sizes.line + line * math.sin(a), line * math.cos(a)) for a in _arc(0.25, 8)),
    ]
    local = np.array(side + [(t, -s) for t, s in reversed(side)])
    frame = np.array([along, (-along[1], along[0])])
    return Shape((local @ frame + np.array(tip),))


def centred(shape: MarkerShape, centre: tuple[float, float], sizes: Sizes, rim: float) -> Shape:
    """A circle, cross, square or dot round its keypoint.

    Args:
        shape: any but ``arrow``.
        centre: px; the keypoint.
        sizes: of the marker.
        rim: px round the lines; 0 for the lines themselves.
    """
    middle, radius = np.array(centre), sizes.radius
    outer, inner = radius + rim, max(0.0, radius - 2 * sizes.line - rim)
    if shape == "dot":
        return Shape((_circle(outer) + middle,))
    if shape == "circle":
        return Shape((_circle(outer) + middle,), (_circle(inner) + middle,))
    if shape == "square":
        return Shape((_square(outer) + middle,), (_square(inner) + middle,))
    line = sizes.line + rim
    bar = np.array([(-outer, -line), (outer, -line), (outer, line), (-outer, line)])
    turn = np.array([(1.0, 1.0), (-1.0, 1.0)]) / math.sqrt(2)
    return Shape((bar @ turn + middle, bar @ turn.T + middle))


def leader(start: tuple[float, float], end: tuple[float, float], sizes: Sizes) -> Shape:
    """The thin line that ties a far label to a centred shape, from the shape's edge on.

    It has no rim: lines like this stand where there is no room to spare.

    Args:
        start: px; the keypoint.
        end: px; near the label.
        sizes: of the marker.
    """
    along = (np.array(end) - start) / math.dist(start, end)
    across = np.array([-along[1], along[0]]) * sizes.leader
    first, last = start + along * (sizes.radius - sizes.line), np.array(end)
    return Shape((np.stack([first - across, first + across, last + across, last - across]),))


def fill(image: Image.Image, shape: Shape, colour: str) -> None:
    """Fill a shape on an image: whole px get exactly the colour, edges are smooth.

    Only the px round the shape are sampled finely, so the time does not grow with the photo.

    Args:
        image: RGB; drawn on.
        shape: may reach outside the image.
        colour: CSS name or ``#rrggbb``.
    """
    corners = np.concatenate(shape.solid)
    left, top = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 1, 0)
    right, bottom = np.ceil(corners.max(axis=0)).astype(int) + 1
    right, bottom = min(int(right), image.width), min(int(bottom), image.height)
    if left >= right or top >= bottom:
        return
    width, height = right - left, bottom - top
    fine = min(FINEST, max(COARSEST, SAMPLES_A_SIDE // max(width, height)))
    mask = Image.new("L", (width * fine, height * fine))
    pen = ImageDraw.Draw(mask)
    for polygons, ink in ((shape.solid, 255), (shape.holes, 0)):
        for polygon in polygons:
            # Pillow fills the samples that a polygon's edge passes through; their centres count.
            samples = np.rint((polygon - (left, top)) * fine - 0.5).astype(int)
            pen.polygon(samples.ravel().tolist(), fill=ink)
    image.paste(colour, (int(left), int(top), right, bottom), mask.reduce(fine))


def _arc(turns: float, steps: int) -> list[float]:
    """Angles in radians from 0 over a part of a turn."""
    return [2 * math.pi * turns * step / steps for step in range(steps + 1)]


def _circle(radius: float) -> Points:
    steps = max(24, min(360, round(4 * radius)))
    return np.array([(radius * math.cos(a), radius * math.sin(a)) for a in _arc(1.0, steps)])


def _square(half: float) -> Points:
    return np.array([(-half, -half), (half, -half), (half, half), (-half, half)])

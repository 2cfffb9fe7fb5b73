"""What two markers do to each other: labels that overlap, arrows that cross labels or arrows."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lvlm_eval.drawing.candidates import Ways
from lvlm_eval.drawing.rating import Bools, Floats, norm
from lvlm_eval.drawing.sizing import Sizes

FORBIDDEN = 1e6
"""Cost of a broken rule; no sum of wishes comes near it."""
CROSSING = 1e3
"""Cost of two arrows that cross: worse than any wish, better than a broken rule."""
LABEL_MARGIN = 2.0
"""Px between two labels' halos, at least."""
ARROW_MARGIN = 1.0
"""Px between a label's halo and another mark's marker, at least."""


def conflict_costs(ways: Ways, chosen: NDArray[np.int64], labelled: Bools, sizes: Sizes) -> Floats:
    """Rate every two ways of every two marks.

    Args:
        ways: all ways of all marks.
        chosen: (marks, k): the indices of the ways that are looked at.
        labelled: (marks,): False where a mark has no label to place.
        sizes: of the markers.

    Returns:
        (marks, marks, k, k), symmetric: cost of the first mark's way beside the second's.
    """
    marks, k = chosen.shape
    rows = np.arange(marks)[:, None]
    tails, centres = ways.tails[rows, chosen], ways.centres[rows, chosen]
    costs = np.zeros((marks, marks, k, k))
    first, second = _every_two(marks)
    if not len(first):
        return costs
    label = max(2.0, float(ways.half.max()) * 2)
    tips = np.broadcast_to(ways.points[:, None], tails.shape)
    a = _Side(*(_xy(part[first])[:, :, :, None] for part in (tips, tails, centres)))
    b = _Side(*(_xy(part[second])[:, :, None] for part in (tips, tails, centres)))
    half = ways.half.reshape(2, 1, 1, 1)
    with_a, with_b = labelled[first][:, None, None], labelled[second][:, None, None]

    apart = np.abs(a.centre - b.centre)
    overlap = (apart < 2 * half + LABEL_MARGIN).all(axis=0)
    # Where rules must be broken, letters that cannot be read are the greatest harm.
    total = 3 * FORBIDDEN * (overlap & with_a & with_b)
    total += FORBIDDEN * (_hits(a, b.centre, half, sizes) & with_b)
    total += FORBIDDEN * (_hits(b, a.centre, half, sizes) & with_a)
    total += 1.5 * np.exp(-norm(*apart) / label) * (with_a & with_b)
    total += CROSSING * _cross(a, b)
    if sizes.length:
        for one, other, shown in ((a, b, with_b), (b, a, with_a)):
            total += 1.5 * np.exp(-_to_arrow(other.centre, one) / (0.6 * label)) * shown
            total += 1.5 * np.exp(-_to_arrow(other.tail, one) / (0.6 * label))
    total = np.round(total, 6)
    costs[first, second] = total
    costs[second, first] = total.transpose(0, 2, 1)
    return costs


@lru_cache(maxsize=64)
def _every_two(marks: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    first, second = np.triu_indices(marks, 1)
    first.flags.writeable = second.flags.writeable = False
    return first, second


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two marks: x and y first, then arrays that broadcast against the other mark's.

    Attributes:
        tip: keypoints, px.
        tail: far ends of the arrows, px.
        centre: centres of the label boxes, px.
    """

    tip: Floats
    tail: Floats
    centre: Floats


def _xy(pairs: Floats) -> Floats:
    """Move the coordinates to the front, where sums over them are fast."""
    return np.ascontiguousarray(np.moveaxis(pairs, -1, 0))


def _hits(body: _Side, centre: Floats, half: Floats, sizes: Sizes) -> Bools:
    """Whether a marker touches a label box."""
    if not half.any():
        return np.zeros(np.broadcast_shapes(body.tip.shape, centre.shape)[1:], dtype=np.bool_)
    if not sizes.length:
        away = np.maximum(np.abs(centre - body.tip) - half, 0)
        line = half + sizes.leader + ARROW_MARGIN
        on_shape = norm(*away) < sizes.reach + ARROW_MARGIN
        on_line = _segment_in_box(body.tip, body.tail - body.tip, centre, line)
        return np.asarray(on_shape | on_line)
    arrow = body.tail - body.tip
    part = min(1.0, (sizes.head_length + sizes.rim) / sizes.length)
    shaft = half + sizes.line + sizes.rim + ARROW_MARGIN
    head = half + sizes.head_half + sizes.rim + ARROW_MARGIN
    return _segment_in_box(body.tip, arrow, centre, shaft) | _segment_in_box(
        body.tip, arrow * part, centre, head
    )


def _segment_in_box(start: Floats, span: Floats, centre: Floats, half: Floats) -> Bools:
    """Separating axes: the box's two, and the segment's normal."""
    reach = span / 2
    size = np.abs(reach)
    offset = centre - (start + reach)
    normal = np.abs(reach[0] * offset[1] - reach[1] * offset[0])
    in_bounds = np.abs(offset) <= half + size
    meets = normal <= half[0] * size[1] + half[1] * size[0]
    return np.asarray(in_bounds[0] & in_bounds[1] & meets)


def _cross(a: _Side, b: _Side) -> Bools:
    """Whether two arrows cross between tip and tail; arrows that share their tip do not."""

    def side(start: Floats, end: Floats, point: Floats) -> Floats:
        span, to_point = end - start, point - start
        turn = span[0] * to_point[1] - span[1] * to_point[0]
        return np.asarray(np.sign(np.round(turn, 6)))

    parted_by_a = side(a.tip, a.tail, b.tip) * side(a.tip, a.tail, b.tail) < 0
    parted_by_b = side(b.tip, b.tail, a.tip) * side(b.tip, b.tail, a.tail) < 0
    return np.asarray(parted_by_a & parted_by_b)


def _to_arrow(point: Floats, body: _Side) -> Floats:
    """Px from a point to an arrow's axis."""
    span_x, span_y = body.tail - body.tip
    square = np.maximum(span_x * span_x + span_y * span_y, 1e-9)
    x, y = point - body.tip
    share = (x * span_x + y * span_y) / square
    np.clip(share, 0, 1, out=share)
    return norm(x - share * span_x, y - share * span_y)

"""Checks and rates single ways to place a marker against the points and the picture's border.

Everywhere: points are (marks, 2); tails of arrows and corners of label boxes are (marks, ways, 2);
all in px. ``half`` is half the width and height of a label box.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lvlm_eval.drawing.shapes import BLUNT_TIP, FULL_RIM, MOST_HEAD, RIM_AT_HEAD
from lvlm_eval.drawing.sizing import Sizes

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

POINT_MARGIN = 2.0
"""Px between a label's halo and another candidate's point, at least."""
BODY_MARGIN = 1.5
"""Px between an arrow and another candidate's point, at least."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Every point as seen from every arrow, (marks, ways, points), and the arrows themselves.

    Attributes:
        along: px from the arrow's tip to the point, towards the tail.
        across: px from the arrow's axis to the point.
        length: of the arrow in px, (marks, ways).
    """

    along: Floats
    across: Floats
    length: Floats


def frame_of(points: Floats, tails: Floats) -> Frame:
    """See every point from every arrow."""
    span_x, span_y = parted(tails - points[:, None])
    length = norm(span_x, span_y)
    scale = np.maximum(length, 1e-9)
    unit_x, unit_y = (span_x / scale)[..., None], (span_y / scale)[..., None]
    to_x, to_y = parted((points[None] - points[:, None])[:, None])
    return Frame(to_x * unit_x + to_y * unit_y, np.abs(to_x * unit_y - to_y * unit_x), length)


def parted(pairs: Floats) -> tuple[Floats, Floats]:
    """The two coordinates; sums over an axis of two are many times as slow as adding them."""
    return pairs[..., 0], pairs[..., 1]


def norm(x: Floats, y: Floats) -> Floats:
    """Several times as fast as hypot, which guards against sizes that no picture has."""
    return np.asarray(np.sqrt(x * x + y * y))


def label_fits(
    points: Floats,
    tails: Floats,
    corners: Floats,
    half: Floats,
    picture: tuple[int, int],
    sizes: Sizes,
) -> Bools:
    """Whether a label is inside the picture and on no mark's point, (marks, ways).

    The tail of its arrow must be inside the picture, too.
    """
    (left, top), (width, height) = parted(corners), picture
    inside = (left >= 0) & (top >= 0)
    inside &= (left + 2 * half[0] <= width) & (top + 2 * half[1] <= height)
    if sizes.length:
        margin = sizes.line + sizes.rim
        x, y = parted(tails)
        inside &= (x >= margin) & (x <= width - margin) & (y >= margin) & (y <= height - margin)
    if not half.any():
        return np.asarray(inside)
    on_point = _to_label(points, corners + half, half) < max(POINT_MARGIN, sizes.reach)
    return np.asarray(inside & ~on_point.any(axis=2))


def _to_label(points: Floats, centres: Floats, half: Floats) -> Floats:
    """Px from every label's box to every point, (marks, ways, points)."""
    (x, y), (point_x, point_y) = parted(centres[:, :, None]), parted(points)
    return norm(
        np.maximum(np.abs(x - point_x) - half[0], 0), np.maximum(np.abs(y - point_y) - half[1], 0)
    )


def covers_other(frame: Frame, sizes: Sizes) -> Bools:
    """Whether an arrow, or a line to a far label, lies on another mark's point, (marks, ways).

    A point within a px or so of the arrow's own tip is no reason: all directions touch it.
    """
    along, across, length = frame.along, frame.across, frame.length
    own = np.eye(len(along), dtype=np.bool_)[:, None]
    if not sizes.length:
        near = 0.5 * BODY_MARGIN
        on_line = (along > sizes.radius) & (along < length[..., None] + near)
        on_line &= across < sizes.leader + near
        return np.asarray((on_line & (length > 0)[..., None] & ~own).any(axis=2))
    head = np.minimum(sizes.head_length, MOST_HEAD * length)[..., None] + sizes.rim
    rim = RIM_AT_HEAD * sizes.rim * np.minimum(1, along / (FULL_RIM * head))
    widening = BLUNT_TIP + along * sizes.head_half / head + rim
    half_width = np.where(along <= head, widening, sizes.line + sizes.rim)
    margin = np.minimum(BODY_MARGIN, 0.5 * along)
    end = length[..., None] + sizes.rim + BODY_MARGIN
    hit = (along > 0.5) & (along < end) & (across < half_width + margin)
    return np.asarray((hit & ~own).any(axis=2))


def nearness(
    points: Floats,
    tails: Floats,
    corners: Floats,
    half: Floats,
    picture: tuple[int, int],
    sizes: Sizes,
    frame: Frame,
) -> Floats:
    """Nearness to other points and to the border, and pointing outward from the crowd."""
    limit = np.array(picture, dtype=np.float64)
    centres = corners + half
    label = max(2.0, float(half.max()) * 2)
    scale = sizes.length + label + sizes.reach

    others = ~np.eye(len(points), dtype=np.bool_)[:, None]
    to_label = _to_label(points, centres, half)
    cost = (2.0 * np.exp(-to_label / (0.5 * label)) * others).sum(axis=2)
    if sizes.length:
        beyond = np.maximum(np.maximum(-frame.along, frame.along - frame.length[..., None]), 0)
        to_arrow = np.hypot(frame.across, beyond)
        # A point behind the tip is in nobody's way, however near the tip it is.
        ahead = np.clip(frame.along / (0.25 * sizes.length), 0, 1)
        cost += (2.0 * np.exp(-to_arrow / (0.25 * sizes.length)) * ahead * others).sum(axis=2)
        cost += _clipped_head(points, tails, limit, sizes)

    room = np.minimum(*parted(np.minimum(corners, limit - corners - 2 * half)))
    cost += 0.5 * np.clip(1 - room / (0.35 * label), 0, 1)

    middle = points.mean(axis=0) if len(points) > 1 else limit / 2
    outward = points - middle
    outward = outward / np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 0.5 * scale)
    heading_x, heading_y = parted(centres - points[:, None])
    far = np.maximum(norm(heading_x, heading_y), 1e-9)
    heading_x, heading_y = heading_x / far, heading_y / far
    cost -= 0.8 * (heading_x * outward[:, :1] + heading_y * outward[:, 1:])
    # Where nothing else decides, arrows come from above right.
    return np.asarray(cost - 0.06 * (heading_x * 0.5 - heading_y * 0.85))


def _clipped_head(points: Floats, tails: Floats, limit: Floats, sizes: Sizes) -> Floats:
    """How much of an arrow's head would be outside the picture, 0 to 2."""
    arrow = tails - points[:, None]
    unit = arrow / norm(*parted(arrow))[..., None]
    across = np.stack([-unit[..., 1], unit[..., 0]], axis=2) * (sizes.head_half + sizes.rim)
    back = points[:, None] + unit * sizes.head_length
    lost = np.zeros(tails.shape[:2])
    for corner in (back + across, back - across):
        outside = np.maximum(*parted(np.maximum(-corner, corner - limit)))
        lost += np.clip(outside / max(1.0, sizes.head_half), 0, 1)
    return lost

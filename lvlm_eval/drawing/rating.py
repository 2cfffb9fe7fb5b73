"""Checks and rates single ways to place a marker against the points and the picture's border.

Everywhere: points are (marks, 2); tails of arrows and corners of label boxes are (marks, ways, 2);
all in px. ``half`` is half the width and height of a label box.
"""

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
    limit = np.array(picture, dtype=np.float64)
    inside = (corners >= 0).all(axis=2) & (corners + 2 * half <= limit).all(axis=2)
    centres = corners + half
    if sizes.length:
        margin = sizes.line + sizes.rim
        inside &= ((tails >= margin) & (tails <= limit - margin)).all(axis=2)
    if not half.any():
        return np.asarray(inside)
    offset = np.abs(centres[:, :, None] - points[None, None])
    distance = np.linalg.norm(np.maximum(offset - half, 0), axis=3)
    on_point = (distance < max(POINT_MARGIN, sizes.reach)).any(axis=2)
    return np.asarray(inside & ~on_point)


def covers_other(points: Floats, tails: Floats, sizes: Sizes) -> Bools:
    """Whether an arrow, or a line to a far label, lies on another mark's point, (marks, ways).

    A point within a px or so of the arrow's own tip is no reason: all directions touch it.
    """
    along, across, length = _arrow_frame(points, tails)
    own = np.eye(len(points), dtype=np.bool_)[:, None]
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


def _arrow_frame(points: Floats, tails: Floats) -> tuple[Floats, Floats, Floats]:
    """Each point as seen from each arrow: px along it from the tip, px to its side; lengths."""
    arrow = tails - points[:, None]
    length = np.linalg.norm(arrow, axis=2)
    unit = arrow / np.maximum(length, 1e-9)[..., None]
    to_point = points[None, None] - points[:, None, None]
    along = (to_point * unit[:, :, None]).sum(axis=3)
    across = np.abs(to_point[..., 0] * unit[:, :, None, 1] - to_point[..., 1] * unit[:, :, None, 0])
    return along, across, length


def nearness(
    points: Floats,
    tails: Floats,
    corners: Floats,
    half: Floats,
    picture: tuple[int, int],
    sizes: Sizes,
) -> Floats:
    """Nearness to other points and to the border, and pointing outward from the crowd."""
    limit = np.array(picture, dtype=np.float64)
    centres = corners + half
    label = max(2.0, float(half.max()) * 2)
    scale = sizes.length + label + sizes.reach
    cost = np.zeros(tails.shape[:2])

    offset = np.abs(centres[:, :, None] - points[None, None]) - half
    to_label = np.linalg.norm(np.maximum(offset, 0), axis=3)
    others = ~np.eye(len(points), dtype=np.bool_)[:, None]
    cost += (2.0 * np.exp(-to_label / (0.5 * label)) * others).sum(axis=2)
    if sizes.length:
        along, across, length = _arrow_frame(points, tails)
        beyond = np.maximum(np.maximum(-along, along - length[..., None]), 0)
        to_arrow = np.hypot(across, beyond)
        # A point behind the tip is in nobody's way, however near the tip it is.
        ahead = np.clip(along / (0.25 * sizes.length), 0, 1)
        cost += (2.0 * np.exp(-to_arrow / (0.25 * sizes.length)) * ahead * others).sum(axis=2)
        cost += _clipped_head(points, tails, limit, sizes)

    room = np.minimum(corners, limit - corners - 2 * half).min(axis=2)
    cost += 0.5 * np.clip(1 - room / (0.35 * label), 0, 1)

    middle = points.mean(axis=0) if len(points) > 1 else limit / 2
    outward = points - middle
    outward = outward / np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 0.5 * scale)
    heading = centres - points[:, None]
    heading = heading / np.maximum(np.linalg.norm(heading, axis=2, keepdims=True), 1e-9)
    cost -= 0.8 * (heading * outward[:, None]).sum(axis=2)
    # Where nothing else decides, arrows come from above right.
    return np.asarray(cost - 0.06 * (heading @ np.array([0.5, -0.85])))


def _clipped_head(points: Floats, tails: Floats, limit: Floats, sizes: Sizes) -> Floats:
    """How much of an arrow's head would be outside the picture, 0 to 2."""
    arrow = tails - points[:, None]
    unit = arrow / np.linalg.norm(arrow, axis=2, keepdims=True)
    across = np.stack([-unit[..., 1], unit[..., 0]], axis=2) * (sizes.head_half + sizes.rim)
    back = points[:, None] + unit * sizes.head_length
    lost = np.zeros(tails.shape[:2])
    for corner in (back + across, back - across):
        outside = np.maximum(-corner, corner - limit).max(axis=2)
        lost += np.clip(outside / max(1.0, sizes.head_half), 0, 1)
    return lost

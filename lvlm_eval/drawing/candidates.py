"""All the ways to place one marker: from where the arrow comes, and where its label stands.

Arrays have the marks first and the ways second. A way is a direction (from the keypoint to the
tail), a length and a side of the tail for the label.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from lvlm_eval.drawing.lettering import LabelBox
from lvlm_eval.drawing.sizing import Sizes

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SIDES = (0, 1, -1)
"""The label beyond the tail, or beside it on the one or the other side."""

POINT_MARGIN = 2.0
"""Px between a label's halo and another candidate's point, at least."""
BODY_MARGIN = 1.5
"""Px between an arrow and another candidate's point, at least."""


@dataclass(frozen=True, slots=True)
class Grid:
    """From where, and from how far away, a marker's label may come.

    Attributes:
        directions: evenly spread round the keypoint.
        arrows: arrow lengths, in nominal lengths.
        gaps: gaps between a centred shape and its label, in nominal gaps.
    """

    directions: int
    arrows: tuple[float, ...]
    gaps: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Ways:
    """Every way of every mark.

    Attributes:
        points: keypoints, (marks, 2), px.
        tails: far ends of the arrows, (marks, ways, 2), px; the keypoint for centred shapes.
        corners: left and top of the label boxes, (marks, ways, 2), whole px.
        half: half the width and height of a label box, px.
        fits: (marks, ways): the label is inside the picture and on no other mark's point.
        covers: (marks, ways): the arrow is on another mark's point.
        cost: (marks, ways): how undesirable a way is, looking at the points alone.
        harm: (marks, ways): the same for a marker whose label fits nowhere, so that reaching out
            of the picture is what counts.
    """

    points: Floats
    tails: Floats
    corners: Floats
    half: Floats
    fits: Bools
    covers: Bools
    cost: Floats
    harm: Floats

    @property
    def centres(self) -> Floats:
        """Centres of the label boxes, (marks, ways, 2), px."""
        return self.corners + self.half


def enumerate_ways(
    points: Floats, picture: tuple[int, int], sizes: Sizes, box: LabelBox, grid: Grid
) -> Ways:
    """List, check and rate the ways to place every mark.

    Args:
        points: keypoints, (marks, 2), px, inside the picture.
        picture: width and height in px.
        sizes: of the markers.
        box: of the labels.
        grid: the ways that are tried.
    """
    along, multiples, sides = _variants(sizes, grid)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) * sides[:, None]
    half = np.array([box.width, box.height]) / 2
    if sizes.length:
        tails = points[:, None] + along * (multiples * sizes.length)[:, None]
        beyond = sizes.line + sizes.rim + sizes.gap + _edge_distance(along, half)
        beside = sizes.line + sizes.rim + sizes.gap + np.abs(across) @ half
        back = np.minimum(0.5 * multiples * sizes.length, np.abs(along) @ half)
        shift = np.where(
            sides[:, None] == 0,
            along * beyond[:, None],
            across * beside[:, None] - along * back[:, None],
        )
    else:
        tails = np.broadcast_to(points[:, None], (len(points), len(along), 2)).copy()
        away = sizes.reach + sizes.gap * multiples + _edge_distance(along, half)
        shift = along * away[:, None]
    corners = np.rint(tails + shift - half)
    covers = _covers_other(points, tails, sizes)
    fits = _label_fits(points, tails, corners, half, picture, sizes)
    cost = _cost(points, tails, corners, half, picture, sizes)
    preference = (
        0.9 * np.abs(np.log(multiples)) + 0.55 * (sides != 0)
        if sizes.length
        else 0.35 * (multiples - 1)
    )
    cost = np.round(cost + preference, 6)
    limit = np.array(picture, dtype=np.float64)
    outside = np.maximum(-tails, tails - limit).max(axis=2).clip(min=0)
    harm = cost + 10.0 * np.round(outside, 6)
    return Ways(points, tails, corners, half, fits, covers, cost, harm)


def _variants(sizes: Sizes, grid: Grid) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Direction, length and side of each way; the ways of one direction are neighbours."""
    variants = product(grid.arrows, SIDES) if sizes.length else product(grid.gaps, (0,))
    multiples, sides = (np.array(part) for part in zip(*variants, strict=True))
    angles = np.arange(grid.directions) * (2 * np.pi / grid.directions)
    circle = np.round(np.stack([np.cos(angles), np.sin(angles)], axis=1), 12)
    along = np.repeat(circle, len(multiples), axis=0)
    return along, np.tile(multiples, len(circle)), np.tile(sides, len(circle))


def _edge_distance(along: Floats, half: Floats) -> Floats:
    """From a box's centre to its edge in each direction."""
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(np.abs(along) > 0, half / np.abs(along), np.inf)
    return reach.min(axis=1)


def _label_fits(
    points: Floats,
    tails: Floats,
    corners: Floats,
    half: Floats,
    picture: tuple[int, int],
    sizes: Sizes,
) -> Bools:
    limit = np.array(picture, dtype=np.float64)
    inside = (corners >= 0).all(axis=2) & (corners + 2 * half <= limit).all(axis=2)
    centres = corners + half
    if sizes.length:
        margin = sizes.line + sizes.rim
        inside &= ((tails >= margin) & (tails <= limit - margin)).all(axis=2)
    if not half.any():
        return inside
    offset = np.abs(centres[:, :, None] - points[None, None])
    margins = np.full((len(points), len(points)), max(POINT_MARGIN, sizes.reach))
    distance = np.linalg.norm(np.maximum(offset - half, 0), axis=3)
    on_point = (distance < margins[:, None]).any(axis=2)
    return inside & ~on_point


def _covers_other(points: Floats, tails: Floats, sizes: Sizes) -> Bools:
    """Whether an arrow lies on another mark's point, (marks, ways).

    A point within a px or so of the arrow's own tip is no reason: all directions touch it.
    """
    if not sizes.length:
        return np.zeros(tails.shape[:2], dtype=np.bool_)
    along, across, length = _arrow_frame(points, tails)
    head = np.minimum(sizes.head_length, 0.62 * length)[..., None] + sizes.rim
    widening = along * (sizes.head_half + sizes.rim) / head
    half_width = np.where(along <= head, widening, sizes.line + sizes.rim)
    margin = np.minimum(BODY_MARGIN, 0.5 * along)
    end = length[..., None] + sizes.rim + BODY_MARGIN
    hit = (along > 0.5) & (along < end) & (across < half_width + margin)
    own = np.eye(len(points), dtype=np.bool_)[:, None]
    return (hit & ~own).any(axis=2)


def _arrow_frame(points: Floats, tails: Floats) -> tuple[Floats, Floats, Floats]:
    """Each point as seen from each arrow: px along it from the tip, px to its side; lengths."""
    arrow = tails - points[:, None]
    length = np.linalg.norm(arrow, axis=2)
    unit = arrow / length[..., None]
    to_point = points[None, None] - points[:, None, None]
    along = (to_point * unit[:, :, None]).sum(axis=3)
    across = np.abs(to_point[..., 0] * unit[:, :, None, 1] - to_point[..., 1] * unit[:, :, None, 0])
    return along, across, length


def _cost(
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
    return cost - 0.06 * (heading @ np.array([0.5, -0.85]))


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

"""All the ways to place one marker: from where the arrow comes, and where its label stands.

Arrays have the marks first and the ways second. A way is a direction (from the keypoint to the
tail), a length and a side of the tail for the label.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np

from lvlm_eval.drawing.lettering import LabelBox
from lvlm_eval.drawing.rating import (
    Bools,
    Floats,
    covers_other,
    frame_of,
    label_fits,
    nearness,
    parted,
)
from lvlm_eval.drawing.sizing import Sizes

FAR = 4.0
"""From so many nominal gaps on a label is tied to its centred shape by a line."""
SIDES = (0, 1, -1)
"""The label beyond the tail, or beside it on the one or the other side."""


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
        tails: far ends of the arrows, (marks, ways, 2), px; of centred shapes the end of the line
            that ties a far label to them, or the keypoint.
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
    along, multiples, sides = _variants(grid, arrows=sizes.length > 0)
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
        away = sizes.reach + sizes.gap * multiples
        leader = np.where(multiples >= FAR, away - sizes.gap, 0.0)
        tails = points[:, None] + along * leader[:, None]
        shift = along * (away - leader + _edge_distance(along, half))[:, None]
    corners = np.rint(tails + shift - half)
    frame = frame_of(points, tails)
    covers = covers_other(frame, sizes)
    fits = label_fits(points, tails, corners, half, picture, sizes)
    cost = nearness(points, tails, corners, half, picture, sizes, frame)
    preference = (
        0.9 * np.abs(np.log(multiples)) + 0.55 * (sides != 0)
        if sizes.length
        else 0.35 * (multiples - 1)
    )
    cost = np.round(cost + np.asarray(preference, dtype=np.float64), 6)
    limit = np.array(picture, dtype=np.float64)
    outside = np.maximum(*parted(np.maximum(-tails, tails - limit))).clip(min=0)
    harm = cost + 10.0 * np.round(outside, 6)
    return Ways(points, tails, corners, half, fits, covers, cost, harm)


@lru_cache(maxsize=8)
def _variants(grid: Grid, arrows: bool) -> tuple[Floats, Floats, Floats]:
    """Direction, length and side of each way; the ways of one direction are neighbours."""
    variants = product(grid.arrows, SIDES) if arrows else product(grid.gaps, (0,))
    multiples, sides = (np.array(part, dtype=np.float64) for part in zip(*variants, strict=True))
    angles = np.arange(grid.directions, dtype=np.float64) * (2 * np.pi / grid.directions)
    circle = np.round(np.stack([np.cos(angles), np.sin(angles)], axis=1), 12)
    along = np.repeat(circle, len(multiples), axis=0)
    found = along, np.tile(multiples, len(circle)), np.tile(sides, len(circle))
    for part in found:
        part.flags.writeable = False
    return found


def _edge_distance(along: Floats, half: Floats) -> Floats:
    """From a box's centre to its edge in each direction."""
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(np.abs(along) > 0, half / np.abs(along), np.inf)
    return np.asarray(reach.min(axis=1))

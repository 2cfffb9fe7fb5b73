"""Decides where markers and labels go; draws nothing.

Rules that are never broken: a label is inside the picture and on no other mark's point. Rules that
hold wherever a solution is found: every mark has its label, no arrow is on another mark's point,
labels do not overlap, no arrow touches another mark's label. Wishes: arrows come from the freest
side, do not cross, and stay away from other points, labels and the border. All marks are placed
together. Where the rules cannot be kept, arrows become longer first, then all markers smaller.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from lvlm_eval.drawing.candidates import Grid, enumerate_ways
from lvlm_eval.drawing.choice import Indices, cheapest
from lvlm_eval.drawing.conflicts import FORBIDDEN, conflict_costs
from lvlm_eval.drawing.lettering import LabelBox, label_box
from lvlm_eval.drawing.mark import Mark
from lvlm_eval.drawing.rating import Floats
from lvlm_eval.drawing.sizing import Sizes, sizes_of
from lvlm_eval.drawing.style import Style

SCALES = (1.0, 0.86, 0.74, 0.63, 0.54, 0.46, 0.4)
FEW = 6
"""The cheapest ways of each mark, of which a first whole choice is made."""
ROUNDING = 1e-4
"""More than what rounding can add up to in the cost of a choice."""
MANY_MARKS = 8
"""Above so many marks the search stays rough: pairs grow with the square."""


@dataclass(frozen=True, slots=True)
class Search:
    """How hard a layout is looked for.

    Attributes:
        grid: the ways that are tried.
        ways: kept for each direction.
        beam: partial choices that are kept.
    """

    grid: Grid
    ways: int
    beam: int


USUAL = Grid(directions=24, arrows=(1.0, 0.78, 1.3), gaps=(1.0, 2.5, 4.0))
STRETCHED = Grid(
    directions=36,
    arrows=(1.0, 0.78, 1.3, 1.75, 2.3, 3.0),
    gaps=(1.0, 2.5, 4.0, 6.0, 9.0, 13.0, 18.0),
)
ROUGH, QUICK = Search(USUAL, ways=1, beam=64), Search(USUAL, ways=2, beam=256)
THOROUGH = Search(STRETCHED, ways=3, beam=512)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one marker goes.

    Attributes:
        mark: what is marked, in px of the picture.
        tail: far end of the arrow, px; of a centred shape the end of the line that ties a far
            label to it, or the keypoint itself.
        corner: left and top of the label's box in px; None where no label fits or there is none.
    """

    mark: Mark
    tail: tuple[float, float]
    corner: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Layout:
    """Where all markers of a picture go.

    Attributes:
        sizes: of the markers, after shrinking.
        box: size of every label's box.
        placements: in the order of the marks.
        broken: 0 where all rules are kept; else a sum over the broken ones: 1 for a point under an
            arrow or a marker on a label, 3 for labels that overlap, 4 for a label left out.
    """

    sizes: Sizes
    box: LabelBox
    placements: tuple[Placement, ...]
    broken: int


def arrange(style: Style, picture: tuple[int, int], marks: Sequence[Mark]) -> Layout:
    """Place all marks of a picture.

    The result depends on the set of points and labels alone, neither on the order of the marks
    nor on which letter stands where.

    Args:
        style: the marker style.
        picture: width and height in px.
        marks: in px of the picture, inside it.
    """
    order = sorted(range(len(marks)), key=lambda i: (marks[i].x, marks[i].y, marks[i].label))
    points = np.array([(marks[i].x, marks[i].y) for i in order], dtype=np.float64).reshape(-1, 2)
    texts = tuple(marks[i].label for i in order)
    searches = (QUICK, THOROUGH) if len(marks) <= MANY_MARKS else (ROUGH,)
    best: Layout | None = None
    for scale, search in product(SCALES, searches):
        sizes = sizes_of(style, picture, scale)
        box = label_box(texts, sizes.font, sizes.halo)
        if not marks:
            return Layout(sizes, box, (), 0)
        tails, corners, broken = _place(points, texts, picture, sizes, box, search)
        if best is None or broken < best.broken:
            placed: dict[int, Placement] = {}
            for index, tail, corner in zip(order, tails, corners, strict=True):
                placed[index] = Placement(marks[index], tail, corner)
            placements = tuple(placed[index] for index in range(len(marks)))
            best = Layout(sizes, box, placements, broken)
        if best.broken == 0:
            break
    assert best is not None
    return best


def _place(
    points: Floats,
    texts: tuple[str, ...],
    picture: tuple[int, int],
    sizes: Sizes,
    box: LabelBox,
    search: Search,
) -> tuple[list[tuple[float, float]], list[tuple[int, int] | None], int]:
    """Tails, label corners, and the number of broken rules at one size."""
    ways = enumerate_ways(points, picture, sizes, box, search.grid)
    possible = np.asarray(ways.fits.any(axis=1))
    labelled = possible & np.array([bool(text) for text in texts])
    # A mark whose label fits nowhere still shows its marker, with as little harm as can be.
    cost = np.where(possible[:, None], np.where(ways.fits, ways.cost, np.inf), ways.harm)
    cost = cost + FORBIDDEN * ways.covers
    chosen = _shortlist(cost, search)
    if len(points) > 1:
        chosen = _promising(cost, chosen, lambda few: conflict_costs(ways, few, labelled, sizes))
    own = np.take_along_axis(cost, chosen, axis=1)
    shared = conflict_costs(ways, chosen, labelled, sizes)
    choice, total = cheapest(own, shared, search.beam)
    broken = max(0, round(total / FORBIDDEN))  # Wishes add up to less than half of one rule.
    marks = np.arange(len(points))
    way = chosen[marks, choice]
    tails = [(float(x), float(y)) for x, y in ways.tails[marks, way]]
    corners = [
        (int(x), int(y)) if has_label else None
        for (x, y), has_label in zip(ways.corners[marks, way], labelled, strict=True)
    ]
    return tails, corners, 4 * int((~possible).sum()) + broken


def _promising(cost: Floats, chosen: Indices, rate: Callable[[Indices], Floats]) -> Indices:
    """Drop the ways that cannot be part of the cheapest choice, before every two are rated.

    What two ways cost together is never negative. So a way is out if it, with the cheapest way of
    every other mark, costs more by itself than a whole choice that is known.

    Args:
        cost: (marks, ways).
        chosen: (marks, k): the indices that are looked at.
        rate: gives the common cost of every two of the indices that it gets.

    Returns:
        (marks, at most k): the indices that are left, in their order; padded at the end of a row.
    """
    own = np.take_along_axis(cost, chosen, axis=1)
    best = np.sort(np.argsort(own, axis=1, kind="stable")[:, :FEW], axis=1)
    few = np.take_along_axis(chosen, best, axis=1)
    _, known = cheapest(np.take_along_axis(own, best, axis=1), rate(few), FEW**2)
    least = own.min(axis=1)
    out = own + (least.sum() - least)[:, None] > known + ROUNDING
    kept = int((~out).sum(axis=1).max())
    order = np.argsort(out, axis=1, kind="stable")[:, :kept]
    return np.asarray(np.take_along_axis(chosen, order, axis=1))


def _shortlist(cost: Floats, search: Search) -> Indices:
    """Indices of the cheapest ways of every direction, (marks, directions * search.ways)."""
    marks, count = cost.shape
    directions = search.grid.directions
    variants = count // directions
    grouped = cost.reshape(marks, directions, variants)
    best = np.argsort(grouped, axis=2, kind="stable")[:, :, : search.ways]
    start = np.arange(directions)[:, None] * variants
    return np.asarray((best + start).reshape(marks, -1))

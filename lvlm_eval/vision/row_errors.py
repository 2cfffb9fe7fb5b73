"""How far off every row is, by each way of counting: NaN where a row is none of it."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lvlm_eval.vision.correspondences import NONE, Rows
from lvlm_eval.vision.grid import Floats, Integers, cells_of, corners_of
from lvlm_eval.vision.search import UNKNOWN, Findings

Booleans = npt.NDArray[np.bool_]

SKIPPED = (
    "no keypoint of the same name",
    "fewer than two candidates",
    "no candidates",
    "the right one is no candidate",
)
"""Why a source keypoint is none of SOC-geo, in the order in which it is asked."""


@dataclass(frozen=True, slots=True)
class RowErrors:
    """Distances between what was found and what is right, as shares of the object.

    An error of 0.1 is a tenth of the box's longer side. All arrays are (rows,).

    Attributes:
        points: (rows, 2), the predicted points; NaN of rows whose photos were left out.
        cc: to the nearest keypoint of the concept.
        soc: to the keypoint of the same name.
        soft: the same, from the soft point.
        geo: of the best among the concept's cells, to the keypoint of the same name.
        other: to the nearest keypoint of the concept that has another name.
        candidates: keypoints of the concept in the target.
        chance: threshold → expected PCK of a cell drawn among the candidates.
        skipped: variant of SOC-geo → why a row is none of it, a place in `SKIPPED`, or -1.
    """

    points: Floats
    cc: Floats
    soc: Floats
    soft: Floats
    geo: Floats
    other: Floats
    candidates: Integers
    chance: Mapping[float, Floats]
    skipped: Mapping[str, Integers]


def row_errors(
    rows: Rows, found: Findings, thresholds: tuple[float, ...], centre: bool = False
) -> RowErrors:
    """Measure every row.

    Args:
        rows: what was looked for.
        found: what was found.
        thresholds: that chance levels are wanted for.
        centre: cells count as their centres, not as their top-left corners.
    """
    known = found.cells != UNKNOWN
    points = corners_of(found.cells, found.grid, centre)
    points[~known] = np.nan
    soft = found.soft + (0.5 / np.array(found.grid[::-1]) if centre else 0.0)
    geo = corners_of(found.geo, found.grid, centre)
    geo[found.geo == UNKNOWN] = np.nan
    same = _apart(points[:, None], rows.same) / rows.reach[:, None]
    other = same.copy()
    has_right = rows.same_right != NONE
    other[np.flatnonzero(has_right), rows.same_right[has_right]] = np.nan
    return RowErrors(
        points,
        cc=_least(same),
        soc=_apart(points, rows.right) / rows.reach,
        soft=_apart(soft, rows.right) / rows.reach,
        geo=_apart(geo, rows.right) / rows.reach,
        other=_least(other),
        candidates=_candidates(rows),
        chance=_chance(rows, found, thresholds, centre),
        skipped={"all": _skipped(rows, 1), "multi": _skipped(rows, 2)},
    )


def _apart(found: Floats, right: Floats) -> Floats:
    """Euclidean distances along the last axis."""
    apart: Floats = np.hypot(found[..., 0] - right[..., 0], found[..., 1] - right[..., 1])
    return apart


def _least(errors: Floats) -> Floats:
    """Row by row the least number; NaN where there is none."""
    if not errors.shape[1]:
        return np.full(len(errors), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # rows of NaN alone are meant to be NaN
        least: Floats = np.nanmin(errors, axis=1)
    return least


def _candidates(rows: Rows) -> Integers:
    number: Integers = (~np.isnan(rows.same[..., 0])).sum(axis=1)
    return number


def _skipped(rows: Rows, least: int) -> Integers:
    candidates = _candidates(rows)
    reasons = np.select(
        [
            np.isnan(rows.right[:, 0]),
            (candidates < least) & (least > 1),
            candidates == 0,
            rows.same_right == NONE,
        ],
        range(len(SKIPPED)),
        default=UNKNOWN,
    )
    return reasons.astype(np.int64)


def _chance(
    rows: Rows, found: Findings, thresholds: tuple[float, ...], centre: bool
) -> dict[float, Floats]:
    """Of each row, the share of its candidates' cells that would count as right."""
    if not rows.same.shape[1] or not all(found.grid):
        return {one: np.full(len(rows), np.nan) for one in thresholds}
    there = ~np.isnan(rows.same[..., 0])
    filled = np.where(there[..., None], rows.same, 0)
    cells = cells_of(filled.reshape(-1, 2), found.grid).reshape(there.shape)
    cells = np.sort(np.where(there, cells, -1), axis=1)
    distinct = (cells >= 0) & (np.diff(cells, axis=1, prepend=-2) != 0)
    errors = _apart(corners_of(cells, found.grid, centre), rows.right[:, None])
    errors /= rows.reach[:, None]
    number = distinct.sum(axis=1)
    return {
        one: np.where(
            number, ((errors < one) & distinct).sum(axis=1) / np.maximum(number, 1), np.nan
        )
        for one in thresholds
    }

"""PCK: the share of keypoints that are found, by pair and by keypoint, averaged over groups.

Reduction ``pair`` (the published one) takes the mean over a pair's keypoints, then over a group's
pairs, then over groups; reduction ``keypoint`` pools a group's keypoints. Pairs without a keypoint
are left out of a metric, and so are groups without one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lvlm_eval.vision.grid import Floats, Integers

THRESHOLDS = (0.10, 0.05, 0.02)


def threshold_name(threshold: float) -> str:
    """As it stands in the records: ``0.10``, or more digits where it has them."""
    return f"{threshold:.2f}" if round(threshold, 2) == threshold else f"{threshold:g}"


@dataclass(frozen=True, slots=True)
class Layout:
    """Which rows belong together.

    Attributes:
        pair: (rows,), number of the pair.
        group: (pairs,), number of the group.
        groups: their names.
    """

    pair: Integers
    group: Integers
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pck:
    """One metric at several thresholds.

    Attributes:
        thresholds: in the order of the last axis of all arrays.
        of_pairs: (pairs, thresholds), shares from 0 to 1; NaN of pairs without a keypoint.
        by_pair: (groups, thresholds), means over pairs.
        by_keypoint: (groups, thresholds), of the keypoints pooled.
        pairs: (groups,), that have a keypoint.
        keypoints: (groups,).
    """

    thresholds: tuple[float, ...]
    of_pairs: Floats
    by_pair: Floats
    by_keypoint: Floats
    pairs: Integers
    keypoints: Integers

    def overall(self, reduction: str) -> Floats:
        """(thresholds,), mean over groups; NaN where no group has a keypoint."""
        of_groups = self.by_pair if reduction == "pair" else self.by_keypoint
        filled = of_groups[self.pairs > 0]
        empty = np.full(len(self.thresholds), np.nan)
        return np.asarray(filled.mean(axis=0)) if len(filled) else empty


def pck(errors: Floats, layout: Layout, thresholds: tuple[float, ...]) -> Pck:
    """Count what is right: an error strictly below the threshold.

    Args:
        errors: (rows,); NaN where a row is none of the metric.
        layout: which rows belong together.
        thresholds: as shares of the object.
    """
    counted = ~np.isnan(errors)
    right = errors[:, None] < np.array(thresholds)
    return shares(right.astype(np.float64), counted, layout, thresholds)


def shares(
    values: Floats,
    counted: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]",
    layout: Layout,
    thresholds: tuple[float, ...],
) -> Pck:
    """Reduce values of rows as PCK does.

    Args:
        values: (rows, thresholds), from 0 to 1.
        counted: (rows,), the rows that are part of the metric.
        layout: which rows belong together.
        thresholds: that the columns stand for.
    """
    pairs, groups = len(layout.group), len(layout.groups)
    pair = layout.pair[counted]
    number = np.bincount(pair, minlength=pairs)
    sums = _sums(values[counted], pair, pairs)
    filled = number > 0
    of_pairs = np.full(sums.shape, np.nan)
    of_pairs[filled] = sums[filled] / number[filled, None]
    of_group = layout.group[filled]
    pairs_of = np.bincount(of_group, minlength=groups)
    keypoints_of = np.bincount(of_group, weights=number[filled], minlength=groups).astype(np.int64)
    with np.errstate(invalid="ignore"):
        by_pair = _sums(of_pairs[filled], of_group, groups) / pairs_of[:, None]
        by_keypoint = _sums(sums[filled], of_group, groups) / keypoints_of[:, None]
    return Pck(thresholds, of_pairs, by_pair, by_keypoint, pairs_of, keypoints_of)


def _sums(values: Floats, places: Integers, size: int) -> Floats:
    """(size, columns), the sums of the rows that have the same place."""
    columns = [np.bincount(places, weights=one, minlength=size) for one in values.T]
    return np.stack(columns, axis=1) if columns else np.zeros((size, 0))


def by_supercategory(
    of_groups: Mapping[str, Floats], groups: Mapping[str, str]
) -> dict[str, Floats]:
    """Average the categories of each super-category.

    Args:
        of_groups: group → (thresholds,); groups without a figure are absent.
        groups: group → super-category, as far as known.
    """
    members: dict[str, list[Floats]] = {}
    for group, figures in of_groups.items():
        if group in groups:
            members.setdefault(groups[group], []).append(figures)
    return {name: np.mean(figures, axis=0) for name, figures in sorted(members.items())}

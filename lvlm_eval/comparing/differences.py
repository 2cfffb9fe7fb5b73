"""The difference of two accuracies over the same questions, with its interval and its test."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lvlm_eval.comparing.relations import Relations
from lvlm_eval.comparing.statistics_extra import statistics_library
from lvlm_eval.intervals import Interval

LEAST_DESIGN_EFFECT = 0.5
"""An estimate below it, or below zero, is noise of few photos, not knowledge."""

_ADDED = 2.0
"""Questions that are added to steady the interval, half a one to each cell of the 2x2 table."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Two accuracies and how far they are apart.

    Attributes:
        a: percent of the first run.
        b: percent of the second run.
        difference: b - a, percentage points.
        ci95: 95 % interval of the difference, percentage points.
        p: two-sided p of no difference; below 0.05 exactly where the interval leaves out 0.
        effective: number of independent questions that would tell as much.
        is_estimated: whether the residuals tell how far related questions go together; if not,
            related questions count as one in ``effective``, the worst case.
        degrees_of_freedom: of Student's distribution.
    """

    a: float
    b: float
    difference: float
    ci95: Interval
    p: float
    effective: float
    is_estimated: bool
    degrees_of_freedom: float


def paired_difference(
    a: Sequence[tuple[int, int]], b: Sequence[tuple[int, int]], relations: Relations
) -> Difference:
    """Compare two accuracies, each the sum of right rows over the sum of rows.

    Of the ratios the residual of question i is e_i = (right_bi - p_b rows_bi) / mean(rows_b) -
    (right_ai - p_a rows_ai) / mean(rows_a) (linearisation; W. G. Cochran, Sampling Techniques,
    3rd edition, 1977, chapter 6). Its variance under the relations (`Relations`), against that of
    independent questions, is the design effect, and n over that the effective number of questions m
    (for 0/1 outcomes in clusters: N. A. Obuchowski, Stat. Med. 17, 1998, p. 1495). The interval is
    that of A. Agresti and Y. Min (Stat. Med. 24, 2005, p. 729) with m in the place of n and the t
    in the place of the normal quantile: two questions are added, half a one to each cell of the 2x2
    table, which keeps it from vanishing where no question tells the runs apart. Where all residuals
    are zero nothing is known of their dependence: related questions then count as one.

    Args:
        a: for each question the number of right rows and of rows (at least one) of the first run.
        b: the same of the second run, in the same order.
        relations: of the questions, in the same order.

    Raises:
        InputError: scipy is missing.
        ValueError: there is no question.
    """
    if not a or len(a) != len(b) or len(a) != relations.count:
        raise ValueError("expected the same questions, at least one, in a, b and relations")
    right_a, rows_a = np.array(a, dtype=float).T
    right_b, rows_b = np.array(b, dtype=float).T
    share_a, share_b = right_a.sum() / rows_a.sum(), right_b.sum() / rows_b.sum()
    difference = float(share_b - share_a)
    residuals = (right_b - share_b * rows_b) / rows_b.mean() - (
        right_a - share_a * rows_a
    ) / rows_a.mean()
    count = relations.count
    squares = float(residuals @ residuals)
    is_estimated = squares >= 1e-18 and not math.isinf(relations.correction)
    if not is_estimated:
        effective = count * count / float(relations.related.sum())
    else:
        # Both variances of the mean, times n².
        clustered = relations.sum_of_products(residuals) * relations.correction
        independent = squares * count / (count - 1)
        effective = count / max(clustered / independent, LEAST_DESIGN_EFFECT)
    spread = squares / (count - 1) if count > 1 else 0.0
    added = effective + _ADDED
    centre = difference * effective / added
    second_moment = (effective * (spread + difference * difference) + _ADDED / 2) / added
    error = math.sqrt((second_moment - centre * centre) / added)
    freedom = relations.degrees_of_freedom
    special = statistics_library("scipy.special")
    half = float(special.stdtrit(freedom, 0.975)) * error
    return Difference(
        # The shares times 100 can lie below a half that is shown rounded up elsewhere.
        a=float(100 * right_a.sum() / rows_a.sum()),
        b=float(100 * right_b.sum() / rows_b.sum()),
        difference=100 * difference,
        ci95=(100 * max(-1.0, centre - half), 100 * min(1.0, centre + half)),
        p=float(2 * special.stdtr(freedom, -abs(centre) / error)),
        effective=effective,
        is_estimated=is_estimated,
        degrees_of_freedom=freedom,
    )

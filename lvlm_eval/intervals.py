"""95 % confidence intervals for accuracies, with and without rows that come in clusters."""

import math
from collections.abc import Sequence

Interval = tuple[float, float]
"""Lower and upper end in percent, 0 to 100."""

Z95 = 1.959963984540054
"""97.5 % quantile of the normal distribution."""


def wilson(right: float, trials: float, quantile: float = Z95) -> Interval | None:
    """Score interval for a share (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927, p. 209).

    With p = right / trials and q the quantile, the ends are
    (p + q²/2n ± q·√(p(1-p)/n + q²/4n²)) / (1 + q²/n).

    Args:
        right: number of successes; a fraction where the trials are effective ones.
        trials: number of independent trials.
        quantile: of the normal distribution, or of Student's for an estimated variance.

    Returns:
        The interval in percent, or None without trials.
    """
    if trials <= 0:
        return None
    share = right / trials
    squared = quantile * quantile / trials
    middle = share + squared / 2
    half = quantile * math.sqrt(share * (1 - share) / trials + squared / (4 * trials))
    low, high = (middle - half) / (1 + squared), (middle + half) / (1 + squared)
    return (100 * max(0.0, min(low, share)), 100 * min(1.0, max(high, share)))


def clustered(clusters: Sequence[tuple[int, int]]) -> Interval | None:
    """Wilson interval for a mean over rows of which those of one question belong together.

    The rows count as many independent ones as give the cluster-robust variance of the mean,
    V = G/(G-1) · Σ(rightₖ - p·rowsₖ)² / N² (linearisation; W. G. Cochran, Sampling Techniques,
    3rd edition, 1977, chapter 6): n = p(1-p)/V, kept between the number of clusters G and of
    rows N. For few clusters Student's quantile with G-1 degrees of freedom takes the place of the
    normal one (C. Franco and others, J. Surv. Stat. Methodol. 7, 2019, p. 334). Where all rows are
    right, or none, nothing is known of their dependence: each cluster then counts as one row.

    Args:
        clusters: for each question the number of right rows and of rows; empty ones are left out.

    Returns:
        The interval in percent, or None without rows.
    """
    filled = [(right, rows) for right, rows in clusters if rows]
    count = len(filled)
    right = sum(one for one, _ in filled)
    rows = sum(one for _, one in filled)
    if not rows:
        return None
    share = right / rows
    if right in (0, rows) or count == 1:
        return wilson(share * count, count)
    spread = math.fsum((one - share * size) ** 2 for one, size in filled)
    variance = count / (count - 1) * spread / (rows * rows)
    independent = share * (1 - share) / variance if variance > 0 else rows
    trials = min(max(independent, count), rows)
    return wilson(share * trials, trials, student95(count - 1))


def student95(freedom: int) -> float:
    """97.5 % quantile of Student's t distribution.

    Closed forms for one and two degrees of freedom; beyond, the expansion of M. Abramowitz and
    I. A. Stegun, Handbook of Mathematical Functions, 26.7.5, whose error is below 0.004.

    Raises:
        ValueError: ``freedom`` is not positive.
    """
    if freedom < 1:
        raise ValueError(f"degrees of freedom: found {freedom}, expected at least 1")
    if freedom == 1:
        return math.tan(math.pi * 0.475)
    if freedom == 2:
        return 0.95 / math.sqrt(2 * 0.975 * 0.025)
    z = Z95
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / freedom ** (power + 1) for power, term in enumerate(terms))

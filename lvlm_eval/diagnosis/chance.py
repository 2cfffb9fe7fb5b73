"""What chance alone would do: tests for letters, for wrong answers and for paired differences.

The rows of a question are not independent: a model that settles on a point, or on a letter, does
so for all of them. Every test here counts a question as one trial at most.
"""

import math
from collections.abc import Sequence

import numpy as np

from lvlm_eval.diagnosis.answers import Floats, Ints
from lvlm_eval.intervals import Interval, student95, wilson


def chi_square_tail(statistic: float) -> float:
    """Probability that chi-square with three degrees of freedom is at least so large.

    In closed form erfc(√(x/2)) + √(2x/π)·exp(-x/2) (M. Abramowitz and I. A. Stegun, Handbook of
    Mathematical Functions, 26.4.4).
    """
    if statistic <= 0:
        return 1.0
    half = statistic / 2
    return math.erfc(math.sqrt(half)) + math.sqrt(2 * statistic / math.pi) * math.exp(-half)


def uniform_chi_square(counts: Sequence[int]) -> tuple[float, float]:
    """Pearson's test that four counts come from equal chances, each count of its own row.

    Returns:
        The statistic and the p value; 0 and 1 without counts.
    """
    expected = sum(counts) / len(counts)
    if not expected:
        return 0.0, 1.0
    statistic = sum((count - expected) ** 2 for count in counts) / expected
    return statistic, chi_square_tail(statistic)


def clustered_uniform(counts: Ints) -> tuple[float, float]:
    """Wald test that four letters are equally likely, where the rows of a question go together.

    With dₖ the counts of question k less a quarter of its rows, the statistic is
    (Σdₖ)ᵀ (Σ dₖdₖᵀ)⁻¹ (Σdₖ), chi-square with three degrees of freedom for many questions
    (K.-Y. Liang and S. L. Zeger, Biometrika 73, 1986, p. 13). It never exceeds Q.

    Args:
        counts: of each question how often each letter was answered; (Q, 4).

    Returns:
        The statistic and the p value.
    """
    if not len(counts):
        return 0.0, 1.0
    apart = counts - counts.sum(axis=1, keepdims=True) / counts.shape[1]
    total = apart.sum(axis=0)
    statistic = float(total @ np.linalg.pinv(apart.T @ apart, hermitian=True) @ total)
    return statistic, chi_square_tail(statistic)


def together_tail(sizes: Ints, chances: Floats, observed: int) -> float:
    """Probability that so many wrong answers, or more, are of a kind by chance alone.

    The wrong answers of a question are taken to go together: all ``sizes[k]`` of them are of the
    kind with probability ``chances[k]``, else none. That is the most dependent case, so the test
    is valid for others. The distribution of the sum is computed exactly, by convolution.

    Args:
        sizes: wrong answers of each question; (K,).
        chances: share of its three distractors that are of the kind; (K,).
        observed: how many wrong answers are of it.
    """
    if observed <= 0:
        return 1.0
    distribution = np.ones(1)
    for size, chance in zip(sizes.tolist(), chances.tolist(), strict=True):
        longer = np.zeros(len(distribution) + size)
        longer[: len(distribution)] = distribution * (1 - chance)
        longer[size:] += distribution * chance
        distribution = longer
    return float(min(1.0, distribution[observed:].sum()))


def binomial_tail(trials: int, chance: float, observed: int) -> float:
    """Probability of ``observed`` or more of ``trials`` independent ones, each with ``chance``."""
    return together_tail(np.ones(trials, np.int64), np.full(trials, chance), observed)


def paired_difference(
    first: tuple[Ints, Ints], second: tuple[Ints, Ints]
) -> tuple[float, Interval] | None:
    """Difference of two average accuracies over the same questions.

    The interval is by linearisation, with questions as clusters: with p the average over all rows,
    question k adds (rightₖ - p·rowsₖ) / rows of the one less that of the other, and the variance is
    G/(G-1) times the sum of their squares; Student's quantile with G-1 degrees of freedom. Where
    that sum is zero (all right against all wrong), the ends are combined from both Wilson intervals
    (R. G. Newcombe, Stat. Med. 17, 1998, p. 873, method 10), a question counting as one trial.

    Args:
        first: right rows and rows of each question; (Q,) each.
        second: the same of the other run.

    Returns:
        First less second and its 95 % interval, in percentage points; None without common rows.
    """
    common = (first[1] > 0) & (second[1] > 0)
    groups = int(common.sum())
    if not groups:
        return None
    shares, parts = [], []
    for right, rows in (first, second):
        right, rows = right[common], rows[common]
        share = right.sum() / rows.sum()
        shares.append(float(share))
        parts.append((right - share * rows) / rows.sum())
    difference = shares[0] - shares[1]
    square = float(((parts[0] - parts[1]) ** 2).sum())
    if groups > 1 and square > 1e-18:
        half = student95(groups - 1) * math.sqrt(groups / (groups - 1) * square)
        low, high = difference - half, difference + half
    else:
        ends = [wilson(share * groups, groups) or (0.0, 100.0) for share in shares]
        (low1, high1), (low2, high2) = ((low / 100, high / 100) for low, high in ends)
        low = difference - math.hypot(shares[0] - low1, high2 - shares[1])
        high = difference + math.hypot(high1 - shares[0], shares[1] - low2)
    return 100 * difference, (100 * max(-1.0, low), 100 * min(1.0, high))

"""What the questions that tell two runs apart can show: McNemar's test and its power."""

import math

from lvlm_eval.comparing.records import RightWrong
from lvlm_eval.comparing.statistics_extra import statistics_library

POWER, ALPHA = 0.80, 0.05


def mcnemar_exact(table: RightWrong) -> float:
    """Two-sided p of McNemar's exact test: 1 where no question tells the runs apart.

    Of the discordant questions each run has half if the runs are equally good (Q. McNemar,
    Psychometrika 12, 1947, p. 153; exact by the binomial distribution). Every question counts as
    independent.

    Raises:
        InputError: scipy is missing.
    """
    discordant = table.only_a + table.only_b
    if not discordant:
        return 1.0
    tail = statistics_library("scipy.special").bdtr
    return min(1.0, 2 * float(tail(min(table.only_a, table.only_b), discordant, 0.5)))


def smallest_difference(
    discordant_share: float, effective: float, degrees_of_freedom: float
) -> float | None:
    """The least true difference that is found at 5 % (two-sided) in 80 % of cases.

    R. J. Connor (Biometrics 43, 1987, p. 207): with discordance ψ, n questions show δ where
    δ√n = u √ψ + v √(ψ - δ²), u and v the 97.5 % and 80 % quantiles; solved for δ. Student's
    quantiles stand for the normal ones (as H. S. Bloom, Eval. Rev. 19, 1995, p. 547), the effective
    number of questions for n. A difference cannot exceed the discordance: where the δ that is found
    does, ψ is raised to δ.

    Args:
        discordant_share: of the questions, 0 to 1.
        effective: number of independent questions that tell as much.
        degrees_of_freedom: of Student's distribution.

    Returns:
        Percentage points, or None where even runs that differ in every question need more.

    Raises:
        InputError: scipy is missing.
    """
    quantile = statistics_library("scipy.special").stdtrit
    outer = float(quantile(degrees_of_freedom, 1 - ALPHA / 2))
    inner = float(quantile(degrees_of_freedom, POWER))
    size = effective + inner * inner
    within = outer * outer * effective - size * (outer * outer - inner * inner)
    if within >= 0:
        found = math.sqrt(discordant_share) * (outer * math.sqrt(effective) + math.sqrt(within))
        if 0 < found / size <= discordant_share:
            return 100 * found / size
    if outer * outer >= effective:
        return None
    # ψ = δ: with k = √(1 - δ), (n + v²) k² + 2uv k + u² - n = 0.
    product = outer * inner
    root = math.sqrt(product * product - size * (outer * outer - effective))
    kept = (root - product) / size
    return 100 * (1 - kept * kept)

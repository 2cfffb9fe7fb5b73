"""How the order of models depends on the conditions that they are asked under."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OrderChange:
    """How the order of models differs between two conditions.

    Attributes:
        tau: Kendall's tau-b, from -1 (reversed) to 1 (the same); None where all models are tied
            in one of the conditions.
        swaps: pairs of models that are in another order, ties not counted.
        pairs: pairs of models.
    """

    tau: float | None
    swaps: int
    pairs: int


def ranks(figures: Mapping[str, float]) -> dict[str, float]:
    """Name → rank, 1 for the highest figure; equal ones share the mean of their ranks."""
    return {
        name: 1
        + sum(other > one for other in figures.values())
        + (sum(other == one for other in figures.values()) - 1) / 2
        for name, one in figures.items()
    }


def order_change(one: Mapping[str, float], other: Mapping[str, float]) -> OrderChange:
    """Compare the orders that two conditions give to the same models.

    tau-b = (C - D) / √((n₀ - n₁)(n₀ - n₂)) with C and D the pairs in the same and in another order,
    n₀ all pairs, n₁ and n₂ those tied in either condition (M. G. Kendall, Biometrika 33, 1945,
    p. 239).

    Args:
        one: model → figure.
        other: the same models → their figures in the other condition.
    """
    same = swapped = tied_one = tied_other = pairs = 0
    for a, b in itertools.combinations(sorted(one), 2):
        first, second = _sign(one[a] - one[b]), _sign(other[a] - other[b])
        pairs += 1
        tied_one += first == 0
        tied_other += second == 0
        same += first * second > 0
        swapped += first * second < 0
    untied = (pairs - tied_one) * (pairs - tied_other)
    tau = (same - swapped) / math.sqrt(untied) if untied else None
    return OrderChange(tau, swapped, pairs)


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)

"""Which questions are related, and what that does to the variance of a mean over them.

Questions i and j are related (w_ij = 1) if they share a photo, or a pair; each is related to
itself. With residuals e the variance of a mean of n questions is estimated by the sandwich
V = Σ_ij w_ij e_i e_j / n². Where relations form disjoint groups this is the usual cluster-robust
variance; for photos, of which a question has two and any of them may be the source of one question
and the target of another, it is the dyadic-robust variance (M. Fafchamps and F. Gubert, J. Dev.
Econ. 83, 2007, p. 326; P. M. Aronow, C. Samii and V. A. Assenova, Polit. Anal. 23, 2015, p. 564).
Nothing of size n² is ever made: both sums are over photos, less what two shared photos count twice.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lvlm_eval.comparing.records import Cluster
from lvlm_eval.records import Question

Floats = npt.NDArray[np.float64]
_Codes = npt.NDArray[np.intp]

LEAST_DEGREES_OF_FREEDOM = 1.0
"""Where so few units are related that there are less, or none can be told."""


@dataclass(frozen=True, slots=True)
class Relations:
    """The relation of n questions, in the order that they were given.

    Attributes:
        signs: (sign, codes, members) of each sum. ``codes`` names for each membership the unit,
            and ``members`` the question.
        related: (n,) number of questions that each one is related to, itself included.
    """

    signs: tuple[tuple[int, _Codes, _Codes], ...]
    related: Floats

    @property
    def count(self) -> int:
        """Number of questions."""
        return len(self.related)

    @property
    def correction(self) -> float:
        """What V has to be multiplied with, so that it is unbiased for independent questions.

        With M = I - 11'/n, that is n / tr(MWM) (R. M. Bell and D. F. McCaffrey, Surv. Methodol. 28,
        2002, p. 169); G/(G-1) for G groups of one size. Infinite where all are related to all.
        """
        trace = self._trace
        return self.count / trace if trace > 1e-9 * self.count else float("inf")

    @property
    def degrees_of_freedom(self) -> float:
        """Satterthwaite's degrees of freedom of V, at least 1 (Bell and McCaffrey, as above).

        tr(MWM)² / tr((MWM)²), the value for independent questions; G-1 for G groups of one size.
        """
        total = self.related.sum()
        spread = total - 2 * (self.related @ self.related) / self.count + (total / self.count) ** 2
        if spread <= 1e-9 * self.count:
            return LEAST_DEGREES_OF_FREEDOM
        return max(LEAST_DEGREES_OF_FREEDOM, float(self._trace**2 / spread))

    @property
    def _trace(self) -> float:
        return float(self.count - self.related.sum() / self.count)

    def sum_of_products(self, residuals: Floats) -> float:
        """Σ_ij w_ij e_i e_j of (n,) residuals. Photos can make it negative."""
        return float(
            sum(
                sign * np.square(np.bincount(codes, weights=residuals[members])).sum()
                for sign, codes, members in self.signs
            )
        )


def relations_of(questions: Sequence[Question], cluster: Cluster) -> Relations:
    """Relate questions; those of which the data tells no pair, or no photo, are related to none."""
    return relations_of_units([_units(one, cluster) for one in questions])


def is_told(questions: Sequence[Question], cluster: Cluster) -> bool:
    """Whether the data tells for every question what it would be related by."""
    return all(_units(one, cluster) for one in questions)


def relations_of_units(units: Sequence[frozenset[Hashable]]) -> Relations:
    """Relate what has a unit in common.

    Args:
        units: of each question; none, one or two.

    Raises:
        ValueError: a question has more than two.
    """
    if any(len(one) > 2 for one in units):
        raise ValueError("a question has at most two photos")
    # Questions without a unit get one of their own, which no other can have.
    own: list[frozenset[Hashable]] = [
        one or frozenset({("alone", place)}) for place, one in enumerate(units)
    ]
    single = _coded([(unit, place) for place, one in enumerate(own) for unit in one])
    double = _coded([(one, place) for place, one in enumerate(own) if len(one) == 2])
    signs = ((1, *single), (-1, *double))
    related = np.zeros(len(own))
    for sign, codes, members in signs:
        np.add.at(related, members, sign * np.bincount(codes)[codes])
    return Relations(signs, related)


def _coded(memberships: Sequence[tuple[Hashable, int]]) -> tuple[_Codes, _Codes]:
    code_of: dict[Hashable, int] = {}
    codes = [code_of.setdefault(unit, len(code_of)) for unit, _ in memberships]
    members = [member for _, member in memberships]
    return np.array(codes, dtype=np.intp), np.array(members, dtype=np.intp)


def _units(question: Question, cluster: Cluster) -> frozenset[Hashable]:
    if cluster == "pair":
        return frozenset({question.pair} if question.pair is not None else ())
    if cluster == "image":
        photos = (question.source, question.target)
        return frozenset(photo.path for photo in photos if photo is not None)
    return frozenset({question.id})

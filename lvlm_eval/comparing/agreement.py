"""Whether two runs chose the same points, right or wrong."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

from lvlm_eval.comparing.matching import PairedQuestion
from lvlm_eval.comparing.records import AnswerAgreement


def answer_agreement(pairs: Iterable[PairedQuestion], parser: str) -> AnswerAgreement:
    """Compare the chosen candidates row by row.

    Args:
        pairs: complete questions; those with other candidates, or other numbers of rows, in the two
            runs are left out.
        parser: whose reading counts.
    """
    chosen = [
        choices
        for pair in pairs
        if pair.same_candidates and len(pair.a.rows) == len(pair.b.rows)
        for choices in zip(pair.a.chosen(parser), pair.b.chosen(parser), strict=True)
    ]
    same = sum(a == b and a is not None for a, b in chosen)
    both = [(a, b) for a, b in chosen if a is not None and b is not None]
    return AnswerAgreement(
        rows=len(chosen),
        same=100 * same / len(chosen) if chosen else None,
        kappa=cohens_kappa(both),
    )


def cohens_kappa(choices: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """(p_observed - p_chance) / (1 - p_chance), None without choices or if all are one."""
    count = len(choices)
    first, second = Counter(a for a, _ in choices), Counter(b for _, b in choices)
    chance = sum(number * second[one] for one, number in first.items())
    if chance == count * count:
        return None
    agreed = sum(a == b for a, b in choices)
    return (agreed * count - chance) / (count * count - chance)

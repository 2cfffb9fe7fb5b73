"""Whose source photo stands in for a question's own, in the control ``other-source``."""

import itertools
from collections.abc import Callable, Sequence

from lvlm_eval.errors import InputError
from lvlm_eval.ranking import rank
from lvlm_eval.records import Question

Fits = Callable[[Question, Question], bool]
"""Whether the first question's source photo may stand in for that of the second."""


def donors(questions: Sequence[Question], seed: int, fits: Fits) -> Callable[[Question], Question]:
    """Question → the one whose source photo it is shown.

    One of the same category, or of any where no such one fits.

    Args:
        questions: all of the dataset, so that the choice does not depend on a limit.
        seed: of the choice.
        fits: which ones may be chosen.

    Returns:
        A function that raises InputError where no question fits.
    """
    shuffled = sorted(questions, key=lambda one: rank(seed, "donor", one.id))
    by_category: dict[str, list[Question]] = {}
    for one in shuffled:
        by_category.setdefault(one.category, []).append(one)
    found: dict[str, Question] = {}

    def donor(question: Question) -> Question:
        if question.id not in found:
            start = int.from_bytes(rank(seed, "donor of", question.id)[:8])
            circles = (_from(start, by_category[question.category]), _from(start, shuffled))
            fitting = (one for one in itertools.chain(*circles) if fits(one, question))
            first = next(fitting, None)
            if first is None:
                raise InputError(f"no other pair has a source photo to show for '{question.id}'.")
            found[question.id] = first
        return found[question.id]

    return donor


def is_unrelated(donor: Question, question: Question) -> bool:
    """Whether no answer to the question is right by correspondence to the donor's query.

    Its photo is another one, and its query is none of the candidates.
    """
    if donor.source is None or donor.query is None or donor.id == question.id:
        return False
    photos = {one.path for one in (question.source, question.target) if one is not None}
    offered = {one.name for one in question.candidates}
    return donor.source.path not in photos and donor.query.name not in offered


def _from(start: int, questions: Sequence[Question]) -> Sequence[Question]:
    place = start % len(questions)
    return (*questions[place:], *questions[:place])

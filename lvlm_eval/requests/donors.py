"""Whose source photo stands in for a question's own, in the control ``other-source``."""

from collections.abc import Callable, Sequence

from lvlm_eval.errors import InputError
from lvlm_eval.ranking import rank
from lvlm_eval.records import Question

Fits = Callable[[Question, Question], bool]
"""Whether the first question's source photo may stand in for that of the second."""


def donors(
    questions: Sequence[Question], seed: int, preferences: Sequence[Fits]
) -> Callable[[Question], Question]:
    """Question → the one whose source photo it is shown.

    A question that is left out changes the choice only for those that would have had it.

    Args:
        questions: all of the dataset, so that the choice does not depend on a limit.
        seed: of the choice.
        preferences: which ones may be chosen, the best kind first.

    Returns:
        A function that raises InputError where no question fits.
    """
    found: dict[str, Question] = {}

    def donor(question: Question) -> Question:
        if question.id not in found:
            kinds = ([one for one in questions if fits(one, question)] for fits in preferences)
            fitting = next(filter(None, kinds), None)
            if fitting is None:
                raise InputError(f"no other pair has a source photo to show for '{question.id}'.")
            found[question.id] = min(
                fitting, key=lambda one: rank(seed, "donor", question.id, one.id)
            )
        return found[question.id]

    return donor


def of_its_category(donor: Question, question: Question) -> bool:
    """Unrelated, and of the same category."""
    return donor.category == question.category and is_unrelated(donor, question)


def is_unrelated(donor: Question, question: Question) -> bool:
    """Whether no answer to the question is right by correspondence to the donor's query.

    Its photo is another one, and its query is none of the candidates.
    """
    if donor.source is None or donor.query is None or donor.id == question.id:
        return False
    photos = {one.path for one in (question.source, question.target) if one is not None}
    offered = {one.name for one in question.candidates}
    return donor.source.path not in photos and donor.query.name not in offered


def of_another_supercategory(donor: Question, question: Question) -> bool:
    """Where nobody knows which point is marked: an object that shares no part, most likely."""
    known = donor.supercategory is not None and question.supercategory is not None
    return known and donor.supercategory != question.supercategory


def of_another_category(donor: Question, question: Question) -> bool:
    """An object of another kind."""
    return donor.category != question.category


def is_another(donor: Question, question: Question) -> bool:
    """Any other question."""
    return donor.id != question.id

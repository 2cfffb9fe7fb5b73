"""What wrong answers choose: another instance of the part, or a point nearby."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lvlm_eval.diagnosis.answers import Absent, Answers, Bools, Floats, Ints, Share, share_of
from lvlm_eval.diagnosis.chance import together_tail
from lvlm_eval.diagnosis.sides import KINDS, Kind, difference_of
from lvlm_eval.records import Question

INSTANCE_KINDS: tuple[Kind, ...] = KINDS[:-1]
"""Kinds of distractors that are another instance of the right point's part."""


@dataclass(frozen=True, slots=True)
class Confused:
    """Wrong answers that chose one kind of distractor, in questions that offer it.

    Attributes:
        questions: that have such a distractor, and an answer.
        chosen: wrong answers of this kind, among the wrong ones of these questions.
        expected_percent: what the share would be if wrong answers were spread evenly over the
            three distractors.
        of_answers: the same wrong answers among all answers to these questions.
        p: probability of so many by such chance, the wrong answers of a question going together.
    """

    questions: int
    chosen: Share
    expected_percent: float | None
    of_answers: Share
    p: float


@dataclass(frozen=True, slots=True)
class Distance:
    """How far the chosen point is from the right one, of wrong answers that chose another part.

    Attributes:
        answers: how many.
        mean_of_side: mean distance as a fraction of the target photo's longer side.
        expected_of_side: the same if they were spread evenly over the distractors of other parts.
        mean_of_diagonal: mean distance as a fraction of the object box's diagonal; None without
            boxes.
        expected_of_diagonal: the same if they were spread evenly.
        nearest: how many chose the distractor nearest to the right point, where there are several.
        expected_nearest_percent: the same if they were spread evenly.
        nearest_p: probability of so many by chance.
    """

    answers: int
    mean_of_side: float | None
    expected_of_side: float | None
    mean_of_diagonal: float | None
    expected_of_diagonal: float | None
    nearest: Share
    expected_nearest_percent: float | None
    nearest_p: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """Wrong answers by what they chose.

    Attributes:
        wrong: answers that were read and are wrong.
        same_concept: another instance of the same concept was chosen, by the data's own concepts;
            absent where it has none.
        kinds: how the chosen point's name differs from the right one's → figures.
        distance: of the wrong answers that chose another part; absent without positions.
    """

    wrong: int
    same_concept: Confused | Absent
    kinds: Mapping[str, Confused]
    distance: Distance | Absent


def confusion_of(answers: Answers) -> Confusion | Absent:
    """Figures of one setting.

    Args:
        answers: each row asked once.
    """
    named = [
        question.answer is not None and all(one.name for one in question.candidates)
        for question in answers.questions
    ]
    if not any(named):
        return Absent("the data does not name the points (a table has only their letters)")
    kinds = _kinds(answers.questions, named)
    concepts = _same_concept(answers.questions)
    wrong = answers.wrong()
    return Confusion(
        wrong=int(wrong.sum()),
        same_concept=Absent("the data has no concepts")
        if concepts is None
        else _confused(answers, wrong, concepts),
        kinds={
            kind: _confused(answers, wrong, kinds == place)
            for place, kind in enumerate(KINDS)
            if (kinds == place).any()
        },
        distance=_distance(answers, wrong, kinds == KINDS.index("other-part")),
    )


def _most(questions: Sequence[Question]) -> int:
    return max(1, *(len(question.candidates) for question in questions))


def _kinds(questions: Sequence[Question], named: Sequence[bool]) -> Ints:
    """Of each question the kind of each candidate; -1 at the right one; (Q, candidates)."""
    kinds = np.full((len(questions), _most(questions)), -1)
    for row, question in enumerate(questions):
        right = next((one for one in question.candidates if one.label == question.answer), None)
        if not named[row] or right is None:
            continue
        for column, one in enumerate(question.candidates):
            if one is not right:
                same = one.concept is not None and one.concept == right.concept
                kind = difference_of(right.name or "", one.name or "", same)
                kinds[row, column] = KINDS.index(kind)
    return kinds


def _same_concept(questions: Sequence[Question]) -> Bools | None:
    """Which candidates are other instances of the query's concept; (Q, candidates)."""
    same = np.zeros((len(questions), _most(questions)), bool)
    known = False
    for row, question in enumerate(questions):
        if question.query is None or question.query.concept is None:
            continue
        known = True
        for column, one in enumerate(question.candidates):
            other = one.name != question.query.name and one.label != question.answer
            same[row, column] = other and one.concept == question.query.concept
    return same if known else None


def _confused(answers: Answers, wrong: Bools, of_kind: Bools) -> Confused:
    offered = of_kind.sum(axis=1)
    exposed = offered[answers.question] > 0
    chosen = wrong & of_kind[answers.question, answers.point]
    errors = wrong & exposed
    sizes = answers.count(errors)
    distractors = np.array([max(1, len(one.candidates) - 1) for one in answers.questions])
    chances = offered / distractors
    number = int(errors.sum())
    there = sizes > 0
    given = answers.answered & exposed
    return Confused(
        questions=len(np.unique(answers.question[given])),
        chosen=share_of(answers, chosen, errors),
        expected_percent=100 * float((sizes * chances).sum()) / number if number else None,
        of_answers=share_of(answers, chosen, given),
        p=together_tail(sizes[there], chances[there], int(chosen.sum())),
    )


def _distance(answers: Answers, wrong: Bools, other: Bools) -> Distance | Absent:
    placed = _distances(answers.questions)
    if placed is None:
        return Absent("the data does not tell where the points are")
    side, diagonal = placed
    far = wrong & other[answers.question, answers.point]
    asked, point = answers.question[far], answers.point[far]
    nearest, several, chances = _nearest(side, other)
    among = far & several[answers.question]
    hits = among & nearest[answers.question, answers.point]
    sizes = answers.count(among)
    there = sizes > 0
    number = int(among.sum())
    return Distance(
        answers=int(far.sum()),
        mean_of_side=_mean(side[asked, point]),
        expected_of_side=_mean(_even(side, other)[asked]),
        mean_of_diagonal=_mean(diagonal[asked, point]),
        expected_of_diagonal=_mean(_even(diagonal, other)[asked]),
        nearest=share_of(answers, hits, among),
        expected_nearest_percent=100 * float((sizes * chances).sum()) / number if number else None,
        nearest_p=together_tail(sizes[there], chances[there], int(hits.sum())),
    )


def _distances(questions: Sequence[Question]) -> tuple[Floats, Floats] | None:
    """From each candidate to the right one, by longer side and by box diagonal; NaN if unknown."""
    side = np.full((len(questions), _most(questions)), np.nan)
    diagonal = side.copy()
    for row, question in enumerate(questions):
        right = next((one for one in question.candidates if one.label == question.answer), None)
        target = question.target
        if right is None or right.x is None or right.y is None or target is None:
            continue
        box = target.box
        length = 0.0 if box is None else math.dist(box[:2], box[2:])
        for column, one in enumerate(question.candidates):
            if one.x is not None and one.y is not None:
                apart = math.dist((one.x, one.y), (right.x, right.y))
                side[row, column] = apart / max(target.size)
                diagonal[row, column] = apart / length if length else math.nan
    return None if np.isnan(side).all() else (side, diagonal)


def _even(distance: Floats, of: Bools) -> Floats:
    """Of each question the mean distance over some candidates; NaN without any; (Q,)."""
    known = of & ~np.isnan(distance)
    number = known.sum(axis=1)
    total = np.where(known, distance, 0).sum(axis=1)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _nearest(distance: Floats, of: Bools) -> tuple[Bools, Bools, Floats]:
    """Which candidate is nearest, which questions have several, and what chance would hit."""
    reachable = np.where(of & ~np.isnan(distance), distance, np.inf)
    nearest = (reachable == reachable.min(axis=1, keepdims=True)) & np.isfinite(reachable)
    number = np.isfinite(reachable).sum(axis=1)
    hits = nearest.sum(axis=1)
    return nearest, (number > 1) & (hits < number), hits / np.maximum(number, 1)


def _mean(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None

"""Which letters are chosen, and whether one point is kept through the rotations."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lvlm_eval.diagnosis.answers import Absent, Answers, Ints, Share, share_of
from lvlm_eval.diagnosis.chance import binomial_tail, clustered_uniform, uniform_chi_square
from lvlm_eval.intervals import clustered
from lvlm_eval.records import LETTERS

GUESSED_AGREEMENT: Mapping[str, float] = {
    "1": 100 * 24 / 256,
    "2": 100 * 180 / 256,
    "3": 100 * 48 / 256,
    "4": 100 * 4 / 256,
}
"""Percent of questions whose most chosen point is chosen so often, by four independent guesses."""


@dataclass(frozen=True, slots=True)
class LetterTest:
    """Tests of equal chances for the letters, over questions whose answer visits each letter once.

    Attributes:
        questions: that it is made from.
        chi_square: Pearson's statistic, each row for itself, three degrees of freedom.
        p: its p value; too small where a model settles on a letter for a whole question.
        clustered_chi_square: statistic of the Wald test with questions as clusters.
        clustered_p: its p value, which the verdict looks at where there are many questions.
        one_letter_p: exact for few: that so many questions, or more, have one and the same letter
            in all rows, a question having it by chance in a quarter of cases at most; times four,
            for any letter.
    """

    questions: int
    chi_square: float
    p: float
    clustered_chi_square: float
    clustered_p: float
    one_letter_p: float


@dataclass(frozen=True, slots=True)
class Consistency:
    """The chosen point over the four rotations, in questions with four answers.

    Attributes:
        questions: how many.
        agreement: rotations that agree on the most chosen point → number of questions; 0 where
            no answer could be read.
        guessed_agreement: the same in percent of questions, for independent guesses.
        same_point: questions with one point in all four.
        same_point_right: of these, those with the right one.
        same_letter: questions with one letter in all four.
        pairwise: two rotations of a question that give the same point, among all two of which at
            least one was read; 25 % for independent guesses.
    """

    questions: int
    agreement: Mapping[str, int]
    guessed_agreement: Mapping[str, float]
    same_point: Share
    same_point_right: Share
    same_letter: Share
    pairwise: Share


@dataclass(frozen=True, slots=True)
class Position:
    """Letters and places.

    Attributes:
        letters: letter → its share of the answers that were read.
        test: of equal chances.
        accuracy_by_place: letter of the right option → its rows that are right.
        consistency: of the chosen point.
    """

    letters: Mapping[str, Share]
    test: LetterTest | Absent
    accuracy_by_place: Mapping[str, Share]
    consistency: Consistency | Absent

    @property
    def favourite(self) -> tuple[str, Share]:
        """The letter that is chosen most often."""
        return max(self.letters.items(), key=lambda one: one[1].count)


def position_of(answers: Answers) -> Position:
    """Figures of one setting.

    Args:
        answers: each row asked once.
    """
    given = answers.answered & (answers.letter >= 0)
    return Position(
        letters={
            letter: share_of(answers, answers.letter == place, given)
            for place, letter in enumerate(LETTERS)
        },
        test=_test(answers),
        accuracy_by_place={
            letter: share_of(answers, answers.correct, answers.answered & (answers.right == place))
            for place, letter in enumerate(LETTERS)
        },
        consistency=_consistency(answers),
    )


def _test(answers: Answers) -> LetterTest | Absent:
    right, letter = answers.by_question(answers.right), answers.by_question(answers.letter)
    balanced = (np.sort(right, axis=1) == np.arange(len(LETTERS))).all(axis=1)
    if not balanced.any():
        return Absent("no question has its right answer once at each letter, all four answered")
    counts = _counts(letter[balanced])
    statistic, p = uniform_chi_square(counts.sum(axis=0).tolist())
    questions = len(counts)
    of_one_letter = int((counts == len(LETTERS)).sum(axis=0).max())
    # Whatever binds the rows of a question: all are one letter no oftener than the first is.
    tail = binomial_tail(questions, 1 / len(LETTERS), of_one_letter)
    return LetterTest(
        questions,
        statistic,
        p,
        *clustered_uniform(counts),
        one_letter_p=min(1.0, len(LETTERS) * tail),
    )


def _counts(values: Ints) -> Ints:
    """Of each line how often 0, 1, 2 and 3 stand in it; (C, 4)."""
    counts: Ints = (values[:, :, None] == np.arange(len(LETTERS))).sum(axis=1)
    return counts


def _consistency(answers: Answers) -> Consistency | Absent:
    point, letter = answers.by_question(answers.point), answers.by_question(answers.letter)
    right = answers.by_question(answers.right_point)
    questions = len(point)
    if not questions:
        return Absent("no question has answers in four rotations")
    most = _counts(point).max(axis=1)
    same = most == len(LETTERS)
    same_right = same & (point[:, 0] == right[:, 0])
    same_letter = _counts(letter).max(axis=1) == len(LETTERS)
    return Consistency(
        questions=questions,
        agreement={str(number): int((most == number).sum()) for number in range(5)},
        guessed_agreement=GUESSED_AGREEMENT,
        same_point=Share.plain(int(same.sum()), questions),
        same_point_right=Share.plain(int(same_right.sum()), int(same.sum())),
        same_letter=Share.plain(int(same_letter.sum()), questions),
        pairwise=_pairwise(point),
    )


def _pairwise(point: Ints) -> Share:
    """Agreement of two rotations, with the interval of a mean over questions."""
    first, second = np.triu_indices(len(LETTERS), 1)
    left, right = point[:, first], point[:, second]
    agree = ((left == right) & (left >= 0)).sum(axis=1)
    known = ((left >= 0) | (right >= 0)).sum(axis=1)
    count, of = int(agree.sum()), int(known.sum())
    interval = clustered(list(zip(agree.tolist(), known.tolist(), strict=True)))
    return Share(count, of, 100 * count / of if of else None, interval)

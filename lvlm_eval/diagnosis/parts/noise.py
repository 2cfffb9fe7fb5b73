"""Noise of the model itself, from rows that were asked several times."""

import math
import statistics
from dataclasses import dataclass

import numpy as np

from lvlm_eval.diagnosis.answers import (
    Absent,
    Answers,
    Bools,
    Floats,
    Ints,
    Share,
    accuracy_of,
    percent,
)
from lvlm_eval.diagnosis.chance import paired_difference
from lvlm_eval.intervals import Z95, Interval, clustered
from lvlm_eval.metrics import Accuracy


@dataclass(frozen=True, slots=True)
class Spread:
    """How an accuracy varies between repeats of one run, in percentage points.

    Attributes:
        questions: with two whole repeats or more, which the figures are over.
        mean: of the accuracy, over the questions and the whole repeats of each, percent.
        sd: standard deviation over the repeats (K-1 in the denominator), of the questions with all
            K repeats whole; None without such questions.
        sd_by_question: of one run, from the variance within each question: √(Σ s²ₖ)/Q, which
            rests on many questions and not on few repeats.
        difference95: what two runs differ by from noise alone, at most in 95 % of cases:
            1.96·√2·sd_by_question.
    """

    questions: int
    mean: float
    sd: float | None
    sd_by_question: float
    difference95: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """Whether the order of the options, or asking again, makes a point change.

    Over questions with pairs of both kinds; a pair of answers counts if one of them was read.

    Attributes:
        questions: that it is over.
        again: two answers to one row that give the same point.
        rotated: two rotations in one repeat that give the same point.
        again_less_rotated: difference of both shares, percentage points.
        ci95: of the difference, clustered by question, percentage points.
    """

    questions: int
    again: Share
    rotated: Share
    again_less_rotated: float
    ci95: Interval


@dataclass(frozen=True, slots=True)
class Noise:
    """Repeats of the same rows.

    A repeat of a question is whole if all its rows were planned and answered.

    Attributes:
        repeats: how often a row was planned to be asked at most.
        rows: rows with two answers or more.
        row_flips: pairs of answers to one of these rows whose points differ: the chance of another
            point when a row is asked once more. An answer that cannot be read counts as a point of
            its own.
        question_flips: pairs of whole repeats of one question whose circular verdict differs;
            absent with one rotation.
        accuracies: of each repeat, over the questions of which it is whole.
        circular: spread of the circular accuracy, over questions with two whole repeats or more.
        average: spread of the average accuracy, over the same questions.
        agreement: between repeats, beside that between rotations.
    """

    repeats: int
    rows: int
    row_flips: Share
    question_flips: Share | Absent
    accuracies: tuple[Accuracy, ...]
    circular: Spread | Absent
    average: Spread
    agreement: Agreement | Absent


_ONE_ROTATION = Absent("each question was asked in one rotation")


def noise_of(answers: Answers) -> Noise | Absent:
    """Figures of one setting.

    Args:
        answers: with all repeats.
    """
    repeats = int(answers.repeat.max(initial=0)) + 1
    if repeats == 1:
        return Absent("every row was asked once; lvlm-eval run --repeat K asks K times")
    rows = _pairs(answers, answers.rotation)
    if not rows.pairs.any():
        return Absent("no row has two answers yet")
    right, whole = _right_rows(answers, repeats)
    several = whole.sum(axis=1) > 1
    if not several.any():
        return Absent("no question has two whole repeats yet")
    planned = answers.count(answers.repeat == 0)
    all_right = right == planned[:, None]
    share = right / np.maximum(planned, 1)[:, None]
    rotated = bool(answers.rotation.max(initial=0))
    return Noise(
        repeats=repeats,
        rows=rows.groups,
        row_flips=_share(rows.pairs - rows.same, rows.pairs),
        question_flips=_verdict_flips(all_right, whole) if rotated else _ONE_ROTATION,
        accuracies=tuple(
            accuracy_of(answers.where(answers.repeat == number), whole[:, number])
            for number in range(repeats)
        ),
        circular=_spread(all_right[several], whole[several]) if rotated else _ONE_ROTATION,
        average=_spread(share[several], whole[several]),
        agreement=_agreement(answers, rows),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Pairs of answers of one group, such as a row; of each question (Q,).

    Attributes:
        pairs: how many.
        same: of these, with the same point or both unread.
        unread: of these, both unread.
        groups: number of groups with a pair.
    """

    pairs: Ints
    same: Ints
    unread: Ints
    groups: int


def _pairs(answers: Answers, of: Ints) -> _Pairs:
    """Pairs of the answered rows that share question and ``of``, such as the rotation; (N,)."""
    stride = int(of.max(initial=0)) + 1
    questions = len(answers.questions)
    given = answers.answered
    points = np.zeros((questions * stride, int(answers.point.max(initial=0)) + 2), np.int64)
    np.add.at(points, ((answers.question * stride + of)[given], answers.point[given] + 1), 1)
    total = points.sum(axis=1)

    def summed(values: Ints) -> Ints:
        by_question: Ints = values.reshape(questions, stride).sum(axis=1)
        return by_question

    return _Pairs(
        pairs=summed(_two_of(total)),
        same=summed(_two_of(points).sum(axis=1)),
        unread=summed(_two_of(points[:, 0])),
        groups=int((total > 1).sum()),
    )


def _two_of(number: Ints) -> Ints:
    """How many pairs there are."""
    return number * (number - 1) // 2


def _share(part: Ints, whole: Ints) -> Share:
    """Share of pairs, which go together within a question; (Q,) each."""
    count, of = int(part.sum()), int(whole.sum())
    interval = clustered(list(zip(part.tolist(), whole.tolist(), strict=True)))
    return Share(count, of, percent(count, of), interval)


def _agreement(answers: Answers, rows: _Pairs) -> Agreement | Absent:
    turned = _pairs(answers, answers.repeat)
    again = rows.same - rows.unread, rows.pairs - rows.unread
    rotated = turned.same - turned.unread, turned.pairs - turned.unread
    common = (again[1] > 0) & (rotated[1] > 0)
    difference = paired_difference(again, rotated)
    if difference is None:
        return Absent("no question has both two repeats and two rotations that were read")
    return Agreement(
        questions=int(common.sum()),
        again=_share(again[0][common], again[1][common]),
        rotated=_share(rotated[0][common], rotated[1][common]),
        again_less_rotated=difference[0],
        ci95=difference[1],
    )


def _right_rows(answers: Answers, repeats: int) -> tuple[Ints, Bools]:
    """Right rows of each question in each repeat, and whether that is whole; (Q, K) each."""
    planned = answers.count(answers.repeat == 0)
    right, whole = [], []
    for number in range(repeats):
        of = (answers.repeat == number) & answers.answered
        right.append(answers.count(of & answers.correct))
        whole.append((answers.count(of) == planned) & (planned > 0))
    return np.stack(right, axis=1), np.stack(whole, axis=1)


def _verdict_flips(all_right: Bools, whole: Bools) -> Share:
    """Pairs of whole repeats of a question with different verdicts; arguments (Q, K)."""
    repeats = whole.sum(axis=1)
    passed = (all_right & whole).sum(axis=1)
    return _share(passed * (repeats - passed), _two_of(repeats))


def _spread(values: Floats | Bools, whole: Bools) -> Spread:
    """Spread of the mean over questions; values of each question in each repeat (F, K).

    Args:
        values: of each repeat.
        whole: which of them count, two at least of each question.
    """
    known = np.where(whole, values.astype(float), np.nan)
    within = np.nanvar(known, axis=1, ddof=1)
    sd = math.sqrt(float(within.sum())) / len(known)
    common = known[whole.all(axis=1)]
    means = common.mean(axis=0).tolist() if len(common) else []
    return Spread(
        questions=len(known),
        mean=100 * float(np.nanmean(known, axis=1).mean()),
        sd=100 * statistics.stdev(means) if means else None,
        sd_by_question=100 * sd,
        difference95=100 * Z95 * math.sqrt(2) * sd,
    )

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
    share_of,
)
from lvlm_eval.intervals import Z95
from lvlm_eval.metrics import Accuracy
from lvlm_eval.records import LETTERS


@dataclass(frozen=True, slots=True)
class Spread:
    """How an accuracy varies between repeats of one run, in percentage points.

    Attributes:
        sd: standard deviation over the repeats (K-1 in the denominator).
        sd_by_question: of one run, from the variance within each question: √(Σ s²ₖ)/Q, which
            rests on many questions and not on few repeats.
        difference95: what two runs differ by from noise alone, at most in 95 % of cases:
            1.96·√2·sd_by_question.
    """

    sd: float | None
    sd_by_question: float
    difference95: float


@dataclass(frozen=True, slots=True)
class Noise:
    """Repeats of the same rows.

    Attributes:
        repeats: how often each row was planned to be asked.
        rows: rows with two answers or more.
        row_flips: of these, rows whose chosen point differs between repeats; an answer that cannot
            be read counts as a point of its own.
        question_flips: questions with all repeats answered whose circular verdict differs.
        accuracies: of each repeat.
        circular: spread of the circular accuracy, over the questions with all repeats answered.
        average: spread of the average accuracy, over the same questions.
    """

    repeats: int
    rows: int
    row_flips: Share
    question_flips: Share
    accuracies: tuple[Accuracy, ...]
    circular: Spread | Absent
    average: Spread


def noise_of(answers: Answers) -> Noise | Absent:
    """Figures of one setting.

    Args:
        answers: with all repeats.
    """
    repeats = int(answers.repeat.max(initial=0)) + 1
    if repeats == 1:
        return Absent("every row was asked once; lvlm-eval run --repeat K asks K times")
    flipped, twice = _flips(answers)
    if not twice.any():
        return Absent("no row has two answers yet")
    first = answers.where(answers.repeat == 0)
    right, full = _right_rows(answers, repeats)
    accuracies = tuple(accuracy_of(answers.where(answers.repeat == n)) for n in range(repeats))
    if not full.any():
        return Absent("no question has all repeats answered yet")
    whole = (right == first.count(np.ones(len(first), bool))[full][:, None]).astype(float)
    shares = right / first.count(np.ones(len(first), bool))[full][:, None]
    several = bool(first.rotation.max(initial=0))
    differs = whole.min(axis=1) != whole.max(axis=1)
    return Noise(
        repeats=repeats,
        rows=int(twice.sum()),
        row_flips=share_of(first, flipped, twice),
        question_flips=Share.plain(int(differs.sum()), len(differs)),
        accuracies=accuracies,
        circular=_spread(whole) if several else Absent("each question was asked in one rotation"),
        average=_spread(shares),
    )


def _flips(answers: Answers) -> tuple[Bools, Bools]:
    """Of each row of the first repeat: its point differs, and it has two answers or more."""
    stride = int(answers.rotation.max(initial=0)) + 1
    row = answers.question * stride + answers.rotation
    number = int(row.max(initial=0)) + 1
    given = answers.answered
    most, least = np.full(number, -len(LETTERS)), np.full(number, np.iinfo(np.int64).max)
    np.maximum.at(most, row[given], answers.point[given])
    np.minimum.at(least, row[given], answers.point[given])
    times = np.bincount(row[given], minlength=number)
    own = row[answers.repeat == 0]
    twice = times[own] > 1
    return (most[own] != least[own]) & twice, twice


def _right_rows(answers: Answers, repeats: int) -> tuple[Ints, Bools]:
    """Right rows of each fully answered question in each repeat (F, K); which those are (Q,)."""
    counts, given = [], []
    for number in range(repeats):
        of = answers.repeat == number
        counts.append(answers.count(of & answers.correct))
        given.append(answers.count(of & answers.answered) == answers.count(of))
    full = np.logical_and.reduce(given)
    return np.stack(counts, axis=1)[full], full


def _spread(values: Floats) -> Spread:
    """Spread of the mean over questions; values of each question in each repeat (F, K)."""
    means = values.mean(axis=0)
    within = values.var(axis=1, ddof=1)
    sd = math.sqrt(float(within.sum())) / len(values)
    return Spread(
        sd=100 * statistics.stdev(means.tolist()),
        sd_by_question=100 * sd,
        difference95=100 * Z95 * math.sqrt(2) * sd,
    )

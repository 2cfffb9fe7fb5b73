"""What the letters' probabilities say beside the text: accuracy, calibration, position debiased."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from lvlm_eval.diagnosis.answers import Absent, Answers, Bools, Floats, Ints, Share, accuracy_of
from lvlm_eval.metrics import Accuracy
from lvlm_eval.records import LETTERS

BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows whose greatest probability is in a range.

    Attributes:
        above: exclusive lower end, percent.
        to: inclusive upper end, percent.
        rows: how many.
        confidence: mean greatest probability, percent; None without rows.
        accuracy: share of right ones, percent; None without rows.
    """

    above: float
    to: float
    rows: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Scores:
    """The letters' probabilities: softmax of their log-probabilities over the four letters.

    A letter without a log-probability counts as impossible.

    Attributes:
        rows: with log-probabilities.
        argmax: accuracies if the likeliest letter is the answer; the first of equal ones.
        text: accuracies of the texts in the same rows.
        expected_calibration_error: Σ rows/all · |accuracy - confidence| over ten bins of equal
            width, in percentage points (C. Guo and others, ICML 2017, equation 3).
        reliability: the bins.
        debiased: questions whose likeliest candidate is right, by the mean probability of each
            candidate over the rotations, in which it had each letter once.
        debiased_text: of the same questions, the texts' average accuracy over rows, in percent.
    """

    rows: int
    argmax: Accuracy
    text: Accuracy
    expected_calibration_error: float
    reliability: tuple[Bin, ...]
    debiased: Share | Absent
    debiased_text: float | None


def scores_of(answers: Answers) -> Scores | Absent:
    """Figures of one setting.

    Args:
        answers: each row asked once.
    """
    chance = _probabilities(answers)
    scored = answers.answered & ~np.isnan(chance[:, 0])
    if not scored.any():
        return Absent("no log-probabilities of the letters are recorded")
    best = np.where(scored, np.nan_to_num(chance).argmax(axis=1), -1)
    right = scored & (best == answers.right)
    known = replace(answers, answered=scored)
    bins = _reliability(chance[scored].max(axis=1), right[scored])
    rows = int(scored.sum())
    debiased, text = _debiased(answers, chance)
    return Scores(
        rows=rows,
        argmax=accuracy_of(known, correct=right),
        text=accuracy_of(known),
        expected_calibration_error=math.fsum(
            one.rows / rows * abs(one.accuracy - one.confidence)
            for one in bins
            if one.accuracy is not None and one.confidence is not None
        ),
        reliability=bins,
        debiased=debiased,
        debiased_text=text,
    )


def _probabilities(answers: Answers) -> Floats:
    """(N, 4); NaN where a row has no log-probability of any letter."""
    logs = np.full((len(answers), len(LETTERS)), -np.inf)
    for place, one in enumerate(answers.predictions):
        if one is not None and one.logprobs:
            logs[place] = [_log(one.logprobs, letter) for letter in LETTERS]
    most = logs.max(axis=1, keepdims=True)
    known = np.isfinite(most[:, 0])
    found = np.full(logs.shape, np.nan)
    with np.errstate(over="ignore"):  # what is too far below to be told is impossible, too
        found[known] = np.exp(logs[known] - most[known])
    found[known] /= found[known].sum(axis=1, keepdims=True)
    return found


def _log(logs: Mapping[str, float], letter: str) -> float:
    value = logs.get(letter, -math.inf)
    return value if math.isfinite(value) else -math.inf


def _reliability(confidence: Floats, right: Bools) -> tuple[Bin, ...]:
    place = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    bins = []
    for number in range(BINS):
        inside = place == number
        rows = int(inside.sum())
        bins.append(
            Bin(
                above=100 * number / BINS,
                to=100 * (number + 1) / BINS,
                rows=rows,
                confidence=100 * float(confidence[inside].mean()) if rows else None,
                accuracy=100 * float(right[inside].mean()) if rows else None,
            )
        )
    return tuple(bins)


def _debiased(answers: Answers, chance: Floats) -> tuple[Share | Absent, float | None]:
    label = _labels(answers)
    usable = ~np.isnan(chance[:, 0]) & (label >= 0).all(axis=1) & (answers.right_point >= 0)
    rows = np.where(usable[:, None], np.arange(len(answers))[:, None], -1)[:, 0]
    order = answers.by_question(rows)
    order = order[(order >= 0).all(axis=1)]
    lines = label[order]  # (questions, rows, letters)
    visits = (np.sort(lines, axis=1) == np.arange(len(LETTERS))[None, :, None]).all(axis=(1, 2))
    order, lines = order[visits], lines[visits]
    if not len(order):
        why = "no question has probabilities in four rotations that bring each point to each letter"
        return Absent(why), None
    mean = np.zeros((len(order), len(LETTERS)))
    question = np.broadcast_to(np.arange(len(order))[:, None, None], lines.shape)
    np.add.at(mean, (question, lines), np.nan_to_num(chance[order]))
    right = answers.right_point[order[:, 0]]
    hits = int((mean.argmax(axis=1) == right).sum())
    return Share.plain(hits, len(order)), 100 * float(answers.correct[order].mean())


def _labels(answers: Answers) -> Ints:
    """Of each row the place of the candidate behind each letter, or -1; (N, 4)."""
    labels = np.full((len(answers), len(LETTERS)), -1)
    places = [
        {one.label: place for place, one in enumerate(question.candidates)}
        for question in answers.questions
    ]
    for row, one in enumerate(answers.predictions):
        if one is not None and one.logprobs:
            known = places[answers.question[row]]
            labels[row] = [known.get(one.options.get(letter, ""), -1) for letter in LETTERS]
    return labels

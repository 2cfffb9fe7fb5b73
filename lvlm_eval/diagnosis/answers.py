"""The answers of one setting as arrays, one entry a row, and the accuracy of any part of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from lvlm_eval.intervals import Interval, clustered, wilson
from lvlm_eval.metrics import Accuracy
from lvlm_eval.recorded_run import RecordedRun
from lvlm_eval.records import LETTERS, Prediction, Question, ScoredRow, Setting, plain

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

NOTHING = -1
"""Stands in arrays of letters and of points for one that is not known."""

_PLACE = {letter: place for place, letter in enumerate(LETTERS)}


@dataclass(frozen=True, slots=True)
class Absent:
    """Stands for a figure that the run does not give.

    Attributes:
        absent: why, in words.
    """

    absent: str


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Planned rows of one setting; N rows of Q questions.

    Attributes:
        setting: how the query was told.
        parser: whose readings these are.
        questions: of this setting, in their order; Q.
        predictions: what was recorded of each row, or None; N.
        read: each row as both parsers read it; N.
        question: place of the row's question in ``questions``; (N,).
        rotation: (N,).
        repeat: which of the times that the row was asked, from 0; (N,).
        answered: the row has an answer, though maybe not one that can be read; (N,).
        letter: the option letter that was read, 0 for A to 3, or NOTHING; (N,).
        right: the right option letter, or NOTHING; (N,).
        drawn: the letter that is drawn at the right point, or NOTHING if none is; (N,).
        point: place of the chosen candidate among the question's, or NOTHING; (N,).
        right_point: place of the right candidate, or NOTHING; (N,).
        correct: the row is right; (N,).
    """

    setting: Setting
    parser: str
    questions: tuple[Question, ...]
    predictions: tuple[Prediction | None, ...]
    read: tuple[ScoredRow, ...]
    question: Ints
    rotation: Ints
    repeat: Ints
    answered: Bools
    letter: Ints
    right: Ints
    drawn: Ints
    point: Ints
    right_point: Ints
    correct: Bools

    def __len__(self) -> int:
        return len(self.predictions)

    def where(self, kept: Bools) -> "Answers":
        """The rows that are kept; the questions stay."""
        places = np.flatnonzero(kept)
        changed: dict[str, Any] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, np.ndarray):
                value = value[places]
            elif one.name in ("predictions", "read"):
                value = tuple(value[place] for place in places)
            changed[one.name] = value
        return Answers(**changed)

    def count(self, of: Bools) -> Ints:
        """How many rows of each question are marked; (Q,)."""
        return np.bincount(self.question[of], minlength=len(self.questions)).astype(np.int64)

    def wrong(self) -> Bools:
        """A point was read, the right one is known, and it is another; (N,)."""
        other: Bools = self.point != self.right_point
        known: Bools = (self.point >= 0) & (self.right_point >= 0)
        return known & other

    def complete(self) -> Bools:
        """Of each question: it has four rows, all answered; (Q,)."""
        rows = self.count(np.ones(len(self), bool))
        full: Bools = rows == len(LETTERS)
        answered: Bools = self.count(self.answered) == len(LETTERS)
        return full & answered

    def by_question(self, values: Ints) -> Ints:
        """A value a row, of the complete questions only, a line of four each; (C, 4)."""
        kept = self.complete()[self.question]
        order = np.argsort(self.question[kept], kind="stable")
        return values[kept][order].reshape(-1, len(LETTERS))


def answers_of(run: RecordedRun, parser: str) -> dict[Setting, Answers]:
    """The answers of each setting, repeats among them.

    Args:
        run: read back from its folder.
        parser: one of `lvlm_eval.answers.PARSERS`.
    """
    found: dict[Setting, list[tuple[int, int, ScoredRow, Prediction | None]]] = {}
    for row, read in run.read_rows:
        one = (row.rotation, row.repeat, read, run.prediction(row))
        found.setdefault(row.setting, []).append(one)
    return {
        setting: _answers(setting, parser, found[setting], run.questions)
        for setting in run.settings
    }


def _answers(
    setting: Setting,
    parser: str,
    rows: Sequence[tuple[int, int, ScoredRow, Prediction | None]],
    questions: Mapping[str, Question],
) -> Answers:
    used = tuple(dict.fromkeys(read.question for _, _, read, _ in rows))
    place_of = {id: place for place, id in enumerate(used)}
    labels = {
        id: {one.label: place for place, one in enumerate(questions[id].candidates)} for id in used
    }
    numbers = np.array(
        [
            (place_of[read.question], rotation, repeat, *_row(read, one, parser, labels))
            for rotation, repeat, read, one in rows
        ],
        np.int64,
    )
    question, rotation, repeat, answered, letter, right, drawn, point, right_point, correct = (
        np.ascontiguousarray(column) for column in numbers.T
    )
    return Answers(
        setting=setting,
        parser=parser,
        questions=tuple(questions[id] for id in used),
        predictions=tuple(one for *_, one in rows),
        read=tuple(read for _, _, read, _ in rows),
        question=question,
        rotation=rotation,
        repeat=repeat,
        answered=answered.astype(bool),
        letter=letter,
        right=right,
        drawn=drawn,
        point=point,
        right_point=right_point,
        correct=correct.astype(bool),
    )


def _row(
    read: ScoredRow, one: Prediction | None, parser: str, labels: Mapping[str, Mapping[str, int]]
) -> tuple[int, ...]:
    """Answered, letter, right, drawn, point, right point, correct."""
    if one is None or read.status in (None, "error"):
        return (0, *(NOTHING,) * 5, 0)
    places = labels[read.question]
    letter = read.readings[parser].letter or ""
    right = read.answer.strip().upper()
    drawn = one.options if one.drawn is None else one.drawn
    return (
        1,
        _PLACE.get(letter, NOTHING),
        _PLACE.get(right, NOTHING),
        _PLACE.get(drawn.get(right, ""), NOTHING),
        places.get(one.options.get(letter, ""), NOTHING),
        places.get(one.options.get(right, ""), NOTHING),
        int(read.correct[parser]),
    )


def accuracy_of(
    answers: Answers, of: Bools | None = None, correct: Bools | None = None
) -> Accuracy:
    """Both accuracies with their intervals, as ``score`` counts them.

    A question with a failed or missing row is not right in all of them; such rows do not enter the
    average.

    Args:
        answers: rows of one setting, each asked once.
        of: which questions; all by default; (Q,).
        correct: another opinion of which rows are right; (N,).
    """
    marked = (answers.correct if correct is None else correct) & answers.answered
    planned = answers.count(np.ones(len(answers), bool))
    kept = planned > 0 if of is None else of & (planned > 0)
    right, given, rows = answers.count(marked)[kept], answers.count(answers.answered)[kept], planned
    whole = int(np.count_nonzero(right == rows[kept]))
    questions = int(np.count_nonzero(kept))
    circular = bool(rows.max(initial=0) > 1)
    clusters = list(zip(right.tolist(), given.tolist(), strict=True))
    return Accuracy(
        groups=questions,
        rows=int(rows[kept].sum()),
        circular_accuracy=percent(whole, questions) if circular else None,
        average_accuracy=percent(int(right.sum()), int(given.sum())),
        circular_ci95=wilson(whole, questions) if circular else None,
        average_ci95=clustered(clusters),
    )


def share_of(answers: Answers, part: Bools, whole: Bools) -> "Share":
    """Rows of ``part`` among those of ``whole``, with an interval that knows of questions."""
    part = part & whole
    sizes = answers.count(whole)
    there = sizes > 0
    clusters = zip(answers.count(part)[there].tolist(), sizes[there].tolist(), strict=True)
    count, rows = int(part.sum()), int(whole.sum())
    return Share(count, rows, percent(count, rows), clustered(list(clusters)))


@dataclass(frozen=True, slots=True)
class Share:
    """A part of some rows or questions.

    Attributes:
        count: how many.
        of: of how many.
        percent: the share; None of nothing.
        ci95: lower and upper end in percent.
    """

    count: int
    of: int
    percent: float | None
    ci95: Interval | None

    @classmethod
    def plain(cls, count: int, of: int) -> "Share":
        """A share of independent things, with Wilson's interval."""
        return cls(count, of, percent(count, of), wilson(count, of))


def percent(part: float, whole: float) -> float | None:
    """The share in percent; None of nothing."""
    return 100 * part / whole if whole else None


def as_json(value: Any) -> Any:
    """Records as JSON; figures are rounded, so that the same answers give the same text."""
    return _rounded(plain(value))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6) if abs(value) >= 0.001 else float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value

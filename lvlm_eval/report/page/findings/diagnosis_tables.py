"""Diagnoses as tables for files: what was found, and every figure that it rests on."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from lvlm_eval.diagnosis import Absent, Diagnosis, SettingDiagnosis
from lvlm_eval.diagnosis.answers import Share
from lvlm_eval.diagnosis.parts.binding import Binding
from lvlm_eval.diagnosis.parts.confusion import Confused, Confusion
from lvlm_eval.diagnosis.parts.controls import ControlPanel
from lvlm_eval.diagnosis.parts.noise import Noise
from lvlm_eval.diagnosis.parts.position import Consistency
from lvlm_eval.diagnosis.parts.scores import Scores
from lvlm_eval.metrics import Accuracy
from lvlm_eval.records import LETTERS
from lvlm_eval.report.page.leaderboard import marks_of
from lvlm_eval.report.page.runs import LvlmRun
from lvlm_eval.report.page.tables.table import (
    Cell,
    Column,
    Row,
    Table,
    count,
    number,
    probability,
    words,
)
from lvlm_eval.report.table import TITLES

_RUN = Column("model", "Model", numeric=False)
_SETTING = Column("setting", "Setting", numeric=False)
_ACCURACIES = (Column("circular", "Circular"), Column("average", "Average"))


@dataclass(frozen=True, slots=True)
class OfRun:
    """A run of the page, and what was found out about it."""

    summary: LvlmRun
    found: Diagnosis


def diagnosis_tables(runs: Sequence[OfRun]) -> tuple[Table, ...]:
    """Those with a row at least.

    Args:
        runs: diagnosed runs.
    """
    tables = (
        Table(
            "diagnosis-findings",
            "What the answers look like",
            "A row is a finding.",
            (_RUN, _SETTING, _text("finding", "Finding"), _text("text", "What it says")),
            _rows(runs, _findings),
        ),
        Table(
            "diagnosis",
            "Diagnosis",
            "Percent with 95 % intervals, of the rows or questions that tell it. Letters chosen; "
            "one point, or one letter, in all four rotations; the letter drawn at the right point "
            "answered in place of the option's letter, where the two differ; wrong answers on "
            "another instance of the same concept, where there was one, and what even wrong "
            "answers give; expected calibration error in percentage points; standard deviation of "
            "the average accuracy between repeats, percentage points.",
            (
                *(_RUN, _SETTING, Column("questions", "n", hint="Questions"), *_ACCURACIES),
                *(Column(f"letter_{letter.lower()}", letter) for letter in LETTERS),
                Column("letters_p", "p", hint="Equal chances of the letters"),
                Column("one_point", "One point"),
                Column("one_point_right", "Right of these"),
                Column("one_letter", "One letter"),
                Column("drawn_letter", "Drawn letter"),
                Column("same_concept", "Same concept"),
                Column("same_concept_even", "Even"),
                Column("calibration_error", "ECE"),
                Column("repeats_sd", "SD of repeats"),
            ),
            _rows(runs, _overview),
        ),
        Table(
            "diagnosis-parts",
            "Accuracy by what is asked for",
            "Percent with 95 % intervals.",
            (
                *(_RUN, _SETTING, _text("by", "By"), _text("part", "Part")),
                *(Column("questions", "n", hint="Questions"), *_ACCURACIES),
            ),
            _rows(runs, _parts),
        ),
        Table(
            "diagnosis-wrong",
            "What wrong answers choose",
            "Percent with 95 % intervals. Wrong: answers that could have chosen it; even: what "
            "wrong answers give that fall on each other candidate alike; of all: of all answers.",
            (
                *(_RUN, _SETTING, _text("kind", "Kind"), Column("wrong", "Wrong")),
                *(Column("chosen", "Chosen"), Column("even", "Even"), Column("p", "p")),
                Column("of_all", "Of all"),
            ),
            _rows(runs, _wrong),
        ),
        Table(
            "diagnosis-controls",
            "Controls beside the runs",
            "Average accuracy in percent with 95 % intervals, over the questions that both have. "
            "Run less it: percentage points; expected: what a sound model is expected to reach.",
            (
                *(_RUN, _SETTING, _text("control", "Control")),
                *(Column("questions", "n", hint="Questions"), Column("run", "Run")),
                *(Column("under_control", "Control's"), Column("expected", "Expected")),
                Column("run_less_control", "Run less it"),
            ),
            _rows(runs, _controls),
        ),
    )
    return tuple(table for table in tables if table.rows)


def _text(key: str, title: str) -> Column:
    return Column(key, title, numeric=False)


def _rows(
    runs: Iterable[OfRun], cells: Callable[[SettingDiagnosis], Iterator[tuple[Cell, ...]]]
) -> tuple[Row, ...]:
    return tuple(
        Row(
            (words(run.summary.label), words(TITLES[setting]), *rest),
            run.summary.id,
            own=True,
            marks=marks_of(run.summary),
        )
        for run in runs
        for setting, one in run.found.settings.items()
        for rest in cells(one)
    )


def _share(one: Share | None) -> Cell:
    return number(None) if one is None else number(one.percent, one.ci95)


def _both(one: Accuracy) -> tuple[Cell, Cell]:
    return (
        number(one.circular_accuracy, one.circular_ci95),
        number(one.average_accuracy, one.average_ci95),
    )


def _findings(one: SettingDiagnosis) -> Iterator[tuple[Cell, ...]]:
    for finding in one.verdict:
        yield words(finding.code), words(finding.text)


def _overview(one: SettingDiagnosis) -> Iterator[tuple[Cell, ...]]:
    position, wrong = one.position, one.confusion
    kept = position.consistency if isinstance(position.consistency, Consistency) else None
    same = wrong.same_concept if isinstance(wrong, Confusion) else None
    confused = same if isinstance(same, Confused) else None
    yield (
        count(one.accuracy.groups),
        *_both(one.accuracy),
        *(_share(position.letters.get(letter)) for letter in LETTERS),
        probability(None if isinstance(position.test, Absent) else position.test.clustered_p),
        _share(kept.same_point if kept else None),
        _share(kept.same_point_right if kept else None),
        _share(kept.same_letter if kept else None),
        _share(one.binding.answered_drawn if isinstance(one.binding, Binding) else None),
        _share(confused.chosen if confused else None),
        number(confused.expected_percent if confused else None),
        number(one.scores.expected_calibration_error if isinstance(one.scores, Scores) else None),
        number(one.noise.average.sd if isinstance(one.noise, Noise) else None, digits=2),
    )


def _parts(one: SettingDiagnosis) -> Iterator[tuple[Cell, ...]]:
    for name, slices in one.breakdowns.items():
        for part in () if isinstance(slices, Absent) else slices:
            counted = count(part.accuracy.groups)
            yield words(name), words(part.name), counted, *_both(part.accuracy)


def _wrong(one: SettingDiagnosis) -> Iterator[tuple[Cell, ...]]:
    if isinstance(one.confusion, Absent):
        return
    kinds: dict[str, Confused] = {}
    if isinstance(one.confusion.same_concept, Confused):
        kinds["same-concept"] = one.confusion.same_concept
    for kind, figures in (kinds | dict(one.confusion.kinds)).items():
        yield (
            words(kind),
            count(figures.chosen.of),
            _share(figures.chosen),
            number(figures.expected_percent),
            probability(figures.p),
            _share(figures.of_answers),
        )


def _controls(one: SettingDiagnosis) -> Iterator[tuple[Cell, ...]]:
    if not isinstance(one.controls, ControlPanel):
        return
    for control in one.controls.controls:
        difference = control.main_less_control
        yield (
            words(control.control),
            count(difference.questions),
            _both(control.main_common)[1],
            _both(control.common)[1],
            number(control.expected_average),
            number(difference.points, difference.ci95, signed=True),
        )

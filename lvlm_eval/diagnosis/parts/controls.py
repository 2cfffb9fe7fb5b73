"""A run beside its controls: how much of its score needs what was taken away."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from lvlm_eval.diagnosis.answers import Absent, Answers, Bools, Ints, accuracy_of, answers_of
from lvlm_eval.diagnosis.chance import paired_difference
from lvlm_eval.errors import InputError
from lvlm_eval.intervals import Interval
from lvlm_eval.metrics import Accuracy
from lvlm_eval.recorded_run import RecordedRun
from lvlm_eval.records import Control, Setting

CHANCE = 25.0
"""Average accuracy of a guess, in percent."""

_BLIND: Mapping[Setting, tuple[Control, ...]] = {
    "vis": ("no-image", "no-markers", "other-source", "target-only"),
    "vis+desc": ("no-image", "no-markers"),
    "desc": ("no-image", "no-markers"),
}
"""Controls that nothing but chance, or a bias of the questions, gets right.

Words tell the query as well as a source photo does, so without that photo the other settings can
still be answered.
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """Of two average accuracies over the same questions.

    Attributes:
        points: first less second, percentage points.
        ci95: clustered by question, percentage points.
        questions: that both have answers to.
    """

    points: float
    ci95: Interval
    questions: int


@dataclass(frozen=True, slots=True)
class ControlFigure:
    """One control.

    Attributes:
        control: its name.
        planned: its rows in this setting.
        answered: of these; the others failed or have not been asked yet.
        complete: none of its rows is without an answer.
        accuracy: of the control run, over all its own questions.
        common: of the control run, over the questions that both runs have answers to.
        main_common: of the run itself, over the same questions.
        expected_average: what a working model would get, percent.
        expected: the same in words.
        blind: whether nothing but chance is expected in this setting.
        main_less_control: difference of the average accuracies over common questions.
    """

    control: Control
    planned: int
    answered: int
    complete: bool
    accuracy: Accuracy
    common: Accuracy
    main_common: Accuracy
    expected_average: float | None
    expected: str
    blind: bool
    main_less_control: Difference


@dataclass(frozen=True, slots=True)
class Correspondence:
    """The part of the average accuracy that no blind control reaches.

    Attributes:
        best_blind_control: the blind control with the highest average accuracy over the questions
            that it has in common with the run.
        part: main run less that control, over common questions.
    """

    best_blind_control: Control
    part: Difference


@dataclass(frozen=True, slots=True)
class ControlPanel:
    """A run's own figures beside its controls.

    Attributes:
        main: of the run itself.
        controls: in the order of `Control`.
        correspondence: absent without a blind control.
    """

    main: Accuracy
    controls: tuple[ControlFigure, ...]
    correspondence: Correspondence | Absent

    def named(self, control: Control) -> ControlFigure | None:
        """The figure of a control, if there is one."""
        return next((one for one in self.controls if one.control == control), None)


def check_controls(run: RecordedRun, controls: Sequence[RecordedRun]) -> None:
    """Refuse what is no control of a run.

    Raises:
        InputError: a run has no control, is of another model, has no common question, or a control
            stands twice.
    """
    if controls and run.control is not None:
        raise InputError(
            f"{run.folder} is itself the control '{run.control}'. Name the run without a control "
            "first, and its controls after --controls."
        )
    seen: set[str] = set()
    for one in controls:
        if one.control is None:
            raise InputError(
                f"--controls {one.folder} was run without a control. Give runs made with "
                "lvlm-eval run --control NAME."
            )
        if one.model != run.model:
            raise InputError(
                f"--controls {one.folder} is of model '{one.model}', the run of '{run.model}'. "
                "Give controls of the same model."
            )
        if not run.questions.keys() & one.questions.keys():
            raise InputError(
                f"--controls {one.folder} has no question of {run.folder}. Give controls that "
                "were asked the same questions."
            )
        if one.control in seen:
            raise InputError(f"--controls: control '{one.control}' is given twice. Give it once.")
        seen.add(one.control)


def unlike(run: RecordedRun, controls: Sequence[RecordedRun]) -> list[str]:
    """What beside the control itself differs between a run and its controls, a line each."""
    lines = []
    for one in controls:
        of_nature = _OF_NATURE.get(one.control, ()) if one.control else ()
        names = [
            phrase
            for name in _SAME
            if name not in of_nature
            for phrase in _unlike(name, one.identity.get(name), run.identity.get(name))
        ]
        if "dataset" in of_nature:
            names += _unlike("data", one.data, run.data)
        shared = one.manifest.files.keys() & run.manifest.files.keys()
        changed = sum(one.manifest.files[name] != run.manifest.files[name] for name in shared)
        if changed:
            names.append(f"the content of {changed} file{'s' if changed > 1 else ''}")
        if names:
            lines.append(f"control '{one.control}' differs from the run in: {', '.join(names)}")
    return lines


def _unlike(name: str, control: Any, run: Any) -> list[str]:
    """The fields that differ, with both values where they are short."""
    if control == run:
        return []
    if isinstance(control, Mapping) and isinstance(run, Mapping):
        named = [(control.get("name"), run.get("name"))]
        if named[0][0] != named[0][1]:
            return _unlike(name, *named[0])
        return [
            phrase
            for key in sorted({*control, *run})
            for phrase in _unlike(f"{name}.{key}", control.get(key), run.get(key))
        ]
    if control is None or run is None:
        return [f"{name} (which {'the run' if control is None else 'the control'} alone has)"]
    values = [json.dumps(value, ensure_ascii=False) for value in (control, run)]
    if max(map(len, values)) > LONGEST:
        return [name]
    return [f"{name} ({values[0]}, the run {values[1]})"]


LONGEST = 30
"""Characters of a value that is shown in a note."""

_SAME = (
    *("model", "decode", "rotations", "dataset", "questions", "renderer", "prompt", "protocol"),
    "drawn_anew",
)
"""Fields of the identity that no control changes, but for those of `_OF_NATURE`."""

_OF_NATURE: Mapping[Control, tuple[str, ...]] = {
    "mirror": ("dataset",),  # the fingerprint of questions that are drawn anew
    "letter": ("prompt", "protocol"),
}
"""What differs because of the control itself."""


class Controls:
    """The answers of all control runs, each read once.

    Args:
        runs: the control runs.
        parser: whose readings count.
    """

    def __init__(self, runs: Sequence[RecordedRun], parser: str) -> None:
        self._answers: dict[Control, dict[Setting, Answers]] = {}
        for run in runs:
            if run.control is not None:
                self._answers[run.control] = {
                    setting: answers.where(answers.repeat == 0)
                    for setting, answers in answers_of(run, parser).items()
                }

    def panel(self, main: Answers) -> ControlPanel | Absent:
        """Set the controls beside a run, in its setting.

        Args:
            main: the run's answers, each row asked once.
        """
        if not self._answers:
            return Absent("no control runs were given (--controls DIR…)")
        accuracy = accuracy_of(main)
        figures = []
        for control, by_setting in self._answers.items():
            other = by_setting.get(main.setting)
            if other is None:
                continue
            ours, theirs = _common(main, other)
            difference = _difference(main, other)
            if difference is None:
                continue
            blind = control in _BLIND[main.setting]
            answered = int(other.answered.sum())
            main_common = accuracy_of(main, ours)
            figures.append(
                ControlFigure(
                    control=control,
                    planned=len(other),
                    answered=answered,
                    complete=answered == len(other),
                    accuracy=accuracy_of(other),
                    common=accuracy_of(other, theirs),
                    main_common=main_common,
                    expected_average=_expected_average(control, blind, main_common),
                    expected=_expected(control, blind),
                    blind=blind,
                    main_less_control=difference,
                )
            )
        if not figures:
            return Absent(f"no control run has answers to these questions in {main.setting}")
        order = get_args(Control)
        figures.sort(key=lambda one: order.index(one.control))
        return ControlPanel(accuracy, tuple(figures), _correspondence(figures))


def _correspondence(figures: Sequence[ControlFigure]) -> Correspondence | Absent:
    blind = [one for one in figures if one.blind]
    if not blind:
        return Absent("none of the controls takes away what a correspondence needs")
    best = max(blind, key=lambda one: one.common.average_accuracy or 0.0)
    return Correspondence(best.control, best.main_less_control)


def _pairs(main: Answers, other: Answers) -> tuple[Ints, Ints]:
    """Places of the questions that both were answered, in the one and in the other; (C,) each."""
    place = {question.id: number for number, question in enumerate(other.questions)}
    ours, theirs = main.count(main.answered), other.count(other.answered)
    pairs = [
        (number, place[question.id])
        for number, question in enumerate(main.questions)
        if question.id in place and ours[number] and theirs[place[question.id]]
    ]
    first, second = np.array(pairs, np.int64).reshape(-1, 2).T
    return first, second


def _common(main: Answers, other: Answers) -> tuple[Bools, Bools]:
    """Which questions both were answered; (Q,) of the one and (R,) of the other."""
    marked = np.zeros(len(main.questions), bool), np.zeros(len(other.questions), bool)
    for one, places in zip(marked, _pairs(main, other), strict=True):
        one[places] = True
    return marked


def _difference(main: Answers, other: Answers) -> Difference | None:
    ours, theirs = _pairs(main, other)
    found = paired_difference(_counts(main, ours), _counts(other, theirs))
    return None if found is None else Difference(*found, len(ours))


def _counts(answers: Answers, of: Ints) -> tuple[Ints, Ints]:
    """Right and answered rows of some questions."""
    right = answers.count(answers.correct & answers.answered)
    return right[of], answers.count(answers.answered)[of]


def _expected_average(control: Control, blind: bool, main: Accuracy) -> float | None:
    if blind:
        return CHANCE
    if control in ("letter", "identity"):
        return 100.0
    return main.average_accuracy


def _expected(control: Control, blind: bool) -> str:
    if blind:
        return "chance"
    if control in ("letter", "identity"):
        return "nearly all"
    if control == "mirror":
        return "about the main figure"
    return "up to the main figure: the words tell the point"

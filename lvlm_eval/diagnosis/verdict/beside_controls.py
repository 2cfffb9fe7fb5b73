"""Rules about a run beside its controls."""

from collections.abc import Iterator

from lvlm_eval.diagnosis.answers import Absent
from lvlm_eval.diagnosis.parts.controls import CHANCE, ControlFigure, ControlPanel
from lvlm_eval.diagnosis.verdict.finding import ENOUGH, Finding, Parts, percent
from lvlm_eval.records import Control

CLEARLY = 5.0
"""Percentage points; a run that is surely better than a control, but surely by less, is not clearly
above it."""

LITTLE = 10.0
"""Percentage points; a run that may be no better than a control is said to be none only where the
interval of the difference ends below."""

READABLE = 50.0
"""Percent; a control that a working model gets nearly all of, and that stays below, is failed."""


def blind_to_markers(parts: Parts) -> Iterator[Finding]:
    """The run is no better than without markers, or markers cannot be read at all."""
    panel = parts.controls
    if isinstance(panel, Absent):
        return
    failed = _failed(panel, "letter") or _failed(panel, "identity")
    equal = _no_better(panel, "no-markers") or _no_better(panel, "no-image")
    reasons = []
    if failed:
        reasons.append(
            f"the control '{failed.control}' is right in "
            f"{percent(failed.common.average_accuracy)}, where a working model gets nearly "
            f"all{_unfinished(failed)}"
        )
    if equal:
        reasons.append(
            f"the run is {_hardly(equal)} better than its control '{equal.control}' "
            f"({_both(equal)})"
        )
    if reasons:
        yield parts.finding(
            "blind-to-markers",
            f"The markers are not made use of: {' and '.join(reasons)}.",
            average=panel.main.average_accuracy,
            controls={one.control: one.common.average_accuracy for one in (failed, equal) if one},
            **({"average_of_common": equal.main_common.average_accuracy} if equal else {}),
            **({"main_less_control": equal.main_less_control.points} if equal else {}),
            **({"ci95": list(equal.main_less_control.ci95)} if equal else {}),
        )


def without_source(parts: Parts) -> Iterator[Finding]:
    """The run is no better than without its source photo."""
    panel = parts.controls
    if isinstance(panel, Absent) or parts.setting != "vis":
        return
    if panel.main.average_ci95 is None or panel.main.average_ci95[0] <= CHANCE:
        return  # of guesses nothing else is to be expected
    one = _no_better(panel, "other-source") or _no_better(panel, "target-only")
    if one:
        yield parts.finding(
            "does-not-use-source",
            f"The source photo is not made use of: the run is {_hardly(one)} better than its "
            f"control '{one.control}' ({_both(one)}).",
            control=one.control,
            average=panel.main.average_accuracy,
            average_of_common=one.main_common.average_accuracy,
            average_of_control=one.common.average_accuracy,
            main_less_control=one.main_less_control.points,
            ci95=list(one.main_less_control.ci95),
        )


def untold(parts: Parts) -> tuple[ControlFigure, ...]:
    """The blind controls that the run may be better than, clearly or not at all."""
    panel = parts.controls
    if isinstance(panel, Absent):
        return ()
    return tuple(
        one
        for one in panel.controls
        if one.blind
        and one.main_less_control.ci95[0] <= 0
        and (one.main_less_control.ci95[1] >= LITTLE or one.main_less_control.questions < ENOUGH)
    )


def _hardly(one: ControlFigure) -> str:
    return "no" if one.main_less_control.ci95[0] <= 0 else "hardly"


def _both(one: ControlFigure) -> str:
    """Both figures, what they are over and their difference."""
    difference = one.main_less_control
    low, high = difference.ci95
    return (
        f"{percent(one.main_common.average_accuracy)} against "
        f"{percent(one.common.average_accuracy)} over {difference.questions} questions, "
        f"{difference.points:+.1f} points [{low:+.1f}, {high:+.1f}]{_unfinished(one)}"
    )


def _unfinished(one: ControlFigure) -> str:
    return "" if one.complete else f" (incomplete: {one.answered} of {one.planned} rows)"


def _failed(panel: ControlPanel, control: Control) -> ControlFigure | None:
    """The control, if a working model would get nearly all and it stays below half."""
    one = panel.named(control)
    if one is None or one.main_less_control.questions < ENOUGH:
        return None
    interval = one.common.average_ci95
    return one if interval and interval[1] < READABLE else None


def _no_better(panel: ControlPanel, control: Control) -> ControlFigure | None:
    """The control, if the run is surely not clearly above it."""
    one = panel.named(control)
    if one is None or one.main_less_control.questions < ENOUGH:
        return None
    low, high = one.main_less_control.ci95
    return one if high < (LITTLE if low <= 0 else CLEARLY) else None

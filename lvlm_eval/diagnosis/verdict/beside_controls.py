"""Rules about a run beside its controls."""

from collections.abc import Iterator

from lvlm_eval.diagnosis.answers import Absent
from lvlm_eval.diagnosis.parts.controls import CHANCE, ControlFigure, ControlPanel
from lvlm_eval.diagnosis.verdict.finding import ENOUGH, Finding, Parts, percent
from lvlm_eval.records import Control

CLEARLY = 5.0
"""Percentage points that a run must at least be above a control that it should be above."""

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
            f"{percent(failed.accuracy.average_accuracy)}, where a working model gets nearly all"
        )
    if equal:
        reasons.append(
            f"the run is no better than its control '{equal.control}' "
            f"({percent(panel.main.average_accuracy)} against "
            f"{percent(equal.accuracy.average_accuracy)})"
        )
    if reasons:
        yield parts.finding(
            "blind-to-markers",
            f"The markers are not made use of: {' and '.join(reasons)}.",
            average=panel.main.average_accuracy,
            controls={one.control: one.accuracy.average_accuracy for one in (failed, equal) if one},
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
            f"The source photo is not made use of: the control '{one.control}' is right in "
            f"{percent(one.accuracy.average_accuracy)}, the run in "
            f"{percent(panel.main.average_accuracy)}.",
            control=one.control,
            average=panel.main.average_accuracy,
            average_of_control=one.accuracy.average_accuracy,
            main_less_control=one.main_less_control.points,
            ci95=list(one.main_less_control.ci95),
        )


def _failed(panel: ControlPanel, control: Control) -> ControlFigure | None:
    """The control, if a working model would get nearly all and it stays below half."""
    one = panel.named(control)
    interval = one.accuracy.average_ci95 if one else None
    return one if interval and interval[1] < READABLE else None


def _no_better(panel: ControlPanel, control: Control) -> ControlFigure | None:
    """The control, if the run is not clearly above it: surely by little, or by little if at all."""
    one = panel.named(control)
    if one is None or one.main_less_control.questions < ENOUGH:
        return None
    low, high = one.main_less_control.ci95
    if high < CLEARLY:
        return one
    return one if low <= 0 and one.main_less_control.points < CLEARLY else None

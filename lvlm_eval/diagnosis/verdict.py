"""What a run looks like, in plain sentences, each from a rule with a stated bound.

A fault is named where it is large (a bound on its size) and where chance would hardly make it
(p below `SURE`, questions counted as clusters): small faults in many questions and large ones in
few are both left out. With fewer than `ENOUGH` questions that is said too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lvlm_eval.diagnosis.answers import Absent, Share
from lvlm_eval.diagnosis.parts.binding import Binding
from lvlm_eval.diagnosis.parts.confusion import INSTANCE_KINDS, Confusion
from lvlm_eval.diagnosis.parts.controls import CHANCE, ControlFigure, ControlPanel
from lvlm_eval.diagnosis.parts.noise import Noise
from lvlm_eval.diagnosis.parts.position import Position
from lvlm_eval.diagnosis.parts.texts import Texts
from lvlm_eval.metrics import Accuracy
from lvlm_eval.records import Control, Setting

SURE = 0.001
"""Bound on p values: three settings with a dozen rules stay well below one false alarm in 100."""

ENOUGH = 50
"""Questions; with fewer, chance is as large as what is looked for."""

ONE_LETTER = 80.0
"""Percent of answers with one letter, above which a run does nothing else."""

FAVOURED_LETTER = 35.0
"""Percent of answers with one letter that is worth a word; equal chances give 25."""

MOSTLY = 50.0
"""Percent of wrong answers of one kind; equal chances give 33.3."""

FREQUENT = 5.0
"""Percent of all answers that a kind of wrong answers must at least make up."""

WIDER = 3.29 / 1.96
"""From an interval of 95 % to one of 99.9 %, which random answers hardly ever leave."""

WIDEST_CHANCE = 40.0
"""Percent; an interval from below 25 to above this one tells too little to call it chance."""

BARELY = 35.0
"""Percent; answers that are more often right than a guess, but not so often, are near chance."""

KEPT = 50.0
"""Percent of two rotations with the same point: below, the point is more often changed than kept;
guesses give 25."""

TROUBLE = 1.0
"""Percent of answers with trouble; the lower end of the interval must be above it."""

CLEARLY = 5.0
"""Percentage points that a run must at least be above a control that it should be above."""

READABLE = 50.0
"""Percent; a control that a working model gets nearly all of, and that stays below, is failed."""

UNSTEADY = 20.0
"""Percent of rows whose point differs between repeats; the lower end must be above it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence of the verdict.

    Attributes:
        setting: that it is about.
        code: short name that never changes.
        text: the sentence, figures included.
        evidence: name → figure that it rests on.
    """

    setting: Setting
    code: str
    text: str
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a verdict looks at, all of one setting."""

    setting: Setting
    accuracy: Accuracy
    read: Share
    position: Position
    binding: Binding | Absent
    confusion: Confusion | Absent
    texts: Texts
    noise: Noise | Absent
    controls: ControlPanel | Absent


def verdict_of(parts: Parts) -> tuple[Finding, ...]:
    """The findings, the gravest first; ``no-fault-found`` where there is none.

    Args:
        parts: the figures of one setting.
    """
    remarks = list(_remarks(parts))
    faults = list(_faults(parts))
    if not faults and not any(one.code == "too-few-questions" for one in remarks):
        accuracy = parts.accuracy
        faults = [
            _finding(
                parts,
                "no-fault-found",
                f"No fault was found: {_percent(accuracy.average_accuracy)} of the answers are "
                "right, with no sign of a bias for letters, of misread labels, of a part mixed up "
                "with its twin, or of unreadable answers"
                + ("." if isinstance(parts.controls, ControlPanel) else "; no controls were given.")
                if isinstance(parts.confusion, Confusion)
                else f"No fault was found: {_percent(accuracy.average_accuracy)} of the answers "
                "are right, with no sign of a bias for letters, of misread labels, or of "
                "unreadable answers. Which points are mixed up cannot be told from a table.",
                average=accuracy.average_accuracy,
                circular=accuracy.circular_accuracy,
                questions=accuracy.groups,
            )
        ]
    return (*faults, *remarks)


def _finding(parts: Parts, code: str, text: str, **evidence: Any) -> Finding:
    return Finding(parts.setting, code, text, evidence)


def _faults(parts: Parts) -> Iterator[Finding]:
    drawn = list(_answers_drawn_letter(parts))
    letters = [] if drawn else list(_letter_bias(parts))
    yield from drawn
    yield from letters
    explained = bool(drawn or letters)
    chance = [] if explained else list(_chance(parts))
    yield from chance
    yield from _blind(parts)
    if not chance:
        yield from _without_source(parts)
    yield from _confusions(parts)
    if not explained and not chance:
        yield from _inconsistent(parts)
    yield from _format_trouble(parts)
    yield from _unsteady(parts)


def _remarks(parts: Parts) -> Iterator[Finding]:
    questions = parts.accuracy.groups
    if questions < ENOUGH:
        yield _finding(
            parts,
            "too-few-questions",
            f"{questions} questions are too few for a verdict; {ENOUGH} at least would be needed.",
            questions=questions,
            needed=ENOUGH,
        )
    missing = parts.accuracy.rows - parts.texts.answers
    if missing:
        yield _finding(
            parts,
            "incomplete",
            f"{missing} of {parts.accuracy.rows} rows failed or have no answer yet; the figures "
            "are of the others.",
            rows=parts.accuracy.rows,
            without_answer=missing,
        )


def _answers_drawn_letter(parts: Parts) -> Iterator[Finding]:
    binding = parts.binding
    if isinstance(binding, Absent):
        return
    wrong, of_all = binding.wrong_drawn, binding.answered_drawn
    if _least(wrong) >= MOSTLY and _least(of_all) >= FREQUENT and binding.p < SURE:
        yield _finding(
            parts,
            "answers-drawn-letter",
            f"{_percent(wrong.percent)} of the wrong answers are the letter drawn at the right "
            "point, where the letter of the option that names it was asked for (chance 33 %): the "
            "point is seen and the label misread. Read that way the average accuracy would be "
            f"{_percent(binding.read_as_drawn.average_accuracy)}, not "
            f"{_percent(parts.accuracy.average_accuracy)}.",
            wrong_drawn=wrong.percent,
            answered_drawn=of_all.percent,
            p=binding.p,
            average=parts.accuracy.average_accuracy,
            average_read_as_drawn=binding.read_as_drawn.average_accuracy,
            circular_read_as_drawn=binding.read_as_drawn.circular_accuracy,
        )


def _letter_bias(parts: Parts) -> Iterator[Finding]:
    test = parts.position.test
    letter, share = parts.position.favourite
    if isinstance(test, Absent) or test.clustered_p >= SURE:
        return
    figures = {
        "letter": letter,
        "share": share.percent,
        "expected": CHANCE,
        "clustered_chi_square": test.clustered_chi_square,
        "p": test.clustered_p,
    }
    if _least(share) >= ONE_LETTER:
        text = f"{_percent(share.percent)} of the answers are {letter}, whatever the question."
        yield _finding(parts, "always-one-letter", text, **figures)
    elif _least(share) >= FAVOURED_LETTER:
        there = parts.position.accuracy_by_place[letter].percent
        yield _finding(
            parts,
            "favours-one-letter",
            f"{_percent(share.percent)} of the answers are {letter}, which is right in a quarter "
            f"of the rows: {_percent(there)} are right where {letter} is, "
            f"{_percent(parts.accuracy.average_accuracy)} over all.",
            **figures,
            accuracy_there=there,
        )


def _chance(parts: Parts) -> Iterator[Finding]:
    interval = parts.read.ci95
    if interval is None or parts.accuracy.groups < ENOUGH:
        return
    share = _least(parts.read)
    low, high = (share + WIDER * (end - share) for end in interval)
    consistency = parts.position.consistency
    kept = None if isinstance(consistency, Absent) else consistency.pairwise.percent
    figures = {"average_of_read": parts.read.percent, "ci95": list(interval), "expected": CHANCE}
    if high < CHANCE:
        yield _finding(
            parts,
            "below-chance",
            f"{_percent(parts.read.percent)} of the answers that could be read are right, fewer "
            "than a guess would be (25 %): the wrong point is chosen for a reason.",
            **figures,
        )
    elif low > CHANCE and interval[1] < BARELY:
        yield _finding(
            parts,
            "near-chance",
            f"The answers are barely more often right ({_percent(parts.read.percent)}) than a "
            "guess (25 %).",
            **figures,
            kept=kept,
        )
    elif low <= CHANCE and interval[1] >= WIDEST_CHANCE:
        yield _finding(
            parts,
            "undecided",
            f"{_percent(parts.read.percent)} right is not clearly more than a guess (25 %), nor "
            "clearly as little: more questions are needed.",
            **figures,
            kept=kept,
        )
    elif low <= CHANCE:
        if kept is not None and kept >= KEPT:
            yield _finding(
                parts,
                "random-point",
                f"The answers are as often right as a guess ({_percent(parts.read.percent)}), and "
                f"two rotations of a question give the same point in {_percent(kept)}: a point is "
                "guessed and kept.",
                **figures,
                kept=kept,
            )
        else:
            yield _finding(
                parts,
                "random",
                f"The answers are as often right as a guess ({_percent(parts.read.percent)}; 25 % "
                "by chance)"
                + ("." if kept is None else ", and change with the order of the options."),
                **figures,
                kept=kept,
            )


def _confusions(parts: Parts) -> Iterator[Finding]:
    if isinstance(parts.confusion, Absent):
        return
    for kind in INSTANCE_KINDS:
        one = parts.confusion.kinds.get(kind)
        if one is None or one.p >= SURE or _least(one.of_answers) < FREQUENT:
            continue
        if _least(one.chosen) >= MOSTLY:
            yield _finding(
                parts,
                f"confuses-{kind}",
                f"Where the {_OTHERS[kind]} is among the candidates, "
                f"{_percent(one.chosen.percent)} of the wrong answers choose it, "
                f"{_percent(one.expected_percent)} if they were spread evenly; that is "
                f"{_percent(one.of_answers.percent)} of the answers to these {one.questions} "
                "questions.",
                wrong_choosing_it=one.chosen.percent,
                expected=one.expected_percent,
                answers_choosing_it=one.of_answers.percent,
                questions=one.questions,
                p=one.p,
            )
    distance = parts.confusion.distance
    if isinstance(distance, Absent) or distance.nearest_p >= SURE:
        return
    usual = distance.expected_nearest_percent or 0.0
    # Half of the way from what chance would give to always.
    if _least(distance.nearest) >= (usual + 100) / 2:
        yield _finding(
            parts,
            "confuses-neighbours",
            f"{_percent(distance.nearest.percent)} of the wrong answers that choose another part "
            f"choose the one nearest to the right point, {_percent(usual)} if they were spread "
            "evenly.",
            nearest=distance.nearest.percent,
            expected=usual,
            p=distance.nearest_p,
        )


_OTHERS = {
    "left-right": "same part of the other side (left, right)",
    "front-rear": "same part of the other end (front, rear)",
    "top-bottom": "same part above or below (top, bottom)",
    "several": "same part that differs in two ways (such as front left, rear right)",
    "other-instance": "same part elsewhere on the object",
}


def _inconsistent(parts: Parts) -> Iterator[Finding]:
    consistency = parts.position.consistency
    if isinstance(consistency, Absent) or parts.accuracy.groups < ENOUGH:
        return
    kept = consistency.pairwise
    if kept.ci95 is not None and kept.ci95[1] < KEPT:
        yield _finding(
            parts,
            "inconsistent",
            f"Two rotations of a question give the same point in only {_percent(kept.percent)} "
            "of cases (25 % by guessing): the order of the options decides more than the point.",
            kept=kept.percent,
            ci95=list(kept.ci95),
            same_point_in_all=consistency.same_point.percent,
            average=parts.accuracy.average_accuracy,
            circular=parts.accuracy.circular_accuracy,
        )


def _format_trouble(parts: Parts) -> Iterator[Finding]:
    texts = parts.texts
    if texts.trouble.ci95 is None or texts.trouble.ci95[0] < TROUBLE:
        return
    unparsed = {parser: one.answers.percent for parser, one in texts.unparsed.items()}
    causes = {
        **{f"unread by the {parser} parser": share for parser, share in unparsed.items()},
        "cut off": texts.truncated.answers.percent,
        "refused": texts.refused.answers.percent,
        "read as different answers by the two parsers": texts.parsers.differing.percent,
    }
    named = ", ".join(f"{_percent(share)} {what}" for what, share in causes.items() if share)
    yield _finding(
        parts,
        "format-trouble",
        f"{_percent(texts.trouble.percent)} of the answers are not a clear letter: {named}.",
        trouble=texts.trouble.percent,
        ci95=list(texts.trouble.ci95),
        unparsed=unparsed,
        truncated=texts.truncated.answers.percent,
        refused=texts.refused.answers.percent,
        read_differently=texts.parsers.differing.percent,
    )


def _unsteady(parts: Parts) -> Iterator[Finding]:
    noise = parts.noise
    if isinstance(noise, Absent) or noise.row_flips.ci95 is None:
        return
    if noise.row_flips.ci95[0] >= UNSTEADY:
        yield _finding(
            parts,
            "unsteady",
            f"{_percent(noise.row_flips.percent)} of the rows get another point when the same is "
            f"asked again; two runs differ by up to {noise.average.difference95:.1f} points in "
            "average accuracy from that alone.",
            row_flips=noise.row_flips.percent,
            question_flips=noise.question_flips.percent,
            average_difference95=noise.average.difference95,
        )


def _blind(parts: Parts) -> Iterator[Finding]:
    panel = parts.controls
    if isinstance(panel, Absent):
        return
    failed = _failed(panel, "letter") or _failed(panel, "identity")
    equal = _no_better(panel, "no-markers") or _no_better(panel, "no-image")
    reasons = []
    if failed:
        reasons.append(
            f"the control '{failed.control}' is right in "
            f"{_percent(failed.accuracy.average_accuracy)}, where a working model gets nearly all"
        )
    if equal:
        reasons.append(
            f"the run is no better than its control '{equal.control}' "
            f"({_percent(panel.main.average_accuracy)} against "
            f"{_percent(equal.accuracy.average_accuracy)})"
        )
    if reasons:
        yield _finding(
            parts,
            "blind-to-markers",
            f"The markers are not made use of: {' and '.join(reasons)}.",
            average=panel.main.average_accuracy,
            controls={one.control: one.accuracy.average_accuracy for one in (failed, equal) if one},
            **({"main_less_control": equal.main_less_control.points} if equal else {}),
            **({"ci95": list(equal.main_less_control.ci95)} if equal else {}),
        )


def _without_source(parts: Parts) -> Iterator[Finding]:
    panel = parts.controls
    if isinstance(panel, Absent) or parts.setting != "vis":
        return
    if panel.main.average_ci95 is None or panel.main.average_ci95[0] <= CHANCE:
        return  # of guesses nothing else is to be expected
    one = _no_better(panel, "other-source") or _no_better(panel, "target-only")
    if one:
        yield _finding(
            parts,
            "does-not-use-source",
            f"The source photo is not made use of: the control '{one.control}' is right in "
            f"{_percent(one.accuracy.average_accuracy)}, the run in "
            f"{_percent(panel.main.average_accuracy)}.",
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
    """The control, if the run is not clearly above it."""
    one = panel.named(control)
    if one is None or one.main_less_control.questions < ENOUGH:
        return None
    difference = one.main_less_control
    return one if difference.ci95[0] <= 0 and difference.points < CLEARLY else None


def _least(share: Share) -> float:
    """The share itself; 0 of nothing."""
    return share.percent or 0.0


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} %"

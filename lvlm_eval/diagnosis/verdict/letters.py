"""Rules about letters: which are answered, and whether the answers are more than guesses."""

from collections.abc import Iterator
from typing import Any

from lvlm_eval.diagnosis.answers import Absent
from lvlm_eval.diagnosis.parts.controls import CHANCE
from lvlm_eval.diagnosis.parts.noise import Agreement
from lvlm_eval.diagnosis.verdict.finding import (
    ENOUGH,
    FREQUENT,
    MOSTLY,
    SURE,
    Finding,
    Parts,
    amount,
    percent,
)

ONE_LETTER = 80.0
"""Percent of answers with one letter, above which a run does nothing else."""

FAVOURED_LETTER = 35.0
"""Percent of answers with one letter that is worth a word; equal chances give 25."""

KEPT = 50.0
"""Percent of two rotations with the same point: below, the point is more often changed than kept;
guesses give 25."""

ORDER = 10.0
"""Percentage points by which repeats must be able to agree more than rotations, for the order of
the options to matter; where the interval ends below, points change as much without it."""

WIDER = 3.29 / 1.96
"""From an interval of 95 % to one of 99.9 %, which random answers hardly ever leave."""

WIDEST_CHANCE = 40.0
"""Percent; an interval from below 25 to above this one tells too little to call it chance."""

BARELY = 35.0
"""Percent; answers that are more often right than a guess, but not so often, are near chance."""


def answers_drawn_letter(parts: Parts) -> Iterator[Finding]:
    """The letter drawn at the right point is answered, not its option's."""
    binding = parts.binding
    if isinstance(binding, Absent):
        return
    wrong, of_all = binding.wrong_drawn, binding.answered_drawn
    if amount(wrong) >= MOSTLY and amount(of_all) >= FREQUENT and binding.p < SURE:
        yield parts.finding(
            "answers-drawn-letter",
            f"{percent(wrong.percent)} of the wrong answers are the letter drawn at the right "
            "point, where the letter of the option that names it was asked for (chance 33 %): the "
            "point is seen and the label misread. Read that way the average accuracy would be "
            f"{percent(binding.read_as_drawn.average_accuracy)}, not "
            f"{percent(parts.accuracy.average_accuracy)}.",
            wrong_drawn=wrong.percent,
            answered_drawn=of_all.percent,
            p=binding.p,
            average=parts.accuracy.average_accuracy,
            average_read_as_drawn=binding.read_as_drawn.average_accuracy,
            circular_read_as_drawn=binding.read_as_drawn.circular_accuracy,
        )


def letter_bias(parts: Parts) -> Iterator[Finding]:
    """One letter is answered far more often than the others."""
    test = parts.position.test
    letter, share = parts.position.favourite
    if isinstance(test, Absent):
        yield from _one_letter_unbalanced(parts)
        return
    p = test.clustered_p if test.questions >= ENOUGH else test.one_letter_p
    if p >= SURE:
        return
    figures = {
        "letter": letter,
        "share": share.percent,
        "expected": CHANCE,
        "clustered_chi_square": test.clustered_chi_square,
        "p": p,
    }
    if amount(share) >= ONE_LETTER:
        text = f"{percent(share.percent)} of the answers are {letter}, whatever the question."
        yield parts.finding("always-one-letter", text, **figures)
    elif amount(share) >= FAVOURED_LETTER:
        there = parts.position.accuracy_by_place[letter].percent
        yield parts.finding(
            "favours-one-letter",
            f"{percent(share.percent)} of the answers are {letter}, which is right in a quarter "
            f"of the rows: {percent(there)} are right where {letter} is, "
            f"{percent(parts.accuracy.average_accuracy)} over all.",
            **figures,
            accuracy_there=there,
        )


def _one_letter_unbalanced(parts: Parts) -> Iterator[Finding]:
    """The same where the right letters are not balanced, so that equal chances are no yardstick."""
    letter, share = parts.position.favourite
    there = parts.position.accuracy_by_place[letter].of
    rows = sum(one.of for one in parts.position.accuracy_by_place.values())
    if parts.accuracy.groups < ENOUGH or share.of < ENOUGH:
        return
    if amount(share) < ONE_LETTER or 100 * there >= MOSTLY * rows:
        return
    right = 100 * there / rows
    yield parts.finding(
        "always-one-letter",
        f"{percent(share.percent)} of the answers are {letter}, which is right in "
        f"{percent(right)} of the rows.",
        letter=letter,
        share=share.percent,
        expected=right,
    )


def at_chance(parts: Parts) -> Iterator[Finding]:
    """The answers are as often right as guesses, or less often."""
    interval = parts.read.ci95
    if interval is None or parts.accuracy.groups < ENOUGH:
        return
    share = amount(parts.read)
    low, high = (share + WIDER * (end - share) for end in interval)
    consistency = parts.position.consistency
    kept = None if isinstance(consistency, Absent) else consistency.pairwise.percent
    figures = {"average_of_read": parts.read.percent, "ci95": list(interval), "expected": CHANCE}
    if high < CHANCE:
        yield parts.finding(
            "below-chance",
            f"{percent(parts.read.percent)} of the answers that could be read are right, fewer "
            "than a guess would be (25 %): the wrong point is chosen for a reason.",
            **figures,
        )
    elif low > CHANCE and interval[1] < BARELY:
        yield parts.finding(
            "near-chance",
            f"The answers are barely more often right ({percent(parts.read.percent)}) than a "
            "guess (25 %).",
            **figures,
            kept=kept,
        )
    elif low <= CHANCE and interval[1] >= WIDEST_CHANCE:
        yield parts.finding(
            "undecided",
            f"{percent(parts.read.percent)} right is not clearly more than a guess (25 %), nor "
            "clearly as little: more questions are needed.",
            **figures,
            kept=kept,
        )
    elif low <= CHANCE:
        if kept is not None and kept >= KEPT:
            yield parts.finding(
                "random-point",
                f"The answers are as often right as a guess ({percent(parts.read.percent)}), and "
                f"two rotations of a question give the same point in {percent(kept)}: a point is "
                "guessed and kept.",
                **figures,
                kept=kept,
            )
        else:
            yield parts.finding(
                "random",
                f"The answers are as often right as a guess ({percent(parts.read.percent)}; 25 % "
                "by chance)" + _not_kept(parts, kept),
                **figures,
                kept=kept,
                **_again(parts),
            )


def _not_kept(parts: Parts, kept: float | None) -> str:
    """How a sentence about guesses ends."""
    if kept is None:
        return "."
    text = f", and two rotations of a question give the same point in {percent(kept)} of cases"
    cause = _cause(parts)
    return f"{text}: {cause}." if cause else f"{text}."


def inconsistent(parts: Parts) -> Iterator[Finding]:
    """The point changes between the rotations of a question."""
    consistency = parts.position.consistency
    if isinstance(consistency, Absent) or consistency.questions < ENOUGH:
        return
    kept = consistency.pairwise
    if kept.ci95 is not None and kept.ci95[1] < KEPT:
        cause = _cause(parts) or (
            "whether from the order of the options or at every asking, only repeats of "
            f"{ENOUGH} questions or more tell (run --repeat 2)"
        )
        yield parts.finding(
            "inconsistent",
            f"Two rotations of a question give the same point in only {percent(kept.percent)} "
            f"of cases (25 % by guessing): {cause}.",
            kept=kept.percent,
            ci95=list(kept.ci95),
            same_point_in_all=consistency.same_point.percent,
            average=parts.accuracy.average_accuracy,
            circular=parts.accuracy.circular_accuracy,
            **_again(parts),
        )


def _agreement(parts: Parts) -> Agreement | None:
    """Repeats beside rotations, where there are enough of both."""
    if isinstance(parts.noise, Absent) or isinstance(parts.noise.agreement, Absent):
        return None
    one = parts.noise.agreement
    return one if one.questions >= ENOUGH else None


def _cause(parts: Parts) -> str:
    """Whether a point changes with the order or at every asking; empty without repeats."""
    one = _agreement(parts)
    if one is None:
        return ""
    again = f"two askings of the same row in {percent(one.again.percent)}"
    low, high = one.ci95
    if high < ORDER:
        return f"{again}, so that it is as unsteady when the same is asked again"
    if low > 0:
        return f"{again}, so that the order of the options makes it change more than asking again"
    return f"{again}, from which it cannot be told whether the order of the options matters"


def _again(parts: Parts) -> dict[str, Any]:
    """The figures behind the cause."""
    one = _agreement(parts)
    if one is None:
        return {}
    return {
        "kept_when_asked_again": one.again.percent,
        "again_less_rotated": one.again_less_rotated,
        "again_less_rotated_ci95": list(one.ci95),
    }

"""What a run looks like, in plain sentences, each from a rule with a stated bound.

A fault is named where it is large (a bound on its size) and where chance would hardly make it
(p below `SURE`, questions counted as clusters): small faults in many questions and large ones in
few are both left out. With fewer than `ENOUGH` questions that is said,
and beside it nothing but what an exact test shows: bounds of intervals hold for many questions.
"""

from collections.abc import Iterator

from lvlm_eval.diagnosis.answers import Absent
from lvlm_eval.diagnosis.verdict.beside_controls import blind_to_markers, untold, without_source
from lvlm_eval.diagnosis.verdict.confusions import confusions
from lvlm_eval.diagnosis.verdict.finding import ENOUGH, Finding, Parts, percent
from lvlm_eval.diagnosis.verdict.form import format_trouble, unsteady
from lvlm_eval.diagnosis.verdict.letters import (
    answers_drawn_letter,
    at_chance,
    inconsistent,
    letter_bias,
)

__all__ = ["Finding", "Parts", "verdict_of"]


def verdict_of(parts: Parts) -> tuple[Finding, ...]:
    """The findings, the gravest first; ``no-fault-found`` where there is none.

    Args:
        parts: the figures of one setting.
    """
    faults, remarks = list(_faults(parts)), list(_remarks(parts))
    if not faults and parts.accuracy.groups >= ENOUGH:
        faults = [_none_found(parts)]
    return (*faults, *remarks)


def _faults(parts: Parts) -> Iterator[Finding]:
    """A fault of the letters explains figures at chance, and both explain points that change."""
    letters = list(answers_drawn_letter(parts)) or list(letter_bias(parts))
    chance = [] if letters else list(at_chance(parts))
    yield from letters
    yield from chance
    yield from blind_to_markers(parts)
    if not chance:
        yield from without_source(parts)
    yield from confusions(parts)
    if not letters and not chance:
        yield from inconsistent(parts)
    yield from format_trouble(parts)
    yield from unsteady(parts)


def _none_found(parts: Parts) -> Finding:
    accuracy = parts.accuracy
    looked_for = ["a bias for letters", "misread labels"]
    unknown = []
    if isinstance(parts.confusion, Absent):
        unknown.append("which points are mixed up, since the data does not name them")
    else:
        looked_for.append("points that are mixed up")
    looked_for.append("unreadable answers")
    if isinstance(parts.controls, Absent):
        unknown.append("what the answers rest on, since no controls were given")
    for one in untold(parts):
        low, high = one.main_less_control.ci95
        unknown.append(
            f"whether the run is better than its control '{one.control}' "
            f"({one.main_less_control.points:+.1f} points [{low:+.1f}, {high:+.1f}] over "
            f"{one.main_less_control.questions} questions)"
        )
    text = (
        f"{percent(accuracy.average_accuracy)} of the answers are right, with no sign of "
        f"{', '.join(looked_for[:-1])} or {looked_for[-1]}."
    )
    if unknown:
        text += f" It cannot be told {', nor '.join(unknown)}."
    return parts.finding(
        "no-fault-found",
        text,
        average=accuracy.average_accuracy,
        circular=accuracy.circular_accuracy,
        questions=accuracy.groups,
    )


def _remarks(parts: Parts) -> Iterator[Finding]:
    questions = parts.accuracy.groups
    if questions < ENOUGH:
        yield parts.finding(
            "too-few-questions",
            f"{questions} questions are too few for a verdict; {ENOUGH} at least would be needed.",
            questions=questions,
            needed=ENOUGH,
        )
    missing = parts.accuracy.rows - parts.texts.answers
    if missing:
        yield parts.finding(
            "incomplete",
            f"{missing} of {parts.accuracy.rows} rows failed or have no answer yet; the figures "
            "are of the others.",
            rows=parts.accuracy.rows,
            without_answer=missing,
        )

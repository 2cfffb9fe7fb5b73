"""Rules about the points that wrong answers choose."""

from collections.abc import Iterator

from lvlm_eval.diagnosis.answers import Absent
from lvlm_eval.diagnosis.parts.confusion import INSTANCE_KINDS
from lvlm_eval.diagnosis.verdict.finding import (
    FREQUENT,
    MOSTLY,
    SURE,
    Finding,
    Parts,
    amount,
    percent,
)

_OTHERS = {
    "left-right": "same part of the other side (left, right)",
    "front-rear": "same part of the other end (front, rear)",
    "top-bottom": "same part above or below (top, bottom)",
    "several": "same part that differs in two ways (such as front left, rear right)",
    "other-instance": "same part elsewhere on the object",
}


def confusions(parts: Parts) -> Iterator[Finding]:
    """Wrong answers choose one kind of distractor."""
    if isinstance(parts.confusion, Absent):
        return
    for kind in INSTANCE_KINDS:
        one = parts.confusion.kinds.get(kind)
        if one is None or one.p >= SURE or amount(one.of_answers) < FREQUENT:
            continue
        if amount(one.chosen) >= MOSTLY:
            yield parts.finding(
                f"confuses-{kind}",
                f"Where the {_OTHERS[kind]} is among the candidates, "
                f"{percent(one.chosen.percent)} of the wrong answers choose it, "
                f"{percent(one.expected_percent)} if they were spread evenly; that is "
                f"{percent(one.of_answers.percent)} of the answers to these {one.questions} "
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
    if amount(distance.nearest) >= (usual + 100) / 2:
        yield parts.finding(
            "confuses-neighbours",
            f"{percent(distance.nearest.percent)} of the wrong answers that choose another part "
            f"choose the one nearest to the right point, {percent(usual)} if they were spread "
            "evenly.",
            nearest=distance.nearest.percent,
            expected=usual,
            p=distance.nearest_p,
        )

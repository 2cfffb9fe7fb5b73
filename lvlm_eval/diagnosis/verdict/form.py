"""Rules about the form of the answers, and about asking again."""

import math
from collections.abc import Iterator

from lvlm_eval.diagnosis.answers import Absent, Share
from lvlm_eval.diagnosis.chance import binomial_tail
from lvlm_eval.diagnosis.verdict.finding import ENOUGH, SURE, Finding, Parts, percent

TROUBLE = 1.0
"""Percent of answers with trouble; the lower end of the interval must be above it."""

UNSTEADY = 20.0
"""Percent of rows with another point when asked once more; the lower end must be above it."""


def format_trouble(parts: Parts) -> Iterator[Finding]:
    """Answers cannot be read, or not with certainty."""
    texts = parts.texts
    if texts.trouble.ci95 is None or texts.trouble.ci95[0] < TROUBLE:
        return
    if parts.accuracy.groups < ENOUGH and _trouble_by_chance(parts) >= SURE:
        return
    unparsed = {parser: one.answers.percent for parser, one in texts.unparsed.items()}
    causes = {
        **{f"unread by the {parser} parser": share for parser, share in unparsed.items()},
        "cut off": texts.truncated.answers.percent,
        "refused": texts.refused.answers.percent,
        "read differently by the two parsers": texts.parsers.differing.percent,
    }
    named = ", ".join(f"{percent(share)} {what}" for what, share in causes.items() if share)
    yield parts.finding(
        "format-trouble",
        f"{percent(texts.trouble.percent)} of the answers are not a clear letter: {named}.",
        trouble=texts.trouble.percent,
        ci95=list(texts.trouble.ci95),
        unparsed=unparsed,
        truncated=texts.truncated.answers.percent,
        refused=texts.refused.answers.percent,
        read_differently=texts.parsers.differing.percent,
    )


def _trouble_by_chance(parts: Parts) -> float:
    """Exact p, where answers have trouble no oftener than `TROUBLE`, whatever binds a question's.

    A question of r rows then has any with a chance of r times that at most, and n answers with
    trouble are of n/r questions at least.
    """
    questions = parts.accuracy.groups
    rows = math.ceil(parts.accuracy.rows / questions)
    return binomial_tail(
        questions, min(1.0, rows * TROUBLE / 100), math.ceil(parts.texts.trouble.count / rows)
    )


def unsteady(parts: Parts) -> Iterator[Finding]:
    """Another point is chosen when the same is asked again."""
    noise = parts.noise
    if isinstance(noise, Absent) or noise.row_flips.ci95 is None:
        return
    if noise.average.questions < ENOUGH:
        return
    if noise.row_flips.ci95[0] >= UNSTEADY:
        yield parts.finding(
            "unsteady",
            f"{percent(noise.row_flips.percent)} of the rows get another point when asked once "
            f"more; two runs differ by up to {noise.average.difference95:.1f} points in "
            "average accuracy from that alone.",
            row_flips=noise.row_flips.percent,
            **(
                {"question_flips": noise.question_flips.percent}
                if isinstance(noise.question_flips, Share)
                else {}
            ),
            average_difference95=noise.average.difference95,
        )

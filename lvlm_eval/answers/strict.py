"""Reads an answer as a careful person would: whole tokens only, and the last explicit answer wins.

Where the text leaves any doubt there is no letter, and the rule says why.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from lvlm_eval.answers.letterforms import plain_letters
from lvlm_eval.answers.mentions import (
    mentioned,
    whole_claim,
    whole_line_claims,
    without_options,
)
from lvlm_eval.answers.reasoning import without_reasoning
from lvlm_eval.answers.statements import Statement, announced, chosen
from lvlm_eval.answers.values import Choices, Claim, choices_of
from lvlm_eval.records import Reading

FAILURE_NOTICE = "Failed to obtain answer via API"
"""What the public toolkit writes in place of an answer that it could not get."""

_WHOLE_RULES = {
    "letter": "lone-letter",
    "letter-point": "letter-point",
    "point": "point",
    "number": "number",
}


def strict(text: str | None, options: Mapping[str, str], *, truncated: bool) -> Reading:
    """Read the option letter that a text settles on.

    Args:
        text: the model's answer as recorded.
        options: option letter → what is drawn at that candidate, which is also what the option's
            text names, such as ``{"A": "C", …}`` or ``{"A": "2", …}``; empty where unknown.
        truncated: the answer was cut off. Then only an announced answer counts ("Answer: B.").

    Returns:
        A letter of ``options`` and the rule that found it: ``boxed``, ``answer-tag``, ``json``,
        ``answer-statement``, ``lone-letter``, ``letter-point``, ``point``, ``number``, ``line``,
        ``choice``, ``verdict`` or ``mention``. Or no letter and the reason: ``empty``,
        ``unfinished-reasoning``, ``truncated``, ``contradiction`` (option letter and point do not
        go together), ``ambiguous``, ``unknown-option``, ``options-repeated``, ``failed-request`` or
        ``none``.
    """
    if not text or not text.strip():
        return Reading(None, "empty")
    if text.lstrip().startswith(FAILURE_NOTICE):
        return Reading(None, "failed-request")
    visible = without_reasoning(text)
    if visible.unfinished:
        return Reading(None, "unfinished-reasoning")
    if not visible.text.strip():
        return Reading(None, "empty")
    choices = choices_of(options)
    plain = plain_letters(visible.text).strip()
    if not truncated and (claim := whole_claim(plain, choices)):
        return _settle(claim, _WHOLE_RULES.get(claim.kind, claim.kind))
    unlisted = without_options(plain)
    if explicit := announced(unlisted.text, choices):
        last = explicit[-1]
        if truncated and not last.closed:
            return Reading(None, "truncated")
        return _settle_statement(last)
    if truncated:
        return Reading(None, "truncated")
    reading = _from_prose(unlisted.text, choices)
    if reading.rule == "none" and unlisted.had_options:
        return Reading(None, "options-repeated")
    return reading


def _from_prose(text: str, choices: Choices) -> Reading:
    """Lines of their own, choices, verdicts, mentions: the first kind that is there decides."""
    values = list(choices.values.finditer(text))
    own, verdicts = chosen(text, choices, values)
    lines = whole_line_claims(text, choices)
    if lines:
        agreed = [*lines, *(statement.claim for statement in own[-1:])]
        return _unanimous(agreed, "line")
    if own:
        return _settle_statement(own[-1])
    if verdicts:
        doubtful = any(statement.ambiguous for statement in verdicts)
        claims = [statement.claim for statement in verdicts]
        return Reading(None, "ambiguous") if doubtful else _unanimous(claims, "verdict")
    claims = []
    for claim in mentioned(text, choices, values):
        claims.append(claim)
        if claim.letter != claims[0].letter:
            break
    if not claims:
        return Reading(None, "none")
    return _leading_combination(text, choices, values) or _unanimous(claims, "mention")


def _leading_combination(
    text: str, choices: Choices, values: Sequence[re.Match[str]]
) -> Reading | None:
    """An option with its point at the very start ("B. Point C is …"), if no other one has one."""
    first: Claim | None = None
    for match in values:
        claim = choices.claim(match)
        if claim is None:
            continue
        combined = claim.kind in ("letter-point", "contradiction")
        if first is None:
            if not combined or text[: claim.start].strip(" \n\t*_`\"'([{$"):
                return None
            first = claim
        elif combined and claim.letter != first.letter:
            return None
    return _settle(first, "letter-point") if first else None


def _unanimous(claims: Iterable[Claim], rule: str) -> Reading:
    """The letter that all claims agree on."""
    every = list(claims)
    if any(claim.letter != every[0].letter for claim in every):
        return Reading(None, "ambiguous")
    return _settle(every[0], rule)


def _settle_statement(statement: Statement) -> Reading:
    if statement.ambiguous:
        return Reading(None, "ambiguous")
    return _settle(statement.claim, statement.rule)


def _settle(claim: Claim, rule: str) -> Reading:
    if claim.kind == "contradiction":
        return Reading(None, "contradiction")
    return Reading(claim.letter, rule) if claim.letter else Reading(None, "unknown-option")

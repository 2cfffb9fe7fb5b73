r"""Reads an answer by the six rules of the public scorer, with all their quirks.

Published figures rest on these rules, so they are reproduced and not improved: the article "a" is
an A, reasoning is not removed, and ``\boxed`` beats a later "final answer". Case and blanks are
those of Python's ``re`` for Unicode text. Every pattern here takes time in proportion to the text:
blanks that could be shared out among neighbours in several ways are matched possessively.
"""

import re

from lvlm_eval.records import Reading

_FLAGS = re.IGNORECASE
_LONE_BEFORE = r"(?<![a-z0-9])"
_LONE_AFTER = r"(?![a-z0-9])"

_BOXED = re.compile(r"\\boxed\s*+\{\s*+([a-d])\s*+\}", _FLAGS)
_FINAL_ANSWER = re.compile(
    rf"final\s++answer\s*+(?:(?:is|:)\s*+)?(?:\$\s*+)?([a-d]){_LONE_AFTER}", _FLAGS
)
_LONE_LETTER = re.compile(rf"{_LONE_BEFORE}([a-d]){_LONE_AFTER}", _FLAGS)
_LETTER_POINT = re.compile(r"([a-d])\s*+[.:]\s*+point\s*+[a-d]", _FLAGS)
_CORRECT_ANSWER_IS = re.compile(r"the\s++correct\s++answer\s++is\s*+([a-d])", _FLAGS)
_LEADING_LETTER = re.compile(rf"\s*+([a-d]){_LONE_AFTER}", _FLAGS)


def official(text: str | None) -> Reading:
    """Read the option letter as the public scorer does.

    Args:
        text: the model's answer as recorded; None is treated as empty.

    Returns:
        The letter A to D and the rule that found it (``boxed``, ``final-answer``, ``lone-letter``,
        ``letter-point``, ``correct-answer-is`` or ``leading-letter``); no letter with ``none``
        where no rule fires and with ``empty`` where there is no text.
    """
    if not text:
        return Reading(None, "empty")
    for rule, pattern in (("boxed", _BOXED), ("final-answer", _FINAL_ANSWER)):
        if letter := _last(pattern, text):
            return Reading(letter, rule)
    if letter := _only_lone_letter(text):
        return Reading(letter, "lone-letter")
    for rule, pattern in (
        ("letter-point", _LETTER_POINT),
        ("correct-answer-is", _CORRECT_ANSWER_IS),
    ):
        if letter := _last(pattern, text):
            return Reading(letter, rule)
    if leading := _LEADING_LETTER.match(text):
        return Reading(leading[1].upper(), "leading-letter")
    return Reading(None, "none")


def _last(pattern: re.Pattern[str], text: str) -> str | None:
    letter = None
    for match in pattern.finditer(text):
        letter = match[1]
    return letter.upper() if letter else None


def _only_lone_letter(text: str) -> str | None:
    """The letter that stands alone, unless two different ones do."""
    found = None
    for match in _LONE_LETTER.finditer(text):
        letter = match[1].upper()
        if found not in (None, letter):
            return None
        found = letter
    return found

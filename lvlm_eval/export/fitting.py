"""Finds, for a recorded answer, a text for a workbook that both parsers read as the answer.

A workbook has no place for how a request ended, for control characters, or for more than 32,767
characters. Where that matters the text is changed as little as it takes for both parsers to read
the same option letter as in the run.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lvlm_eval.answers import read
from lvlm_eval.datasets.tsv_cells import MISSING_MARKERS
from lvlm_eval.export.cells import LONGEST, length, storable_forms
from lvlm_eval.records import Prediction, ScoredRow, Status

Change = Literal["characters", "shortened", "marked", "blanked"]
"""What was done to a text: characters replaced, a part left out, a mark put behind it, all of it
left out."""

_CHARACTERS: frozenset[Change] = frozenset({"characters"})
_SHORTENED: frozenset[Change] = frozenset({"shortened"})
_MARKED: frozenset[Change] = frozenset({"marked"})
_BLANKED: frozenset[Change] = frozenset({"blanked"})

UNFINISHED = "\n<think>"
"""Behind an answer that was cut off: to our strict parser no letter stands before it for good, and
to the public scorer it is nothing."""

GAP = "\n[…]\n"
"""Where a part was left out."""

_CUTS = (0.5, 0.125, 0.875, 0.0, 1.0)
"""How much of what is kept stands before the gap, in the order in which it is tried."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A text for a workbook's cell.

    Attributes:
        text: storable, and no longer than a cell.
        changes: what was done to the answer; empty where it is the answer itself.
        letters: parser → option letter that it reads in the run's answer.
    """

    text: str
    changes: frozenset[Change]
    letters: Mapping[str, str | None]


def letters_of(row: ScoredRow) -> dict[str, str | None]:
    """Parser → option letter that it read."""
    return {parser: reading.letter for parser, reading in row.readings.items()}


def fitted(prediction: Prediction, options: Mapping[str, str]) -> Fitted:
    """Find the text that stands for an answer in a workbook.

    Args:
        prediction: a recorded answer; not of status ``error``.
        options: option letter → label, as a reader of the workbook sees them.

    Returns:
        The answer itself wherever that is read the same, else the least changed text that is. Where
        none is found, the answer as far as a cell can hold it.
    """
    wanted = letters_of(read(prediction))

    def reads_same(text: str) -> bool:
        return letters_of(read(_as_stored(prediction, text, options))) == wanted

    marks = ("", UNFINISHED) if prediction.status == "truncated" else ("",)
    forms = tuple(dict.fromkeys(storable_forms(prediction.text)))
    changed: frozenset[Change] = frozenset() if forms[0] == prediction.text else _CHARACTERS
    for text, changes in _candidates(forms, prediction.status, marks):
        if reads_same(text):
            return Fitted(text, changes if "blanked" in changes else changes | changed, wanted)
    if length(forms[0]) <= LONGEST:
        return Fitted(forms[0], changed, wanted)
    return Fitted(_cut(forms[0], LONGEST, _CUTS[0]), changed | _SHORTENED, wanted)


def _candidates(
    forms: Sequence[str], status: Status, marks: Sequence[str]
) -> Iterator[tuple[str, frozenset[Change]]]:
    """Texts to try and what was done for each, the least changed first."""
    for text, mark in itertools.product(forms, marks):
        if length(text + mark) <= LONGEST:
            yield text + mark, _MARKED if mark else frozenset()
    if status == "refused":
        yield "", _BLANKED
    for shorten, text, mark in itertools.product((_cuts, _windows), forms[:1], marks):
        if length(text + mark) > LONGEST:
            for part in shorten(text, LONGEST - length(mark)):
                yield part + mark, _SHORTENED | (_MARKED if mark else frozenset())


def _as_stored(prediction: Prediction, text: str, options: Mapping[str, str]) -> Prediction:
    """The prediction that a reader of the workbook makes of a row."""
    said = "" if text in MISSING_MARKERS else text
    return replace(prediction, text=said, status="ok", options=options, drawn=options)


def _cuts(text: str, limit: int) -> Iterator[str]:
    """The beginning and the end of a long text, in several shares."""
    for share in _CUTS:
        yield _cut(text, limit, share)


def _cut(text: str, limit: int, share: float) -> str:
    def cut(room: int) -> str:
        before = round((room - len(GAP)) * share)
        return text[:before] + GAP + text[len(text) - (room - len(GAP) - before) :]

    return _within(limit, cut)


def _windows(text: str, limit: int) -> Iterator[str]:
    """The beginning, the end and a part between them, from the end backwards."""
    quarter = (limit - 2 * len(GAP)) // 4
    for start in reversed(range(quarter, len(text) - quarter, quarter)):

        def cut(room: int, start: int = start) -> str:
            own = (room - 2 * len(GAP)) // 4
            return GAP.join((text[:own], text[start : start + 2 * own], text[len(text) - own :]))

        yield _within(limit, cut)


def _within(limit: int, cut: Callable[[int], str]) -> str:
    """Cut to a number of characters that fit; one beyond the 16-bit range takes two units."""
    room = limit
    while (over := length(found := cut(room)) - limit) > 0:
        room -= (over + 1) // 2
    return found

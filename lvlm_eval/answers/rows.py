"""Reads a recorded prediction with both parsers and marks it."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from lvlm_eval.answers.official import official
from lvlm_eval.answers.strict import strict
from lvlm_eval.datasets.tsv_cells import MISSING_MARKERS
from lvlm_eval.records import Prediction, Reading, ScoredRow, Setting

PARSERS: tuple[str, ...] = ("official", "strict")
"""The parsers' names; the first one's figures are the headline."""

_REFUSED: Mapping[str, Reading] = MappingProxyType(
    {parser: Reading(None, "refused") for parser in PARSERS}
)
_WRONG: Mapping[str, bool] = MappingProxyType(dict.fromkeys(PARSERS, False))
_NOTHING: Mapping[str, Reading] = MappingProxyType({})


def read(prediction: Prediction) -> ScoredRow:
    """Read one recorded answer with both parsers.

    A failed request (``error``) has nothing to read and is right for neither parser; a refused one
    was answered without a letter. As in the public scorer, the ``official`` parser is right on a
    row without an answer when it reads nothing; ``strict`` never is.

    Args:
        prediction: a recorded row.

    Returns:
        The row with what each parser read and whether that is right.
    """
    if prediction.status == "error":
        return _row(prediction, _NOTHING, _WRONG)
    answer = prediction.answer.strip().upper()
    if prediction.status == "refused":
        readings = _REFUSED
    else:
        drawn = prediction.options if prediction.drawn is None else prediction.drawn
        truncated = prediction.status == "truncated"
        readings = _readings(prediction.text, tuple(drawn.items()), truncated)
    correct = {
        "official": (readings["official"].letter or "") == answer,
        "strict": bool(answer) and readings["strict"].letter == answer,
    }
    return _row(prediction, readings, correct)


@lru_cache(maxsize=1024)
def _readings(
    text: str, drawn: tuple[tuple[str, str], ...], truncated: bool
) -> Mapping[str, Reading]:
    """What each parser reads. Most answers are a single letter, so most have been read before."""
    return {
        # The public pipeline keeps answers in a spreadsheet, whose reader takes such a text for
        # an empty cell before anything is parsed.
        "official": official("" if text in MISSING_MARKERS else text),
        "strict": strict(text, dict(drawn), truncated=truncated),
    }


def missing(question: str, setting: Setting, rotation: int) -> ScoredRow:
    """The row of a planned request that has no record."""
    return ScoredRow(question, setting, rotation, "", None, dict(_NOTHING), dict(_WRONG))


def _row(
    prediction: Prediction, readings: Mapping[str, Reading], correct: Mapping[str, bool]
) -> ScoredRow:
    return ScoredRow(
        question=prediction.question,
        setting=prediction.setting,
        rotation=prediction.rotation,
        answer=prediction.answer,
        status=prediction.status,
        readings=dict(readings),
        correct=dict(correct),
    )

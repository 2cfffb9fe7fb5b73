"""Says in which ways a run that was begun is another one than the run that is asked for."""

from collections.abc import Mapping
from typing import Any

from lvlm_eval.runs.folder import canonical

LONGEST = 60
"""Characters of a value that is shown whole."""

BEFORE, AFTER = 16, 40
"""Characters shown before and from the place where two long texts begin to differ."""

_FLAGS = {
    "dataset": "the questions, by --data, --seed, --exclude or --descriptions",
    "questions.seed": "--seed",
    "questions.distractors": "--distractors",
    "questions.min_distance": "--min-distance",
    "questions.pairs_per_category": "--pairs-per-category",
    "protocol": "--protocol",
    "rotations": "--rotations",
    "decode": "--decode",
    "prompt": "--prompt",
    "renderer": "--renderer",
    "model.name": "--model",
    "model.settings": "--model-arg",
}


def differences(there: Any, here: Any, place: str = "") -> list[str]:
    """Where two identities differ, a phrase each: the field, the flag behind it, both values.

    Args:
        there: the identity of the run that is in a folder, or a part of it.
        here: that of the run that is asked for.
        place: the field that both stand in, with dots; empty for the whole.
    """
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        return [
            phrase
            for key in sorted({*there, *here})
            for phrase in differences(
                there.get(key), here.get(key), f"{place}.{key}" if place else str(key)
            )
        ]
    if canonical(there) == canonical(here):
        return []
    before, now = _shown(there, here)
    return [f"{place}{_flag(place)} is {before} there and {now} here"]


def _flag(place: str) -> str:
    """The flag that decides a field, in brackets."""
    fitting = [field for field in _FLAGS if f"{place}.".startswith(f"{field}.")]
    return f" ({_FLAGS[max(fitting, key=len)]})" if fitting else ""


def _shown(there: Any, here: Any) -> tuple[str, str]:
    """Both values; of long ones the part where they begin to differ."""
    texts = canonical(there), canonical(here)
    if max(map(len, texts)) <= LONGEST:
        return texts
    shorter = min(map(len, texts))
    first = next((i for i in range(shorter) if texts[0][i] != texts[1][i]), shorter)
    start = max(0, first - BEFORE)
    return _part(texts[0], start), _part(texts[1], start)


def _part(text: str, start: int) -> str:
    end = start + BEFORE + AFTER
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"

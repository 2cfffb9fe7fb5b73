"""What an ablation can vary: the choices of a run, and single fields of its marker style."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

from pydantic import BaseModel

from lvlm_eval.drawing.style import Style, checked_style
from lvlm_eval.errors import InputError, nearest_names
from lvlm_eval.models.local.decoding import DECODES
from lvlm_eval.questions import DISTRACTOR_POLICIES, QuestionPolicy
from lvlm_eval.records import Protocol
from lvlm_eval.runs.jobs import DEFAULT_PROMPT, DEFAULT_RENDERER, one_of, parse_settings

Level = str | int | float | None
"""One value of a factor, as it is compared and written down."""

MODEL = "model"
RUN_DEFAULTS: Mapping[str, Level] = MappingProxyType(
    {
        "prompt": DEFAULT_PROMPT,
        "renderer": DEFAULT_RENDERER,
        "protocol": "options",
        "rotations": 4,
        "distractors": QuestionPolicy().distractors,
        "min-distance": QuestionPolicy().min_distance,
        "pairs-per-category": QuestionPolicy().pairs_per_category,
        "descriptions": None,
        "decode": "text",
        "setting": "all",
        "seed": 0,
    }
)
"""Factor → what ``lvlm-eval run`` does where nothing is said of it."""

NOTHING = "none"
"""How the absence of a value is written, as in ``image.max_side = "none"``."""

_TABLES: dict[str, type[BaseModel]] = {
    name: field.annotation
    for name, field in Style.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
}
STYLE_FACTORS: tuple[str, ...] = tuple(
    f"{table}.{field}" for table, model in _TABLES.items() for field in model.model_fields
)
"""``<table>.<field>`` of a renderer's file, such as ``marker.shape`` or ``image.max_side``."""

FACTORS: tuple[str, ...] = (MODEL, *RUN_DEFAULTS, *STYLE_FACTORS)


def factor_named(written: str, where: str) -> str:
    """The factor that a user means; ``min_distance`` is ``min-distance``.

    Args:
        written: the key in a plan, or what stands before ``=`` in ``--vary``.
        where: what to call its place in an error.

    Raises:
        InputError: there is none; the message names the nearest.
    """
    for name in (written, written.replace("_", "-")):
        if name in FACTORS:
            return name
    raise InputError(f"{where}: there is no factor '{written}'. {nearest_names(written, FACTORS)}")


def level_of(factor: str, value: object, where: str) -> Level:
    """A value of a factor as it is compared and written down.

    Args:
        factor: its name.
        value: as TOML or a flag gives it; a text may hold a number.
        where: what to call its place in an error.

    Raises:
        InputError: the factor cannot have it; the message names what is near.
    """
    if factor in STYLE_FACTORS:
        return _style_level(factor, value, where)
    try:
        return _plain_level(factor, value)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def level_text(level: Level) -> str:
    """A level as it is shown and named: ``0.1``, ``circle``, ``none``."""
    if level is None:
        return NOTHING
    return f"{level:g}" if isinstance(level, float) else str(level)


def cell_words(levels: Mapping[str, Level]) -> str:
    """``marker.shape=circle protocol=markers``, in the order of the factors' names."""
    return " ".join(f"{name}={level_text(levels[name])}" for name in sorted(levels))


def looked_in(path: str | Path) -> str:
    """Where a path was looked for: those of a plan, too, are relative to the working folder."""
    return "" if Path(path).is_absolute() else f" in the working folder, {Path.cwd()}"


def _plain_level(factor: str, value: object) -> Level:
    match factor:
        case "setting":
            words = ",".join(map(str, value)) if isinstance(value, list) else _text(factor, value)
            wanted = parse_settings(words)
            return "all" if wanted is None else ",".join(wanted)
        case "protocol":
            protocols: tuple[Protocol, ...] = get_args(Protocol)
            return one_of("protocol", _text(factor, value), protocols)
        case "distractors":
            return one_of("distractors", _text(factor, value), DISTRACTOR_POLICIES)
        case "decode":
            return one_of("decode", _text(factor, value), DECODES)
        case "rotations":
            return _whole(factor, value, (1, 4))
        case "pairs-per-category" | "seed":
            return _whole(factor, value)
        case "min-distance":
            number = _number(value)
            if number is None or not 0 <= number < 1:
                raise InputError(f"{factor} is {value!r}, expected a number from 0 to below 1.")
            return float(number)
        case "descriptions":
            if value == NOTHING:
                return None
            path = _text(factor, value)
            if not Path(path).is_file():
                raise InputError(f"{factor}: there is no file '{path}'{looked_in(path)}.")
            return path
        case _:
            return _text(factor, value)


def _text(factor: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise InputError(f"{factor} is {value!r}, expected a text.")
    return value


def _whole(factor: str, value: object, known: Iterable[int] = ()) -> int:
    number = _number(value)
    allowed = tuple(known)
    if not isinstance(number, int) or (allowed and number not in allowed):
        expected = " or ".join(map(str, allowed)) if allowed else "a whole number"
        raise InputError(f"{factor} is {value!r}, expected {expected}.")
    return number


def _number(value: object) -> int | float | None:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and isinstance(value, int | float) else None


def _style_level(factor: str, value: object, where: str) -> Level:
    """Try the value in a style that is otherwise sound."""
    table, _, field = factor.partition(".")
    content: dict[str, Any] = {
        "description": "",
        "marker": {"shape": "arrow", "colour": "red", "size": 0.1},
    }
    if factor == "image.quality":
        content["image"] = {"format": "jpeg"}
    content.setdefault(table, {})[field] = None if value == NOTHING else value
    tried = getattr(checked_style(content, where), table)
    level: Level = getattr(tried, field)
    return level

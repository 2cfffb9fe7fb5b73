"""The words for a keypoint ("center point of the front left wheel"), and where they came from.

Sources in the order they are asked: the user's table, the annotation of the keypoint itself, the
dataset's taxonomy, and last the keypoint's own name taken apart. Sides are always the object's own.
"""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lvlm_eval.datasets.refusals import shown
from lvlm_eval.errors import InputError, nearest_names
from lvlm_eval.records import Keypoint

COMPOSED = "composed from the keypoint's name"
"""Where a description came from if nothing else gave one."""

# The released taxonomy's inner field names are not documented, so the plausible ones are tried in
# this order and the one that was used is recorded with every question.
NAME_FIELDS = (
    "keypoint",
    "keypoint_name",
    "name",
    "instance",
    "instance_name",
    "semantic_keypoint",
)
TEXT_FIELDS = (
    "description",
    "language_description",
    "natural_language",
    "description_text",
    "text",
    "phrase",
    "caption",
    "language",
    "desc",
)
CATEGORY_FIELDS = ("category", "category_name", "object", "object_category", "class")

SIDES = frozenset(
    {
        "left",
        "right",
        "front",
        "rear",
        "back",
        "hind",
        "fore",
        "top",
        "bottom",
        "upper",
        "lower",
        "inner",
        "outer",
        "middle",
    }
)
PLACES = {
    "center": "center point",
    "centre": "center point",
    "tip": "tip",
    "end": "end",
    "base": "base",
    "corner": "corner",
    "edge": "edge",
    "top": "top",
    "bottom": "bottom",
}
FAMILIES = frozenset(
    {
        "vehicle",
        "animal",
        "quadruped",
        "primate",
        "bird",
        "mammal",
        "person",
        "human",
        "furniture",
        "object",
        "tool",
        "item",
        "handheld",
        "instrument",
        "vessel",
        "aircraft",
        "boat",
        "seat",
        "container",
    }
)


@dataclass(frozen=True, slots=True)
class Description:
    """Words for a point, without an article at the start, and where they came from."""

    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Describer:
    """Finds the words for keypoints.

    Attributes:
        table: the user's own words: (category or None, keypoint name) → text.
        table_name: file name of the user's table.
        metadata: the dataset's words: (category or None, keypoint name) → (text, field path).
    """

    table: Mapping[tuple[str | None, str], str] = field(default_factory=dict)
    table_name: str = ""
    metadata: Mapping[tuple[str | None, str], tuple[str, str]] = field(default_factory=dict)

    def unknown(self, keypoints: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
        """What is wrong with entries of the user's table that fit no point, a line each.

        Args:
            keypoints: category → names of its keypoints, as far as they were met.
        """
        everywhere = {name for names in keypoints.values() for name in names}
        lines = []
        for category, name in self.table:
            known = set(keypoints.get(category, ())) if category is not None else everywhere
            if category is not None and category not in keypoints:
                lines.append(f"no category '{category}'. {nearest_names(category, keypoints)}")
            elif name not in known:
                lines.append(f"no keypoint '{name}'. {nearest_names(name, known)}")
        return tuple(f"{self.table_name}: {line}" for line in dict.fromkeys(lines))

    def describe(self, category: str, keypoint: Keypoint) -> Description:
        """The words for a keypoint of an object of this category."""
        for key in ((category, keypoint.name), (None, keypoint.name)):
            if key in self.table:
                return Description(self.table[key], f"table {self.table_name}")
        if keypoint.description:
            return Description(keypoint.description, "annotation")
        for key in ((category, keypoint.name), (None, keypoint.name)):
            if key in self.metadata:
                text, place = self.metadata[key]
                return Description(text, f"metadata {place}")
        return Description(compose(keypoint.name, category), COMPOSED)


def make_describer(taxonomy: object, table: Path | None = None) -> Describer:
    """Collect the words that a dataset's taxonomy and a user's table give.

    Args:
        taxonomy: parsed ``keypoint_taxonomy.json`` of any shape, or None.
        table: a JSON or TOML file of ``{category: {keypoint: text}}`` or ``{keypoint: text}``.

    Raises:
        InputError: the table cannot be read or has another shape.
    """
    return Describer(
        table=_read_table(table) if table else {},
        table_name=table.name if table else "",
        metadata=_agreed(_walk(taxonomy, None, "keypoint_taxonomy.json")),
    )


def compose(name: str, category: str) -> str:
    """Words for a keypoint from its name alone.

    ``vehicle_wheel_front_left_center`` of a car becomes "center point of the front left wheel":
    a leading family word goes, a trailing place word comes first, sides stand before the part.
    """
    tokens, own = _tokens(name), _tokens(category)
    if own and len(tokens) > len(own) and tokens[: len(own)] == own:
        tokens = tokens[len(own) :]
    elif len(tokens) > 1 and tokens[0] in FAMILIES:
        tokens = tokens[1:]
    place = ""
    # A last "top" or "bottom" with nothing but a part before it is a place too ("lid_top"), so it
    # is the word's position that decides, not its kind.
    if len(tokens) > 1 and tokens[-1] in PLACES:
        place, tokens = PLACES[tokens[-1]], tokens[:-1]
    sides = [token for token in tokens if token in SIDES]
    part = [token for token in tokens if token not in SIDES]
    if not part:
        # "left_corner": the place is the part itself.
        part, place = ([place], "") if place else (["point"], "")
    thing = " ".join((*sides, *part))
    return f"{place} of the {thing}" if place else thing


def _tokens(name: str) -> list[str]:
    return re.findall(r"[^\s_-]+", name.lower())


def _read_table(path: Path) -> dict[tuple[str | None, str], str]:
    try:
        content = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".toml":
            loaded = tomllib.loads(content)
        else:
            loaded = json.loads(content, object_pairs_hook=_members_once)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"descriptions '{path}' cannot be read: {error}") from error
    found: dict[tuple[str | None, str], str] = {}
    shape = "expected {category: {keypoint: text}} or {keypoint: text}"
    if not isinstance(loaded, dict):
        raise InputError(f"descriptions '{path}': the file holds no table; {shape}.")
    for key, value in loaded.items():
        inner: dict[tuple[str | None, str], object]
        if isinstance(value, str):
            inner = {(None, key): value}
        elif isinstance(value, dict):
            inner = {(key, name): text for name, text in value.items()}
        else:
            raise InputError(f"descriptions '{path}': entry {shown(key)} is no text; {shape}.")
        for names, text in inner.items():
            if not isinstance(text, str) or not _is_words(text):
                entry = ".".join(name for name in names if name is not None)
                raise InputError(
                    f"descriptions '{path}': entry {shown(entry)} is {shown(text)}; expected words."
                )
            found[names] = text
    return found


def _members_once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    object_ = dict(members)
    if len(object_) < len(members):
        twice = next(name for name, count in Counter(n for n, _ in members).items() if count > 1)
        raise ValueError(f"{shown(twice)} stands there twice")
    return object_


def _is_words(text: str) -> bool:
    """Neither blank, nor with half a character in it, which no request can hold."""
    return bool(text.strip()) and text == text.encode("utf-8", "replace").decode()


_Found = tuple[tuple[str | None, str], tuple[str, str]]

# Levels of the taxonomy that are named in the recorded source, and those whose keys are categories.
KNOWN_LEVELS = frozenset({"instances", "keypoints", "concepts", "categories", "points"})
CATEGORY_LEVELS = frozenset({"categories", "instances", "objects"})
_DEEPEST = 32
"""Levels of a taxonomy that are looked through; deeper nesting means nothing."""


def _agreed(found: Iterable[_Found]) -> dict[tuple[str | None, str], tuple[str, str]]:
    """One text each; a point of no known category that is told of in two ways has none."""
    texts: dict[tuple[str | None, str], tuple[str, str]] = {}
    conflicting = set()
    for key, (text, place) in found:
        if key[0] is None and texts.get(key, (text, place))[0] != text:
            conflicting.add(key)
        texts.setdefault(key, (text, place))
    return {key: text for key, text in texts.items() if key not in conflicting}


def _walk(node: Any, category: str | None, path: str, levels: int = _DEEPEST) -> Iterator[_Found]:
    """Find every (category, keypoint) with words, wherever it stands in the taxonomy."""
    if not levels:
        return
    if isinstance(node, list):
        for one in node:
            place = path if path.endswith("[]") else f"{path}[]"
            yield from _walk(one, category, place, levels - 1)
    elif isinstance(node, dict):
        names = CATEGORY_FIELDS if "keypoints" not in node else (*CATEGORY_FIELDS, "name")
        category = _text_of(node, names)[0] or category
        name, _ = _text_of(node, NAME_FIELDS)
        text, text_field = _words_of(node)
        if name and text:
            yield (category, name), (text, f"{path}.{text_field}")
        for key, value in node.items():
            place = f"{path}.{key}" if key in KNOWN_LEVELS else path
            if isinstance(value, dict) and key in CATEGORY_LEVELS:
                for own_category, inner in value.items():
                    yield from _walk(inner, own_category, place, levels - 1)
            elif isinstance(value, dict) and _words_of(value)[0] and not _named(value):
                yield from _walk({"keypoint": key, **value}, category, place, levels - 1)
            elif isinstance(value, list | dict):
                yield from _walk(value, category, place, levels - 1)


def _named(node: Mapping[str, Any]) -> bool:
    return _text_of(node, NAME_FIELDS)[0] is not None


def _words_of(node: Mapping[str, Any]) -> tuple[str | None, str]:
    """The description in a node: no template with gaps to fill, and no code of a language."""
    for name in TEXT_FIELDS:
        text, _ = _text_of(node, (name,))
        if text and len(text) > 3 and not re.search(r"[{}<>\[\]]|%s", text):
            return text, name
    return None, ""


def _text_of(node: Mapping[str, Any], fields: tuple[str, ...]) -> tuple[str | None, str]:
    for name in fields:
        value = node.get(name)
        if isinstance(value, str) and _is_words(value):
            return value.strip(), name
    return None, ""

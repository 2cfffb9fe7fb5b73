"""Reads the JSON of one annotated pair: what is usable, what is wrong, and what is refused.

Scores must never come from nonsense, so a value of the wrong kind ends the reading with the file
and the field named; a harmless slip (an unknown or doubled name) is dropped and reported.
"""

import json
import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from lvlm_eval.datasets.refusals import refusal, shown
from lvlm_eval.errors import InputError, one_line
from lvlm_eval.records import Box, ConceptMatch, Defect, Keypoint, Pair, View

_DESCRIPTION_FIELDS = ("description", "phrase", "text", "language")
_NUMBERS = (float, int)
_LANGUAGE_CODE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z]{2,4})?")

# Beyond this a number is no pixel position, and arithmetic on it may overflow.
_FARTHEST = 1e9

# Signs that do not count as printable and stand in file names all the same: blanks of other widths,
# as in names of screenshots, and the joiners that Persian and Indian words are spelt with.
_ALSO_IN_NAMES = frozenset("\u200c\u200d")
_LONGEST_NAME = 255
"""Bytes; no file system has longer names."""
_LONGEST_PATH = 2_000
"""Bytes, below the category's folder."""

_JsonObject = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an annotation comes from, and what the file itself may leave out.

    Attributes:
        file: what to call it in errors and defects.
        key: of the pair.
        folder: name of the folder it lies in; empty in a split without folders.
        related: whether the two categories may differ, so that the folder tells only the target's.
        measure: gives width and height in px of an image named as in ``View.image``; asked only
            where the annotation has no size.
    """

    file: str
    key: str
    folder: str
    related: bool
    measure: Callable[[str], tuple[int, int]] = field(repr=False)


def parse_pair(content: bytes, origin: Origin) -> tuple[Pair, tuple[Defect, ...]]:
    """Read one pair annotation.

    Args:
        content: the JSON text.
        origin: where it comes from.

    Returns:
        The pair, and everything in the file that was passed over.

    Raises:
        InputError: the file is no JSON object, or a field in it cannot be used.
    """
    return _Reader(origin).pair(content)


def is_plain_name(name: str) -> bool:
    """Tell whether a text is safe as the name of one file or folder."""
    return (
        name not in {"", ".", ".."}
        and not any(sign in name for sign in "/\\:\0")
        and _fits_a_line(name)
        and len(name.encode()) <= _LONGEST_NAME
    )


def _fits_a_line(name: str) -> bool:
    return name.isprintable() or all(
        sign.isprintable() or sign in _ALSO_IN_NAMES or unicodedata.category(sign) == "Zs"
        for sign in name
    )


class _Reader:
    """Holds the file's name and the growing list of defects while one annotation is read."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.defects: list[Defect] = []

    def pair(self, content: bytes) -> tuple[Pair, tuple[Defect, ...]]:
        data = self._object(content)
        general = self._name(data, "category")
        source = self._view(data, "src", general)
        target = self._view(data, "trg", general)
        here = {point.name for point in source.keypoints}
        there = {point.name for point in target.keypoints}
        pair = Pair(
            key=self.origin.key,
            group=self._name(data, "pair_group")
            or general
            or self.origin.folder
            or target.category,
            source=source,
            target=target,
            overlap=self._overlap(data, here, there),
            concepts=self._concepts(data, here, there),
        )
        return pair, tuple(self.defects)

    def _object(self, content: bytes) -> _JsonObject:
        try:
            data = json.loads(content, object_pairs_hook=self._members_once)
        except (ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else error
            raise refusal(self.origin.file, "", f"is not readable as JSON ({reason}).") from None
        if not isinstance(data, dict):
            self._refuse("", f"holds {_kind(data)}; a pair annotation is a JSON object.")
        return data

    def _members_once(self, members: list[tuple[str, Any]]) -> _JsonObject:
        """Refuse two values of one field: whichever a reader takes, the other one is lost."""
        object_ = dict(members)
        if len(object_) < len(members):
            for name, value in members:
                if value != object_[name]:
                    self._refuse(shown(name), "stands twice in one object, with two values.")
        return object_

    def _view(self, data: _JsonObject, side: str, general: str) -> View:
        category = self._category(data, side, general)
        image = f"Images/{category}/{self._image(data, f'{side}_image')}"
        size = self._size(data, f"{side}_imsize", image)
        return View(
            category=category,
            image=image,
            size=size,
            box=self._box(data, f"{side}_bndbox"),
            keypoints=self._keypoints(data, f"{side}_keypoints", max(size)),
            azimuth=_azimuth(data, side),
        )

    def _category(self, data: _JsonObject, side: str, general: str) -> str:
        name = f"{side}_category"
        category = self._name(data, name) or general
        if not category and self.origin.folder and not (self.origin.related and side == "src"):
            category = self.origin.folder
            self._note(name, f"absent, and so is 'category': taken from the folder '{category}'.")
        if not category:
            self._refuse(name, "absent, and so is 'category'; the name of its folder in Images/.")
        if not is_plain_name(category):
            self._refuse(name, f"{shown(category)} is not the name of a folder in Images/.")
        return category

    def _image(self, data: _JsonObject, name: str) -> str:
        image = self._name(data, name)
        if not image:
            self._refuse(name, "absent; expected the file name of an image.")
        plain = all(is_plain_name(part) for part in image.split("/"))
        if not plain or len(image.encode()) > _LONGEST_PATH:
            self._refuse(name, f"{shown(image)} is not a file name below the category's folder.")
        return image

    def _size(self, data: _JsonObject, name: str, image: str) -> tuple[int, int]:
        value = data.get(name)
        if value is None:
            try:
                size = self.origin.measure(image)
            except InputError as error:
                self._refuse(name, f"absent, and the file does not tell it: {error}")
            self._note(name, f"absent: the size of the file is used, {size[0]}x{size[1]} px.")
            return size
        # Some annotations in this family add the number of channels.
        if not isinstance(value, list) or len(value) not in {2, 3}:
            self._refuse(name, f"{shown(value)} is not [width, height] in px.")
        width, height = (self._number(one, name) for one in value[:2])
        if width < 1 or height < 1 or width != int(width) or height != int(height):
            self._refuse(name, f"{shown(value)} is not [width, height] in whole px.")
        return int(width), int(height)

    def _box(self, data: _JsonObject, name: str) -> Box | None:
        value = data.get(name)
        if value is None or value == []:
            return None
        if not isinstance(value, list) or len(value) != 4:
            self._refuse(name, f"{shown(value)} is not [left, top, right, bottom] in px, nor null.")
        left, top, right, bottom = (self._number(one, name) for one in value)
        if right <= left or bottom <= top:
            self._refuse(
                name,
                f"{shown(value)} has swapped sides or no area; expected [left, top, right, bottom] "
                "with left < right and top < bottom. Correct it, or set it to null.",
            )
        return left, top, right, bottom

    def _keypoints(self, data: _JsonObject, name: str, side: int) -> tuple[Keypoint, ...]:
        points: dict[str, Keypoint] = {}
        for place, item in enumerate(self._list(data, name)):
            point = _usual_keypoint(item) or self._keypoint(item, f"{name}[{place}]")
            if point.name in points:
                where = f"{name}[{place}]"
                self._note(where, f"{shown(point.name)} stands there twice: the first one holds.")
                continue
            points[point.name] = point
            if not (0 <= point.x < side and 0 <= point.y < side):
                self._note(
                    f"{name}[{place}]",
                    f"{shown(point.name)} at ({point.x:g}, {point.y:g}) px lies outside the padded "
                    f"square of {side} px: scored as it stands.",
                )
        return tuple(points.values())

    def _keypoint(self, item: object, where: str) -> Keypoint:
        if not isinstance(item, dict):
            self._refuse(where, f"is {_kind(item)}; a keypoint is an object with 'name' and 'pos'.")
        name = self._name(item, "name", where)
        if not name:
            self._refuse(f"{where}.name", "absent or empty; expected the keypoint's name.")
        position = item.get("pos")
        if not isinstance(position, list) or len(position) != 2:
            self._refuse(f"{where}.pos", f"{shown(position)} is not [x, y] in px.")
        return Keypoint(
            name,
            self._number(position[0], where, ".pos"),
            self._number(position[1], where, ".pos"),
            self._name(item, "concept_name", where) or None,
            _description(item),
        )

    def _overlap(self, data: _JsonObject, here: set[str], there: set[str]) -> tuple[str, ...]:
        name = "semantic_overlap"
        found: dict[str, None] = {}
        for known in self._names(data, name, name):
            if known in found:
                self._note(name, f"{shown(known)} stands there twice: counted once.")
            elif known not in here or known not in there:
                lacking = _lacking(known, here, there)
                self._note(name, f"{shown(known)} is ignored: {lacking} lacks it.")
            else:
                found[known] = None
        return tuple(found)

    def _concepts(
        self, data: _JsonObject, here: set[str], there: set[str]
    ) -> tuple[ConceptMatch, ...]:
        groups = []
        for place, item in enumerate(self._list(data, "concept_matches")):
            where = f"concept_matches[{place}]"
            if not isinstance(item, dict):
                self._refuse(where, f"is {_kind(item)}; expected an object with 'concept_name'.")
            concept = self._name(item, "concept_name", where)
            if not concept:
                self._refuse(f"{where}.concept_name", "absent or empty; expected a name.")
            source = self._members(item, "src_keypoints", where, here)
            target = self._members(item, "trg_keypoints", where, there)
            groups.append(ConceptMatch(concept, source, target))
        return tuple(groups)

    def _members(
        self, item: _JsonObject, name: str, where: str, known: set[str]
    ) -> tuple[str, ...]:
        path = f"{where}.{name}"
        found: dict[str, None] = {}
        for member in self._names(item, name, path):
            if member in found:
                self._note(path, f"{shown(member)} stands there twice: counted once.")
            elif member not in known:
                self._note(path, f"{shown(member)} is ignored: the view has no such keypoint.")
            else:
                found[member] = None
        return tuple(found)

    def _names(self, data: _JsonObject, name: str, path: str) -> Sequence[str]:
        names = self._list(data, name, path)
        for place, one in enumerate(names):
            if not isinstance(one, str) or not one:
                self._refuse(f"{path}[{place}]", f"{shown(one)} is not a keypoint's name.")
        return names

    def _list(self, data: _JsonObject, name: str, path: str | None = None) -> list[Any]:
        value = data.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self._refuse(path or name, f"is {_kind(value)}; expected a list.")
        return value

    def _name(self, data: _JsonObject, name: str, where: str = "") -> str:
        value = data.get(name)
        if type(value) is str and value.isprintable():
            return value
        if value is None:
            return ""
        path = f"{where}.{name}" if where else name
        if not isinstance(value, str):
            self._refuse(path, f"is {_kind(value)}; expected a text.")
        # Names go into tables and results: a line feed or half a character would break those.
        if not _fits_a_line(value):
            self._refuse(path, f"{shown(value)} has characters that cannot be printed.")
        return value

    def _number(self, value: object, where: str, member: str = "") -> float:
        number = _finite(value)
        if number is None:
            self._refuse(where + member, f"{shown(value)} is not a finite number.")
        if abs(number) > _FARTHEST:
            self._refuse(where + member, f"{shown(value)} is no position in px.")
        return number

    def _note(self, name: str, message: str) -> None:
        self.defects.append(Defect(self.origin.file, name, one_line(message)))

    def _refuse(self, name: str, message: str) -> NoReturn:
        raise refusal(self.origin.file, name, message)


def _usual_keypoint(item: Any) -> Keypoint | None:
    """A keypoint that has nothing unusual about it; None where one must look closer.

    Nearly all are such, and a release has a million of them.
    """
    try:
        name, (x, y), concept = item["name"], item["pos"], item.get("concept_name")
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    usual = (
        type(name) is str
        and name
        and name.isprintable()
        and type(x) in _NUMBERS
        and type(y) in _NUMBERS
        and -_FARTHEST <= x <= _FARTHEST
        and -_FARTHEST <= y <= _FARTHEST
        and (concept is None or (type(concept) is str and concept.isprintable()))
        and type(item["pos"]) is list
        and item.keys().isdisjoint(_DESCRIPTION_FIELDS)
    )
    return Keypoint(name, float(x), float(y), concept or None, None) if usual else None


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:  # an integer beyond the range of a float
        return None
    return number if math.isfinite(number) else None


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return "null" if value is None else names.get(type(value), "a number")


def _lacking(name: str, here: set[str], there: set[str]) -> str:
    if name not in here:
        return "the source" if name in there else "each of the two views"
    return "the target"


def _description(item: _JsonObject) -> str | None:
    for name in _DESCRIPTION_FIELDS:
        value = item.get(name)
        if not isinstance(value, str):
            continue
        words = " ".join(value.split())
        if (
            words.isprintable()
            and words
            and not (name == "language" and _LANGUAGE_CODE.fullmatch(words))
        ):
            return words
    return None


def _azimuth(data: _JsonObject, side: str) -> float | None:
    """Camera azimuth in degrees, wherever an annotation may keep it; a wrong kind is none."""
    pose = data.get(f"{side}_pose")
    places: list[object] = [data.get(f"{side}_azimuth"), data.get(f"{side}_azimuth_deg")]
    if isinstance(pose, dict):
        places += [pose.get("azimuth"), pose.get("azimuth_deg")]
    for value in places:
        number = _finite(value)
        if number is not None:
            return number
    return None

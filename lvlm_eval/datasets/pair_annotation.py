"""Reads the JSON of one pair in SOCOv1: what is usable, what is wrong, and what is refused."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from lvlm_eval.datasets.annotation_reader import (
    FARTHEST,
    AnnotationReader,
    JsonObject,
    finite,
    is_plain_name,
    kind_of,
)
from lvlm_eval.datasets.refusals import shown
from lvlm_eval.errors import InputError
from lvlm_eval.records import ConceptMatch, Defect, Keypoint, Pair, View

__all__ = ["Origin", "is_plain_name", "parse_pair"]

_DESCRIPTION_FIELDS = ("description", "phrase", "text", "language")
_NUMBERS = (float, int)
_LANGUAGE_CODE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z]{2,4})?")

_LONGEST_PATH = 2_000
"""Bytes, below the category's folder."""


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


class _Reader(AnnotationReader):
    def __init__(self, origin: Origin) -> None:
        super().__init__(origin.file)
        self.origin = origin

    def pair(self, content: bytes) -> tuple[Pair, tuple[Defect, ...]]:
        data = self.json_object(content)
        general = self.name(data, "category")
        source = self._view(data, "src", general)
        target = self._view(data, "trg", general)
        here = {point.name for point in source.keypoints}
        there = {point.name for point in target.keypoints}
        pair = Pair(
            key=self.origin.key,
            group=self.name(data, "pair_group") or general or self.origin.folder or target.category,
            source=source,
            target=target,
            overlap=self._overlap(data, here, there),
            concepts=self._concepts(data, here, there),
        )
        return pair, tuple(self.defects)

    def _view(self, data: JsonObject, side: str, general: str) -> View:
        category = self._category(data, side, general)
        image = f"Images/{category}/{self._image(data, f'{side}_image')}"
        size = self._size(data, f"{side}_imsize", image)
        return View(
            category=category,
            image=image,
            size=size,
            box=self.box(data, f"{side}_bndbox"),
            keypoints=self._keypoints(data, f"{side}_keypoints", max(size)),
            azimuth=_azimuth(data, side),
        )

    def _category(self, data: JsonObject, side: str, general: str) -> str:
        name = f"{side}_category"
        category = self.name(data, name) or general
        if not category and self.origin.folder and not (self.origin.related and side == "src"):
            category = self.origin.folder
            self.note(name, f"absent, and so is 'category': taken from the folder '{category}'.")
        if not category:
            self.refuse(name, "absent, and so is 'category'; the name of its folder in Images/.")
        if not is_plain_name(category):
            self.refuse(name, f"{shown(category)} is not the name of a folder in Images/.")
        return category

    def _image(self, data: JsonObject, name: str) -> str:
        image = self.name(data, name)
        if not image:
            self.refuse(name, "absent; expected the file name of an image.")
        plain = all(is_plain_name(part) for part in image.split("/"))
        if not plain or len(image.encode()) > _LONGEST_PATH:
            self.refuse(name, f"{shown(image)} is not a file name below the category's folder.")
        return image

    def _size(self, data: JsonObject, name: str, image: str) -> tuple[int, int]:
        value = data.get(name)
        if value is None:
            try:
                size = self.origin.measure(image)
            except InputError as error:
                self.refuse(name, f"absent, and the file does not tell it: {error}")
            self.note(name, f"absent: the size of the file is used, {size[0]}x{size[1]} px.")
            return size
        return self.size(value, name)

    def _keypoints(self, data: JsonObject, name: str, side: int) -> tuple[Keypoint, ...]:
        points: dict[str, Keypoint] = {}
        for place, item in enumerate(self.items(data, name)):
            point = _usual_keypoint(item) or self._keypoint(item, f"{name}[{place}]")
            if point.name in points:
                where = f"{name}[{place}]"
                self.note(where, f"{shown(point.name)} stands there twice: the first one holds.")
                continue
            points[point.name] = point
            if not (0 <= point.x < side and 0 <= point.y < side):
                self.note_outside(f"{name}[{place}]", point, side)
        return tuple(points.values())

    def _keypoint(self, item: object, where: str) -> Keypoint:
        if not isinstance(item, dict):
            self.refuse(
                where, f"is {kind_of(item)}; a keypoint is an object with 'name' and 'pos'."
            )
        name = self.name(item, "name", where)
        if not name:
            self.refuse(f"{where}.name", "absent or empty; expected the keypoint's name.")
        position = item.get("pos")
        if not isinstance(position, list) or len(position) != 2:
            self.refuse(f"{where}.pos", f"{shown(position)} is not [x, y] in px.")
        return Keypoint(
            name,
            self.number(position[0], where, ".pos"),
            self.number(position[1], where, ".pos"),
            self.name(item, "concept_name", where) or None,
            _description(item),
        )

    def _overlap(self, data: JsonObject, here: set[str], there: set[str]) -> tuple[str, ...]:
        name = "semantic_overlap"
        found: dict[str, None] = {}
        for known in self._names(data, name, name):
            if known in found:
                self.note(name, f"{shown(known)} stands there twice: counted once.")
            elif known not in here or known not in there:
                lacking = _lacking(known, here, there)
                self.note(name, f"{shown(known)} is ignored: {lacking} lacks it.")
            else:
                found[known] = None
        return tuple(found)

    def _concepts(
        self, data: JsonObject, here: set[str], there: set[str]
    ) -> tuple[ConceptMatch, ...]:
        groups = []
        for place, item in enumerate(self.items(data, "concept_matches")):
            where = f"concept_matches[{place}]"
            if not isinstance(item, dict):
                self.refuse(where, f"is {kind_of(item)}; expected an object with 'concept_name'.")
            concept = self.name(item, "concept_name", where)
            if not concept:
                self.refuse(f"{where}.concept_name", "absent or empty; expected a name.")
            source = self._members(item, "src_keypoints", where, here)
            target = self._members(item, "trg_keypoints", where, there)
            groups.append(ConceptMatch(concept, source, target))
        return tuple(groups)

    def _members(self, item: JsonObject, name: str, where: str, known: set[str]) -> tuple[str, ...]:
        path = f"{where}.{name}"
        found: dict[str, None] = {}
        for member in self._names(item, name, path):
            if member in found:
                self.note(path, f"{shown(member)} stands there twice: counted once.")
            elif member not in known:
                self.note(path, f"{shown(member)} is ignored: the view has no such keypoint.")
            else:
                found[member] = None
        return tuple(found)

    def _names(self, data: JsonObject, name: str, path: str) -> Sequence[str]:
        names = self.items(data, name, path)
        for place, one in enumerate(names):
            if not isinstance(one, str) or not one:
                self.refuse(f"{path}[{place}]", f"{shown(one)} is not a keypoint's name.")
        return names


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
        and -FARTHEST <= x <= FARTHEST
        and -FARTHEST <= y <= FARTHEST
        and (concept is None or (type(concept) is str and concept.isprintable()))
        and type(item["pos"]) is list
        and item.keys().isdisjoint(_DESCRIPTION_FIELDS)
    )
    return Keypoint(name, float(x), float(y), concept or None, None) if usual else None


def _lacking(name: str, here: set[str], there: set[str]) -> str:
    if name not in here:
        return "the source" if name in there else "each of the two views"
    return "the target"


def _description(item: JsonObject) -> str | None:
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


def _azimuth(data: JsonObject, side: str) -> float | None:
    """Camera azimuth in degrees, wherever an annotation may keep it; a wrong kind is none."""
    pose = data.get(f"{side}_pose")
    places: list[object] = [data.get(f"{side}_azimuth"), data.get(f"{side}_azimuth_deg")]
    if isinstance(pose, dict):
        places += [pose.get("azimuth"), pose.get("azimuth_deg")]
    for value in places:
        number = finite(value)
        if number is not None:
            return number
    return None

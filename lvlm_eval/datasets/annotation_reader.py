"""What readers of annotations share: typed values, and one clear line where a value is wrong.

Scores must never come from nonsense, so a value of the wrong kind ends the reading with the file
and the field named; a harmless slip (an unknown or doubled name) is dropped and reported.
"""

import json
import math
import unicodedata
from collections.abc import Mapping
from typing import Any, NoReturn

from lvlm_eval.datasets.refusals import refusal, shown
from lvlm_eval.errors import one_line
from lvlm_eval.records import Box, Defect, Keypoint

JsonObject = Mapping[str, Any]

FARTHEST = 1e9
"""Px; beyond this a number is no pixel position, and arithmetic on it may overflow."""

# Signs that do not count as printable and stand in file names all the same: blanks of other widths,
# as in names of screenshots, and the joiners that Persian and Indian words are spelt with.
_ALSO_IN_NAMES = frozenset("\u200c\u200d")
_LONGEST_NAME = 255
"""Bytes; no file system has longer names."""


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


class AnnotationReader:
    """Holds the file's name and the growing list of defects while one annotation is read.

    Args:
        file: what to call it in errors and defects.
        what: the kind of annotation, in words.
    """

    def __init__(self, file: str, what: str = "a pair annotation") -> None:
        self.file = file
        self.what = what
        self.defects: list[Defect] = []

    def json_object(self, content: bytes) -> JsonObject:
        """The JSON object that a file holds."""
        try:
            data = json.loads(content, object_pairs_hook=self._members_once)
        except (ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else error
            raise refusal(self.file, "", f"is not readable as JSON ({reason}).") from None
        if not isinstance(data, dict):
            self.refuse("", f"holds {kind_of(data)}; {self.what} is a JSON object.")
        return data

    def _members_once(self, members: list[tuple[str, Any]]) -> JsonObject:
        """Refuse two values of one field: whichever a reader takes, the other one is lost."""
        object_ = dict(members)
        if len(object_) < len(members):
            for name, value in members:
                if value != object_[name]:
                    self.refuse(shown(name), "stands twice in one object, with two values.")
        return object_

    def name(self, data: JsonObject, name: str, where: str = "") -> str:
        """A text of one line; empty where the field is absent or null."""
        value = data.get(name)
        if type(value) is str and value.isprintable():
            return value
        if value is None:
            return ""
        path = f"{where}.{name}" if where else name
        if not isinstance(value, str):
            self.refuse(path, f"is {kind_of(value)}; expected a text.")
        # Names go into tables and results: a line feed or half a character would break those.
        if not _fits_a_line(value):
            self.refuse(path, f"{shown(value)} has characters that cannot be printed.")
        return value

    def items(self, data: JsonObject, name: str, path: str | None = None) -> list[Any]:
        """A list; empty where the field is absent or null."""
        value = data.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.refuse(path or name, f"is {kind_of(value)}; expected a list.")
        return value

    def number(self, value: object, where: str, member: str = "") -> float:
        """A finite number that may be a position in px."""
        number = finite(value)
        if number is None:
            self.refuse(where + member, f"{shown(value)} is not a finite number.")
        if abs(number) > FARTHEST:
            self.refuse(where + member, f"{shown(value)} is no position in px.")
        return number

    def size(self, value: object, name: str) -> tuple[int, int]:
        """Width and height in px."""
        # Some annotations in this family add the number of channels.
        if not isinstance(value, list) or len(value) not in {2, 3}:
            self.refuse(name, f"{shown(value)} is not [width, height] in px.")
        width, height = (self.number(one, name) for one in value[:2])
        if width < 1 or height < 1 or width != int(width) or height != int(height):
            self.refuse(name, f"{shown(value)} is not [width, height] in whole px.")
        return int(width), int(height)

    def box(self, data: JsonObject, name: str) -> Box | None:
        """Left, top, right, bottom in px; None where the field is absent, null or empty."""
        value = data.get(name)
        if value is None or value == []:
            return None
        if not isinstance(value, list) or len(value) != 4:
            self.refuse(name, f"{shown(value)} is not [left, top, right, bottom] in px, nor null.")
        left, top, right, bottom = (self.number(one, name) for one in value)
        if right <= left or bottom <= top:
            self.refuse(
                name,
                f"{shown(value)} has swapped sides or no area; expected [left, top, right, bottom] "
                "with left < right and top < bottom. Correct it, or set it to null.",
            )
        return left, top, right, bottom

    def note_outside(self, where: str, point: Keypoint, side: int) -> None:
        """Report a point that lies outside the padded square of a photo."""
        self.note(
            where,
            f"{shown(point.name)} at ({point.x:g}, {point.y:g}) px lies outside the padded square "
            f"of {side} px: scored as it stands.",
        )

    def note(self, name: str, message: str) -> None:
        """Report what is passed over."""
        self.defects.append(Defect(self.file, name, one_line(message)))

    def refuse(self, name: str, message: str) -> NoReturn:
        """End the reading.

        Raises:
            InputError: always.
        """
        raise refusal(self.file, name, message)


def finite(value: object) -> float | None:
    """A number of JSON that is finite; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:  # an integer beyond the range of a float
        return None
    return number if math.isfinite(number) else None


def kind_of(value: object) -> str:
    """What a value of JSON is, in words."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return "null" if value is None else names.get(type(value), "a number")

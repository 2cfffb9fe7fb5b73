"""What tells two instances of a part apart, by the words of their names."""

import re
from collections.abc import Mapping
from typing import Literal

Kind = Literal["left-right", "front-rear", "top-bottom", "several", "other-instance", "other-part"]
"""How a distractor differs from the right point.

By one side word, by ``several``, in another way but of the same concept, or it is another part.
"""

KINDS: tuple[Kind, ...] = (
    *("left-right", "front-rear", "top-bottom", "several", "other-instance", "other-part"),
)

_AXES: Mapping[str, tuple[Kind, str]] = {
    "left": ("left-right", "left"),
    "right": ("left-right", "right"),
    "front": ("front-rear", "front"),
    "rear": ("front-rear", "rear"),
    "back": ("front-rear", "rear"),
    "top": ("top-bottom", "top"),
    "upper": ("top-bottom", "top"),
    "bottom": ("top-bottom", "bottom"),
    "lower": ("top-bottom", "bottom"),
}
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")


def difference_of(name: str, other: str, same_concept: bool) -> Kind:
    """What differs between the right point and another.

    A side is told by a word of the name: left, right, front, rear or back, top or upper, bottom or
    lower. Names that differ in nothing else are instances of one part, whatever the data calls
    their concepts.

    Args:
        name: of the right point, such as ``wheel_front_left``.
        other: of the distractor.
        same_concept: whether the data says that both are instances of one concept.
    """
    sides, rest = _parsed(name)
    other_sides, other_rest = _parsed(other)
    if rest == other_rest and sides.keys() == other_sides.keys():
        differing = [axis for axis in sides if sides[axis] != other_sides[axis]]
        if len(differing) == 1:
            return differing[0]
        if differing:
            return "several"
    return "other-instance" if same_concept else "other-part"


def _parsed(name: str) -> tuple[dict[Kind, tuple[str, ...]], tuple[str, ...]]:
    """Axis → its words in order, and the other words."""
    sides: dict[Kind, tuple[str, ...]] = {}
    rest = []
    for word in _WORD.findall(name):
        axis, side = _AXES.get(word.lower(), (None, ""))
        if axis is None:
            rest.append(word.lower())
        else:
            sides[axis] = (*sides.get(axis, ()), side)
    return sides, tuple(rest)

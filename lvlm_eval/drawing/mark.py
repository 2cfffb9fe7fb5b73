"""What is to be marked: a label and the keypoint it belongs to."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lvlm_eval.errors import InputError


@dataclass(frozen=True, slots=True)
class Mark:
    """One marker to draw.

    Attributes:
        label: the text beside the marker, one line; may be empty.
        x: px of the original photo, from its left edge.
        y: px of the original photo, from its top edge.
    """

    label: str
    x: float
    y: float


def moved_to(marks: Sequence[Mark], before: tuple[int, int], after: tuple[int, int]) -> list[Mark]:
    """Carry marks over to a resized photo.

    A point outside the photo is moved to the nearest place of its border, because a marker that
    cannot be seen would leave a candidate without its letter.

    Args:
        marks: points in px of the photo before.
        before: width and height in px that the points refer to.
        after: width and height in px that they shall refer to.

    Raises:
        InputError: a point is not a finite number, or a label has more than one line.
    """
    moved = []
    for mark in marks:
        if not (math.isfinite(mark.x) and math.isfinite(mark.y)):
            raise InputError(
                f"marker '{mark.label}' is at ({mark.x}, {mark.y}), which is no place in a photo. "
                "Correct the keypoint in the annotation file."
            )
        if len(mark.label.splitlines()) > 1 or not mark.label.isprintable():
            raise InputError(f"marker label {mark.label!r} is not one line of printable text.")
        inside_x = min(max(mark.x, 0.0), float(before[0]))
        inside_y = min(max(mark.y, 0.0), float(before[1]))
        x, y = inside_x * after[0] / before[0], inside_y * after[1] / before[1]
        moved.append(Mark(mark.label, x, y))
    return moved

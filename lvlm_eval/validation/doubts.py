"""Questions that may not measure what they should: what makes one doubtful, and by which bounds."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import Any

from lvlm_eval.drawing.sizing import Sizes, sizes_of
from lvlm_eval.drawing.style import Style, read_style
from lvlm_eval.records import Box
from lvlm_eval.resources import builtin_folder

SAME_PLACE_PX = 1.0
"""Points closer than this are one point."""

BOX_TOLERANCE_PX = 2.0
BOX_TOLERANCE = 0.02
"""A point may lie outside the box by 2 px, or by this part of the box's longer side: boxes are
drawn tight, and points on a contour."""


class Reason(Enum):
    """Why a question is doubtful, the worst first, with a heading for a list of such questions."""

    SAME_PHOTO = "source and target are the same picture"
    SAME_PLACE = "the same picture twice, and the answer lies at the query's own place"
    CONTRADICTION = "the same images and text as another question, with another answer"
    QUESTION_TWICE = "the same images, text and answer as another question"
    OUTSIDE_PHOTO = "points outside the photo"
    CANDIDATES_ONE = "two candidates at one place"
    CANDIDATES_CLOSE = "candidates closer than a marker's head can tell apart"
    SAME_WORDS = "a description that fits two candidates"
    NO_ROOM = "points at the border where the markers do not fit"
    OUTSIDE_BOX = "points outside the object's box"
    PHOTO_TWICE = "a photo that other questions show under another name"

    @property
    def label(self) -> str:
        """The reason's name in JSON, such as ``same-photo``."""
        return self.name.lower().replace("_", "-")

    @property
    def heading(self) -> str:
        """What questions of this kind have in common."""
        return self.value


REASONS = tuple(Reason)


@dataclass(frozen=True, slots=True)
class Doubt:
    """One reason to doubt one question.

    Attributes:
        question: its id.
        reason: the kind of reason.
        message: what was found, with figures, one line.
        figures: name and unit → value, rounded to hundredths.
    """

    question: str
    reason: Reason
    message: str
    figures: Mapping[str, float] = field(default_factory=dict)

    def line(self) -> str:
        """``question: message``."""
        return f"{self.question}: {self.message}"

    def to_json(self) -> dict[str, Any]:
        """The doubt as it stands in a JSON document."""
        return {
            "id": self.question,
            "reason": self.reason.label,
            "message": self.message,
            "figures": dict(self.figures),
        }


def by_question(doubts: Iterable[Doubt]) -> dict[str, tuple[str, ...]]:
    """Question id → labels of its reasons, each once."""
    found: dict[str, dict[str, None]] = {}
    for doubt in doubts:
        found.setdefault(doubt.question, {})[doubt.reason.label] = None
    return {question: tuple(labels) for question, labels in found.items()}


@cache
def usual_style() -> Style:
    """The marker style that a run draws with by default."""
    return read_style(builtin_folder("renderers") / "red-arrow.toml")


def least_distance(photo: tuple[int, int]) -> float:
    """Px that two candidates have to be apart on a photo.

    Half the width of an arrow's head with its rim, in the usual style: closer, the tip of one
    arrow lies under the head of the other. That is 2.7 % of sqrt(width * height), and 7 px at
    least.

    Args:
        photo: width and height in px.
    """
    sizes: Sizes = sizes_of(usual_style(), photo, 1.0)
    return sizes.head_half + sizes.rim


def outside_box(x: float, y: float, box: Box) -> float:
    """How far a point lies outside a box, in px; 0 inside it."""
    left, top, right, bottom = box
    return math.hypot(max(left - x, x - right, 0.0), max(top - y, y - bottom, 0.0))


def tolerated_outside(box: Box) -> float:
    """How far a point may lie outside a box, in px."""
    left, top, right, bottom = box
    return max(BOX_TOLERANCE_PX, BOX_TOLERANCE * max(right - left, bottom - top))

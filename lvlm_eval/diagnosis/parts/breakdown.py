"""Accuracy by what is asked for: concept, keypoint, category, size of the object and the like."""

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from lvlm_eval.diagnosis.answers import Absent, Answers, accuracy_of
from lvlm_eval.metrics import Accuracy
from lvlm_eval.records import Question

QUARTERS = 4
_NO_QUERY = "the data does not name the point that is asked for (a table has only letters)"
_NO_BOX = "the data has no boxes of objects"
_NO_PLACES = "the data does not tell where the points are"


@dataclass(frozen=True, slots=True)
class Slice:
    """Some questions with their accuracies.

    Attributes:
        name: what they have in common.
        accuracy: with counts and intervals.
    """

    name: str
    accuracy: Accuracy


Breakdown = tuple[Slice, ...] | Absent


def breakdowns_of(answers: Answers) -> Mapping[str, Breakdown]:
    """Breakdown → slices, those of names in the order of the names.

    ``object_size`` is the area of the object's box as a share of the target photo's, in quarters of
    the questions; ``marker_spacing`` is the least distance between two candidates as a fraction of
    the target photo's longer side, in quarters.

    Args:
        answers: each row asked once.
    """
    questions = answers.questions
    named = {
        "concept": _by(answers, _concept, _NO_QUERY),
        "keypoint": _by(answers, _keypoint, _NO_QUERY),
        "category": _by(
            answers, lambda question: question.category or None, "no category is known"
        ),
        "supercategory": _by(
            answers, lambda question: question.supercategory, "no super-category is known"
        ),
        "same_concept_candidates": _by(answers, _instances, "the data has no concepts"),
    }
    sizes = [_object_size(question) for question in questions]
    spacings = [_spacing(question) for question in questions]
    return {
        **named,
        "object_size": _quarters(answers, sizes, _NO_BOX),
        "marker_spacing": _quarters(answers, spacings, _NO_PLACES),
    }


def _concept(question: Question) -> str | None:
    return question.query.concept if question.query else None


def _keypoint(question: Question) -> str | None:
    return question.query.name if question.query else None


def _instances(question: Question) -> str | None:
    """How many candidates are of the query's concept, the right one among them."""
    concept = _concept(question)
    if concept is None:
        return None
    return str(sum(one.concept == concept for one in question.candidates))


def _object_size(question: Question) -> float | None:
    """The part of the box that lies on the photo, as a share of the photo."""
    if question.target is None or question.target.box is None:
        return None
    width, height = question.target.size
    left, top, right, bottom = question.target.box
    across = min(right, width) - max(left, 0)
    down = min(bottom, height) - max(top, 0)
    return max(across, 0.0) * max(down, 0.0) / (width * height)


def _spacing(question: Question) -> float | None:
    if question.target is None:
        return None
    places = [
        (one.x, one.y) for one in question.candidates if one.x is not None and one.y is not None
    ]
    if len(places) < 2:
        return None
    return min(math.dist(*two) for two in combinations(places, 2)) / max(question.target.size)


def _by(answers: Answers, name_of: Callable[[Question], str | None], why: str) -> Breakdown:
    parts: dict[Hashable, list[int]] = defaultdict(list)
    for place, question in enumerate(answers.questions):
        if (name := name_of(question)) is not None:
            parts[name].append(place)
    if not parts:
        return Absent(why)
    return _slices(answers, {str(name): parts[name] for name in sorted(parts, key=str)})


def _quarters(answers: Answers, values: Sequence[float | None], why: str) -> Breakdown:
    """Slices by quartile of a value; the name of each is its range in percent."""
    known = [place for place, value in enumerate(values) if value is not None]
    if not known:
        return Absent(why)
    numbers = np.array([values[place] for place in known], float)
    edges = np.quantile(numbers, np.arange(QUARTERS + 1) / QUARTERS)
    quarter = np.searchsorted(edges[1:-1], numbers, side="left")
    parts: dict[str, list[int]] = {}
    for number in range(QUARTERS):
        name = f"{100 * edges[number]:.1f}–{100 * edges[number + 1]:.1f} %"
        parts.setdefault(name, []).extend(np.array(known)[quarter == number].tolist())
    return _slices(answers, {name: places for name, places in parts.items() if places})


def _slices(answers: Answers, parts: Mapping[str, Sequence[int]]) -> tuple[Slice, ...]:
    slices = []
    for name, places in parts.items():
        of = np.zeros(len(answers.questions), bool)
        of[list(places)] = True
        slices.append(Slice(name, accuracy_of(answers, of)))
    return tuple(slices)

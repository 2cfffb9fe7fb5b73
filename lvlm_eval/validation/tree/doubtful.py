"""Doubtful questions among those that a run would draw from a SOCOv1 tree."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lvlm_eval.drawing.layout import arrange
from lvlm_eval.drawing.mark import Mark
from lvlm_eval.drawing.sizing import sizes_of
from lvlm_eval.records import Candidate, ImageInfo, Query, Question
from lvlm_eval.validation.doubts import (
    SAME_PLACE_PX,
    Doubt,
    Reason,
    least_distance,
    outside_box,
    tolerated_outside,
    usual_style,
)
from lvlm_eval.validation.likeness import alike_pictures, differing_cells
from lvlm_eval.validation.report import Watch
from lvlm_eval.validation.tree.photos import Photo


@dataclass(frozen=True, slots=True)
class _Point:
    name: str
    label: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class _Shown:
    """One photo of a question with its points.

    Attributes:
        side: ``source`` or ``target``.
        info: the photo as it is annotated.
        size: of the file in px, or the recorded one where it cannot be decoded.
        points: that are marked in it.
    """

    side: str
    info: ImageInfo
    size: tuple[int, int]
    points: tuple[_Point, ...]


def tree_doubts(
    questions: Sequence[Question],
    words: Mapping[str, Mapping[str, str]],
    photos: Mapping[str, Photo],
    watch: Watch,
) -> tuple[Doubt, ...]:
    """Look at every question.

    Args:
        questions: as they are drawn.
        words: question id → candidate label → description of that candidate.
        photos: path → photo, of all photos that the questions show.
        watch: told of progress.

    Returns:
        The doubts, question by question.
    """
    twins = _twins(questions, photos)
    first_use: dict[str, str] = {}
    for question in questions:
        for info in (question.source, question.target):
            if info is not None:
                first_use.setdefault(info.path, question.id)
    found: list[Doubt] = []
    for done, question in enumerate(questions, start=1):
        watch("questions", done, len(questions))
        if question.source is None or question.target is None or question.query is None:
            continue
        shown = _shown(question, question.source, question.target, question.query, photos)
        same = tuple(_same_photo(question, shown, photos))
        found += same
        if not same:
            found += _photo_twice(question, shown, twins, first_use)
        found += _close_candidates(question, shown[1])
        found += _same_words(question, words.get(question.id, {}))
        for one in shown:
            found += _misplaced(question, one)
    return tuple(found)


def _shown(
    question: Question,
    source: ImageInfo,
    target: ImageInfo,
    query: Query,
    photos: Mapping[str, Photo],
) -> tuple[_Shown, _Shown]:
    asked = _Point("the query", "REF", query.x, query.y)
    offered = tuple(map(_candidate, question.candidates))
    return (
        _Shown("source", source, _size(source, photos), (asked,)),
        _Shown("target", target, _size(target, photos), offered),
    )


def _candidate(candidate: Candidate) -> _Point:
    label = candidate.label
    return _Point(f"candidate {label}", label, candidate.x or 0.0, candidate.y or 0.0)


def _size(info: ImageInfo, photos: Mapping[str, Photo]) -> tuple[int, int]:
    photo = photos.get(info.path)
    return photo.facts.size if photo is not None and photo.facts is not None else info.size


def _same_photo(
    question: Question, shown: tuple[_Shown, _Shown], photos: Mapping[str, Photo]
) -> Iterator[Doubt]:
    source, target = shown
    likeness = _likeness(source.info.path, target.info.path, photos)
    if likeness is None:
        return
    how, differing = likeness
    figures = {"differing_cells_percent": round(100 * differing, 2)}
    message = f"{source.info.path} and {target.info.path} are {how}."
    yield Doubt(question.id, Reason.SAME_PHOTO, message, figures)
    query = source.points[0]
    right = next(one for one in target.points if one.label == question.answer)
    # The same picture may be there in two sizes.
    x = query.x * target.size[0] / source.size[0]
    y = query.y * target.size[1] / source.size[1]
    apart, least = math.dist((x, y), (right.x, right.y)), least_distance(target.size)
    if apart < least:
        message = f"{right.name} is the answer and lies {apart:.1f} px from the query's own place."
        figures = {"distance_px": round(apart, 2), "least_px": round(least, 2)}
        yield Doubt(question.id, Reason.SAME_PLACE, message, figures)


def _likeness(one: str, other: str, photos: Mapping[str, Photo]) -> tuple[str, float] | None:
    if one == other:
        return "one file", 0.0
    first, second = photos.get(one), photos.get(other)
    if first is None or second is None or first.facts is None or second.facts is None:
        return None
    if first.content == second.content:
        return "the same file under two names", 0.0
    if first.facts.pixels == second.facts.pixels:
        return "the same pixels in two files", 0.0
    differing = differing_cells(first.facts.thumbnail, second.facts.thumbnail)
    if differing is None:
        return None
    return f"nearly the same: {100 * differing:.0f} % of the cells of 32x32 differ", differing


def _twins(questions: Sequence[Question], photos: Mapping[str, Photo]) -> dict[str, str]:
    """Photo → the first one that looks the same, of the photos that questions show."""
    paths = sorted(
        {
            info.path
            for question in questions
            for info in (question.source, question.target)
            if info is not None
        }
    )
    thumbnails = {
        path: photo.facts.thumbnail
        for path in paths
        if (photo := photos.get(path)) is not None and photo.facts is not None
    }
    twins: dict[str, str] = {}
    for pair in alike_pictures(thumbnails):
        twins.setdefault(pair.second, twins.get(pair.first, pair.first))
    return twins


def _photo_twice(
    question: Question,
    shown: tuple[_Shown, _Shown],
    twins: Mapping[str, str],
    first_use: Mapping[str, str],
) -> Iterator[Doubt]:
    for one in shown:
        twin = twins.get(one.info.path)
        if twin is not None:
            message = (
                f"the {one.side} {one.info.path} looks the same as {twin}, which "
                f"{first_use[twin]} shows."
            )
            yield Doubt(question.id, Reason.PHOTO_TWICE, message)


def _close_candidates(question: Question, target: _Shown) -> Iterator[Doubt]:
    least = least_distance(target.size)
    for one, other in itertools.combinations(target.points, 2):
        apart = math.dist((one.x, one.y), (other.x, other.y))
        figures = {"distance_px": round(apart, 2), "least_px": round(least, 2)}
        names = f"candidates {one.label} and {other.label}"
        if apart < SAME_PLACE_PX:
            message = f"{names} are {apart:.1f} px apart: one place."
            yield Doubt(question.id, Reason.CANDIDATES_ONE, message, figures)
        elif apart < least:
            message = f"{names} are {apart:.1f} px apart, markers need {least:.1f} px."
            yield Doubt(question.id, Reason.CANDIDATES_CLOSE, message, figures)


def _same_words(question: Question, words: Mapping[str, str]) -> Iterator[Doubt]:
    """Only where the right one is concerned: two wrong ones of one description harm nothing."""
    right = words.get(question.answer or "")
    others = [label for label in words if label != question.answer]
    alike = [label for label in others if right and words[label].casefold() == right.casefold()]
    if alike:
        message = f"'{right}' fits {', '.join(sorted((*alike, question.answer or '')))} alike."
        yield Doubt(question.id, Reason.SAME_WORDS, message)


def _misplaced(question: Question, shown: _Shown) -> Iterator[Doubt]:
    width, height = shown.size
    room = least_distance(shown.size)
    inside, at_border = [], []
    for point in shown.points:
        border = min(point.x, point.y, width - point.x, height - point.y)
        if not (0 <= point.x < width and 0 <= point.y < height):
            message = (
                f"{point.name} at ({point.x:g}, {point.y:g}) px is outside {shown.info.path}, "
                f"{width}x{height} px."
            )
            yield Doubt(
                question.id, Reason.OUTSIDE_PHOTO, message, {"outside_px": round(-border, 2)}
            )
            continue
        inside.append(Mark(point.label, point.x, point.y))
        if border < room:
            at_border.append((border, point))
        yield from _outside_box(question, shown, point)
    if at_border:
        yield from _no_room(question, shown, inside, *min(at_border, key=lambda one: one[0]))


def _outside_box(question: Question, shown: _Shown, point: _Point) -> Iterator[Doubt]:
    if shown.info.box is None:
        return
    outside = outside_box(point.x, point.y, shown.info.box)
    tolerated = tolerated_outside(shown.info.box)
    if outside > tolerated:
        message = (
            f"{point.name} lies {outside:.1f} px outside the box of the {shown.side}, "
            f"{tolerated:.1f} px are tolerated."
        )
        figures = {"outside_px": round(outside, 2), "tolerated_px": round(tolerated, 2)}
        yield Doubt(question.id, Reason.OUTSIDE_BOX, message, figures)


def _no_room(
    question: Question, shown: _Shown, marks: Sequence[Mark], border: float, point: _Point
) -> Iterator[Doubt]:
    layout = arrange(usual_style(), shown.size, marks)
    part = layout.sizes.length / sizes_of(usual_style(), shown.size, 1.0).length
    if layout.broken or part < 1:
        how = (
            "cover each other" if layout.broken else f"fit at {100 * part:.0f} % of their size only"
        )
        message = (
            f"{point.name} lies {border:.1f} px from the border of the {shown.side}, where the "
            f"markers {how}."
        )
        figures = {
            "border_px": round(border, 2),
            "marker_percent": round(100 * part, 2),
            "broken_rules": float(layout.broken),
        }
        yield Doubt(question.id, Reason.NO_ROOM, message, figures)

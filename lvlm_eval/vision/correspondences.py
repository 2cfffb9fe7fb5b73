"""Pairs → what is to be looked for where: one query for each point of a source photo.

Photos, queries and the rows that metrics are taken over are numbered, and what is known of them
stands in arrays, so that the pairs of a whole release are handled without a loop over keypoints.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lvlm_eval.records import LETTERS, ConceptMatch, Keypoint, Pair, Question
from lvlm_eval.vision.grid import Floats, Integers, Point, point_of, reach_of

NONE = -1
"""Stands where a row has no such point."""


@dataclass(frozen=True, slots=True)
class PairInfo:
    """A pair without its keypoints.

    Attributes:
        split: ``intra``, ``cross``, ``test``.
        key: of the pair, unique in its split.
        group: that results are averaged in.
        category: of the target.
        source: number of the photo with the queries.
        target: number of the photo that is searched.
        keypoints: how many the source shows.
        turn: difference of the two camera azimuths, 0 to 180 degrees; None without poses.
    """

    split: str
    key: str
    group: str
    category: str
    source: int
    target: int
    keypoints: int
    turn: float | None


@dataclass(frozen=True, slots=True)
class Rows:
    """One row a source keypoint of a pair that a metric looks at; all arrays are (rows,) or so.

    Attributes:
        pair: number of the pair.
        query: number of the query.
        target: number of the photo that is searched.
        names: of the source keypoints.
        right: (rows, 2), the point of the target keypoint of the same name; NaN where there is
            none, so that the row is none of SOC.
        reach: what the row's errors are divided by.
        same: (rows, k, 2), points of the target's keypoints of the concepts that the source
            keypoint stands under, filled up with NaN; a row without any is none of CC.
        same_right: (rows,), place in ``same`` of the keypoint of the same name, or -1.
    """

    pair: Integers
    query: Integers
    target: Integers
    names: tuple[str, ...]
    right: Floats
    reach: Floats
    same: Floats
    same_right: Integers

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, slots=True)
class Choices:
    """Four-choice questions over the same photos.

    Attributes:
        ids: of the questions.
        query: (questions,), number of the query.
        target: (questions,), number of the photo with the candidates.
        points: (questions, 4, 2), of the candidates, in the order of their labels.
        right: (questions,), place of the right candidate.
    """

    ids: tuple[str, ...]
    query: Integers
    target: Integers
    points: Floats
    right: Integers


@dataclass(frozen=True, slots=True)
class Correspondences:
    """Everything that is looked for in the photos of a dataset.

    Attributes:
        photos: paths below the dataset's root; their places are their numbers.
        categories: of each photo.
        side: of the resized squares, in px.
        query_photo: (queries,), number of the photo that a query is a point of.
        query_point: (queries, 2).
        pairs: whose keypoints the rows are.
        rows: what PCK is taken over.
        choices: what the ceiling is taken over.
    """

    photos: tuple[str, ...]
    categories: tuple[str, ...]
    side: int
    query_photo: Integers
    query_point: Floats
    pairs: tuple[PairInfo, ...]
    rows: Rows
    choices: Choices


def correspond(
    pairs: Iterable[tuple[str, Pair]],
    questions: Sequence[Question],
    size_of: Callable[[str], tuple[int, int]],
    side: int,
) -> Correspondences:
    """Number all photos and queries, and lay out the rows.

    Args:
        pairs: split and pair.
        questions: with query and candidates; their photos may be others than those of the pairs.
        size_of: gives width and height in px of a photo's file.
        side: that photos are resized to.
    """
    photos = _Photos(size_of, side)
    infos: list[PairInfo] = []
    rows = _RowList()
    for split, pair in pairs:
        source = photos.number(pair.source.image, pair.source.category)
        target = photos.number(pair.target.image, pair.target.category)
        infos.append(
            PairInfo(
                split,
                pair.key,
                pair.group,
                pair.target.category,
                source,
                target,
                len(pair.source.keypoints),
                _turn(pair.source.azimuth, pair.target.azimuth),
            )
        )
        rows.add(len(infos) - 1, pair, photos, source, target)
    choices = _choices(questions, photos)
    return Correspondences(
        tuple(photos.numbers),
        tuple(photos.categories),
        side,
        np.array([photo for photo, _, _ in photos.queries], dtype=np.int64),
        np.array([(x, y) for _, x, y in photos.queries], dtype=np.float64).reshape(-1, 2),
        tuple(infos),
        rows.rows(),
        choices,
    )


class _Photos:
    """Gives photos and queries their numbers."""

    def __init__(self, size_of: Callable[[str], tuple[int, int]], side: int) -> None:
        self._size_of, self._side = size_of, side
        self.numbers: dict[str, int] = {}
        self.categories: list[str] = []
        self.queries: dict[tuple[int, float, float], int] = {}
        self._longer: list[int] = []
        self._points: dict[int, tuple[Sequence[Keypoint], Mapping[str, Point]]] = {}

    def number(self, image: str, category: str) -> int:
        number = self.numbers.get(image)
        if number is None:
            self._longer.append(max(self._size_of(image)))
            self.categories.append(category)
            number = self.numbers[image] = len(self.numbers)
        return number

    def point(self, photo: int, x: float, y: float) -> Point:
        return point_of(x, y, self._longer[photo], self._side)

    def points(self, photo: int, keypoints: Sequence[Keypoint]) -> Mapping[str, Point]:
        """Name → point; a photo shows the same keypoints in nearly all of its pairs."""
        known = self._points.get(photo)
        if known is None or known[0] != keypoints:
            points = {one.name: self.point(photo, one.x, one.y) for one in keypoints}
            known = self._points[photo] = keypoints, points
        return known[1]

    def query(self, photo: int, point: Point) -> int:
        return self.queries.setdefault((photo, *point), len(self.queries))


class _RowList:
    """Rows while they are collected."""

    def __init__(self) -> None:
        self.pair: list[int] = []
        self.query: list[int] = []
        self.target: list[int] = []
        self.names: list[str] = []
        self.right: list[Point] = []
        self.reach: list[float] = []
        self.same: list[list[Point]] = []
        self.same_right: list[int] = []
        self._concepts: dict[tuple[ConceptMatch, ...], Mapping[str, tuple[str, ...]]] = {}

    def add(self, number: int, pair: Pair, photos: _Photos, source: int, target: int) -> None:
        concepts = self._concepts.get(pair.concepts)
        if concepts is None:
            concepts = self._concepts[pair.concepts] = _targets_of(pair.concepts)
        wanted = dict.fromkeys((*pair.overlap, *(name for name, to in concepts.items() if to)))
        if not wanted:
            return
        here = photos.points(source, pair.source.keypoints)
        there = photos.points(target, pair.target.keypoints)
        reach = reach_of(pair.target.box, pair.target.size)
        overlap = set(pair.overlap)
        for name in wanted:
            members = concepts.get(name, ())
            self.pair.append(number)
            self.query.append(photos.query(source, here[name]))
            self.target.append(target)
            self.names.append(name)
            self.right.append(there[name] if name in overlap else _NOWHERE)
            self.reach.append(reach)
            self.same.append([there[one] for one in members])
            counterpart = name in overlap and name in members
            self.same_right.append(members.index(name) if counterpart else NONE)

    def rows(self) -> Rows:
        most = max(map(len, self.same), default=0)
        padded = [points + [_NOWHERE] * (most - len(points)) for points in self.same]
        same = np.array(padded, dtype=np.float64).reshape(len(padded), most, 2)
        return Rows(
            np.array(self.pair, dtype=np.int64),
            np.array(self.query, dtype=np.int64),
            np.array(self.target, dtype=np.int64),
            tuple(self.names),
            np.array(self.right, dtype=np.float64).reshape(-1, 2),
            np.array(self.reach, dtype=np.float64),
            same,
            np.array(self.same_right, dtype=np.int64),
        )


_NOWHERE: Point = (math.nan, math.nan)


def _targets_of(groups: Sequence[ConceptMatch]) -> Mapping[str, tuple[str, ...]]:
    """Source keypoint → all target keypoints of its concepts, in the order they are named.

    One concept may stand in several groups, whose targets then count together.
    """
    of_concept: dict[str, dict[str, None]] = {}
    concepts: dict[str, dict[str, None]] = {}
    for group in groups:
        of_concept.setdefault(group.concept, {}).update(dict.fromkeys(group.target))
        for name in group.source:
            concepts.setdefault(name, {})[group.concept] = None
    return {
        name: tuple(dict.fromkeys(one for concept in under for one in of_concept[concept]))
        for name, under in concepts.items()
    }


def _turn(here: float | None, there: float | None) -> float | None:
    if here is None or there is None:
        return None
    apart = abs(here - there) % 360
    return min(apart, 360 - apart)


def _choices(questions: Sequence[Question], photos: _Photos) -> Choices:
    query, target, points, right = [], [], [], []
    for one in questions:
        assert one.source and one.target and one.query and one.answer  # drawn from pairs
        source = photos.number(one.source.path, one.category)
        query.append(photos.query(source, photos.point(source, one.query.x, one.query.y)))
        target.append(photos.number(one.target.path, one.category))
        of_target = target[-1]
        points.append([photos.point(of_target, c.x or 0, c.y or 0) for c in one.candidates])
        right.append([c.label for c in one.candidates].index(one.answer))
    return Choices(
        tuple(one.id for one in questions),
        np.array(query, dtype=np.int64),
        np.array(target, dtype=np.int64),
        np.array(points, dtype=np.float64).reshape(len(questions), len(LETTERS), 2),
        np.array(right, dtype=np.int64),
    )

"""What is found for every row and every question: filled target by target."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lvlm_eval.vision.backbones.backbone import Maps
from lvlm_eval.vision.correspondences import Correspondences
from lvlm_eval.vision.grid import Floats, Integers, cells_of, places_of
from lvlm_eval.vision.matching import choose, find

UNKNOWN = -1
"""Stands where nothing could be found: no candidates, or a photo that was left out."""

_LAST = np.iinfo(np.int64).max


@dataclass(slots=True)
class Findings:
    """What a backbone says of all rows and questions.

    Attributes:
        grid: rows H and columns W of the maps.
        cells: (rows,), the nearest cell of the whole target, in row-major order.
        soft: (rows, 2), the soft points.
        geo: (rows,), the nearest of the cells that hold a keypoint of the concept.
        chosen: (questions,), place of the chosen candidate.
    """

    grid: tuple[int, int]
    cells: Integers
    soft: Floats
    geo: Integers
    chosen: Integers


class Search:
    """Searches the targets as they come, in any order.

    Args:
        work: what is looked for.
    """

    def __init__(self, work: Correspondences) -> None:
        self._work = work
        rows, questions = len(work.rows), len(work.choices.ids)
        self._rows_of = places_of(work.rows.target)
        self._questions_of = places_of(work.choices.target)
        self.found = Findings(
            (0, 0),
            np.full(rows, UNKNOWN, dtype=np.int64),
            np.full((rows, 2), np.nan),
            np.full(rows, UNKNOWN, dtype=np.int64),
            np.full(questions, UNKNOWN, dtype=np.int64),
        )

    def __call__(self, target: int, map_: Maps, queries: npt.NDArray[np.float32]) -> None:
        """Search one target with all its queries; those of photos that were left out are NaN."""
        height, width, _ = map_.shape
        self.found.grid = height, width
        self._rows(target, map_, queries)
        self._questions(target, map_, queries)

    def _rows(self, target: int, map_: Maps, queries: npt.NDArray[np.float32]) -> None:
        work = self._work.rows
        rows = _with_query(self._rows_of.get(target), work.query, queries)
        if not len(rows):
            return
        height, width, _ = map_.shape
        candidates = np.full(work.same[rows].shape[:2], _LAST)
        there = ~np.isnan(work.same[rows, :, 0])
        candidates[there] = cells_of(work.same[rows][there], (height, width))
        candidates.sort(axis=1)  # the first in row-major order holds among equals
        candidates[candidates == _LAST] = UNKNOWN
        # A point may be asked for by several pairs of the same photos: it is looked for once.
        asked = np.column_stack([work.query[rows], candidates])
        distinct, places = np.unique(asked, axis=0, return_inverse=True)
        places = places.reshape(-1)
        found = find(map_, queries[distinct[:, 0]], (distinct[:, 1:],))
        self.found.cells[rows] = found.cells[places]
        self.found.soft[rows] = found.soft[places]
        self.found.geo[rows] = found.chosen[0][places]

    def _questions(self, target: int, map_: Maps, queries: npt.NDArray[np.float32]) -> None:
        work = self._work.choices
        asked = _with_query(self._questions_of.get(target), work.query, queries)
        if not len(asked):
            return
        height, width, _ = map_.shape
        points = work.points[asked]
        candidates = cells_of(points.reshape(-1, 2), (height, width)).reshape(points.shape[:2])
        self.found.chosen[asked] = choose(map_, queries[work.query[asked]], candidates)


def _with_query(
    places: Integers | None, query: Integers, queries: npt.NDArray[np.float32]
) -> Integers:
    """Those places whose query is known: its photo was not left out."""
    if places is None:
        return np.zeros(0, dtype=np.int64)
    known: Integers = places[~np.isnan(queries[query[places], 0])]
    return known

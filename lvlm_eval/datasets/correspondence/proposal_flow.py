"""PF-WILLOW and PF-PASCAL: lists of pairs as CSV, the coordinates in its cells.

The lists are those of the public CNN-geometric and weakalign code. PF-WILLOW's has 42 columns: two
images, ten x and ten y of the first, ten x and ten y of the second. PF-PASCAL's has seven: two
images, the class from 1 to 20, and four texts of numbers with semicolons between, x and y of the
first image and of the second. A list of PF-PASCAL without coordinates, as for training, needs
MATLAB files and is not read. Names of images begin with the dataset's own folder.
"""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from lvlm_eval.datasets.annotation_reader import AnnotationReader
from lvlm_eval.datasets.correspondence.pair_folder import PairFolder
from lvlm_eval.datasets.correspondence.pair_tables import (
    Place,
    Row,
    RowPairFolder,
    header_of,
    list_of,
    number,
    numbers,
)
from lvlm_eval.datasets.refusals import refusal, shown
from lvlm_eval.records import Box, Keypoint

CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
"""PF-PASCAL's classes, the first one has number 1."""

_WILLOW_POINTS = 10
_WILLOW_COLUMNS = 2 + 4 * _WILLOW_POINTS
_PASCAL_COLUMNS = 7


class PfWillowFolder(RowPairFolder):
    """PF-WILLOW. Published PCK is relative to the extent of the target's keypoints: it is the box.

    A category is one of the ten folders, such as ``car(G)``.
    """

    layout = "PF-WILLOW"
    columns = _WILLOW_COLUMNS

    def _category(self, row: Row) -> str:
        return PurePosixPath(self._image(row[0])).parent.name if row else ""

    def _no_category(self, header: Row, row: Row) -> tuple[str, str]:
        return header[0], f"{shown(row[0])} has no folder; expected PF-dataset/<category>/<image>."

    def _points(
        self, reader: AnnotationReader, header: Row, row: Row
    ) -> tuple[list[Place], list[Place]]:
        def of(first: int) -> list[Place]:
            values = [
                number(reader, row[place], header[place])
                for place in range(first, first + 2 * _WILLOW_POINTS)
            ]
            columns = header[first : first + _WILLOW_POINTS]
            xs, ys = values[:_WILLOW_POINTS], values[_WILLOW_POINTS:]
            return list(zip(columns, xs, ys, strict=True))

        return of(2), of(2 + 2 * _WILLOW_POINTS)

    def _box(self, reader: AnnotationReader, column: str, points: list[Keypoint]) -> Box | None:
        xs, ys = [point.x for point in points], [point.y for point in points]
        left, top, right, bottom = min(xs), min(ys), max(xs), max(ys)
        if left == right and top == bottom:
            reader.refuse(column, "all keypoints lie at one place: their extent is no area.")
        return left, top, right, bottom


class PfPascalFolder(RowPairFolder):
    """PF-PASCAL. Published PCK is relative to the target image's longer side: there is no box."""

    layout = "PF-PASCAL"
    has_boxes = False
    columns = _PASCAL_COLUMNS

    def _category(self, row: Row) -> str:
        text = row[2].strip() if len(row) > 2 else ""
        # A spreadsheet writes whole numbers as 1.0.
        found = re.fullmatch(r"(\d{1,2})(\.0*)?", text, re.ASCII)
        place = int(found[1]) if found else 0
        return CLASSES[place - 1] if 1 <= place <= len(CLASSES) else ""

    def _no_category(self, header: Row, row: Row) -> tuple[str, str]:
        return header[2], f"{shown(row[2])} is not the number of a class, 1 to {len(CLASSES)}."

    def _points(
        self, reader: AnnotationReader, header: Row, row: Row
    ) -> tuple[list[Place], list[Place]]:
        lists = [numbers(reader, row[place], header[place]) for place in range(3, 7)]
        if len({len(one) for one in lists}) > 1:
            counts = ", ".join(
                f"{name} {len(one)}" for name, one in zip(header[3:7], lists, strict=True)
            )
            reader.refuse(header[3], f"the four lists differ in length: {counts}.")
        x_a, y_a, x_b, y_b = lists
        return _places(header[3], x_a, y_a), _places(header[5], x_b, y_b)


def _places(column: str, xs: Sequence[float], ys: Sequence[float]) -> list[Place]:
    points = enumerate(zip(xs, ys, strict=True))
    return [(f"{column}[{place}]", x, y) for place, (x, y) in points]


def open_proposal_flow(root: Path, name: str) -> PairFolder | None:
    """PF-WILLOW or PF-PASCAL, told by the columns of the test list; None where there is no list.

    Raises:
        InputError: there is a list of test pairs, but none that can be read.
    """
    path = list_of(root, "intra")
    if path is None:
        return None
    found = len(header_of(path))
    for kind in (PfWillowFolder, PfPascalFolder):
        if found == kind.columns:
            return kind(root, name)
    raise refusal(
        path,
        "line 1",
        f"has {found} columns; expected {_WILLOW_COLUMNS} (PF-WILLOW: two images, 10 points of "
        f"each) or {_PASCAL_COLUMNS} (PF-PASCAL: two images, class, XA, YA, XB, YB). Without "
        "coordinates a list is not enough: take test_pairs_pf.csv or test_pairs_pf_pascal.csv.",
    )

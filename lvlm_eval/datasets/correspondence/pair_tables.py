"""Pairs that are rows of a CSV list, with the coordinates in its cells."""

import csv
import io
import re
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ClassVar

from lvlm_eval.datasets.annotation_reader import FARTHEST, AnnotationReader, is_plain_name
from lvlm_eval.datasets.correspondence.pair_folder import PairFolder
from lvlm_eval.datasets.pair_dataset import PairFile
from lvlm_eval.datasets.refusals import refusal, shown
from lvlm_eval.errors import InputError
from lvlm_eval.records import Box, Defect, Keypoint, Pair, View

LISTS: Mapping[str, tuple[str, ...]] = {
    "intra": ("test_pairs_pf_pascal.csv", "test_pairs_pf.csv", "test_pairs.csv"),
    "trn": ("train_pairs_pf_pascal.csv", "trn_pairs.csv"),
    "val": ("val_pairs_pf_pascal.csv", "val_pairs.csv"),
}
"""Split → names that its list has in public code."""

Row = tuple[str, ...]
Place = tuple[str, float, float]
"""The column that a point stands in, for errors, and its x and y in px."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class PairTable:
    """A list of pairs.

    Attributes:
        header: names of the columns.
        rows: one a pair.
    """

    header: Row
    rows: tuple[Row, ...]


class RowPairFolder(PairFolder):
    """What the two layouts share: a pair is a row, named by its number and its two images."""

    same_names = False  # a point's name is its place in the row
    columns: ClassVar[int]

    def __init__(self, root: Path, name: str) -> None:
        super().__init__(root, name)
        self._tables: dict[str, PairTable] = {}
        self._sizes: dict[str, tuple[int, int]] = {}

    def splits(self) -> tuple[str, ...]:
        """The splits whose list is there and has coordinates."""
        return tuple(
            split
            for split in LISTS
            if (path := list_of(self.root, split)) and len(header_of(path)) == self.columns
        )

    def where(self, file: PairFile) -> str:
        """Name of the list, and the row from 1 after the first line."""
        return f"{file.path.name} row {file.row}"

    def photo_folders(self) -> tuple[str, ...]:
        """The folders that the lists name."""
        images = (
            self._image(cell)
            for split in self.splits()
            for row in self._rows(split).rows
            for cell in row[:2]
        )
        return tuple(sorted({image.rpartition("/")[0] for image in images if "/" in image}))

    def _rows(self, split: str) -> PairTable:
        if split not in self._tables:
            path = list_of(self.root, split)
            assert path is not None, "asked for a split that is not there"
            header, *rows = _lines(path)
            self._tables[split] = PairTable(header, tuple(rows))
        return self._tables[split]

    def _list(self, split: str) -> Mapping[str, tuple[PairFile, ...]]:
        path = list_of(self.root, split)
        assert path is not None, "asked for a split that is not there"
        listed: dict[str, list[PairFile]] = {}
        for number, row in enumerate(self._rows(split).rows, start=1):
            stems = "-".join(PurePosixPath(cell.strip()).stem for cell in row[:2])
            category = self._category(row)
            stem = f"{number:05}-{stems}"
            listed.setdefault(category, []).append(PairFile(split, category, stem, path, number))
        if not listed:
            raise refusal(path, "", "holds no pair.")
        return {category: tuple(listed[category]) for category in sorted(listed)}

    @abstractmethod
    def _category(self, row: Row) -> str:
        """The category that a row tells; empty where it tells none."""

    def _image(self, cell: str) -> str:
        """Path below the root; the list's own folder may be the root or stand in it."""
        name = cell.strip().replace("\\", "/")
        first, _, rest = name.partition("/")
        return rest if rest and not (self.root / first).is_dir() else name

    def read_pair(self, file: PairFile) -> tuple[Pair, tuple[Defect, ...]]:
        """Read one pair; see ``PairDataset``."""
        content = self._rows(file.split)
        assert file.row is not None, "pairs of this layout are rows"
        row = content.rows[file.row - 1]
        reader = AnnotationReader(self.where(file))
        if len(row) != len(content.header):
            reader.refuse("", f"has {len(row)} cells, the first line has {len(content.header)}.")
        category = self._category(row)
        if not is_plain_name(category):
            reader.refuse(*self._no_category(content.header, row))
        places = self._points(reader, content.header, row)
        source, target = (
            self._view(reader, content.header[side], row[side], category, places[side])
            for side in (0, 1)
        )
        overlap = tuple(point.name for point in source.keypoints)
        return Pair(file.key, category, source, target, overlap, ()), tuple(reader.defects)

    @abstractmethod
    def _no_category(self, header: Row, row: Row) -> tuple[str, str]:
        """The field that should tell the category, and what is wrong there."""

    @abstractmethod
    def _points(
        self, reader: AnnotationReader, header: Row, row: Row
    ) -> tuple[list[Place], list[Place]]:
        """Column, x and y of each point, for both images."""

    def _view(
        self,
        reader: AnnotationReader,
        column: str,
        cell: str,
        category: str,
        places: list[Place],
    ) -> View:
        image = self._image(cell)
        if not all(is_plain_name(part) for part in image.split("/")):
            reader.refuse(column, f"{shown(cell)} is not the path of an image.")
        if image not in self._sizes:
            try:
                self._sizes[image] = self.image_size(image)
            except InputError as error:
                reader.refuse(column, f"the size of the image is needed: {error}")
        size = self._sizes[image]
        points = []
        for place, (where, x, y) in enumerate(places):
            point = Keypoint(str(place), x, y)
            points.append(point)
            if not (0 <= x < max(size) and 0 <= y < max(size)):
                reader.note_outside(where, point, max(size))
        box = self._box(reader, column, points)
        return View(category, image, size, box, tuple(points))

    def _box(self, reader: AnnotationReader, column: str, points: list[Keypoint]) -> Box | None:
        return None


def list_of(root: Path, split: str) -> Path | None:
    """The file that lists a split's pairs, if it is there."""
    return next((root / name for name in LISTS[split] if (root / name).is_file()), None)


def header_of(path: Path) -> Row:
    """The names of a list's columns.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return tuple(next(csv.reader([stream.readline()]), ()))
    except OSError as error:
        raise refusal(path, "", f"cannot be read ({error.strerror}).") from None
    except (ValueError, csv.Error):
        raise refusal(path, "line 1", "is no line of CSV in UTF-8.") from None


def _lines(path: Path) -> list[Row]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        return [tuple(row) for row in reader if any(cell.strip() for cell in row)]
    except OSError as error:
        raise refusal(path, "", f"cannot be read ({error.strerror}).") from None
    except (ValueError, csv.Error) as error:
        raise refusal(path, "", f"is not CSV in UTF-8 ({error}).") from None


def numbers(reader: AnnotationReader, cell: str, column: str) -> list[float]:
    """Numbers with semicolons between; one after the last does not count."""
    parts = cell.strip().removesuffix(";").split(";")
    if parts == [""]:
        return []
    return [number(reader, part, f"{column}[{place}]") for place, part in enumerate(parts)]


def number(reader: AnnotationReader, cell: str, where: str) -> float:
    """A position in px."""
    text = cell.strip()
    value = float(text) if _NUMBER.fullmatch(text) else None
    if value is None or abs(value) > FARTHEST:
        reader.refuse(where, f"{shown(cell)} is no position in px.")
    return value

"""SOCO-LVLM tables: questions that stand ready in TSV files, with images fetched row by row."""

import hashlib
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath

from lvlm_eval.datasets.images import identify
from lvlm_eval.datasets.refusals import refusal, shown
from lvlm_eval.datasets.table_rows import TableIndex, TableRow, open_table, read_index, reread
from lvlm_eval.datasets.tsv_cells import (
    LONGEST_REFERENCE,
    decode_image_text,
    is_blank,
    list_entries,
    plain_index,
)
from lvlm_eval.errors import InputError
from lvlm_eval.records import SETTINGS, Defect, Picture, Setting

__all__ = ["LvlmTable", "LvlmTables", "TableRow", "guess_setting"]

_FILE_NAME_SETTINGS: Mapping[str, Setting] = {"img": "vis", "imgtxt": "vis+desc", "txt": "desc"}
_FILE_NAME_ENDING = re.compile(r"(?:.*_)?(img|imgtxt|txt)(?:_c)?", re.DOTALL)
_SETTINGS_BY_IMAGES: Mapping[int, Setting] = {1: "desc", 2: "vis"}


def guess_setting(path: Path) -> Setting | None:
    """Tell a table's setting from its file name, as the release names its files.

    Args:
        path: such as ``soco_lvlm_imgtxt.tsv``; an added ``_c`` changes nothing.

    Returns:
        The setting, or None if the name does not tell.
    """
    ending = _FILE_NAME_ENDING.fullmatch(path.stem.lower())
    return _FILE_NAME_SETTINGS[ending[1]] if ending else None


Once = Callable[[Hashable, Callable[[], tuple[Picture, ...]]], tuple[Picture, ...]]
"""Gives what a function gives, which it need not call for a key that it knows."""


def _each_time(key: Hashable, make: Callable[[], tuple[Picture, ...]]) -> tuple[Picture, ...]:
    return make()


class LvlmTable:
    """One TSV in one setting. It is read through once, when its rows are first asked for.

    Args:
        path: the file.
        setting: how its questions tell the query.
    """

    def __init__(self, path: Path, setting: Setting) -> None:
        self.path = path
        self.setting = setting

    def rows(self) -> tuple[TableRow, ...]:
        """All rows in the order of the file; row ``number`` stands at place ``number - 1``.

        Raises:
            InputError: a column is missing, a row is cut off or has other cells than the header.
        """
        return self._index.rows

    @property
    def defects(self) -> tuple[Defect, ...]:
        """What is unusual in the rows; empty as long as they have not been read."""
        return self._index.defects if "_index" in vars(self) else ()

    def pictures(self, row: TableRow, once: Once = _each_time) -> tuple[Picture, ...]:
        """Fetch the images of a row from disk, in the order of the prompt, byte for byte.

        Args:
            row: of this table.
            once: gets what stands in the row's cells, as a key, and a function that decodes it;
                the rotations of a question have the same cells, and need decoding once.

        Raises:
            InputError: the row has none, one cannot be decoded, or it is said to be that of a row
                that has none of its own; the message names file, row and column.
        """
        image, image_path = self._image_cells(row)
        digest = hashlib.sha256(f"{image}\0{image_path}".encode()).digest()
        return once((self.path, digest), lambda: self._decoded(row, image, image_path))

    def _decoded(self, row: TableRow, image: str, image_path: str) -> tuple[Picture, ...]:
        if is_blank(image):
            return tuple(self._from_file(row, name) for name in self._paths(row, image_path))
        entries = self._entries(row, "image", image)
        if len(entries) == 1 and _is_reference(entries[0]):
            return self._of_other_row(row, entries[0])
        pictures: list[Picture] = []
        for entry in entries:
            if _is_reference(entry):
                others = self._of_other_row(row, entry)
                if len(others) != 1:
                    message = f"{shown(entry)} in a list names a row of {len(others)} images."
                    raise self._refuse(row, "image", message)
                pictures += others
            else:
                pictures.append(self._from_text(row, entry))
        return tuple(pictures)

    @staticmethod
    def request_text(row: TableRow) -> str:
        """Word the request as the public toolkit does, to the blank and the line feed."""
        lines = [] if row.hint is None else [f"Hint: {row.hint}"]
        lines.append(f"Question: {row.question}")
        if row.options:
            lines.append("Options:")
            lines += [f"{letter}. {text}" for letter, text in row.options.items()]
            lines.append("Please select the correct answer from the options above. ")
        return "".join(f"{line}\n" for line in lines)

    def images_a_row(self) -> int:
        """How many images the first row has; reads only that row, unless it refers to another.

        Raises:
            InputError: the table has no row, or the images of the first cannot be told.
        """
        with open_table(self.path) as (columns, records):
            first = next(records, None)
            if first is None:
                raise refusal(self.path, "", "has a header and no rows.")
            cells = columns.texts(first, ("image", "image_path"))
        image, path = cells.get("image", ""), cells.get("image_path", "")
        column, text = ("image_path", path) if is_blank(image) else ("image", image)
        try:
            entries = list_entries(text)
        except ValueError as error:
            raise refusal(f"{self.path} row 1", column, f"{error}.") from None
        if column == "image" and len(entries) == 1 and _is_reference(entries[0]):
            return len(self.pictures(self.rows()[0]))
        return len(entries)

    @cached_property
    def _index(self) -> TableIndex:
        return read_index(self.path)

    def _image_cells(self, row: TableRow) -> tuple[str, str]:
        columns = self._index.columns
        cells = columns.texts(reread(columns, row), ("image", "image_path"))
        return cells.get("image", ""), cells.get("image_path", "")

    def _entries(self, row: TableRow, column: str, text: str) -> tuple[str, ...]:
        try:
            return list_entries(text)
        except ValueError as error:
            raise self._refuse(row, column, f"{error}.") from None

    def _of_other_row(self, row: TableRow, reference: str) -> tuple[Picture, ...]:
        number = self._index.numbers.get(plain_index(reference))
        if number is None:
            message = f"refers to index {shown(reference)}, which no row of the table has."
            raise self._refuse(row, "image", message)
        other = self._index.rows[number - 1]
        image, _ = self._image_cells(other)
        entries = () if is_blank(image) else self._entries(other, "image", image)
        if not entries or any(_is_reference(entry) for entry in entries):
            what = "another reference" if entries else "no image"
            message = f"refers to index {shown(reference)} (row {number}), which has {what} itself."
            raise self._refuse(row, "image", message)
        return tuple(self._from_text(other, entry) for entry in entries)

    def _paths(self, row: TableRow, text: str) -> Sequence[str]:
        if is_blank(text):
            raise self._refuse(row, "image", "is empty, and so is image_path; expected an image.")
        return self._entries(row, "image_path", text)

    def _from_text(self, row: TableRow, text: str) -> Picture:
        try:
            data = decode_image_text(text)
        except ValueError as error:
            raise self._refuse(row, "image", f"{error}.") from None
        return self._picture(data, row, "image")

    def _from_file(self, row: TableRow, name: str) -> Picture:
        places = (self.path.parent / name, self.path.parent / "images" / name)
        if not _stays_below(name):
            message = f"{shown(name)} leads out of the table's folder; expected a path below it."
            raise self._refuse(row, "image_path", message)
        try:
            data = next((place.read_bytes() for place in places if place.is_file()), None)
        except OSError as error:
            message = f"{shown(name)} cannot be read ({error.strerror})."
            raise self._refuse(row, "image_path", message) from None
        if data is not None:
            return self._picture(data, row, "image_path")
        looked = " nor ".join(str(place) for place in places)
        raise self._refuse(row, "image_path", f"neither {looked} exists.")

    def _picture(self, data: bytes, row: TableRow, column: str) -> Picture:
        media_type, size = identify(data, f"{self.path} row {row.number}: {column}")
        return Picture(data, media_type, size, hashlib.sha256(data).hexdigest())

    def _refuse(self, row: TableRow, column: str, message: str) -> InputError:
        return refusal(f"{self.path} row {row.number}", column, message)


class LvlmTables:
    """The tables of a dataset, one a setting: a folder of TSV files, or a single file.

    Args:
        path: the folder or the file.
        name: what results of this dataset are named after.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name
        self._notes: list[Defect] = []

    @cached_property
    def tables(self) -> Mapping[Setting, LvlmTable]:
        """Setting → table, in the order of the settings. No more than a first row is read.

        Raises:
            InputError: two files are of one setting, or a file's setting cannot be told.
        """
        found: dict[Setting, LvlmTable] = {}
        for path in self._files():
            setting = guess_setting(path) or self._setting_by_images(path)
            if setting in found:
                raise refusal(
                    self.path,
                    "",
                    f"{found[setting].path.name} and {path.name} are both tables of the setting "
                    f"'{setting}'. Name one of the files instead of the folder.",
                )
            found[setting] = LvlmTable(path, setting)
        return {setting: found[setting] for setting in SETTINGS if setting in found}

    @property
    def defects(self) -> tuple[Defect, ...]:
        """What is unusual, as far as the tables have been read."""
        tables = tuple(self.tables.values())
        return (*self._notes, *(one for table in tables for one in table.defects))

    def _files(self) -> Sequence[Path]:
        if not self.path.is_dir():
            return (self.path,)
        files = table_files(self.path)
        if not files:
            raise refusal(self.path, "", "holds no table (*.tsv).")
        return files

    def _setting_by_images(self, path: Path) -> Setting:
        count = LvlmTable(path, "vis").images_a_row()
        setting = _SETTINGS_BY_IMAGES.get(count)
        expected = "a name that ends in _img.tsv (vis), _imgtxt.tsv (vis+desc) or _txt.tsv (desc)"
        if setting is None:
            raise refusal(
                path, "", f"has {count} images a row, so no setting fits; give it {expected}."
            )
        message = f"the name tells no setting; taken as '{setting}' for {count} image(s) a row"
        self._notes.append(
            Defect(str(path), "image", f"{message}. To settle it, give the file {expected}.")
        )
        return setting


def table_files(folder: Path) -> tuple[Path, ...]:
    """The tables that lie directly in a folder, in order of their names.

    Raises:
        InputError: the folder cannot be listed.
    """
    try:
        return tuple(
            sorted(
                path
                for path in folder.iterdir()
                if path.suffix.lower() == ".tsv"
                and not path.name.startswith(".")
                and path.is_file()
            )
        )
    except OSError as error:
        raise refusal(folder, "", f"cannot be listed ({error.strerror}).") from None


def _is_reference(entry: str) -> bool:
    return len(entry) <= LONGEST_REFERENCE


def _stays_below(name: str) -> bool:
    windows = PureWindowsPath(name)
    outside = windows.drive or windows.root or PurePosixPath(name).is_absolute()
    return bool(name) and not outside and ".." not in windows.parts

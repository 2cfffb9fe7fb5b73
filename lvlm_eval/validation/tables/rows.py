"""Reads the rows of a table once: their texts, what is wrong with each, and which images they name.

Rows that a run would refuse are told apart here, so that all of them are reported and not the
first alone; what a sound row means is what ``lvlm_eval.datasets`` reads in it.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lvlm_eval.datasets.table_rows import Columns
from lvlm_eval.datasets.tsv_cells import LONGEST_REFERENCE, is_blank, list_entries, plain_index
from lvlm_eval.datasets.tsv_records import Record, place_of
from lvlm_eval.errors import InputError
from lvlm_eval.records import Setting
from lvlm_eval.validation.findings import Finding, finding, printable
from lvlm_eval.validation.kinds import Kind
from lvlm_eval.validation.tables.pictures import Picture, embedded, named
from lvlm_eval.validation.tables.records import Unended, open_to_the_end

LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_COLUMNS = ("index", "g_index", "category", "question", "answer", "hint", "image", "image_path")


@dataclass(frozen=True, slots=True)
class Reference:
    """An image cell that names another row by its index."""

    index: str


Shown = str | Reference
"""Key of a picture, or another row whose pictures are meant."""


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """A row that can be read.

    Attributes:
        number: of the row, from 1, without the header.
        index: its own name, or its number.
        group: what the rotations of a question share.
        category: of the object, or empty.
        text: SHA-256 of hint and question, 32 bytes.
        options: letter → text, without blank ones.
        answer: the right letter, upper case; empty where there is none.
        column: that tells the images: ``image`` or ``image_path``.
        shown: its images in the order of the prompt; empty where the cell cannot be used.
    """

    number: int
    index: str
    group: str
    category: str
    text: bytes = field(repr=False)
    options: Mapping[str, str]
    answer: str
    column: str
    shown: tuple[Shown, ...]

    @property
    def right(self) -> str | None:
        """Text of the right option, without regard to case; None where there is none."""
        text = self.options.get(self.answer)
        return None if text is None else " ".join(text.split()).casefold()


class CheckedTable:
    """One table; ``read`` goes through it once.

    Args:
        path: the file.
        setting: that it is in; None where nothing tells.

    Attributes:
        rows: those that can be read.
        findings: what is wrong with the header and with single rows.
        refused: how many rows cannot be read.
        places: index → place in ``rows`` of the last row of that index.
        has_groups: whether there is a column ``g_index``.
    """

    def __init__(self, path: Path, setting: Setting | None) -> None:
        self.path = path
        self.name = printable(path.name)
        self.setting = setting
        self.rows: list[CheckedRow] = []
        self.findings: list[Finding] = []
        self.refused = 0
        self.places: dict[str, int] = {}
        self.has_groups = True
        # The rows of a group repeat one cell of some 100 kB: each is taken apart once.
        self._cells: dict[bytes, tuple[Shown, ...]] = {}

    def read(self) -> Iterator[tuple[int, tuple[Picture, ...]]]:
        """Go through the file.

        Yields:
            Place in the file in bytes, and the pictures of a cell that no earlier row has.
        """
        try:
            with open_to_the_end(self.path) as (columns, records):
                self.has_groups = "g_index" in columns.positions
                for record in records:
                    if isinstance(record, Unended):
                        self._refuse(record.number, record.reason)
                    else:
                        yield record.offset, self._row(columns, record)
        except InputError as error:
            self.add(Kind.TABLE, None, "", str(error).removeprefix(f"{self.path}: "))
            return
        if not self.rows and not self.refused:
            self.add(Kind.TABLE, None, "", "has a header and no rows.")
        if not self.has_groups:
            self.add(Kind.NO_GROUPS, None, "g_index", "no such column: each row is a group.")

    def add(self, kind: Kind, row: int | None, column: str, message: str) -> None:
        """Note a finding."""
        self.findings.append(finding(kind, self.name, column, message, row))

    def _refuse(self, number: int, error: str) -> None:
        self.refused += 1
        message = error.removeprefix(f"{self.path} {place_of(number)}: ")
        # The reader counts on from where it began again.
        message = message.removeprefix(f"{self.path} header: ")
        self.add(Kind.TABLE_ROW, number, "", message)

    def _row(self, columns: Columns, record: Record) -> tuple[Picture, ...]:
        number = record.number
        try:
            cells = columns.texts(record, (*_COLUMNS, *LETTERS))
            texts = {name: "" if is_blank(text) else text for name, text in cells.items()}
            index = plain_index(texts.get("index", "")) or str(number)
            group = self._group(texts, index, number)
        except InputError as error:
            lines = record.content.rstrip(b"\r\n").count(b"\n") + 1
            spans = f" It spans {lines} lines of the file." if lines > 1 else ""
            self._refuse(number, str(error) + spans)
            return ()
        column = "image" if texts.get("image") else "image_path"
        shown, new = self._images(number, column, texts.get(column, ""))
        row = CheckedRow(
            number=number,
            index=index,
            group=group,
            category=texts.get("category", "").strip(),
            text=_digest(texts.get("hint", ""), texts["question"]),
            options={letter: texts[letter] for letter in LETTERS if texts.get(letter)},
            answer=texts["answer"].strip().upper(),
            column=column,
            shown=shown,
        )
        self._check(row, texts["question"])
        self.places[index] = len(self.rows)
        self.rows.append(row)
        return new

    def _group(self, texts: Mapping[str, str], index: str, number: int) -> str:
        if not self.has_groups:
            return f"{index}#{number}" if index in self.places else index
        group = plain_index(texts["g_index"])
        if not group:
            raise InputError("g_index: is empty; expected the number of the row's question.")
        return group

    def _images(
        self, number: int, column: str, cell: str
    ) -> tuple[tuple[Shown, ...], tuple[Picture, ...]]:
        """What a cell shows, and the pictures in it if the cell is new."""
        if not cell:
            message = "is empty, and so is image_path; expected an image."
            self.add(Kind.ROW_IMAGE, number, "image", message)
            return (), ()
        key = _digest(column, cell)
        if key in self._cells:
            return self._cells[key], ()
        try:
            entries = list_entries(cell)
        except ValueError as error:
            self.add(Kind.ROW_IMAGE, number, column, f"{error}.")
            return (), ()
        entered = [
            named(self.path, entry)
            if column == "image_path"
            else Reference(plain_index(entry))
            if len(entry) <= LONGEST_REFERENCE
            else embedded(entry)
            for entry in entries
        ]
        self._cells[key] = tuple(one if isinstance(one, Reference) else one.key for one in entered)
        return self._cells[key], tuple(one for one in entered if not isinstance(one, Reference))

    def _check(self, row: CheckedRow, question: str) -> None:
        """What is wrong with a row by itself; ``row`` is not among ``rows`` yet."""
        if not question:
            self.add(Kind.QUESTION_EMPTY, row.number, "question", "is empty.")
        if len(row.options) < 2:
            message = f"{len(row.options)} of the options A, B, … have a text."
            self.add(Kind.FEW_OPTIONS, row.number, "A", message)
        if not row.answer:
            message = "is empty: 'official' counts the row as right where it reads nothing."
            self.add(Kind.ANSWER_BLANK, row.number, "answer", message)
        elif row.answer not in row.options:
            options = ", ".join(row.options) or "none"
            message = f"{row.answer[:40]!r} is no option of the row; options: {options}."
            self.add(Kind.ANSWER_NO_OPTION, row.number, "answer", message)
        if row.index in self.places:
            first = self.rows[self.places[row.index]].number
            message = f"'{row.index[:40]}' stands in row {first}, too."
            self.add(Kind.INDEX_DOUBLED, row.number, "index", message)


def _digest(*texts: str) -> bytes:
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).digest()

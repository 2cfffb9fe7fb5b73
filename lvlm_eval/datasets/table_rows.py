"""The texts of a SOCO-LVLM table, gathered in one pass that leaves the images on disk."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lvlm_eval.datasets.refusals import refusal, shown
from lvlm_eval.datasets.tsv_cells import is_blank, plain_index
from lvlm_eval.datasets.tsv_records import Record, place_of, read_records, split_cells
from lvlm_eval.records import Defect

_OPTION_LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_TEXT_COLUMNS = ("index", "g_index", "qid", "category", "question", "answer", "hint")
_IMAGE_COLUMNS = ("image", "image_path")
_READ_COLUMNS = frozenset({*_TEXT_COLUMNS, *_IMAGE_COLUMNS, *_OPTION_LETTERS})


@dataclass(frozen=True, slots=True)
class TableRow:
    """The texts of one row, and where its images are.

    Attributes:
        number: of the row, from 1, without the header.
        index: the row's own name, by which others may refer to its image.
        group: what the rotations of one question share (``g_index``).
        qid: the dataset's name of the question, or empty.
        category: of the object, or empty.
        question: the text exactly as in the file.
        options: letter → text exactly as in the file, without empty ones, in order of the letters.
        answer: the right letter, upper case; empty where the file has none.
        offset: of the record's first byte in the file.
        length: of the record in bytes.
        hint: text that goes before the question, if there is one.
    """

    number: int
    index: str
    group: str
    qid: str
    category: str
    question: str
    options: Mapping[str, str]
    answer: str
    offset: int
    length: int
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """The header of a table.

    Attributes:
        path: the file.
        count: how many cells a record has.
        positions: column name → place in a record, of the columns that have a meaning.
    """

    path: Path
    count: int
    positions: Mapping[str, int]

    def texts(self, record: Record, names: Iterable[str]) -> dict[str, str]:
        """Decode some cells of a record; columns that the table lacks are left out.

        Raises:
            InputError: the record does not have the header's number of cells, or is not UTF-8.
        """
        cells = _cells(record, self.path)
        if len(cells) != self.count:
            raise self._refuse_count(record, len(cells))
        found = {}
        for name in names:
            place = self.positions.get(name)
            if place is not None:
                found[name] = _decoded(cells[place], f"{self.path} {place_of(record.number)}", name)
        return found

    def _refuse_count(self, record: Record, count: int) -> Exception:
        if count > self.count:
            why = "A tab within a cell has to be quoted."
        elif not record.content.endswith(b"\n"):
            why = "The file seems to be cut off; fetch it again."
        else:
            why = "The row seems to be cut off."
        message = f"has {count} cells, the header has {self.count}. {why}"
        return refusal(f"{self.path} {place_of(record.number)}", "", message)


@dataclass(frozen=True, slots=True)
class TableIndex:
    """All of a table but its images.

    Attributes:
        columns: the header.
        rows: in the order of the file.
        numbers: index of a row → its number; of doubled ones the last.
        defects: what is unusual.
    """

    columns: Columns
    rows: tuple[TableRow, ...] = field(repr=False)
    numbers: Mapping[str, int] = field(repr=False)
    defects: tuple[Defect, ...]


@contextmanager
def open_table(path: Path) -> Iterator[tuple[Columns, Iterator[Record]]]:
    """Open a table: its header, and the records that follow.

    Raises:
        InputError: the file cannot be read, or a column is missing.
    """
    try:
        with path.open("rb") as stream:
            records = read_records(stream, path)
            yield _read_header(path, next(records, None)), records
    except OSError as error:
        raise refusal(path, "", f"cannot be read ({error.strerror}).") from None


def read_index(path: Path) -> TableIndex:
    """Read a table once from start to end.

    Raises:
        InputError: a column is missing, a row is cut off or has other cells than the header, or
            there is no row.
    """
    unusual = _Unusual(path)
    rows = []
    numbers: dict[str, int] = {}
    with open_table(path) as (columns, records):
        for record in records:
            row = _read_row(columns, record, unusual, numbers)
            rows.append(row)
            numbers[row.index] = row.number
    if not rows:
        raise refusal(path, "", "has a header and no rows.")
    if "g_index" not in columns.positions:
        unusual.add("g_index", rows[0].number, "there is no such column: each row is a group")
    return TableIndex(columns, tuple(rows), numbers, unusual.defects())


def reread(columns: Columns, row: TableRow) -> Record:
    """Fetch the record of a row again.

    Raises:
        InputError: the file cannot be read, or is no longer what it was.
    """
    try:
        with columns.path.open("rb") as stream:
            stream.seek(row.offset)
            content = stream.read(row.length)
    except OSError as error:
        raise refusal(columns.path, "", f"cannot be read ({error.strerror}).") from None
    record = Record(row.number, row.offset, content)
    unchanged = len(content) == row.length
    texts = _texts(columns, record, ("question", "index")) if unchanged else {}
    if texts.get("question") != row.question or _row_index(texts, record) != row.index:
        raise refusal(columns.path, "", "has changed since it was opened. Start again.")
    return record


class _Unusual:
    """Counts oddities by kind, since a table may have thousands of the same."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kinds: dict[tuple[str, str], tuple[int, int]] = {}

    def add(self, column: str, number: int, message: str) -> None:
        first, count = self._kinds.get((column, message), (number, 0))
        self._kinds[column, message] = first, count + 1

    def defects(self) -> tuple[Defect, ...]:
        return tuple(
            Defect(
                str(self._path),
                column,
                f"{message} ({count} rows, the first is {first})."
                if count > 1
                else f"{message} (row {first}).",
            )
            for (column, message), (first, count) in self._kinds.items()
        )


def _read_header(path: Path, header: Record | None) -> Columns:
    if header is None:
        raise refusal(path, "", "is empty; expected a header with question, answer, A, B, image.")
    names = [_decoded(cell, f"{path} header", "").strip() for cell in _cells(header, path)]
    if names[0].startswith("version https://git-lfs"):
        raise refusal(path, "", "is a Git LFS pointer, not the table itself. Fetch the large file.")
    positions: dict[str, int] = {}
    for place, name in enumerate(names):
        if name in positions:
            raise refusal(path, "header", f"column '{name}' stands there twice.")
        if name in _READ_COLUMNS:
            positions[name] = place
    missing = [name for name in ("question", "answer", "A", "B") if name not in positions]
    if "index" not in positions and "g_index" not in positions:
        missing.append("index or g_index")
    if missing:
        raise refusal(
            path,
            "header",
            f"no column {', '.join(missing)}; columns found: {shown(', '.join(names))}.",
        )
    return Columns(path, len(names), positions)


def _read_row(
    columns: Columns, record: Record, unusual: _Unusual, numbers: Mapping[str, int]
) -> TableRow:
    texts = _texts(columns, record, (*_TEXT_COLUMNS, *_OPTION_LETTERS))
    index = _row_index(texts, record)
    options = {letter: texts[letter] for letter in _OPTION_LETTERS if texts.get(letter)}
    answer = texts["answer"].strip().upper()
    if not texts["question"]:
        unusual.add("question", record.number, "is empty")
    if len(options) < 2:
        unusual.add("A", record.number, "fewer than two options have a text")
    if answer and answer not in options:
        unusual.add("answer", record.number, "is no option of its row")
    return TableRow(
        number=record.number,
        index=index,
        group=_group(columns, record, texts, index, numbers),
        qid=texts.get("qid", "").strip(),
        category=texts.get("category", "").strip(),
        question=texts["question"],
        options=options,
        answer=answer,
        offset=record.offset,
        length=len(record.content),
        hint=texts.get("hint") or None,
    )


def _texts(columns: Columns, record: Record, names: Iterable[str]) -> dict[str, str]:
    cells = columns.texts(record, names)
    return {name: "" if is_blank(text) else text for name, text in cells.items()}


def _row_index(texts: Mapping[str, str], record: Record) -> str:
    return plain_index(texts.get("index", "")) or str(record.number)


def _group(
    columns: Columns,
    record: Record,
    texts: Mapping[str, str],
    index: str,
    numbers: Mapping[str, int],
) -> str:
    if "g_index" not in columns.positions:
        # Doubled indices must not make a group of rows that have nothing in common.
        return f"{index}#{record.number}" if index in numbers else index
    group = plain_index(texts["g_index"])
    if not group:
        where = f"{columns.path} {place_of(record.number)}"
        raise refusal(where, "g_index", "is empty; expected the number of the row's question.")
    return group


def _cells(record: Record, path: Path) -> list[bytes]:
    try:
        return split_cells(record.content)
    except ValueError as error:
        raise refusal(f"{path} {place_of(record.number)}", "", f"{error}.") from None


def _decoded(cell: bytes, where: str, column: str) -> str:
    try:
        return cell.decode("utf-8")
    except UnicodeDecodeError:
        raise refusal(where, column, "is not UTF-8 text. Save the file as UTF-8.") from None

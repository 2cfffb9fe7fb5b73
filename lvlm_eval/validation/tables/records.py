"""Goes through the records of a table, and goes on after one that never ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from lvlm_eval.datasets.table_rows import Columns, open_table
from lvlm_eval.datasets.tsv_records import LONGEST_RECORD, Record, read_records
from lvlm_eval.errors import InputError


@dataclass(frozen=True, slots=True)
class Unended:
    """A record that never ends, such as one with a quote that is not closed.

    Attributes:
        number: of the row that it would be, from 1.
        offset: of its first byte in the file.
        reason: one line, with the file's name.
    """

    number: int
    offset: int
    reason: str


@contextmanager
def open_to_the_end(path: Path) -> Iterator[tuple[Columns, Iterator[Record | Unended]]]:
    """Open a table: its header, and all that follows.

    Where a record does not end, the next line is taken for the next record: whatever is wrong
    there, the rows behind it are not lost.

    Raises:
        InputError: the file or its header cannot be read, or a column is missing.
    """
    with open_table(path) as (columns, _):
        pass
    with path.open("rb") as stream:
        yield columns, _rows(path, stream)


def _rows(path: Path, stream: BinaryIO) -> Iterator[Record | Unended]:
    start, number, at = 0, -1, 0
    while True:
        first = number + 1
        try:
            for record in read_records(cast(BinaryIO, _Tail(stream, start)), path):
                number, offset = first + record.number, start + record.offset
                at = offset + len(record.content)
                if number:
                    yield Record(number, offset, record.content)
            return
        except InputError as error:
            number += 1
            yield Unended(number, at, str(error))
        start = at = _next_line(stream, at)


def _next_line(stream: BinaryIO, at: int) -> int:
    stream.seek(at)
    while line := stream.readline(LONGEST_RECORD):
        if line.endswith(b"\n"):
            break
    return stream.tell()


class _Tail:
    """A file from some place on, as far as ``read_records`` looks at it."""

    def __init__(self, stream: BinaryIO, start: int) -> None:
        self._stream = stream
        self._start = start
        stream.seek(start)

    def read(self, size: int) -> bytes:
        return self._stream.read(size)

    def seek(self, offset: int) -> int:
        return self._stream.seek(self._start + offset)

    def readline(self, limit: int) -> bytes:
        return self._stream.readline(limit)

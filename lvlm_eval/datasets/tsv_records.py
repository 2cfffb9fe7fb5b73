"""Cuts a tab-separated file into records and cells, holding one record in memory at a time.

Quoting is that of spreadsheets: a cell that begins with a quote ends at the next single quote, and
may hold tabs, line feeds and doubled quotes; a quote elsewhere in a cell stands for itself.
"""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from lvlm_eval.datasets.refusals import refusal

LONGEST_RECORD = 64 * 1024 * 1024
"""Bytes; a longer record can only come from a quote that is never closed."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it stands in the file.

    Attributes:
        number: 0 for the header, from 1 for the rows; empty lines are not counted.
        offset: of its first byte in the file.
        content: its bytes with the line end.
    """

    number: int
    offset: int
    content: bytes = field(repr=False)


def read_records(stream: BinaryIO, where: object) -> Iterator[Record]:
    """Go through a file once, from its start.

    Args:
        stream: the file, opened for bytes.
        where: what to call it in an error.

    Raises:
        InputError: a quoted cell is not closed, or the file is not UTF-8 text.
    """
    start = stream.read(3)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise refusal(where, "", "is UTF-16 text. Save it as UTF-8.")
    offset = len(codecs.BOM_UTF8) if start == codecs.BOM_UTF8 else 0
    stream.seek(offset)
    number = 0
    while content := _next_record(stream, f"{where} {place_of(number)}"):
        if content.strip(b"\r\n "):
            yield Record(number, offset, content)
            number += 1
        offset += len(content)


def split_cells(record: bytes) -> list[bytes]:
    """Cut one record into the contents of its cells.

    Args:
        record: as in ``Record.content``.

    Raises:
        ValueError: a carriage return stands alone outside quotes, where spreadsheets end a row.
    """
    if record.endswith(b"\r\n"):
        record = record[:-2]
    elif record.endswith((b"\n", b"\r")):
        record = record[:-1]
    quoted = record.startswith(b'"') or b'\t"' in record
    cells = _split_quoted(record) if quoted else record.split(b"\t")
    if not quoted and b"\r" in record:
        raise ValueError("has a carriage return outside quotes")
    return cells


def place_of(number: int) -> str:
    """Words for the record of a number."""
    return f"row {number}" if number else "header"


def _next_record(stream: BinaryIO, where: str) -> bytes:
    first = stream.readline(LONGEST_RECORD)
    inside = _ends_inside_quotes(first, False)
    if not inside:
        if len(first) == LONGEST_RECORD and not first.endswith(b"\n"):
            raise _too_long(where)
        return first
    whole = bytearray(first)
    while inside:
        line = stream.readline(LONGEST_RECORD)
        if not line:
            raise refusal(
                where,
                "",
                "ends inside quotes: the file is cut off or a quote is not closed. "
                "Fetch the file again or correct the row.",
            )
        whole += line
        if len(whole) >= LONGEST_RECORD:
            raise _too_long(where)
        inside = _ends_inside_quotes(line, True)
    return bytes(whole)


def _too_long(where: str) -> Exception:
    size = f"{LONGEST_RECORD // 1024**2} MiB"
    return refusal(where, "", f"is longer than {size}: a quote is not closed or lines do not end.")


def _ends_inside_quotes(line: bytes, inside: bool) -> bool:
    """Tell whether a quoted cell goes on after a line, given whether the line began in one."""
    if not inside and not line.startswith(b'"') and b'\t"' not in line:
        return False
    at = 0
    while True:
        if inside:
            closing = _closing_quote(line, at)
            if closing < 0:
                return True
            at = closing + 1
        elif line.startswith(b'"', at):
            inside, at = True, at + 1
            continue
        tab = line.find(b"\t", at)
        if tab < 0:
            return False
        inside, at = False, tab + 1


def _closing_quote(line: bytes, at: int) -> int:
    while True:
        quote = line.find(b'"', at)
        if quote < 0 or not line.startswith(b'"', quote + 1):
            return quote
        at = quote + 2


def _split_quoted(record: bytes) -> list[bytes]:
    cells = []
    at = 0
    while True:
        content = b""
        if record.startswith(b'"', at):
            closing = _closing_quote(record, at + 1)
            content = record[at + 1 : closing].replace(b'""', b'"')
            at = closing + 1
        tab = record.find(b"\t", at)
        rest = record[at:] if tab < 0 else record[at:tab]
        if b"\r" in rest:
            raise ValueError("has a carriage return outside quotes")
        # What follows a closing quote belongs to the cell, as spreadsheets read it.
        cells.append(content + rest if rest else content)
        if tab < 0:
            return cells
        at = tab + 1

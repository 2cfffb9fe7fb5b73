"""What the cell of a spreadsheet can hold, and how a text is put into one as it is."""

import itertools
import re
from collections.abc import Iterator
from typing import Any

from openpyxl.cell import WriteOnlyCell  # type: ignore[import-untyped]  # ships no types

LONGEST = 32_767
"""UTF-16 units in one cell."""

_BLANKS = re.compile("[\x0b\x0c\x1c-\x1f]")
_NO_XML = re.compile("[\x00-\x08\x0e-\x1b\ud800-\udfff\ufffe\uffff]")
_LOST = re.compile(f"\r|{_BLANKS.pattern}|{_NO_XML.pattern}")


def storable(text: str) -> str:
    """The text without the characters that the file format has no place for.

    Line ends all become line feeds, control characters that are blanks become blanks, and other
    control characters, halves of surrogate pairs, U+FFFE and U+FFFF become U+FFFD. Nothing else
    changes: tabs, outer blanks and texts that look like formulas, numbers or escapes stay.
    """
    return next(storable_forms(text))


def storable_forms(text: str) -> Iterator[str]:
    """Several texts without these characters, that of ``storable`` first.

    A line end or a control character can decide how an answer is read. Then others of its kind may
    stand in for it that a cell can hold: U+0085 is a control character and a blank, U+007F is one
    and none.
    """
    if not _LOST.search(text):
        yield text
        return
    for pair, line_end, blank, other in itertools.product(
        ("\n", "\x85\n"), "\n\x85 ", " \x85\n", ("\ufffd", "\x7f", "")
    ):
        lines = text.replace("\r\n", pair).replace("\r", line_end)
        yield _NO_XML.sub(other, _BLANKS.sub(blank, lines))


def length(text: str) -> int:
    """How much room a text takes, in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def text_cell(sheet: Any, text: str) -> Any:
    """A cell that holds a text and nothing but that.

    Args:
        sheet: a write-only sheet of openpyxl.
        text: storable, and no longer than LONGEST.
    """
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"  # also for "=1+1" and "#N/A", which are taken for more than a text
    return cell

"""What the cell of a spreadsheet can hold, and how a text is put into one as it is."""

import re
from typing import Any

from openpyxl.cell import WriteOnlyCell  # type: ignore[import-untyped]  # ships no types

LONGEST = 32_767
"""UTF-16 units in one cell."""

_BLANKS = re.compile("[\x0b\x0c\x1c-\x1f]")
_NO_XML = re.compile("[\x00-\x08\x0e-\x1b\ud800-\udfff\ufffe\uffff]")


def storable(text: str) -> str:
    """The text without the characters that the file format has no place for.

    Line ends all become line feeds, control characters that are blanks become blanks, and other
    control characters, halves of surrogate pairs, U+FFFE and U+FFFF become U+FFFD. Nothing else
    changes: tabs, outer blanks and texts that look like formulas, numbers or escapes stay.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _NO_XML.sub("\ufffd", _BLANKS.sub(" ", lines))


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

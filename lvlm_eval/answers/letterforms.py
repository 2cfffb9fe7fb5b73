"""Writes other forms of letters, digits and marks (full-width, circled, curly) as plain ones."""

import unicodedata

_BLOCKS = (
    (0x249C, 0x24E9),  # letters in brackets and in circles
    (0x2460, 0x2473),  # numbers in circles
    (0x1D400, 0x1D7FF),  # mathematical letters and digits
    (0x1F110, 0x1F149),  # letters in brackets and in squares
)
_FILLED = (0x1F150, 0x1F170)
"""Filled circles and squares, A first, which Unicode does not map to letters."""


def _table() -> dict[int, str]:
    table: dict[int, str] = {}
    for first, last in _BLOCKS:
        for code in range(first, last + 1):
            plain = unicodedata.normalize("NFKC", chr(code)).strip("()")
            if plain.isascii() and plain:
                table[code] = plain
    for first in _FILLED:
        table.update({first + place: chr(ord("A") + place) for place in range(26)})
    table.update(zip(range(0xFF01, 0xFF5F), map(chr, range(0x21, 0x7F)), strict=True))
    table.update({0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"'})
    return table


_PLAIN = _table()


def plain_letters(text: str) -> str:
    """Replace the forms of ASCII characters by these; all else stays."""
    return text if text.isascii() else text.translate(_PLAIN)

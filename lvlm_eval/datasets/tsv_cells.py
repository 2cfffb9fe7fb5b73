"""What the cells of a SOCO-LVLM table mean: blanks, indices, lists, and images as base64 text."""

import ast
import base64
import binascii
import json
import re

from lvlm_eval.silence import silenced

# Cells that the usual spreadsheet reader takes for missing; case matters.
MISSING_MARKERS = frozenset(
    {
        *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND"),
        *("1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
    }
)
"""Texts that stand for an empty cell."""

LONGEST_REFERENCE = 64
"""Characters; a longer value of an image column is an image, a shorter one names another row."""

_WHOLE_NUMBER_AS_FLOAT = re.compile(r"([+-]?\d+)\.0+")


def is_blank(text: str) -> bool:
    """Tell whether a cell counts as empty."""
    return text in MISSING_MARKERS or not text.strip()


def plain_index(text: str) -> str:
    """The index that ``7``, ``7.0`` and `` 7`` all stand for."""
    stripped = text.strip()
    number = _WHOLE_NUMBER_AS_FLOAT.fullmatch(stripped)
    return number[1] if number else stripped


def list_entries(text: str) -> tuple[str, ...]:
    """The entries of a cell that holds one value, or a list written in JSON or in Python.

    Raises:
        ValueError: the cell begins like a list and is none, is empty, or holds other than texts.
    """
    stripped = text.strip()
    if not (stripped.startswith("[") and stripped.endswith("]")):
        return (stripped,)
    entries = _parsed_list(stripped)
    if not isinstance(entries, list) or not entries:
        raise ValueError("is an empty list" if entries == [] else "is not a list of texts")
    if not all(isinstance(one, str) or _is_index(one) for one in entries):
        raise ValueError("is a list of something else than texts")
    return tuple(str(one).strip() for one in entries)


def decode_image_text(text: str) -> bytes:
    """Decode base64, with or without line feeds in it, padding, or a ``data:`` prefix.

    Raises:
        ValueError: the text is not base64.
    """
    try:
        encoded = text.encode("ascii")
    except UnicodeEncodeError:
        raise ValueError("is not base64: it has other letters than ASCII") from None
    if encoded.startswith(b"data:"):
        head, _, encoded = encoded.partition(b",")
        if not head.endswith(b";base64"):
            raise ValueError("is a data: URI without base64")
    encoded = encoded.translate(None, b" \t\r\n")
    try:
        return base64.b64decode(encoded + b"=" * (-len(encoded) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError(f"is not base64 ({error})") from None


def _is_index(entry: object) -> bool:
    """Numbers without end, which Python reads and does not write, name no row."""
    return isinstance(entry, int) and not isinstance(entry, bool) and entry.bit_length() < 64


def _parsed_list(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        # The backslashes of Windows paths are taken for odd escapes, and warned of.
        with silenced():
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise ValueError("begins like a list and is neither JSON nor a Python list") from None

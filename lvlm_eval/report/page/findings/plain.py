"""Tables and lines that a terminal gets, as the page's templates take them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import RenderableType
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Piece:
    """A table, or a line.

    Attributes:
        title: of a table; empty for none.
        heads: its headings; empty for a line.
        rows: its rows, the first cell of each a name; one cell for a heading among the rows.
        line: of a line the text.
    """

    title: str = ""
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    line: str = ""


def pieces(printed: Iterable[RenderableType]) -> tuple[Piece, ...]:
    """What a terminal gets, without its style."""
    return tuple(_piece(one) for one in printed)


def _piece(one: RenderableType) -> Piece:
    if not isinstance(one, Table):
        return Piece(line=str(one))
    columns = [[_text(cell) for cell in column.cells] for column in one.columns]
    rows = [_row(cells) for cells in zip(*columns, strict=True)]
    heads = tuple(str(column.header).strip() for column in one.columns)
    return Piece("" if one.title is None else str(one.title), heads, tuple(rows))


def _text(cell: RenderableType) -> str:
    """A cell without the blanks that stand figures below each other in a terminal."""
    return (
        re.sub(r"(?<=[\[–,]) +(?=[\d.+-])", " ", str(cell))
        .replace("[ ", "[")
        .replace("– ", "–")
        .strip()
    )


def _row(cells: tuple[str, ...]) -> tuple[str, ...]:
    return cells if any(cells[1:]) else cells[:1]

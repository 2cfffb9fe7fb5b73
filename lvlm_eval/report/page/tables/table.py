"""A table with its values: the page and every file of figures are made from it."""

from collections.abc import Mapping
from dataclasses import dataclass

from lvlm_eval.intervals import Interval

Value = float | int | str | None

NOTHING = "–"
MINUS = "−"
_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Attributes:
        value: with 6 decimals, as ``metrics.json`` has it; None where there is nothing.
        text: as it is shown; the same on the page, in Markdown and in LaTeX.
        interval: 95 %, with 6 decimals, in the unit of the value.
        interval_text: as it is shown; empty without an interval.
    """

    value: Value
    text: str
    interval: Interval | None = None
    interval_text: str = ""

    @property
    def whole_text(self) -> str:
        """Value and interval as they are shown."""
        return f"{self.text} {self.interval_text}".rstrip()


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        key: its name in CSV and JSON.
        title: its heading.
        numeric: it holds numbers, which stand to the right and are sorted by size.
        hint: what the heading means, where that is not plain.
        aside: on the page it stands below the table, not in it.
    """

    key: str
    title: str
    numeric: bool = True
    hint: str = ""
    aside: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row; its first cell is its name.

    Attributes:
        cells: as many as there are columns.
        series: id of what it toggles in figures; empty if nothing.
        own: it is a run of the user's, not a published row.
        marks: short words beside its name, such as ``incomplete``.
        below: small print below its name.
    """

    cells: tuple[Cell, ...]
    series: str = ""
    own: bool = False
    marks: tuple[str, ...] = ()
    below: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        id: unique in the page, also the name of its files.
        title: what it is of.
        note: unit, counts and what else a reader must know.
        columns: the first is the rows' name.
        rows: in the order in which they are shown at first.
        sorted_by: key of the column that this is the falling order of; empty if of none.
    """

    id: str
    title: str
    note: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    sorted_by: str = ""

    def records(self) -> list[dict[str, object]]:
        """Each row by column key; ``<key>_ci95`` where a column has intervals."""
        bounded = self.bounded()
        found: list[dict[str, object]] = []
        for row in self.rows:
            record: dict[str, object] = {}
            for column, cell in zip(self.columns, row.cells, strict=True):
                record[column.key] = cell.value
                if bounded[column.key]:
                    record[f"{column.key}_ci95"] = cell.interval and list(cell.interval)
            record["own"] = row.own
            record["marks"] = list(row.marks)
            found.append(record)
        return found

    def bounded(self) -> Mapping[str, bool]:
        """Column key → whether any of its cells has an interval."""
        return {
            column.key: any(row.cells[place].interval for row in self.rows)
            for place, column in enumerate(self.columns)
        }


def number(
    value: float | None, interval: Interval | None = None, *, digits: int = 1, signed: bool = False
) -> Cell:
    """A cell of a figure.

    Its 7th decimal and those behind it are of the arithmetic alone (19.799999999999997).

    Args:
        value: as it was worked out.
        interval: likewise.
        digits: shown behind the point.
        signed: show a plus, too.
    """
    if value is None:
        return Cell(None, NOTHING)
    value = _rounded(value)
    shown = decimal(value, digits)
    if signed and not shown.startswith(MINUS):
        shown = f"+{shown}"
    if interval is None:
        return Cell(value, shown)
    low, high = map(_rounded, interval)
    ends = f"[{decimal(low, digits)}, {decimal(high, digits)}]"
    return Cell(value, shown, (low, high), ends)


def _rounded(value: float) -> float:
    return round(value, _DECIMALS) + 0  # no -0.0


def decimal(value: float, digits: int = 1) -> str:
    """A number as it is shown, with a real minus."""
    shown = f"{value:.{digits}f}"
    if float(shown) == 0:
        shown = shown.lstrip("-")
    return shown.replace("-", MINUS)


def count(value: int | None) -> Cell:
    """A cell of a count."""
    return Cell(None, NOTHING) if value is None else Cell(value, f"{value:,}")


def probability(value: float | None) -> Cell:
    """A cell of a p, or of another probability of 0 to 1."""
    if value is None:
        return Cell(None, NOTHING)
    return Cell(_rounded(value), "<0.001" if value < 0.001 else f"{value:.3f}")


def words(text: str) -> Cell:
    """A cell of text; empty text is nothing."""
    return Cell(text or None, text)

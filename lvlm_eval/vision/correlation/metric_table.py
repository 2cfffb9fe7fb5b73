"""Tables of models and metrics, and what becomes of two of them together."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lvlm_eval.datasets.refusals import refusal, shown
from lvlm_eval.errors import nearest_names
from lvlm_eval.vision.correlation.metric_names import usual_name

_MISSING = frozenset({"", "-", "–", "—", "na", "n/a", "nan", "null", "none"})
_LARGEST = 1e100


@dataclass(frozen=True, slots=True)
class MetricTable:
    """Models and their metrics.

    Attributes:
        name: what to call the table.
        models: each once.
        columns: names of the metrics, each once; known ones in our spelling.
        cells: (models, columns) texts as they were written; empty where there is none.
        published: which of the models are in the published table.
    """

    name: str
    models: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    published: tuple[bool, ...]

    def place(self, column: str) -> int:
        """Where a column is, in any usual spelling of its name.

        Raises:
            InputError: there is no such column; the message names the nearest.
        """
        usual = usual_name(column)
        for place, known in enumerate(self.columns):
            if usual == usual_name(known):
                return place
        raise refusal(
            self.name, "", f"has no column {shown(column)}. {nearest_names(column, self.columns)}"
        )

    def values(self, places: Sequence[int]) -> npt.NDArray[np.float64]:
        """The numbers in some columns; NaN in the others and where a value is missing.

        Args:
            places: of the columns that are needed.

        Returns:
            (models, columns).

        Raises:
            InputError: a cell in one of these columns is neither a number nor empty.
        """
        found = np.full((len(self.models), len(self.columns)), np.nan)
        for row, cells in enumerate(self.cells):
            for place in places:
                where = f"model {shown(self.models[row])}"
                found[row, place] = _number(cells[place], self.name, where, self.columns[place])
        return found


def join(own: MetricTable, published: MetricTable) -> MetricTable:
    """The published models and the user's, with the metrics of both.

    A model that is in both tables, whatever case and hyphens its name has, gets the metrics of
    both.

    Raises:
        InputError: the tables give one model two values of one metric, or two of the user's
            models are one published model.
    """
    columns = tuple(dict.fromkeys((*published.columns, *own.columns)))
    rows = {
        _loose(name): dict(zip(published.columns, cells, strict=True))
        for name, cells in zip(published.models, published.cells, strict=True)
    }
    names = {_loose(name): name for name in published.models}
    known = set(names)
    met: dict[str, str] = {}
    for name, cells in zip(own.models, own.cells, strict=True):
        key = _loose(name) if _loose(name) in known else f"own {name.casefold()}"
        if key in met:
            raise refusal(
                own.name,
                "",
                f"models {shown(met[key])} and {shown(name)} are both the published "
                f"{shown(names[key])}. Give one of them another name.",
            )
        met[key] = name
        row = rows.setdefault(key, {})
        names.setdefault(key, name)
        for column, cell in zip(own.columns, cells, strict=True):
            there = row.get(column, "")
            if _is_missing(cell):
                row.setdefault(column, "")
            elif _is_missing(there) or _same_number(cell, there):
                row[column] = cell
            else:
                raise refusal(
                    own.name,
                    f"model {shown(name)}",
                    f"{column} is {shown(cell)} here and {there} in the published table. Give the "
                    "model another name, or leave that column out.",
                )
    return MetricTable(
        f"{own.name} and the published table",
        tuple(names[key] for key in rows),
        columns,
        tuple(tuple(row.get(column, "") for column in columns) for row in rows.values()),
        tuple(key in known for key in rows),
    )


def _number(cell: str, table: str, where: str, column: str) -> float:
    if _is_missing(cell):
        return math.nan
    number = _finite(cell)
    if number is None:
        comma = re.fullmatch(r"-?\d+,\d+", cell)
        hint = " Write a point, not a comma." if comma else ""
        raise refusal(table, f"{where}: {column}", f"{shown(cell)} is no number, nor empty.{hint}")
    if abs(number) > _LARGEST:
        raise refusal(table, f"{where}: {column}", f"{shown(cell)} is no metric's value.")
    return number


def _finite(cell: str) -> float | None:
    # float() also takes "1_000" and "infinity", which no one means.
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", cell, re.ASCII):
        return None
    return float(cell)


def _same_number(one: str, other: str) -> bool:
    first, second = _finite(one), _finite(other)
    return first is not None and first == second


def _is_missing(cell: str) -> bool:
    return cell.lower() in _MISSING


def _loose(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name.casefold())

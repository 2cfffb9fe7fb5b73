"""Reads a user's CSV of models and metrics."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from lvlm_eval.datasets.refusals import refusal, shown
from lvlm_eval.vision.correlation.metric_names import column_name, usual_name
from lvlm_eval.vision.correlation.metric_table import MetricTable

_LONGEST_CELL = 1_000


def read_table(path: Path) -> MetricTable:
    """Read a CSV of models and metrics: a line of names, then one line a model, its name first.

    Commas, semicolons or tabs separate, whichever the first line has. Cells that are empty or say
    so (``-``, ``n/a``, ``nan`` …) are missing values.

    Raises:
        InputError: the file cannot be read, or is no such table; the line is named.
    """
    lines = _lines(path)
    if not lines:
        raise refusal(path, "", "is empty; expected a line of names, then one line a model.")
    (_, header), *body = lines
    columns = _columns(path, header)
    models: dict[str, int] = {}
    cells = []
    for line, row in body:
        if len(row) != len(header):
            raise refusal(
                path,
                f"line {line}",
                f"has {len(row)} cells, the first line has {len(header)} names.",
            )
        name = " ".join(row[0].split())
        if not name:
            raise refusal(path, f"line {line}", "the first cell is empty; expected a model's name.")
        first = models.setdefault(name.casefold(), line)
        if first != line:
            raise refusal(path, f"line {line}", f"model {shown(name)} stands in line {first}, too.")
        cells.append((name, tuple(cell.strip() for cell in row[1:])))
    names = tuple(name for name, _ in cells)
    return MetricTable(
        path.name, names, columns, tuple(one for _, one in cells), (False,) * len(names)
    )


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """The rows that hold something, with the line that each ends in."""
    try:
        if path.is_dir():
            raise refusal(path, "", "is a folder; expected a CSV file of models and metrics.")
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise refusal(path, "", "does not exist; expected a CSV file of models and metrics.") from (
            None
        )
    except OSError as error:
        raise refusal(path, "", f"cannot be read ({error.strerror}).") from None
    except ValueError:
        raise refusal(path, "", "is not text in UTF-8; expected a CSV file.") from None
    first = text.lstrip().split("\n", 1)[0]
    separator = max(",;\t", key=first.count)  # a comma where there is none at all
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    found = []
    try:
        for row in reader:
            if any(len(cell) > _LONGEST_CELL for cell in row):
                raise refusal(path, f"line {reader.line_num}", "has a cell of too many characters.")
            if any(cell.strip() for cell in row):
                found.append((reader.line_num, row))
    except csv.Error as error:
        raise refusal(path, f"line {reader.line_num}", f"is not CSV ({error}).") from None
    return found


def _columns(path: Path, header: Sequence[str]) -> tuple[str, ...]:
    columns: dict[str, str] = {}
    for place, name in enumerate(header[1:], start=2):
        if not name.strip():
            raise refusal(path, "line 1", f"column {place} has no name.")
        first = columns.setdefault(usual_name(name), name)
        if len(columns) < place - 1:
            raise refusal(
                path,
                "line 1",
                f"columns {shown(first)} and {shown(name)} have one name: case and signs between "
                "words do not count.",
            )
    if len(columns) < 2:
        raise refusal(
            path,
            "line 1",
            f"has {len(columns)} metrics after the model's name; at least two are needed.",
        )
    return tuple(map(column_name, columns.values()))

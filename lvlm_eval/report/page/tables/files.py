"""Tables as Markdown, CSV, JSON and LaTeX."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping

from lvlm_eval.report.page.tables.table import MINUS, NOTHING, Cell, Table
from lvlm_eval.report.page.templates import visible

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|#~$!&])")
_LATEX: Mapping[str, str] = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    MINUS: "$-$",
    NOTHING: "--",
    "→": r"$\rightarrow$",
    "↓": r"$\downarrow$",
    "π": r"$\pi$",
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def markdown(table: Table) -> str:
    """A pipe table below its title; texts are escaped, figures as on the page."""
    lines = [f"## {_marked_down(table.title)}", ""]
    lines += [_marked_down(table.note), ""] if table.note else []
    columns = [table.columns[place] for place in _inside(table)]
    lines.append(_pipes(_marked_down(column.title) for column in columns))
    lines.append(_pipes("---:" if column.numeric else ":---" for column in columns))
    lines += [_pipes(_marked_down(text) for text in texts) for texts in _shown(table)]
    asides = [f"- {_marked_down(one)}" for one in _asides(table)]
    lines += ["", *asides] if asides else []
    return "\n".join(lines) + "\n"


def latex(table: Table) -> str:
    """A ``booktabs`` table, to be set with UTF-8 and the packages booktabs, textcomp and T1."""
    columns = [table.columns[place] for place in _inside(table)]
    heads = " & ".join(_set(column.title) for column in columns)
    body = [" & ".join(_set(text) for text in texts) + r" \\" for texts in _shown(table)]
    letters = "".join("r" if column.numeric else "l" for column in columns)
    return "\n".join(
        [
            r"% \usepackage{booktabs} \usepackage[T1]{fontenc}",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_set(f'{table.title}. {table.note}'.strip())}}}",
            rf"\label{{tab:{table.id}}}",
            rf"\begin{{tabular}}{{{letters}}}",
            r"\toprule",
            heads + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            *(rf"\par\footnotesize {_set(one)}" for one in _asides(table)),
            r"\end{table}",
            "",
        ]
    )


def csv_text(table: Table) -> str:
    """Values with 6 decimals, an interval in two columns of its own.

    A text that a spreadsheet would take for a formula has an apostrophe before it.
    """
    bounded = table.bounded()
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    head: list[str] = []
    for column in table.columns:
        head.append(column.key)
        head += [f"{column.key}_low", f"{column.key}_high"] if bounded[column.key] else []
    writer.writerow([*head, "own", "marks"])
    for row in table.rows:
        line: list[object] = []
        for column, cell in zip(table.columns, row.cells, strict=True):
            line.append(_for_spreadsheets(cell.value))
            if bounded[column.key]:
                line += cell.interval or ("", "")
        writer.writerow([*line, str(row.own).lower(), _for_spreadsheets("; ".join(row.marks))])
    return stream.getvalue()


def json_text(table: Table) -> str:
    """Values with 6 decimals, by column."""
    document = {
        "id": table.id,
        "title": table.title,
        "note": table.note,
        "columns": {column.key: column.title for column in table.columns},
        "rows": table.records(),
    }
    return json.dumps(document, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


WRITERS: Mapping[str, Callable[[Table], str]] = {
    "md": markdown,
    "csv": csv_text,
    "json": json_text,
    "latex": latex,
}
"""Format → what writes a table in it."""

SUFFIXES: Mapping[str, str] = {"latex": "tex"}
"""Format → suffix of its files, where they differ."""


def _inside(table: Table) -> list[int]:
    """Places of the columns that stand in the table itself."""
    return [place for place, column in enumerate(table.columns) if not column.aside]


def _shown(table: Table) -> list[list[str]]:
    rest = _inside(table)[1:]
    return [
        [_name(row.cells[0], row.marks), *(row.cells[place].whole_text for place in rest)]
        for row in table.rows
    ]


def _asides(table: Table) -> list[str]:
    """What stands below the table, with the names of the rows that it is said of."""
    names: dict[str, list[str]] = {}
    for place, column in enumerate(table.columns):
        for row in table.rows if column.aside else ():
            if text := row.cells[place].text:
                names.setdefault(text, []).append(row.cells[0].text)
    return [f"{', '.join(of)}: {text}." for text, of in names.items()]


def _name(cell: Cell, marks: tuple[str, ...]) -> str:
    return f"{cell.text} ({', '.join(marks)})" if marks else cell.text


def _pipes(texts: Iterable[str]) -> str:
    return "| " + " | ".join(texts) + " |"


def _marked_down(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", visible(text))


def _set(text: str) -> str:
    return "".join(_LATEX.get(sign, sign) for sign in visible(text))


def _for_spreadsheets(value: object) -> object:
    if value is None:
        return ""
    if not isinstance(value, str):
        return repr(value) if isinstance(value, float) else value
    text = visible(value)
    return f"'{text}" if text.startswith(_FORMULA) else text

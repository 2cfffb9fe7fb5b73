"""Reads the public toolkit's prediction spreadsheets as its scorer reads them.

That scorer opens them with pandas. What pandas does to cells decides which answers are blank and
which rows form a group, so it is repeated here: some texts and all error cells are missing values,
numbers lose a zero fraction, and a column of nothing but numbers is compared by value.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openpyxl import load_workbook  # type: ignore[import-untyped]  # ships no types

from lvlm_eval.datasets.tsv_cells import MISSING_MARKERS
from lvlm_eval.errors import InputError
from lvlm_eval.records import LETTERS, SETTINGS, Candidate, Prediction, Question, Setting
from lvlm_eval.reference import supercategory_of
from lvlm_eval.silence import silenced

MOST_ROWS = 1_048_576
"""Rows that a sheet can have by its format."""
REQUIRED = ("answer", "g_index", "prediction")
_SETTING_OF: Mapping[str, Setting] = {"img": "vis", "imgtxt": "vis+desc", "txt": "desc"}
_FILE_NAME = re.compile(r"(?P<model>.*)_soco_lvlm_(?P<setting>img|imgtxt|txt)_c\.xlsx", re.DOTALL)
_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*")
_OPTION_TEXT = re.compile(r"\s*Point\s+(\S+?)\.?\s*", re.IGNORECASE)

Cell = str | int | float | bool | None
"""A cell's value; None where it is missing."""


@dataclass(frozen=True, slots=True)
class Workbook:
    """One prediction file.

    Attributes:
        path: the file.
        model: model name from the file name; the whole stem where that has another form.
        setting: how the query was told.
        predictions: one a row, in the order of the file; doubled rows are kept.
        questions: one a group, in the order of the file, as far as the columns tell; empty without
            a ``category`` column.
    """

    path: Path
    model: str
    setting: Setting
    predictions: tuple[Prediction, ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class FoundWorkbook:
    """The newest file of one model in one setting."""

    model: str
    setting: Setting
    path: Path


def open_workbook(path: Path, setting: Setting | None = None) -> Workbook:
    """Read the first sheet of a prediction file.

    Args:
        path: an ``.xlsx`` file with the columns ``answer``, ``g_index`` and ``prediction``.
        setting: how the query was told; None to take it from the name
            (``<model>_soco_lvlm_{img,imgtxt,txt}_c.xlsx``).

    Returns:
        Its rows, and what it tells about the questions.

    Raises:
        InputError: it cannot be read, lacks a column or rows, or its setting is unknown.
    """
    named = _FILE_NAME.fullmatch(path.name)
    if setting is None:
        if named is None:
            raise InputError(
                f"{path}: the file name does not tell the setting. Expected "
                "<model>_soco_lvlm_{img,imgtxt,txt}_c.xlsx; rename the file, or give the setting "
                f"({', '.join(SETTINGS)})."
            )
        setting = _SETTING_OF[named["setting"]]
    columns = _columns(path)
    groups = _group_names(columns["g_index"])
    return Workbook(
        path,
        named["model"] if named else path.stem,
        setting,
        tuple(_predictions(columns, groups, setting)),
        tuple(_questions(columns, groups)),
    )


def find_workbooks(folder: Path) -> tuple[FoundWorkbook, ...]:
    """The prediction files that count below an ``outputs`` folder of the public toolkit.

    Files lie in ``<folder>/<model>/T<date>_<commit>/``. The newest date counts for each model and
    setting; judged copies (``*_openai_result.xlsx``) and folders ``bak_*`` are left out.

    Args:
        folder: the ``outputs`` folder.

    Returns:
        One file a model and setting, by model, then setting; empty where there is none.

    Raises:
        InputError: the folder does not exist.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder. Expected the toolkit's outputs folder.")
    newest: dict[tuple[str, int], Path] = {}
    for path in folder.glob("*/*/*.xlsx"):
        named = _FILE_NAME.fullmatch(path.name)
        if named is None or _set_aside(path.relative_to(folder)):
            continue
        key = (named["model"], SETTINGS.index(_SETTING_OF[named["setting"]]))
        if key not in newest or _age(path) > _age(newest[key]):
            newest[key] = path
    return tuple(
        FoundWorkbook(model, SETTINGS[place], path)
        for (model, place), path in sorted(newest.items())
    )


def _set_aside(path: Path) -> bool:
    return any(part.startswith("bak_") for part in path.parts)


def _age(path: Path) -> tuple[int, str]:
    dated = re.match(r"T([0-9]+)_", path.parent.name)
    return (int(dated[1]) if dated else -1, str(path))


def _columns(path: Path) -> dict[str, list[Cell]]:
    """The columns by name.

    Of exact doubles the first counts; of names that differ in outer blanks only, the last.
    """
    header, *rows = _sheet(path) or [[]]
    places: dict[str, int] = {}
    for place, cell in enumerate(header):
        places.setdefault("" if cell is None else str(cell), place)
    columns = {name.strip(): place for name, place in places.items() if name.strip()}
    lacking = [name for name in REQUIRED if name not in columns]
    if lacking:
        found = ", ".join(sorted(columns)) or "none"
        raise InputError(
            f"{path}: no column {' and '.join(lacking)}; found {found}. "
            "Expected a prediction file of the public toolkit."
        )
    if not rows:
        raise InputError(f"{path}: no rows below the header. The run that wrote it has no answers.")
    return {
        name: [row[place] if place < len(row) else None for row in rows]
        for name, place in columns.items()
    }


def _sheet(path: Path) -> list[list[Cell]]:
    """The first sheet's cells by row; empty rows at the end are left out, others kept."""
    # A damaged file makes the reader raise nearly anything: zip, XML, type and key errors alike.
    try:
        # Opened here, because a reader that is stopped half-way leaves its file open.
        with path.open("rb") as file, silenced():
            book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
            sheet = book.worksheets[0]
            sheet.reset_dimensions()
            rows = [[_cell(cell) for cell in row] for row in _within_limits(sheet.rows)]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. Expected an .xlsx prediction file.") from None
    except Exception as problem:
        raise _unreadable(path, problem) from problem
    while rows and all(cell is None for cell in rows[-1]):
        rows.pop()
    return rows


def _within_limits(rows: Iterable[Any]) -> Iterable[Any]:
    """The rows of a sheet; the reader fills a gap in their numbers, however wide it is."""
    for number, row in enumerate(rows, 1):
        if number > MOST_ROWS:
            raise ValueError(f"a sheet has no more than {MOST_ROWS} rows")
        yield row


def _unreadable(path: Path, problem: Exception) -> InputError:
    reason = " ".join(str(problem).split()) or type(problem).__name__
    return InputError(f"{path}: not a readable .xlsx file ({reason}). Copy or write it again.")


def _cell(cell: Any) -> Cell:
    value = cell.value
    if value is None or cell.data_type == "e":
        return None
    if isinstance(value, bool):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, int):
        return value
    text = str(value)
    return None if text in MISSING_MARKERS else text


def _text(cell: Cell) -> str:
    return "" if cell is None else str(cell)


def _group_names(cells: Sequence[Cell]) -> list[str]:
    """The group of each row; in a column of nothing but numbers, 3, "3" and "3.0" are one."""
    numeric = all(
        cell is None or isinstance(cell, (int, float)) or _NUMBER.fullmatch(cell) for cell in cells
    )
    return [_number_name(cell) if numeric else _text(cell).strip() for cell in cells]


def _number_name(cell: Cell) -> str:
    if cell is None:
        return ""
    try:
        value = float(cell)
    except OverflowError:  # a whole number beyond the range of a float
        return str(cell)
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else str(cell).strip()


def _predictions(
    columns: Mapping[str, list[Cell]], groups: Sequence[str], setting: Setting
) -> Iterable[Prediction]:
    places: Counter[str] = Counter()
    for number, group in enumerate(groups):
        options = _options(columns, number)
        yield Prediction(
            id=f"{group}/{setting}/{places[group]}",
            question=group,
            setting=setting,
            rotation=places[group],
            options=options,
            drawn=options,
            answer=_text(columns["answer"][number]).strip().upper(),
            text=_text(columns["prediction"][number]),
        )
        places[group] += 1


def _options(columns: Mapping[str, list[Cell]], number: int) -> dict[str, str]:
    """Option letter → label, where all the row's option texts name a point ("Point C")."""
    options: dict[str, str] = {}
    for letter in LETTERS:
        cell = columns[letter][number] if letter in columns else None
        if cell is None:
            continue
        named = _OPTION_TEXT.fullmatch(str(cell))
        if named is None:
            return {}
        options[letter] = named[1].upper()
    return options


def _questions(columns: Mapping[str, list[Cell]], groups: Sequence[str]) -> Iterable[Question]:
    if "category" not in columns:
        return
    seen: set[str] = set()
    for number, group in enumerate(groups):
        category = _text(columns["category"][number]).strip()
        if group in seen or not category:
            continue
        seen.add(group)
        options = _options(columns, number)
        answer = _text(columns["answer"][number]).strip().upper()
        yield Question(
            id=group,
            pair=None,
            pair_group=None,
            category=category,
            supercategory=supercategory_of(category),
            source=None,
            target=None,
            query=None,
            candidates=tuple(Candidate(label) for label in sorted(options.values())),
            answer=options.get(answer),
            description=None,
            description_source=None,
        )

"""Writes a run's answers as the workbooks that the public scorer reads, one a setting."""

import contextlib
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openpyxl import Workbook as Book  # type: ignore[import-untyped]  # ships no types

from lvlm_eval.answers import read
from lvlm_eval.export.cells import LONGEST, length, storable, text_cell
from lvlm_eval.export.fitting import Change, fitted, letters_of
from lvlm_eval.export.folders import digest_of, workbook_folder
from lvlm_eval.export.names import COLUMNS, model_name, workbook_name
from lvlm_eval.export.run_answers import Group, RunAnswers
from lvlm_eval.export.whole_files import whole_files
from lvlm_eval.records import LETTERS, Prediction, Question, Setting
from lvlm_eval.reference import supercategory_of
from lvlm_eval.workbooks import open_workbook

Progress = Callable[[int, int], None]
"""Told how many questions are done, and of how many."""

Letters = Mapping[str, str | None]
"""Parser → option letter that it reads in an answer."""

_WHOLE_NUMBER = re.compile(r"0|[1-9][0-9]{0,14}")
_WHAT_CHANGED: Mapping[Change, str] = {
    "characters": "hold characters that a workbook cannot, such as control characters; blanks, "
    "\ufffd or the like stand in their place",
    "shortened": f"are longer than a cell can be ({LONGEST:,} characters); the workbook has parts "
    "of them, which both parsers read as they read the whole",
    "marked": "were cut off, which a workbook cannot tell; '<think>' stands behind them, so that "
    "the strict parser reads no letter there that it did not read in the run",
    "blanked": "were refused, which a workbook cannot tell; their cells are empty, or a letter "
    "would be read in the words of the refusal",
}


@dataclass(frozen=True, slots=True)
class WrittenWorkbook:
    """One workbook on disk: the file, its setting, its questions (groups) and rows."""

    path: Path
    setting: Setting
    questions: int
    rows: int


@dataclass(frozen=True, slots=True)
class WrittenWorkbooks:
    """What an export of answers gave.

    Attributes:
        workbooks: one a setting.
        replaced: those that were there before.
        notes: what is not in them as it is in the run, a line each.
    """

    workbooks: tuple[WrittenWorkbook, ...]
    replaced: tuple[Path, ...]
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Differences:
    """Counts what a workbook has otherwise than the run."""

    changes: Counter[Change] = field(default_factory=Counter)
    read_otherwise: list[str] = field(default_factory=list)
    other_category: set[str] = field(default_factory=set)

    def notes(self) -> Iterator[str]:
        for change, words in _WHAT_CHANGED.items():
            if count := self.changes[change]:
                yield f"{count} answers {words}"
        if self.read_otherwise:
            yield (
                f"{len(self.read_otherwise)} answers are read as another letter from the workbook "
                f"than from the run, such as {self.read_otherwise[0]}: the figures differ"
            )
        if self.other_category:
            yield (
                f"the categories {', '.join(sorted(self.other_category))} are read as other texts "
                "or as none from the workbook: the figures by category differ"
            )


def write_workbooks(
    answers: RunAnswers, out: Path, settings: Sequence[Setting], progress: Progress
) -> WrittenWorkbooks:
    """Write the complete questions of a run; every workbook is read again before it gets its name.

    The files are ``<out>/<model>/T<yyyymmdd>_<8 hex>/<model>_soco_lvlm_{img,imgtxt,txt}_c.xlsx``:
    the day (UTC) is that of the newest answer, the digits stand for the run's identity. The columns
    are those of a table but ``image``, and ``prediction``. ``g_index`` is the question's id where
    all ids are numbers, else its place in the run; ``qid`` is the id; ``question`` has the
    description of the query, since a run does not record its questions' words.

    Args:
        answers: of a run.
        out: the folder that is to be scored.
        settings: to write workbooks for; each has a complete question.
        progress: told after each question.

    Raises:
        InputError: ``out`` cannot be written, or holds something that would be scored instead.
        StoppedError: a signal arrived, or the disk is full; no workbook is left half-written.
    """
    model = model_name(answers.model)
    folder = workbook_folder(out, model, answers.day, digest_of(answers.identity))
    paths = [folder / workbook_name(model, setting) for setting in settings]
    replaced = tuple(path for path in paths if path.exists())
    numbers = _group_numbers(answers.questions)
    differences = _Differences()
    total = sum(len(answers.complete[setting]) for setting in settings)
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    with whole_files(paths) as temporary:
        for setting, path in zip(settings, temporary, strict=True):
            groups = answers.complete[setting]
            letters = _write(path, groups, numbers, differences, count)
            _compare(path, setting, groups, numbers, letters, differences)
    return WrittenWorkbooks(
        tuple(
            WrittenWorkbook(
                path,
                setting,
                len(answers.complete[setting]),
                sum(len(group.rows) for group in answers.complete[setting]),
            )
            for setting, path in zip(settings, paths, strict=True)
        ),
        replaced,
        (*differences.notes(), *_unsaid(answers.questions)),
    )


def _write(
    path: Path,
    groups: Sequence[Group],
    numbers: Mapping[str, int],
    differences: _Differences,
    count: Callable[[], None],
) -> list[Letters]:
    """Write one workbook; gives what is read in the run's answers, row by row."""
    options = {letter for group in groups for row in group.rows for letter in _drawn(row)}
    columns = [one for one in COLUMNS if one != "image" and one not in LETTERS]
    columns += [*sorted({*LETTERS, *options}), "prediction"]
    book = Book(write_only=True)
    sheet = book.create_sheet("Sheet1")
    read_in_run: list[Letters] = []
    try:
        sheet.append(columns)
        for group in groups:
            for prediction in group.rows:
                cells, letters = _row(group.question, prediction, differences)
                cells |= {"index": len(read_in_run), "g_index": numbers[group.question.id]}
                sheet.append([_cell(sheet, cells.get(name, "")) for name in columns])
                read_in_run.append(letters)
            count()
        # An archive that cannot be finished, on a full disk say, would complain as well.
        packed = io.BytesIO()
        book.save(packed)
        path.write_bytes(packed.getbuffer())
    except BaseException:
        # Left open, the sheet would complain on standard error when it is forgotten.
        with contextlib.suppress(Exception):
            sheet.close()
        raise
    return read_in_run


def _row(
    question: Question, prediction: Prediction, differences: _Differences
) -> tuple[dict[str, str | int], Letters]:
    """A row's cells by column, but for its numbers, and what is read in the run's answer."""
    options = {letter: _option_text(label) for letter, label in _drawn(prediction).items()}
    fit = fitted(prediction, _options_read(options))
    differences.changes.update(fit.changes)
    cells: dict[str, str | int] = {
        "question": question.description or "",
        "image_path": _image_path(question, prediction.setting),
        "answer": prediction.answer,
        "qid": question.id,
        "category": question.category,
        **options,
        "prediction": fit.text,
    }
    return cells, fit.letters


def _compare(
    path: Path,
    setting: Setting,
    groups: Sequence[Group],
    numbers: Mapping[str, int],
    letters: Sequence[Letters],
    differences: _Differences,
) -> None:
    """Read a workbook as it is read for scoring, and note each answer that is read otherwise."""
    workbook = open_workbook(path, setting)
    originals = [(group, row) for group in groups for row in group.rows]
    for (group, original), found, in_run in zip(
        originals, workbook.predictions, letters, strict=True
    ):
        same = (
            found.question == str(numbers[group.question.id])
            and found.answer == original.answer.strip().upper()
            and letters_of(read(found)) == in_run
        )
        if not same:
            differences.read_otherwise.append(original.id)
    categories = {question.id: question.category for question in workbook.questions}
    for group in groups:
        category = group.question.category
        if categories.get(str(numbers[group.question.id]), "") != category:
            differences.other_category.add(repr(category))


def _unsaid(questions: Sequence[Question]) -> Iterator[str]:
    """What a reader of the workbooks is not told."""
    if any(one.supercategory != supercategory_of(one.category) for one in questions):
        yield "the data's own super-categories are not told: a workbook has no column for them"
    if all(rows <= 1 for one in questions for rows in one.rows.values()):
        yield (
            "this run asked each question in one rotation: the circular accuracy that is computed "
            "from its workbooks is its average accuracy"
        )


def _group_numbers(questions: Sequence[Question]) -> dict[str, int]:
    """Question id → ``g_index``: the number that the id is, or else its place in the run."""
    if all(_WHOLE_NUMBER.fullmatch(one.id) for one in questions):
        return {one.id: int(one.id) for one in questions}
    return {one.id: place for place, one in enumerate(questions)}


def _drawn(prediction: Prediction) -> Mapping[str, str]:
    return prediction.options if prediction.drawn is None else prediction.drawn


def _option_text(label: str) -> str:
    """As in the tables: "Point C"; texts of another kind stand for themselves."""
    return f"Point {label}" if re.fullmatch(r"\S*[^\s.]", label) else label


def _options_read(options: Mapping[str, str]) -> dict[str, str]:
    """Option letter → label as a reader of the workbook sees them: none, if one is no point."""
    four = {letter: text for letter, text in options.items() if letter in LETTERS}
    if not all(text.startswith("Point ") and len(text.split()) == 2 for text in four.values()):
        return {}
    return {letter: text.split()[1].upper() for letter, text in four.items()}


def _image_path(question: Question, setting: Setting) -> str:
    """The photos of the data, in the order of the prompt; empty where a run was on tables."""
    infos = (question.target,) if setting == "desc" else (question.source, question.target)
    paths = [info.path for info in infos if info is not None]
    return paths[0] if len(paths) == 1 else repr(paths) if paths else ""


def _cell(sheet: Any, value: str | int) -> Any:
    if isinstance(value, int):
        return value
    text = storable(value)
    while length(text) > LONGEST:
        text = text[: LONGEST - length(text)]
    return text_cell(sheet, text) if text else None

"""Writes the questions of a SOCOv1 tree as SOCO-LVLM tables, one a setting, row by row."""

import base64
import collections
import csv
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from lvlm_eval.datasets.tsv_cells import is_blank
from lvlm_eval.datasets.tsv_records import LONGEST_RECORD
from lvlm_eval.errors import InputError
from lvlm_eval.export.names import COLUMNS, table_name
from lvlm_eval.export.whole_files import whole_files
from lvlm_eval.export.wording import RowTexts, row_texts
from lvlm_eval.records import Ask, Picture, Question, Setting
from lvlm_eval.requests import DrawnRequests

QUESTIONS_AT_A_TIME = 4
"""Questions that are prepared at a time; the drawing itself is left to processes."""

Progress = Callable[[int, int], None]
"""Told how many questions are done, and of how many."""


@dataclass(frozen=True, slots=True)
class WrittenTable:
    """One table on disk.

    Attributes:
        path: the file.
        setting: how its questions tell the query.
        questions: groups of rows.
        rows: rows below the header.
        size: of the file, in bytes.
    """

    path: Path
    setting: Setting
    questions: int
    rows: int
    size: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A question that is in none of the tables, and why."""

    question: str
    reason: str


@dataclass(frozen=True, slots=True)
class WrittenTables:
    """What an export of questions gave.

    Attributes:
        tables: one a setting.
        left_out: questions whose photos cannot be drawn on.
    """

    tables: tuple[WrittenTable, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    ask: Ask
    texts: RowTexts
    pictures: tuple[Picture, ...]


_Rows = dict[Setting, list[_Row]]


def check_texts(
    source: DrawnRequests, questions: Iterable[Question], settings: Sequence[Setting]
) -> None:
    """Make sure that every row's texts survive in a table, before anything is drawn.

    Raises:
        InputError: one does not; see ``row_texts``.
    """
    for question in questions:
        category = question.category
        if is_blank(category) or category != category.strip() or not _is_unicode(category):
            raise InputError(
                f"the category '{category}' of '{question.id}' would be read as another text, or "
                "none, from a table. Rename it in the data."
            )
        for setting in settings:
            for ask in source.asks(question, setting):
                row_texts(source.request(ask), ask, source.prompt)


def write_tables(
    source: DrawnRequests,
    questions: Sequence[Question],
    settings: Sequence[Setting],
    folder: Path,
    progress: Progress,
) -> WrittenTables:
    """Write one table a setting; all get their names when all are whole.

    A question has the number of its place in ``questions`` as ``g_index`` in every table, also
    where others before it are left out. Each distinct picture is drawn and encoded once.

    Args:
        source: draws and words the rows.
        questions: to write, in this order.
        settings: to write tables for.
        folder: for the tables; made if it is missing. Tables of the same names are replaced.
        progress: told after each question.

    Raises:
        InputError: a text or a picture does not fit into a table, the folder cannot be written, or
            no question can be drawn.
        StoppedError: a signal arrived, or the disk is full; no table is left half-written.
    """
    check_texts(source, questions, settings)
    paths = [folder / table_name(setting) for setting in settings]
    counts = dict.fromkeys(settings, 0)
    left_out: list[LeftOut] = []
    asks = [ask for question in questions for ask in source.asks(question, settings[0])]
    with whole_files(paths) as temporary, ExitStack() as files, source.working(asks):
        writers = {
            setting: _writer(files, path) for setting, path in zip(settings, temporary, strict=True)
        }
        prepared = files.enter_context(closing(_prepared(source, questions, settings)))
        for number, (question, rows) in enumerate(zip(questions, prepared, strict=True)):
            if isinstance(rows, InputError):
                left_out.append(LeftOut(question.id, str(rows)))
            else:
                encode = _encoder()
                for setting in settings:
                    for row in rows[setting]:
                        cells = _cells(question, row, encode)
                        cells |= {"index": counts[setting], "g_index": number}
                        writers[setting]([cells[column] for column in COLUMNS])
                        counts[setting] += 1
            progress(number + 1, len(questions))
        if len(left_out) == len(questions):
            raise InputError(f"no question can be drawn. The first reason: {left_out[0].reason}")
    tables = tuple(
        WrittenTable(
            path, setting, len(questions) - len(left_out), counts[setting], path.stat().st_size
        )
        for setting, path in zip(settings, paths, strict=True)
    )
    return WrittenTables(tables, tuple(left_out))


def _writer(files: ExitStack, path: Path) -> Callable[[Sequence[str | int]], object]:
    stream = files.enter_context(path.open("w", encoding="utf-8", newline=""))
    # Every text is quoted: then no line end, tab or quote within one can be taken for another.
    writer = csv.writer(stream, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(COLUMNS)
    return writer.writerow


def _prepared(
    source: DrawnRequests, questions: Sequence[Question], settings: Sequence[Setting]
) -> Generator[_Rows | InputError, None, None]:
    """The rows of each question in order, a few questions ahead of the writing."""

    def prepare(question: Question) -> _Rows | InputError:
        rows: _Rows = {}
        for setting in settings:
            for ask in source.asks(question, setting):
                request = source.request(ask)
                texts = row_texts(request, ask, source.prompt)
                try:
                    pictures = request.pictures
                except InputError as error:
                    return error
                rows.setdefault(setting, []).append(_Row(ask, texts, pictures))
        return rows

    ahead: collections.deque[Future[_Rows | InputError]] = collections.deque()
    pool = ThreadPoolExecutor(QUESTIONS_AT_A_TIME, thread_name_prefix="prepare")
    try:
        for question in questions:
            ahead.append(pool.submit(prepare, question))
            if len(ahead) > 2 * QUESTIONS_AT_A_TIME:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _cells(question: Question, row: _Row, encode: Callable[[Picture], str]) -> dict[str, str | int]:
    """A row's cells by column, but for its numbers."""
    image = _one_or_list([encode(picture) for picture in row.pictures])
    if len(image) > LONGEST_RECORD - 1024**2:
        raise InputError(
            f"the pictures of '{question.id}' have {len(image) // 1024**2} MiB, more than a row "
            'can hold. Use a renderer with max_side = 2048 or format = "jpeg" under [image].'
        )
    return {
        "question": row.texts.question,
        "image": image,
        "image_path": _one_or_list([_file_name(picture) for picture in row.pictures]),
        "answer": row.ask.answer,
        "qid": question.id,
        "category": question.category,
        **row.texts.options,
    }


def _encoder() -> Callable[[Picture], str]:
    """Gives pictures as base64 text, each distinct one encoded once."""
    known: dict[str, str] = {}

    def encode(picture: Picture) -> str:
        if picture.sha256 not in known:
            known[picture.sha256] = base64.b64encode(picture.data).decode("ascii")
        return known[picture.sha256]

    return encode


def _file_name(picture: Picture) -> str:
    """Where the toolkit unpacks a picture to, once: so another picture must have another name."""
    return f"{picture.sha256[:32]}.{picture.media_type.rpartition('/')[2]}"


def _one_or_list(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else repr(texts)


def _is_unicode(text: str) -> bool:
    return text == text.encode("utf-8", "replace").decode("utf-8")

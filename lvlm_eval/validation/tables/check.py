"""Checks SOCO-LVLM tables: every row once, every distinct image once, groups and settings."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lvlm_eval.datasets.lvlm_tables import LvlmTables, guess_setting, table_files
from lvlm_eval.errors import InputError
from lvlm_eval.records import Setting
from lvlm_eval.validation.findings import Finding, finding, in_order, printable
from lvlm_eval.validation.kinds import Kind
from lvlm_eval.validation.report import Report, TableCounts, TablesCounts, Wanted, Watch
from lvlm_eval.validation.tables import pictures
from lvlm_eval.validation.tables.doubtful import table_doubts
from lvlm_eval.validation.tables.groups import check_groups, check_images, groups_of
from lvlm_eval.validation.tables.pictures import (
    Picture,
    ReadPicture,
    picture_oddities,
    read_pictures,
)
from lvlm_eval.validation.tables.rows import CheckedTable
from lvlm_eval.validation.tables.settings import compare_settings, compare_with_release
from lvlm_eval.workers import Workers


def validate_tables(dataset: LvlmTables, wanted: Wanted, workers: Workers, watch: Watch) -> Report:
    """Read everything of a dataset of tables; no more than a few images are in memory at a time.

    Args:
        dataset: the tables.
        wanted: what to look at; a table's rows stand as they are, so no policy applies.
        workers: processes that decode.
        watch: told of progress in MB.

    Raises:
        StoppedError: a worker process was killed.
    """
    opened, findings = _tables(dataset)
    reading = _Reading(opened, watch)
    read: dict[str, ReadPicture] = {}
    for done in workers.each(read_pictures, pictures.batches(reading.new_pictures())):
        read.update((one.key, one) for one in done)
    shown: dict[str, dict[int, tuple[str, ...]]] = {}
    told: set[str] = set()
    for table in opened:
        shown[table.name] = check_images(table, read)
        check_groups(table)
        findings += table.findings
        findings += _oddities(table, shown[table.name], read, told)
        findings += compare_with_release(table)
    findings += compare_settings(opened)
    doubts = table_doubts(opened, shown, read) if wanted.doubts else ()
    questions = {group for table in opened for group in groups_of(table)}
    return Report(
        name=dataset.name,
        layout="SOCO-LVLM",
        place=printable(str(dataset.path)),
        counts=TablesCounts(tuple(_counts(table, shown[table.name]) for table in opened)),
        findings=in_order(findings),
        questions=len(questions) if wanted.doubts else None,
        doubts=doubts,
    )


def _tables(dataset: LvlmTables) -> tuple[tuple[CheckedTable, ...], list[Finding]]:
    """The tables, also where they do not go together, so that a run would refuse them."""
    try:
        settings: Mapping[Setting, Path] = {
            setting: table.path for setting, table in dataset.tables.items()
        }
    except InputError as error:
        files = table_files(dataset.path) if dataset.path.is_dir() else (dataset.path,)
        opened = tuple(CheckedTable(path, guess_setting(path)) for path in files)
        names = [str(path) for path in (dataset.path, *files)]
        message = str(error)
        for name in names:
            message = message.removeprefix(f"{name}: ")
        return opened, [finding(Kind.TABLE, _file_of(str(error), dataset.path, files), "", message)]
    guessed = [
        finding(Kind.TABLE_SETTING, Path(one.file).name, one.field, one.message)
        for one in dataset.defects
    ]
    return tuple(CheckedTable(path, setting) for setting, path in settings.items()), guessed


def _file_of(error: str, folder: Path, files: Sequence[Path]) -> str:
    return next((path.name for path in files if error.startswith(str(path))), folder.name)


class _Reading:
    """Goes through the tables, and gives each distinct picture once."""

    def __init__(self, tables: Sequence[CheckedTable], watch: Watch) -> None:
        self._tables = tables
        self._watch = watch

    def new_pictures(self) -> Iterator[Picture]:
        lengths = [_length(table.path) for table in self._tables]
        total, before = sum(lengths), 0
        known: set[str] = set()
        for table, length in zip(self._tables, lengths, strict=True):
            for offset, found in table.read():
                self._watch("MB", (before + offset) // 1_000_000, total // 1_000_000)
                for picture in found:
                    if picture.key not in known:
                        known.add(picture.key)
                        yield picture
            before += length
        self._watch("MB", total // 1_000_000, total // 1_000_000)


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _oddities(
    table: CheckedTable,
    shown: Mapping[int, tuple[str, ...]],
    read: Mapping[str, ReadPicture],
    told: set[str],
) -> Iterator[Finding]:
    """Of each distinct picture once, in the row that shows it first."""
    for number, keys in shown.items():
        for key in keys:
            facts = read[key].facts
            if facts is not None and key not in told:
                told.add(key)
                yield from picture_oddities(facts, table.name, number)


def _counts(table: CheckedTable, shown: Mapping[int, tuple[str, ...]]) -> TableCounts:
    sizes = Counter(len(rows) for rows in groups_of(table).values())
    images = Counter(len(keys) for keys in shown.values())
    return TableCounts(
        file=table.name,
        setting=table.setting,
        rows=len(table.rows),
        rows_refused=table.refused,
        groups=sizes.total(),
        group_sizes=dict(sorted(sizes.items())),
        images_a_row=dict(sorted(images.items())),
        images=len({key for keys in shown.values() for key in keys}),
        categories=len({row.category for row in table.rows if row.category}),
        bytes=_length(table.path),
    )

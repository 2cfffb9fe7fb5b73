"""``lvlm-eval export``: our questions and answers in the form of the public toolkit."""

import contextlib
import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lvlm_eval import __version__
from lvlm_eval.cli.app import app, complain
from lvlm_eval.cli.flags import (
    AsJson,
    Descriptions,
    DistractorsFlag,
    MinDistance,
    PairsPerCategory,
    ProtocolFlag,
    RendererFlag,
    Seed,
    SettingFlag,
)
from lvlm_eval.datasets import open_dataset
from lvlm_eval.datasets.lvlm_tables import LvlmTables
from lvlm_eval.errors import InputError
from lvlm_eval.export import FORMATS
from lvlm_eval.provenance import EXPORT_RECORD
from lvlm_eval.records import Setting
from lvlm_eval.requests import DrawnRequests
from lvlm_eval.runs.folder import MANIFEST
from lvlm_eval.runs.jobs import DrawingChoices, one_of, open_source, parse_settings

if TYPE_CHECKING:
    from lvlm_eval.export.tables import Progress as Told

DEFAULT_PLACE = Path("exports")


@app.command("export")
def _export(
    what: Annotated[
        str,
        typer.Argument(
            metavar="D|RUN",
            help="A folder in SOCOv1 layout or 'sample', for its questions; or the folder of a "
            "run, for its answers.",
            show_default=False,
        ),
    ],
    format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="vlmevalkit: tables (.tsv) that the public toolkit asks, or workbooks (.xlsx) "
            "that its scorer reads.",
        ),
    ] = FORMATS[0],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for the files. \\[default: exports/<data>-<hash> or exports/<run>]",
            show_default=False,
        ),
    ] = None,
    setting: SettingFlag = "all",
    incomplete: Annotated[
        bool,
        typer.Option(
            "--incomplete",
            help="A run's answers: leave out questions with a failed or missing answer.",
        ),
    ] = False,
    prompt: Annotated[
        str | None,
        typer.Option(
            help="Name or file of a prompt in the form of a table's row. \\[default: toolkit]",
            show_default=False,
        ),
    ] = None,
    renderer: RendererFlag = None,
    protocol: ProtocolFlag = None,
    distractors: DistractorsFlag = None,
    min_distance: MinDistance = None,
    pairs_per_category: PairsPerCategory = None,
    descriptions: Descriptions = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Export at most N questions.", metavar="N")
    ] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Write questions as tables, or a run's answers as workbooks, for the public toolkit.

    Questions: soco_lvlm_{img,imgtxt,txt}.tsv, which --data takes, too.

    Answers: <model>/T<day>_<hash>/<model>_soco_lvlm_{img,imgtxt,txt}_c.xlsx, of
    which score gives the figures of the run. The public scorer counts a missing
    answer as wrong, so a question that lacks one is never written (--incomplete).
    """
    one_of("--format", format, FORMATS)
    wanted = parse_settings(setting)
    choices = DrawingChoices(
        prompt=prompt,
        renderer=renderer,
        protocol=protocol,
        distractors=distractors,
        min_distance=min_distance,
        pairs_per_category=pairs_per_category,
        descriptions=descriptions,
        seed=seed,
    )
    if out is not None and not out.name:
        raise InputError(f"--out '{out}' is no name of a folder. Give one, or leave it out.")
    if _is_run(what):
        _refuse_flags(what, choices, limit)
        _export_answers(Path(what), out, wanted, incomplete, as_json)
    else:
        if incomplete:
            raise InputError(f"--incomplete is for the folder of a run, and '{what}' is none.")
        _export_questions(what, out, wanted, choices, limit, as_json)


def _is_run(what: str) -> bool:
    """Whether a folder of a run is meant.

    Raises:
        InputError: it is a folder of several runs.
    """
    folder = Path(what)
    if what == "sample" or not folder.is_dir():
        return False
    if (folder / MANIFEST).is_file():
        return True
    runs = sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))
    if runs:
        raise InputError(
            f"{folder} is no run but holds {len(runs)}. Export one at a time, such as {runs[0]}."
        )
    return False


def _refuse_flags(what: str, choices: DrawingChoices, limit: int | None) -> None:
    given = [
        f"--{name.replace('_', '-')}"
        for name in DrawingChoices.__dataclass_fields__
        if name != "seed" and getattr(choices, name) is not None
    ]
    given += ["--seed"] if choices.seed else []
    given += ["--limit"] if limit is not None else []
    if given:
        raise InputError(
            f"{', '.join(given)} cannot be used with '{what}': a run's questions are settled."
        )


def _export_questions(
    data: str,
    out: Path | None,
    wanted: tuple[Setting, ...] | None,
    choices: DrawingChoices,
    limit: int | None,
    as_json: bool,
) -> None:
    from dataclasses import replace

    from lvlm_eval.export.folders import digest_of, files_to_replace, write_record
    from lvlm_eval.export.names import table_name
    from lvlm_eval.export.tables import write_tables
    from lvlm_eval.export.wording import BUILT_IN

    if isinstance(open_dataset(data), LvlmTables):
        raise InputError(
            f"'{data}' is in the toolkit's form already. Export a folder in SOCOv1 layout, "
            "'sample', or the folder of a run."
        )
    source = open_source(data, replace(choices, prompt=choices.prompt or BUILT_IN), wanted)
    assert isinstance(source, DrawnRequests)
    settings = wanted or source.settings
    questions = source.questions[:limit]
    identity = {"format": 1, **source.identity(), "limit": limit}
    folder = out or DEFAULT_PLACE / f"{source.name}-{digest_of(identity)}"
    replaced = files_to_replace(folder, [table_name(one) for one in settings], identity)
    for line in source.notes(questions):
        _note(line)
    if source.protocol == "markers":
        _note(
            "in a table of this protocol a point has another letter in each row, and nothing says "
            "that it is the same point; what follows points, such as random++, cannot"
        )
    with _bar("questions") as told:
        written = write_tables(source, questions, settings, folder, told)
    write_record(folder, identity, {"command": _command(), "data": data, "version": __version__})
    for name in replaced:
        _note(f"replaced {folder / name}")
    if as_json:
        tables = [
            {
                "path": str(one.path),
                "setting": one.setting,
                "questions": one.questions,
                "rows": one.rows,
                "bytes": one.size,
            }
            for one in written.tables
        ]
        left_out = [{"question": one.question, "reason": one.reason} for one in written.left_out]
        _print_json({"folder": str(folder), "tables": tables, "left_out": left_out})
    else:
        _print(
            *(
                f"{one.path}: {one.questions} questions, {one.rows} rows, {decimal(one.size)}"
                for one in written.tables
            ),
            f"What they were made with is in {folder / EXPORT_RECORD}.",
            f"Next: lvlm-eval run --model random++ --data {shlex.quote(str(folder))}",
        )
    if written.left_out:
        first = written.left_out[0]
        complain(
            f"{len(written.left_out)} of {len(questions)} questions are in no table, as a photo "
            f"cannot be drawn on; the first is {first.question}: {first.reason}"
        )
        raise typer.Exit(3)


def _export_answers(
    run: Path,
    out: Path | None,
    wanted: tuple[Setting, ...] | None,
    leave_out: bool,
    as_json: bool,
) -> None:
    from lvlm_eval.export.folders import safe_name, write_record
    from lvlm_eval.export.run_answers import exportable_settings, read_run
    from lvlm_eval.export.workbooks import write_workbooks

    answers = read_run(run)
    settings, notes = exportable_settings(answers, wanted, leave_out)
    folder = out or DEFAULT_PLACE / safe_name(run.resolve().name)
    with _bar("questions") as told:
        written = write_workbooks(answers, folder, settings, told)
    recorded = {"command": _command(), "run": str(run), "version": __version__}
    write_record(written.workbooks[0].path.parent, answers.identity, recorded)
    notes = (*notes, *written.notes)
    for line in (*notes, *(f"replaced {path}" for path in written.replaced)):
        _note(line)
    if as_json:
        workbooks = [
            {
                "path": str(one.path),
                "setting": one.setting,
                "questions": one.questions,
                "rows": one.rows,
            }
            for one in written.workbooks
        ]
        _print_json({"folder": str(folder), "workbooks": workbooks, "notes": list(notes)})
    else:
        _print(
            *(
                f"{one.path}: {one.questions} questions, {one.rows} rows"
                for one in written.workbooks
            ),
            f"Next: lvlm-eval score {shlex.quote(str(folder))}",
        )


@contextlib.contextmanager
def _bar(unit: str) -> Iterator["Told"]:
    """A bar on a terminal, nothing in a log file."""
    console = Console(stderr=True)
    columns = (TextColumn(unit), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(unit, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _print(*lines: str) -> None:
    console = Console(highlight=False)
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def _print_json(document: dict[str, Any]) -> None:
    typer.echo(json.dumps(document, indent=1, ensure_ascii=False))


def _note(line: str) -> None:
    Console(stderr=True, highlight=False).print(line, markup=False, soft_wrap=True)


def _command() -> str:
    words: Sequence[str] = sys.argv[1:]
    return shlex.join(["lvlm-eval", *words])

"""The command line: flags in, library call, table out.

Standard output carries tables or one JSON document; everything else goes to standard error.
Exit status: 0 done, 2 wrong usage or bad input, 3 finished but some requests failed, 4 stopped
early and resumable.
"""

import contextlib
import io
import json
import platform
import shlex
import socket
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from lvlm_eval import __version__
from lvlm_eval.errors import InputError, StoppedError, nearest_names
from lvlm_eval.models.registry import build_adapter, parse_arguments
from lvlm_eval.models.secrets import word_without_secrets
from lvlm_eval.report.listing import LISTS, list_of
from lvlm_eval.report.progress import ProgressBar
from lvlm_eval.report.showing import show_question
from lvlm_eval.report.table import print_scored
from lvlm_eval.runs import Job, run
from lvlm_eval.runs.folder import PREDICTIONS
from lvlm_eval.runs.jobs import (
    DrawingChoices,
    default_folder,
    open_source,
    parse_settings,
    settings_of,
)
from lvlm_eval.scoring import Scored, score_input, score_run

DECODING = "text"

app = typer.Typer(
    name="lvlm-eval",
    help="Measures how well vision-language models understand the parts of objects (SOCO).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Data = Annotated[
    str,
    typer.Option(
        help="A folder in SOCOv1 layout, a SOCO-LVLM table (.tsv), a folder of such tables, or "
        "'sample', the bundled data."
    ),
]
SettingFlag = Annotated[
    str,
    typer.Option(
        metavar="SETTING",
        help="How the query is told: vis (marked photo), vis+desc (photo and words), desc (words "
        "alone), several with commas, or all.",
    ),
]
PromptFlag = Annotated[
    str | None,
    typer.Option(help="Name or file of the prompt. \\[default: soco]", show_default=False),
]
RendererFlag = Annotated[
    str | None,
    typer.Option(
        help="Name or file of the marker style. \\[default: red-arrow]", show_default=False
    ),
]
ProtocolFlag = Annotated[
    str | None,
    typer.Option(
        metavar="PROTOCOL",
        help="What the rotations turn: options (their texts, as published) or markers (the "
        "letters in the photo). \\[default: options]",
        show_default=False,
    ),
]
DistractorsFlag = Annotated[
    str | None,
    typer.Option(
        metavar="POLICY",
        help="Which other points to offer: random (as published), same-concept (first other "
        "instances of the part) or nearest. \\[default: random]",
        show_default=False,
    ),
]
MinDistance = Annotated[
    float | None,
    typer.Option(
        help="Least distance between candidates, as a fraction of the photo's longer side. "
        "\\[default: 0]",
        show_default=False,
    ),
]
PairsPerCategory = Annotated[
    int | None,
    typer.Option(help="Questions of each category. \\[default: 20]", show_default=False),
]
Descriptions = Annotated[
    Path | None,
    typer.Option(help="JSON or TOML file with your own words for keypoints."),
]
Seed = Annotated[int, typer.Option(help="Seed of every random choice.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"lvlm-eval {__version__}")
        raise typer.Exit


@app.command("run")
def _run(
    model: Annotated[
        str,
        typer.Option(
            help="random, random++, openai:<model>, or a Python file with your own adapter "
            "(my_model.py or my_model.py:ClassName). See: lvlm-eval list models."
        ),
    ],
    data: Data = "sample",
    setting: SettingFlag = "all",
    prompt: PromptFlag = None,
    renderer: RendererFlag = None,
    protocol: ProtocolFlag = None,
    rotations: Annotated[
        int | None,
        typer.Option(
            help="4 asks each question in four rotations (circular); 1 asks once. \\[default: 4]",
            show_default=False,
        ),
    ] = None,
    distractors: DistractorsFlag = None,
    min_distance: MinDistance = None,
    pairs_per_category: PairsPerCategory = None,
    descriptions: Descriptions = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Ask at most N questions.", metavar="N")
    ] = None,
    seed: Seed = 0,
    model_arg: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="An argument of the adapter; can be repeated."),
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Server of an openai: model, such as http://127.0.0.1:8000/v1."
        ),
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(metavar="N", help="Requests in flight at a time (openai:).")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Results folder. \\[default: results/<model>-<data>-<hash>]",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask a model the questions, record every answer, score, and print the table.

    The same command again goes on where it stopped; answers that are on disk are not asked again.
    """
    wanted = parse_settings(setting)
    choices = DrawingChoices(
        prompt=prompt,
        renderer=renderer,
        protocol=protocol,
        rotations=rotations,
        distractors=distractors,
        min_distance=min_distance,
        pairs_per_category=pairs_per_category,
        descriptions=descriptions,
        seed=seed,
    )
    arguments = parse_arguments(model_arg or [])
    for name, value in (("base_url", base_url), ("concurrency", concurrency)):
        if value is not None:
            arguments[name] = value
    # Standard output belongs to the table: whatever a model prints goes the other way.
    with contextlib.redirect_stdout(sys.stderr):
        built = build_adapter(model, arguments, {"seed": seed})
    source = open_source(data, choices, wanted)
    if out is not None and not out.name:
        raise InputError(f"--out '{out}' is no name of a folder. Give one, or leave it out.")
    folder = out or default_folder(source, built, DECODING)
    job = Job(
        source=source,
        model=built,
        settings=settings_of(source, built, wanted),
        limit=limit,
        folder=folder,
        decoding=DECODING,
        recorded=_recorded(data, source.name),
    )
    with ProgressBar() as bar:
        try:
            with contextlib.redirect_stdout(sys.stderr):
                outcome = run(job, bar)
        except StoppedError as error:
            raise StoppedError(
                f"{error}. The answers so far are in {folder}; the same command goes on from there."
            ) from error
    _print((score_run(folder),), as_json)
    if outcome.failed:
        _complain(
            f"{outcome.failed} of {outcome.planned} requests failed, most often: {outcome.reason}. "
            f"All are in {folder / PREDICTIONS}; the same command asks them again."
        )
        raise typer.Exit(3)


@app.command("score")
def _score(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR|FILE.xlsx…",
            help="Run folders, prediction workbooks of the public toolkit, or its outputs folder.",
            show_default=False,
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Score recorded answers again, without asking any model."""
    _print(tuple(scored for one in inputs for scored in score_input(one)), as_json)


@app.command("show")
def _show(
    question: Annotated[
        str,
        typer.Argument(
            help="Id of a question, a part of the id that fits only one, or its number from 1.",
            show_default=False,
        ),
    ],
    data: Data = "sample",
    setting: SettingFlag = "all",
    rotation: Annotated[int, typer.Option(min=0, help="Row of the group, from 0.")] = 0,
    prompt: PromptFlag = None,
    renderer: RendererFlag = None,
    protocol: ProtocolFlag = None,
    distractors: DistractorsFlag = None,
    min_distance: MinDistance = None,
    pairs_per_category: PairsPerCategory = None,
    descriptions: Descriptions = None,
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the text and the images into this folder, too."),
    ] = None,
) -> None:
    """Print the exact text of a question; with --out, write it and the images to a folder."""
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
    source = open_source(data, choices, wanted)
    for line in show_question(source, question, wanted or source.settings, rotation, out):
        typer.echo(line)


@app.command("list")
def _list(
    what: Annotated[
        str,
        typer.Argument(metavar=f"{'|'.join(LISTS)}", help="What to list.", show_default=False),
    ],
) -> None:
    """List the models, prompts, renderers or datasets that can be named."""
    if what not in LISTS:
        raise InputError(f"there is no list of '{what}'. {nearest_names(what, LISTS)}")
    Console(highlight=False).print(list_of(what))


def run_command_line() -> int:
    """Run a command; turn our own errors into one line.

    Returns:
        The exit status.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a sign still gets the rest
    try:
        app(standalone_mode=True)
    except InputError as error:
        _complain(str(error))
        return 2
    except StoppedError as error:
        _complain(str(error))
        return 4
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 0 if done.code is None else 1
    return 0


def _print(scored: tuple[Scored, ...], as_json: bool) -> None:
    if as_json:
        documents = [one.to_json() for one in scored]
        whole: Any = documents[0] if len(documents) == 1 else {"runs": documents}
        typer.echo(json.dumps(whole, indent=1, ensure_ascii=False))
    else:
        print_scored(scored, Console(highlight=False))


def _complain(line: str) -> None:
    print(f"lvlm-eval: {line}", file=sys.stderr)  # noqa: T201  # the last line of a failed command


def _recorded(data: str, data_name: str) -> dict[str, Any]:
    words = [word_without_secrets(word) for word in sys.argv[1:]]
    return {
        "command": shlex.join(["lvlm-eval", *words]),
        "data": data,
        "data_name": data_name,
        "version": __version__,
        "python": platform.python_version(),
        "host": socket.gethostname(),
    }

"""``lvlm-eval explain``: what a run's answers look like."""

import contextlib
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lvlm_eval.answers import PARSERS
from lvlm_eval.cli.app import app
from lvlm_eval.cli.flags import AsJson
from lvlm_eval.errors import InputError


@app.command("explain")
def _explain(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR",
            help="Folder of a run, or a merged run (.zip).",
            show_default=False,
        ),
    ],
    controls: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR…",
            help="Runs of the same model and questions made with --control.",
            show_default=False,
        ),
    ] = None,
    parser: Annotated[
        str,
        typer.Option(metavar="PARSER", help="Whose readings count: official or strict."),
    ] = PARSERS[0],
    every: Annotated[
        bool, typer.Option("--all", help="Print every breakdown, rule and example.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw how often the likeliest letter is right, by its probability (.svg or .png).",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what a run's answers look like: biases, confusions, trouble with the format.

    The verdict comes first, then the figures that it rests on.
    """
    # numpy and the parsers take a moment to import, and no other command has a use for these.
    from lvlm_eval.diagnosis import explain
    from lvlm_eval.recorded_run import opened_run
    from lvlm_eval.report.explaining import print_diagnosis

    # A flag takes one value; of several folders after it the others come as arguments.
    folder, *more = folders
    if more and not controls:
        raise InputError(
            f"{len(folders)} folders were given, one is explained at a time. Give control runs "
            "after --controls."
        )
    with contextlib.ExitStack() as opened:
        run, *beside = (
            opened.enter_context(opened_run(one)) for one in (folder, *(controls or ()), *more)
        )
        found = explain(run, beside, parser)
    if plot is not None:
        from lvlm_eval.report.reliability import write_reliability

        write_reliability(found, plot)
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=1, ensure_ascii=False))
    else:
        print_diagnosis(found, Console(highlight=False), every)

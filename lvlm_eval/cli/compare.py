"""``lvlm-eval compare``: how runs over the same questions differ."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lvlm_eval.cli.app import app
from lvlm_eval.cli.flags import AsJson


@app.command("compare")
def _compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="A B…",
            help="Run folders or merged runs (.zip); the others are compared with the first.",
            show_default=False,
        ),
    ],
    parser: Annotated[
        str,
        typer.Option(
            metavar="PARSER", help="Whose reading of the answers counts: official or strict."
        ),
    ] = "official",
    cluster: Annotated[
        str,
        typer.Option(
            metavar="CLUSTER",
            help="Which questions are related, for the intervals: image (those that share a "
            "photo), pair, or question (none).",
        ),
    ] = "image",
    common: Annotated[
        bool,
        typer.Option(
            "--common", help="Compare what is common to runs that were asked different questions."
        ),
    ] = False,
    flips: Annotated[
        int,
        typer.Option(
            min=0, help="Questions to name that one run has right and the other wrong, each way."
        ),
    ] = 5,
    as_json: AsJson = False,
) -> None:
    """Compare runs over the same questions: differences, intervals, tests, flips.

    Differences are a run's figures minus those of the first run.
    """
    # Here, because numerics take a while to load and other commands do not need them.
    from lvlm_eval.comparing import ComparisonChoices, compare_folders
    from lvlm_eval.report.comparing import print_comparison

    comparison = compare_folders(runs, ComparisonChoices(parser, cluster, common))
    if as_json:
        typer.echo(json.dumps(comparison.to_json(), indent=1, ensure_ascii=False))
    else:
        print_comparison(comparison, Console(highlight=False), flips)

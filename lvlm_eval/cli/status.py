"""``lvlm-eval status``: how far runs are."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lvlm_eval.cli.app import app
from lvlm_eval.cli.flags import AsJson
from lvlm_eval.prices import Price, read_price
from lvlm_eval.report.status import print_status
from lvlm_eval.runs.folder import read_manifest
from lvlm_eval.runs.status import runs_below, status_of


@app.command("status")
def _status(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR…",
            help="Folders of runs, or folders with runs in them.",
            show_default=False,
        ),
    ],
    prices: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="TOML table of what the model's tokens cost."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell how far runs are, from their files alone; other processes may be writing to them."""
    runs = [
        status_of(run, _prices(run, prices)) for folder in folders for run in runs_below(folder)
    ]
    if as_json:
        typer.echo(json.dumps({"runs": [one.to_json() for one in runs]}, indent=1))
    else:
        print_status(runs, Console(highlight=False))


def _prices(folder: Path, prices: Path | None) -> dict[str, Price]:
    manifest = read_manifest(folder)
    if prices is None or manifest is None:
        return {}
    name = str(manifest.identity["model"]["name"])
    return {name: read_price(prices, name.partition(":")[2] or name)}

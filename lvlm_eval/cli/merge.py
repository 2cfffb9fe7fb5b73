"""``lvlm-eval merge``: a run in one file."""

import json
from pathlib import Path
from typing import Annotated

import typer

from lvlm_eval.cli.app import app, complain
from lvlm_eval.cli.flags import AsJson
from lvlm_eval.runs.merging import merge


@app.command("merge")
def _merge(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of a run.", show_default=False)
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.zip",
            help="Where to. \\[default: beside the folder, named like it]",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a run, with all its shards, into one compressed file for keeping.

    Every row stands in it once, in order; 'lvlm-eval score FILE.zip' reads it as it is.
    """
    merged = merge(folder, out)
    for count, what in (
        (merged.missing, "planned rows have no answer yet"),
        (merged.errors, "rows have nothing but errors"),
        (merged.unreadable, "lines could not be read and are left out"),
    ):
        if count:
            complain(f"{count} {what}.")
    if as_json:
        typer.echo(json.dumps(merged.to_json(), indent=1))
    else:
        typer.echo(
            f"{merged.file}: {merged.rows} rows of {merged.files} files, "
            f"{merged.bytes / 1e6:.2f} MB"
        )

"""``lvlm-eval list``: what can be named."""

from typing import Annotated

import typer
from rich.console import Console

from lvlm_eval.cli.app import app
from lvlm_eval.errors import InputError, nearest_names
from lvlm_eval.report.listing import LISTS, list_of


@app.command("list")
def _list(
    what: Annotated[
        str,
        typer.Argument(metavar=f"{'|'.join(LISTS)}", help="What to list.", show_default=False),
    ],
) -> None:
    """List the models, prompts, renderers, datasets or backbones that can be named."""
    if what not in LISTS:
        raise InputError(f"there is no list of '{what}'. {nearest_names(what, LISTS)}")
    Console(highlight=False).print(list_of(what))

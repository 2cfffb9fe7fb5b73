"""``lvlm-eval score``: the figures of what is recorded."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from lvlm_eval.cli.app import app
from lvlm_eval.cli.flags import AsJson, ExcludeFlag
from lvlm_eval.report.table import print_scored
from lvlm_eval.scoring import Scored, score_input


@app.command("score")
def _score(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR|FILE.xlsx…",
            help="Run folders, merged runs (.zip), prediction workbooks of the public toolkit, or "
            "its outputs folder.",
            show_default=False,
        ),
    ],
    exclude: ExcludeFlag = None,
    as_json: AsJson = False,
) -> None:
    """Score recorded answers again, without asking any model.

    With --exclude the figures are only printed, and the files of the run stay as they are.
    """
    print_figures(tuple(one for path in inputs for one in score_input(path, exclude)), as_json)


def print_figures(
    scored: tuple[Scored, ...], as_json: bool, more: Mapping[str, Any] | None = None
) -> None:
    """Print tables, or one JSON document, to which ``more`` is added."""
    if as_json:
        documents = [{**one.to_json(), **(more or {})} for one in scored]
        whole: Any = documents[0] if len(documents) == 1 else {"runs": documents}
        typer.echo(json.dumps(whole, indent=1, ensure_ascii=False))
    else:
        print_scored(scored, Console(highlight=False))

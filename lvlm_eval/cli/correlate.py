"""``lvlm-eval correlate``: how far correspondence tells what a backbone is worth elsewhere."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lvlm_eval.cli.app import app
from lvlm_eval.cli.flags import AsJson
from lvlm_eval.errors import InputError


@app.command("correlate")
def _correlate(
    table: Annotated[
        Path | None,
        typer.Argument(
            metavar="TABLE",
            help="A CSV file: a line of names, then one line a model, its name first. Without one: "
            "the 13 models of the paper whose figures are published.",
            show_default=False,
        ),
    ] = None,
    predictors: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMNS",
            help="Columns that predict, with commas. \\[default: those of soc, cc, cross_soc and "
            "imagenet_knn_top1 that are there]",
            show_default=False,
        ),
    ] = None,
    downstream: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMNS",
            help="Columns that are predicted, with commas. \\[default: all others]",
            show_default=False,
        ),
    ] = None,
    with_published: Annotated[
        bool,
        typer.Option(
            "--with-published",
            help="Add the published models to those of TABLE; a model of the same name gets the "
            "metrics of both.",
        ),
    ] = False,
    resamples: Annotated[
        int, typer.Option(min=100, max=1_000_000, help="Of the models, for the intervals.")
    ] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resamples.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Correlate SOC, CC, Cross-SOC and ImageNet kNN with downstream metrics across models.

    For each pair of metrics: Pearson and Spearman r with a 95 % bootstrap
    interval, and their range when one model at a time is left out.
    """
    # Here, because numerics take a while to load and other commands do not need them.
    from lvlm_eval.report.correlating import print_study
    from lvlm_eval.vision.correlation.study import StudyChoices, make_study

    choices = StudyChoices(
        predictors=_columns("--predictors", predictors),
        downstream=_columns("--downstream", downstream),
        with_published=with_published,
        resamples=resamples,
        seed=seed,
    )
    study = make_study(table, choices)
    if as_json:
        typer.echo(json.dumps(study.to_json(), indent=1, ensure_ascii=False))
    else:
        print_study(study, Console(highlight=False))


def _columns(flag: str, names: str | None) -> tuple[str, ...]:
    if names is None:
        return ()
    columns = tuple(name.strip() for name in names.split(","))
    if not all(columns):
        raise InputError(f"{flag} '{names}' has an empty name. Give columns, with commas between.")
    return columns

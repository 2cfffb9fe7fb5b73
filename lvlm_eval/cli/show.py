"""``lvlm-eval show``: a question exactly as a model gets it."""

from pathlib import Path
from typing import Annotated

import typer

from lvlm_eval.cli.app import app
from lvlm_eval.cli.flags import (
    ControlFlag,
    Data,
    Descriptions,
    DistractorsFlag,
    MinDistance,
    PairsPerCategory,
    PromptFlag,
    ProtocolFlag,
    RendererFlag,
    Seed,
    SettingFlag,
)
from lvlm_eval.controls import CONTROLS
from lvlm_eval.report.showing import show_question
from lvlm_eval.runs.jobs import DrawingChoices, one_of, open_source, parse_settings


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
    control: ControlFlag = None,
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
        control=None if control is None else one_of("--control", control, CONTROLS),
    )
    source = open_source(data, choices, wanted)
    for line in show_question(source, question, wanted or source.settings, rotation, out):
        typer.echo(line)

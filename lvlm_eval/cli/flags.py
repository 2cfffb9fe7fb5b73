"""Flags that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    str,
    typer.Option(
        help="A folder in SOCOv1 layout, a SOCO-LVLM table (.tsv), a folder of such tables, "
        "'sample', the bundled data, or another dataset of 'lvlm-eval list datasets'."
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
ControlFlag = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Ask the questions with something taken away or changed, to see what a score comes "
        "from: no-image, no-markers, other-source, target-only, letter, identity or mirror.",
    ),
]
ExcludeFlag = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Leave out these questions: ids, one a line, or what "
        "'validate --questions --out FILE' wrote.",
    ),
]
DecodeFlag = Annotated[
    str,
    typer.Option(
        metavar="DECODE",
        help="How the model answers: text (freely), choice (only an option letter can come out) or "
        "score (nothing is written; the letter that would most probably come first).",
    ),
]
Limit = Annotated[int | None, typer.Option(min=1, help="Ask at most N questions.", metavar="N")]
Concurrency = Annotated[
    int | None, typer.Option(metavar="N", help="Requests in flight at a time (openai:).")
]
Seed = Annotated[int, typer.Option(help="Seed of every random choice.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]

"""``lvlm-eval vision``: how well a backbone's features correspond."""

import contextlib
import json
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lvlm_eval.cli.app import app, complain
from lvlm_eval.cli.flags import AsJson
from lvlm_eval.datasets import LvlmTables, open_dataset
from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.stopping import StopSignal, StopSignals


@app.command("vision")
def _vision(
    backbone: Annotated[
        str,
        typer.Option(
            help="A name of the paper such as dinov2, hf:<id or folder>, timm:<name>, "
            "classic:daisy, or a Python file with your own backbone. See: lvlm-eval list backbones."
        ),
    ],
    data: Annotated[
        str,
        typer.Option(
            help="A folder of annotated photos in SOCOv1 layout, SPair-71k, AP-10K pairs, "
            "PF-PASCAL or PF-WILLOW, or 'sample'."
        ),
    ] = "sample",
    task: Annotated[
        str | None,
        typer.Option(
            metavar="TASKS",
            help="cc, soc, cross-soc, soc-geo, ceiling (the four-choice questions), linear (a "
            "trained probe); several with commas. \\[default: all that the data has, but linear]",
            show_default=False,
        ),
    ] = None,
    image_size: Annotated[
        int,
        typer.Option(
            min=1, help="Photos are resized to the multiple of the patch nearest to this."
        ),
    ] = 800,
    layer: Annotated[
        int | None,
        typer.Option(
            help="Block whose output counts, from 0; -1 is the last. \\[default: the last, or the "
            "one of the published row]",
            show_default=False,
        ),
    ] = None,
    final_norm: Annotated[
        bool | None,
        typer.Option(
            "--final-norm/--no-final-norm",
            help="Apply the model's final norm. \\[default: no, or as in the published row]",
            show_default=False,
        ),
    ] = None,
    pos_embed: Annotated[
        str | None,
        typer.Option(
            metavar="HOW",
            help="How position embeddings are resized: library (as its library does) or hub (as "
            "the code of the published runs). \\[default: library, or as in the published row]",
            show_default=False,
        ),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="TYPE",
            help="float32, tf32, bfloat16 or float16. \\[default: float32]",
            show_default=False,
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            help="Such as cuda:1 or cpu. \\[default: a GPU if there is one]", show_default=False
        ),
    ] = None,
    backbone_arg: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="An argument of the backbone; can be repeated."),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1, help="Photos in one pass. \\[default: the backbone's own]", show_default=False
        ),
    ] = None,
    cache: Annotated[
        str,
        typer.Option(
            metavar="WHERE",
            help="Where feature maps wait: ram (or the GPU's memory), disk (later runs use them) "
            "or none (photos are encoded twice).",
        ),
    ] = "ram",
    cache_gb: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Most GB for feature maps. \\[default: half of the free memory, or the free disk]",
            show_default=False,
        ),
    ] = None,
    cache_type: Annotated[
        str, typer.Option(metavar="TYPE", help="Of feature maps: float32, or float16 for half.")
    ] = "float32",
    cache_dir: Annotated[
        Path | None,
        typer.Option(
            help="Folder of feature maps on disk. \\[default: ~/.cache/lvlm-eval/features]",
            show_default=False,
        ),
    ] = None,
    threshold: Annotated[
        str, typer.Option(metavar="NUMBERS", help="Thresholds of PCK, with commas.")
    ] = "0.10,0.05,0.02",
    centre: Annotated[
        bool,
        typer.Option(
            "--centre", help="Cells count as their centres, not as their top-left corners."
        ),
    ] = False,
    skip_broken: Annotated[
        bool,
        typer.Option("--skip-broken", help="Leave out broken photos and pairs, and count them."),
    ] = False,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of questions, intervals and the probe.")
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write metrics.json and what repeats it to this folder."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure a vision backbone: CC, SOC, Cross-SOC, SOC-geo and the four-choice ceiling.

    Each photo is encoded once, and all pairs that share a target are matched together.
    """
    # Here, because numerics take a while to load and other commands do not need them.
    from lvlm_eval.models.constructing import parse_arguments
    from lvlm_eval.report.encoding import EncodingBar
    from lvlm_eval.report.vision_table import print_vision
    from lvlm_eval.runs.jobs import one_of
    from lvlm_eval.vision.backbones.registry import build_backbone
    from lvlm_eval.vision.evaluation import Measures
    from lvlm_eval.vision.job import (
        CacheChoice,
        VisionJob,
        default_cache_folder,
        run_vision,
        wanted_config,
    )
    from lvlm_eval.vision.memory import GB
    from lvlm_eval.vision.records import check_folder, write_result
    from lvlm_eval.vision.stores import CACHES
    from lvlm_eval.vision.tasks import parse_tasks, tasks_for

    wanted = parse_tasks(task)
    thresholds = _thresholds(threshold)
    dataset = open_dataset(data)
    if isinstance(dataset, LvlmTables):
        raise InputError(
            f"'{data}' holds questions with drawn markers, no keypoints. Give a folder with pairs "
            "(SOCOv1 layout), or 'sample'."
        )
    tasks = tasks_for(dataset, wanted)
    choice = CacheChoice(
        kind=one_of("--cache", cache, CACHES),
        budget=None if cache_gb is None else int(cache_gb * GB),
        half=one_of("--cache-type", cache_type, ("float32", "float16")) == "float16",
        folder=cache_dir or default_cache_folder(),
    )
    flags = {
        "layer": layer,
        "final_norm": final_norm,
        "pos_embed": pos_embed,
        "precision": precision,
        "device": device,
    }
    arguments = {
        **{name: value for name, value in flags.items() if value is not None},
        **parse_arguments(backbone_arg or [], "--backbone-arg"),
    }
    with contextlib.redirect_stdout(sys.stderr):
        built = build_backbone(backbone, arguments, complain)
    job = VisionJob(
        dataset,
        built,
        tasks,
        Measures(image_size, thresholds, centre, seed),
        choice,
        batch_size,
        skip_broken,
    )
    if out is not None:
        check_folder(out, wanted_config(job))
    with EncodingBar() as bar, contextlib.redirect_stdout(sys.stderr):
        try:
            with StopSignals():
                result = run_vision(job, bar)
        except StopSignal as stop:
            kept = (
                f"The feature maps so far are in {choice.folder}; the same command goes on."
                if choice.kind == "disk"
                else "Nothing was kept; with --cache disk the same command would go on."
            )
            raise StoppedError(f"{stop}. {kept}") from stop
    if as_json:
        typer.echo(json.dumps(result.document, indent=1, ensure_ascii=False))
    else:
        print_vision(result.document, Console(highlight=False), str(out or ""))
    if out is not None:
        command = shlex.join(["lvlm-eval", *sys.argv[1:]])
        recorded = {"command": command, "data": data, "incidental": dict(built.incidental)}
        write_result(out, result, recorded)


def _thresholds(text: str) -> tuple[float, ...]:
    found: list[float] = []
    for one in text.split(","):
        try:
            number = float(one)
        except ValueError:
            number = 0.0
        if not 0 < number <= 1:
            raise InputError(f"--threshold '{one.strip()}' is no number above 0 and up to 1.")
        if number not in found:
            found.append(number)
    return tuple(found)

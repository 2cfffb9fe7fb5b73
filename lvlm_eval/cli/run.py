"""``lvlm-eval run``: the main job."""

import contextlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from lvlm_eval.cli.app import app, complain, complain_as_json
from lvlm_eval.cli.engine_flags import (
    Address,
    EngineFlag,
    Gpus,
    GpusPerWorker,
    WorkersFlag,
    gpus_alone,
    ray_wishes,
)
from lvlm_eval.cli.flags import (
    AsJson,
    Concurrency,
    ControlFlag,
    Data,
    DecodeFlag,
    Descriptions,
    DistractorsFlag,
    ExcludeFlag,
    Limit,
    MinDistance,
    PairsPerCategory,
    PromptFlag,
    ProtocolFlag,
    RendererFlag,
    Seed,
    SettingFlag,
)
from lvlm_eval.cli.gpu_words import words_for_child
from lvlm_eval.cli.recording import recorded_call
from lvlm_eval.cli.score import print_figures
from lvlm_eval.controls import CONTROLS
from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.models.local.decoding import DECODES
from lvlm_eval.models.registry import parse_arguments
from lvlm_eval.models.secrets import word_without_secrets
from lvlm_eval.prices import price_of
from lvlm_eval.report.json_log import JsonLog
from lvlm_eval.report.progress import ProgressBar
from lvlm_eval.runs import Job, Outcome, run
from lvlm_eval.runs.budget import Budget
from lvlm_eval.runs.engines.ray_engine import RayEngine
from lvlm_eval.runs.folder import predictions_file
from lvlm_eval.runs.gpus import end_with_parent, run_on_gpus
from lvlm_eval.runs.jobs import (
    DrawingChoices,
    default_folder,
    one_of,
    parse_settings,
    settings_of,
)
from lvlm_eval.runs.recipe import Recipe
from lvlm_eval.runs.shards import parse_shard
from lvlm_eval.scoring import score_run


@app.command("run")
def _run(
    model: Annotated[
        str,
        typer.Option(
            help="A short name such as qwen3-vl-8b, hf:<id or folder>, vllm:<id or folder>, "
            "openai:<model>, random, random++, or a Python file with your own adapter "
            "(my_model.py or my_model.py:ClassName). See: lvlm-eval list models."
        ),
    ],
    data: Data = "sample",
    setting: SettingFlag = "all",
    prompt: PromptFlag = None,
    renderer: RendererFlag = None,
    protocol: ProtocolFlag = None,
    rotations: Annotated[
        int | None,
        typer.Option(
            help="4 asks each question in four rotations (circular); 1 asks once. \\[default: 4]",
            show_default=False,
        ),
    ] = None,
    distractors: DistractorsFlag = None,
    min_distance: MinDistance = None,
    pairs_per_category: PairsPerCategory = None,
    descriptions: Descriptions = None,
    control: ControlFlag = None,
    exclude: ExcludeFlag = None,
    decode: DecodeFlag = "text",
    limit: Limit = None,
    repeat: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="K",
            help="Ask every row K times, to see how much answers vary; the figures are those of "
            "the first time.",
        ),
    ] = 1,
    seed: Seed = 0,
    model_arg: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="An argument of the adapter; can be repeated."),
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Server of an openai: model, such as http://127.0.0.1:8000/v1."
        ),
    ] = None,
    concurrency: Concurrency = None,
    prices: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="TOML table of what the model's tokens cost; shows the running total.",
        ),
    ] = None,
    max_cost: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            min=0,
            help="Stop, to be gone on with, before all answers of the folder cost more than X "
            "(in the currency of --prices).",
        ),
    ] = None,
    max_requests: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Send at most N requests in this call."),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Ask only the I-th of N parts of the questions; other processes ask the others "
            "into the same folder.",
        ),
    ] = None,
    gpus: Gpus = None,
    engine: EngineFlag = "here",
    workers: WorkersFlag = None,
    gpus_per_worker: GpusPerWorker = None,
    address: Address = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Results folder. \\[default: results/<model>-<data>-<hash>]",
            show_default=False,
        ),
    ] = None,
    log_json: Annotated[
        bool,
        typer.Option("--log-json", help="Write progress to standard error as JSON, one a line."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ask a model the questions, record every answer, score, and print the table.

    The same command again goes on where it stopped; answers that are on disk are not asked again.
    """
    end_with_parent()
    if log_json:
        complain_as_json()
    wanted = parse_settings(setting)
    choices = DrawingChoices(
        prompt=prompt,
        renderer=renderer,
        protocol=protocol,
        rotations=rotations,
        distractors=distractors,
        min_distance=min_distance,
        pairs_per_category=pairs_per_category,
        descriptions=descriptions,
        seed=seed,
        control=None if control is None else one_of("--control", control, CONTROLS),
        exclude=exclude,
    )
    decoding = one_of("--decode", decode, DECODES)
    part = None if shard is None else parse_shard(shard)
    gpu_list = gpus_alone(gpus, shard, engine, max_cost, max_requests)
    wishes = ray_wishes(engine, workers, gpus_per_worker, address, max_cost)
    arguments = parse_arguments(model_arg or [])
    if "decode" in arguments:
        raise InputError("--model-arg decode=… is not possible: it is a flag of its own, --decode.")
    for name, value in (("base_url", base_url), ("concurrency", concurrency)):
        if value is not None:
            arguments[name] = value
    price = None if prices is None else price_of(prices, model)
    if max_cost is not None and price is None:
        raise InputError("--max-cost needs to know what tokens cost: give --prices FILE, too.")
    if price is not None and price.discount:
        complain(f"answers in batches cost {100 * price.discount:g} % less than {prices} says.")
    recipe = Recipe(data, choices, wanted, model, arguments, decoding)
    # Standard output belongs to the table: whatever a model prints goes the other way.
    with contextlib.redirect_stdout(sys.stderr):
        built = recipe.built(complain)
    source = recipe.source()
    if out is not None and not out.name:
        raise InputError(f"--out '{out}' is no name of a folder. Give one, or leave it out.")
    folder = out or default_folder(source, built, decoding)
    settings = settings_of(source, built, wanted)
    unasked = [one for one in source.settings if one not in settings] if wanted is None else []
    if unasked:
        complain(f"model '{built.name}' answers {', '.join(settings)}, not {', '.join(unasked)}.")
    job = Job(
        source=source,
        model=built,
        settings=settings,
        limit=limit,
        folder=folder,
        decoding=decoding,
        price=price,
        budget=Budget(max_cost, max_requests),
        recorded={"model": word_without_secrets(model), **recorded_call(data, source.name)},
        shard=part,
        engine=RayEngine(recipe, source, built, wishes) if wishes else None,
        repeats=repeat,
    )
    with JsonLog() if log_json else ProgressBar() as bar:
        try:
            with contextlib.redirect_stdout(sys.stderr):
                if gpu_list:
                    words = words_for_child(sys.argv[1:], folder)
                    outcome = run_on_gpus(job, gpu_list, words, bar)
                else:
                    outcome = run(job, bar)
        except StoppedError as error:
            raise StoppedError(
                f"{error}. The answers so far are in {folder}; the same command goes on from there."
            ) from error
    cost = {"cost": outcome.spending.to_json()} if outcome.spending else None
    scored = score_run(folder, outcome.recorded)
    # Of failures alone there is no figure to set beside the published ones.
    if as_json or not outcome.planned or outcome.failed < outcome.planned:
        print_figures((scored,), as_json, cost)
    _say_what_was_odd(outcome)
    if outcome.failed:
        written = folder if gpu_list else folder / predictions_file(part)
        complain(
            f"{outcome.failed} of {outcome.planned} requests failed, most often: "
            f"{outcome.reason.rstrip('.')}. "
            f"All are in {written}; the same command asks them again."
        )
        raise typer.Exit(3)


def _say_what_was_odd(outcome: Outcome) -> None:
    if outcome.empty:
        complain(f"{outcome.empty} answers are empty texts; they count as unparsed.")
    spending = outcome.spending
    if spending is not None:
        currency = spending.price.currency
        unknown = f"; {spending.unpriced} answers came without token counts"
        complain(
            f"cost of the recorded answers: {spending}, of which {spending.now:.4f} {currency} in "
            f"this call{unknown if spending.unpriced else ''}. Failed tries are not in it."
        )

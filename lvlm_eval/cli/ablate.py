"""``lvlm-eval ablate``: the same questions in every variant of a plan."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from lvlm_eval.ablation import (
    AblationPlan,
    Grid,
    builtin_plans,
    document_of,
    load_plan,
    look_ahead,
    prepare,
    run_grid,
)
from lvlm_eval.ablation.document import as_text, plan_document, write_document
from lvlm_eval.ablation.factors import level_of, looked_in
from lvlm_eval.ablation.models import BASELINES, ModelKey
from lvlm_eval.ablation.paired import paired_tests
from lvlm_eval.ablation.plan import DESIGNS, check_files, vary_of_flag
from lvlm_eval.ablation.running import PICTURES, GridOutcome
from lvlm_eval.cli.app import app, complain
from lvlm_eval.cli.flags import (
    AsJson,
    Concurrency,
    Descriptions,
    DistractorsFlag,
    Limit,
    MinDistance,
    PairsPerCategory,
    PromptFlag,
    ProtocolFlag,
    RendererFlag,
)
from lvlm_eval.cli.recording import recorded_call
from lvlm_eval.errors import InputError
from lvlm_eval.models.registry import parse_arguments
from lvlm_eval.pictures import PictureStore
from lvlm_eval.prices import Price, price_of
from lvlm_eval.report.ablating import plan_listing, print_ablation, print_plan
from lvlm_eval.report.progress import ProgressBar
from lvlm_eval.report.standard_error import StandardError
from lvlm_eval.runs.jobs import OpenedData, one_of
from lvlm_eval.scoring import score_run

GB = 1000**3


@app.command("ablate")
def _ablate(
    plan: Annotated[
        str | None,
        typer.Argument(
            metavar="PLAN",
            help="A TOML file, or the name of a built-in plan (see --list). Paths in it are "
            "relative to the working folder. Flags override it.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="As in 'lvlm-eval run'; can be repeated.", show_default=False),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="As in 'lvlm-eval run'. \\[default: sample]", show_default=False),
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FACTOR=LEVEL,…",
            help="What to vary, such as marker.shape=arrow,circle or prompt=soco,reason; can be "
            "repeated.",
        ),
    ] = None,
    design: Annotated[
        str | None,
        typer.Option(
            metavar="DESIGN",
            help="full (every combination) or one-at-a-time (from the default cell). "
            "\\[default: full]",
            show_default=False,
        ),
    ] = None,
    limit: Limit = None,
    setting: Annotated[
        str | None,
        typer.Option(help="vis, vis+desc, desc, several with commas, or all.", show_default=False),
    ] = None,
    prompt: PromptFlag = None,
    renderer: RendererFlag = None,
    protocol: ProtocolFlag = None,
    rotations: Annotated[
        int | None, typer.Option(help="4 or 1. \\[default: 4]", show_default=False)
    ] = None,
    distractors: DistractorsFlag = None,
    min_distance: MinDistance = None,
    pairs_per_category: PairsPerCategory = None,
    descriptions: Descriptions = None,
    decode: Annotated[
        str | None,
        typer.Option(
            metavar="DECODE", help="text, choice or score. \\[default: text]", show_default=False
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Seed of every random choice. \\[default: 0]", show_default=False),
    ] = None,
    model_arg: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="An argument of the adapters; can be repeated."),
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Server of openai: models, such as http://127.0.0.1:8000/v1."
        ),
    ] = None,
    concurrency: Concurrency = None,
    prices: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="TOML table of what the models' tokens cost."),
    ] = None,
    max_cost: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            min=0,
            help="Stop, to be gone on with, before all answers of all cells cost more than X.",
        ),
    ] = None,
    picture_space: Annotated[
        float,
        typer.Option(
            metavar="GB",
            min=0,
            help="Disk that drawn pictures may take until the end; what does not fit is drawn "
            "again by each cell that shows it.",
        ),
    ] = 20.0,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Results folder. \\[default: results/ablation-<plan>-<data>-<hash>]",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan; ask and write nothing.")
    ] = False,
    list_plans: Annotated[bool, typer.Option("--list", help="List the built-in plans.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask the same questions in every variant of a plan, and set the figures beside each other.

    Every cell is a run folder of its own, as 'lvlm-eval run' makes it.
    The same command again goes on where it stopped.
    """
    if list_plans:
        plans = [load_plan(name) for name in builtin_plans()]
        Console(highlight=False).print(plan_listing(plans))
        return
    if plan is None and not vary:
        raise InputError(
            "there is nothing to vary. Give a plan (see: lvlm-eval ablate --list), or --vary, as "
            "--vary marker.shape=arrow,circle."
        )
    flags = {
        "setting": setting,
        "prompt": prompt,
        "renderer": renderer,
        "protocol": protocol,
        "rotations": rotations,
        "distractors": distractors,
        "min-distance": min_distance,
        "pairs-per-category": pairs_per_category,
        "descriptions": None if descriptions is None else str(descriptions),
        "decode": decode,
        "seed": seed,
    }
    read = wanted = AblationPlan() if plan is None else load_plan(plan)
    wanted = replace(
        wanted,
        data=wanted.data if data is None else data,
        models=tuple(dict.fromkeys(model)) if model else wanted.models,
        limit=wanted.limit if limit is None else limit,
        design=wanted.design if design is None else one_of("--design", design, DESIGNS),
        base={**wanted.base, **_levels(flags)},
        arguments={**wanted.arguments, **_arguments(model_arg or [], base_url, concurrency)},
    )
    for text in vary or ():
        wanted = wanted.varied(*vary_of_flag(text))
    if out is not None and not out.name:
        raise InputError(f"--out '{out}' is no name of a folder. Give one, or leave it out.")
    if max_cost is not None and prices is None:
        raise InputError("--max-cost needs to know what tokens cost: give --prices FILE, too.")
    if plan is not None:
        check_files(read, wanted, f"plan '{plan}'")
    grid = prepare(wanted, out, complain, _opened(wanted, None if data else plan))
    price_by_model = _prices(grid, prices, max_cost)
    store = PictureStore(grid.out / PICTURES, round(picture_space * GB))
    outlook = look_ahead(grid, store, price_by_model)
    print_plan(grid, outlook, StandardError() if as_json else Console(highlight=False))
    _warn_of_space(grid, outlook.disk, picture_space)
    if dry_run:
        if as_json:
            typer.echo(as_text(plan_document(grid, outlook)))
        return
    with ProgressBar() as bar:
        outcome = run_grid(
            *(grid, outlook, store, price_by_model, max_cost),
            *(lambda name: recorded_call(wanted.data, name), bar),
        )
    if store.full:
        complain(
            f"the {picture_space:g} GB of --picture-space, or the disk, were full: some pictures "
            "were drawn more than once."
        )
    scored = {run.folder: score_run(run.folder) for run in grid.runs}
    document = document_of(grid, scored, paired_tests())
    write_document(grid.out, document)
    if as_json:
        typer.echo(as_text({**document, "place": str(grid.out), **_cost(outcome)}))
    else:
        print_ablation(document, str(grid.out), Console(highlight=False))
    _say_the_end(grid, outcome)


def _opened(wanted: AblationPlan, plan: str | None) -> OpenedData:
    """The data; where a plan names it, an error says so, and where it was looked for."""
    try:
        return OpenedData(wanted.data)
    except InputError as error:
        if plan is None or Path(wanted.data).exists():
            raise
        raise InputError(f"plan '{plan}'{looked_in(wanted.data)}: {error}") from None


def _levels(flags: Mapping[str, object]) -> dict[str, Any]:
    given = {factor: value for factor, value in flags.items() if value is not None}
    return {factor: level_of(factor, value, f"--{factor}") for factor, value in given.items()}


def _arguments(pairs: list[str], base_url: str | None, concurrency: int | None) -> dict[str, Any]:
    arguments = parse_arguments(pairs)
    if "decode" in arguments:
        raise InputError("--model-arg decode=… is not possible: it is a flag of its own, --decode.")
    for name, value in (("base_url", base_url), ("concurrency", concurrency)):
        if value is not None:
            arguments[name] = value
    return arguments


def _prices(grid: Grid, path: Path | None, max_cost: float | None) -> dict[ModelKey, Price | None]:
    found: dict[ModelKey, Price | None] = {}
    for key in {run.model: None for run in grid.runs}:
        free = key.spec in BASELINES
        found[key] = None if path is None or free else price_of(path, key.spec)
    if max_cost is not None and not any(found.values()):
        raise InputError("--max-cost has nothing to bound: no model of this plan has a price.")
    return found


def _warn_of_space(grid: Grid, needed: int, picture_space: float) -> None:
    there = grid.out
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    if needed > min(picture_space * GB, free):
        complain(
            f"pictures need about {needed / GB:.1f} GB, --picture-space gives {picture_space:g} "
            f"and {free / GB:.1f} are free: what does not fit is drawn again by each cell."
        )


def _cost(outcome: GridOutcome) -> dict[str, Any]:
    return {"cost": outcome.spending.to_json()} if outcome.spending else {}


def _say_the_end(grid: Grid, outcome: GridOutcome) -> None:
    if outcome.empty:
        complain(f"{outcome.empty} answers are empty texts; they count as unparsed.")
    if outcome.spending is not None:
        spending = outcome.spending
        complain(
            f"cost of the recorded answers: {spending}, of which {spending.now:.4f} "
            f"{spending.price.currency} in this call. Failed tries are not in it."
        )
    if outcome.failed:
        complain(
            f"{outcome.failed} of {outcome.planned} requests failed, most often: "
            f"{outcome.reason.rstrip('.')}. All are below {grid.out}; the same command asks them "
            "again."
        )
        raise typer.Exit(3)

"""The plan of an ablation before it begins, and its tables at the end."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lvlm_eval.ablation.document import MEAN
from lvlm_eval.ablation.factors import MODEL, cell_words, level_text
from lvlm_eval.ablation.outlook import Outlook
from lvlm_eval.ablation.plan import AblationPlan
from lvlm_eval.ablation.preparing import Grid
from lvlm_eval.records import SETTINGS
from lvlm_eval.report.table import OWN_STYLE, figure, plain_table, title_of

MOST_CELLS_LISTED = 40
"""Cells of which the plan lists each one; of more it lists the factors alone."""

DEFAULT = "(default)"

_INCOMPLETE = (
    "* some requests of its cells have no answer: their questions count as not right in circular "
    "accuracy; a cell without any answer is in no mean"
)


def print_plan(grid: Grid, outlook: Outlook, console: Console) -> None:
    """Print what will be done: cells, requests, pictures, disk, cost.

    Args:
        grid: the cells.
        outlook: what they lack.
        console: where to.
    """
    plan = grid.plan
    title = f"Ablation {plan.name}".rstrip()
    console.print(Text(f"{title}: {plan.design}, {len(grid.cells)} cells"), style="bold")
    facts = [
        ("models", ", ".join(plan.models)),
        *((factor, ", ".join(map(level_text, levels))) for factor, levels in plan.grid.items()),
        ("runs", _runs(grid)),
        ("requests", f"{outlook.planned - outlook.pending} answered, {outlook.pending} to ask"),
        ("pictures", _pictures(outlook)),
        ("cost", _cost(outlook)),
        ("results", str(grid.out)),
    ]
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, words in facts:
        table.add_row(Text(name), Text(words))
    console.print(table)
    if len(grid.runs) <= MOST_CELLS_LISTED:
        console.print(_run_table(grid, outlook))


def _runs(grid: Grid) -> str:
    equal = len(grid.cells) - len(grid.runs)
    words = f"{len(grid.runs)}, one folder each"
    if equal:
        words += f"; {equal} cells are equal to others, or unlike them in the setting alone"
    return words


def _pictures(outlook: Outlook) -> str:
    if not outlook.pictures:
        return "none to draw"
    return (
        f"{outlook.pictures} distinct, {outlook.drawn} of them on disk, "
        f"{outlook.pictures - outlook.drawn} to draw; about {_size(outlook.disk)} of disk until "
        "the end"
    )


def _cost(outlook: Outlook) -> str:
    if not outlook.currency:
        return "unknown (no --prices)"
    if outlook.cost is None:
        return "unknown until the first answers have told what one costs"
    return f"about {outlook.cost:.4f} {outlook.currency} for what is to be asked"


def _size(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.1f} MB"


def _run_table(grid: Grid, outlook: Outlook) -> Table:
    table = plain_table("")
    table.title = None
    table.add_column("run", overflow="fold")
    table.add_column("settings")
    table.add_column("answered", justify="right")
    table.add_column("to ask", justify="right")
    for run, one in zip(grid.runs, outlook.runs, strict=True):
        table.add_row(
            Text(run.folder.name),
            " ".join(run.settings),
            str(one.planned - one.pending),
            str(one.pending),
        )
    return table


def print_ablation(document: Mapping[str, Any], place: str, console: Console) -> None:
    """Print the tables of an ablation.

    Args:
        document: see `lvlm_eval.ablation.document_of`.
        place: folder of the ablation.
        console: where to.
    """
    for table in ablation_tables(document):
        console.print(table)
    for line in document["notes"]:
        console.print(line, style="yellow", markup=False, soft_wrap=True)
    console.print(f"results: {place}", style="dim", markup=False, soft_wrap=True)


def ablation_tables(document: Mapping[str, Any]) -> Iterator[Table]:
    """The tables of an ablation, setting by setting.

    Args:
        document: see `lvlm_eval.ablation.document_of`.
    """
    several = len(document["plan"]["models"]) > 1
    for setting in (one for one in SETTINGS if one in document["main_effects"]):
        yield _cells(document, setting, several)
        if any(document["main_effects"][setting].values()):
            yield _effects(document["main_effects"][setting], title_of(setting))
        if document["rankings"].get(setting):
            yield _rankings(document["rankings"][setting]["circular"], setting)
        if document["comparisons"].get(setting):
            yield _comparisons(document, setting, several)
    if MEAN in document["main_effects"]:
        yield _effects(document["main_effects"][MEAN], "Mean of the settings")


def _cells(document: Mapping[str, Any], setting: str, several: bool) -> Table:
    table = plain_table(f"{title_of(setting)}: every cell, percent [95 % interval]")
    if several:
        table.add_column("model", overflow="fold")
    table.add_column("cell", overflow="fold")
    table.add_column("circular", no_wrap=True)
    table.add_column("average", no_wrap=True)
    table.add_column("questions", justify="right")
    for cell in document["cells"]:
        figures = cell["settings"].get(setting)
        if figures is None:
            continue
        words = cell_words(cell["levels"]) or DEFAULT
        words = f"{words} {DEFAULT}" if cell["default"] and cell["levels"] else words
        words += "" if figures["complete"] else " (INCOMPLETE)"
        table.add_row(
            *([Text(cell["model"])] if several else []),
            Text(words),
            # Where nothing was answered its 0 would be of the requests, not of the model.
            figure(None)
            if figures["average_accuracy"] is None
            else figure(figures["circular_accuracy"], figures["circular_ci95"]),
            figure(figures["average_accuracy"], figures["average_ci95"]),
            str(figures["groups"]),
            style=OWN_STYLE if cell["default"] else "",
        )
    return table


def _effects(effects: Mapping[str, Any], title: str) -> Table:
    table = plain_table(f"{title}: mean over the cells of a level (lowest–highest)")
    table.add_column("factor", overflow="fold")
    table.add_column("level", overflow="fold")
    table.add_column("circular", no_wrap=True)
    table.add_column("average", no_wrap=True)
    table.add_column("cells", justify="right")
    for factor, levels in effects.items():
        for place, one in enumerate(levels):
            shown = one["average"] or one["circular"]
            level = str(one["level"]) if factor == MODEL else level_text(one["level"])
            table.add_row(
                Text(factor if place == 0 else ""),
                Text(f"{level} *" if one["incomplete"] else level),
                _mean(one["circular"]),
                _mean(one["average"]),
                str(shown["cells"] if shown else 0),
            )
    if any(one["incomplete"] for levels in effects.values() for one in levels):
        table.caption = Text(_INCOMPLETE)
        table.caption_justify = "left"
    return table


def _rankings(conditions: Iterable[Mapping[str, Any]], setting: str) -> Table:
    table = plain_table(f"{title_of(setting)}: ranks of the models by circular accuracy")
    listed = list(conditions)
    table.add_column("condition", overflow="fold")
    models = list(listed[0]["ranks"]) if listed else []
    for model in models:
        table.add_column(Text(model), justify="right", overflow="fold")
    table.add_column("tau", justify="right")
    table.add_column("swaps", justify="right")
    for one in listed:
        tau = one["tau"]
        table.add_row(
            Text(cell_words(one["levels"]) or DEFAULT),
            *(f"{one['ranks'][model]:g}" for model in models),
            "–" if tau is None else f"{tau:.2f}",
            f"{one['swaps']} of {one['pairs']}",
        )
    return table


def _comparisons(document: Mapping[str, Any], setting: str, several: bool) -> Table:
    records = document["comparisons"][setting]
    kinds = {_compared_by(one) for one in records}
    is_mixed = len(kinds) > 1
    what = "accuracy" if is_mixed else f"{kinds.pop()} accuracy"
    table = plain_table(
        f"{title_of(setting)}: {what}, percentage points against the model's default cell"
    )
    table.add_column("cell", overflow="fold")
    if is_mixed:
        table.add_column("accuracy", no_wrap=True)
    table.add_column("difference", no_wrap=True)
    table.add_column("p", justify="right", no_wrap=True)
    table.add_column("p (Holm)", justify="right", no_wrap=True)
    table.add_column("n", justify="right")
    models = {cell["folder"]: cell["model"] for cell in document["cells"]}
    for one in records:
        name = _compared_by(one)
        p = "mcnemar_p" if name == "circular" else "average_p"
        told = cell_words(one["levels"])
        if several:
            told = f"{models[one['cell']]} {told}".rstrip()
        if models[one["cell"]] != models[one["against"]]:
            told += f" against {models[one['against']]}"
        table.add_row(
            Text(told),
            *([name] if is_mixed else []),
            _difference(one[f"{name}_difference"], one[f"{name}_ci95"]),
            _p(one[p]),
            _p(one[f"{p}_holm"]),
            str(one["questions"]),
        )
    return table


def _compared_by(record: Mapping[str, Any]) -> str:
    """Circular accuracy, or the average where a run has one rotation."""
    return "average" if record["circular_difference"] is None else "circular"


def _mean(effect: Mapping[str, Any] | None) -> str:
    if effect is None:
        return figure(None)
    return f"{effect['mean']:4.1f} ({effect['least']:.1f}–{effect['most']:.1f})"


def _difference(value: float | None, interval: Iterable[float] | None) -> str:
    if value is None:
        return "–"
    ends = "" if interval is None else " [{:+.1f}, {:+.1f}]".format(*interval)
    return f"{value:+.1f}{ends}"


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def plan_listing(plans: Iterable[AblationPlan]) -> Table:
    """The built-in plans: name and what they are for."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for plan in plans:
        table.add_row(Text(plan.name), Text(plan.description))
    return table

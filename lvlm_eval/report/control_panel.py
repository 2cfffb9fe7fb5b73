"""The controls in what ``lvlm-eval explain`` prints."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from lvlm_eval.diagnosis.parts.controls import ControlFigure, ControlPanel, Correspondence
from lvlm_eval.report.table import both_figures, part_table


def controls_part(panel: ControlPanel) -> Iterator[RenderableType]:
    """The controls beside the run, each over the questions that it has in common with it."""
    table = part_table(
        "Controls over the questions they share with the run, % [95 % interval]",
        *("", "n", "circular", "average", "expect", "run less it"),
    )
    table.add_row("(this run)", f"{panel.main.groups:3}", *both_figures(panel.main), "", "")
    for one in panel.controls:
        usual = one.expected_average
        difference = one.main_less_control
        low, high = difference.ci95
        table.add_row(
            one.control if one.complete else f"{one.control}\nINCOMPLETE",
            f"{difference.questions:3}",
            *both_figures(one.common),
            "≤ run" if usual is None else f"{usual:5.1f}",
            f"{difference.points:+5.1f}\n[{low:+.1f}, {high:+.1f}]",
        )
        if difference.questions != panel.main.groups:
            same = both_figures(one.main_common)
            table.add_row("(run, same n)", f"{difference.questions:3}", *same, "", "")
    yield table
    for one in panel.controls:
        if not one.complete:
            yield Text(_incomplete(one), style="yellow")
    if isinstance(panel.correspondence, Correspondence):
        part = panel.correspondence.part
        yield Text(
            f"really correspondence: {part.points:.1f} points [{part.ci95[0]:.1f}, "
            f"{part.ci95[1]:.1f}] of the average, above '"
            f"{panel.correspondence.best_blind_control}', over {part.questions} questions"
        )
    else:
        yield Text(f"really correspondence: {panel.correspondence.absent}", style="dim")


def _incomplete(one: ControlFigure) -> str:
    return (
        f"INCOMPLETE {one.control}: {one.answered} of {one.planned} rows answered; the others "
        "failed or have not been asked yet"
    )

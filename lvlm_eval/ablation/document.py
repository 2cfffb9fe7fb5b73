"""All that an ablation found, as one JSON document: ``ablation.json``."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lvlm_eval.ablation.cells import Cell, default_levels
from lvlm_eval.ablation.effects import by_level, conditions, main_effects
from lvlm_eval.ablation.outlook import Outlook
from lvlm_eval.ablation.paired import Compare, Pairing, compared
from lvlm_eval.ablation.preparing import Grid, PreparedCell
from lvlm_eval.ablation.ranks import order_change, ranks
from lvlm_eval.models.secrets import without_secrets
from lvlm_eval.recorded_run import RecordedRun, read_run
from lvlm_eval.records import SETTINGS, Setting
from lvlm_eval.runs.folder import write_whole
from lvlm_eval.scoring import Scored

ABLATION = "ablation.json"

_DIGITS = 10
_COUNTS = ("unparsed", "refused", "truncated", "errors", "missing", "complete")
_FIGURES = (
    *("circular_accuracy", "circular_ci95", "average_accuracy", "average_ci95"),
    *("groups", "rows", *_COUNTS),
)
CIRCULAR, AVERAGE = "circular_accuracy", "average_accuracy"
MEAN = "mean"
"""Stands for a setting where figures are means over all of them, as in the published study."""

Figures = Mapping[Setting, Mapping[str, Any]]


def document_of(
    grid: Grid, scored: Mapping[Path, Scored], compare: Compare | str
) -> dict[str, Any]:
    """Put the figures of all cells beside each other.

    Args:
        grid: the cells.
        scored: folder → its figures.
        compare: compares two runs; or why none can be compared.

    Returns:
        ``plan``, ``cells``, ``main_effects``, ``rankings``, ``comparisons`` and ``notes``; the
        same answers give the same document, wherever the ablation's folder is.
    """
    figures = {
        place: _figures(cell, scored[grid.run_of(cell).folder])
        for place, cell in enumerate(grid.cells)
    }
    settings = [one for one in SETTINGS if any(one in its for its in figures.values())]
    notes = [compare] if isinstance(compare, str) else []
    comparisons = {}
    odd: dict[str, list[str]] = {}
    if not isinstance(compare, str):
        runs: dict[Path, RecordedRun] = {}
        for setting in settings:
            pairings = list(_pairings(grid, setting, runs))
            comparisons[setting], lines = compared(pairings, setting, compare)
            for line in lines:
                odd.setdefault(line, []).append(setting)
    notes += [f"{', '.join(where)}: {line}" for line, where in odd.items()]
    for run in grid.runs:
        notes += [f"{run.folder.name}: {line}" for line in scored[run.folder].metrics.warnings]
    found: dict[str, Any] = {
        "plan": _plan(grid),
        "cells": [
            {
                "cell": cell.name,
                "folder": grid.run_of(cell).folder.name,
                "model": cell.cell.model,
                "levels": dict(cell.cell.levels),
                "default": cell.cell.is_default,
                "settings": figures[place],
            }
            for place, cell in enumerate(grid.cells)
        ],
        "main_effects": _all_effects(grid, figures, settings),
        "rankings": {
            one: _rankings(grid, figures, one) for one in settings if len(grid.plan.models) > 1
        },
        "comparisons": comparisons,
        "notes": notes,
    }
    rounded: dict[str, Any] = _rounded(found)
    return rounded


def plan_document(grid: Grid, outlook: Outlook) -> dict[str, Any]:
    """What is to be done, as JSON: the plan, its runs, requests, pictures, bytes of disk, cost."""
    return {
        "plan": _plan(grid),
        "runs": [
            {
                "folder": run.folder.name,
                "settings": list(run.settings),
                "planned": one.planned,
                "pending": one.pending,
            }
            for run, one in zip(grid.runs, outlook.runs, strict=True)
        ],
        "planned": outlook.planned,
        "pending": outlook.pending,
        "pictures": {
            "distinct": outlook.pictures,
            "on_disk": outlook.drawn,
            "bytes_at_a_time": outlook.disk,
        },
        "cost": outlook.cost if outlook.currency else None,
        "currency": outlook.currency or None,
        "place": str(grid.out),
    }


def write_document(out: Path, document: Mapping[str, Any]) -> None:
    """Write ``ablation.json`` in one step."""
    write_whole(out / ABLATION, as_text(document) + "\n")


def as_text(document: Mapping[str, Any]) -> str:
    """The document as it is printed and written."""
    return json.dumps(document, indent=1, ensure_ascii=False)


def reference_of(grid: Grid, cell: PreparedCell) -> PreparedCell:
    """What a cell is compared with: its model's default cell, or its model's first one."""
    own = [one for one in grid.cells if one.cell.model == cell.cell.model]
    return next((one for one in own if one.cell.is_default), own[0])


def _plan(grid: Grid) -> dict[str, Any]:
    plan = grid.plan
    deciding = {name for run in grid.runs for name in run.identity["model"]["settings"]}
    return {
        "name": plan.name or None,
        "data": plan.data,
        "models": list(plan.models),
        "limit": plan.limit,
        "design": plan.design,
        "base": dict(plan.base),
        "grid": {factor: list(levels) for factor, levels in plan.grid.items()},
        "default_levels": default_levels(plan),
        "arguments": without_secrets(
            {name: one for name, one in plan.arguments.items() if name in deciding}
        ),
    }


def _figures(cell: PreparedCell, scored: Scored) -> dict[Setting, dict[str, Any]]:
    found: dict[Setting, dict[str, Any]] = {}
    for setting in cell.settings:
        parsers = scored.metrics.settings.get(setting)
        if parsers is not None:
            of_cell = parsers["official"].to_json()
            found[setting] = {name: of_cell[name] for name in _FIGURES}
    return found


def _with_figure(
    grid: Grid, figures: Mapping[int, Figures], setting: Setting, figure: str
) -> list[tuple[Cell, float | None]]:
    return [
        (cell.cell, known_figure(figures[place][setting], figure))
        for place, cell in enumerate(grid.cells)
        if setting in figures[place]
    ]


def known_figure(figures: Mapping[str, Any], figure: str) -> float | None:
    """A figure; None where no request was answered: its 0 would be of the requests."""
    found: float | None = figures[figure]
    return found if figures[AVERAGE] is not None else None


def _incomplete(
    grid: Grid, figures: Mapping[int, Figures], setting: str
) -> list[tuple[Cell, bool]]:
    """Whether each cell with a setting, or with any if it is the mean, lacks answers in it."""
    found = []
    for place, cell in enumerate(grid.cells):
        asked = [its for name, its in figures[place].items() if setting in (name, MEAN)]
        if asked:
            found.append((cell.cell, not all(its["complete"] for its in asked)))
    return found


def _all_effects(
    grid: Grid, figures: Mapping[int, Figures], settings: list[Setting]
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """By setting, and of the mean over the settings where every cell has several."""
    both = (CIRCULAR, AVERAGE)
    found = {
        str(one): _effects(
            grid,
            [_with_figure(grid, figures, one, name) for name in both],
            _incomplete(grid, figures, one),
        )
        for one in settings
    }
    if len(settings) > 1 and all(set(its) == set(settings) for its in figures.values()):
        found[MEAN] = _effects(
            grid,
            [_with_mean(grid, figures, name) for name in both],
            _incomplete(grid, figures, MEAN),
        )
    return found


def _with_mean(
    grid: Grid, figures: Mapping[int, Figures], figure: str
) -> list[tuple[Cell, float | None]]:
    """Every cell with the mean of a figure over its settings; None where one has none."""
    found: list[tuple[Cell, float | None]] = []
    for place, cell in enumerate(grid.cells):
        values = [known_figure(its, figure) for its in figures[place].values()]
        known = [one for one in values if one is not None]
        found.append((cell.cell, sum(known) / len(known) if len(known) == len(values) else None))
    return found


def _effects(
    grid: Grid,
    both: Sequence[list[tuple[Cell, float | None]]],
    incomplete: list[tuple[Cell, bool]],
) -> dict[str, list[dict[str, Any]]]:
    factors = [one for one in grid.plan.grid if one != "setting"]
    names = ("circular", "average")
    by_figure = {
        name: main_effects(cells, factors) for name, cells in zip(names, both, strict=True)
    }
    lacking = by_level(incomplete, factors)
    return {
        factor: [
            {
                "level": level,
                "circular": circular and asdict(circular),
                "average": average and asdict(average),
                "incomplete": sum(are_incomplete),
            }
            for (level, circular), (_, average), (_, are_incomplete) in zip(
                levels, by_figure["average"][factor], lacking[factor], strict=True
            )
        ]
        for factor, levels in by_figure["circular"].items()
    }


def _rankings(
    grid: Grid, figures: Mapping[int, Figures], setting: Setting
) -> dict[str, list[dict[str, Any]]]:
    """The order of the models in each condition, against that in the first."""
    found = {}
    for name, figure in (("circular", CIRCULAR), ("average", AVERAGE)):
        listed = conditions(_with_figure(grid, figures, setting, figure))
        changes = [order_change(listed[0][1], one) for _, one in listed]
        found[name] = [
            {"levels": dict(levels), "ranks": ranks(one), **asdict(change)}
            for (levels, one), change in zip(listed, changes, strict=True)
        ]
    return found


def _pairings(grid: Grid, setting: Setting, runs: dict[Path, RecordedRun]) -> list[Pairing]:
    """Each distinct run once against its model's reference; references against the first one."""

    def read(cell: PreparedCell) -> RecordedRun:
        folder = grid.run_of(cell).folder
        if folder not in runs:
            runs[folder] = read_run(folder)
        return runs[folder]

    first = reference_of(grid, grid.cells[0])
    found = []
    done = set()
    for cell in grid.cells:
        other = reference_of(grid, cell)
        if cell.run == other.run:
            other = first
        if setting not in cell.settings or setting not in other.settings:
            continue
        if cell.run == other.run or (cell.run, other.run) in done:
            continue
        done.add((cell.run, other.run))
        folders = grid.run_of(cell).folder.name, grid.run_of(other).folder.name
        # The first of the cells that share the run and ask in this setting.
        found.append(Pairing(*folders, read(cell), read(other), cell.cell.levels))
    return found


def _rounded(value: Any) -> Any:
    """Without the last digits, which may depend on the order of sums."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, Mapping):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    return value

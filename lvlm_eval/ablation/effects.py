"""Main effects: what a level does to a figure, over all that is varied beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from lvlm_eval.ablation.cells import Cell
from lvlm_eval.ablation.factors import MODEL, Level

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Effect:
    """A figure over the cells of one level.

    Attributes:
        mean: percent.
        least: percent, the lowest of the cells.
        most: percent, the highest.
        cells: how many there are.
    """

    mean: float
    least: float
    most: float
    cells: int


def main_effects(
    cells: Sequence[tuple[Cell, float | None]], factors: Sequence[str]
) -> dict[str, list[tuple[Level, Effect | None]]]:
    """Factor → its levels, each with the mean and the range over the cells that have it.

    In a one-at-a-time design only the cells of the factor's own row count, the default cell among
    them, so that the levels of a factor differ in nothing else. Models are crossed with everything
    in both designs. Where a cell has no figure, it is left out; a level without any has None.

    Args:
        cells: each with its figure in percent.
        factors: the varied ones; the models are added if there are several.
    """
    return {
        factor: [(level, _effect(figures)) for level, figures in levels]
        for factor, levels in by_level(cells, factors).items()
    }


def by_level(
    cells: Sequence[tuple[Cell, T]], factors: Sequence[str]
) -> dict[str, list[tuple[Level, list[T]]]]:
    """Factor → its levels, each with what is known of the cells that count for it.

    Args:
        cells: each with anything.
        factors: as for `main_effects`, which says which cells count.
    """
    found: dict[str, list[tuple[Level, list[T]]]] = {}
    models = dict.fromkeys(cell.model for cell, _ in cells)
    if len(models) > 1:
        found[MODEL] = [
            (model, [one for cell, one in cells if cell.model == model]) for model in models
        ]
    for factor in factors:
        row = [(cell, one) for cell, one in cells if factor in cell.rows]
        levels = dict.fromkeys(cell.levels[factor] for cell, _ in row)
        found[factor] = [
            (level, [one for cell, one in row if cell.levels[factor] == level]) for level in levels
        ]
    return found


def conditions(
    cells: Sequence[tuple[Cell, float | None]],
) -> list[tuple[Mapping[str, Level], dict[str, float]]]:
    """What is varied beside the model, each with the figure of every model.

    Only conditions in which every model has a figure are listed, the default one first if it is
    there.
    """
    models = dict.fromkeys(cell.model for cell, _ in cells)
    by_levels: dict[tuple[tuple[str, Level], ...], dict[str, float]] = {}
    defaults = set()
    for cell, figure in cells:
        key = tuple(sorted(cell.levels.items()))
        if cell.is_default:
            defaults.add(key)
        if figure is not None:
            by_levels.setdefault(key, {})[cell.model] = figure
    whole = [(dict(key), one) for key, one in by_levels.items() if len(one) == len(models)]
    return sorted(whole, key=lambda one: tuple(sorted(one[0].items())) not in defaults)


def _effect(figures: Sequence[float | None]) -> Effect | None:
    known = [one for one in figures if one is not None]
    if not known:
        return None
    return Effect(sum(known) / len(known), min(known), max(known), len(known))

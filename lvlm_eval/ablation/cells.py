"""From a plan to its cells: one combination of levels each."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from lvlm_eval.ablation.factors import RUN_DEFAULTS, STYLE_FACTORS, Level
from lvlm_eval.ablation.plan import AblationPlan
from lvlm_eval.ablation.styles import field_of
from lvlm_eval.errors import InputError
from lvlm_eval.renderers import load_renderer


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination.

    Attributes:
        model: as ``--model`` names it.
        given: factor → level that is asked for; a field of the style that is not in it is the
            renderer's own.
        levels: varied factor → the level that the cell has of it, asked for or not.
        rows: varied factors to whose row the cell belongs: all of them in a full design; in a
            one-at-a-time design the factor that differs from the default, and all of them for the
            default cell.
        is_default: whether every varied factor has the level of the default cell.
    """

    model: str
    given: Mapping[str, Level]
    levels: Mapping[str, Level]
    rows: tuple[str, ...]
    is_default: bool


def default_levels(plan: AblationPlan) -> dict[str, Level]:
    """Varied factor → its level in the default cell.

    Raises:
        InputError: there is no such renderer, or it has no style whose fields could vary.
    """
    defaults: dict[str, Level] = {}
    for factor in plan.grid:
        if factor in plan.base:
            defaults[factor] = plan.base[factor]
        elif factor in STYLE_FACTORS:
            renderer = load_renderer(str(plan.base.get("renderer", RUN_DEFAULTS["renderer"])))
            if renderer.style is None:
                raise InputError(
                    f"renderer '{renderer.name}' is a Python file, which has no {factor}. Take a "
                    ".toml one, or leave this factor out."
                )
            defaults[factor] = field_of(renderer.style, factor)
        else:
            defaults[factor] = RUN_DEFAULTS[factor]
    return defaults


def cells_of(plan: AblationPlan) -> tuple[Cell, ...]:
    """The cells of a plan, model by model, the last factor of the plan changing fastest.

    Raises:
        InputError: the plan names no model; see also `default_levels`.
    """
    if not plan.models:
        raise InputError("the plan names no model. Give --model, or model = … at its top.")
    defaults = default_levels(plan)
    combinations = _full(plan) if plan.design == "full" else _one_at_a_time(plan, defaults)
    return tuple(
        _cell(plan, model, chosen, defaults) for model in plan.models for chosen in combinations
    )


def _full(plan: AblationPlan) -> list[dict[str, Level]]:
    names = tuple(plan.grid)
    return [
        dict(zip(names, levels, strict=True)) for levels in itertools.product(*plan.grid.values())
    ]


def _one_at_a_time(plan: AblationPlan, defaults: Mapping[str, Level]) -> list[dict[str, Level]]:
    varied = [
        {factor: level}
        for factor, levels in plan.grid.items()
        for level in levels
        if level != defaults[factor]
    ]
    return [{}, *varied]


def _cell(
    plan: AblationPlan, model: str, chosen: Mapping[str, Level], defaults: Mapping[str, Level]
) -> Cell:
    levels = {factor: chosen.get(factor, defaults[factor]) for factor in plan.grid}
    other = tuple(factor for factor in plan.grid if levels[factor] != defaults[factor])
    rows = other if plan.design == "one-at-a-time" and other else tuple(plan.grid)
    return Cell(model, {**plan.base, **chosen}, levels, rows, is_default=not other)

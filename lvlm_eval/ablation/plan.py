"""What an ablation is to vary, from a TOML file, a built-in plan's name, or flags."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from lvlm_eval.ablation.factors import MODEL, Level, factor_named, level_of, looked_in
from lvlm_eval.errors import InputError, nearest_names
from lvlm_eval.models.constructing import file_and_class
from lvlm_eval.resources import SUFFIXES, data_folder
from lvlm_eval.runs.jobs import one_of

Design = Literal["full", "one-at-a-time"]
DESIGNS: tuple[Design, ...] = get_args(Design)
"""``full``: every combination of the levels. ``one-at-a-time``: the default cell, and those that
differ from it in one factor. Every model goes through all of them in both."""

_ON_TOP = ("setting", "seed")
_FIELDS = ("description", "data", MODEL, "limit", "design", *_ON_TOP, "base", "grid", "arguments")
_MAY_BE_FILES = ("prompt", "renderer", "descriptions")


@dataclass(frozen=True, slots=True)
class AblationPlan:
    """What is asked of whom, in which variants.

    Attributes:
        name: of the plan's file without its suffix; empty where only flags made it.
        data: as ``--data`` names it.
        models: as ``--model`` names them, each once.
        limit: how many questions at most; None asks all.
        design: see `DESIGNS`.
        base: factor → level of the default cell; what is left out is ``run``'s own default.
        grid: factor → its levels, each once, in the order of the plan.
        arguments: of every model; may hold keys, so they are never written down.
        description: what the plan is for, one line.
    """

    name: str = ""
    data: str = "sample"
    models: tuple[str, ...] = ()
    limit: int | None = None
    design: Design = "full"
    base: Mapping[str, Level] = field(default_factory=dict)
    grid: Mapping[str, tuple[Level, ...]] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""

    def varied(self, factor: str, levels: tuple[Level, ...]) -> "AblationPlan":
        """The plan with these levels of a factor instead of its own."""
        if factor == MODEL:
            return replace(self, models=tuple(str(one) for one in levels))
        return replace(self, grid={**self.grid, factor: levels})


def builtin_plans() -> dict[str, Path]:
    """Name → file of each plan that comes with the package."""
    folder = data_folder() / "plans"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load_plan(name: str) -> AblationPlan:
    """Read a plan.

    Args:
        name: path of a ``.toml`` file, or the name of a built-in plan.

    Raises:
        InputError: there is none of that name, or something in it is wrong; one line.
    """
    path = Path(name)
    if path.suffix != ".toml" and len(path.parts) == 1:
        builtin = builtin_plans()
        if name not in builtin:
            raise InputError(
                f"there is no plan '{name}'. {nearest_names(name, builtin)} "
                "A plan of your own is a file: my_plan.toml."
            )
        path = builtin[name]
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"plan '{path}' cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"plan '{path}' is not TOML: {error}. Correct the file.") from error
    return plan_of_content(content, path.stem, f"plan '{name}'")


def plan_of_content(content: Mapping[str, Any], name: str, where: str) -> AblationPlan:
    """The plan that parsed TOML describes.

    Args:
        content: of the file.
        name: of the plan.
        where: what to call it in an error.

    Raises:
        InputError: a key is unknown, or a value impossible.
    """
    for key in content:
        if key not in _FIELDS:
            raise InputError(f"{where}: field '{key}' is unknown. {nearest_names(key, _FIELDS)}")
    base_table, grid_table = _table(content, "base", where), _table(content, "grid", where)
    base = {key: level_of(key, content[key], where) for key in _ON_TOP if key in content}
    for written, value in _flat(base_table).items():
        factor = factor_named(written, f"{where}, [base]")
        if factor == MODEL:
            raise InputError(f"{where}, [base]: give the model at the top: model = {value!r}.")
        base[factor] = level_of(factor, value, f"{where}, [base]")
    plan = AblationPlan(
        name=name,
        data=_text(content, "data", "sample", where),
        models=_models(content.get(MODEL, ()), where),
        limit=_limit(content.get("limit"), where),
        design=_design(content, where),
        base=base,
        arguments=_arguments(content, where),
        description=_text(content, "description", "", where),
    )
    for written, values in _flat(grid_table).items():
        factor = factor_named(written, f"{where}, [grid]")
        listed = values if isinstance(values, list) else [values]
        plan = plan.varied(factor, levels_of(factor, listed, f"{where}, [grid]"))
    return plan


def check_files(plan: AblationPlan, used: AblationPlan, where: str) -> None:
    """Check that the files that a plan names, and that no flag puts others in the place of, exist.

    Args:
        plan: as it was read.
        used: the same with all that flags override.
        where: what to call the plan in an error.

    Raises:
        InputError: one does not exist; the message names the folder that it was looked for in.
    """
    wanted = set(_files(used))
    for kind, path in _files(plan):
        if (kind, path) in wanted and not path.is_file():
            raise InputError(f"{where}: there is no {kind} file '{path}'{looked_in(path)}.")


def levels_of(factor: str, values: list[object], where: str) -> tuple[Level, ...]:
    """The levels of a factor, each once.

    Raises:
        InputError: there is none, or one is impossible.
    """
    levels = tuple(dict.fromkeys(level_of(factor, one, where) for one in values))
    if not levels:
        raise InputError(f"{where}: {factor} has no levels. Give at least one.")
    return levels


def vary_of_flag(text: str) -> tuple[str, tuple[Level, ...]]:
    """Read ``marker.shape=arrow,circle``.

    Raises:
        InputError: it has no ``=``, or the factor or a level is unknown.
    """
    written, sign, levels = text.partition("=")
    if not sign or not levels.strip():
        raise InputError(f"--vary '{text}': expected FACTOR=LEVEL,LEVEL, as prompt=soco,reason.")
    factor = factor_named(written.strip(), "--vary")
    return factor, levels_of(factor, [one.strip() for one in levels.split(",")], "--vary")


def _flat(table: Mapping[str, Any]) -> dict[str, Any]:
    """``marker.shape = …`` without quotes is a table in TOML; both ways mean the same."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            found |= {f"{key}.{inner}": one for inner, one in value.items()}
        else:
            found[key] = value
    return found


def _table(content: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    table = content.get(key, {})
    if not isinstance(table, dict):
        raise InputError(f"{where}: '{key}' must be a table: write [{key}] above its fields.")
    return table


def _arguments(content: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    arguments = _table(content, "arguments", where)
    if "decode" in arguments:
        raise InputError(f"{where}, [arguments]: decode is a factor: write it into [base].")
    return arguments


def _files(plan: AblationPlan) -> Iterator[tuple[str, Path]]:
    for factor in _MAY_BE_FILES:
        for level in (plan.base.get(factor), *plan.grid.get(factor, ())):
            path = Path(str(level))
            # A bare name is that of a file that comes with the package, or of a local one.
            is_path = path.suffix in SUFFIXES or len(path.parts) > 1
            if level is not None and (is_path or factor == "descriptions"):
                yield factor, path
    for spec in plan.models:
        of_model = file_and_class(spec)
        if of_model is not None:
            yield "model", of_model[0]


def _text(content: Mapping[str, Any], key: str, default: str, where: str) -> str:
    value = content.get(key, default)
    if not isinstance(value, str):
        raise InputError(f"{where}: {key} is {value!r}, expected a text.")
    return value


def _design(content: Mapping[str, Any], where: str) -> Design:
    try:
        return one_of("design", _text(content, "design", "full", where), DESIGNS)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _models(value: object, where: str) -> tuple[str, ...]:
    listed = value if isinstance(value, list | tuple) else [value]
    return tuple(dict.fromkeys(str(level_of(MODEL, one, where)) for one in listed))


def _limit(value: object, where: str) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(f"{where}: limit is {value!r}, expected a number from 1.")
    return value

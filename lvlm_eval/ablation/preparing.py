"""From cells to runs: what is asked of whom, into which folder; equal cells are one run."""

import errno
import json
import os
import re
import shlex
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from lvlm_eval.ablation.cells import Cell, cells_of
from lvlm_eval.ablation.factors import (
    RUN_DEFAULTS,
    STYLE_FACTORS,
    Level,
    cell_words,
    level_text,
)
from lvlm_eval.ablation.models import ModelKey, Models
from lvlm_eval.ablation.plan import AblationPlan
from lvlm_eval.ablation.styles import restyled, told_changes
from lvlm_eval.errors import InputError
from lvlm_eval.models.registry import BuiltModel
from lvlm_eval.models.secrets import word_without_secrets
from lvlm_eval.records import SETTINGS, Setting
from lvlm_eval.renderers import Renderer, load_renderer
from lvlm_eval.requests import RequestSource
from lvlm_eval.runs.differences import differences
from lvlm_eval.runs.folder import MANIFEST, canonical, read_manifest
from lvlm_eval.runs.jobs import (
    DEFAULT_RENDERER,
    DrawingChoices,
    OpenedData,
    parse_settings,
    safe_name,
    settings_of,
)
from lvlm_eval.runs.run import identity_of

LONGEST_NAME = 150
"""Characters of a folder's name; longer ones end in a part of the identity's hash."""

STYLES = "renderers"
"""Folder inside the ablation's for the changed styles."""


@dataclass(frozen=True, slots=True)
class PreparedCell:
    """A cell, and where its answers are.

    Attributes:
        cell: the combination.
        name: readable, unique in the ablation unless the cells are equal.
        settings: that it asks in.
        run: place of its run among those of the grid.
    """

    cell: Cell
    name: str
    settings: tuple[Setting, ...]
    run: int


@dataclass(frozen=True, slots=True)
class CellRun:
    """One run folder, of a cell or of several that differ in nothing but the setting.

    Attributes:
        folder: where the answers are.
        model: who is asked.
        source: makes the requests; it draws nothing before it is given a maker of pictures.
        renderer: draws; None where the pictures stand in tables.
        settings: those of all its cells.
        identity: see `identity_of`.
        decoding: how answers are taken.
        choices: about the questions; the renderer is named as ``run`` finds it.
        has_own_style: whether the renderer has no file but the one that the ablation writes.
    """

    folder: Path
    model: ModelKey
    source: RequestSource
    renderer: Renderer | None
    settings: tuple[Setting, ...]
    identity: Mapping[str, Any]
    decoding: str
    choices: DrawingChoices
    has_own_style: bool


@dataclass(frozen=True, slots=True)
class Grid:
    """A plan that can be carried out.

    Attributes:
        plan: what was asked for.
        out: folder of the ablation.
        cells: every combination, in the order of the plan.
        runs: each distinct one once; those of one model, and of one renderer, stand together.
        models: makes and holds the adapters.
    """

    plan: AblationPlan
    out: Path
    cells: tuple[PreparedCell, ...]
    runs: tuple[CellRun, ...]
    models: Models

    def run_of(self, cell: PreparedCell) -> CellRun:
        """The run that holds a cell's answers."""
        return self.runs[cell.run]


@dataclass(frozen=True, slots=True)
class _Resolved:
    """A cell with everything that decides its answers."""

    cell: Cell
    name: str
    model: ModelKey
    source: RequestSource
    renderer: Renderer | None
    settings: tuple[Setting, ...]
    identity: Mapping[str, Any]
    choices: DrawingChoices
    has_own_style: bool

    @property
    def key(self) -> str:
        return canonical(self.identity)


def prepare(
    plan: AblationPlan, out: Path | None, tell: Callable[[str], None], opened: OpenedData
) -> Grid:
    """Check every cell of a plan, and find out which are the same run. Nothing is asked.

    Args:
        plan: what is wanted.
        out: folder of the ablation; None takes a default one that the same plan finds again.
        tell: told of what the user might not expect.
        opened: the plan's data.

    Raises:
        InputError: a name or a value is wrong, levels do not go together, or a folder holds
            another run.
    """
    models, renderers = Models(plan.models, plan.arguments, tell), _Renderers(opened.is_drawn)
    resolved = [_resolve(cell, opened, models, renderers) for cell in cells_of(plan)]
    folder = out if out is not None else _default_out(plan, resolved)
    _check_place(folder)
    by_key: dict[str, list[_Resolved]] = defaultdict(list)
    for one in resolved:
        by_key[one.key].append(one)
    names = _folder_names(by_key, _folders_by_identity(folder))
    runs = [_run(folder / names[key], members) for key, members in by_key.items()]
    order = sorted(range(len(runs)), key=lambda place: _together(runs, place))
    runs = [runs[place] for place in order]
    for run in runs:
        _check_folder(run)
    place_of = {canonical(run.identity): place for place, run in enumerate(runs)}
    prepared = tuple(
        PreparedCell(one.cell, one.name, one.settings, place_of[one.key]) for one in resolved
    )
    return Grid(plan, folder, prepared, tuple(runs), models)


class _Renderers:
    """The renderers of cells, each made once.

    Args:
        are_any: False where the pictures stand in tables.
    """

    def __init__(self, are_any: bool) -> None:
        self._are_any = are_any
        self._bases: dict[str, Renderer] = {}
        self._made: dict[tuple[str, str], Renderer] = {}

    def of(self, given: Mapping[str, Level]) -> tuple[Renderer, Renderer] | tuple[None, None]:
        """The renderer that is named, and what changes of its style make of it.

        Raises:
            InputError: there is no such renderer, or the changes are not possible.
        """
        changes = {name: one for name, one in given.items() if name in STYLE_FACTORS}
        if not self._are_any:
            if changes:
                raise InputError(
                    f"{', '.join(sorted(changes))} cannot be used with a table: its pictures are "
                    "sent as they stand."
                )
            return None, None
        name = str(given.get("renderer", DEFAULT_RENDERER))
        if name not in self._bases:
            self._bases[name] = load_renderer(name)
        base, key = self._bases[name], (name, canonical(changes))
        if key not in self._made:
            self._made[key] = restyled(base, changes)
        return base, self._made[key]


def _resolve(cell: Cell, opened: OpenedData, models: Models, renderers: _Renderers) -> _Resolved:
    given = cell.given
    seed = given.get("seed", RUN_DEFAULTS["seed"])
    key = ModelKey(cell.model, str(given.get("decode", "text")), int(str(seed)))
    built = models.built(key)
    try:
        wanted = parse_settings(str(given.get("setting", "all")))
        base, renderer = renderers.of(given)
        choices = _choices(given, base, renderer)
        source = opened.source(choices, wanted, renderer)
        settings = settings_of(source, built, wanted)
    except InputError as error:
        if not cell.levels:
            raise
        raise InputError(f"cell {cell_words(cell.levels)}: {error}") from None
    identity = identity_of(source, built, key.decode)
    name = _cell_name(given, built, base)
    own_style = base is not None and renderer is not None and _is_own(base, renderer)
    return _Resolved(cell, name, key, source, renderer, settings, identity, choices, own_style)


def _is_own(base: Renderer, renderer: Renderer) -> bool:
    return renderer is not base and renderer.name.startswith(f"{base.name}--")


def _choices(
    given: Mapping[str, Level], base: Renderer | None, renderer: Renderer | None
) -> DrawingChoices:
    """The choices that ``run`` would be given; what is not asked for stays its own default."""
    values = {
        name.replace("-", "_"): given[name]
        for name in RUN_DEFAULTS
        if name in given and name not in ("decode", "setting", "renderer")
    }
    if values.get("descriptions") is not None:
        values["descriptions"] = Path(str(values["descriptions"]))  # type: ignore[assignment]
    if renderer is not None:
        asked = given.get("renderer", DEFAULT_RENDERER)
        values["renderer"] = asked if renderer is base else renderer.name
    elif "renderer" in given:
        values["renderer"] = given["renderer"]
    return DrawingChoices(**values)  # type: ignore[arg-type]  # levels of these factors are checked


def _cell_name(given: Mapping[str, Level], built: BuiltModel, base: Renderer | None) -> str:
    """The model, and what is unlike ``run``'s own defaults, in the order of the factors' names.

    So a cell has the same name whatever else a plan varies. The setting is not in it: the folder
    can hold others as well.
    """
    told = {
        factor: level
        for factor, level in given.items()
        if factor in RUN_DEFAULTS and factor != "setting" and level != RUN_DEFAULTS[factor]
    }
    if base is not None and base.style is not None:
        changes = {factor: level for factor, level in given.items() if factor in STYLE_FACTORS}
        told |= told_changes(base.style, changes)
    parts = [f"{factor}={level_text(told[factor])}" for factor in sorted(told)]
    safe = [re.sub(r"[^A-Za-z0-9.+_=-]+", "-", part) for part in parts]
    return "--".join([safe_name(built.label or built.name), *safe])


def _folder_names(
    by_key: Mapping[str, list[_Resolved]], there: Mapping[str, str]
) -> dict[str, str]:
    """Identity → name of its folder: the one that is there, else after its shortest cell."""
    names: dict[str, str] = {}
    for key, members in by_key.items():
        if key in there:
            names[key] = there[key]
            continue
        name = min((one.name for one in members), key=lambda one: (len(one), one))
        mark = sha256(key.encode()).hexdigest()[:8]
        if len(name) > LONGEST_NAME:
            name = f"{name[:LONGEST_NAME]}-{mark}"
        if name in names.values():
            name = f"{name}-{mark}"
        names[key] = name
    return names


def _folders_by_identity(out: Path) -> dict[str, str]:
    """Identity → name of the folder of each run that the ablation has already."""
    found: dict[str, str] = {}
    for path in sorted(out.glob(f"*/{MANIFEST}")):
        manifest = read_manifest(path.parent)
        if manifest is not None:
            found.setdefault(canonical(manifest.identity), path.parent.name)
    return found


def _run(folder: Path, members: list[_Resolved]) -> CellRun:
    first = members[0]
    asked = {setting for one in members for setting in one.settings}
    return CellRun(
        folder=folder,
        model=first.model,
        source=first.source,
        renderer=first.renderer,
        settings=tuple(one for one in SETTINGS if one in asked),
        identity=first.identity,
        decoding=first.model.decode,
        choices=first.choices,
        has_own_style=first.has_own_style,
    )


def _together(runs: list[CellRun], place: int) -> tuple[int, int, int]:
    """Sorts the runs of one model, then those of one renderer, to where the first of them is."""
    run = runs[place]
    of_model = next(i for i, one in enumerate(runs) if one.model == run.model)
    drawn = canonical(run.identity.get("renderer"))
    of_renderer = next(i for i, one in enumerate(runs) if _drawn(one) == drawn)
    return of_model, of_renderer, place


def _drawn(run: CellRun) -> str:
    return canonical(run.identity.get("renderer"))


def _check_place(folder: Path) -> None:
    """Refuse a folder that a file stands in the way of, in the words of a run that is begun."""
    there = folder
    while not there.exists():
        there = there.parent
    if not there.is_dir():
        reason = os.strerror(errno.EEXIST if there == folder else errno.ENOTDIR)
        raise InputError(
            f"the results folder {folder} cannot be made: {reason}. Give another --out."
        )


def _check_folder(run: CellRun) -> None:
    """Refuse a folder with another run before anything is asked of any model."""
    _check_place(run.folder)
    before = read_manifest(run.folder)
    if before is not None and canonical(before.identity) != canonical(run.identity):
        what = "; ".join(differences(before.identity, run.identity)[:3])
        raise InputError(f"{run.folder} holds another run: {what}. Give another --out.")


def _default_out(plan: AblationPlan, resolved: list[_Resolved]) -> Path:
    """``results/ablation-<plan or model>-<data>-<8 hex of all cells>``.

    The limit and what decides no answer, such as a server's address, are no part of the hash.
    """
    cells = [[one.cell.model, one.key, list(one.settings)] for one in resolved]
    mark = sha256(canonical([plan.design, cells]).encode()).hexdigest()[:8]
    name, data = safe_name(plan.name or plan.models[0]), safe_name(resolved[0].source.name)
    return Path("results") / f"ablation-{name}-{data}-{mark}"


def run_command(grid: Grid, run: CellRun) -> str:
    """The ``lvlm-eval run`` that goes on with a run's folder, without keys."""
    plan, choices = grid.plan, run.choices
    words = ["lvlm-eval", "run", "--model", run.model.spec, "--data", plan.data]
    words += ["--setting", ",".join(run.settings), "--decode", run.decoding]
    for name in DrawingChoices.__dataclass_fields__:
        value = getattr(choices, name)
        if name == "renderer" and run.has_own_style:
            value = grid.out / STYLES / f"{value}.toml"
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    if plan.limit is not None:
        words += ["--limit", str(plan.limit)]
    for name, argument in grid.models.arguments_of(run.model.spec).items():
        written = argument if isinstance(argument, str) else json.dumps(argument)
        words += ["--model-arg", f"{name}={written}"]
    words += ["--out", str(run.folder)]
    return shlex.join(word_without_secrets(word) for word in words)

"""Finds the backbone that ``--backbone`` names and makes it."""

import difflib
import inspect
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lvlm_eval.errors import InputError, nearest_names
from lvlm_eval.models.constructing import (
    BACKBONE,
    Constructor,
    Installed,
    class_of_file,
    file_and_class,
    found_at,
    recorded,
)
from lvlm_eval.user_files import said
from lvlm_eval.vision.backbones.backbone import Backbone
from lvlm_eval.vision.backbones.kinds import KINDS, BackboneKind
from lvlm_eval.vision.backbones.named import NamedBackbone, named_backbones
from lvlm_eval.vision.backbones.plain import PlainBackbone, check_contract

_INCIDENTAL = frozenset({"device", "batch"})
"""Arguments that decide nothing but speed and the last digits, whatever the backbone."""

_UNCOMPARED = frozenset({"precision", "seed"})
"""Arguments that are recorded but make no other measurement than the published one."""


@dataclass(frozen=True, slots=True)
class BuiltBackbone:
    """A backbone with the names that a run's records use.

    Attributes:
        name: tells what it is, without folders of this machine.
        backbone: turns photos into features.
        identity: JSON-able; everything that decides the features.
        label: short, for names of folders.
        title: its row in the published tables; None if it has none.
        deviations: where the user's arguments differ from those of the published row, as
            ``final_norm=true (false)``.
        incidental: the arguments that do not decide the features, JSON-able.
    """

    name: str
    backbone: Backbone
    identity: Mapping[str, Any]
    label: str
    title: str | None = None
    deviations: tuple[str, ...] = ()
    incidental: Mapping[str, Any] = field(default_factory=dict)


def _nobody(line: str) -> None:
    """Takes what nobody wants to hear."""


def build_backbone(
    spec: str, arguments: Mapping[str, Any], tell: Callable[[str], None] = _nobody
) -> BuiltBackbone:
    """Make the backbone that a name or a file stands for.

    Args:
        spec: ``dinov2``, ``hf:facebook/dinov2-base``, ``timm:vit_base_patch16_224``,
            ``classic:daisy``, ``my_backbone.py``, ``my_backbone.py:ClassName``.
        arguments: what the user gave for the constructor: ``layer``, ``final_norm`` and the like.
        tell: told of what the user might not expect; the backbone gets it too.

    Raises:
        InputError: the name, the file, the class or an argument is wrong, a package is missing, or
            weights cannot be had; one line.
    """
    file = file_and_class(spec)
    if file:
        made, code = class_of_file(BACKBONE, *file)
        name = f"{file[0].name}:{made.__name__}"
        constructor = Constructor(BACKBONE, made, name)
        return _built(constructor, {}, arguments, tell, {"kind": "file", "code": code})
    named = _named(spec)
    if named is None:
        kind, own = _kind(spec)
        name = _without_folders(kind, own)
        return _built(_constructor(kind, own, name, arguments), {}, arguments, tell, _of(kind, own))
    if named.hides:
        tell(f"./{named.file} has a '{spec}' that hides the built-in backbone")
    table = named.table
    kind, own = _kind(table.use)
    preset = table.arguments
    constructor = _constructor(kind, own, spec, {**preset, **arguments})
    return _built(constructor, preset, arguments, tell, _of(kind, own), table.published)


def _built(
    constructor: Constructor,
    preset: Mapping[str, Any],
    arguments: Mapping[str, Any],
    tell: Callable[[str], None],
    first: Mapping[str, Any],
    title: str | None = None,
) -> BuiltBackbone:
    name = constructor.name
    constructor.check(arguments)
    made, given = constructor.construct({**preset, **arguments}, {})
    backbone = made if isinstance(made, Backbone) else PlainBackbone(made)
    check_contract(backbone, name)
    backbone.tell = tell
    try:
        own = dict(backbone.identity())
    except Exception as error:
        raise InputError(f"backbone '{name}': identity(): {said(error)}") from error
    incidental = _INCIDENTAL | backbone.incidental
    settings = {key: one for key, one in given.items() if key not in incidental}
    return BuiltBackbone(
        name=name,
        backbone=backbone,
        identity={**first, "settings": recorded(settings), **recorded(own)},
        label=re.sub(r"[^A-Za-z0-9._+-]+", "-", name.removesuffix(".py")).strip("-"),
        title=title,
        deviations=() if title is None else _deviations(constructor, preset, arguments, incidental),
        incidental=recorded({key: one for key, one in given.items() if key in incidental}),
    )


def _deviations(
    constructor: Constructor,
    preset: Mapping[str, Any],
    arguments: Mapping[str, Any],
    incidental: frozenset[str],
) -> tuple[str, ...]:
    usual = {**constructor.defaults, **preset}
    return tuple(
        f"{key}={_written(one)} ({_written(usual[key])})"
        for key, one in arguments.items()
        if key in usual and usual[key] != one and key not in incidental | _UNCOMPARED
    )


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(recorded(value))


def _named(spec: str) -> NamedBackbone | None:
    return None if ":" in spec else named_backbones().get(spec)


def _kind(spec: str) -> tuple[BackboneKind, str]:
    """The kind of a spec and the backbone's own name.

    Raises:
        InputError: there is no such kind or name.
    """
    prefix, colon, own = spec.partition(":")
    kind = KINDS.get(prefix)
    if kind is None or not colon:
        raise InputError(_unknown(spec))
    if not own:
        raise InputError(f"backbone '{spec}' lacks the backbone's own name: write {kind.name}.")
    if kind.names and own not in kind.names:
        raise InputError(f"unknown backbone '{spec}'. {nearest_names(own, kind.names)}")
    return kind, own


def _unknown(spec: str) -> str:
    names = list(named_backbones())
    prefix, colon, _ = spec.partition(":")
    # Compared without what follows the colon, which is the user's own in any case.
    by_prefix = {one: one for one in names} if not colon else {}
    by_prefix |= {one: kind.name for one, kind in KINDS.items()}
    close = difflib.get_close_matches(prefix, by_prefix, n=2, cutoff=0.5)
    hint = "Did you mean " + " or ".join(f"'{by_prefix[one]}'" for one in close) + "? "
    if spec in KINDS:
        hint = f"Write {KINDS[spec].name}. "
    folder = f"For the folder write hf:{spec}. " if Path(spec).is_dir() else ""
    return (
        f"unknown backbone '{spec}'. {hint if close else ''}{folder}A backbone of your own is a "
        "file: my_backbone.py. See: lvlm-eval list backbones"
    )


def _constructor(
    kind: BackboneKind, own: str, name: str, arguments: Mapping[str, Any]
) -> Constructor:
    builtin = Installed(kind.name, kind.extra)
    found = found_at(BACKBONE, kind.names.get(own, kind.place), builtin)
    made = found if inspect.isclass(found) else found(own, arguments)
    return Constructor(BACKBONE, made, name, () if kind.names else (own,), builtin)


def _of(kind: BackboneKind, own: str) -> Mapping[str, Any]:
    """What of a spec decides the features; a folder is known by its content, not by its name."""
    prefix = kind.name.partition(":")[0]
    return {"kind": prefix} if _folder(kind, own) else {"kind": prefix, "weights": own}


def _without_folders(kind: BackboneKind, own: str) -> str:
    """The same run may move to another machine: where a checkpoint lies is not its name."""
    folder = _folder(kind, own)
    short = own.replace(folder, Path(folder).resolve().name, 1) if folder else own
    return f"{kind.name.partition(':')[0]}:{short}"


def _folder(kind: BackboneKind, own: str) -> str:
    """The folder in a backbone's own name; empty if there is none."""
    found = re.fullmatch(kind.folder, own) if kind.folder else None
    return found[1] if found and Path(found[1]).is_dir() else ""

"""Finds prompts and renderers by name, and the files that ship inside the package.

A name is looked up as a path, then in ``./prompts`` or ``./renderers``, then among the built-in
ones.
"""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from lvlm_eval.errors import InputError, nearest_names

Kind = Literal["prompts", "renderers"]
SUFFIXES = (".toml", ".py")


@dataclass(frozen=True, slots=True)
class Found:
    """A prompt or renderer file.

    Attributes:
        name: file name without its suffix.
        path: where it is.
        shadows: True if a local file hides a different built-in one of the same name.
    """

    name: str
    path: Path
    shadows: bool = False


def data_folder() -> Path:
    """The package's own data folder."""
    return Path(str(files("lvlm_eval"))) / "data"


def builtin_folder(kind: Kind) -> Path:
    """Where the built-in prompts or renderers are.

    A wheel carries them inside the package; a source tree has them at its top.
    """
    packed = data_folder() / kind
    return packed if packed.is_dir() else Path(str(files("lvlm_eval"))).parent / kind


def find(kind: Kind, name: str) -> Found:
    """Look up a prompt or a renderer.

    Args:
        kind: ``prompts`` or ``renderers``.
        name: a path to a ``.toml`` or ``.py`` file, or a bare name.

    Returns:
        The file, and whether it shadows a built-in one.

    Raises:
        InputError: nothing of that name exists; the message names the nearest.
    """
    as_path = Path(name)
    if as_path.suffix in SUFFIXES or len(as_path.parts) > 1:
        if as_path.is_file():
            return Found(as_path.stem, as_path)
        raise InputError(f"{kind[:-1]} file '{name}' does not exist. Give a .toml or .py file.")
    local, builtin = _by_name(Path(kind)), _by_name(builtin_folder(kind))
    if name in local:
        hidden = builtin.get(name)
        return Found(name, local[name], hidden is not None and not hidden.samefile(local[name]))
    if name in builtin:
        return Found(name, builtin[name])
    raise InputError(f"unknown {kind[:-1]} '{name}'. {nearest_names(name, {*local, *builtin})}")


def available(kind: Kind) -> tuple[Found, ...]:
    """All prompts or renderers that a bare name can mean here, by name."""
    names = {*_by_name(Path(kind)), *_by_name(builtin_folder(kind))}
    return tuple(find(kind, name) for name in sorted(names))


def _by_name(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    return {p.stem: p for p in sorted(folder.iterdir()) if p.suffix in SUFFIXES and p.is_file()}

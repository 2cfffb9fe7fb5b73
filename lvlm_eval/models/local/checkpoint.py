"""Which checkpoint a model is: the content of a folder, or the commit of a hub repository."""

from pathlib import Path

from lvlm_eval.datasets.fingerprint import fingerprint_files
from lvlm_eval.errors import InputError, nearest_names

_SUFFIXES = {".json", ".safetensors", ".bin", ".jinja", ".txt", ".model"}
"""Weights, configuration, chat template and vocabulary."""


def served_name(model: str, revision: str | None) -> str:
    """What is recorded as the model that answered: a folder's name, or a hub id with its commit.

    Ask once it is loaded: the commit is that of the files in the hub's cache.

    Args:
        model: hub id or folder.
        revision: branch, tag or commit that was asked for.
    """
    from huggingface_hub import try_to_load_from_cache

    if Path(model).is_dir():
        return Path(model).resolve().name
    cached = try_to_load_from_cache(model, "config.json", revision=revision)
    if isinstance(cached, str):
        return f"{model}@{Path(cached).parent.name}"
    return model if revision is None else f"{model}@{revision}"


def checkpoint_fingerprint(model: str) -> str | None:
    """Fingerprint of what a folder holds, wherever it lies; None for a hub id.

    Args:
        model: hub id or folder.

    Raises:
        InputError: a file of the folder cannot be read.
    """
    folder = Path(model)
    if not folder.is_dir():
        return None
    files = [one for one in folder.iterdir() if one.is_file() and one.suffix in _SUFFIXES]
    return fingerprint_files((one.name, one) for one in files)


def check_place(model: str, config: str = "config.json") -> None:
    """Say what is wrong with a folder before a library looks for it on the hub.

    Args:
        model: hub id or folder.
        config: the file that every checkpoint has.

    Raises:
        InputError: it is a folder without a checkpoint, or a mistyped one beside checkpoints.
    """
    folder = Path(model).expanduser()
    if (folder / config).is_file():
        return
    if folder.is_dir():
        inner = _checkpoints_in(folder, config)
        hint = f"Folders in it that are: {', '.join(inner[:8])}." if inner else "Give another one."
        raise InputError(f"'{model}' is no folder with a checkpoint: no {config}. {hint}")
    beside = _checkpoints_in(folder.parent, config) if len(folder.parts) > 1 else []
    if beside or folder.is_absolute() or model.startswith(".") or model.count("/") > 1:
        hint = nearest_names(model, beside) if beside else "Give a folder, or an id of the hub."
        raise InputError(f"there is no folder '{model}'. {hint}")


def _checkpoints_in(folder: Path, config: str) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(str(one) for one in folder.iterdir() if (one / config).is_file())

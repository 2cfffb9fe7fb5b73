"""Which checkpoint a model is: the content of a folder, or the commit of a hub repository."""

from pathlib import Path

from lvlm_eval.datasets.fingerprint import fingerprint_files

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

"""By what a checkpoint is known: the content of a folder, or the commit of a hub repository."""

from pathlib import Path, PurePosixPath

from huggingface_hub import try_to_load_from_cache

from lvlm_eval.datasets.fingerprint import fingerprint_files

_SUFFIXES = {".json", ".safetensors", ".bin", ".txt"}
"""Weights, configurations and vocabularies."""


def content_of(checkpoint: str, revision: str | None, folders: tuple[str, ...] = (".",)) -> str:
    """What stands for a checkpoint in the identity of features. Ask once it is loaded.

    Args:
        checkpoint: hub id or folder.
        revision: of the hub repository.
        folders: below the checkpoint, whose files count; the first has a ``config.json``.

    Returns:
        The fingerprint of the files of a folder; of a hub repository its id and the commit that
        is in the hub's cache.

    Raises:
        InputError: a file of the folder cannot be read.
    """
    place = Path(checkpoint)
    if place.is_dir():
        files = [one for folder in folders for one in (place / folder).iterdir()]
        return fingerprint_files(
            (one.relative_to(place).as_posix(), one)
            for one in files
            if one.is_file() and one.suffix in _SUFFIXES
        )
    file = PurePosixPath(folders[0]) / "config.json"
    cached = try_to_load_from_cache(checkpoint, str(file), revision=revision)
    if not isinstance(cached, str):
        return checkpoint if revision is None else f"{checkpoint}@{revision}"
    return f"{checkpoint}@{Path(cached).parents[len(file.parts) - 1].name}"

"""Lists the files of a dataset's folder, as paths below its root."""

import os
from collections.abc import Iterator
from pathlib import Path

_DEEPEST = 6


def files_below(root: Path, name: str) -> tuple[str, ...]:
    """Every file in a folder and the folders in it, sorted, with forward slashes.

    Hidden files and folders, and the shadow folders of archives made on a Mac, do not count.
    Folders that cannot be listed count as empty.

    Args:
        root: of the dataset.
        name: of the folder below it.
    """
    return tuple(sorted(_below(root / name, name, ())))


def _below(folder: Path, name: str, above: tuple[str, ...]) -> Iterator[str]:
    # Links to folders are followed, but not in a circle.
    real = os.path.realpath(folder)
    if real in above or len(above) > _DEEPEST:
        return
    try:
        entries = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
    except OSError:
        return
    for entry in entries:
        path = f"{name}/{entry.name}"
        if not entry.is_dir():
            yield path
        elif entry.name != "__MACOSX":
            yield from _below(folder / entry.name, path, (*above, real))

"""Whether the disk has room, asked before anything is written."""

import shutil
from pathlib import Path

from rich.filesize import decimal

from lvlm_eval.errors import StoppedError

BLOCK = 4096
"""Bytes; a small file takes a whole block of the disk."""


def on_disk(size: int) -> int:
    """Bytes that a file of ``size`` bytes takes on the disk."""
    return -(-size // BLOCK) * BLOCK


def nearest_existing(path: Path) -> Path:
    """A path, or the nearest one above it that exists."""
    place = path.absolute()
    while not place.exists():
        place = place.parent
    return place


def free_bytes(folder: Path) -> int:
    """Free bytes where a folder is or would be made."""
    return shutil.disk_usage(nearest_existing(folder)).free


def require_space(folder: Path, fetch: int, unpack: int) -> str:
    """Compare what is needed with what is free.

    Args:
        folder: where it is to go.
        fetch: bytes still to come from the hub.
        unpack: bytes that unpacking will take, known or guessed.

    Returns:
        Both, in words.

    Raises:
        StoppedError: there is less free than needed.
    """
    free = free_bytes(folder)
    words = " and ".join(
        f"{decimal(size)} {what}"
        for what, size in (("to fetch", fetch), ("for what is unpacked", unpack))
        if size
    )
    if fetch + unpack > free:
        raise StoppedError(
            f"not enough space for {folder}: it needs {words}, but {decimal(free)} are free. "
            "Make room, and the same command goes on; or give another --out."
        )
    return f"{words or 'nothing'}; {decimal(free)} are free"

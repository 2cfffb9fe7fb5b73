"""Identifies a dataset by content, so that a copy at another place counts as the same data."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path

from lvlm_eval.datasets.refusals import refusal

WHOLE = 64 * 1024
"""Files up to this many bytes are read completely."""

BLOCK = 16 * 1024
"""Bytes read at each sampled place of a longer file."""

LARGE = 16 * 1024 * 1024
"""Files of more bytes than this are sampled densely."""

_INNER_BLOCKS = 2
_INNER_BLOCKS_LARGE = 64


def fingerprint_files(paths: Iterable[tuple[str, Path]]) -> str:
    """Hash the names, lengths and content of files; where they lie does not matter.

    Of a file up to 64 KiB every byte counts. Of a longer one the length counts, its first and last
    16 KiB, and evenly spaced blocks of 16 KiB between them: 2, or 64 in a file over 16 MiB. So a
    change that keeps the length and lies between the blocks goes unseen; a re-encoded image, an
    added or lost row and a replaced file do not. The order in which files are given is irrelevant.

    Args:
        paths: a name, such as the path below the dataset's root, and the file of that name.

    Returns:
        64 hexadecimal digits.

    Raises:
        InputError: a file cannot be read.
    """
    digest = hashlib.sha256()
    for name, path in sorted(paths, key=lambda named: named[0]):
        own = hashlib.sha256()
        try:
            with path.open("rb", buffering=0) as stream:
                length = os.fstat(stream.fileno()).st_size
                for block in _blocks(stream, length):
                    own.update(block)
        except OSError as error:
            raise refusal(path, "", f"cannot be read ({error.strerror}).") from None
        encoded = name.encode("utf-8", "surrogateescape")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
        digest.update(length.to_bytes(8, "big") + own.digest())
    return digest.hexdigest()


def sampled_offsets(length: int) -> tuple[int, ...]:
    """Where the blocks of a file of more than 64 KiB begin, in bytes, from first to last.

    Args:
        length: of the file, in bytes.
    """
    inner = _INNER_BLOCKS_LARGE if length > LARGE else _INNER_BLOCKS
    last = length - BLOCK
    return tuple(last * step // (inner + 1) for step in range(inner + 2))


def _blocks(stream: FileIO, length: int) -> Iterator[bytes]:
    if length <= WHOLE:
        yield stream.read()
        return
    for offset in sampled_offsets(length):
        stream.seek(offset)
        yield stream.read(BLOCK)

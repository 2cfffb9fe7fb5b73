"""Finds photos that are nearly the same: saved again, shrunk, a little cropped, or marked.

Two pictures are alike if few cells of their 32×32 grey thumbnails differ. Markers, JPEG and
resizing change few cells by much; two photos of different things agree in few. Plain backgrounds
agree anyway, so what may differ is a part of what stands out from the background.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lvlm_eval.datasets.images import THUMBNAIL_SIDE

DIFFERENCE = 12
"""Grey levels of 255 from which on a cell differs."""

ALIKE = 0.2
"""Cells that may differ, as a part of the cells that stand out from the background."""

_COARSE_SIDE = 8
_COARSE_ALIKE = 0.5

_Cells = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Alike:
    """Two pictures that are nearly the same.

    Attributes:
        first: key of the picture that comes first.
        second: key of the other one.
        differing: cells of the thumbnails that differ, as a fraction.
    """

    first: str
    second: str
    differing: float


def differing_cells(one: bytes, other: bytes) -> float | None:
    """Compare two thumbnails.

    Args:
        one: as in ``ImageFacts.thumbnail``.
        other: the same.

    Returns:
        The fraction of cells that differ; None where the pictures are not alike.
    """
    first, second = _cells([one])[0], _cells([other])[0]
    content = min(_content(first), _content(second))
    differing = float((np.abs(first - second) > DIFFERENCE).mean())
    return differing if differing <= ALIKE * content else None


def alike_pictures(thumbnails: Mapping[str, bytes]) -> Iterator[Alike]:
    """Every two pictures that are alike, each with those that come before it.

    Args:
        thumbnails: key → as in ``ImageFacts.thumbnail``.
    """
    keys = list(thumbnails)
    cells = _cells(list(thumbnails.values()))
    step = THUMBNAIL_SIDE // _COARSE_SIDE
    blocks = cells.reshape(len(keys), _COARSE_SIDE, step, _COARSE_SIDE, step)
    coarse = blocks.mean(axis=(2, 4)).reshape(len(keys), _COARSE_SIDE**2)
    for place in range(1, len(keys)):
        far = np.abs(coarse[:place] - coarse[place]) > DIFFERENCE
        for earlier in np.flatnonzero(far.mean(axis=1) <= _COARSE_ALIKE):
            differing = differing_cells(thumbnails[keys[earlier]], thumbnails[keys[place]])
            if differing is not None:
                yield Alike(keys[earlier], keys[place], differing)


def _cells(thumbnails: list[bytes]) -> _Cells:
    joined = np.frombuffer(b"".join(thumbnails), dtype=np.uint8)
    return joined.reshape(len(thumbnails), THUMBNAIL_SIDE**2).astype(np.int16)


def _content(cells: _Cells) -> float:
    """The fraction of cells that stand out from the commonest grey."""
    return float((np.abs(cells - np.median(cells)) > DIFFERENCE).mean())

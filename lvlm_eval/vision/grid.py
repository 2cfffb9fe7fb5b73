"""The protocol's arithmetic between px of a photo, points of a square, and cells of a feature map.

A *point* is (x, y) as a fraction of the square that a photo is padded to: 0 to 1 where an
annotation is inside it. Steps and their numbers are those of the published vision protocol
(arXiv 2605.31597 and its public code).
"""

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Point = tuple[float, float]

IMAGE_SIZE = 800
"""Side in px that the published runs resize to, before it is rounded to whole cells."""


def photo_side(image_size: int, patch: int) -> int:
    """The side S in px that a photo is resized to: the multiple of ``patch`` nearest to a size.

    Exactly half-way it is the lower one, and at least one patch (step 2; 14 → 798, 16 → 800).
    """
    whole, rest = divmod(image_size, patch)
    return max(1, whole + (2 * rest > patch)) * patch


def point_of(x: float, y: float, longer: int, side: int) -> Point:
    """The point of an annotated position (step 4).

    x and y are truncated to whole px, scaled by side / longer, truncated again (toward zero both
    times), and divided by the side. Nothing is clipped.

    Args:
        x: px of the image file from the left.
        y: px of the image file from the top.
        longer: side of the image file, in px.
        side: of the resized square, in px.
    """
    return (
        math.trunc(math.trunc(x) * side / longer) / side,
        math.trunc(math.trunc(y) * side / longer) / side,
    )


def cells_of(points: Floats, grid: tuple[int, int]) -> Integers:
    """The cells that hold some points: floor of x·W and y·H, clamped to the grid.

    Args:
        points: (n, 2).
        grid: rows H and columns W.

    Returns:
        (n,), places in row-major order.
    """
    height, width = grid
    across = np.clip(np.floor(points[:, 0] * width), 0, width - 1)
    down = np.clip(np.floor(points[:, 1] * height), 0, height - 1)
    cells: Integers = (down * width + across).astype(np.int64)
    return cells


def corners_of(cells: Integers, grid: tuple[int, int], centre: bool = False) -> Floats:
    """Where a cell is taken to be: its top-left corner (step 6), or its centre.

    Args:
        cells: (n,), places in row-major order.
        grid: rows H and columns W.
        centre: half a cell to the right and down; not the published protocol.

    Returns:
        (n, 2), points.
    """
    height, width = grid
    shift = 0.5 if centre else 0.0
    return np.stack([(cells % width + shift) / width, (cells // width + shift) / height], axis=-1)


def reach_of(box: tuple[float, float, float, float] | None, recorded: tuple[int, int]) -> float:
    """What errors are divided by: longer side of the box / longer side of the image (step 7).

    Args:
        box: left, top, right, bottom in px; not clipped. None counts as the whole square: 1.
        recorded: width and height in px as the annotation has them.
    """
    if box is None:
        return 1.0
    left, top, right, bottom = box
    return max(right - left, bottom - top) / max(recorded)


def places_of(numbers: Integers) -> dict[int, Integers]:
    """Number → where it stands in an array of numbers, in order."""
    if not numbers.size:
        return {}
    order = np.argsort(numbers, kind="stable")
    found, starts = np.unique(numbers[order], return_index=True)
    return dict(zip(found.tolist(), np.split(order, starts[1:]), strict=True))

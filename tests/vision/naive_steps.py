"""The steps of the dense-feature protocol a second time, each in plain arithmetic.

For ``naive``, which puts them together. Nothing is shared with the package. Feature maps are
float32, as a backbone gives them; everything after that is float64. Points are (x, y) in parts of
the padded square, patches are (row, column).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Point = tuple[float, float]
Patch = tuple[int, int]
Floats = npt.NDArray[np.float64]


def multiple_of_patch(image_size: int, patch: int) -> int:
    """The nearest multiple of ``patch``, at least one patch; the lower one exactly half-way."""
    lower = image_size // patch * patch
    nearest = lower + patch if 2 * (image_size - lower) > patch else lower
    return max(nearest, patch)


def open_rgb(path: Path) -> Image.Image:
    """The photo as it is stored: an orientation in its metadata is not applied."""
    with Image.open(path) as image:
        return image.convert("RGB")


def pad_and_resize(image: Image.Image, side: int) -> npt.NDArray[np.uint8]:
    """White on the right and below makes a square; then ``side`` × ``side`` px, (S, S, 3)."""
    longer = max(image.size)
    square = Image.new("RGB", (longer, longer), (255, 255, 255))
    square.paste(image, (0, 0))
    return np.asarray(square.resize((side, side), Image.Resampling.BICUBIC))


def grid_point(position: Sequence[float], longer: int, side: int) -> Point:
    """Px of the file to parts of the square: cut to integers, before and after scaling."""
    x, y = (int(int(value) * side / longer) / side for value in position)
    return x, y


# Features


def unit_map(features: npt.NDArray[np.float32]) -> Floats:
    """(H, W, C) with every feature of length 1; one of length 0 stays as it is."""
    if features.dtype != np.float32 or features.ndim != 3 or not np.isfinite(features).all():
        raise ValueError(f"no finite float32 map (H, W, C): {features.dtype} {features.shape}")
    grid = features.astype(np.float64)
    lengths = np.sqrt((grid * grid).sum(axis=2, keepdims=True))
    return grid / np.where(lengths == 0, 1, lengths)


def sample_bilinear(grid: Floats, point: Point) -> Floats:
    """The feature (C) at a point: 0 and 1 are the middles of the outer patches, 0 beyond them."""
    height, width, channels = grid.shape
    across, down = point[0] * (width - 1), point[1] * (height - 1)
    left, top = math.floor(across), math.floor(down)
    feature = np.zeros(channels)
    for row in (top, top + 1):
        for column in (left, left + 1):
            weight = (1 - abs(down - row)) * (1 - abs(across - column))
            if 0 <= row < height and 0 <= column < width:
                feature += weight * grid[row, column]
    return feature


def similarities(grid: Floats, query: Floats) -> Floats:
    """Dot product of each patch with the query, (H, W): equal patches give exactly equal sums."""
    # One product and one sum a patch; a matrix product may add up in another order in each row.
    return np.asarray((grid * query).sum(axis=2))


def nearest_patch(similar: Floats) -> Patch:
    """The most similar patch; of equal ones the first, row by row."""
    best = (0, 0)
    for row in range(similar.shape[0]):
        for column in range(similar.shape[1]):
            if similar[row, column] > similar[best]:
                best = (row, column)
    return best


def margin_of(similar: Floats, patch: Patch) -> float:
    """How much more similar this patch is than any other one; infinite if there is no other."""
    others = similar.copy()
    others[patch] = -math.inf
    return float(similar[patch] - others.max())


def corner(patch: Patch, grid: Floats) -> Point:
    """The top-left corner of a patch of a grid (H, W, …)."""
    return patch[1] / grid.shape[1], patch[0] / grid.shape[0]


def patch_of(point: Point, grid: Floats) -> Patch:
    """The patch of a grid (H, W, …) that holds a point, or the nearest one at the border."""
    height, width = grid.shape[:2]
    row, column = math.floor(point[1] * height), math.floor(point[0] * width)
    return min(max(row, 0), height - 1), min(max(column, 0), width - 1)


def soft_point(similar: Floats, patch: Patch, reach: int = 7, temperature: float = 0.02) -> Point:
    """The mean place of the patches at most ``reach`` away from ``patch``, weighted by likeness."""
    height, width = similar.shape
    total = rows = columns = 0.0
    for row in range(max(patch[0] - reach, 0), min(patch[0] + reach, height - 1) + 1):
        for column in range(max(patch[1] - reach, 0), min(patch[1] + reach, width - 1) + 1):
            weight = math.exp((similar[row, column] - similar[patch]) / temperature)
            total += weight
            rows += weight * row
            columns += weight * column
    return columns / total / width, rows / total / height


def choose(
    source: npt.NDArray[np.float32],
    target: npt.NDArray[np.float32],
    query: Point,
    candidates: Sequence[Point],
) -> int:
    """The place in ``candidates`` of the point most similar to ``query``; of equal ones the first.

    Both maps (H, W, C) as a backbone gives them, all points as ``grid_point`` does.
    """
    grid = unit_map(target)
    similar = similarities(grid, sample_bilinear(unit_map(source), query))
    values = [similar[patch_of(point, grid)] for point in candidates]
    return values.index(max(values))


# Errors and what is made of them


def box_share(box: Sequence[float] | None, recorded: Sequence[float]) -> float:
    """The box's longer side by the longer recorded side of its image; 1 without a box."""
    if box is None:
        return 1.0
    return max(box[2] - box[0], box[3] - box[1]) / max(recorded)


def error_of(predicted: Point, right: Point, share: float) -> float:
    """The distance of two points in parts of the object's size."""
    return math.hypot(predicted[0] - right[0], predicted[1] - right[1]) / share


@dataclass(frozen=True)
class Pck:
    """A share of right keypoints: in each group, and the mean of these (None without groups)."""

    overall: float | None
    groups: dict[str, float]


def pck(pairs: Iterable[tuple[str, Sequence[float]]], alpha: float, reduction: str) -> Pck:
    """From the group and the errors of each pair; pairs without errors do not count."""
    pools: dict[str, list[float]] = {}
    for group, errors in pairs:
        if errors:
            right = [float(error < alpha) for error in errors]
            values = {"pair": [mean(right)], "keypoint": right}[reduction]
            pools.setdefault(group, []).extend(values)
    groups = {group: mean(pool) for group, pool in pools.items()}
    return Pck(mean(list(groups.values())) if groups else None, groups)


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)

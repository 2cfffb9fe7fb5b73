"""Positions resized by arithmetic on single values, without any interpolation of torch."""

import numpy as np


def _cubic(x: np.ndarray, a: float) -> np.ndarray:
    x = np.abs(x)
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _plain(new: int, old: int, factor: float) -> np.ndarray:
    """Weights of old places for each new one; places beyond the border count as the border."""
    weights = np.zeros((new, old))
    for place in range(new):
        centre = (place + 0.5) / factor - 0.5
        first = int(np.floor(centre)) - 1
        for one in range(first, first + 4):
            weights[place, min(max(one, 0), old - 1)] += _cubic(np.array(one - centre), -0.75)
    return weights


def _antialiased(new: int, old: int) -> np.ndarray:
    """The same with a kernel as wide as the shrinking is strong; beyond the border is nothing."""
    stretch = max(old / new, 1.0)
    weights = np.zeros((new, old))
    for place in range(new):
        centre = (place + 0.5) * old / new - 0.5
        weights[place] = _cubic((np.arange(old) - centre) / stretch, -0.5)
    return weights / weights.sum(axis=1, keepdims=True)


def _apply(grid: np.ndarray, down: np.ndarray, across: np.ndarray) -> np.ndarray:
    return np.einsum("ri,cj,ijk->rck", down, across, grid)


def by_factor(grid: np.ndarray, side: int) -> np.ndarray:
    """As DINO's and DINOv2's code on torch.hub: (H, W, C) to (side, side, C)."""
    old = grid.shape[0]
    weights = _plain(side, old, (side + 0.1) / old)
    return _apply(grid, weights, weights)


def to_size(grid: np.ndarray, side: int) -> np.ndarray:
    """As the library does for most families."""
    weights = _plain(side, grid.shape[0], side / grid.shape[0])
    return _apply(grid, weights, weights)


def with_antialias(grid: np.ndarray, side: int) -> np.ndarray:
    """As the published runs of CLIP and SigLIP, and DINOv2 with registers."""
    weights = _antialiased(side, grid.shape[0])
    return _apply(grid, weights, weights)


def sines(side: int, width: int) -> np.ndarray:
    """MAE's fixed positions of a grid, value by value: (side, side, width)."""
    quarter = width // 4
    found = np.zeros((side, side, width))
    for row in range(side):
        for column in range(side):
            for value in range(width):
                part, step = divmod(value, quarter)
                angle = (column if part < 2 else row) / 10000 ** (step / quarter)
                found[row, column, value] = np.sin(angle) if part % 2 == 0 else np.cos(angle)
    return found

"""Position embeddings resized as the original code of a family does, not as ``transformers`` does.

Four ways are known: DINO, iBOT and DINOv2 scale by a factor with an offset; DINOv2 with registers,
and the published runs of CLIP and SigLIP, resize with antialias; the published runs of MAE compute
its fixed sines and cosines anew for the larger grid.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import nn

OFFSET = 0.1
"""Added to the grid's rows and columns before the scale is computed, in DINO, iBOT and DINOv2."""

Way = Literal["offset", "antialias", "sines"]

WORDS: dict[Way, str] = {
    "offset": f"bicubic by the factor (photo's grid + {OFFSET}) / stored grid",
    "antialias": "bicubic to the photo's grid, with antialias",
    "sines": "sines and cosines computed for the photo's grid",
}

Resize = Callable[[torch.Tensor, int, int], torch.Tensor]


def hub_positions(
    stored: torch.Tensor,
    rows: int,
    columns: int,
    offset: float = OFFSET,
    antialias: bool = False,
    prefix: int = 1,
) -> torch.Tensor:
    """Resize learned positions, bicubic and in float32, by a factor or to a size.

    Args:
        stored: (1, prefix + N, C): of the tokens before the patches, then of a square grid of N.
        rows: of the photo's grid.
        columns: of the photo's grid.
        offset: added to rows and columns before they are divided by the stored ones. The factors
            so found also decide where samples are taken. 0 gives the size and no factors.
        antialias: of the interpolation.
        prefix: number of tokens before the patches that have a position.

    Returns:
        (1, prefix + rows * columns, C).
    """
    before, of_patches = stored[:, :prefix], stored[:, prefix:].float()
    count, width = of_patches.shape[1], of_patches.shape[2]
    side = round(count**0.5)
    if (rows, columns) == (side, side):
        return stored
    grid = of_patches.reshape(1, side, side, width).permute(0, 3, 1, 2)
    scale = ((rows + offset) / side, (columns + offset) / side) if offset else None
    larger = nn.functional.interpolate(
        grid,
        size=None if offset else (rows, columns),
        scale_factor=scale,
        mode="bicubic",
        antialias=antialias,
    )
    flat = larger.permute(0, 2, 3, 1).reshape(1, rows * columns, width)
    return torch.cat((before, flat.to(before.dtype)), dim=1)


def resized(stored: torch.Tensor, rows: int, columns: int, way: Way, prefix: int) -> torch.Tensor:
    """Positions for a photo's grid; see `hub_positions` for the rest.

    Args:
        stored: positions.
        rows: of the photo's grid.
        columns: of the photo's grid.
        way: see above.
        prefix: number of tokens before the patches that have a position.
    """
    if way == "offset":
        return hub_positions(stored, rows, columns, prefix=prefix)
    if way == "antialias":
        return hub_positions(stored, rows, columns, offset=0, antialias=True, prefix=prefix)
    before = stored[:, :prefix]
    if stored.shape[1] == prefix + rows * columns:
        return stored
    of_patches = sines(rows, columns, stored.shape[2]).to(stored.device, stored.dtype)
    return torch.cat((before, of_patches), dim=1)


def sines(rows: int, columns: int, width: int) -> torch.Tensor:
    """MAE's positions of a grid: a quarter each of sines and cosines of column, then of row.

    Args:
        rows: of the grid.
        columns: of the grid.
        width: values of a position, a multiple of four.

    Returns:
        (1, rows * columns, width), float32.
    """
    quarter = width // 4
    pace = 10000.0 ** -(torch.arange(quarter, dtype=torch.float64) / quarter)
    row, column = torch.meshgrid(
        torch.arange(rows, dtype=torch.float64),
        torch.arange(columns, dtype=torch.float64),
        indexing="ij",
    )
    across, down = column.reshape(-1, 1) * pace, row.reshape(-1, 1) * pace
    parts = (across.sin(), across.cos(), down.sin(), down.cos())
    return torch.cat(parts, dim=1)[None].float()


def resizer(stored: torch.Tensor, patch: int, way: Way, prefix: int) -> Resize:
    """A function in place of ``interpolate_pos_encoding`` of an embedding module of the library.

    Args:
        stored: the module's position embeddings, with or without a first dimension of 1.
        patch: side of a patch in px.
        way: see `resized`.
        prefix: see `resized`.
    """
    known: dict[tuple[int, int], torch.Tensor] = {}

    def interpolate(tokens: torch.Tensor, height: int, width: int) -> torch.Tensor:
        grid = (height // patch, width // patch)
        if grid not in known or known[grid].device != tokens.device:
            known.clear()  # photos of one run have one size
            # Not in the precision of the run: the original code resizes in float32 always.
            with torch.autocast(tokens.device.type, enabled=False):
                whole = stored if stored.ndim == 3 else stored[None]
                known[grid] = resized(whole.detach().to(tokens.device), *grid, way, prefix)
        return known[grid]

    return interpolate

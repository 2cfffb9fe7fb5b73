"""Position embeddings resized as the published runs did, where a library does it in another way.

Four ways are known: the code of DINO, iBOT, DINOv2 and DUNE scales by a factor with an offset; that
of DINOv2 with registers, and the published runs of CLIP and SigLIP, resize with antialias; that of
PE resizes bilinearly; the published runs of MAE compute its fixed sines and cosines anew.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import nn

from lvlm_eval.errors import InputError, nearest_names

POS_EMBEDS = ("library", "hub")
"""What a user can choose: the library's own way, or that of the published runs."""

OFFSET = 0.1
"""Added to a grid's rows and columns before the scale is computed: DINO, iBOT, DINOv2, DUNE."""

Way = Literal["offset", "antialias", "bilinear", "sines"]

WORDS: dict[Way, str] = {
    "offset": f"bicubic by the factor (photo's grid + {OFFSET}) / stored grid",
    "antialias": "bicubic to the photo's grid, with antialias",
    "bilinear": "bilinear to the photo's grid",
    "sines": "sines and cosines computed for the photo's grid",
}

Resize = Callable[[torch.Tensor, int, int], torch.Tensor]


def check_pos_embed(pos_embed: str) -> None:
    """Refuse what is none of `POS_EMBEDS`.

    Raises:
        InputError: with the nearest.
    """
    if pos_embed not in POS_EMBEDS:
        raise InputError(f"unknown pos_embed '{pos_embed}'. {nearest_names(pos_embed, POS_EMBEDS)}")


def resized(stored: torch.Tensor, rows: int, columns: int, way: Way, prefix: int) -> torch.Tensor:
    """Positions for a photo's grid; those stored where the grid is theirs.

    Args:
        stored: (1, prefix + N, C): of the tokens before the patches, then of a square grid of N.
        rows: of the photo's grid.
        columns: of the photo's grid.
        way: see above.
        prefix: number of tokens before the patches that have a position.

    Returns:
        (1, prefix + rows * columns, C).
    """
    before, of_patches = stored[:, :prefix], stored[:, prefix:]
    side = round(of_patches.shape[1] ** 0.5)
    if (rows, columns) == (side, side):
        return stored
    if way == "sines":
        larger = sines(rows, columns, stored.shape[2]).to(stored.device)
    else:
        larger = _interpolated(of_patches.float(), side, rows, columns, way)
    return torch.cat((before, larger.to(before.dtype)), dim=1)


def _interpolated(
    of_patches: torch.Tensor, side: int, rows: int, columns: int, way: Way
) -> torch.Tensor:
    """Of (1, side * side, C) in float32: (1, rows * columns, C)."""
    width = of_patches.shape[2]
    square = of_patches.reshape(1, side, side, width).permute(0, 3, 1, 2)
    if way == "offset":  # given as factors, which then also decide where samples are taken
        factors = ((rows + OFFSET) / side, (columns + OFFSET) / side)
        larger = nn.functional.interpolate(square, scale_factor=factors, mode="bicubic")
    elif way == "antialias":
        larger = nn.functional.interpolate(square, (rows, columns), mode="bicubic", antialias=True)
    else:
        larger = nn.functional.interpolate(square, (rows, columns), mode="bilinear")
    return larger.permute(0, 2, 3, 1).reshape(1, rows * columns, width)


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
    """A function in place of ``interpolate_pos_encoding`` of an embedding of ``transformers``.

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

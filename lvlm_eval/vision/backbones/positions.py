"""Position embeddings resized as the original DINO code does, not as ``transformers`` does."""

from collections.abc import Callable

import torch
from torch import nn

OFFSET = 0.1
"""Added to the grid's rows and columns before the scale is computed, in DINO, iBOT and DINOv2."""


def hub_positions(
    stored: torch.Tensor, rows: int, columns: int, offset: float = OFFSET, antialias: bool = False
) -> torch.Tensor:
    """Resize learned position embeddings as the code on torch.hub does.

    It gives the interpolation the scales (rows + 0.1) / stored rows and so for columns, which also
    decide where samples are taken, rather than the size. DINOv2 with registers gives the size and
    has antialias: an offset of 0 stands for that.

    Args:
        stored: (1, 1 + N, C): of the class token, then of a square grid of N patches.
        rows: of the photo's grid.
        columns: of the photo's grid.
        offset: see above.
        antialias: of the bicubic interpolation.

    Returns:
        (1, 1 + rows * columns, C).
    """
    of_class, of_patches = stored[:, :1], stored[:, 1:].float()
    count, width = of_patches.shape[1], of_patches.shape[2]
    side = round(count**0.5)
    if (rows, columns) == (side, side):
        return stored
    grid = of_patches.reshape(1, side, side, width).permute(0, 3, 1, 2)
    if offset:
        scale = ((rows + offset) / side, (columns + offset) / side)
        resized = nn.functional.interpolate(
            grid, scale_factor=scale, mode="bicubic", antialias=antialias
        )
    else:
        resized = nn.functional.interpolate(
            grid, size=(rows, columns), mode="bicubic", antialias=antialias
        )
    flat = resized.permute(0, 2, 3, 1).reshape(1, rows * columns, width)
    return torch.cat((of_class, flat.to(of_class.dtype)), dim=1)


def resizer(
    stored: nn.Parameter, patch: int, offset: float, antialias: bool
) -> Callable[[torch.Tensor, int, int], torch.Tensor]:
    """A function in place of ``interpolate_pos_encoding`` of an embedding module of the library.

    Args:
        stored: the module's position embeddings.
        patch: side of a patch in px.
        offset: see `hub_positions`.
        antialias: see `hub_positions`.
    """
    known: dict[tuple[int, int], torch.Tensor] = {}

    def resized(tokens: torch.Tensor, height: int, width: int) -> torch.Tensor:
        grid = (height // patch, width // patch)
        if grid not in known:
            known.clear()  # photos of one run have one size
            # Not in the precision of the run: the original code resizes in float32 always.
            with torch.autocast(stored.device.type, enabled=False):
                known[grid] = hub_positions(stored, *grid, offset, antialias)
        return known[grid]

    return resized

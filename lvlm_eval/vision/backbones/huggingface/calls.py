"""How the models of each family are prepared and called, so that they take photos of any size.

Each function gets the model, and each call the normalised pixels, (photos, 3, S, S), and the side
of a patch in px; what the model returns is dropped, since features are caught on the way.
"""

from typing import Any

import torch
from torch import nn


def plain(model: Any, pixels: torch.Tensor, patch: int) -> None:
    """Of models that take photos of any size."""
    model(pixels)


def resizing(model: Any, pixels: torch.Tensor, patch: int) -> None:
    """Of models that take photos of one size unless told otherwise."""
    model(pixels, interpolate_pos_encoding=True)


def unmasked(model: Any, pixels: torch.Tensor, patch: int) -> None:
    """MAE drops and shuffles patches by noise; ascending noise and a ratio of 0 keep all in order.

    The ratio is set in `no_masking`.
    """
    cells = (pixels.shape[2] // patch) * (pixels.shape[3] // patch)
    noise = torch.arange(cells, device=pixels.device, dtype=torch.float32)
    model(pixels, noise=noise.expand(len(pixels), -1), interpolate_pos_encoding=True)


def no_masking(model: Any) -> None:
    """MAE's ratio of dropped patches is 0."""
    model.config.mask_ratio = 0.0
    model.embeddings.config.mask_ratio = 0.0


def patches_as_input(model: Any, pixels: torch.Tensor, patch: int) -> None:
    """SigLIP 2 of any resolution takes flat patches: rows first, the channel fastest."""
    photos, _, height, width = pixels.shape
    rows, columns = height // patch, width // patch
    cells = pixels.reshape(photos, 3, rows, patch, columns, patch).permute(0, 2, 4, 3, 5, 1)
    flat = cells.reshape(photos, rows * columns, patch * patch * 3)
    every = torch.ones(flat.shape[:2], dtype=torch.long, device=pixels.device)
    shapes = torch.tensor([[rows, columns]] * photos, device=pixels.device)
    model(flat, pixel_attention_mask=every, spatial_shapes=shapes)


def repeated_frame(model: Any, pixels: torch.Tensor, patch: int) -> None:
    """V-JEPA 2 sees the photo as the frames of one tubelet.

    It tells rows and columns from a token's number by the grid of its training; with another grid
    rows would be broken in the wrong places.
    """
    for block in model.encoder.layer:
        block.attention.grid_size = pixels.shape[-1] // patch
    model.encoder(pixels[:, None].expand(-1, model.config.tubelet_size, -1, -1, -1))


def any_size(model: Any, pixels: torch.Tensor, patch: int) -> None:
    """SAM's encoder takes one size; its absolute positions are resized here, the relative by it."""
    encoder = model.vision_encoder
    size, grid = pixels.shape[-1], pixels.shape[-1] // patch
    encoder.patch_embed.image_size = (size, size)
    stored = encoder.pos_embed
    if stored is None or stored.shape[1] == grid:
        model(pixels)
        return
    resized = nn.functional.interpolate(
        stored.permute(0, 3, 1, 2), size=(grid, grid), mode="bicubic", align_corners=False
    )
    encoder.pos_embed = nn.Parameter(resized.permute(0, 2, 3, 1), requires_grad=False)
    try:
        model(pixels)
    finally:
        encoder.pos_embed = stored


def nothing(model: Any) -> None:
    """Most models are used as they are loaded."""

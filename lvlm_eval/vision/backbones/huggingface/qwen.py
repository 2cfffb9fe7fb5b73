"""The vision towers of Qwen's LVLMs, whose patches are merged four to one for the language model.

The towers of LLaVA-OneVision and InternVL are ordinary vision transformers: see `families`.
"""

from collections.abc import Mapping
from typing import Any

import torch
import transformers

from lvlm_eval.errors import InputError
from lvlm_eval.models.local.loading import explained
from lvlm_eval.vision.backbones.backbone import Photos
from lvlm_eval.vision.backbones.blocks import check_final_norm, keep_blocks, output_of
from lvlm_eval.vision.backbones.huggingface.content import content_of
from lvlm_eval.vision.backbones.huggingface.loading import (
    MEMORY,
    load_config,
    load_vision,
    normalisation_of,
    vision_config,
)
from lvlm_eval.vision.backbones.normalisation import CLIP, HALF, Normalisation
from lvlm_eval.vision.backbones.torch_backbone import TorchBackbone

QWEN: Mapping[str, Normalisation] = {
    "qwen2_5_vl": CLIP,
    "qwen3_vl": HALF,
    "qwen3_vl_moe": HALF,
}
"""Normalisation by the type of the whole model, for checkpoints that do not tell it."""

PUBLISHED_PIXELS = (200_704, 1_003_520)
"""Bounds on the pixels of a photo in the published runs, whose processor resizes others."""


class QwenTower(TorchBackbone):
    """Features of the vision tower of Qwen2.5-VL or Qwen3-VL, one a cell of 2 × 2 patches.

    Photos are never resized to the model's own budget of pixels: a line says so where the published
    runs would have done that.

    Args:
        checkpoint: hub id or folder of the whole model; only the tower is loaded.
        layer: number of the block whose output to take, from 0; negative ones count from the end.
            None, together with no ``final_norm``, takes what the merger behind the last block
            makes of each cell, which is what the language model sees.
        final_norm: of a block's output, whether the norm at the merger's begin is applied. The four
            patches of a cell then stand one after the other in its feature, row by row.
        normalisation: ``imagenet``, ``clip``, ``half`` or ``raw``; None takes the checkpoint's own.
        precision: see `torch_backbone.PRECISIONS`.
        device: None takes a GPU if there is one.
        revision: of the hub repository.

    Raises:
        InputError: the checkpoint cannot be had or is none of Qwen's, or lacks the layer.
    """

    def __init__(
        self,
        checkpoint: str,
        layer: int | None = None,
        final_norm: bool | None = None,
        normalisation: str | None = None,
        precision: str = "float32",
        device: str | None = None,
        revision: str | None = None,
    ) -> None:
        super().__init__(device=device, precision=precision)
        config = load_config(checkpoint, revision)
        if config.model_type not in QWEN:
            raise InputError(f"'{checkpoint}' ({config.model_type}) has no vision tower of Qwen's.")
        if final_norm is not None:
            check_final_norm(final_norm)
        of_vision = vision_config(config)
        self.normalisation = normalisation_of(
            checkpoint, normalisation, QWEN[config.model_type], revision
        )
        made = transformers.AutoModel._model_mapping[type(of_vision)]
        model = load_vision(checkpoint, config, made, revision)
        self._side = int(of_vision.patch_size)
        self._merge = int(of_vision.spatial_merge_size)
        self._frames = int(of_vision.temporal_patch_size)
        self.patch = self._side * self._merge
        self._merged = layer is None and final_norm is None
        self.layer = keep_blocks(f"'{checkpoint}'", model.blocks, -1 if layer is None else layer)
        self._norm = _merger_norm(model.merger) if final_norm else None
        window = getattr(of_vision, "window_size", None)
        self._window = window // self.patch if window else None
        with explained(checkpoint, MEMORY):
            self._model = model.to(self.device)
        self._class = made.__name__
        self._checkpoint = content_of(checkpoint, revision)
        self._told = False

    def encode(self, photos: Photos) -> torch.Tensor:
        """See `Backbone.encode`."""
        pixels = photos.shape[1] * photos.shape[2]
        least, most = PUBLISHED_PIXELS
        if not self._told and not least <= pixels <= most:
            self._told = True
            self.tell(
                f"photos of {photos.shape[1]} × {photos.shape[2]} px are shown to the tower as "
                f"they are; the published runs resize photos to {least:,} to {most:,} pixels"
            )
        return super().encode(photos)

    def _maps(self, pixels: torch.Tensor) -> torch.Tensor:
        rows, columns = pixels.shape[2] // self.patch, pixels.shape[3] // self.patch
        flat, grids = self._inputs(pixels)
        if self._merged:
            cells = output_of(self._model.merger, lambda: self._model(flat, grid_thw=grids))
        else:
            block = self._model.blocks[-1]
            tokens = output_of(block, lambda: self._model(flat, grid_thw=grids))
            if self._norm is not None:
                tokens = self._norm(tokens)
            cells = tokens.reshape(-1, self._merge**2 * tokens.shape[-1])
        each = cells.reshape(len(pixels), rows * columns, cells.shape[-1])
        if self._window is not None:
            order = window_order(rows, columns, self._window).to(each.device)
            each = each[:, torch.argsort(order)]
        return each.reshape(len(pixels), rows, columns, each.shape[-1])

    def _inputs(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Patches as flat vectors, cell by cell, all photos one after the other; and their grids.

        The tower sees videos: the photo is each of the frames of one patch.
        """
        photos, _, height, width = pixels.shape
        side, merge = self._side, self._merge
        rows, columns = height // self.patch, width // self.patch
        cells = pixels.reshape(photos, 3, rows, merge, side, columns, merge, side)
        # To photo, row and column of the cell, of the patch in it, then channel and pixel.
        ordered = cells.permute(0, 2, 5, 3, 6, 1, 4, 7)
        frames = ordered[..., None, :, :].expand(*(-1,) * 6, self._frames, -1, -1)
        grid = [1, height // side, width // side]
        return (
            frames.reshape(-1, 3 * self._frames * side * side),
            torch.tensor([grid] * photos, device=pixels.device),
        )

    def identity(self) -> Mapping[str, Any]:
        """What is done to a photo on its way to features, and the checkpoint's content."""
        return {
            **super().identity(),
            "checkpoint": self._checkpoint,
            "model": self._class,
            "patch": self.patch,
            "block": self.layer,
            "merged": self._merged,
            "final_norm": self._norm is not None,
            "dropped_tokens": 0,
            "positions": "the library's, for the photo's grid",
        }


def window_order(rows: int, columns: int, window: int) -> torch.Tensor:
    """The order in which Qwen2.5-VL's tower holds cells: window by window, row by row in each.

    Args:
        rows: of cells.
        columns: of cells.
        window: side of a window, in cells.

    Returns:
        (rows * columns,): the number of the cell at each place.
    """
    row = torch.arange(rows)[:, None] // window
    column = torch.arange(columns)[None, :] // window
    windows = row * -(-columns // window) + column
    return torch.argsort(windows.reshape(-1), stable=True)


def _merger_norm(merger: Any) -> Any:
    return merger.ln_q if hasattr(merger, "ln_q") else merger.norm

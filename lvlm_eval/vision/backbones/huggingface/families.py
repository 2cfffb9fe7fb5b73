"""What differs between the vision transformers of the ``transformers`` library, as data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from lvlm_eval.vision.backbones.normalisation import CLIP, HALF, IMAGENET, RAW, Normalisation
from lvlm_eval.vision.backbones.positions import Way

BICUBIC = "bicubic to the photo's grid"
ROTARY = "rotary, computed for the photo's grid"


def _plain(model: Any, pixels: torch.Tensor, patch: int) -> None:
    model(pixels)


def _resizing(model: Any, pixels: torch.Tensor, patch: int) -> None:
    """Of models that take photos of one size unless told otherwise."""
    model(pixels, interpolate_pos_encoding=True)


def _unmasked(model: Any, pixels: torch.Tensor, patch: int) -> None:
    """MAE drops and shuffles patches by noise; ascending noise and a ratio of 0 keep all in order.

    The ratio is set in `_no_masking`.
    """
    cells = (pixels.shape[2] // patch) * (pixels.shape[3] // patch)
    noise = torch.arange(cells, device=pixels.device, dtype=torch.float32)
    model(pixels, noise=noise.expand(len(pixels), -1), interpolate_pos_encoding=True)


def _no_masking(model: Any) -> None:
    model.config.mask_ratio = 0.0
    model.embeddings.config.mask_ratio = 0.0


def _patches_as_input(model: Any, pixels: torch.Tensor, patch: int) -> None:
    """SigLIP 2 of any resolution takes flat patches: rows first, the channel fastest."""
    photos, _, height, width = pixels.shape
    rows, columns = height // patch, width // patch
    cells = pixels.reshape(photos, 3, rows, patch, columns, patch).permute(0, 2, 4, 3, 5, 1)
    flat = cells.reshape(photos, rows * columns, patch * patch * 3)
    every = torch.ones(flat.shape[:2], dtype=torch.long, device=pixels.device)
    shapes = torch.tensor([[rows, columns]] * photos, device=pixels.device)
    model(flat, pixel_attention_mask=every, spatial_shapes=shapes)


def _repeated_frame(model: Any, pixels: torch.Tensor, patch: int) -> None:
    """V-JEPA 2 sees the photo as the frames of one tubelet.

    It tells rows and columns from a token's number by the grid of its training; with another grid
    rows would be broken in the wrong places.
    """
    for block in model.encoder.layer:
        block.attention.grid_size = pixels.shape[-1] // patch
    model.encoder(pixels[:, None].expand(-1, model.config.tubelet_size, -1, -1, -1))


def _any_size(model: Any, pixels: torch.Tensor, patch: int) -> None:
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


def _nothing(model: Any) -> None:
    """Most models are used as they are loaded."""


def _none(config: Any) -> int:
    return 0


def _one(config: Any) -> int:
    return 1


def _one_and_registers(config: Any) -> int:
    return 1 + int(config.num_register_tokens)


@dataclass(frozen=True, slots=True)
class Family:
    """How features are taken from the models of one family.

    Attributes:
        model: class of the library.
        blocks: dotted path to the list of blocks.
        norm: dotted path to what ``final_norm`` applies.
        dropped: of a configuration the number of tokens before the patches.
        tokens: what they are, in words.
        normalisation: of pixels, for checkpoints that do not tell it.
        positions: how the library resizes positions to the photo's grid.
        hub: how the family's original code does, or that of the published runs; None where that is
            the library's way, or not known.
        stored: dotted path to the positions that ``hub`` resizes.
        run: calls the model; the features are caught on the way.
        prepare: changes the model once it is loaded.
        loading: more arguments of ``from_pretrained``.
        note: what else is done, for the identity.
    """

    model: str
    blocks: str
    norm: str
    dropped: Callable[[Any], int] = _none
    tokens: str = ""
    normalisation: Normalisation = IMAGENET
    positions: str = BICUBIC
    hub: Way | None = None
    stored: str = "embeddings.position_embeddings"
    run: Callable[[Any, torch.Tensor, int], None] = _plain
    prepare: Callable[[Any], None] = _nothing
    loading: Mapping[str, Any] | None = None
    note: str = ""


_WEIGHT = "embeddings.position_embedding.weight"

_CLIP = Family(
    "CLIPVisionModel",
    "encoder.layers",
    "post_layernorm",
    _one,
    "class",
    normalisation=CLIP,
    hub="antialias",
    stored=_WEIGHT,
    run=_resizing,
)
_SIGLIP = Family(
    "SiglipVisionModel",
    "encoder.layers",
    "post_layernorm",
    normalisation=HALF,
    hub="antialias",
    stored=_WEIGHT,
    run=_resizing,
)

FAMILIES: Mapping[str, Family] = {
    "dinov2": Family("Dinov2Model", "encoder.layer", "layernorm", _one, "class", hub="offset"),
    "dinov2_with_registers": Family(
        "Dinov2WithRegistersModel",
        "encoder.layer",
        "layernorm",
        _one_and_registers,
        "class and registers",
        positions=f"{BICUBIC}, with antialias",
        hub="antialias",
    ),
    "dinov3_vit": Family(
        "DINOv3ViTModel",
        "model.layer",
        "norm",
        _one_and_registers,
        "class and registers",
        positions=ROTARY,
    ),
    "vit": Family(
        "ViTModel",
        "layers",
        "layernorm",
        _one,
        "class",
        normalisation=HALF,
        hub="offset",
        run=_resizing,
        loading={"add_pooling_layer": False},
    ),
    "vit_mae": Family(
        "ViTMAEModel",
        "layers",
        "layernorm",
        _one,
        "class",
        hub="sines",
        run=_unmasked,
        prepare=_no_masking,
        note="no patch is masked",
    ),
    "ijepa": Family("IJepaModel", "layers", "layernorm", run=_resizing),
    "pixio": Family(
        "PixioModel",
        "layers",
        "layernorm",
        lambda config: int(config.n_cls_tokens),
        "class",
    ),
    "clip_vision_model": _CLIP,
    "metaclip_2_vision_model": Family(
        "MetaClip2VisionModel",
        "encoder.layers",
        "post_layernorm",
        _one,
        "class",
        normalisation=CLIP,
        hub="antialias",
        stored=_WEIGHT,
        run=_resizing,
    ),
    "siglip_vision_model": _SIGLIP,
    "siglip2_vision_model": Family(
        "Siglip2VisionModel",
        "encoder.layers",
        "post_layernorm",
        normalisation=HALF,
        positions="bilinear to the photo's grid, with antialias",
        run=_patches_as_input,
    ),
    "sam_vision_model": Family(
        "SamVisionModel",
        "vision_encoder.layers",
        "vision_encoder.neck",
        positions=f"absolute: {BICUBIC}; relative: linear",
        run=_any_size,
        note="final_norm applies the encoder's neck: two convolutions with norms",
    ),
    "vjepa2": Family(
        "VJEPA2Model",
        "encoder.layer",
        "encoder.layernorm",
        positions=ROTARY,
        run=_repeated_frame,
        note="the photo is each frame of one tubelet",
    ),
    "radio": Family(
        "RadioModel",
        "encoder.layer",
        "",
        lambda config: int(config.num_summary_tokens),
        "class and registers",
        normalisation=RAW,
        positions="bilinear to the photo's grid",
        note="the model normalises pixels itself and has no final norm",
    ),
    "internvl_vision": Family("InternVLVisionModel", "encoder.layer", "layernorm", _one, "class"),
}
"""By the model type of the vision part's configuration."""

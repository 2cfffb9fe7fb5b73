"""What differs between the vision transformers of the ``transformers`` library, as data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from lvlm_eval.vision.backbones.huggingface.calls import (
    any_size,
    no_masking,
    nothing,
    patches_as_input,
    plain,
    repeated_frame,
    resizing,
    unmasked,
)
from lvlm_eval.vision.backbones.normalisation import CLIP, HALF, IMAGENET, RAW, Normalisation
from lvlm_eval.vision.backbones.positions import Way

BICUBIC = "bicubic to the photo's grid"
ROTARY = "rotary, computed for the photo's grid"


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
    run: Callable[[Any, torch.Tensor, int], None] = plain
    prepare: Callable[[Any], None] = nothing
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
    run=resizing,
)
_SIGLIP = Family(
    "SiglipVisionModel",
    "encoder.layers",
    "post_layernorm",
    normalisation=HALF,
    hub="antialias",
    stored=_WEIGHT,
    run=resizing,
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
        run=resizing,
        loading={"add_pooling_layer": False},
    ),
    "vit_mae": Family(
        "ViTMAEModel",
        "layers",
        "layernorm",
        _one,
        "class",
        hub="sines",
        run=unmasked,
        prepare=no_masking,
        note="no patch is masked",
    ),
    "ijepa": Family("IJepaModel", "layers", "layernorm", run=resizing),
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
        run=resizing,
    ),
    "siglip_vision_model": _SIGLIP,
    "siglip2_vision_model": Family(
        "Siglip2VisionModel",
        "encoder.layers",
        "post_layernorm",
        normalisation=HALF,
        positions="bilinear to the photo's grid, with antialias",
        run=patches_as_input,
    ),
    "sam_vision_model": Family(
        "SamVisionModel",
        "vision_encoder.layers",
        "vision_encoder.neck",
        positions=f"absolute: {BICUBIC}; relative: linear",
        run=any_size,
        note="final_norm applies the encoder's neck: two convolutions with norms",
    ),
    "vjepa2": Family(
        "VJEPA2Model",
        "encoder.layer",
        "encoder.layernorm",
        positions=ROTARY,
        run=repeated_frame,
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

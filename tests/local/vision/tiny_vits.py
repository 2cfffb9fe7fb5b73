"""Tiny models with random weights of every family, and their library's own features.

Nothing here comes from the package: models are run as their library's documentation says, and
what a block gives is what the library returns as its hidden states.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers as lib

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
RAW = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))

WIDTH, BLOCKS = 24, 3
BASE = {"hidden_size": WIDTH, "num_hidden_layers": BLOCKS, "num_attention_heads": 2}
VIT = BASE | {"intermediate_size": 40}
TEXT = VIT | {"vocab_size": 50, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}

Pixels = torch.Tensor


def photos(count: int, side: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def pixels_of(shown: np.ndarray, normalisation: Any) -> Pixels:
    mean, deviation = (np.array(one, dtype=np.float64) for one in normalisation)
    values = (shown.astype(np.float64) / 255 - mean) / deviation
    return torch.from_numpy(values.transpose(0, 3, 1, 2)).float()


def randomized(model: Any, seed: int = 0) -> Any:
    """All weights drawn anew: many of a library's beginnings are zero and would hide mistakes."""
    draws = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weights in model.named_parameters():
            noise = torch.randn(weights.shape, generator=draws)
            if weights.ndim == 1 and not name.endswith("bias"):
                weights.copy_(1 + 0.2 * noise)
            else:
                weights.copy_(0.2 * noise)
    return model.eval()


@dataclass(frozen=True)
class Case:
    """A family.

    Attributes:
        whole: makes the model as checkpoints hold it, for photos of a size.
        vision: class of its vision part.
        run: calls the vision part on pixels.
        patch: side in px.
        stored: side in px of photos that no positions are resized for.
        dropped: tokens before the patches.
        norm: dotted path to the final norm; empty if there is none.
        normalisation: expected without any file that tells it.
        larger: features at another size come from a model made for that size, with these weights.
    """

    whole: Callable[[int], Any]
    vision: str
    patch: int
    stored: int
    dropped: int = 0
    norm: str = "layernorm"
    normalisation: Any = IMAGENET
    run: Callable[[Any, Pixels], Any] = lambda model, pixels: model(
        pixels, output_hidden_states=True
    )
    larger: Callable[[Any, Any], None] | None = None


def resizing(model: Any, pixels: Pixels) -> Any:
    return model(pixels, interpolate_pos_encoding=True, output_hidden_states=True)


def mae(model: Any, pixels: Pixels) -> Any:
    model.config.mask_ratio = 0.0
    count = (pixels.shape[2] // 16) * (pixels.shape[3] // 16)
    ascending = torch.linspace(0, 1, count).expand(len(pixels), -1)
    return model(pixels, noise=ascending, interpolate_pos_encoding=True, output_hidden_states=True)


def naflex(model: Any, pixels: Pixels) -> Any:
    from transformers.models.siglip2.image_processing_pil_siglip2 import convert_image_to_patches

    flat = np.stack([convert_image_to_patches(one.numpy(), 16) for one in pixels])
    side = pixels.shape[2] // 16
    return model(
        torch.from_numpy(flat),
        pixel_attention_mask=torch.ones(flat.shape[:2], dtype=torch.int32),
        spatial_shapes=torch.tensor([[side, side]] * len(flat)),
        output_hidden_states=True,
    )


def video(model: Any, pixels: Pixels) -> Any:
    """V-JEPA 2 repeats a single frame by itself."""
    return model(pixels.unsqueeze(1), skip_predictor=True, output_hidden_states=True)


def larger_sam(larger: Any, usual: Any) -> None:
    """The same weights, relative positions too (the library resizes those), absolute resized."""
    state = usual.state_dict()
    grid = larger.vision_encoder.pos_embed.shape[1]
    absolute = torch.nn.functional.interpolate(
        state.pop("vision_encoder.pos_embed").permute(0, 3, 1, 2), size=(grid, grid), mode="bicubic"
    )
    for name in [one for one in state if "rel_pos" in one]:
        block, part = name.removeprefix("vision_encoder.layers.").split(".attn.")
        setattr(
            larger.vision_encoder.layers[int(block)].attn, part, torch.nn.Parameter(state.pop(name))
        )
    larger.load_state_dict(state, strict=False)
    larger.vision_encoder.pos_embed = torch.nn.Parameter(absolute.permute(0, 2, 3, 1))


def same(larger: Any, usual: Any) -> None:
    larger.load_state_dict(usual.state_dict())


def sam(side: int) -> Any:
    config = {
        **BASE, "image_size": side, "patch_size": 16, "window_size": 3, "global_attn_indexes": [1],
        "output_channels": 12, "mlp_dim": 40,
    }  # fmt: skip
    return lib.SamModel(lib.SamConfig(vision_config=config))


def vjepa(side: int) -> Any:
    return lib.VJEPA2Model(
        lib.VJEPA2Config(
            **BASE, crop_size=side, frames_per_clip=4, num_pooler_layers=1, pred_hidden_size=24,
            pred_num_attention_heads=2, pred_num_hidden_layers=1,
        )
    )  # fmt: skip


def clip_like(model: str, config: str, patch: int = 16, **more: Any) -> Callable[[int], Any]:
    def made(side: int) -> Any:
        sizes = {"image_size": side} if "num_patches" not in more else {}
        vision = VIT | {"patch_size": patch} | sizes | more
        whole = getattr(lib, config)(vision_config=vision, text_config=dict(TEXT))
        return getattr(lib, model)(whole)

    return made


def vit_like(model: str, config: str, patch: int, **more: Any) -> Callable[[int], Any]:
    def made(side: int) -> Any:
        sizes = {"image_size": [side, side] if model.startswith("Intern") else side}
        side_of_patch = [patch, patch] if model.startswith("Intern") else patch
        return getattr(lib, model)(
            getattr(lib, config)(patch_size=side_of_patch, **sizes, **(VIT | more))
        )

    return made


def ratio_like(model: str, config: str, patch: int, **more: Any) -> Callable[[int], Any]:
    """Of configurations that tell the width of their middle layers by a ratio."""
    return lambda side: getattr(lib, model)(
        getattr(lib, config)(patch_size=patch, image_size=side, mlp_ratio=2, **BASE, **more)
    )


CASES = {
    "dinov2": Case(ratio_like("Dinov2Model", "Dinov2Config", 14), "Dinov2Model", 14, 518, 1),
    "dinov2-registers": Case(
        ratio_like("Dinov2WithRegistersModel", "Dinov2WithRegistersConfig", 14),
        "Dinov2WithRegistersModel", 14, 518, 5,
    ),
    "dinov3": Case(
        vit_like("DINOv3ViTModel", "DINOv3ViTConfig", 16, num_register_tokens=4),
        "DINOv3ViTModel", 16, 64, 5, norm="norm",
    ),
    "vit": Case(
        vit_like("ViTModel", "ViTConfig", 16), "ViTModel", 16, 64, 1,
        normalisation=HALF, run=resizing,
    ),
    "mae": Case(
        vit_like("ViTMAEForPreTraining", "ViTMAEConfig", 16), "ViTMAEModel", 16, 64, 1, run=mae
    ),
    "ijepa": Case(vit_like("IJepaModel", "IJepaConfig", 14), "IJepaModel", 14, 56, run=resizing),
    "pixio": Case(ratio_like("PixioModel", "PixioConfig", 16), "PixioModel", 16, 64, 8),
    "clip": Case(
        clip_like("CLIPModel", "CLIPConfig"), "CLIPVisionModel", 16, 64, 1, "post_layernorm", CLIP,
        resizing,
    ),
    "metaclip2": Case(
        clip_like("MetaClip2Model", "MetaClip2Config"), "MetaClip2VisionModel", 16, 64, 1,
        "post_layernorm", CLIP, resizing,
    ),
    "siglip": Case(
        clip_like("SiglipModel", "SiglipConfig"), "SiglipVisionModel", 16, 64, 0, "post_layernorm",
        HALF, resizing,
    ),
    "siglip2": Case(
        clip_like("Siglip2Model", "Siglip2Config", num_patches=16), "Siglip2VisionModel", 16, 64, 0,
        "post_layernorm", HALF, naflex,
    ),
    "sam": Case(sam, "SamVisionModel", 16, 128, norm="vision_encoder.neck", larger=larger_sam),
    "vjepa2": Case(
        vjepa, "VJEPA2Model", 16, 64, norm="encoder.layernorm", run=video, larger=same
    ),
    "radio": Case(
        lambda side: lib.RadioModel(lib.RadioConfig(**BASE, max_img_size=side)),
        "RadioModel", 16, 256, 10, "", RAW,
    ),
    "internvl": Case(
        vit_like("InternVLVisionModel", "InternVLVisionConfig", 14, use_mean_pooling=False),
        "InternVLVisionModel", 14, 56, 1,
    ),
}  # fmt: skip


def made(case: Case, folder: Path) -> Path:
    """A checkpoint of a family."""
    randomized(case.whole(case.stored)).save_pretrained(folder)
    return folder


def loaded(case: Case, folder: Path, side: int) -> Any:
    """The vision part, by the library, for photos of a size."""
    vision = getattr(lib, case.vision).from_pretrained(folder).eval()
    if case.larger is None or side == case.stored:
        return vision
    whole = case.whole(side)
    config = getattr(whole.config, "vision_config", whole.config)
    larger = getattr(lib, case.vision)(config).eval()
    case.larger(larger, vision)
    return larger


def own_features(
    case: Case, folder: Path, shown: np.ndarray, block: int, norm: bool, normalisation: Any = None
) -> torch.Tensor:
    """What the library's own model gives: (photos, H, W, C)."""
    side = shown.shape[1]
    model = loaded(case, folder, side)
    with torch.no_grad():
        output = case.run(model, pixels_of(shown, normalisation or case.normalisation))
        tokens = output.hidden_states[block if block < 0 else block + 1]
        if norm:
            part = model
            for name in case.norm.split("."):
                part = getattr(part, name)
            tokens = part(tokens)
            tokens = tokens.permute(0, 2, 3, 1) if tokens.ndim == 4 else tokens
    grid = side // case.patch
    if tokens.ndim == 4:
        return tokens
    return tokens[:, case.dropped :].reshape(len(shown), grid, grid, -1)

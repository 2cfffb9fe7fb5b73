"""Tiny vision backbones with random weights: no language model, so no tokenizer and no answers."""

from pathlib import Path

import torch
import transformers

from lvlm_eval.models.tiny.families import IMAGENET, PATCH, tower
from lvlm_eval.models.tiny.names import Sizes
from lvlm_eval.models.tiny.tokenizer import write_json

SIDE = 518
"""Side in px of the photos that the published DINOv2 has position embeddings for."""

PROCESSOR = {
    "image_processor_type": "BitImageProcessor",
    "do_resize": True,
    "size": {"shortest_edge": 256},
    "resample": 3,
    "do_center_crop": True,
    "crop_size": {"height": 224, "width": 224},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    **IMAGENET,
}
"""As published, which cuts the middle out of a photo."""


def write_dinov2(folder: Path, sizes: Sizes) -> None:
    """Write a DINOv2 into a folder.

    Args:
        folder: an existing one.
        sizes: of the model; it has no bound on pixels.
    """
    vision = tower(sizes)
    ratio = vision.pop("intermediate_size") // vision["hidden_size"]
    config = transformers.Dinov2Config(**vision, mlp_ratio=ratio, image_size=SIDE, patch_size=PATCH)
    model = transformers.Dinov2Model(config)
    _randomize(model, sizes.seed)
    model.save_pretrained(folder)
    write_json(folder / "preprocessor_config.json", PROCESSOR)


def _randomize(model: torch.nn.Module, seed: int) -> None:
    """Draw all weights anew, so that they depend on the seed alone.

    Signals keep their size from block to block, and what a patch shows counts for more than where
    it is.
    """
    draws = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weights in model.named_parameters():
            noise = torch.randn(weights.shape, generator=draws)
            if "position" in name or "token" in name:
                weights.copy_(0.1 * noise)
            elif weights.ndim >= 2:
                weights.copy_(noise * weights[0].numel() ** -0.5)
            elif "lambda" in name or ("norm" in name and name.endswith("weight")):
                weights.copy_(1 + 0.1 * noise)
            else:
                weights.copy_(0.05 * noise)

"""Vision transformers of the ``transformers`` library: DINOv2, DINOv3, MAE, CLIP and others."""

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

import torch

from lvlm_eval.errors import InputError, nearest_names
from lvlm_eval.models.local.loading import explained
from lvlm_eval.vision.backbones.blocks import (
    check_final_norm,
    grid_of,
    keep_blocks,
    output_of,
)
from lvlm_eval.vision.backbones.huggingface.content import content_of
from lvlm_eval.vision.backbones.huggingface.families import FAMILIES, Family
from lvlm_eval.vision.backbones.huggingface.loading import (
    MEMORY,
    load_config,
    load_vision,
    normalisation_of,
    vision_config,
)
from lvlm_eval.vision.backbones.positions import WORDS, check_pos_embed, resizer
from lvlm_eval.vision.backbones.torch_backbone import TorchBackbone


class TransformersBackbone(TorchBackbone):
    """Features of one block, one vector a patch, taken by a hook.

    The checkpoint's image processor, which may crop photos, is never used.

    Args:
        checkpoint: hub id or folder; of an LVLM its vision tower.
        layer: number of the block, from 0; negative ones count from the end.
        final_norm: whether the model's own final norm is applied to the block's output.
        pos_embed: ``library`` resizes positions as the library does, ``hub`` as the family's
            original code on torch.hub, or that of the published runs, does: see `positions`.
        normalisation: ``imagenet``, ``clip``, ``half`` or ``raw``; None takes the checkpoint's own.
        precision: see `torch_backbone.PRECISIONS`.
        device: None takes a GPU if there is one.
        revision: of the hub repository.

    Raises:
        InputError: the checkpoint cannot be had or is of an unknown family, lacks the layer, or an
            argument is wrong.
    """

    def __init__(
        self,
        checkpoint: str,
        layer: int = -1,
        final_norm: bool = False,
        pos_embed: str = "library",
        normalisation: str | None = None,
        precision: str = "float32",
        device: str | None = None,
        revision: str | None = None,
    ) -> None:
        super().__init__(device=device, precision=precision)
        config = load_config(checkpoint, revision)
        of_vision = vision_config(config)
        family = FAMILIES.get(of_vision.model_type)
        if family is None:
            raise InputError(_unknown(checkpoint, config, of_vision))
        self._family = family
        _check_choices(checkpoint, family, final_norm, pos_embed)
        self.normalisation = normalisation_of(
            checkpoint, normalisation, family.normalisation, revision
        )
        self.patch = _side(of_vision.patch_size)
        self._dropped = family.dropped(of_vision)
        model = load_vision(checkpoint, config, family.model, revision, family.loading)
        family.prepare(model)
        blocks = attrgetter(family.blocks)(model)
        self.layer = keep_blocks(f"'{checkpoint}'", blocks, layer)
        self._norm = attrgetter(family.norm)(model) if final_norm else None
        self._pos_embed = pos_embed
        self._positions = _positions(model, family, pos_embed, self.patch)
        with explained(checkpoint, MEMORY):
            self._model = model.to(self.device)
        self._block = blocks[-1]
        self._checkpoint = content_of(checkpoint, revision)

    def _maps(self, pixels: torch.Tensor) -> torch.Tensor:
        tokens = output_of(self._block, lambda: self._family.run(self._model, pixels, self.patch))
        rows, columns = pixels.shape[2] // self.patch, pixels.shape[3] // self.patch
        if tokens.ndim == 4:  # (photos, H, W, C): SAM's blocks, whose neck wants and gives channels
            if self._norm is None:
                return tokens
            necked: torch.Tensor = self._norm(tokens)
            return necked.permute(0, 2, 3, 1)
        if self._norm is not None:
            tokens = self._norm(tokens)
        return grid_of(self._family.model, tokens[:, self._dropped :], rows, columns)

    def identity(self) -> Mapping[str, Any]:
        """What is done to a photo on its way to features, and the checkpoint's content."""
        family = self._family
        told = {
            "checkpoint": self._checkpoint,
            "model": family.model,
            "patch": self.patch,
            "block": self.layer,
            "final_norm": self._norm is not None,
            "dropped_tokens": self._dropped,
            "dropped": family.tokens,
            "pos_embed": self._pos_embed,
            "positions": self._positions,
        }
        return {**super().identity(), **told, **({"note": family.note} if family.note else {})}


def _unknown(checkpoint: str, config: Any, of_vision: Any) -> str:
    if config.model_type.startswith("timm"):
        return f"'{checkpoint}' is a model of timm. Write timm:hf-hub:{checkpoint}"
    return (
        f"'{checkpoint}' ({config.model_type}) is of a family whose features are not known here. "
        f"{nearest_names(of_vision.model_type, FAMILIES)} A file of your own can take them: "
        "--backbone my_backbone.py"
    )


def _check_choices(checkpoint: str, family: Family, final_norm: bool, pos_embed: str) -> None:
    check_pos_embed(pos_embed)
    if pos_embed == "hub" and family.hub is None:
        raise InputError(
            f"pos_embed 'hub': no other way to resize positions than the library's is known of "
            f"{family.model} ('{checkpoint}'). Leave it out, or give 'library'."
        )
    check_final_norm(final_norm)
    if final_norm and not family.norm:
        raise InputError(f"{family.model} has no final norm. Leave final_norm out.")


def _side(patch: Any) -> int:
    return int(patch[0] if isinstance(patch, list | tuple) else patch)


def _positions(model: Any, family: Family, pos_embed: str, patch: int) -> str:
    """Change how positions are resized if that is wanted, and say how they are."""
    if pos_embed == "library" or family.hub is None:
        return family.positions
    # Registers get no position; the class token does.
    prefix = 1 if family.tokens else 0
    stored = attrgetter(family.stored)(model)
    model.embeddings.interpolate_pos_encoding = resizer(stored, patch, family.hub, prefix)
    return WORDS[family.hub]

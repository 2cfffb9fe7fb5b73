"""Models of timm: vision transformers by a hook on a block, others by their feature stages."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import torch

from lvlm_eval.datasets.fingerprint import fingerprint_files
from lvlm_eval.errors import InputError, nearest_names
from lvlm_eval.vision.backbones.blocks import block_number
from lvlm_eval.vision.backbones.normalisation import named_normalisation
from lvlm_eval.vision.backbones.obtaining import obtaining
from lvlm_eval.vision.backbones.positions import check_pos_embed
from lvlm_eval.vision.backbones.timm_models.positions import TimmWay, hub_way
from lvlm_eval.vision.backbones.timm_models.tokens import TokenBackbone, fitting, is_tokens
from lvlm_eval.vision.backbones.torch_backbone import TorchBackbone

LOCAL = "local-dir:"
"""Before the folder of a model, in timm's way."""

NO_WEIGHTS = (
    "Without a network its weights must be in the cache of the hub; or give a file of them as "
    "checkpoint=FILE"
)


class TimmBackbone(TokenBackbone):
    """A pretrained model of timm, by its name there.

    Of a transformer, the output of one block, without the tokens of no patch. Of other models, such
    as ConvNeXt or Swin, the output of one feature stage; a cell is then the stage's stride.

    With the real weights these are unverified: they could not be loaded where this was written. The
    code is timm's own and is tested with random weights.

    Args:
        name: with or without a tag, as ``vit_base_patch16_224.dino``; ``hf-hub:`` and
            ``local-dir:`` as timm understands them.
        layer: number of the block or stage, from 0; negative ones count from the end.
        final_norm: whether the model's own final norm is applied to the block's output.
        pos_embed: ``library`` resizes positions as timm does, ``hub`` as the published runs of
            DINO, DINOv2, PE, C-RADIO, CLIP and SigLIP.
        normalisation: ``imagenet``, ``clip``, ``half`` or ``raw``; None takes the weights' own.
        precision: see `torch_backbone.PRECISIONS`.
        device: None takes a GPU if there is one.
        checkpoint: a file of weights to take in place of those of the hub, in timm's layout or in
            one that timm converts.

    Raises:
        InputError: timm has no such model, the weights cannot be had or do not fit, the model lacks
            the layer or the norm, or an argument is wrong.
    """

    incidental = frozenset({"checkpoint"})  # its content is in the identity

    def __init__(
        self,
        name: str,
        layer: int = -1,
        final_norm: bool = False,
        pos_embed: str = "library",
        normalisation: str | None = None,
        precision: str = "float32",
        device: str | None = None,
        checkpoint: str | None = None,
    ) -> None:
        super().__init__(device=device, precision=precision)
        what = f"timm model '{name}'"
        check_pos_embed(pos_embed)
        model = _created(name, what, checkpoint)
        known = model.pretrained_cfg
        self.normalisation = named_normalisation(normalisation, (known["mean"], known["std"]))
        # Weights alone do not tell how they are used: with a quick GELU, for one.
        self._told = {
            "model": known["architecture"],
            "weights": _weights_told(name, known, checkpoint),
        }
        self._stage: int | None = None
        if is_tokens(model):
            self._adopt(what, model, layer, final_norm, _way(what, name, model, pos_embed))
        else:
            _check_stages(what, model, final_norm, pos_embed)
            self._what = what
            self._stage = block_number(what, layer, len(model.feature_info), "feature stages")
            self.patch = int(model.feature_info[self._stage]["reduction"])
            self._model = model.eval().requires_grad_(False).to(self.device)

    def _maps(self, pixels: torch.Tensor) -> torch.Tensor:
        if self._stage is None:
            return super()._maps(pixels)
        with fitting(self._what, pixels):
            (maps,) = self._model.forward_intermediates(
                pixels, indices=[self._stage], intermediates_only=True, stop_early=True
            )
        found: torch.Tensor = maps.permute(0, 2, 3, 1)
        return found

    def identity(self) -> Mapping[str, Any]:
        """What is done to a photo on its way to features, and which weights do it."""
        if self._stage is None:
            return {**super().identity(), **self._told}
        of_stages = {"patch": self.patch, "stage": self._stage}
        return {**TorchBackbone.identity(self), **of_stages, **self._told}


def _created(name: str, what: str, checkpoint: str | None) -> Any:
    """The model with all its weights; its classifier too, so that none can be missing unseen."""
    architecture = name.partition(".")[0]
    if ":" not in name and not timm.is_model(architecture):
        hint = nearest_names(architecture, timm.list_models())
        raise InputError(f"timm has no model '{architecture}'. {hint}")
    more = {}
    if checkpoint is not None:
        if not Path(checkpoint).is_file():
            raise InputError(f"checkpoint '{checkpoint}' is no file.")
        custom = checkpoint.endswith(".npz")
        more["pretrained_cfg_overlay"] = {"file": checkpoint, "custom_load": custom}
        what = f"{what} with checkpoint '{checkpoint}'"
    with obtaining(what, "Does it fit to the model?" if checkpoint else NO_WEIGHTS):
        try:
            return timm.create_model(name, pretrained=True, dynamic_img_size=True, **more)
        except TypeError:  # of a model that has no such setting
            return timm.create_model(name, pretrained=True, **more)


def _weights_told(name: str, known: Mapping[str, Any], checkpoint: str | None) -> str:
    """The content of a file or folder, wherever it lies; of timm's own weights their name."""
    if checkpoint is not None:
        return fingerprint_files([("checkpoint", Path(checkpoint))])
    if name.startswith(LOCAL):
        files = [one for one in Path(name.removeprefix(LOCAL)).iterdir() if one.is_file()]
        return fingerprint_files((one.name, one) for one in files)
    tag = f".{known['tag']}" if known.get("tag") and "." not in name else ""
    return f"{name}{tag} of timm"


def _way(what: str, name: str, model: Any, pos_embed: str) -> TimmWay | None:
    if pos_embed == "library":
        return None
    found = hub_way(name, model)
    if found is None:
        raise InputError(
            "pos_embed 'hub' is for DINO, DINOv2, PE, C-RADIO, CLIP and SigLIP: how published runs "
            f"would resize the positions of {what} is not known. Give pos_embed=library"
        )
    return found


def _check_stages(what: str, model: Any, final_norm: bool, pos_embed: str) -> None:
    if not hasattr(model, "forward_intermediates") or not getattr(model, "feature_info", None):
        raise InputError(
            f"{what} has no blocks and no feature stages that timm tells of. Take its features in "
            "a file of your own: --backbone my_backbone.py"
        )
    if final_norm:
        raise InputError(f"{what} has stages, no row of blocks: final_norm does not apply to it.")
    if pos_embed == "hub":
        raise InputError(f"{what} has no position embeddings of a transformer: pos_embed 'hub'.")

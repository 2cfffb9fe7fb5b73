"""Models of timm: vision transformers by a hook on a block, others by their feature stages."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import timm
import torch
from torch import nn

from lvlm_eval.datasets.fingerprint import fingerprint_files
from lvlm_eval.errors import InputError, nearest_names, one_line
from lvlm_eval.vision.backbones.blocks import (
    grid_of,
    had,
    named_normalisation,
    number_of,
    output_of,
)
from lvlm_eval.vision.backbones.timm_positions import (
    TIMM_WORDS,
    Positions,
    TimmWay,
    hub_way,
    library_words,
)
from lvlm_eval.vision.backbones.torch_backbone import TorchBackbone

POS_EMBEDS = ("library", "hub")
NO_WEIGHTS = (
    "Without a network its weights must be in the cache of the hub; or give a file of them as "
    "checkpoint=FILE"
)


class TokenBackbone(TorchBackbone):
    """Features of one block of a transformer as timm builds them, one vector a patch.

    Args:
        precision: see `torch_backbone.PRECISIONS`.
        device: None takes a GPU if there is one.
    """

    _what: str
    _model: Any
    _block: Any
    _norm: nn.Module | None
    _positions: Positions | None
    _positions_told: str
    layer: int

    def _adopt(
        self,
        what: str,
        model: Any,
        layer: int,
        final_norm: bool,
        way: TimmWay | None,
    ) -> None:
        """Take a model over, without the blocks behind the one that is wanted.

        Args:
            what: its name, for messages.
            model: with ``blocks``, ``norm`` and ``num_prefix_tokens``.
            layer: number of the block; negative ones count from the end.
            final_norm: whether the model's norm is applied to the block's output.
            way: how positions are resized; None leaves it to timm.

        Raises:
            InputError: there is no such block, or no norm.
        """
        self._what = what
        self.patch = _patch_of(what, model)
        self.layer = number_of(what, layer, len(model.blocks))
        del model.blocks[self.layer + 1 :]  # later ones are not needed
        self._norm = norm_of(what, model) if final_norm else None
        self._model = model.eval().requires_grad_(False).to(self.device)
        self._block = self._model.blocks[self.layer]
        self._positions = Positions(self._model, way) if way else None
        self._positions_told = TIMM_WORDS[way] if way else library_words(model)

    def _maps(self, pixels: torch.Tensor) -> torch.Tensor:
        rows, columns = pixels.shape[2] // self.patch, pixels.shape[3] // self.patch
        if self._positions is not None:
            self._positions.fit(rows, columns)
        with fitting(self._what, pixels):
            tokens = output_of(self._block, lambda: self._model.forward_features(pixels))
        if self._norm is not None:
            tokens = self._norm(tokens)
        return grid_of(self._what, tokens[:, self._model.num_prefix_tokens :], rows, columns)

    def identity(self) -> Mapping[str, Any]:
        """What is done to a photo on its way to features."""
        return {
            **super().identity(),
            "patch": self.patch,
            "block": self.layer,
            "final_norm": self._norm is not None,
            "dropped_tokens": self._model.num_prefix_tokens,
            "positions": self._positions_told,
        }


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
        if pos_embed not in POS_EMBEDS:
            hint = nearest_names(pos_embed, POS_EMBEDS)
            raise InputError(f"unknown pos_embed '{pos_embed}'. {hint}")
        model = _created(name, what, checkpoint)
        known = model.pretrained_cfg
        self.normalisation = named_normalisation(normalisation, (known["mean"], known["std"]))
        self._weights = _told(name, model, checkpoint)
        self._stage: int | None = None
        if is_tokens(model):
            self._adopt(what, model, layer, final_norm, _way(what, name, model, pos_embed))
        else:
            _check_stages(what, model, final_norm, pos_embed)
            self._what = what
            self._stage = number_of(what, layer, len(model.feature_info), "feature stages")
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
            return {**super().identity(), "weights": self._weights}
        told = {"patch": self.patch, "stage": self._stage, "weights": self._weights}
        return {**TorchBackbone.identity(self), **told}


def _created(name: str, what: str, checkpoint: str | None) -> Any:
    """The model with all its weights; its classifier too, so that none can be missing unseen."""
    architecture = name.partition(".")[0]
    if ":" not in name and not timm.is_model(architecture):
        hint = nearest_names(architecture, timm.list_models())
        raise InputError(f"timm has no model '{architecture}'. {hint}")
    more: dict[str, Any] = {}
    if checkpoint is not None:
        if not Path(checkpoint).is_file():
            raise InputError(f"checkpoint '{checkpoint}' is no file.")
        custom = checkpoint.endswith(".npz")
        more["pretrained_cfg_overlay"] = {"file": checkpoint, "custom_load": custom}
        what = f"{what} with checkpoint '{checkpoint}'"
    with had(what, "Does it fit to the model?" if checkpoint else NO_WEIGHTS):
        try:
            return timm.create_model(name, pretrained=True, dynamic_img_size=True, **more)
        except TypeError:  # of a model that has no such setting
            return timm.create_model(name, pretrained=True, **more)


def _told(name: str, model: Any, checkpoint: str | None) -> str:
    if checkpoint is not None:
        return str(fingerprint_files([("checkpoint", Path(checkpoint))]))
    folder = Path(name.removeprefix("local-dir:"))
    if name.startswith("local-dir:"):
        return str(fingerprint_files((one.name, one) for one in folder.iterdir() if one.is_file()))
    known = model.pretrained_cfg
    tag = f".{known['tag']}" if known.get("tag") and "." not in name else ""
    return f"{name}{tag} of timm"


def is_tokens(model: Any) -> bool:
    """Whether a model is a row of blocks on tokens, of which all but the first few are patches."""
    return all(hasattr(model, one) for one in ("blocks", "num_prefix_tokens", "forward_features"))


def _patch_of(what: str, model: Any) -> int:
    side = getattr(model, "embeds", None) or model.patch_embed
    sides = side.patch_size if isinstance(side.patch_size, tuple) else (side.patch_size,) * 2
    if sides[0] != sides[1]:
        raise InputError(f"{what} has patches of {sides[0]} × {sides[1]} px; expected square ones.")
    return int(sides[0])


def norm_of(what: str, model: Any) -> nn.Module:
    """The norm behind the blocks; where it stands behind the pooling, that one.

    Raises:
        InputError: there is none.
    """
    for one in ("norm", "fc_norm"):
        norm = getattr(model, one, None)
        if isinstance(norm, nn.Module) and not isinstance(norm, nn.Identity):
            return norm
    raise InputError(f"{what} has no final norm. Give final_norm=false")


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


@contextmanager
def fitting(what: str, pixels: torch.Tensor) -> Iterator[None]:
    """Say in one line that a model does not take photos of a size.

    Args:
        what: the model.
        pixels: that it is given.
    """
    try:
        yield
    except (AssertionError, RuntimeError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise InputError(
            f"{what} cannot take photos of {pixels.shape[-1]} px: {one_line(str(error))} Give "
            "--image-size, or another model."
        ) from error

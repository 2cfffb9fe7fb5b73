"""How timm's models resize positions, and how the code that the paper ran does."""

from typing import Any, Literal

import torch
from torch import nn

from lvlm_eval.vision.backbones.positions import WORDS, Way, resized

TimmWay = Way | Literal["radio"]

TIMM_WORDS: dict[TimmWay, str] = {
    **{way: WORDS[way] for way in WORDS},
    "bilinear": f"{WORDS['bilinear']}; rotary positions run on",
    "radio": "bilinear to a square of the photo's longer side, corners not aligned",
}


def library_words(model: Any) -> str:
    """What timm does with a model's positions, in words."""
    embeds = getattr(model, "embeds", None)
    if embeds is not None:
        antialias = "with" if embeds.pos_embed_antialias else "without"
        corners = "aligned" if embeds.pos_embed_align_corners else "not aligned"
        return (
            f"as timm does: {embeds.pos_embed_interp_mode} to the photo's grid, {antialias} "
            f"antialias, corners {corners}"
        )
    if getattr(model, "pos_embed", None) is None:
        return "rotary alone: nothing is resized"
    return "as timm does: bicubic to the photo's grid, with antialias"


def hub_way(name: str, model: Any) -> TimmWay | None:
    """How the original code of a model of timm resizes its positions.

    That of PE resizes bilinearly and lets its rotary positions run on, where timm keeps them in the
    range that the grid of the training had. That of C-RADIO on torch.hub no longer aligns corners,
    as it did for C-RADIOv3 in the beginning and as timm does for the sizes B and H.

    Args:
        name: of the model in timm; its tag counts where the weights do not tell theirs.
        model: the model.

    Returns:
        None if that is not known here.
    """
    known = model.pretrained_cfg
    architecture = str(known["architecture"])  # a folder may have any name
    tag = known.get("tag") or name.rpartition("/")[2].partition(".")[2]
    if architecture.startswith("naflexvit_") and "_radio_" in architecture:
        return "radio"
    if not isinstance(getattr(model, "pos_embed", None), nn.Parameter):
        return None
    if architecture.startswith("vit_pe_"):
        return "bilinear"
    if "_dinov2" in architecture:
        return "antialias" if "_reg" in architecture else "offset"
    if architecture.startswith("vit_"):
        if tag == "dino":
            return "offset"
        if "_clip_" in architecture or "_siglip_" in architecture:
            return "antialias"
    return None


class Positions:
    """Puts resized positions into a model of timm, which then has nothing left to resize.

    Args:
        model: with ``dynamic_img_size``, and positions in ``pos_embed``.
        way: see `TIMM_WORDS`.
    """

    def __init__(self, model: Any, way: TimmWay) -> None:
        self._model, self._way = model, way
        if way == "radio":
            model.embeds.pos_embed_align_corners = False
            return
        self._stored = model.pos_embed.detach().float().clone()
        self._prefix = 0 if model.no_embed_class else int(model.num_prefix_tokens)
        self._grid = tuple(model.patch_embed.grid_size)
        rope = getattr(model, "rope", None)
        if rope is not None:
            rope.ref_feat_shape = None

    def fit(self, rows: int, columns: int) -> None:
        """Make the model's positions those of a grid."""
        if self._way == "radio" or (rows, columns) == self._grid:
            return
        stored = self._stored.to(self._model.pos_embed.device)
        with torch.autocast(stored.device.type, enabled=False):  # always in float32
            larger = resized(stored, rows, columns, self._way, self._prefix)
        self._model.pos_embed = nn.Parameter(larger, requires_grad=False)
        self._model.patch_embed.grid_size = self._grid = (rows, columns)

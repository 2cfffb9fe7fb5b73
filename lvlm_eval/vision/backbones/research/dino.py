"""Weights in the layout of DINO, which iBOT and DUNE share, as a vision transformer of timm."""

import re
from collections.abc import Mapping
from math import isqrt
from typing import Any

import torch
from timm.models.vision_transformer import VisionTransformer

from lvlm_eval.errors import InputError
from lvlm_eval.vision.backbones.research.checkpoints import State, depth_of, heads_of, weights_of

_UNUSED = re.compile(r"mask_token|masked_embed|head\.|fc_norm\.|projectors\.|teacher_norms\.")
"""Weights of training alone, by how their names begin."""


def dino_vit(checkpoint: Any) -> VisionTransformer:
    """The vision transformer of a checkpoint of DINO, iBOT or DUNE.

    All three name weights as DINO does. iBOT's code can add scales of layers; DUNE adds them, under
    other names, and register tokens, and numbers its blocks twice, as ``blocks.0.3``. Sizes are
    read off the weights.

    Args:
        checkpoint: from `read_checkpoint`: the weights, or a dictionary with them below
            ``teacher``, ``state_dict`` or ``model``.

    Raises:
        InputError: it is of another layout.
    """
    state = _named_as_timm(weights_of(checkpoint, ("teacher", "state_dict", "model")))
    depth = depth_of(state, "blocks.")
    try:
        width, _, patch, _ = state["patch_embed.proj.weight"].shape
        hidden = state["blocks.0.mlp.fc1.weight"].shape[0]
        positions = state["pos_embed"]
    except (KeyError, ValueError) as error:
        raise InputError(f"its weights are not named as DINO's: {error} is missing.") from error
    registers = state["reg_token"].shape[1] if "reg_token" in state else 0
    if registers:  # they have no position, so timm wants that of the class token added beforehand
        state["cls_token"] = state["cls_token"] + positions[:, :1]
        state["pos_embed"] = positions[:, 1:]
    model = VisionTransformer(
        img_size=isqrt(positions.shape[1] - 1) * patch,
        patch_size=patch,
        num_classes=0,
        embed_dim=width,
        depth=depth,
        num_heads=heads_of(width),
        mlp_ratio=hidden / width,
        qkv_bias="blocks.0.attn.qkv.bias" in state,
        init_values=1.0 if "blocks.0.ls1.gamma" in state else None,
        reg_tokens=registers,
        no_embed_class=bool(registers),
        dynamic_img_size=True,
    )
    model.load_state_dict(state)
    return model


def _named_as_timm(weights: Mapping[str, torch.Tensor]) -> State:
    state: State = {}
    for name, value in weights.items():
        if _UNUSED.match(name):
            continue
        name = re.sub(r"^blocks\.\d+\.(\d+)\.", r"blocks.\1.", name)
        name = re.sub(r"\.gamma_([12])$", r".ls\1.gamma", name)
        state["reg_token" if name == "register_tokens" else name] = value.float()
    return state

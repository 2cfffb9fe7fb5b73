"""Weights in the layouts of research repositories, put into the matching architectures of timm."""

import argparse
import pathlib
import re
from collections.abc import Mapping
from math import isqrt
from typing import Any

import torch
from timm.layers import LayerNorm
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer

from lvlm_eval.errors import InputError

State = dict[str, torch.Tensor]

HEAD = 64
"""Channels of an attention head in all of these models."""

_WRAPPERS = ("module.", "_orig_mod.", "backbone.", "encoder.")
"""What training code puts before the names of a network's weights."""

_UNUSED = re.compile(r"mask_token|masked_embed|head\.|fc_norm\.|projectors\.|teacher_norms\.")
"""Weights of training alone, by how their names begin."""


def read_checkpoint(file: pathlib.Path) -> Any:
    """What a file of torch holds, without running code that it may bring along.

    The settings that training code writes beside the weights are let in: a namespace, and paths.
    """
    allowed: list[Any] = [argparse.Namespace, pathlib.PosixPath, pathlib.PurePosixPath]
    with torch.serialization.safe_globals(allowed):
        return torch.load(file, map_location="cpu", weights_only=True)


def dino_vit(checkpoint: Any) -> VisionTransformer:
    """The vision transformer of a checkpoint of DINO, iBOT or DUNE.

    All three name weights as DINO does. DUNE adds scales of layers and register tokens, and numbers
    its blocks twice, as ``blocks.0.3``. Sizes are read off the weights.

    Args:
        checkpoint: from `read_checkpoint`: the weights, or a dictionary with them below
            ``teacher``, ``state_dict`` or ``model``.

    Raises:
        InputError: it is of another layout.
    """
    state = _named_as_timm(_weights_of(checkpoint, ("teacher", "state_dict", "model")))
    depth = _depth(state, "blocks.")
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
        num_heads=_heads(width),
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


def croco_encoder(checkpoint: Any) -> Eva:
    """The encoder of a checkpoint of CroCo v2, without its decoder.

    A plain transformer without class token, whose queries and keys are turned by their position:
    the first half of a head's channels by the row, the second by the column, the pace falling from
    1 to nearly 1/100. CroCo turns channel i of a half with channel i + 16, timm's EVA neighbouring
    ones, so the channels of queries and keys change places, which changes no product of them.

    Args:
        checkpoint: from `read_checkpoint`: ``model`` with the weights, ``croco_kwargs`` with the
            settings.

    Raises:
        InputError: it is of another layout, or of CroCo v1.
    """
    weights = _weights_of(checkpoint, ("model",))
    settings = checkpoint.get("croco_kwargs", {}) if isinstance(checkpoint, Mapping) else {}
    positions = str(settings.get("pos_embed", "cosine"))
    if not positions.startswith("RoPE"):
        raise InputError(f"its positions are '{positions}', of CroCo v1; expected RoPE, as in v2.")
    depth = _depth(weights, "enc_blocks.")
    try:
        width, _, patch, _ = weights["patch_embed.proj.weight"].shape
        hidden = weights["enc_blocks.0.mlp.fc1.weight"].shape[0]
    except (KeyError, ValueError) as error:
        raise InputError(f"its weights are not named as CroCo's: {error} is missing.") from error
    heads = int(settings.get("enc_num_heads", _heads(width)))
    model = Eva(
        img_size=16 * patch,
        patch_size=patch,
        num_classes=0,
        global_pool="",
        embed_dim=width,
        depth=depth,
        num_heads=heads,
        mlp_ratio=hidden / width,
        attn_type="rope",
        class_token=False,
        use_abs_pos_emb=False,
        use_rot_pos_emb=True,
        rope_temperature=float(positions.removeprefix("RoPE")),
        use_post_transformer_norm=True,
        norm_layer=LayerNorm,  # adds 1e-6, as CroCo's does
        dynamic_img_size=True,
    )
    model.load_state_dict(_croco_named_as_timm(weights, heads, width // heads))
    return model


def _croco_named_as_timm(weights: Mapping[str, torch.Tensor], heads: int, channels: int) -> State:
    quarter = channels // 4
    half = torch.stack((torch.arange(quarter), torch.arange(quarter) + quarter), dim=1).flatten()
    order = torch.cat((half, half + channels // 2))
    state: State = {}
    for name, value in weights.items():
        if not name.startswith(("patch_embed.", "enc_blocks.", "enc_norm.")):
            continue
        value = value.float()
        if ".attn.qkv." in name:
            queries, keys, values = value.reshape(3, heads, channels, -1)
            value = torch.stack((queries[:, order], keys[:, order], values)).reshape(value.shape)
        state[name.replace("enc_blocks.", "blocks.").replace("enc_norm.", "norm.")] = value
    return state


def _weights_of(checkpoint: Any, places: tuple[str, ...]) -> State:
    """The weights, without what training code puts before their names.

    Raises:
        InputError: there are none.
    """
    for place in places:
        if isinstance(checkpoint, Mapping) and isinstance(checkpoint.get(place), Mapping):
            checkpoint = checkpoint[place]
            break
    if not isinstance(checkpoint, Mapping):
        raise InputError("it holds no weights by name.")
    found = {
        _unwrapped(str(name)): value
        for name, value in checkpoint.items()
        if isinstance(value, torch.Tensor)
    }
    if not found:
        raise InputError("it holds no weights by name.")
    return found


def _unwrapped(name: str) -> str:
    for wrapper in _WRAPPERS * 2:
        name = name.removeprefix(wrapper)
    return name


def _depth(weights: Mapping[str, torch.Tensor], before: str) -> int:
    numbers = [re.match(rf"{re.escape(before)}(\d+)\.", name) for name in weights]
    return 1 + max((int(one[1]) for one in numbers if one), default=-1)


def _heads(width: int) -> int:
    if width % HEAD:
        raise InputError(f"its width of {width} is no multiple of {HEAD}, as heads have.")
    return width // HEAD

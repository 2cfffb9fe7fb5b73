"""Weights in the layout of CroCo v2, as an EVA of timm."""

from collections.abc import Mapping
from typing import Any

import torch
from timm.layers import LayerNorm
from timm.models.eva import Eva

from lvlm_eval.errors import InputError
from lvlm_eval.vision.backbones.research.checkpoints import State, depth_of, heads_of, weights_of


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
    weights = weights_of(checkpoint, ("model",))
    settings = checkpoint.get("croco_kwargs", {}) if isinstance(checkpoint, Mapping) else {}
    positions = str(settings.get("pos_embed", "cosine"))
    if not positions.startswith("RoPE"):
        raise InputError(f"its positions are '{positions}', of CroCo v1; expected RoPE, as in v2.")
    depth = depth_of(weights, "enc_blocks.")
    try:
        width, _, patch, _ = weights["patch_embed.proj.weight"].shape
        hidden = weights["enc_blocks.0.mlp.fc1.weight"].shape[0]
    except (KeyError, ValueError) as error:
        raise InputError(f"its weights are not named as CroCo's: {error} is missing.") from error
    heads = int(settings.get("enc_num_heads", heads_of(width)))
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

"""Random weights in the layouts of research repositories, and what those models do with them.

Written from the published layouts with nothing but torch's functions, one head and one block at a
time: nothing here is shared with the package.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as functions

State = dict[str, torch.Tensor]

WIDTH, DEPTH, HEADS, HIDDEN = 128, 3, 2, 256

DUNE_SCALES = "ls{}.gamma"


def blocks_of(before: str, depth: int, generator: torch.Generator, scales: str = "") -> State:
    """Weights of a row of blocks.

    Args:
        before: what stands before a block's number.
        depth: number of blocks.
        generator: draws them.
        scales: the name of the scales of layers, with ``{}`` for 1 or 2; none if empty.
    """
    shapes = {
        "norm1.weight": (WIDTH,),
        "norm1.bias": (WIDTH,),
        "attn.qkv.weight": (3 * WIDTH, WIDTH),
        "attn.qkv.bias": (3 * WIDTH,),
        "attn.proj.weight": (WIDTH, WIDTH),
        "attn.proj.bias": (WIDTH,),
        "norm2.weight": (WIDTH,),
        "norm2.bias": (WIDTH,),
        "mlp.fc1.weight": (HIDDEN, WIDTH),
        "mlp.fc1.bias": (HIDDEN,),
        "mlp.fc2.weight": (WIDTH, HIDDEN),
        "mlp.fc2.bias": (WIDTH,),
    }
    if scales:
        shapes |= {scales.format(one): (WIDTH,) for one in (1, 2)}
    return {
        f"{before}{number}.{name}": torch.randn(shape, generator=generator) * 0.15
        for number in range(depth)
        for name, shape in shapes.items()
    }


def dino_state(patch: int, side: int, registers: int = 0, scales: str = "", seed: int = 0) -> State:
    """Weights as DINO names them: ``side`` is of the stored grid of positions."""
    drawn = torch.Generator().manual_seed(seed)
    state = {
        "cls_token": torch.randn(1, 1, WIDTH, generator=drawn),
        "pos_embed": torch.randn(1, 1 + side * side, WIDTH, generator=drawn),
        "patch_embed.proj.weight": torch.randn(WIDTH, 3, patch, patch, generator=drawn) * 0.05,
        "patch_embed.proj.bias": torch.randn(WIDTH, generator=drawn),
        "norm.weight": torch.randn(WIDTH, generator=drawn),
        "norm.bias": torch.randn(WIDTH, generator=drawn),
        **blocks_of("blocks.", DEPTH, drawn, scales),
    }
    if registers:
        state["register_tokens"] = torch.randn(1, registers, WIDTH, generator=drawn)
    return state


def croco_checkpoint(seed: int = 0) -> dict[str, Any]:
    """A file of CroCo v2: encoder, decoder and settings."""
    drawn = torch.Generator().manual_seed(seed)
    weights = {
        "patch_embed.proj.weight": torch.randn(WIDTH, 3, 16, 16, generator=drawn) * 0.05,
        "patch_embed.proj.bias": torch.randn(WIDTH, generator=drawn),
        "mask_token": torch.randn(1, 1, WIDTH, generator=drawn),
        **blocks_of("enc_blocks.", DEPTH, drawn),
        "enc_norm.weight": torch.randn(WIDTH, generator=drawn),
        "enc_norm.bias": torch.randn(WIDTH, generator=drawn),
        "decoder_embed.weight": torch.randn(WIDTH, WIDTH, generator=drawn),
        "decoder_embed.bias": torch.randn(WIDTH, generator=drawn),
        **blocks_of("dec_blocks.", 2, drawn),
        "prediction_head.weight": torch.randn(768, WIDTH, generator=drawn),
        "prediction_head.bias": torch.randn(768, generator=drawn),
    }
    settings = {
        "enc_embed_dim": WIDTH,
        "enc_depth": DEPTH,
        "enc_num_heads": HEADS,
        "dec_depth": 2,
        "pos_embed": "RoPE100",
        "img_size": (224, 224),
    }
    return {"croco_kwargs": settings, "model": weights}


def layer_norm(values: torch.Tensor, state: State, name: str) -> torch.Tensor:
    centred = values - values.mean(-1, keepdim=True)
    deviation = (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt()
    return centred / deviation * state[f"{name}.weight"] + state[f"{name}.bias"]


def linear(values: torch.Tensor, state: State, name: str) -> torch.Tensor:
    return values @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def turned(channels: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """CroCo's rotation of (photos, tokens, channels), by (tokens,): rows or columns."""
    half = channels.shape[-1] // 2
    result = torch.empty_like(channels)
    for index in range(half):
        angle = positions * 100.0 ** (-index / half)
        first, second = channels[..., index], channels[..., index + half]
        result[..., index] = first * angle.cos() - second * angle.sin()
        result[..., index + half] = second * angle.cos() + first * angle.sin()
    return result


def attention(
    values: torch.Tensor, state: State, name: str, grid: tuple[int, int] | None
) -> torch.Tensor:
    """Of all tokens to all; with a grid, turned by row and column as in CroCo v2."""
    queries, keys, contents = linear(values, state, f"{name}.qkv").chunk(3, dim=-1)
    size = WIDTH // HEADS
    heads = []
    for head in range(HEADS):
        own = slice(head * size, (head + 1) * size)
        query, key = queries[..., own], keys[..., own]
        if grid is not None:
            row = torch.arange(grid[0]).repeat_interleave(grid[1]).float()
            column = torch.arange(grid[1]).repeat(grid[0]).float()
            query, key = (
                torch.cat(
                    (turned(one[..., : size // 2], row), turned(one[..., size // 2 :], column)), -1
                )
                for one in (query, key)
            )
        weights = torch.softmax(query @ key.transpose(1, 2) / size**0.5, dim=-1)
        heads.append(weights @ contents[..., own])
    return linear(torch.cat(heads, dim=-1), state, f"{name}.proj")


def block(
    values: torch.Tensor,
    state: State,
    name: str,
    grid: tuple[int, int] | None = None,
    scales: str = "",
) -> torch.Tensor:
    first, second = (
        state[f"{name}.{scales.format(one)}"] if scales else torch.ones(WIDTH) for one in (1, 2)
    )
    normed = layer_norm(values, state, f"{name}.norm1")
    values = values + first * attention(normed, state, f"{name}.attn", grid)
    inner = linear(layer_norm(values, state, f"{name}.norm2"), state, f"{name}.mlp.fc1")
    bell = 0.5 * inner * (1 + torch.erf(inner / 2**0.5))
    return values + second * linear(bell, state, f"{name}.mlp.fc2")


def patches_of(pixels: torch.Tensor, state: State) -> torch.Tensor:
    weight = state["patch_embed.proj.weight"]
    found = functions.conv2d(
        pixels, weight, state["patch_embed.proj.bias"], stride=weight.shape[-1]
    )
    return found.flatten(2).transpose(1, 2)


def dune_file(state: dict[str, Any], whole: bool = False) -> dict[str, Any]:
    """As DUNE's training writes it: blocks numbered within their group too, settings beside."""
    model = {}
    for name, value in state.items():
        group = name.replace("blocks.", "blocks.0.")
        model[f"module.encoder.{group}"] = value
    model["module.encoder.mask_token"] = torch.zeros(1, WIDTH)
    if whole:
        model["module.projectors.dino2reg_vitlarge_14.blocks.0.norm1.weight"] = torch.zeros(8)
        model["module.teacher_norms.dino2reg_vitlarge_14.mean"] = torch.zeros(8)
    settings = argparse.Namespace(image_size=448, enc_args={"arch": "vit_base"}, output_dir=Path())
    return {"model": model, "args": settings, "iter": 7}


def dino_features(pixels: torch.Tensor, state: State, last: int, scales: str = "") -> torch.Tensor:
    """(photos, rows, columns, width) after block ``last``, without the final norm."""
    tokens = patches_of(pixels, state)
    patch = state["patch_embed.proj.weight"].shape[-1]
    rows, columns = pixels.shape[2] // patch, pixels.shape[3] // patch
    positions = state["pos_embed"]
    side = round((positions.shape[1] - 1) ** 0.5)
    of_patches = positions[:, 1:]
    if (rows, columns) != (side, side):
        square = of_patches.reshape(1, side, side, WIDTH).permute(0, 3, 1, 2)
        factors = ((rows + 0.1) / side, (columns + 0.1) / side)
        larger = functions.interpolate(square, scale_factor=factors, mode="bicubic")
        of_patches = larger.flatten(2).transpose(1, 2)
    first = state["cls_token"] + positions[:, :1]
    registers = state.get("register_tokens", torch.empty(1, 0, WIDTH))
    before = torch.cat((first, registers), dim=1)
    values = torch.cat((before.expand(len(pixels), -1, -1), tokens + of_patches), dim=1)
    for number in range(last + 1):
        values = block(values, state, f"blocks.{number}", scales=scales)
    return values[:, before.shape[1] :].reshape(len(pixels), rows, columns, WIDTH)


def croco_features(pixels: torch.Tensor, state: State, last: int) -> torch.Tensor:
    """(photos, rows, columns, width) after encoder block ``last``, without the norm."""
    rows, columns = pixels.shape[2] // 16, pixels.shape[3] // 16
    values = patches_of(pixels, state)
    for number in range(last + 1):
        values = block(values, state, f"enc_blocks.{number}", grid=(rows, columns))
    return values.reshape(len(pixels), rows, columns, WIDTH)

"""Tokens of one block of a vision transformer, whichever library its code is in."""

from collections.abc import Callable
from typing import Any

import torch

from lvlm_eval.errors import InputError


def block_number(what: str, layer: object, count: int, parts: str = "blocks") -> int:
    """The number of a block, counted from 0.

    Args:
        what: the model, for the message.
        layer: as the user gave it; negative ones count from the end.
        count: blocks that there are.
        parts: what the blocks are called.

    Raises:
        InputError: there is no such block.
    """
    if isinstance(layer, bool) or not isinstance(layer, int) or not -count <= layer < count:
        raise InputError(
            f"layer {layer!r}: {what} has {count} {parts}. Give 0 to {count - 1}, or -1 for the "
            "last."
        )
    return layer % count


def keep_blocks(what: str, blocks: Any, layer: object) -> int:
    """Cut a list of blocks off behind one of them: later ones are not needed.

    Args:
        what: the model, for the message.
        blocks: the list; it is changed.
        layer: number of the block, from 0; negative ones count from the end.

    Returns:
        The number from 0.

    Raises:
        InputError: there is no such block.
    """
    kept = block_number(what, layer, len(blocks))
    del blocks[kept + 1 :]
    return kept


def check_final_norm(final_norm: object) -> None:
    """Refuse what is neither yes nor no; a class that allows None asks about that before.

    Raises:
        InputError: it is no truth value.
    """
    if not isinstance(final_norm, bool):
        raise InputError(f"final_norm is {final_norm!r}, expected true or false.")


def output_of(part: Any, run: Callable[[], Any]) -> torch.Tensor:
    """What a module gives while something runs: its last output, without what comes beside it.

    Args:
        part: the module.
        run: runs the model that the module is a part of.
    """
    outputs: list[torch.Tensor] = []

    def keep(_module: Any, _inputs: Any, output: Any) -> None:
        outputs.append(output[0] if isinstance(output, tuple) else output)

    handle = part.register_forward_hook(keep)
    try:
        run()
    finally:
        handle.remove()
    return outputs[-1]


def grid_of(what: str, tokens: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Tokens of patches, (photos, rows * columns, C), as (photos, rows, columns, C).

    Args:
        what: the model, for the message.
        tokens: without those of no patch.
        rows: of the grid.
        columns: of the grid.

    Raises:
        InputError: there are more or fewer tokens.
    """
    if tokens.ndim != 3 or tokens.shape[1] != rows * columns:
        raise InputError(
            f"{what} gives features of shape {tuple(tokens.shape)} where {rows} × {columns} patches"
            " have one each: its tokens are not known here. Take them in a file of your own: "
            "--backbone my_backbone.py"
        )
    return tokens.reshape(len(tokens), rows, columns, tokens.shape[-1])

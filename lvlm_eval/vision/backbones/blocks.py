"""Tokens of one block of a vision transformer, whichever library its code is in."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from lvlm_eval.errors import InputError, nearest_names, one_line
from lvlm_eval.silence import silenced
from lvlm_eval.vision.backbones.torch_backbone import CLIP, HALF, IMAGENET, RAW, Normalisation

NORMALISATIONS: Mapping[str, Normalisation] = {
    "imagenet": IMAGENET,
    "clip": CLIP,
    "half": HALF,
    "raw": RAW,
}


def named_normalisation(name: str | None, usual: Normalisation) -> Normalisation:
    """Mean and deviation that pixels are normalised with.

    Args:
        name: one of `NORMALISATIONS`; None takes the usual ones.
        usual: those of the model.

    Raises:
        InputError: the name is unknown.
    """
    if name is None:
        return usual
    if name not in NORMALISATIONS:
        hint = nearest_names(str(name), NORMALISATIONS)
        raise InputError(f"unknown normalisation '{name}'. {hint}")
    return NORMALISATIONS[name]


def number_of(what: str, layer: object, count: int, parts: str = "blocks") -> int:
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


def output_of(part: Any, run: Callable[[], Any]) -> torch.Tensor:
    """What a module gives while something runs: its last output, without what comes beside it."""
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
    count = tokens.shape[1]
    if tokens.ndim != 3 or count != rows * columns:
        raise InputError(
            f"{what} gives features of shape {tuple(tokens.shape)} where {rows} × {columns} patches"
            " have one each: its tokens are not known here. Take them in a file of your own: "
            "--backbone my_backbone.py"
        )
    return tokens.reshape(len(tokens), rows, columns, tokens.shape[-1])


@contextmanager
def had(what: str, hint: str) -> Iterator[None]:
    """Turn what libraries raise on missing, torn or unsuited weights into one line.

    Args:
        what: that is loaded.
        hint: what the user can do.
    """
    try:
        with silenced():
            yield
    except InputError:
        raise
    except ModuleNotFoundError as error:
        raise InputError(f"{what} needs the package '{error.name}': install it.") from error
    except Exception as error:  # a torn file makes readers raise anything
        raise InputError(f"{what} cannot be had: {one_line(str(error))} {hint}") from error

"""Reads files of weights that training code wrote, and what they tell about sizes."""

import argparse
import pathlib
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

import torch

from lvlm_eval.errors import InputError

State: TypeAlias = dict[str, torch.Tensor]
"""Weights by name."""

HEAD = 64
"""Channels of an attention head in all of these models."""

_WRAPPERS = ("module.", "_orig_mod.", "backbone.", "encoder.")
"""What training code puts before the names of a network's weights."""


def read_checkpoint(file: pathlib.Path) -> Any:
    """What a file of torch holds, without running code that it may bring along.

    The settings that training code writes beside the weights are let in: a namespace, and paths.

    Args:
        file: written by ``torch.save``.
    """
    allowed: list[Any] = [argparse.Namespace, pathlib.PosixPath, pathlib.PurePosixPath]
    with torch.serialization.safe_globals(allowed):
        return torch.load(file, map_location="cpu", weights_only=True)


def weights_of(checkpoint: Any, places: tuple[str, ...]) -> State:
    """The weights of a network, without what training code puts before their names.

    Args:
        checkpoint: from `read_checkpoint`: the weights, or a dictionary that holds them.
        places: keys below which they may stand; the first that is there counts.

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


def depth_of(weights: Mapping[str, torch.Tensor], before: str) -> int:
    """The number of blocks.

    Args:
        weights: by name.
        before: what stands before a block's number in the names.
    """
    numbers = [re.match(rf"{re.escape(before)}(\d+)\.", name) for name in weights]
    return 1 + max((int(one[1]) for one in numbers if one), default=-1)


def heads_of(width: int) -> int:
    """The number of attention heads of a network of so many channels.

    Raises:
        InputError: it is no multiple of `HEAD`.
    """
    if width % HEAD:
        raise InputError(f"its width of {width} is no multiple of {HEAD}, as heads have.")
    return width // HEAD

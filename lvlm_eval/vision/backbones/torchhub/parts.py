"""Finds patch size, blocks and final norm in models of research repositories."""

from collections.abc import Iterator
from typing import Any

from torch import nn

from lvlm_eval.errors import InputError


def _within(model: Any) -> Iterator[Any]:
    """The model, and the models that it wraps."""
    yield model
    for name in ("model", "encoder", "backbone"):
        inner = getattr(model, name, None)
        if isinstance(inner, nn.Module):
            yield inner


def patch_of(what: str, model: Any) -> int:
    """The side of a patch in px, as the model or its first layer tells it.

    Args:
        what: the model, for the message.
        model: of a repository.

    Raises:
        InputError: none of them does.
    """
    for one in _within(model):
        embed = getattr(one, "patch_embed", None)
        projection = getattr(embed, "proj", None)
        for told in (
            getattr(one, "patch_size", None),
            getattr(embed, "patch_size", None),
            getattr(projection, "kernel_size", None),
        ):
            side = told[0] if isinstance(told, tuple | list) and told else told
            if isinstance(side, int) and side > 0:
                return side
    raise InputError(f"{what} does not tell the size of its patches. Give patch=14 or the like.")


def blocks_of(what: str, model: Any) -> Iterator[nn.Module]:
    """The blocks, also where they are in groups that are filled up with identities.

    Args:
        what: the model, for the message.
        model: of a repository.

    Raises:
        InputError: there are none.
    """
    for one in _within(model):
        blocks = getattr(one, "blocks", None)
        if isinstance(blocks, nn.ModuleList | nn.Sequential) and len(blocks):
            for block in blocks:
                grouped = isinstance(block, nn.ModuleList)
                parts = [p for p in block if not isinstance(p, nn.Identity)] if grouped else [block]
                yield from parts
            return
    raise InputError(f"{what} has no 'blocks'. Leave layer out to take its own output.")


def norm_of(what: str, model: Any) -> nn.Module:
    """The norm; for a model that was made without one, its stand-in that does nothing.

    Args:
        what: the model, for the message.
        model: of a repository.

    Raises:
        InputError: there is neither.
    """
    for one in _within(model):
        norm = getattr(one, "norm", None)
        if isinstance(norm, nn.Module):
            return norm
    raise InputError(f"{what} has no 'norm'. Give final_norm=false")

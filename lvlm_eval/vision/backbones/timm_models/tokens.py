"""What transformers have in common that are built of timm's parts: a hook on one block."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from lvlm_eval.errors import InputError, one_line
from lvlm_eval.vision.backbones.blocks import check_final_norm, grid_of, keep_blocks, output_of
from lvlm_eval.vision.backbones.timm_models.positions import (
    TIMM_WORDS,
    Positions,
    TimmWay,
    library_words,
)
from lvlm_eval.vision.backbones.torch_backbone import TorchBackbone


class TokenBackbone(TorchBackbone):
    """Features of one block of a transformer as timm builds them, one vector a patch.

    A subclass hands its model to `_adopt`.

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
            InputError: there is no such block, or no norm, or its patches are not square.
        """
        check_final_norm(final_norm)
        self._what = what
        self.patch = _patch_of(what, model)
        self.layer = keep_blocks(what, model.blocks, layer)
        self._norm = _norm_of(what, model) if final_norm else None
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


def is_tokens(model: Any) -> bool:
    """Whether a model is a row of blocks on tokens, of which all but the first few are patches."""
    return all(hasattr(model, one) for one in ("blocks", "num_prefix_tokens", "forward_features"))


def _patch_of(what: str, model: Any) -> int:
    side = getattr(model, "embeds", None) or model.patch_embed
    sides = side.patch_size if isinstance(side.patch_size, tuple) else (side.patch_size,) * 2
    if sides[0] != sides[1]:
        raise InputError(f"{what} has patches of {sides[0]} × {sides[1]} px; expected square ones.")
    return int(sides[0])


def _norm_of(what: str, model: Any) -> nn.Module:
    """The norm behind the blocks; where it stands behind the pooling, that one."""
    for one in ("norm", "fc_norm"):
        norm = getattr(model, one, None)
        if isinstance(norm, nn.Module) and not isinstance(norm, nn.Identity):
            return norm
    raise InputError(f"{what} has no final norm. Give final_norm=false")


@contextmanager
def fitting(what: str, pixels: torch.Tensor) -> Iterator[None]:
    """Say in one line that a model does not take photos of a size.

    Args:
        what: the model.
        pixels: that it is given.

    Raises:
        InputError: the model raised something within, but for a lack of memory.
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

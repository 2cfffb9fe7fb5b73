"""Features of a model of a repository: its own output, or that of one of its blocks."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from lvlm_eval.errors import InputError
from lvlm_eval.vision.backbones.blocks import (
    block_number,
    check_final_norm,
    grid_of,
    output_of,
)
from lvlm_eval.vision.backbones.normalisation import IMAGENET, named_normalisation
from lvlm_eval.vision.backbones.torch_backbone import TorchBackbone
from lvlm_eval.vision.backbones.torchhub.loading import code_of, load, weights_digest
from lvlm_eval.vision.backbones.torchhub.outputs import patch_features
from lvlm_eval.vision.backbones.torchhub.parts import blocks_of, norm_of, patch_of


class TorchHubBackbone(TorchBackbone):
    """What a model of a repository gives, or one of its blocks.

    The repository is trusted (``trust_repo``): its code is fetched and run with the rights of the
    user, who names it. Which GitHub user a fork belongs to is not looked up.

    Without a layer the model's own output is taken, in one of the forms that
    `outputs.patch_features` knows. With a layer it is that of a block, of which the last tokens
    are those of patches, as in DINO, DUNE and C-RADIO; blocks are looked for in ``blocks`` of the
    model or of the model within it. Positions are resized by the repository's code.

    Unverified with real repositories and weights, which could not be had where this was written.

    Args:
        place: ``owner/repository:entry``, ``owner/repository:branch:entry``, or
            ``folder:entry`` for a folder with a ``hubconf.py``.
        layer: number of the block, from 0, negative ones from the end; None for the output.
        final_norm: whether the model's ``norm`` is applied to the block's output; not to be given
            without a layer.
        patch: side of a patch in px; None where the model tells it.
        normalisation: ``imagenet``, ``clip``, ``half``, or ``raw`` where the model does it itself,
            as C-RADIO.
        precision: see `torch_backbone.PRECISIONS`.
        device: None takes a GPU if there is one.
        options: of the entry, such as ``version`` of C-RADIO.

    Raises:
        InputError: the repository, the entry or its weights cannot be had, the model has no such
            block or tells no patch, or an argument is wrong.
    """

    def __init__(
        self,
        place: str,
        layer: int | None = None,
        final_norm: bool | None = None,
        patch: int | None = None,
        normalisation: str = "imagenet",
        precision: str = "float32",
        device: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(device=device, precision=precision)
        self.normalisation = named_normalisation(normalisation, IMAGENET)
        repository, _, entry = place.rpartition(":")
        if not repository or not entry:
            raise InputError(
                f"'{place}' names no entry of a repository; expected owner/repository:entry, as in "
                "facebookresearch/dino:dino_vitb16, or folder:entry"
            )
        if final_norm is not None:
            check_final_norm(final_norm)
        if layer is None and final_norm is not None:
            raise InputError(
                "final_norm is for the output of a block. Give layer=-1 too, or leave it out to "
                "take the model's own output."
            )
        self._what = f"'{place}' of torch.hub"
        model = load(self._what, repository, entry, options)
        self.patch = patch if patch is not None else patch_of(self._what, model)
        self._layer: int | None = None
        self._norm: nn.Module | None = None
        if layer is not None:
            blocks = list(blocks_of(self._what, model))
            self._layer = block_number(self._what, layer, len(blocks))
            self._block = blocks[self._layer]
            self._norm = norm_of(self._what, model) if final_norm else None
        self._told = {"code": code_of(repository), "entry": entry, "options": options}
        self._weights = weights_digest(model)
        self._model = model.requires_grad_(False).to(self.device)

    def _maps(self, pixels: torch.Tensor) -> torch.Tensor:
        rows, columns = pixels.shape[2] // self.patch, pixels.shape[3] // self.patch
        if self._layer is None:
            return patch_features(self._what, self._model(pixels), rows, columns)
        tokens = output_of(self._block, lambda: self._model(pixels))
        if self._norm is not None:
            tokens = self._norm(tokens)
        return grid_of(self._what, tokens[:, -rows * columns :], rows, columns)

    def identity(self) -> Mapping[str, Any]:
        """What is done to a photo on its way to features, and the content of the weights."""
        return {
            **super().identity(),
            **self._told,
            "patch": self.patch,
            "block": "own output" if self._layer is None else self._layer,
            "final_norm": "own output" if self._layer is None else self._norm is not None,
            "dropped_tokens": "all but those of patches",
            "positions": "as the repository's code does",
            "weights": self._weights,
        }

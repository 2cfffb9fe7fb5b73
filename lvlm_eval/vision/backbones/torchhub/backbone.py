"""Models that a repository gives through ``torch.hub``: its own code, run on this machine."""

import ast
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lvlm_eval.datasets.fingerprint import fingerprint_files
from lvlm_eval.errors import InputError, nearest_names
from lvlm_eval.vision.backbones.blocks import (
    grid_of,
    had,
    named_normalisation,
    number_of,
    output_of,
)
from lvlm_eval.vision.backbones.hub_outputs import patch_features
from lvlm_eval.vision.backbones.torch_backbone import IMAGENET, TorchBackbone


class TorchHubBackbone(TorchBackbone):
    """What a model of a repository gives, or one of its blocks.

    The repository is trusted (``trust_repo``): its code is fetched and run with the rights of the
    user, who names it. Which GitHub user a fork belongs to is not looked up.

    Without a layer the model's own output is taken, in one of the forms that
    `hub_outputs.patch_features` knows. With a layer it is that of a block, of which the last tokens
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
        if layer is None and final_norm is not None:
            raise InputError(
                "final_norm is for the output of a block. Give layer=-1 too, or leave it out to "
                "take the model's own output."
            )
        self._what = f"'{place}' of torch.hub"
        model = _loaded(self._what, repository, entry, options)
        self.patch = patch if patch is not None else _patch_of(self._what, model)
        self._layer: int | None = None
        self._norm: nn.Module | None = None
        if layer is not None:
            blocks = list(_blocks_of(self._what, model))
            self._layer = number_of(self._what, layer, len(blocks))
            self._block = blocks[self._layer]
            self._norm = _norm_of(self._what, model) if final_norm else None
        self._told = {"code": _code_of(repository), "entry": entry, "options": options}
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


def _loaded(what: str, repository: str, entry: str, options: Mapping[str, Any]) -> Any:
    source = "local" if Path(repository).is_dir() else "github"
    if source == "github" and (repository.startswith((".", "/")) or "/" not in repository):
        raise InputError(f"{what}: there is no folder '{repository}'.")
    trust = {"trust_repo": True, "skip_validation": True}
    with had(what, "Is there a network, and are the options those of the entry?"):
        try:
            model = torch.hub.load(
                repository, entry, source=source, verbose=False, **trust, **options
            )
        except RuntimeError as error:
            if "Cannot find callable" not in str(error):
                raise
            known = _entries(repository, source)
            raise InputError(
                f"{what}: no entry '{entry}'. {nearest_names(entry, known)}"
            ) from error
    if not isinstance(model, nn.Module):
        raise InputError(f"{what} gives a {type(model).__name__}; expected a model of torch.")
    for part in model.modules():
        if isinstance(vars(part).get("dtype"), torch.dtype):
            part.dtype = torch.float32  # C-RADIO's first part would cast pixels to that of its file
    return model.float().eval()


def _entries(repository: str, source: str) -> list[str]:
    """The names of a repository's entries; it has been fetched by then."""
    if source == "github":
        listed: list[str] = torch.hub.list(
            repository, verbose=False, trust_repo=True, skip_validation=True
        )
        return listed
    parts = ast.parse((Path(repository) / "hubconf.py").read_text(encoding="utf-8")).body
    defined = [part.name for part in parts if isinstance(part, ast.FunctionDef)]
    return [name for name in defined if not name.startswith("_")]


def _code_of(repository: str) -> str:
    """A repository's name, or the content of a folder's modules, wherever it lies."""
    folder = Path(repository)
    if not folder.is_dir():
        return repository
    modules = sorted(folder.rglob("*.py"))
    return fingerprint_files((one.relative_to(folder).as_posix(), one) for one in modules)


def _within(model: Any) -> Iterator[Any]:
    """The model, and the models that it wraps."""
    yield model
    for name in ("model", "encoder", "backbone"):
        inner = getattr(model, name, None)
        if isinstance(inner, nn.Module):
            yield inner


def _patch_of(what: str, model: Any) -> int:
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


def _blocks_of(what: str, model: Any) -> Iterator[nn.Module]:
    """The blocks, also where they are in groups that are filled up with identities."""
    for one in _within(model):
        blocks = getattr(one, "blocks", None)
        if isinstance(blocks, nn.ModuleList | nn.Sequential) and len(blocks):
            for block in blocks:
                grouped = isinstance(block, nn.ModuleList)
                parts = [p for p in block if not isinstance(p, nn.Identity)] if grouped else [block]
                yield from parts
            return
    raise InputError(f"{what} has no 'blocks'. Leave layer out to take its own output.")


def _norm_of(what: str, model: Any) -> nn.Module:
    """The norm; for a model that was made without one, its stand-in that does nothing."""
    for one in _within(model):
        norm = getattr(one, "norm", None)
        if isinstance(norm, nn.Module):
            return norm
    raise InputError(f"{what} has no 'norm'. Give final_norm=false")


def weights_digest(model: nn.Module) -> str:
    """SHA-256 of names and values of a model's weights, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for name, value in model.state_dict().items():
        digest.update(name.encode())
        if isinstance(value, torch.Tensor):
            raw = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            digest.update(raw.numpy())
    return digest.hexdigest()

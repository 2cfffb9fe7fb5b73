"""Gets a model from a repository, and tells by what it is known."""

import ast
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lvlm_eval.datasets.fingerprint import fingerprint_files
from lvlm_eval.errors import InputError, nearest_names
from lvlm_eval.vision.backbones.obtaining import obtaining


def load(what: str, repository: str, entry: str, options: Mapping[str, Any]) -> Any:
    """The model of an entry, in float32.

    Args:
        what: it is, for messages.
        repository: ``owner/name``, with ``:branch`` or not, or a folder with a ``hubconf.py``.
        entry: a function of its ``hubconf.py``.
        options: of the entry.

    Raises:
        InputError: the repository, the entry or its weights cannot be had, or it gives no model.
    """
    source = "local" if Path(repository).is_dir() else "github"
    if source == "github" and (repository.startswith((".", "/")) or "/" not in repository):
        raise InputError(f"{what}: there is no folder '{repository}'.")
    trust = {"trust_repo": True, "skip_validation": True}
    with obtaining(what, "Is there a network, and are the options those of the entry?"):
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


def code_of(repository: str) -> str:
    """A repository's name, or the fingerprint of a folder's modules, wherever it lies.

    Args:
        repository: see `load`.
    """
    folder = Path(repository)
    if not folder.is_dir():
        return repository
    modules = sorted(folder.rglob("*.py"))
    return fingerprint_files((one.relative_to(folder).as_posix(), one) for one in modules)


def weights_digest(model: nn.Module) -> str:
    """SHA-256 of names and values of a model's weights, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for name, value in model.state_dict().items():
        digest.update(name.encode())
        if isinstance(value, torch.Tensor):
            raw = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            digest.update(raw.numpy())
    return digest.hexdigest()

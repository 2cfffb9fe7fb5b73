"""Loads the vision part of a checkpoint, and what its files tell about pixels."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import safe_open
from transformers.utils import cached_file

from lvlm_eval.errors import InputError
from lvlm_eval.models.local.checkpoint import check_place
from lvlm_eval.models.local.loading import explained
from lvlm_eval.vision.backbones.huggingface.quiet import quiet
from lvlm_eval.vision.backbones.normalisation import Normalisation, named_normalisation

MEMORY = "--precision bfloat16, or --device cpu"

COMPOSITE = frozenset({"clip", "siglip", "siglip2", "metaclip_2", "sam"})
"""Models of images and texts whose vision part the library takes out of a checkpoint by itself."""

_TOWERS = (
    "model.vision_tower.vision_model.",
    "vision_tower.vision_model.",
    "model.vision_tower.",
    "vision_tower.",
    "model.visual.",
    "visual.",
)
"""Where the weights of a vision tower stand in the checkpoints of LVLMs, the longest first."""

_INDEX, _WEIGHTS = "model.safetensors.index.json", "model.safetensors"


def load_config(checkpoint: str, revision: str | None = None) -> Any:
    """The configuration of a checkpoint.

    Args:
        checkpoint: hub id or folder.
        revision: of the hub repository.

    Raises:
        InputError: it is missing, gated, or of an unknown kind.
    """
    check_place(checkpoint)
    with quiet(), explained(checkpoint, MEMORY):
        return transformers.AutoConfig.from_pretrained(checkpoint, revision=revision)


def vision_config(config: Any) -> Any:
    """The configuration of the vision part; the whole one if it is a model of vision alone."""
    return getattr(config, "vision_config", None) or config


def load_vision(
    checkpoint: str,
    config: Any,
    model_class: Any,
    revision: str | None = None,
    more: Mapping[str, Any] | None = None,
) -> Any:
    """The vision part of a checkpoint in float32, with every weight from the checkpoint.

    Args:
        checkpoint: hub id or folder.
        config: from `load_config`.
        model_class: of the vision part: a class of the library, or its name there.
        revision: of the hub repository.
        more: arguments of ``from_pretrained``.

    Raises:
        InputError: weights are missing or gated, or there is too little memory.
    """
    of_vision = vision_config(config)
    made = getattr(transformers, model_class) if isinstance(model_class, str) else model_class
    arguments = {"dtype": torch.float32, "attn_implementation": "sdpa", **(more or {})}
    with quiet(), explained(checkpoint, MEMORY):
        if of_vision is config or config.model_type in COMPOSITE:
            model, told = made.from_pretrained(
                checkpoint, revision=revision, output_loading_info=True, **arguments
            )
        else:
            state = _tower_weights(checkpoint, revision)
            model, told = made.from_pretrained(
                None, config=of_vision, state_dict=state, output_loading_info=True, **arguments
            )
    _check_complete(checkpoint, made.__name__, told)
    return model.eval()


def _check_complete(checkpoint: str, model_class: str, told: Mapping[str, Any]) -> None:
    """The library draws weights at random where a checkpoint has none."""
    missing = sorted(map(str, told.get("missing_keys") or ()))
    if missing:
        raise InputError(
            f"'{checkpoint}' lacks {len(missing)} of the weights of {model_class}, such as "
            f"'{missing[0]}': it is not a whole checkpoint of this model."
        )


def _tower_weights(checkpoint: str, revision: str | None) -> dict[str, torch.Tensor]:
    """The weights of an LVLM's vision tower, by the names that they have in the tower.

    Only the files that hold some of them are read, and of a hub repository fetched.
    """
    files: dict[str, list[str] | None] = {_WEIGHTS: None}
    index = _file(checkpoint, _INDEX, revision)
    if index is not None:
        places: Mapping[str, str] = json.loads(Path(index).read_text())["weight_map"]
        files = {}
        for name, file in places.items():
            if _in_tower(name) is not None:
                files.setdefault(file, []).append(name)  # type: ignore[union-attr]  # lists here
    state: dict[str, torch.Tensor] = {}
    for file, names in files.items():
        path = _file(checkpoint, file, revision)
        if path is None:
            raise InputError(f"'{checkpoint}' has no file {file}; expected weights in safetensors.")
        with safe_open(path, framework="pt") as opened:
            for name in names if names is not None else opened.keys():  # no mapping
                own = _in_tower(name)
                if own is not None:
                    state[own] = opened.get_tensor(name).float()
    if not state:
        raise InputError(f"'{checkpoint}' holds no vision tower that is known here.")
    return state


def _in_tower(name: str) -> str | None:
    """The name within the tower; None for weights elsewhere."""
    for prefix in _TOWERS:
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return None


def _file(checkpoint: str, name: str, revision: str | None) -> str | None:
    found: str | None = cached_file(
        checkpoint, name, revision=revision, _raise_exceptions_for_missing_entries=False
    )
    return found


def normalisation_of(
    checkpoint: str, wanted: str | None, usual: Normalisation, revision: str | None = None
) -> Normalisation:
    """Mean and deviation that pixels are normalised with.

    Args:
        checkpoint: hub id or folder.
        wanted: a name; None takes what the checkpoint's image processor says.
        usual: where that says nothing.
        revision: of the hub repository.

    Raises:
        InputError: the name is unknown.
    """
    if wanted is not None:
        return named_normalisation(wanted, usual)
    try:
        with quiet():
            settings, _ = transformers.ImageProcessingMixin.get_image_processor_dict(
                checkpoint, revision=revision
            )
    except (OSError, ValueError):
        return usual
    settings = settings.get("image_processor", settings)
    mean, deviation = settings.get("image_mean"), settings.get("image_std")
    if settings.get("do_normalize") is False or not _three(mean) or not _three(deviation):
        return usual
    return tuple(map(float, mean)), tuple(map(float, deviation))  # type: ignore[return-value]  # 3


def _three(values: object) -> bool:
    return isinstance(values, list | tuple) and len(values) == 3

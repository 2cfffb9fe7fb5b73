"""What is done with feature maps in numpy and in torch alike, wherever they lie.

Both kinds of array understand the same few operators, so that matching is written once. Heavy
arithmetic stays on the device of the maps; what is small comes back as numpy.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lvlm_eval.vision.backbones.backbone import Maps

_LEAST = 1e-12


def is_torch(array: Any) -> bool:
    """Whether an array is one of torch's, without importing torch."""
    return type(array).__module__.split(".")[0] == "torch"


def to_numpy(array: Any) -> npt.NDArray[Any]:
    """The array in numpy, in its own type of numbers."""
    return array.detach().cpu().numpy() if is_torch(array) else np.asarray(array)


def like(values: npt.NDArray[Any], array: Any) -> Any:
    """Some values as the same kind of array, on the same device."""
    if not is_torch(array):
        return values
    import torch

    return torch.from_numpy(np.ascontiguousarray(values)).to(array.device)


def normalised(maps: Any) -> Maps:
    """Features of length one: (photos, H, W, C) divided by their norms along C."""
    if is_torch(maps):
        import torch

        with torch.inference_mode():
            maps = maps.float()
            return maps / maps.norm(dim=-1, keepdim=True).clamp_min(_LEAST)
    values = np.asarray(maps, dtype=np.float32)
    lengths = np.linalg.norm(values, axis=-1, keepdims=True)
    return np.asarray(values / np.maximum(lengths, np.float32(_LEAST)))


def halved(array: Any) -> Any:
    """The array in float16 numbers."""
    return array.half() if is_torch(array) else np.asarray(array, dtype=np.float16)


def as_float32(array: Any) -> Maps:
    """The array in float32 numbers."""
    return array.float() if is_torch(array) else np.asarray(array, dtype=np.float32)


def copied(array: Any) -> Any:
    """The array in memory of its own."""
    return array.clone() if is_torch(array) else array.copy()


def joined(parts: Sequence[Any]) -> Maps:
    """Arrays of one kind behind each other, along their first axis."""
    if not is_torch(parts[0]):
        return np.concatenate(parts)
    import torch

    whole: Maps = torch.cat(list(parts))
    return whole


def finite(maps: Any) -> npt.NDArray[np.bool_]:
    """Of each photo, whether all its features are numbers: (photos,)."""
    if is_torch(maps):
        found: npt.NDArray[np.bool_] = to_numpy(maps.flatten(1).isfinite().all(dim=1))
        return found
    return np.asarray(np.isfinite(maps).reshape(len(maps), -1).all(axis=1))


def number_of_bytes(array: Any) -> int:
    """Memory that an array takes, on its device."""
    return int(array.nbytes)

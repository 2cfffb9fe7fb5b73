"""Mean and deviation that pixels are normalised with, and their names."""

from collections.abc import Mapping
from typing import TypeAlias

from lvlm_eval.errors import InputError, nearest_names

Normalisation: TypeAlias = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Mean and deviation of red, green and blue, of pixels in 0 to 1."""

IMAGENET: Normalisation = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIP: Normalisation = (
    (0.48145466, 0.4578275, 0.40821073),
    (0.26862954, 0.26130258, 0.27577711),
)
HALF: Normalisation = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
"""Pixels in -1 to 1."""
RAW: Normalisation = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
"""Pixels in 0 to 1 as they are: the model normalises for itself."""

NORMALISATIONS: Mapping[str, Normalisation] = {
    "imagenet": IMAGENET,
    "clip": CLIP,
    "half": HALF,
    "raw": RAW,
}
"""By the name that a user gives."""


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

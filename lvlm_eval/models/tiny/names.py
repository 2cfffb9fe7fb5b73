"""The families by name and what can be chosen about their size; needs no torch."""

from collections.abc import Iterable
from dataclasses import dataclass

from lvlm_eval.errors import InputError, nearest_names
from lvlm_eval.models.argument_checks import check_whole

FAMILIES = (
    "qwen2.5-vl",
    "qwen3-vl",
    "qwen3-vl-thinking",
    "llava-onevision",
    "internvl",
    "llava",
)
BACKBONES = ("dinov2",)
"""Families of vision alone, for ``lvlm-eval vision``."""

EVERY = (*FAMILIES, *BACKBONES)

PIXEL_BUDGET_FAMILIES = ("qwen2.5-vl", "qwen3-vl", "qwen3-vl-thinking", "internvl")
"""Those whose image processor has a bound on pixels; the others see pictures of one size."""

HEAD = 32
"""Width of every attention head, in values."""

LEAST_PIXELS = 64 * 64
"""Least bound on an image's pixels: four tokens of the family with the largest patches."""

LEAST_LAYERS = 2
"""LLaVA reads the last layer but one of its vision tower."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What can be chosen about a checkpoint.

    Attributes:
        layers: of the language model, and as many of the vision tower.
        hidden: width of the language model, in values; the vision tower has half of it.
        max_pixels: bound on the pixels of an image as the model sees it; None for the family's own,
            which is a few thousand. Families without such a bound ignore it.
        seed: of the weights.
    """

    layers: int = 2
    hidden: int = 128
    max_pixels: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            InputError: no checkpoint can have one of them.
        """
        check_whole("layers", self.layers, LEAST_LAYERS)
        check_whole("max_pixels", self.max_pixels, LEAST_PIXELS, or_null=True)
        check_whole("seed", self.seed, 0)
        check_whole("hidden", self.hidden, 2 * HEAD)
        if self.hidden % (2 * HEAD):
            raise InputError(f"hidden is {self.hidden}, expected a multiple of {2 * HEAD}.")


def check_families(names: Iterable[str]) -> None:
    """Refuse a family that cannot be made.

    Raises:
        InputError: a name is unknown.
    """
    for name in names:
        if name not in EVERY:
            raise InputError(f"unknown family '{name}'. {nearest_names(name, EVERY)}")

"""The contract between the harness and a vision backbone, for built-in and users' ones alike."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

Photos: TypeAlias = npt.NDArray[np.uint8]
"""Square photos of one size, RGB: (photos, S, S, 3), padded and resized as the protocol says."""

if TYPE_CHECKING:
    Maps: TypeAlias = npt.NDArray[np.float32] | torch.Tensor
else:
    Maps = Any  # torch need not be there
"""Features of photos: (photos, H, W, C), float32, not normalised; on whatever device."""


def _nobody(line: str) -> None:
    """Takes what is told outside of a run."""


class Backbone(ABC):
    """Turns square photos into feature maps. It never reads the dataset, resizes, or matches.

    A user's class need not inherit from this one: ``patch`` and ``encode`` are enough, and every
    other attribute below has the default that stands here.

    Attributes:
        patch: side in px of the square of a photo that one feature stands for. The harness resizes
            photos to a multiple of it.
        batch: photos in one call of ``encode``.
        incidental: names of constructor arguments that do not decide the features by their value,
            beside ``device`` and ``batch``, which never do: such as where a file of weights lies
            whose content `identity` tells.
        tell: set by the harness; call it with a line that the user should read.
    """

    patch: int
    batch: int = 8
    incidental: frozenset[str] = frozenset()
    tell: Callable[[str], None] = staticmethod(_nobody)

    @abstractmethod
    def encode(self, photos: Photos) -> Maps:
        """Compute the feature maps of some photos of one size.

        Args:
            photos: (photos, S, S, 3), RGB, 8 bits, S a multiple of ``patch``.

        Returns:
            (photos, H, W, C), rows from the top; float32. Not normalised: the harness does that.
        """

    def identity(self) -> Mapping[str, Any]:
        """What decides the features beside the constructor's arguments; JSON-able.

        Such as the layer, whether the final norm is applied, the tokens that are dropped, how
        positions are resized, the content of a checkpoint. Cached features are kept by it.
        """
        return {}

"""Dense descriptors that need no weights: a real backbone on any machine, without torch."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from skimage.feature import daisy

from lvlm_eval.errors import InputError
from lvlm_eval.vision.backbones.backbone import Backbone, Photos

CELL = 5
"""Samples along the side of a patch; odd, so that one stands in its centre."""

RINGS, HISTOGRAMS, ORIENTATIONS = 3, 8, 8
LENGTH = (RINGS * HISTOGRAMS + 1) * ORIENTATIONS
"""Values of a descriptor of scikit-image."""

FLAT = 0.1
"""What the constant channel counts for, as a value in each channel of a descriptor.

Descriptors are of gradients of brightness in 0 to 1. With this channel places without gradients,
such as the white beside a photo, point in a direction of their own, rather than in that of their
noise, and have no length of zero.
"""

LUMA = np.array((0.2125, 0.7154, 0.0721), dtype=np.float32)
"""Brightness of red, green and blue (ITU-R BT.709, as scikit-image has it)."""


class Daisy(Backbone):
    """DAISY descriptors of the grey photo, one at the centre of each patch, by scikit-image.

    Each patch is averaged to 5 × 5 samples; a descriptor looks at those within ``radius``, and
    beyond the border at the photo reflected. One channel of a constant value is added.

    Args:
        radius: of a descriptor, in samples; 5 are a patch.

    Raises:
        InputError: the radius is not a whole number above zero.
    """

    patch = 16

    def __init__(self, radius: int = 20) -> None:
        if isinstance(radius, bool) or not isinstance(radius, int) or radius < RINGS:
            raise InputError(f"radius {radius!r}: give a whole number of samples, {RINGS} or more.")
        self.radius = radius

    def encode(self, photos: Photos) -> npt.NDArray[np.float32]:
        """See `Backbone.encode`; C is 201."""
        rows, columns = photos.shape[1] // self.patch, photos.shape[2] // self.patch
        maps = np.empty((len(photos), rows, columns, LENGTH + 1), dtype=np.float32)
        maps[..., LENGTH] = FLAT * LENGTH**0.5
        for index, photo in enumerate(photos):
            maps[index, ..., :LENGTH] = self._descriptors(photo, rows, columns)
        return maps

    def _descriptors(
        self, photo: npt.NDArray[np.uint8], rows: int, columns: int
    ) -> npt.NDArray[np.float32]:
        size = (columns * CELL, rows * CELL)
        averaged = Image.fromarray(photo).resize(size, Image.Resampling.BOX)
        grey = (np.asarray(averaged, dtype=np.float32) / 255) @ LUMA
        # The first descriptor stands ``radius`` samples from the edge: here the first centre.
        before = self.radius - CELL // 2
        padded = np.pad(grey, (before, self.radius), mode="symmetric")
        found: npt.NDArray[np.float32] = daisy(
            padded,
            step=CELL,
            radius=self.radius,
            rings=RINGS,
            histograms=HISTOGRAMS,
            orientations=ORIENTATIONS,
            normalization="off",
        )
        return found[:rows, :columns]

    def identity(self) -> Mapping[str, Any]:
        """What decides a descriptor beside its radius."""
        return {
            "samples": f"{CELL} x {CELL} averages a patch, grey",
            "descriptor": f"{RINGS} rings, {HISTOGRAMS} histograms, {ORIENTATIONS} orientations",
            "flat": FLAT,
            "border": "reflected",
        }

"""Query features: a map sampled between its cells (step 5 of the protocol)."""

import numpy as np
import numpy.typing as npt

from lvlm_eval.vision.arrays import like, to_numpy
from lvlm_eval.vision.backbones.backbone import Maps
from lvlm_eval.vision.grid import Floats


def sampled(map_: Maps, points: Floats) -> npt.NDArray[np.float32]:
    """Bilinear samples of a map, the corner cells at 0 and 1 (``align_corners``), zeros beyond.

    Args:
        map_: (H, W, C).
        points: (n, 2), x and y.

    Returns:
        (n, C); not of length one, since cells are averaged.
    """
    height, width, channels = map_.shape
    x, y = points[:, 0] * (width - 1), points[:, 1] * (height - 1)
    left, top = np.floor(x), np.floor(y)
    columns = np.stack([left, left + 1, left, left + 1], axis=1)
    rows = np.stack([top, top, top + 1, top + 1], axis=1)
    weights = (1 - np.abs(x[:, None] - columns)) * (1 - np.abs(y[:, None] - rows))
    weights *= (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    cells = np.clip(rows, 0, height - 1) * width + np.clip(columns, 0, width - 1)
    flat = map_.reshape(height * width, channels)
    corners = to_numpy(flat[like(cells.astype(np.int64), map_)]).astype(np.float64)
    samples: npt.NDArray[np.float32] = np.einsum("nk,nkc->nc", weights, corners).astype(np.float32)
    return samples

"""Photos as backbones get them: padded to a square, resized, 8 bits a channel."""

import numpy as np
from PIL import Image

from lvlm_eval.vision.backbones.backbone import Photos

_WHITE = (255, 255, 255)


def squared(photo: Image.Image, side: int) -> Photos:
    """Pad a photo to a square with white on the right and bottom, and resize it (steps 1 and 2).

    It is resized as an image of 8 bits, bicubic with antialias: a tensor of floats resized
    otherwise moves some results.

    Args:
        photo: RGB, as stored.
        side: of the result, in px.

    Returns:
        (1, side, side, 3).
    """
    longer = max(photo.size)
    if photo.size != (longer, longer):
        square = Image.new("RGB", (longer, longer), _WHITE)
        square.paste(photo, (0, 0))
        photo = square
    if photo.size != (side, side):
        photo = photo.resize((side, side), Image.Resampling.BICUBIC)
    return np.array(photo)[None]

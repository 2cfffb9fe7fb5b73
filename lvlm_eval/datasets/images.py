"""Decodes photos to RGB as they are stored, and refuses what cannot or must not be decoded."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from lvlm_eval.datasets.refusals import refusal
from lvlm_eval.errors import InputError

MAX_SIDE = 20_000
"""Longest side in px of an image that is decoded."""

# Other formats of the library start outside programs or are no photographs.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")

_MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "PPM": "image/x-portable-anymap",
}


def read_rgb(source: Path | bytes, where: object) -> Image.Image:
    """Decode an image to RGB, its pixels in the order in which they are stored.

    An EXIF orientation is ignored: keypoints are annotated in the stored frame. Sixteen bits a
    channel are scaled to eight, transparency is laid on white.

    Args:
        source: a file, or its content.
        where: what to call it in an error.

    Raises:
        InputError: it is missing, no image, cut off, or larger than may be decoded.
    """
    with _opened(source, where) as image:
        return _to_rgb(image)


def read_size(source: Path | bytes, where: object) -> tuple[int, int]:
    """Read width and height in px from an image's header, without decoding it.

    Args:
        source: a file, or its content.
        where: what to call it in an error.

    Raises:
        InputError: it is missing, no image, or larger than may be decoded.
    """
    with _opened(source, where) as image:
        return image.size


def identify(data: bytes, where: object) -> tuple[str, tuple[int, int]]:
    """Tell what encoded bytes are, and make sure that all of them can be decoded.

    Args:
        data: the content of an image file.
        where: what to call it in an error.

    Returns:
        The media type, and width and height in px.

    Raises:
        InputError: the bytes are no image, cut off, or larger than may be decoded.
    """
    with _opened(data, where) as image:
        size = image.size
        media_type = _MEDIA_TYPES[image.format or ""]
        # JPEG draft mode reads the whole stream but computes few pixels: enough to find a cut.
        image.draft("L", (1, 1))
        image.load()
        return media_type, size


@contextmanager
def _opened(source: Path | bytes, where: object) -> Iterator[Image.Image]:
    try:
        stream = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
        with stream, Image.open(stream, formats=_FORMATS) as image:
            _check_size(image.size, where)
            yield image
    except InputError:
        raise
    except FileNotFoundError:
        raise refusal(where, "", "the image file does not exist.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise refusal(where, "", f"too large to decode: {error}") from None
    except MemoryError:
        raise refusal(where, "", "not enough memory to decode this image.") from None
    except Exception as error:  # a broken file makes decoders raise nearly any type
        reason = "not an image in a known format" if _unidentified(error) else str(error)
        raise refusal(
            where, "", f"cannot be decoded as an image ({reason or type(error).__name__})."
        ) from None


def _unidentified(error: Exception) -> bool:
    return type(error).__name__ == "UnidentifiedImageError"


def _check_size(size: tuple[int, int], where: object) -> None:
    width, height = size
    pixels = Image.MAX_IMAGE_PIXELS
    if max(size) > MAX_SIDE or (pixels is not None and width * height > pixels):
        limit = f"{MAX_SIDE} px a side" + (f" and {pixels} px in all" if pixels else "")
        raise refusal(where, "", f"{width}x{height} px is too large to decode (limit {limit}).")


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        image.load()
        return image.copy()
    if image.mode.startswith("I"):
        return _from_16_bit(np.asarray(image)).convert("RGB")
    if image.mode == "F":
        raise ValueError("floating-point pixels have no fixed range; store 8 bits a channel")
    if image.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in image.info:
        above = image.convert("RGBA")
        white = Image.new("RGBA", above.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, above).convert("RGB")
    return image.convert("RGB")


def _from_16_bit(values: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]") -> Image.Image:
    wide = np.clip(values.astype(np.int64), 0, 65_535)
    return Image.fromarray(((wide + 128) // 257).astype(np.uint8))

"""Decodes photos to RGB as they are stored, and refuses what cannot or must not be decoded."""

import hashlib
import io
import stat
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from lvlm_eval.datasets.refusals import refusal
from lvlm_eval.errors import InputError
from lvlm_eval.silence import silenced

MAX_SIDE = 20_000
"""Longest side in px of an image that is decoded."""

# Other formats of the library start outside programs or are no photographs.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")

THUMBNAIL_SIDE = 32
"""Px; see ``ImageFacts.thumbnail``."""

_WIDTH, _HEIGHT, _ORIENTATION = 0x0100, 0x0101, 0x0112
_SIDEWAYS = (5, 6, 7, 8)
_UNDOING = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""What turns an image back that was turned as its orientation says."""

_LFS_POINTER = b"version https://git-lfs"
_EIGHT_BITS = ((np.arange(65_536) + 128) // 257).astype(np.uint8)
_ROWS_AT_A_TIME = 64

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


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What an image file is, and its pixels in short.

    Attributes:
        kind: name of the format, such as ``JPEG``.
        size: width and height in px.
        mode: how the file stores its pixels, such as ``CMYK`` or ``P``.
        bits: of each channel: 16, or 8 and fewer.
        frames: 1, or more in an animation or a file of several pages.
        orientation: as EXIF says it, 1 where it says nothing.
        transparent: whether a pixel is not quite opaque.
        pixels: SHA-256 of the size and the RGB pixels that ``read_rgb`` gives, 32 bytes.
        thumbnail: the same in grey, squeezed to 32×32, 1,024 bytes in row-major order.
    """

    kind: str
    size: tuple[int, int]
    mode: str
    bits: int
    frames: int
    orientation: int
    transparent: bool
    pixels: bytes = field(repr=False)
    thumbnail: bytes = field(repr=False)


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
        return _stored_size(image)


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
        size = _stored_size(image)
        media_type = _MEDIA_TYPES[image.format or ""]
        _check_mode(image)
        # JPEG draft mode reads the whole stream but computes few pixels: enough to find a cut.
        image.draft("L", (1, 1))
        image.load()
        return media_type, size


def inspect(source: Path | bytes, where: object) -> ImageFacts:
    """Decode an image completely, once, and tell what there is to know about it.

    Args:
        source: a file, or its content.
        where: what to call it in an error.

    Raises:
        InputError: exactly where ``read_rgb`` raises one.
    """
    with _opened(source, where) as image:
        mode, bits, orientation = image.mode, _bits(image), _orientation(image)
        rgb = _as_rgb(image)
        size, pixels, thumbnail = rgb.size, _digest(rgb), _thumbnail(rgb)
        return ImageFacts(
            kind=image.format or "",
            size=size,
            mode=mode,
            bits=bits,
            transparent=_shows_through(image),
            frames=_frames(image),  # last, because it may move on to another frame
            orientation=orientation,
            pixels=pixels,
            thumbnail=thumbnail,
        )


@contextmanager
def _opened(source: Path | bytes, where: object) -> Iterator[Image.Image]:
    try:
        # What decoders have to say about odd files goes into the error, or nowhere.
        with (
            silenced(),
            _stream(source) as stream,
            Image.open(stream, formats=_FORMATS) as image,
        ):
            _check_size(image.size, where)
            yield image
    except InputError:
        raise
    except FileNotFoundError:
        raise refusal(where, "", "the image file does not exist.") from None
    except Image.DecompressionBombError as error:
        raise _too_large(_size_of_bomb(error), where) from None
    except MemoryError:
        raise refusal(where, "", "not enough memory to decode this image.") from None
    except Exception as error:  # a broken file makes decoders raise nearly any type
        reason = _reason(error)
        raise refusal(where, "", f"cannot be decoded as an image ({reason}).") from None


def _stream(source: Path | bytes) -> BinaryIO:
    """Open a file, but nothing that may never end, such as a pipe.

    Raises:
        ValueError: it is empty or no image at all; the message says what it is.
    """
    if not isinstance(source, bytes):
        mode = source.stat().st_mode
        if not stat.S_ISREG(mode):
            raise ValueError(f"it is {'a folder' if stat.S_ISDIR(mode) else 'no file'}")
    stream = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
    start = stream.read(len(_LFS_POINTER))
    if not start or start == _LFS_POINTER:
        stream.close()
        raise ValueError(
            "it is a Git LFS pointer: fetch the file itself" if start else "it is empty"
        )
    return stream


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image in a known format"
    if isinstance(error, OSError) and error.strerror:  # without the path, which is named already
        return error.strerror
    return str(error) or type(error).__name__


def _size_of_bomb(error: Image.DecompressionBombError) -> tuple[int, int] | None:
    """Width and height that Pillow refused: its message has but their product."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    size = frame.f_locals.get("size")
    return size if isinstance(size, tuple) and len(size) == 2 else None


def _check_size(size: tuple[int, int], where: object) -> None:
    width, height = size
    pixels = Image.MAX_IMAGE_PIXELS
    if max(size) > MAX_SIDE or (pixels is not None and width * height > pixels):
        raise _too_large(size, where)


def _too_large(size: tuple[int, int] | None, where: object) -> InputError:
    found = f"{size[0]}x{size[1]} px" if size else "the image"
    pixels = Image.MAX_IMAGE_PIXELS
    limit = f"{MAX_SIDE} px a side" + (f" and {pixels} px in all" if pixels else "")
    return refusal(where, "", f"{found} is too large to decode (limit {limit}).")


def _to_rgb(image: Image.Image) -> Image.Image:
    rgb = _as_rgb(image)
    return rgb.copy() if rgb is image else rgb


def _as_rgb(image: Image.Image) -> Image.Image:
    """The image in RGB; itself, decoded, where it is that."""
    image = _as_stored(image)
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):
        return _from_16_bit(np.asarray(image)).convert("RGB")
    _check_mode(image)
    if _has_transparency(image):
        above = image.convert("RGBA")
        white = Image.new("RGBA", above.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, above).convert("RGB")
    return image.convert("RGB")


def _check_mode(image: Image.Image) -> None:
    if image.mode == "F":
        raise ValueError("floating-point pixels have no fixed range; store 8 bits a channel")


def _as_stored(image: Image.Image) -> Image.Image:
    """The image, decoded. Pillow turns a TIFF as its orientation says: that is undone."""
    orientation = _tiff_tag(image, _ORIENTATION)
    image.load()
    was_turned = orientation in _UNDOING and _tiff_tag(image, _ORIENTATION) is None
    return image.transpose(_UNDOING[orientation]) if was_turned else image


def _stored_size(image: Image.Image) -> tuple[int, int]:
    turned = _tiff_tag(image, _ORIENTATION) in _SIDEWAYS
    stored = _tiff_tag(image, _WIDTH), _tiff_tag(image, _HEIGHT)
    return stored if turned and sorted(stored) == sorted(image.size) else image.size


def _tiff_tag(image: Image.Image, tag: int) -> Any:
    return image.tag_v2.get(tag) if isinstance(image, TiffImageFile) else None


def _from_16_bit(values: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]") -> Image.Image:
    # By table: arithmetic would need many times the memory of the image.
    return Image.fromarray(_EIGHT_BITS[np.clip(values, 0, 65_535)])


def _has_transparency(image: Image.Image) -> bool:
    return image.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in image.info


def _bits(image: Image.Image) -> int:
    """Sixteen-bit colours become eight while they are decoded: only the raw mode tells."""
    if image.mode.startswith("I"):
        return 16
    tiles = getattr(image, "tile", ())
    return 16 if any(";16" in str(part[-1]) for part in tiles) else 8


def _orientation(image: Image.Image) -> int:
    if image.format == "PNG":
        image.load()  # looking for EXIF would load it too, and hide below that it is broken
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # broken metadata of a photo that can be decoded
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _frames(image: Image.Image) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # a later frame is broken, which no one looks at
        return 1


def _shows_through(image: Image.Image) -> bool:
    if not _has_transparency(image):
        return False
    least, _ = image.convert("RGBA").getchannel("A").getextrema()
    return isinstance(least, (int, float)) and least < 255


def _digest(rgb: Image.Image) -> bytes:
    digest = hashlib.sha256(f"{rgb.width}x{rgb.height}:".encode())
    for top in range(0, rgb.height, _ROWS_AT_A_TIME):
        bottom = min(rgb.height, top + _ROWS_AT_A_TIME)
        digest.update(rgb.crop((0, top, rgb.width, bottom)).tobytes())
    return digest.digest()


def _thumbnail(rgb: Image.Image) -> bytes:
    side = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    return rgb.convert("L").resize(side, Image.Resampling.BOX).tobytes()

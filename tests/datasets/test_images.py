"""Pixels as stored, sensible conversion, and refusal of what must not be decoded."""

import io
import struct
import zlib

import numpy as np
import pytest
from making import encoded_image
from PIL import Image

from lvlm_eval.datasets.images import identify, read_rgb, read_size
from lvlm_eval.errors import InputError


def saved(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def one_pixel(mode: str, value: object) -> Image.Image:
    return Image.new(mode, (1, 1), value)


def palette(transparent: bool) -> bytes:
    image = Image.new("P", (1, 1), 1)
    image.putpalette([0, 0, 0, 200, 10, 20])
    return saved(image, transparency=1) if transparent else saved(image)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (saved(one_pixel("RGB", (1, 2, 3))), (1, 2, 3)),
        (saved(one_pixel("L", 77)), (77, 77, 77)),
        (saved(one_pixel("1", 1)), (255, 255, 255)),
        # transparency over white: a + (255 - a) * (1 - alpha)
        (saved(one_pixel("RGBA", (10, 20, 30, 255))), (10, 20, 30)),
        (saved(one_pixel("RGBA", (10, 20, 30, 0))), (255, 255, 255)),
        (saved(one_pixel("RGBA", (0, 0, 0, 51))), (204, 204, 204)),
        (saved(one_pixel("LA", (0, 0))), (255, 255, 255)),
        (saved(one_pixel("RGB", (9, 9, 9)), transparency=(9, 9, 9)), (255, 255, 255)),
        (saved(one_pixel("L", 9), transparency=9), (255, 255, 255)),
        (palette(transparent=False), (200, 10, 20)),
        (palette(transparent=True), (255, 255, 255)),
        # 16 bits: 65535 / 257 = 255, 32896 / 257 = 128, 1000 / 257 = 3.9
        (saved(Image.fromarray(np.array([[65535]], np.uint16))), (255, 255, 255)),
        (saved(Image.fromarray(np.array([[32896]], np.uint16))), (128, 128, 128)),
        (saved(Image.fromarray(np.array([[1000]], np.uint16))), (4, 4, 4)),
        (saved(Image.fromarray(np.array([[1000]], np.uint16)), "TIFF"), (4, 4, 4)),
        (saved(one_pixel("CMYK", (0, 0, 0, 0)), "TIFF"), (255, 255, 255)),
        (saved(one_pixel("CMYK", (0, 0, 0, 255)), "TIFF"), (0, 0, 0)),
    ],
)
def test_conversion_to_rgb(content, expected):
    image = read_rgb(content, "it")
    assert image.mode == "RGB"
    assert image.getpixel((0, 0)) == expected


def test_exif_orientation_is_ignored():
    image = Image.new("RGB", (40, 20), (250, 250, 250))
    image.paste((0, 0, 0), (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn by 90 degrees to view"
    content = saved(image, "JPEG", exif=exif, quality=95)
    stored = read_rgb(content, "it")
    assert stored.size == read_size(content, "it") == (40, 20)
    assert stored.getpixel((5, 10))[0] < 20
    assert stored.getpixel((35, 10))[0] > 230


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("WEBP", "image/webp"),
        ("GIF", "image/gif"),
        ("BMP", "image/bmp"),
        ("TIFF", "image/tiff"),
        ("MPO", "image/jpeg"),
    ],
)
def test_identify(kind, media_type):
    assert identify(encoded_image((33, 21), kind=kind), "it") == (media_type, (33, 21))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
@pytest.mark.parametrize("function", [read_rgb, identify])
def test_a_cut_image_is_refused(kind, function):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    content = saved(Image.fromarray(noise), kind)
    with pytest.raises(InputError, match=r"^photo: .*cannot be decoded"):
        function(content[: len(content) // 2], "photo")


@pytest.mark.parametrize(
    "content", [b"", b"no image at all", b"\xff\xd8\xff", b"%!PS-Adobe-3.0 EPSF-3.0\n"]
)
@pytest.mark.parametrize("function", [read_rgb, read_size, identify])
def test_what_is_no_image_is_refused(content, function):
    with pytest.raises(InputError, match="cannot be decoded as an image"):
        function(content, "photo")


def png_header(width: int, height: int) -> bytes:
    """A PNG that only claims its size."""
    data = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + data + struct.pack(">I", zlib.crc32(data))
    body = b"IDAT" + zlib.compress(b"")
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk
        + struct.pack(">I", len(body) - 4)
        + body
        + struct.pack(">I", zlib.crc32(body))
    )


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ((30_000, 10), "30000x10 px is too large"),
        ((10, 20_001), "10x20001 px is too large"),
        ((10_000, 9_000), "10000x9000 px is too large"),  # the limit is 89,478,485 px
        ((20_000, 20_000), "20000x20000 px is too large"),
    ],
)
def test_a_bomb_is_refused_by_its_size(size, said):
    for function in (read_rgb, read_size, identify):
        with pytest.raises(InputError, match=said):
            function(png_header(*size), "bomb")


def test_floating_point_pixels_are_refused():
    content = saved(Image.fromarray(np.zeros((2, 2), np.float32)), "TIFF")
    with pytest.raises(InputError, match="floating-point"):
        read_rgb(content, "depth")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.jpg: the image file does not exist"):
        read_rgb(tmp_path / "gone.jpg", tmp_path / "gone.jpg")


def test_a_folder_is_no_image(tmp_path):
    with pytest.raises(InputError, match="cannot be decoded"):
        read_rgb(tmp_path, tmp_path)

"""Image files of every kind, damaged anywhere."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutations import damaged, fuzzing
from PIL import Image
from rule import check_image

from lvlm_eval.datasets.images import identify, read_rgb
from lvlm_eval.errors import InputError

SIZE = (24, 16)


def _photo() -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 90, (SIZE[1], SIZE[0], 3))
    slope = np.add.outer(5 * np.arange(SIZE[1]), 3 * np.arange(SIZE[0]))
    return Image.fromarray((noise + slope[..., None]).clip(0, 255).astype(np.uint8))


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


PHOTO = _photo()
TWO = {"save_all": True, "append_images": [PHOTO.transpose(Image.Transpose.ROTATE_180)]}
GREY_16 = Image.fromarray(np.asarray(PHOTO.convert("L")).astype(np.uint16) * 257)
WHOLE = {
    "baseline.jpg": _saved(PHOTO, "JPEG"),
    "progressive.jpg": _saved(PHOTO, "JPEG", progressive=True),
    "cmyk.jpg": _saved(PHOTO.convert("CMYK"), "JPEG"),
    "mpo.jpg": _saved(PHOTO, "MPO", **TWO),
    "rgb.png": _saved(PHOTO, "PNG"),
    "rgba.png": _saved(PHOTO.convert("RGBA"), "PNG"),
    "palette.png": _saved(PHOTO.quantize(9), "PNG", transparency=b"\x80\xff\x00"),
    "grey16.png": _saved(GREY_16, "PNG"),
    "animated.png": _saved(PHOTO, "PNG", **TWO),
    "lossy.webp": _saved(PHOTO, "WEBP"),
    "lossless.webp": _saved(PHOTO, "WEBP", lossless=True),
    "animated.webp": _saved(PHOTO, "WEBP", **TWO),
    "still.gif": _saved(PHOTO, "GIF"),
    "animated.gif": _saved(PHOTO, "GIF", **TWO),
    "rgb.bmp": _saved(PHOTO, "BMP"),
    "raw.tiff": _saved(PHOTO, "TIFF"),
    "lzw.tiff": _saved(PHOTO, "TIFF", compression="tiff_lzw"),
    "grey16.tiff": _saved(GREY_16, "TIFF"),
    "rgb.ppm": _saved(PHOTO, "PPM"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_images_are_read(name: str) -> None:
    assert check_image(WHOLE[name])


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_that_is_cut_anywhere_is_refused_or_shows_every_pixel(name: str) -> None:
    whole = WHOLE[name]
    expected = read_rgb(whole, name).tobytes()
    refused = 0
    for length in range(len(whole)):
        try:
            found = read_rgb(whole[:length], name)
        except InputError as error:
            assert str(error).startswith(f"{name}: cannot be decoded as an image")
            refused += 1
            with pytest.raises(InputError):
                identify(whole[:length], name)
            continue
        # What is missing belongs to a later frame, or comes behind the pixels.
        assert found.tobytes() == expected
        assert identify(whole[:length], name)[1] == SIZE
    assert refused > len(whole) // 3


@fuzzing(200)
@given(st.sampled_from(sorted(WHOLE)).flatmap(lambda name: damaged(WHOLE[name])))
def test_damaged_images(content: bytes) -> None:
    check_image(content)


@fuzzing(60)
@given(st.sampled_from(sorted(WHOLE)).flatmap(lambda name: damaged(WHOLE[name])))
def test_damaged_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    try:
        found = read_rgb(path, path).tobytes()
    except InputError as error:
        assert str(error).startswith(f"{path}: ")
        return
    assert found == read_rgb(content, "the same").tobytes()

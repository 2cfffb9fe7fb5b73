"""Which pictures look the same, and which only share a background."""

import io
import random

import pytest
from PIL import Image, ImageDraw
from sound_data import encoded, photo

from lvlm_eval.datasets.images import inspect
from lvlm_eval.renderers import Mark, load_renderer
from lvlm_eval.validation.likeness import alike_pictures, differing_cells

SIZE = (320, 240)


def thumbnail(image: Image.Image) -> bytes:
    return inspect(encoded(image, "PNG"), "it").thumbnail


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    return Image.open(io.BytesIO(encoded(image, quality=quality))).convert("RGB")


def marked(image: Image.Image) -> Image.Image:
    draw = random.Random(3)
    marks = [
        Mark(label, draw.uniform(10, SIZE[0] - 10), draw.uniform(10, SIZE[1] - 10))
        for label in "ABCD"
    ]
    return load_renderer("red-arrow").render(image, marks).image()


VARIANTS = {
    "itself": lambda image: image,
    "saved poorly": lambda image: jpeg(image, 40),
    "shrunk": lambda image: image.resize((211, 159)),
    "in grey": lambda image: image.convert("L"),
    "a little lighter": lambda image: image.point(lambda value: min(255, value + 6)),
    "marked": marked,
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("seed", range(4))
def test_a_picture_is_like_its_variants(seed, variant):
    image = photo(seed, SIZE)
    other = VARIANTS[variant](image)
    assert differing_cells(thumbnail(image), thumbnail(other)) is not None


def test_other_pictures_are_not_alike():
    thumbnails = {str(seed): thumbnail(photo(seed, SIZE)) for seed in range(40)}
    assert list(alike_pictures(thumbnails)) == []


def on_white(box: tuple[int, int, int, int]) -> Image.Image:
    image = Image.new("RGB", SIZE, "white")
    ImageDraw.Draw(image).ellipse(box, fill="navy")
    return image


def test_small_things_on_one_background_are_not_alike():
    left, right = on_white((20, 20, 80, 80)), on_white((220, 150, 280, 210))
    # only one cell in twelve differs, but that is all there is to see
    assert differing_cells(thumbnail(left), thumbnail(right)) is None
    assert differing_cells(thumbnail(left), thumbnail(left)) == 0
    assert differing_cells(thumbnail(left), thumbnail(jpeg(left, 60))) is not None


def test_cells_are_counted():
    one = bytes(range(0, 256, 8)) * 32
    other = bytearray(one)
    for place in range(100):
        other[10 * place] ^= 0x80
    differing = differing_cells(one, bytes(other))
    assert differing == 100 / 1024
    other[5] = min(255, other[5] + 12)  # not yet a difference
    assert differing_cells(one, bytes(other)) == differing


def test_each_picture_is_found_with_those_before_it():
    thumbnails = {
        name: thumbnail(photo(seed, SIZE)) for name, seed in zip("abcd", range(4), strict=True)
    }
    thumbnails["copy of b"] = thumbnails["b"]
    thumbnails["copy of c"] = thumbnail(jpeg(photo(2, SIZE), 50))
    pairs = [(pair.first, pair.second) for pair in alike_pictures(thumbnails)]
    assert pairs == [("b", "copy of b"), ("c", "copy of c")]
    assert list(alike_pictures({})) == []


def test_real_photos_are_not_alike(real_photos):
    paths = sorted((real_photos / "Images").rglob("*.JPEG"))
    thumbnails = {path.name: inspect(path, path).thumbnail for path in paths}
    assert len(thumbnails) > 20
    assert list(alike_pictures(thumbnails)) == []

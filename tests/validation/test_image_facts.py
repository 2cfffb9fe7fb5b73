"""Image facts: what is told of a file, and that it is refused exactly where decoding is."""

import hashlib
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sound_data import encoded, photo

from lvlm_eval.datasets.images import inspect, read_rgb
from lvlm_eval.errors import InputError


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_pixels_are_those_of_read_rgb(kind):
    content = encoded(photo(1, (70, 300)), kind)
    facts = inspect(content, "it")
    rgb = read_rgb(content, "it")
    assert (facts.kind, facts.size) == (kind, (70, 300))
    assert facts.pixels == hashlib.sha256(b"70x300:" + rgb.tobytes()).digest()
    grey = rgb.convert("L").resize((32, 32), Image.Resampling.BOX)
    assert facts.thumbnail == grey.tobytes()


def test_the_same_pixels_of_another_shape_are_another_picture():
    flat = Image.new("RGB", (20, 30), (1, 2, 3))
    turned = Image.new("RGB", (30, 20), (1, 2, 3))
    facts = [inspect(encoded(one, "PNG"), "it").pixels for one in (flat, turned)]
    assert facts[0] != facts[1]


def test_the_first_frame_counts_whatever_is_told_of_the_others():
    content = encoded(photo(1), "GIF", save_all=True, append_images=[photo(2)])
    facts = inspect(content, "it")
    assert facts.frames == 2
    assert facts.pixels == inspect(encoded(photo(1), "GIF"), "it").pixels


def test_odd_metadata_is_not_warned_of():
    content = encoded(photo(1), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff")
    with warnings.catch_warnings(record=True) as caught:
        assert inspect(content, "it").orientation == 1
    assert caught == []


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "BMP"]), st.data())
def test_refused_exactly_where_decoding_is(kind, data):
    noise = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    content = bytearray(encoded(Image.fromarray(noise), kind))
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[place:]
    else:
        content[place] ^= data.draw(st.integers(1, 255))

    def outcome(function):
        try:
            return function(bytes(content), "photo").size
        except InputError as error:
            return str(error)

    assert outcome(inspect) == outcome(read_rgb)

"""What is drawn: exact colours, tips that are found again, and px that stay as they were."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageColor

from lvlm_eval.drawing.encoding import png_bytes, shrunk
from lvlm_eval.drawing.layout import arrange
from lvlm_eval.drawing.mark import Mark, moved_to
from lvlm_eval.drawing.paint import paint
from lvlm_eval.drawing.shapes import Shape, fill
from lvlm_eval.drawing.style import read_style
from lvlm_eval.errors import InputError
from lvlm_eval.records import Picture
from lvlm_eval.resources import builtin_folder

ARROWS = ["red-arrow", "blue-arrow", "yellow-arrow", "purple-arrow", "green-arrow"]
CENTRED = ["red-circle", "red-cross", "red-square", "numbered-dots"]
PLACES = [(91.3, 70.8), (250.0, 60.5), (260.6, 180.2), (120.25, 220.75)]


def style_of(name):
    return read_style(builtin_folder("renderers") / f"{name}.toml")


def background(kind, size=(360, 280)):
    if kind == "noise":
        noise = np.random.default_rng(0).integers(0, 120, (size[1], size[0], 3), dtype=np.uint8)
        return Image.fromarray(noise + 60)
    return Image.new("RGB", size, kind)


def four_marks():
    return [Mark(label, *place) for label, place in zip("ABCD", PLACES, strict=True)]


def coloured(image, colour):
    """x and y of the centres of all px of exactly one colour."""
    pixels = np.asarray(image)
    rows, columns = np.nonzero((pixels == ImageColor.getrgb(colour)[:3]).all(axis=2))
    return np.stack([columns + 0.5, rows + 0.5], axis=1)


@pytest.mark.parametrize("name", ARROWS)
@pytest.mark.parametrize("kind", ["white", "black", "grey", "noise"])
def test_the_tip_is_found_again_by_colour(name, kind):
    style, photo = style_of(name), background(kind)
    layout = arrange(style, photo.size, four_marks())
    found = coloured(paint(photo, four_marks(), style), style.marker.colour)
    for placement in layout.placements:
        tip, tail = np.array([placement.mark.x, placement.mark.y]), np.array(placement.tail)
        length = np.linalg.norm(tail - tip)
        along = (found - tip) @ (tail - tip) / length
        across = np.abs(np.cross(np.append(tail - tip, 0), np.c_[found - tip, found[:, 0] * 0]))
        on_arrow = (across[:, 2] / length < layout.sizes.head_half + 1) & (along < length)
        nearest = found[on_arrow & (along > -4)][along[on_arrow & (along > -4)].argmin()]
        assert math.dist(nearest, tip) <= 2
        assert on_arrow.sum() > 0.5 * length * 2 * layout.sizes.line


@settings(deadline=None, max_examples=60)
@given(place=st.tuples(st.floats(0, 300), st.floats(0, 220)), name=st.sampled_from(ARROWS))
def test_any_single_tip_is_within_two_px(place, name):
    style = style_of(name)
    drawn = paint(background("grey", (300, 220)), [Mark("", *place)], style)
    found = coloured(drawn, style.marker.colour)
    assert np.linalg.norm(found - place, axis=1).min() <= 2


@pytest.mark.parametrize("name", ARROWS)
def test_nothing_is_drawn_beyond_the_tip(name):
    style, photo = style_of(name), background("grey")
    layout = arrange(style, photo.size, four_marks())
    changed = np.asarray(paint(photo, four_marks(), style)) != np.asarray(photo)
    rows, columns = np.nonzero(changed.any(axis=2))
    for placement in layout.placements:
        tip, tail = np.array([placement.mark.x, placement.mark.y]), np.array(placement.tail)
        offsets = np.stack([columns + 0.5, rows + 0.5], axis=1) - tip
        near = np.linalg.norm(offsets, axis=1) < 12
        along = offsets @ (tail - tip) / np.linalg.norm(tail - tip)
        assert along[near].min() > -1.3


@pytest.mark.parametrize("name", CENTRED)
def test_centred_markers_surround_their_point(name):
    style, photo = style_of(name), background("grey")
    sizes = arrange(style, photo.size, four_marks()).sizes
    found = coloured(paint(photo, four_marks(), style), style.marker.colour)
    for place in PLACES:
        away = np.linalg.norm(found - place, axis=1)
        near = found[np.abs(found - place).max(axis=1) <= sizes.radius + 1]
        assert np.allclose(near.mean(axis=0), place, atol=0.5)
        assert sizes.radius - 2 < away[away <= sizes.reach].max() <= sizes.reach


@pytest.mark.parametrize("name", ["red-circle", "red-square"])
def test_rings_leave_the_keypoint_visible(name):
    photo = background("noise")
    drawn = paint(photo, four_marks(), style_of(name))
    for x, y in PLACES:
        patch = (int(x) - 2, int(y) - 2, int(x) + 3, int(y) + 3)
        assert drawn.crop(patch).tobytes() == photo.crop(patch).tobytes()


def test_every_label_is_inked_inside_its_box_and_nothing_else_is_changed_there():
    style, photo = style_of("red-arrow"), background("grey")
    marks = four_marks()
    layout = arrange(style, photo.size, marks)
    with_labels = np.asarray(paint(photo, marks, style)).astype(int)
    for placement in layout.placements:
        left, top = placement.corner
        inside = with_labels[top : top + layout.box.height, left : left + layout.box.width]
        assert (inside == (255, 0, 0)).all(axis=2).sum() > 0.1 * inside.shape[0] * inside.shape[1]
        assert (inside == (255, 255, 255)).all(axis=2).any()
        ring = with_labels[
            max(0, top - 1) : top + layout.box.height + 1,
            max(0, left - 1) : left + layout.box.width + 1,
        ].copy()
        ring[1:-1, 1:-1] = 128
        assert (ring == 128).mean() > 0.9


def test_labels_differ_only_in_their_letters():
    style, photo = style_of("red-arrow"), background("grey")
    marks = four_marks()
    turned = [
        Mark(other.label, mark.x, mark.y)
        for mark, other in zip(marks, [*marks[1:], marks[0]], strict=True)
    ]
    layout = arrange(style, photo.size, marks)
    differ = (
        np.asarray(paint(photo, marks, style)) != np.asarray(paint(photo, turned, style))
    ).any(axis=2)
    assert differ.any()
    for placement in layout.placements:
        left, top = placement.corner
        differ[top : top + layout.box.height, left : left + layout.box.width] = False
    assert not differ.any()


def test_the_photo_is_not_modified():
    photo = background("noise")
    before = photo.tobytes()
    paint(photo, four_marks(), style_of("red-arrow"))
    assert photo.tobytes() == before


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (7, 5), (1, 300), (30, 30)])
def test_tiny_pictures_show_at_least_the_marker(size):
    photo = Image.new("RGB", size, "black")
    marks = moved_to([Mark(label, size[0] / 2, size[1] / 2) for label in "ABCD"], size, size)
    # A ring leaves its keypoint visible, and with it the whole of a picture of a px or two.
    for name in ARROWS if min(size) < 5 else (*ARROWS, *CENTRED):
        assert paint(photo, marks, style_of(name)).getbbox() is not None, name


def test_fill_gives_exact_colours_inside_and_half_tones_at_half_px():
    image = Image.new("RGB", (6, 4))
    fill(image, Shape((np.array([(1.5, 1.0), (4.0, 1.0), (4.0, 3.0), (1.5, 3.0)]),)), "red")
    reds = np.asarray(image)[:, :, 0].astype(int)
    assert (reds[1:3, 2:4] == 255).all()
    one_sample = 255 // 8 + 2
    expected = np.zeros((4, 6))
    expected[1:3] = (0, 127.5, 255, 255, 0, 0)
    assert np.abs(reds - expected).max() <= one_sample
    assert not np.asarray(image)[:, :, 1:].any()


def test_fill_outside_the_image_changes_nothing():
    image = Image.new("RGB", (6, 4))
    fill(image, Shape((np.array([(10.0, 1.0), (14.0, 1.0), (14.0, 3.0)]),)), "red")
    assert image.getbbox() is None


@settings(deadline=None, max_examples=40)
@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    seed=st.integers(0, 9),
    flat=st.booleans(),
)
def test_png_is_exact(size, seed, flat):
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    pixels[:] = pixels[0, 0] if flat else pixels
    image = Image.fromarray(pixels)
    decoded = Picture(png_bytes(image), "image/png", size, "").image()
    assert decoded.size == size
    assert decoded.tobytes() == image.tobytes()


def test_a_png_of_many_bands_is_exact():
    image = background("noise", (700, 500))
    assert Picture(png_bytes(image), "image/png", image.size, "").image() == image


@pytest.mark.parametrize(
    ("size", "max_side", "expected"),
    [
        ((500, 375), None, (500, 375)),
        ((500, 375), 500, (500, 375)),
        ((500, 375), 1000, (500, 375)),
        ((500, 375), 250, (250, 188)),
        ((375, 500), 100, (75, 100)),
        ((1000, 1), 10, (10, 1)),
    ],
)
def test_photos_are_shrunk_and_never_enlarged(size, max_side, expected):
    assert shrunk(Image.new("RGB", size), max_side).size == expected


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ((50, 30), (25, 10)),
        ((100, 90), (50, 30)),
        ((-5, 45), (0, 15)),
        ((130, 400), (50, 30)),
    ],
)
def test_points_are_scaled_by_axis_and_kept_inside(place, expected):
    (moved,) = moved_to([Mark("A", *place)], (100, 90), (50, 30))
    assert (moved.x, moved.y) == expected


@pytest.mark.parametrize(
    "bad", [Mark("A", math.nan, 0), Mark("A", 0, math.inf), Mark("A\nB", 0, 0)]
)
def test_marks_that_cannot_be_drawn_are_refused_in_one_line(bad):
    with pytest.raises(InputError) as caught:
        moved_to([bad], (10, 10), (10, 10))
    assert "\n" not in str(caught.value)

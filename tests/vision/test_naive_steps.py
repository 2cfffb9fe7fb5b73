"""Each step of the reference on cases worked out by hand."""

import math

import numpy as np
import pytest
from PIL import Image
from vision.naive_steps import (
    box_share,
    choose,
    corner,
    error_of,
    grid_point,
    margin_of,
    multiple_of_patch,
    nearest_patch,
    open_rgb,
    pad_and_resize,
    patch_of,
    pck,
    sample_bilinear,
    similarities,
    soft_point,
    unit_map,
)

# Photos


@pytest.mark.parametrize(
    ("size", "patch", "side"),
    [
        (800, 14, 798),  # 57 patches and 2 px
        (800, 16, 800),
        (800, 28, 812),  # 28.57 patches
        (24, 16, 16),  # one patch and a half: the lower one, not the even one
        (40, 16, 32),  # two and a half
        (41, 16, 48),
        (19, 13, 13),  # 1.46
        (20, 13, 26),  # 1.54
        (8, 16, 16),  # half a patch: at least one
        (3, 16, 16),
    ],
)
def test_side_is_the_nearest_multiple_of_the_patch(size, patch, side):
    assert multiple_of_patch(size, patch) == side


def test_padding_is_white_on_the_right_and_below():
    wide = pad_and_resize(Image.new("RGB", (3, 2), (200, 10, 20)), 3)
    assert (wide[:2] == (200, 10, 20)).all()
    assert (wide[2] == 255).all()
    tall = pad_and_resize(Image.new("RGB", (2, 3), (200, 10, 20)), 3)
    assert (tall[:, :2] == (200, 10, 20)).all()
    assert (tall[:, 2] == 255).all()


def test_resizing_is_bicubic_with_antialias():
    # Black, 4 wide and 3 high, so the last of four rows is white; all of it in one px. The kernel
    # is stretched four times: rows at 1.5/4 and 0.5/4 from the middle weigh, with
    # 1.5 t^3 - 2.5 t^2 + 1, 0.72754 and 0.96387. White has 0.72754 / (2 * 0.72754 + 2 * 0.96387)
    # = 0.21507 of all, 54.8 of 255. Without antialias it would be outside of the kernel or below 0.
    assert pad_and_resize(Image.new("RGB", (4, 3)), 1).tolist() == [[[55, 55, 55]]]


def test_photos_are_taken_as_stored(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (3, 2), 77).save(tmp_path / "turned.JPEG", exif=exif)
    image = open_rgb(tmp_path / "turned.JPEG")
    assert (image.mode, image.size) == ("RGB", (3, 2))


# Points


@pytest.mark.parametrize(
    ("x", "longer", "side", "scaled"),
    [
        (174, 300, 800, 464),  # exact
        (10.9, 300, 798, 26),  # 10 * 2.66 = 26.6; uncut 10.9 would give 28.99
        (10.0, 300, 798, 26),
        (math.nextafter(60, 0), 300, 800, 157),  # 59 * 8/3 = 157.33; 60 would give 160
        (-0.9, 300, 800, 0),  # toward zero
        (-7.6, 300, 800, -18),  # -7 * 8/3 = -18.67; downward it would be -22
        (-1.0, 900, 800, 0),  # -0.89
        (320, 300, 800, 853),  # beyond the square, and not clipped
        (97.5, 194, 800, 400),  # 97 * 800 / 194 = 400; 97 * (800 / 194) lies below it
    ],
)
def test_points_are_cut_twice(x, longer, side, scaled):
    assert grid_point((x, 0), longer, side) == (scaled / side, 0)
    assert grid_point((0, x), longer, side) == (0, scaled / side)


def test_patch_of_a_point():
    grid = np.zeros((4, 5))
    assert patch_of((0.5, 0.99), grid) == (3, 2)  # 5 * 0.5 = 2.5 and 4 * 0.99 = 3.96
    assert patch_of((1.2, -0.1), grid) == (0, 4)  # 6 and -0.4
    assert patch_of((1.0, 1.0), grid) == (3, 4)
    # The left edge of patch 29 of 50 in 800 px: 0.58 * 50 is 28.999999999999996 in floating point.
    assert patch_of((464 / 800, 0), np.zeros((50, 50))) == (0, 28)


def test_a_predicted_point_is_the_corner_of_its_patch():
    assert corner((1, 2), np.zeros((2, 3, 7))) == (2 / 3, 1 / 2)
    assert corner((0, 0), np.zeros((2, 3, 7))) == (0, 0)


# Features


def test_features_get_length_one_but_for_empty_ones():
    grid = unit_map(np.array([[[3, -4], [0, 0]]], dtype=np.float32))
    assert grid == pytest.approx(np.array([[[0.6, -0.8], [0, 0]]]), abs=1e-15)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_no_numbers_are_refused(value):
    with pytest.raises(ValueError, match="no finite float32 map"):
        unit_map(np.array([[[value, 1]]], dtype=np.float32))


@pytest.mark.parametrize(
    ("point", "value"),
    [
        ((0, 0), 4),
        ((1, 1), 12),  # the middle of the last patch
        ((0.5, 0), 6),  # 0.5 * (3 - 1) = 1: the middle of column 1
        ((0.25, 0.5), 7.5),  # half-way of columns 0 and 1 and of the rows: (4 + 6 + 9 + 11) / 4
        ((-0.25, 0), 2),  # half a patch beyond the first: half of 4, the rest is zero
        ((1.25, 1), 6),  # half a patch beyond 12
        ((1.25, 1.5), 3),  # half beyond in both directions: a quarter of 12
        ((-0.5, 0), 0),  # a whole patch beyond
        ((7, 0), 0),
    ],
)
def test_bilinear_sampling(point, value):
    grid = np.array([[4.0, 6, 8], [9, 11, 12]])[..., np.newaxis]
    assert sample_bilinear(grid, point) == pytest.approx([value], abs=1e-12)


def test_a_map_of_one_patch_is_the_same_at_every_point():
    # Every point times (1 - 1) is the middle of the only patch.
    for point in ((0, 0), (0.99, 0.3), (-3, 5)):
        assert sample_bilinear(np.array([[[2.0, 3.0]]]), point).tolist() == [2, 3]


def test_the_query_is_not_brought_to_length_one():
    grid = np.array([[[1.0, 0], [0, 1.0]]])
    query = sample_bilinear(grid, (0.5, 0))  # half of each
    assert similarities(grid, query).tolist() == [[0.5, 0.5]]


def test_equal_patches_are_equally_similar_to_the_last_bit():
    random = np.random.default_rng(0)
    feature, query = random.normal(size=(2, 768)).astype(np.float32)
    grid = np.tile(feature, (11, 13, 1))
    assert len(np.unique(similarities(unit_map(grid), query.astype(np.float64)))) == 1


def test_of_equal_patches_the_first_one_is_predicted():
    assert nearest_patch(np.array([[1, 2, 3], [3, 0, 3.0]])) == (0, 2)
    assert nearest_patch(np.array([[1, 2], [3, 0], [3.0, 3]])) == (1, 0)
    assert nearest_patch(np.zeros((3, 3))) == (0, 0)
    assert nearest_patch(np.array([[-3.0, -2]])) == (0, 1)


def test_margin():
    assert margin_of(np.array([[1, 3.5, 2.0]]), (0, 1)) == 1.5
    assert margin_of(np.array([[2, 2.0]]), (0, 0)) == 0
    assert margin_of(np.array([[2.0]]), (0, 0)) == math.inf


def test_soft_point_weighs_by_likeness():
    # Weights 1 and 3, as exp(0.02 ln 3 / 0.02) = 3: column 0.75 of 2.
    assert soft_point(np.array([[0, 0.02 * math.log(3)]]), (0, 1)) == pytest.approx((0.375, 0))
    assert soft_point(np.array([[0.5]]), (0, 0)) == (0, 0)


def test_soft_window_is_cut_at_the_border():
    flat = np.zeros((1, 20))
    assert soft_point(flat, (0, 0)) == pytest.approx((3.5 / 20, 0))  # columns 0 to 7
    assert soft_point(flat, (0, 10)) == pytest.approx((10 / 20, 0))  # 3 to 17
    assert soft_point(flat, (0, 18)) == pytest.approx((15 / 20, 0))  # 11 to 19
    assert soft_point(flat.T, (18, 0)) == pytest.approx((0, 15 / 20))


def test_soft_window_ends_seven_patches_away():
    similar = np.full((1, 20), -9.0)
    similar[0, [8, 16]] = 1
    assert soft_point(similar, (0, 8)) == pytest.approx((8 / 20, 0))  # 16 is eight away
    similar[0, 15] = 1
    assert soft_point(similar, (0, 8)) == pytest.approx((11.5 / 20, 0))


# Errors and shares


def test_box_share():
    assert box_share([10, 20, 110, 60], [400, 200]) == 0.25  # 100 of 400
    assert box_share([10, 20, 30, 170], [400, 200]) == 0.375  # 150 of 400
    assert box_share([-100, 0, 500, 50], [400, 200]) == 1.5  # not clipped
    assert box_share([900, 0, 1000, 50], [400, 200]) == 0.25  # nor where it lies outside
    assert box_share(None, [400, 200]) == 1


def test_error_is_a_distance_in_parts_of_the_object():
    # (0.375, 0.5) away is 0.625, two and a half times a quarter.
    assert error_of((0.5, 0.25), (0.125, 0.75), 0.25) == 2.5


def test_right_is_strictly_below():
    edge = error_of((0, 0), (0.0625, 0), 0.625)  # exactly the double that is nearest to 0.1
    assert pck([("a", [edge])], 0.10, "pair").overall == 0
    assert pck([("a", [math.nextafter(edge, 0)])], 0.10, "pair").overall == 1


def test_both_reductions():
    right, wrong = 0.0, 0.5
    pairs = [("a", [right, wrong]), ("b", [wrong]), ("a", [right]), ("b", []), ("c", [])]
    # a: the mean of 1/2 and 1, b: 0; c has no keypoint.
    assert pck(pairs, 0.10, "pair").groups == {"a": 0.75, "b": 0}
    assert pck(pairs, 0.10, "pair").overall == 0.375
    # a: two of three.
    assert pck(pairs, 0.10, "keypoint").groups == {"a": pytest.approx(2 / 3), "b": 0}
    assert pck(pairs, 0.10, "keypoint").overall == pytest.approx(1 / 3)


def test_nothing_to_score_has_no_share():
    assert pck([("a", [])], 0.10, "pair").overall is None


def test_four_choices():
    target = np.zeros((2, 2, 2), dtype=np.float32)
    target[0, 0] = (1, 5)
    target[0, 1] = (2, 2)  # 45 degrees off
    target[1, 0] = (9, 3)  # 18 degrees off
    target[1, 1] = (3, 1)  # as similar: length does not count
    source = np.zeros((1, 1, 2), dtype=np.float32)
    source[0, 0] = (7, 0)
    points = [(0.1, 0.1), (0.6, 0.4), (0.4, 0.6)]
    assert choose(source, target, (0.3, 0.3), points) == 2
    assert choose(source, target, (0.3, 0.3), points[:2]) == 1
    # Two in one patch, and one beyond the border, which has the nearest patch: the first.
    assert choose(source, target, (0.3, 0.3), [(0.9, 0.9), (0.8, 0.8), (0.0, 0.0)]) == 0
    assert choose(source, target, (0.3, 0.3), [(0.0, 0.0), (-0.2, 1.7), (0.2, 0.9)]) == 1

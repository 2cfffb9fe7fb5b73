"""Each step of the fast path alone, with answers worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from vision import naive_steps

from lvlm_eval.errors import InputError
from lvlm_eval.vision import stores
from lvlm_eval.vision.arrays import finite, normalised
from lvlm_eval.vision.bootstrap import PhotoBootstrap, interval
from lvlm_eval.vision.encoder import Encoder
from lvlm_eval.vision.grid import cells_of, corners_of, photo_side, point_of, reach_of
from lvlm_eval.vision.matching import SOFT_TEMPERATURE, choose, find
from lvlm_eval.vision.pck import Layout, pck, threshold_name
from lvlm_eval.vision.photos import squared
from lvlm_eval.vision.sampling import sampled
from lvlm_eval.vision.stores import NoStore, RamStore


@pytest.mark.parametrize(
    ("size", "patch", "side"),
    [
        (800, 14, 798),  # 57 patches are 2 px short, 58 are 12 px over
        (800, 16, 800),
        (800, 28, 812),  # 28 patches: 784, 29: 812
        (8, 16, 16),  # half a patch is one patch: at least one
        (24, 16, 16),  # exactly half-way between 16 and 32: the lower
        (25, 16, 32),
        (1, 14, 14),
    ],
)
def test_the_side_is_the_nearest_multiple_of_the_patch(size, patch, side):
    assert photo_side(size, patch) == side


@pytest.mark.parametrize(
    ("x", "longer", "side", "wanted"),
    [
        (10.9, 100, 50, 5 / 50),  # 10.9 → 10 → 5.0 → 5
        (11.0, 100, 50, 5 / 50),  # 11 → 5.5 → 5
        (13.999, 500, 798, 20 / 798),  # 13 → 20.748 → 20; rounding once would give 22
        (-0.9, 100, 50, 0.0),  # toward zero
        (-11.0, 100, 50, -5 / 50),  # -11 → -5.5 → -5, not -6
        (120.0, 100, 50, 60 / 50),  # outside stays outside
        (97.0, 194, 798, 399 / 798),  # x·S first: 97·(798/194) is 398.99…
    ],
)
def test_positions_are_truncated_twice(x, longer, side, wanted):
    assert point_of(x, 0.0, longer, side) == (wanted, 0.0)
    assert point_of(0.0, x, longer, side) == (0.0, wanted)


@given(
    st.floats(-2000, 4000, allow_nan=False),
    st.floats(-2000, 4000, allow_nan=False),
    st.integers(1, 3000),
    st.integers(1, 90).map(lambda n: 14 * n),
)
def test_points_are_those_of_the_reference(x, y, longer, side):
    assert point_of(x, y, longer, side) == tuple(naive_steps.grid_point((x, y), longer, side))


def test_a_cell_stands_for_its_corner_and_is_found_by_floor():
    points = np.array([[0.0, 0.0], [0.49, 0.51], [0.5, 0.5], [1.0, -0.1], [7.0, 7.0]])
    # Four columns, two rows.
    assert cells_of(points, (2, 4)).tolist() == [0, 4 + 1, 4 + 2, 3, 7]
    assert corners_of(np.array([0, 5, 7]), (2, 4)).tolist() == [[0, 0], [0.25, 0.5], [0.75, 0.5]]
    assert corners_of(np.array([5]), (2, 4), centre=True).tolist() == [[0.375, 0.75]]


def test_a_point_on_the_edge_of_a_cell_needs_all_digits():
    # 464/800·50 is 28.999999999999996: cell 28, where 32-bit numbers would give 29.
    assert cells_of(np.array([[464 / 800, 0.0]]), (50, 50)).tolist() == [28]


def test_errors_are_shares_of_the_box_which_is_not_clipped():
    assert reach_of((10, 10, 60, 30), (100, 80)) == 0.5
    assert reach_of((-50, 0, 100, 10), (100, 80)) == 1.5
    assert reach_of(None, (100, 80)) == 1.0


def test_photos_are_padded_with_white_on_the_right_and_bottom():
    wide = Image.new("RGB", (40, 20), (10, 20, 30))
    square = squared(wide, 40)[0]
    assert square.shape == (40, 40, 3)
    assert (square[:20] == (10, 20, 30)).all()
    assert (square[20:] == 255).all()
    tall = squared(wide.transpose(Image.Transpose.ROTATE_90), 40)[0]
    assert (tall[:, :20] == (10, 20, 30)).all()
    assert (tall[:, 20:] == 255).all()


def test_samples_lie_between_cells_and_are_zero_beyond_the_border():
    map_ = np.array([[[1.0], [3.0]], [[5.0], [7.0]]], dtype=np.float32)
    points = np.array([[0, 0], [1, 1], [0.5, 0], [0.5, 0.5], [-0.5, 0], [2.0, 0], [0, 1.25]])
    # Half a cell outside, half of the border's value is left; a cell outside, nothing.
    assert sampled(map_, points)[:, 0].tolist() == [1, 7, 2, 4, 0.5, 0, 3.75]


def test_of_equal_cells_the_first_in_row_major_order_is_taken():
    map_ = np.zeros((3, 3, 2), dtype=np.float32)
    map_[1, 2] = map_[2, 0] = (1, 0)
    map_[0, 1] = (0.999, 0.04)
    query = np.array([[2.0, 0.0]], dtype=np.float32)
    assert find(map_, query).cells.tolist() == [5]
    choices = np.array([[6, 5, 1, -1]])
    assert find(map_, query, (choices,)).chosen[0].tolist() == [6]  # the first in the list
    assert choose(map_, query, np.array([[1, 6, 5]])).tolist() == [1]


def test_differences_below_the_rounding_of_float32_are_decided_in_float64():
    generator = np.random.default_rng(0)
    map_ = normalised(generator.normal(size=(1, 20, 20, 300)))[0]
    query = map_[7, 7].copy()[None]
    for row, column in ((3, 3), (12, 4), (19, 19)):
        map_[row, column] = map_[7, 7]
    assert find(map_, query).cells.tolist() == [3 * 20 + 3]


def test_no_candidates_give_no_choice():
    map_ = np.ones((2, 2, 1), dtype=np.float32)
    found = find(map_, np.ones((2, 1), dtype=np.float32), (np.array([[-1, -1], [3, -1]]),))
    assert found.chosen[0].tolist() == [-1, 3]


def test_the_soft_point_is_the_mean_of_a_window_cut_at_the_border():
    map_ = np.zeros((1, 20, 1), dtype=np.float32)
    map_[0, 0], map_[0, 1], map_[0, 9] = 1.0, 1.0 - SOFT_TEMPERATURE * math.log(3), 0.9999
    found = find(map_, np.ones((1, 1), dtype=np.float32))
    # Column 0 weighs 3, column 1 weighs 1; column 9 is outside the window, the rest weigh nothing.
    assert found.soft[0, 0] == pytest.approx(0.25 / 20, abs=1e-6)
    assert found.soft[0, 1] == 0


def test_an_error_counts_only_strictly_below_the_threshold():
    layout = Layout(np.array([0, 0, 0]), np.array([0]), ("a",))
    found = pck(np.array([0.1, math.nextafter(0.1, 0), np.nan]), layout, (0.1,))
    assert found.of_pairs.tolist() == [[0.5]]


def test_pairs_are_averaged_before_groups_and_empty_ones_do_not_count():
    # Pairs 0 and 1 in group a (3 of 4 right, 0 of 1), 2 in b (1 of 1), 3 in b and 4 in c: none.
    errors = np.array([0, 0, 0, 1, 1, 0.0, np.nan])
    layout = Layout(np.array([0, 0, 0, 0, 1, 2, 3]), np.array([0, 0, 1, 1, 2]), ("a", "b", "c"))
    found = pck(errors, layout, (0.1,))
    assert found.by_pair[:2].tolist() == [[0.375], [1.0]]
    assert found.by_keypoint[:2].tolist() == [[0.6], [1.0]]
    assert found.overall("pair").tolist() == [(0.375 + 1) / 2]
    assert found.overall("keypoint").tolist() == [0.8]
    assert (found.pairs.tolist(), found.keypoints.tolist()) == ([2, 1, 0], [5, 1, 0])
    nothing = pck(np.full(7, np.nan), layout, (0.1, 0.2))
    assert np.isnan(nothing.overall("pair")).all()


def test_thresholds_are_named_with_two_digits_or_as_many_as_they_have():
    assert [threshold_name(one) for one in (0.1, 0.05, 1.0, 0.125)] == [
        "0.10",
        "0.05",
        "1.00",
        "0.125",
    ]


def test_the_bootstrap_of_one_photo_a_category_gives_the_figure_itself():
    bootstrap = PhotoBootstrap(["a", "b"], seed=0, resamples=50)
    layout = Layout(np.array([]), np.array([0, 1]), ("a", "b"))
    of_pairs = {"soc": np.array([[0.25], [0.75]])}
    drawn = bootstrap.means(of_pairs, layout, np.array([0, 1]), np.array([0, 1]), {})
    assert drawn["soc"].ravel() == pytest.approx([0.5] * 50)
    assert interval(drawn["soc"][:, 0]) == pytest.approx((50.0, 50.0))


def test_bootstrap_intervals_are_about_as_wide_as_those_of_independent_pairs():
    """400 photos in 200 pairs of their own: the width is that of a mean of 200 coins, and more."""
    generator = np.random.default_rng(1)
    values = generator.integers(0, 2, size=(200, 1)).astype(float)
    bootstrap = PhotoBootstrap(["a"] * 400, seed=0)
    layout = Layout(np.array([]), np.zeros(200, dtype=int), ("a",))
    source, target = np.arange(0, 400, 2), np.arange(1, 400, 2)
    drawn = bootstrap.means({"soc": values}, layout, source, target, {})["soc"][:, 0]
    independent = math.sqrt(values.mean() * (1 - values.mean()) / 200)
    # Source and target are weighted independently: products of variance 3 and not 1.
    assert 1.4 * independent < drawn.std() < 2.1 * independent


def test_weights_count_pairs_as_often_as_they_have_keypoints():
    bootstrap = PhotoBootstrap(["a"], seed=0, resamples=3)
    layout = Layout(np.array([]), np.array([0, 0]), ("a",))
    figures = {"geo": np.array([[0.0], [1.0]]), "soc": np.array([[0.0], [np.nan]])}
    one = np.array([0, 0])
    drawn = bootstrap.means(figures, layout, one, one, {"geo": np.array([1, 3])})
    assert drawn["geo"].ravel() == pytest.approx([0.75] * 3)
    assert drawn["soc"].tolist() == [[0.0]] * 3


def test_a_category_of_few_pairs_stays_in_and_other_categories_change_nothing_in_it():
    layout = Layout(np.array([]), np.array([0, 1, 1]), ("a", "b"))
    figures = {"soc": np.array([[1.0], [0.0], [1.0]])}
    source, target = np.array([0, 2, 3]), np.array([1, 3, 4])
    both = PhotoBootstrap(["a", "a", "b", "b", "b"], seed=0, resamples=500)
    drawn = both.means(figures, layout, source, target, {})["soc"][:, 0]
    assert drawn.min() >= 0.5  # a, of a single pair, counts in every resample
    alone = PhotoBootstrap(["b", "b", "b"], seed=0, resamples=500)
    of_b = Layout(np.array([]), np.array([0, 0]), ("b",))
    b = {"soc": figures["soc"][1:]}
    own = alone.means(b, of_b, source[1:] - 2, target[1:] - 2, {})["soc"][:, 0]
    assert 2 * drawn - 1 == pytest.approx(own)


def test_features_that_are_no_numbers_are_told_photo_by_photo():
    maps = np.ones((3, 2, 2, 1), dtype=np.float32)
    maps[1, 0, 1] = np.nan
    maps[2, 1, 1] = np.inf
    assert finite(maps).tolist() == [True, False, False]
    assert normalised(np.zeros((1, 1, 1, 2))).tolist() == [[[[0.0, 0.0]]]]


def test_a_budget_that_is_not_free_is_refused(monkeypatch):
    monkeypatch.setattr(stores, "available", lambda map_: 10**9)
    map_ = np.zeros((2, 2, 1), dtype=np.float32)
    RamStore(2 * 10**9).check(10**8, map_)  # so much is never needed
    with pytest.raises(InputError, match=r"--cache-gb 2: 1\.0 GB of memory are free"):
        RamStore(2 * 10**9).check(3 * 10**9, map_)
    assert RamStore().room(map_) == 5 * 10**8


class _Narrow:
    """A backbone that has memory for two photos at a time."""

    patch = 1
    batch = 8

    def __init__(self, most):
        self.most, self.calls, self.lines = most, [], []

    def encode(self, photos):
        self.calls.append(len(photos))
        if len(photos) > self.most:
            raise MemoryError
        return photos[..., :1].astype(np.float32) + 1

    def tell(self, line):
        self.lines.append(line)


def test_a_batch_that_does_not_fit_is_halved_for_good_and_says_so():
    backbone = _Narrow(2)
    encoder = Encoder(backbone, None, NoStore(half=False), 8, ())
    photos = np.arange(8, dtype=np.uint8).reshape(8, 1, 1, 1)
    assert encoder._run(photos).ravel().tolist() == list(range(1, 9))
    assert backbone.calls == [8, 4, 2, 2, 2, 2]
    assert "going on with 2" in backbone.lines[-1]
    with pytest.raises(InputError, match="a single photo"):
        Encoder(_Narrow(0), None, NoStore(half=False), 8, ())._run(photos)

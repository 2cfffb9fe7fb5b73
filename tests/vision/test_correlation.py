"""Correlations across models: worked by hand, one resample at a time, and by another library."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.vision.correlation import coefficients
from lvlm_eval.vision.correlation.coefficients import correlate

NAN = math.nan


def one(x, y, **how):
    """The correlation of two metrics."""
    (found,) = correlate(np.array([x, y], dtype=float).T, [0], [1], **how)
    return found


def test_both_coefficients_by_hand():
    # Pearson: deviations (-1.25, -.25, -.25, 1.75) and (-1.75, .25, -.75, 2.25)
    #   6.25 / sqrt(4.75 * 8.75)
    # Spearman: ranks (1, 2.5, 2.5, 4) and (1, 3, 2, 4): 4.5 / sqrt(4.5 * 5)
    found = one([1, 2, 2, 4], [1, 3, 2, 5])
    assert found.pearson.r == pytest.approx(6.25 / math.sqrt(4.75 * 8.75), abs=1e-15)
    assert found.spearman.r == pytest.approx(4.5 / math.sqrt(22.5), abs=1e-15)


def test_a_curve_that_only_rises():
    found = one([1, 2, 3, 4, 5], [1, 8, 27, 64, 125])
    assert found.spearman.r == pytest.approx(1, abs=1e-15)
    assert 0.9 < found.pearson.r < 1
    assert one([1, 2, 3, 4, 5], [5, 4, 3, 2, 1]).pearson.r == pytest.approx(-1, abs=1e-15)


def test_agrees_with_scipy():
    stats = pytest.importorskip("scipy.stats", reason="an independent implementation")
    rng = np.random.default_rng(5)
    for models in (3, 4, 13, 60):
        values = rng.normal(size=(models, 6))
        values[:, 2:4] = rng.integers(0, 4, (models, 2))  # ties
        values[0, 2:4], values[1, 2:4] = 9, -9
        for found in correlate(values, [0, 2], [1, 3, 4, 5], resamples=100):
            x, y = values[:, found.predictor], values[:, found.target]
            assert found.pearson.r == pytest.approx(stats.pearsonr(x, y)[0], abs=1e-12)
            assert found.spearman.r == pytest.approx(stats.spearmanr(x, y)[0], abs=1e-12)


def naive_ranks(values):
    """Ranks by counting, which shares nothing with the package."""
    return [
        sum(other < value for other in values) + (sum(other == value for other in values) + 1) / 2
        for value in values
    ]


def naive_r(x, y):
    if len(set(x)) == 1 or len(set(y)) == 1:
        return None
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    dx, dy = [one - mean_x for one in x], [one - mean_y for one in y]
    products = math.fsum(a * b for a, b in zip(dx, dy, strict=True))
    return products / math.sqrt(math.fsum(a * a for a in dx) * math.fsum(b * b for b in dy))


@pytest.mark.parametrize("at_once", [7, 4_000_000])
def test_the_interval_is_that_of_one_resample_at_a_time(monkeypatch, at_once):
    monkeypatch.setattr(coefficients, "_NUMBERS_AT_ONCE", at_once)
    x = [3.0, 1.0, 4.0, 1.0, 5.0]
    y = [2.0, 7.0, 1.0, 8.0, 2.0]
    found = one(x, y, resamples=400, seed=11)
    pearson, spearman, degenerate = [], [], 0
    for draw in np.random.default_rng((11, 5)).integers(0, 5, (400, 5)):
        drawn_x, drawn_y = [x[place] for place in draw], [y[place] for place in draw]
        r = naive_r(drawn_x, drawn_y)
        if r is None:
            degenerate += 1
            continue
        pearson.append(r)
        spearman.append(naive_r(naive_ranks(drawn_x), naive_ranks(drawn_y)))
    assert degenerate > 0
    for coefficient, drawn in ((found.pearson, pearson), (found.spearman, spearman)):
        assert coefficient.degenerate == degenerate
        assert coefficient.ci95 == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=1e-12)


def test_the_same_models_get_the_same_resamples_whatever_stands_beside_them():
    values = np.random.default_rng(3).normal(size=(9, 4))
    alone = correlate(values[:, [0, 3]], [0], [1])[0]
    among = correlate(values, [2, 0], [1, 3])[3]
    assert (among.predictor, among.target) == (0, 3)
    assert (among.pearson, among.spearman) == (alone.pearson, alone.spearman)
    other = correlate(values, [0], [3], seed=1)[0]
    assert other.pearson.r == alone.pearson.r
    assert other.pearson.ci95 != alone.pearson.ci95


def test_leaving_out_the_one_that_spoils_it():
    # Without the fourth model all lie on a line.
    found = one([1, 2, 3, 4, 5], [1, 2, 3, -9, 5])
    left_out = found.pearson.leave_one_out
    assert left_out is not None
    assert left_out.model == 3
    assert left_out.without == left_out.high == pytest.approx(1, abs=1e-15)
    every = [
        naive_r(x, y)
        for x, y in (
            ([v for p, v in enumerate([1, 2, 3, 4, 5]) if p != gone],
             [v for p, v in enumerate([1, 2, 3, -9, 5]) if p != gone])
            for gone in range(5)
        )
    ]  # fmt: skip
    assert (left_out.low, left_out.high) == pytest.approx((min(every), max(every)), abs=1e-12)


def test_a_removal_that_leaves_nothing_to_correlate_is_passed_over():
    # Without the last model the first metric is constant.
    left_out = one([1, 1, 1, 1, 5], [1, 2, 3, 4, 9]).pearson.leave_one_out
    assert left_out is not None
    assert left_out.model != 4
    assert not math.isnan(left_out.low)


def test_three_models_have_no_leave_one_out():
    found = one([1, 2, 4], [1, 3, 2])
    assert found.pearson.leave_one_out is None
    assert found.pearson.ci95 == (-1, 1)  # two of three models always lie on a line
    # All three draws alike: 3 of 27 resamples.
    assert found.pearson.degenerate == pytest.approx(10_000 / 9, rel=0.1)


def test_missing_values_are_left_out_by_pair():
    values = np.array([[1, 1, 5], [2, 3, NAN], [2, 2, 4], [NAN, 9, 3], [4, 5, 1]], dtype=float)
    first, second = correlate(values, [0], [1, 2])
    assert first.models == (0, 1, 2, 4)
    assert first.pearson.r == pytest.approx(6.25 / math.sqrt(4.75 * 8.75), abs=1e-15)
    assert second.models == (0, 2, 4)
    left_out = first.pearson.leave_one_out
    assert left_out is not None
    assert left_out.model in first.models


def test_pairs_without_a_coefficient_say_why():
    values = np.array([[1, 1, 7], [2, NAN, 7], [3, 3, 7], [NAN, 4, 8]], dtype=float)
    few, constant = correlate(values, [0], [1, 2])
    assert few.pearson.r is None
    assert few.undefined == "2 models have both, at least 3 are needed"
    assert constant.pearson.r is None
    assert constant.undefined == "the 3 models that have both all agree in the second metric"


@given(
    st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=3, max_size=12),
    st.sampled_from([1e-99, 0.5, 3.0, 1e99]),
)
def test_scale_and_origin_do_not_matter(points, scale):
    x, y = ([float(one) for one in side] for side in zip(*points, strict=True))
    if len(set(x)) == 1 or len(set(y)) == 1:
        return
    plain = one(x, y, resamples=100)
    scaled = one([scale * value for value in x], [7 - 2 * value for value in y], resamples=100)
    assert plain.pearson.r == pytest.approx(naive_r(x, y), abs=1e-12)
    assert scaled.pearson.r == pytest.approx(-plain.pearson.r, abs=1e-9)
    assert scaled.spearman.r == pytest.approx(-plain.spearman.r, abs=1e-12)
    assert scaled.pearson.degenerate == plain.pearson.degenerate
    assert -1 <= plain.pearson.r <= 1

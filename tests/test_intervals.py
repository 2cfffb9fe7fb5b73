"""Intervals: hand-worked figures, another implementation, and coverage by simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvlm_eval.intervals import Z95, clustered, student95, wilson


@pytest.mark.parametrize(
    ("right", "trials", "low", "high"),
    [
        # q² = 3.841459. 0 of 10: high = q²/(10+q²) = 3.841459/13.841459
        (0, 10, 0.0, 27.753280),
        (10, 10, 72.246720, 100.0),
        # 5 of 10: 0.5 ± q·√(0.025+0.009604)/(1.384146) = 0.5 ± 0.263407
        (5, 10, 23.659309, 76.340691),
        # 1 of 1: low = 1/(1+q²) = 1/4.841459
        (1, 1, 20.654929, 100.0),
    ],
)
def test_wilson_by_hand(right, trials, low, high):
    assert wilson(right, trials) == pytest.approx((low, high), abs=1e-5)


def test_no_trials_no_interval():
    assert wilson(0, 0) is None
    assert clustered([]) is None
    assert clustered([(0, 0), (0, 0)]) is None


def test_wilson_agrees_with_statsmodels():
    proportion = pytest.importorskip("statsmodels.stats.proportion", reason="optional check")
    for trials in (1, 2, 7, 20, 100, 2000):
        for right in {0, 1, trials // 3, trials - 1, trials}:
            low, high = proportion.proportion_confint(right, trials, method="wilson")
            assert wilson(right, trials) == pytest.approx((100 * low, 100 * high), abs=1e-9)


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.7062), (2, 4.3027), (3, 3.1824), (5, 2.5706), (10, 2.2281), (30, 2.0423)],
)
def test_students_quantile(freedom, quantile):
    assert student95(freedom) == pytest.approx(quantile, abs=0.004)


def test_students_quantile_needs_freedom():
    with pytest.raises(ValueError, match="at least 1"):
        student95(0)


def test_whole_clusters_count_once():
    # 30 of 40 questions with all four rows right, the rest with none. Residuals: 1 and -3 rows, so
    # V = 40/39 · (30·1 + 10·9) / 160² and n = 0.1875/V = 39, which is raised to 40 clusters.
    low, high = clustered([(4, 4)] * 30 + [(0, 4)] * 10)
    assert (low, high) == pytest.approx(wilson(30, 40, student95(39)))


def test_evenly_spread_rows_count_no_more_than_they_are():
    # One of four rows right in every question: no variance between them at all, so n = N = 80.
    assert clustered([(1, 4)] * 20) == pytest.approx(wilson(20, 80, student95(19)))


@pytest.mark.parametrize("right", [0, 4])
def test_at_the_ends_a_cluster_is_one_row(right):
    assert clustered([(right, 4)] * 25) == wilson(25 * right / 4, 25)


def test_one_cluster_is_one_row():
    assert clustered([(3, 4)]) == wilson(0.75, 1)


@settings(deadline=None)
@given(
    st.lists(
        st.integers(0, 5).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), max_size=30
    )
)
def test_holds_the_share_and_is_no_narrower_than_for_independent_rows(clusters):
    interval = clustered(clusters)
    rows = sum(size for _, size in clusters)
    if not rows:
        assert interval is None
        return
    share = 100 * sum(right for right, _ in clusters) / rows
    low, high = interval
    assert 0 <= low <= share + 1e-9 and share - 1e-9 <= high <= 100
    plain_low, plain_high = wilson(share / 100 * rows, rows)
    assert low <= plain_low + 1e-9 and high >= plain_high - 1e-9


def _independent(generator, share, groups):
    return generator.binomial(4, share, groups)


def _whole(generator, share, groups):
    """As Random++: a question is right in all its rotations or in none."""
    return 4 * generator.binomial(1, share, groups)


def _mixed(generator, share, groups):
    return generator.binomial(4, generator.beta(share, 1 - share, groups))


@pytest.mark.parametrize("draw", [_independent, _whole, _mixed])
@pytest.mark.parametrize(("share", "groups"), [(0.25, 60), (0.5, 60), (0.25, 300), (0.8, 300)])
def test_coverage(draw, share, groups):
    generator = np.random.default_rng(20260101)
    trials = 1500
    held = 0
    for _ in range(trials):
        low, high = clustered([(int(one), 4) for one in draw(generator, share, groups)])
        held += low <= 100 * share <= high
    assert 92 <= 100 * held / trials <= 98.5


def test_wilson_is_symmetric():
    low, high = wilson(3, 17, Z95)
    assert wilson(14, 17) == pytest.approx((100 - high, 100 - low))

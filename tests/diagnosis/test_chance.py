"""Tests of chance, against brute force, simulation and independent implementations."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.diagnosis.chance import (
    chi_square_tail,
    clustered_uniform,
    paired_difference,
    together_tail,
    uniform_chi_square,
)


@pytest.mark.parametrize("statistic", [1e-9, 0.3, 1.0, 7.8147, 11.3449, 40.0, 900.0])
def test_tail_of_chi_square(statistic: float) -> None:
    stats = pytest.importorskip("scipy.stats", reason="an independent implementation")
    assert chi_square_tail(statistic) == pytest.approx(stats.chi2.sf(statistic, 3), rel=1e-9)


def test_tail_of_chi_square_by_hand() -> None:
    assert chi_square_tail(0.0) == 1.0
    assert chi_square_tail(7.814728) == pytest.approx(0.05, abs=1e-6)  # any table


@given(st.lists(st.integers(0, 500), min_size=4, max_size=4))
def test_equal_chances_of_four_counts(counts: list[int]) -> None:
    stats = pytest.importorskip("scipy.stats", reason="an independent implementation")
    statistic, p = uniform_chi_square(counts)
    if not sum(counts):
        assert (statistic, p) == (0.0, 1.0)
        return
    expected = stats.chisquare(counts)
    assert statistic == pytest.approx(expected.statistic)
    assert p == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-300)


def test_a_point_that_is_kept_visits_all_letters_so_nothing_is_known() -> None:
    counts = np.ones((50, 4), np.int64)
    assert clustered_uniform(counts) == (0.0, 1.0)
    assert clustered_uniform(np.zeros((0, 4), np.int64)) == (0.0, 1.0)


def test_one_letter_in_all_rows_gives_the_number_of_questions() -> None:
    counts = np.tile([0, 4, 0, 0], (30, 1))
    statistic, p = clustered_uniform(counts)
    assert statistic == pytest.approx(30)
    assert p == pytest.approx(chi_square_tail(30))


@pytest.mark.parametrize("rows_go_together", [False, True])
def test_clustered_test_is_rarely_wrong_where_the_plain_one_often_is(
    rows_go_together: bool,
) -> None:
    """1,000 sets of 200 questions with equal chances: below 0.05 in about 5 of 100."""
    dice = np.random.default_rng(7)
    clustered, plain = [], []
    for _ in range(1000):
        letters = dice.integers(0, 4, (200, 1 if rows_go_together else 4))
        counts = (np.broadcast_to(letters, (200, 4))[:, :, None] == np.arange(4)).sum(axis=1)
        clustered.append(clustered_uniform(counts)[1])
        plain.append(uniform_chi_square(counts.sum(axis=0).tolist())[1])
    assert 0.03 < np.mean(np.array(clustered) < 0.05) < 0.08
    assert np.mean(np.array(clustered) < 0.001) < 0.005
    share = np.mean(np.array(plain) < 0.05)
    assert share > 0.4 if rows_go_together else 0.03 < share < 0.08


@given(
    st.lists(st.tuples(st.integers(1, 4), st.sampled_from((1 / 3, 2 / 3))), min_size=1, max_size=7),
    st.integers(0, 30),
)
def test_wrong_answers_that_go_together_by_brute_force(
    groups: list[tuple[int, float]], observed: int
) -> None:
    expected = 0.0
    for hits in itertools.product((0, 1), repeat=len(groups)):
        probability = math.prod(
            chance if hit else 1 - chance for hit, (_, chance) in zip(hits, groups, strict=True)
        )
        total = sum(size for hit, (size, _) in zip(hits, groups, strict=True) if hit)
        expected += probability if total >= observed else 0.0
    sizes, chances = (np.array(column) for column in zip(*groups, strict=True))
    assert together_tail(sizes, chances, observed) == pytest.approx(expected, abs=1e-12)


def test_wrong_answers_one_a_question_are_binomial() -> None:
    stats = pytest.importorskip("scipy.stats", reason="an independent implementation")
    sizes, chances = np.ones(400, np.int64), np.full(400, 1 / 3)
    expected = stats.binom.sf(159, 400, 1 / 3)
    assert together_tail(sizes, chances, 160) == pytest.approx(expected, rel=1e-9)


def test_difference_by_hand() -> None:
    """Shares 3/4 and 1/4; the parts are ±(1/16) and the like; t with one degree is 12.706."""
    first = np.array([4, 2]), np.array([4, 4])
    second = np.array([2, 0]), np.array([4, 4])
    found = paired_difference(first, second)
    assert found is not None
    difference, (low, high) = found
    assert difference == pytest.approx(50)  # each question loses half: no spread at all
    assert low < 50 < high
    second = np.array([0, 2]), np.array([4, 4])
    found = paired_difference(first, second)
    assert found is not None
    difference, (low, high) = found
    # Differences of the questions are 1 and 0: mean 0.5, standard error 0.5, so clipped to ±100.
    assert (difference, low, high) == (50.0, -100.0, 100.0)


def test_difference_with_equal_rows_is_the_paired_t_interval() -> None:
    stats = pytest.importorskip("scipy.stats", reason="an independent implementation")
    dice = np.random.default_rng(3)
    rows = np.full(120, 4)
    one, other = dice.integers(0, 5, 120), dice.integers(0, 4, 120)
    found = paired_difference((one, rows), (other, rows))
    expected = stats.ttest_rel(one / 4, other / 4).confidence_interval(0.95)
    assert found is not None
    assert found[0] == pytest.approx(100 * (one - other).mean() / 4)
    assert found[1] == pytest.approx((100 * expected.low, 100 * expected.high), abs=0.01)


def test_difference_of_unequal_rows_is_that_of_cluster_robust_regression() -> None:
    linear = pytest.importorskip(
        "statsmodels.regression.linear_model", reason="an independent implementation"
    )
    dice = np.random.default_rng(4)
    rows1, rows2 = dice.integers(1, 5, 80), dice.integers(1, 5, 80)
    right1, right2 = dice.binomial(rows1, 0.7), dice.binomial(rows2, 0.4)
    outcome, run, group = [], [], []
    for place, counts in enumerate(zip(right1, rows1, right2, rows2, strict=True)):
        for which, (right, rows) in enumerate((counts[:2], counts[2:])):
            outcome += [1.0] * right + [0.0] * (rows - right)
            run += [1.0 - which] * rows
            group += [place] * rows
    design = np.column_stack([np.ones(len(run)), run])
    fit = linear.OLS(outcome, design).fit(
        cov_type="cluster",
        cov_kwds={"groups": group, "use_correction": False, "df_correction": False},
    )
    found = paired_difference((right1, rows1), (right2, rows2))
    assert found is not None
    difference, (low, high) = found
    assert difference == pytest.approx(100 * fit.params[1])
    half = 1.9905 * 100 * fit.bse[1] * math.sqrt(80 / 79)  # t with 79 degrees of freedom
    assert (high - low) / 2 == pytest.approx(half, abs=0.01)


def test_nothing_in_common_has_no_difference() -> None:
    nothing = np.array([0, 3]), np.array([0, 4])
    assert paired_difference(nothing, (np.array([2, 0]), np.array([4, 0]))) is None


def test_all_right_against_all_wrong_still_has_an_interval() -> None:
    """Wilson for 10 of 10: from 72.2; for 0 of 10: to 27.8; both apart by √2·27.8."""
    rows = np.full(10, 4)
    found = paired_difference((rows, rows), (np.zeros(10, np.int64), rows))
    assert found is not None
    assert found[0] == 100
    assert found[1] == (pytest.approx(100 - math.sqrt(2) * 27.753, abs=0.01), 100)

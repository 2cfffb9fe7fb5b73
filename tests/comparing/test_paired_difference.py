"""Differences, intervals and tests: by hand, against statsmodels, and over known truths."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from lvlm_eval.comparing.differences import paired_difference
from lvlm_eval.comparing.discordance import mcnemar_exact
from lvlm_eval.comparing.records import RightWrong
from lvlm_eval.comparing.relations import relations_of_units


def alone(count):
    return relations_of_units([frozenset({place}) for place in range(count)])


def ones(marks):
    return [(int(mark), 1) for mark in marks]


def adjusted(difference, second_moment, effective, quantile):
    """Agresti and Min: half a question to each cell."""
    n = effective + 2
    centre = difference * effective / n
    error = math.sqrt(((second_moment * effective + 1) / n - centre**2) / n)
    return 100 * (centre - quantile * error), 100 * (centre + quantile * error)


def test_by_hand():
    # 10 questions: both right 2, only a 1, only b 4, both wrong 3. The published form of the
    # interval, with b* = 1.5, c* = 4.5, n* = 12: (c* - b*)/n* ± t √((b* + c*) - (c* - b*)²/n*)/n*.
    # Its variance is over n = 10 and not n - 1 = 9, which is all that it differs in.
    a, b = "1110000000", "1101111000"
    found = paired_difference(ones(a), ones(b), alone(10))
    assert (found.a, found.b) == (pytest.approx(30), pytest.approx(60))
    assert found.difference == pytest.approx(30)
    spread = (5 - 10 * 0.3**2) / 9
    low, high = adjusted(0.3, spread + 0.3**2, 10, stats.t.ppf(0.975, 9))
    assert found.ci95 == pytest.approx((low, high))
    published = math.sqrt(6 - 9 / 12) / 12
    assert (found.ci95[1] - found.ci95[0]) / 2 == pytest.approx(
        100 * stats.t.ppf(0.975, 9) * published, rel=0.05
    )
    assert (found.effective, found.degrees_of_freedom) == pytest.approx((10, 9))


@pytest.mark.parametrize("size", [1, 3, 8])
def test_the_variance_in_equal_groups_is_that_of_statsmodels(size):
    rng = np.random.default_rng(size)
    groups = 40
    shared = rng.normal(size=groups).repeat(size)
    a = rng.integers(0, 5, groups * size)
    b = np.clip(a + np.rint(shared).astype(int), 0, 4)
    of = np.arange(groups).repeat(size)
    differences = (b - a) / 4
    fitted = sm.OLS(differences, np.ones(len(a))).fit(
        cov_type="cluster", cov_kwds={"groups": of}, use_t=True
    )
    relations = relations_of_units([frozenset({one}) for one in of])
    found = paired_difference([(x, 4) for x in a], [(x, 4) for x in b], relations)
    assert found.difference == pytest.approx(100 * fitted.params[0])
    variance = differences.var(ddof=1)
    assert variance / found.effective == pytest.approx(fitted.bse[0] ** 2)
    quantile = stats.t.ppf(0.975, groups - 1)
    expected = adjusted(
        fitted.params[0], variance + fitted.params[0] ** 2, found.effective, quantile
    )
    assert found.ci95 == pytest.approx(expected)


def test_rows_of_unequal_number_are_ratios_of_sums():
    a, b = [(4, 4), (0, 2), (1, 4)] * 20, [(2, 4), (1, 2), (4, 4)] * 20
    found = paired_difference(a, b, alone(60))
    assert (found.a, found.b) == (pytest.approx(50), pytest.approx(70))
    # residuals by hand: rows are 10/3 on average, so ((right_b - right_a) - 0.2 rows) * 0.3
    residuals = np.array([(-2 - 0.8), (1 - 0.4), (3 - 0.8)] * 20) * 0.3
    spread = residuals @ residuals / 59
    expected = adjusted(0.2, spread + 0.04, 60, stats.t.ppf(0.975, 59))
    assert found.ci95 == pytest.approx(expected)


def test_runs_that_never_differ_have_an_interval_all_the_same():
    same = ones("1100" * 25)
    found = paired_difference(same, same, alone(100))
    low, high = found.ci95
    assert found.difference == 0 and found.p == 1
    assert low == -high and 1 < high < 3  # "rule of three": 3 of 100 questions could differ
    paired = relations_of_units([frozenset({place // 4}) for place in range(100)])
    assert paired_difference(same, same, paired).effective == pytest.approx(25)


def test_where_all_questions_are_related_nothing_is_known():
    relations = relations_of_units([frozenset({"photo"})] * 12)
    found = paired_difference(ones("0" * 12), ones("1" * 6 + "0" * 6), relations)
    assert found.effective == 1 and found.degrees_of_freedom == 1
    assert found.ci95 == (-100, 100)


def test_one_question():
    found = paired_difference([(1, 4)], [(3, 4)], alone(1))
    assert found.difference == 50
    assert found.ci95[0] < 50 < found.ci95[1]


@pytest.mark.parametrize(
    ("a", "b", "count"), [([], [], 0), ([(1, 1)], [], 1), ([(1, 1)], [(1, 1)], 2)]
)
def test_unlike_lengths_are_refused(a, b, count):
    with pytest.raises(ValueError, match="same questions"):
        paired_difference(a, b, alone(count))


ROWS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=40)


@given(ROWS, st.integers(1, 9))
def test_rules_that_hold_for_all(rows, photos):
    relations = relations_of_units(
        [frozenset({place % photos, place * 7 % photos}) for place in range(len(rows))]
    )
    a, b = [(x, 4) for x, _ in rows], [(y, 4) for _, y in rows]
    found, back = paired_difference(a, b, relations), paired_difference(b, a, relations)
    low, high = found.ci95
    assert -100 <= low <= high <= 100
    assert 0 <= found.p <= 1
    # The test and the interval say the same.
    assert (found.p < 0.05) == (low > 0 or high < 0)
    # Which run comes first changes signs only.
    assert back.ci95 == pytest.approx((-high, -low), abs=1e-9)
    assert back.p == pytest.approx(found.p, abs=1e-9)
    assert back.effective == pytest.approx(found.effective)


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_agrees_with_scipy(only_a, only_b):
    expected = stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1
    assert mcnemar_exact(RightWrong(1, only_a, only_b, 2)) == pytest.approx(expected)


@pytest.mark.parametrize("table", [(3, 1, 9, 2), (0, 0, 0, 5), (1, 4, 4, 0), (9, 30, 55, 1)])
def test_mcnemar_agrees_with_statsmodels(table):
    both, only_a, only_b, neither = table
    expected = mcnemar([[both, only_a], [only_b, neither]], exact=True).pvalue
    assert mcnemar_exact(RightWrong(*table)) == pytest.approx(expected if only_a + only_b else 1)


def test_mcnemar_by_hand():
    # 5 discordant, all one way: 2 / 2^5.
    assert mcnemar_exact(RightWrong(0, 0, 5, 0)) == pytest.approx(2 / 32)

"""Which questions are related: counts and sums against matrices written out in full."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated_runs import question

from lvlm_eval.comparing.relations import is_told, relations_of, relations_of_units

UNITS = st.lists(st.frozensets(st.integers(0, 6), max_size=2), min_size=2, max_size=25)


def matrix(units):
    """w_ij = 1 where i and j have a unit in common, or are the same."""
    return np.array(
        [[float(i == j or bool(a & b)) for j, b in enumerate(units)] for i, a in enumerate(units)]
    )


@given(UNITS, st.integers(0, 2**32 - 1))
def test_sums_are_those_of_the_whole_matrix(units, seed):
    relations, w = relations_of_units(units), matrix(units)
    residuals = np.random.default_rng(seed).normal(size=len(units))
    assert relations.related == pytest.approx(w.sum(1))
    assert relations.sum_of_products(residuals) == pytest.approx(residuals @ w @ residuals)


@given(UNITS)
def test_correction_and_degrees_of_freedom_are_those_of_the_whole_matrix(units):
    relations, w, n = relations_of_units(units), matrix(units), len(units)
    centred = np.eye(n) - np.ones((n, n)) / n
    m = centred @ w @ centred
    if np.trace(m) < 1e-6:
        assert relations.correction == float("inf")
        assert relations.degrees_of_freedom == 1
    else:
        assert relations.correction == pytest.approx(n / np.trace(m))
        satterthwaite = np.trace(m) ** 2 / np.trace(m @ m)
        assert relations.degrees_of_freedom == pytest.approx(max(1, satterthwaite))


@pytest.mark.parametrize(("groups", "size"), [(2, 1), (5, 4), (30, 2)])
def test_groups_of_one_size_have_the_usual_correction_and_one_degree_less_than_groups(groups, size):
    relations = relations_of_units([frozenset({g}) for g in range(groups) for _ in range(size)])
    assert relations.correction == pytest.approx(groups / (groups - 1))
    assert relations.degrees_of_freedom == pytest.approx(groups - 1)


def test_a_photo_relates_whether_it_is_source_or_target():
    asked = [
        question("1", ("a", "b")),
        question("2", ("b", "c")),  # its source is the target of 1
        question("3", ("b", "a")),  # both photos of 1, the other way round
        question("4", ("d", "e")),
    ]
    assert list(relations_of(asked, "image").related) == [3, 3, 3, 1]
    assert list(relations_of(asked, "question").related) == [1, 1, 1, 1]


def test_pairs_relate_their_questions():
    asked = [question(key, pair=pair) for key, pair in (("1", "p"), ("2", "q"), ("3", "p"))]
    assert list(relations_of(asked, "pair").related) == [2, 1, 2]


def test_a_table_tells_no_photo_and_no_pair():
    table = [question("1", None), question("2", None)]
    assert not is_told(table, "image") and not is_told(table, "pair") and is_told(table, "question")
    assert list(relations_of(table, "image").related) == [1, 1]
    assert not is_told([*table, question("3")], "image")


def test_three_photos_are_refused():
    with pytest.raises(ValueError, match="two photos"):
        relations_of_units([frozenset("abc")])

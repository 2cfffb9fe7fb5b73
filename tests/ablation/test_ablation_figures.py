"""Main effects, ranks and corrected tests, against answers worked out by hand or by scipy."""

import itertools
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvlm_eval.ablation.cells import Cell, cells_of
from lvlm_eval.ablation.effects import Effect, conditions, main_effects
from lvlm_eval.ablation.paired import Pairing, compared, holm, paired_tests
from lvlm_eval.ablation.plan import AblationPlan
from lvlm_eval.ablation.ranks import order_change, ranks
from lvlm_eval.errors import InputError

FULL = AblationPlan(
    models=("a", "b"), grid={"prompt": ("soco", "short"), "protocol": ("options", "markers")}
)


def test_main_effects_of_a_full_design() -> None:
    figures = [10.0, 20.0, 30.0, 44.0, 50.0, 60.0, None, 70.0]
    cells = list(zip(cells_of(FULL), figures, strict=True))
    assert main_effects(cells, ("prompt", "protocol")) == {
        "model": [("a", Effect(26.0, 10.0, 44.0, 4)), ("b", Effect(60.0, 50.0, 70.0, 3))],
        "prompt": [("soco", Effect(35.0, 10.0, 60.0, 4)), ("short", Effect(48.0, 30.0, 70.0, 3))],
        "protocol": [
            ("options", Effect(30.0, 10.0, 50.0, 3)),
            ("markers", Effect(48.5, 20.0, 70.0, 4)),
        ],
    }


def test_main_effects_one_at_a_time_keep_to_the_row_of_the_factor() -> None:
    plan = AblationPlan(
        models=("a",),
        design="one-at-a-time",
        grid={"prompt": ("soco", "short"), "rotations": (4, 1), "seed": (0, 1)},
    )
    # default, prompt=short, rotations=1 (no circular figure), seed=1
    cells = list(zip(cells_of(plan), [10.0, 20.0, None, 90.0], strict=True))
    assert main_effects(cells, tuple(plan.grid)) == {
        "prompt": [("soco", Effect(10.0, 10.0, 10.0, 1)), ("short", Effect(20.0, 20.0, 20.0, 1))],
        "rotations": [(4, Effect(10.0, 10.0, 10.0, 1)), (1, None)],
        "seed": [(0, Effect(10.0, 10.0, 10.0, 1)), (1, Effect(90.0, 90.0, 90.0, 1))],
    }


def test_conditions_are_those_that_every_model_has_a_figure_of() -> None:
    plan = AblationPlan(models=("a", "b"), grid={"prompt": ("short", "soco", "reason")})
    cells: list[tuple[Cell, float | None]] = list(
        zip(cells_of(plan), [1.0, 2.0, 3.0, 4.0, 5.0, None], strict=True)
    )
    assert conditions(cells) == [
        ({"prompt": "soco"}, {"a": 2.0, "b": 5.0}),  # the default one is first
        ({"prompt": "short"}, {"a": 1.0, "b": 4.0}),
    ]


def test_ranks_by_hand() -> None:
    assert ranks({"a": 10, "b": 30, "c": 20}) == {"a": 3, "b": 1, "c": 2}
    assert ranks({"a": 10, "b": 30, "c": 30, "d": 30}) == {"a": 4, "b": 2, "c": 2, "d": 2}


def test_changes_of_order_by_hand() -> None:
    one = {"a": 3.0, "b": 2.0, "c": 1.0}
    swapped = order_change(one, {"a": 2.0, "b": 3.0, "c": 1.0})
    assert (swapped.tau, swapped.swaps, swapped.pairs) == (pytest.approx(1 / 3), 1, 3)
    assert order_change(one, {"a": 1.0, "b": 2.0, "c": 3.0}).tau == -1
    assert order_change(one, dict.fromkeys(one, 5.0)).tau is None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=8))
def test_tau_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    stats = pytest.importorskip("scipy.stats")
    one = {str(i): float(a) for i, (a, _) in enumerate(pairs)}
    other = {str(i): float(b) for i, (_, b) in enumerate(pairs)}
    change = order_change(one, other)
    if len(set(one.values())) == 1 or len(set(other.values())) == 1:
        assert change.tau is None
    else:
        expected = stats.kendalltau(list(one.values()), list(other.values())).statistic
        assert change.tau == pytest.approx(expected)
    ranked = ranks(one)
    assert list(ranked.values()) == list(
        stats.rankdata([-value for value in one.values()], method="average")
    )


@settings(max_examples=15)
@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_is_what_it_says(values: list[float]) -> None:
    """Step-down: the i-th smallest of m times m - i, never below an earlier one, at most 1."""
    order = sorted(range(len(values)), key=lambda place: values[place])
    expected = [0.0] * len(values)
    stepped = itertools.accumulate(
        (min(1.0, values[place] * (len(values) - i)) for i, place in enumerate(order)), max
    )
    for place, value in zip(order, stepped, strict=True):
        expected[place] = value
    assert holm(values) == pytest.approx(expected)


@dataclass
class Found:
    """What a comparison gives."""

    mcnemar_p: float | None
    average_p: float
    questions: int = 10
    circular_difference: float | None = 1.0
    circular_ci95: tuple[float, float] | None = (-1.0, 3.0)
    average_difference: float = 2.0
    average_ci95: tuple[float, float] = (0.0, 4.0)


def test_p_values_of_a_setting_are_one_family() -> None:
    found = {"x": Found(0.01, 0.5), "y": Found(None, 0.02), "z": Found(0.03, 0.04)}

    def compare(pairing: Pairing, setting: str) -> Found:
        if pairing.cell == "odd":
            raise InputError("nothing in common.")
        return found[pairing.cell]

    nothing: Any = None
    pairings = [
        Pairing(one, "base", nothing, nothing, {"seed": 1}) for one in ("x", "odd", "y", "z")
    ]
    records, notes = compared(pairings, "vis", compare)
    assert [one["mcnemar_p_holm"] for one in records] == pytest.approx([0.02, None, 0.03])
    assert [one["average_p_holm"] for one in records] == pytest.approx([0.5, 0.06, 0.08])
    assert records[0]["circular_ci95"] == [-1.0, 3.0]
    assert records[0]["levels"] == {"seed": 1}
    assert notes == ["odd is not compared with base: nothing in common."]


def test_without_the_libraries_the_rest_is_still_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "statsmodels.stats.multitest", None)
    said = paired_tests()
    assert isinstance(said, str)
    assert "pip install 'lvlm-eval[stats]'" in said

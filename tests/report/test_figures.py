"""How figures are drawn: labels apart, styles that differ, groups that say what they are."""

import itertools
import xml.etree.ElementTree as ET

import pytest

pytest.importorskip("matplotlib")

from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.report.page.figures.canvas import apart
from lvlm_eval.report.page.figures.rendering import page_svg
from lvlm_eval.report.page.figures.spec import (
    Bar,
    Bars,
    Figure,
    HeatMap,
    LineChart,
    Radar,
    Series,
)
from lvlm_eval.report.page.figures.style import CLASSES, style_of


def test_labels_move_as_little_as_needed() -> None:
    assert apart([1.0, 5.0], 2.0) == [1.0, 5.0]
    assert apart([5.0, 5.0], 2.0) == [4.0, 6.0]
    assert apart([3.0, 0.0, 0.0], 2.0) == [3.0, -1.0, 1.0]
    assert apart([], 1.0) == []


@given(st.lists(st.floats(0, 100), max_size=30), st.floats(0.1, 5))
def test_labels_keep_their_distance_and_their_order(places: list[float], gap: float) -> None:
    moved = apart(places, gap)
    order = sorted(range(len(places)), key=lambda one: places[one])
    for before, after in itertools.pairwise(order):
        assert moved[after] - moved[before] >= gap - 1e-9
    # Moved places balance, so that no other arrangement of a crowd is nearer in squares.
    assert sum(moved) == pytest.approx(sum(places), abs=1e-6)


def test_styles_differ_without_their_colours() -> None:
    styles = [style_of(place) for place in range(252)]
    assert len(set(styles)) == 252
    assert len({(one.marker, one.dashes) for one in styles[:9]}) == 9


def groups(figure: Figure) -> dict[str, list[str]]:
    """Series → the titles of its groups."""
    found: dict[str, list[str]] = {}
    root = ET.fromstring(page_svg(figure))
    for element in root.iter():
        if "data-series" in element.attrib:
            titles = [one.text or "" for one in element.findall("title")]
            found.setdefault(element.attrib["data-series"], []).extend(titles)
        assert "style" not in element.attrib
        for name in ("fill", "stroke"):
            assert element.get(name, "none") == "none"  # colours are classes, which modes change
    ids = [one.get("id") for one in root.iter() if one.get("id")]
    assert len(ids) == len(set(ids))
    assert all(str(one).startswith(f"{figure.id}-") for one in ids)
    return found


def test_lines_points_and_intervals_belong_to_their_series() -> None:
    first = Series("l0", "a", (10.0, 20.25), 0, True, ((5.0, 15.0), None))
    second = Series("l1", "b", (None, 81.0), 1)
    nothing = Series("l2", "c", (None, None), 2)
    found = groups(Figure("f", "t", "n", LineChart(("x", "y"), "%", (first, second, nothing))))
    assert found == {"l0": ["a, x: 10.0 [5.0, 15.0]", "a, y: 20.2"], "l1": ["b, y: 81.0"]}


def test_a_radar_leaves_out_series_with_a_gap() -> None:
    whole, gap = Series("v0", "a", (1.0, 2.0, 3.0), 0), Series("v1", "b", (1.0, None, 3.0), 1)
    found = groups(Figure("f", "t", "n", Radar(("x", "y", "z"), "%", (whole, gap))))
    assert found == {"v0": ["a, x: 1.0", "a, y: 2.0", "a, z: 3.0"]}


def test_bars_and_cells_say_their_figures() -> None:
    bars = (
        Bar(0, 0, 0.0, 30.0, "v0", 0, "thirty", (20.0, 40.0)),
        Bar(1, 0, 41.0, 50.0, "v1", 1, "x"),
    )
    chart = Bars(("a", "b"), ("SOC",), "%", (0.0, 100.0), bars, (41.0, "random"))
    assert groups(Figure("f", "t", "n", chart)) == {"v0": ["thirty"] * 2, "v1": ["x"]}
    heat = HeatMap(("car", "bus"), ("a",), ("v0",), ((12.5,), (None,)), (1,))
    assert groups(Figure("f", "t", "n", heat)) == {"v0": ["a, car: 12.5"] * 2}


def test_every_colour_has_a_class_of_its_own() -> None:
    assert len(set(CLASSES.values())) == len(CLASSES)

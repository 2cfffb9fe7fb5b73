"""Where markers and labels go: the rules, checked from the outside on many pictures."""

import math
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvlm_eval.drawing.layout import Layout, Placement, arrange
from lvlm_eval.drawing.mark import Mark
from lvlm_eval.drawing.shapes import arrow
from lvlm_eval.drawing.style import Style, read_style
from lvlm_eval.resources import available, builtin_folder

ARROW, CIRCLE, DOTS = (
    read_style(builtin_folder("renderers") / f"{name}.toml")
    for name in ("red-arrow", "red-circle", "numbered-dots")
)
STYLES = [read_style(found.path) for found in available("renderers")]

fractions = st.floats(0, 1, allow_nan=False)
spots = st.tuples(fractions, fractions)


@st.composite
def scenes(draw, smallest, largest, spread):
    """A picture's size and four points: scattered, or round one place within some px."""
    size = draw(st.integers(smallest, largest)), draw(st.integers(smallest, largest))
    places = [(x * size[0], y * size[1]) for x, y in draw(st.lists(spots, min_size=4, max_size=4))]
    if spread is not None:
        middle = places[0]
        radius = draw(st.floats(0, spread))
        places = [
            (
                min(max(middle[0] + radius * math.cos(turn), 0.0), float(size[0])),
                min(max(middle[1] + radius * math.sin(turn), 0.0), float(size[1])),
            )
            for turn in draw(st.lists(st.floats(0, 6.3), min_size=4, max_size=4))
        ]
    return size, marks_at(places)


def marks_at(places, labels="ABCD"):
    return [Mark(label, x, y) for label, (x, y) in zip(labels, places, strict=False)]


def box_of(layout: Layout, placement: Placement):
    left, top = placement.corner
    return left, top, left + layout.box.width, top + layout.box.height


def holds(box, x, y, margin=0.0):
    return box[0] - margin < x < box[2] + margin and box[1] - margin < y < box[3] + margin


def body_samples(style: Style, layout: Layout, placement: Placement):
    """Points all over a marker, rim included, half a px apart or less."""
    tip = (placement.mark.x, placement.mark.y)
    if style.marker.shape != "arrow":
        turns = np.linspace(0, 2 * np.pi, 90)
        radius = layout.sizes.radius + layout.sizes.rim
        rim = np.stack([np.cos(turns), np.sin(turns)], axis=1) * radius + tip
        leader = np.linspace(tip, placement.tail, 2 + int(2 * math.dist(tip, placement.tail)))
        return np.concatenate([rim, leader])
    outline = arrow(tip, placement.tail, layout.sizes, layout.sizes.rim).solid[0]
    following = np.roll(outline, -1, axis=0)
    shares = np.linspace(0, 1, 2 + int(2 * np.linalg.norm(following - outline, axis=1).max()))
    return (outline[:, None] + shares[:, None] * (following - outline)[:, None]).reshape(-1, 2)


def in_polygon(polygon, x, y):
    """Even-odd rule."""
    after = np.roll(polygon, -1, axis=0)
    spans = (polygon[:, 1] > y) != (after[:, 1] > y)
    rise = np.where(spans, after[:, 1] - polygon[:, 1], 1.0)
    at = polygon[:, 0] + (y - polygon[:, 1]) / rise * (after[:, 0] - polygon[:, 0])
    return bool((spans & (at > x)).sum() % 2)


def assert_never_broken(size, layout):
    for placement in layout.placements:
        if placement.corner is None:
            continue
        left, top, right, bottom = box_of(layout, placement)
        assert left >= 0 and top >= 0 and right <= size[0] and bottom <= size[1]
        for other in layout.placements:
            assert not holds((left, top, right, bottom), other.mark.x, other.mark.y)


def assert_all_rules(style, size, layout):
    assert_never_broken(size, layout)
    assert all(placement.corner is not None for placement in layout.placements)
    for one, other in combinations(layout.placements, 2):
        a, b = box_of(layout, one), box_of(layout, other)
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], "labels overlap"
    for one, other in permutations(layout.placements, 2):
        for x, y in body_samples(style, layout, one):
            assert not holds(box_of(layout, other), x, y), "a marker is on a label"
        apart = math.dist((one.mark.x, one.mark.y), (other.mark.x, other.mark.y))
        if style.marker.shape == "arrow" and apart > 1.5:
            tip = (one.mark.x, one.mark.y)
            body = arrow(tip, one.tail, layout.sizes, layout.sizes.rim).solid[0]
            assert not in_polygon(body, other.mark.x, other.mark.y), "an arrow is on a point"


@settings(deadline=None, max_examples=70)
@given(scene=scenes(200, 1600, None), style=st.sampled_from(STYLES))
def test_scattered_points_break_no_rule(scene, style):
    size, marks = scene
    assert_never_broken(size, arrange(style, size, marks))
    if min(math.dist((a.x, a.y), (b.x, b.y)) for a, b in combinations(marks, 2)) < 12:
        return
    layout = arrange(style, size, marks)
    assert layout.broken == 0
    assert_all_rules(style, size, layout)


@settings(deadline=None, max_examples=70)
@given(scene=scenes(150, 700, 40.0), style=st.sampled_from([ARROW, CIRCLE, DOTS]))
def test_clusters_break_a_rule_only_where_they_say_so(scene, style):
    size, marks = scene
    layout = arrange(style, size, marks)
    assert_never_broken(size, layout)
    if layout.broken == 0:
        assert_all_rules(style, size, layout)


@settings(deadline=None, max_examples=50)
@given(
    size=st.tuples(st.integers(250, 800), st.integers(250, 800)),
    place=st.tuples(st.floats(0.35, 0.65), st.floats(0.35, 0.65)),
    offsets=st.lists(st.tuples(st.floats(-8, 8), st.floats(-8, 8)), min_size=4, max_size=4),
)
def test_points_a_few_px_apart_keep_their_labels(size, place, offsets):
    middle = (place[0] * size[0], place[1] * size[1])
    layout = arrange(ARROW, size, marks_at([(middle[0] + x, middle[1] + y) for x, y in offsets]))
    assert_never_broken(size, layout)
    assert all(placement.corner is not None for placement in layout.placements)


@settings(deadline=None, max_examples=60)
@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    places=st.lists(spots, min_size=0, max_size=6),
    style=st.sampled_from(STYLES),
)
def test_tiny_pictures_get_what_fits(size, places, style):
    marks = marks_at([(x * size[0], y * size[1]) for x, y in places], "ABCDEF")
    layout = arrange(style, size, marks)
    assert [placement.mark for placement in layout.placements] == marks
    assert_never_broken(size, layout)


def test_a_picture_of_8000_px_is_laid_out_like_a_small_one():
    small = arrange(ARROW, (500, 375), marks_at([(100, 80), (300, 90), (310, 200), (390, 240)]))
    large = arrange(
        ARROW, (8000, 6000), marks_at([(1600, 1280), (4800, 1440), (4960, 3200), (6240, 3840)])
    )
    for one, other in zip(small.placements, large.placements, strict=True):
        assert np.allclose(np.array(one.tail) * 16, other.tail, atol=1)


@pytest.mark.parametrize("style", [ARROW, CIRCLE, DOTS], ids=["arrow", "circle", "dots"])
def test_coincident_points_come_from_different_sides(style):
    layout = arrange(style, (400, 300), marks_at([(200, 150)] * 4))
    assert layout.broken == 0
    assert len({placement.corner for placement in layout.placements}) == 4
    assert_all_rules(style, (400, 300), layout)
    if style is ARROW:
        assert layout.sizes.font == arrange(style, (400, 300), marks_at([(200, 150)])).sizes.font


def test_a_label_far_from_its_dot_is_tied_to_it():
    (alone,) = arrange(DOTS, (400, 300), [Mark("1", 200, 150)]).placements
    assert alone.tail == (200, 150)
    crowd = arrange(DOTS, (400, 300), marks_at([(399, 299 - 9 * i) for i in range(4)], "1234"))
    assert crowd.broken == 0
    for placement in crowd.placements:
        left, top, right, bottom = box_of(crowd, placement)
        x, y = placement.tail
        gap = math.hypot(max(left - x, x - right, 0), max(top - y, y - bottom, 0))
        assert gap < crowd.sizes.reach + 4 * crowd.sizes.gap
    assert any(one.tail != (one.mark.x, one.mark.y) for one in crowd.placements)


@pytest.mark.parametrize("corner", [(0, 0), (400, 0), (0, 300), (400, 300)])
def test_an_arrow_at_a_corner_comes_from_inside(corner):
    layout = arrange(ARROW, (400, 300), [Mark("A", *corner)])
    (placement,) = layout.placements
    assert layout.broken == 0
    assert 0 < placement.tail[0] < 400 and 0 < placement.tail[1] < 300


def test_arrows_of_four_spread_points_come_from_outside_and_do_not_cross():
    places = [(190, 140), (210, 140), (190, 160), (210, 160)]
    layout = arrange(ARROW, (400, 300), marks_at(places))
    for placement in layout.placements:
        outward = (placement.mark.x - 200, placement.mark.y - 150)
        heading = (placement.tail[0] - placement.mark.x, placement.tail[1] - placement.mark.y)
        assert outward[0] * heading[0] + outward[1] * heading[1] > 0


@settings(deadline=None, max_examples=40)
@given(scene=scenes(120, 600, None), order=st.permutations(range(4)))
def test_neither_order_nor_letters_move_a_marker(scene, order):
    size, marks = scene
    if len({(mark.x, mark.y) for mark in marks}) < 4:
        return
    plain = arrange(ARROW, size, marks)
    where = {(p.mark.x, p.mark.y): (p.tail, p.corner) for p in plain.placements}
    shuffled = arrange(ARROW, size, [marks[index] for index in order])
    swapped = arrange(
        ARROW,
        size,
        [Mark(marks[i].label, mark.x, mark.y) for i, mark in zip(order, marks, strict=True)],
    )
    for layout in (shuffled, swapped):
        for p in layout.placements:
            assert where[p.mark.x, p.mark.y] == (p.tail, p.corner)


def test_markers_keep_their_floors_on_small_pictures():
    layout = arrange(ARROW, (90, 70), [Mark("A", 45, 35)])
    assert layout.sizes.font == ARROW.label.min_size == 16
    assert layout.sizes.length == ARROW.marker.min_size


def test_long_source_labels_fit_in():
    layout = arrange(ARROW, (200, 150), [Mark("REF", 199, 1)])
    assert layout.broken == 0
    assert layout.box.width > layout.box.height
    assert_never_broken((200, 150), layout)


def test_many_marks_are_placed():
    rng = np.random.default_rng(3)
    marks = [Mark(str(i), *rng.uniform(0, 800, 2)) for i in range(24)]
    layout = arrange(ARROW, (800, 800), marks)
    assert len(layout.placements) == 24
    assert_never_broken((800, 800), layout)

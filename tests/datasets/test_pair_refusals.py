"""Pair annotations that are refused, and what holds for every one that is not."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making import WHEELS, keypoints, pair_json

from lvlm_eval.datasets.pair_annotation import Origin, parse_pair
from lvlm_eval.errors import InputError
from lvlm_eval.records import Defect, Pair

FILE = "PairAnnotations/intra/car/00001.json"


def parsed(content: object) -> tuple[Pair, tuple[Defect, ...]]:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return parse_pair(text, Origin(FILE, "car/00001", "car", False, lambda image: (640, 480)))


BAD_FIELDS = [
    ("src_image", None, "absent"),
    ("src_image", "", "absent"),
    ("src_image", 7, "is a number; expected a text"),
    ("src_image", "../../secret.jpg", "not a file name below"),
    ("src_image", "/etc/passwd", "not a file name below"),
    ("trg_image", "a/../../b.jpg", "not a file name below"),
    ("trg_image", "C:\\b.jpg", "not a file name below"),
    ("trg_image", "a\nb.jpg", "cannot be printed"),
    ("trg_category", "..", "not the name of a folder"),
    ("trg_category", "/etc", "not the name of a folder"),
    ("src_category", "a/b", "not the name of a folder"),
    ("src_category", ["car"], "is a list; expected a text"),
    ("pair_group", {"a": 1}, "is an object; expected a text"),
    ("category", "\ud800", "cannot be printed"),
    ("src_imsize", [80], "not [width, height]"),
    ("src_imsize", "80x60", "not [width, height]"),
    ("src_imsize", [0, 60], "not [width, height] in whole px"),
    ("trg_imsize", [80, -60], "not [width, height] in whole px"),
    ("trg_imsize", [80.5, 60], "not [width, height] in whole px"),
    ("trg_imsize", ["80", "60"], "not a finite number"),
    ("trg_imsize", [math.inf, 60], "not a finite number"),
    ("trg_imsize", [True, 60], "not a finite number"),
    ("src_bndbox", [70, 10, 4, 50], "swapped sides or no area"),
    ("src_bndbox", [4, 50, 70, 10], "swapped sides or no area"),
    ("trg_bndbox", [4, 10, 4, 50], "swapped sides or no area"),
    ("trg_bndbox", [4, 10, 70, 10], "swapped sides or no area"),
    ("trg_bndbox", [1, 2, 3], "not [left, top, right, bottom]"),
    ("trg_bndbox", {"left": 1}, "not [left, top, right, bottom]"),
    ("trg_bndbox", [1, 2, math.nan, 4], "not a finite number"),
    ("trg_bndbox", [1, 2, None, 4], "not a finite number"),
    ("trg_bndbox", [1, 2, 1e300, 4], "no position in px"),
    ("src_keypoints", {}, "is an object; expected a list"),
    ("src_keypoints", "all", "is a text; expected a list"),
    ("semantic_overlap", "wheel", "is a text; expected a list"),
    ("concept_matches", 3, "is a number; expected a list"),
    ("concept_matches", True, "is true or false; expected a list"),
]


@pytest.mark.parametrize(("name", "value", "said"), BAD_FIELDS)
def test_a_field_of_the_wrong_kind_is_refused(name, value, said):
    with pytest.raises(InputError) as caught:
        parsed(pair_json(**{name: value}))
    assert str(caught.value).startswith(f"{FILE}: {name}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


BAD_POINTS = [
    (None, "src_keypoints[1]", "is null"),
    ("wheel", "src_keypoints[1]", "is a text"),
    ({}, "src_keypoints[1].name", "absent or empty"),
    ({"name": ""}, "src_keypoints[1].name", "absent or empty"),
    ({"name": 4}, "src_keypoints[1].name", "is a number"),
    ({"name": "a"}, "src_keypoints[1].pos", "None is not [x, y]"),
    ({"name": "a", "pos": [1]}, "src_keypoints[1].pos", "[1] is not [x, y]"),
    ({"name": "a", "pos": [1, 2, 3]}, "src_keypoints[1].pos", "is not [x, y]"),
    ({"name": "a", "pos": {"x": 1}}, "src_keypoints[1].pos", "is not [x, y]"),
    ({"name": "a", "pos": [1, None]}, "src_keypoints[1].pos", "not a finite number"),
    ({"name": "a", "pos": ["1", 2]}, "src_keypoints[1].pos", "not a finite number"),
    ({"name": "a", "pos": [math.nan, 2]}, "src_keypoints[1].pos", "not a finite number"),
    ({"name": "a", "pos": [1, -math.inf]}, "src_keypoints[1].pos", "not a finite number"),
    ({"name": "a", "pos": [10**400, 1]}, "src_keypoints[1].pos", "not a finite number"),
    ({"name": "a", "pos": [1, 2], "concept_name": 3}, "src_keypoints[1].concept_name", "number"),
]


@pytest.mark.parametrize(("point", "field", "said"), BAD_POINTS)
def test_a_broken_keypoint_is_refused(point, field, said):
    with pytest.raises(InputError) as caught:
        parsed(pair_json(src_keypoints=[*keypoints(WHEELS[:1]), point]))
    assert str(caught.value).startswith(f"{FILE}: {field}: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"semantic_overlap": ["lamp_left", 3]}, "semantic_overlap[1]"),
        ({"semantic_overlap": [None]}, "semantic_overlap[0]"),
        ({"semantic_overlap": [""]}, "semantic_overlap[0]"),
        ({"concept_matches": ["wheel"]}, "concept_matches[0]"),
        ({"concept_matches": [{}]}, "concept_matches[0].concept_name"),
        (
            {"concept_matches": [{"concept_name": "w", "src_keypoints": "all"}]},
            "concept_matches[0].src_keypoints",
        ),
        (
            {"concept_matches": [{"concept_name": "w", "trg_keypoints": [[]]}]},
            "concept_matches[0].trg_keypoints[0]",
        ),
    ],
)
def test_a_broken_match_list_is_refused(fields, field):
    with pytest.raises(InputError) as caught:
        parsed(pair_json(**fields))
    assert str(caught.value).startswith(f"{FILE}: {field}: ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not readable as JSON"),
        (b"{", "not readable as JSON"),
        (b"\xff\xfe\xfa", "not readable as JSON"),
        (b"[" * 100_000, "not readable as JSON"),
        (b'{"pair_id": ' + b"9" * 5000 + b"}", "not readable as JSON"),
        (b"[]", "holds a list"),
        (b"null", "holds null"),
        (b"3", "holds a number"),
    ],
)
def test_what_is_no_json_object_is_refused(content, said):
    with pytest.raises(InputError) as caught:
        parsed(content)
    assert str(caught.value).startswith(f"{FILE}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_is_tolerated():
    content = json.dumps(pair_json()).encode("utf-8-sig")
    assert parsed(content) == parsed(pair_json())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
POINTS = st.lists(
    JSON
    | st.fixed_dictionaries(
        {"name": st.sampled_from("abcd"), "pos": st.tuples(JSON | st.integers(), st.floats())}
    ),
    max_size=4,
)
NAMES = st.lists(st.sampled_from("abcde") | JSON, max_size=4)
ANY_CHANGES = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(pair_json(), JSON),
        "src_keypoints": POINTS,
        "trg_keypoints": POINTS,
        "semantic_overlap": NAMES,
        "concept_matches": st.lists(
            st.fixed_dictionaries({"concept_name": st.text(max_size=3), "src_keypoints": NAMES}),
            max_size=2,
        ),
        "src_bndbox": st.lists(st.integers(-9, 99) | st.floats(), min_size=4, max_size=4),
        "src_imsize": st.lists(st.integers(-1, 99), min_size=2, max_size=3),
    },
)


# Few fields at a time, so that many of the files are still readable.
CHANGES = st.lists(st.sampled_from([*pair_json()]), max_size=3).flatmap(
    lambda names: ANY_CHANGES.map(lambda all_: {n: v for n, v in all_.items() if n in names})
)


def assert_sound(pair: Pair) -> None:
    """What a score may rely on, whatever the file said."""
    for view in (pair.source, pair.target):
        names = [point.name for point in view.keypoints]
        assert len(set(names)) == len(names)
        assert all(math.isfinite(p.x) and math.isfinite(p.y) and p.name for p in view.keypoints)
        assert view.image.startswith(f"Images/{view.category}/")
        assert ".." not in view.image.split("/")
        assert min(view.size) >= 1
        if view.box:
            left, top, right, bottom = view.box
            assert left < right
            assert top < bottom
            assert all(map(math.isfinite, view.box))
        assert view.azimuth is None or math.isfinite(view.azimuth)
    here = {point.name for point in pair.source.keypoints}
    there = {point.name for point in pair.target.keypoints}
    assert set(pair.overlap) <= here & there
    assert len(set(pair.overlap)) == len(pair.overlap)
    for concept in pair.concepts:
        assert set(concept.source) <= here
        assert set(concept.target) <= there
        assert concept.concept
    assert pair.group
    assert pair.group.isprintable()


@settings(max_examples=300, deadline=None)
@given(CHANGES)
def test_any_content_is_sound_or_refused(changes):
    try:
        pair, defects = parsed(pair_json() | changes)
    except InputError as error:
        assert str(error).startswith(FILE)
        assert len(str(error).splitlines()) == 1
        return
    assert_sound(pair)
    assert all(one.file == FILE and one.field and one.message for one in defects)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_refused_in_one_line(content):
    with pytest.raises(InputError) as caught:
        parsed(content)
    assert len(str(caught.value).splitlines()) == 1

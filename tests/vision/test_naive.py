"""The reference from pair files to figures, on cases worked out by hand."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from vision.naive import (
    ALPHAS,
    COUNTERPART_NOT_CANDIDATE,
    FEWER_THAN_TWO,
    METRICS,
    NO_CANDIDATES,
    NO_COUNTERPART,
    Confusion,
    evaluate,
    skip_reason,
)
from vision.naive_pairs import read_pair, targets_of

# Concept groups


def group(concept: str, source: Any, target: Any) -> dict[str, Any]:
    return {"concept_name": concept, "src_keypoints": source, "trg_keypoints": target}


def test_targets_of_a_concept_in_several_groups_count_together():
    groups = [
        group("wheel", ["w2"], ["w1"]),
        group("lamp", ["l1", "w1"], ["l2", "l1"]),
        group("wheel", ["w1", "w2", "w2"], ["w3", "w1"]),
        group("wheel", [], ["w4"]),
    ]
    names = ("w1", "w2", "w3", "w4", "l1", "l2")
    assert targets_of(groups, names, names) == {
        "w2": ("w1", "w3", "w4"),  # mentioned first, and w1 counts once
        "l1": ("l2", "l1"),
        "w1": ("w1", "l2", "l1", "w3", "w4"),  # of both its concepts
    }
    assert list(targets_of(groups, names, names)) == ["w2", "l1", "w1"]


def test_names_that_a_view_lacks_and_null_lists_are_ignored():
    groups = [
        group("wheel", ["w9", "w1"], ["w1", "w8"]),
        group("lamp", ["l1"], None),
        group("door", None, ["d1"]),
    ]
    assert targets_of(groups, ["w1", "l1", "d1"], ["w1", "d1"]) == {"w1": ("w1",), "l1": ()}


def test_reasons_to_skip_in_their_order():
    assert skip_reason("a", ["b"], [], "all") == NO_COUNTERPART
    assert skip_reason("a", ["b"], [], "multi") == NO_COUNTERPART
    assert skip_reason("a", ["a"], [], "multi") == FEWER_THAN_TWO  # before having none at all
    assert skip_reason("a", ["a"], [], "all") == NO_CANDIDATES
    assert skip_reason("a", ["a"], ["b"], "multi") == FEWER_THAN_TWO  # before not being one
    assert skip_reason("a", ["a"], ["b"], "all") == COUNTERPART_NOT_CANDIDATE
    assert skip_reason("a", ["a"], ["b", "c"], "multi") == COUNTERPART_NOT_CANDIDATE
    assert skip_reason("a", ["a"], ["a"], "multi") == FEWER_THAN_TWO
    assert skip_reason("a", ["a"], ["a"], "all") == ""
    assert skip_reason("a", ["a"], ["a", "c"], "multi") == ""


# One pair from file to figures: 4 × 4 px, patches of 1 px, colours as features

KEY = "car/00001-car_1-car_2"
WHEELS = ["wheel_left", "wheel_right"]


def colours(photos: np.ndarray) -> np.ndarray:
    return photos.astype(np.float32)


def keypoint(name: str, x: float, y: float) -> dict[str, Any]:
    return {"name": name, "pos": [x, y]}


def small_tree(root: Path, split: str = "intra", **changed: Any) -> Path:
    """The source is red all over; the target is blue but for two red px at its wheels."""
    source = Image.new("RGB", (4, 4), (255, 0, 0))
    target = Image.new("RGB", (4, 4), (0, 0, 255))
    for place in ((2, 0), (0, 3)):
        target.putpixel(place, (255, 0, 0))
    (root / "Images" / "car").mkdir(parents=True)
    for number, image in enumerate((source, target), 1):
        image.save(root / "Images" / "car" / f"car_{number}.JPEG", "PNG")  # nothing is lost
    content: dict[str, Any] = {
        "category": "car",
        "pair_group": "cars",
        "src_image": "car_1.JPEG",
        "trg_image": "car_2.JPEG",
        "src_imsize": [4, 4],
        "trg_imsize": [4, 4],
        "src_bndbox": [0, 0, 4, 4],
        "trg_bndbox": [0, 0, 4, 2],
        "src_keypoints": [keypoint(name, 1, 1) for name in (*WHEELS, "lamp")],
        "trg_keypoints": [
            keypoint("wheel_left", 2, 0),
            keypoint("wheel_right", 0, 3),
            keypoint("lamp", 3, 3),
        ],
        "semantic_overlap": ["wheel_left", "wheel_right", "lamp"],
        "concept_matches": [group("wheel", WHEELS, WHEELS), group("lamp", ["lamp"], ["lamp"])],
    }
    path = root / "PairAnnotations" / split / f"{KEY}.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({k: v for k, v in (content | changed).items() if v != "absent"}))
    return root


def evaluated(root: Path, split: str = "intra", **changed: Any):
    return evaluate(small_tree(root, split, **changed), 1, colours, 4)[split]


def test_predictions_of_one_pair(tmp_path):
    found = evaluated(tmp_path).found
    assert list(found) == [("intra", KEY, name) for name in (*WHEELS, "lamp")]
    left, right, lamp = found.values()
    for one in (left, right, lamp):
        assert one.query == (0.25, 0.25)
        assert one.patch == (0, 2)  # the first of two red ones
        assert one.point == (0.5, 0)
        assert one.margin == 0
        # Half-way of the two red patches (0, 2) and (3, 0): row 1.5, column 1. Blue has no weight.
        assert one.soft == pytest.approx((0.25, 0.375))
    assert (left.cc_error, left.soc_error) == (0, 0)
    assert left.soft_error == pytest.approx(math.hypot(0.25, 0.375))
    # The right wheel at (0, 0.75) is (0.5, 0.75) away, but the left one is hit.
    assert (right.cc_error, right.other_error) == (0, 0)
    assert right.soc_error == pytest.approx(math.sqrt(0.8125))
    # The lamp at (0.75, 0.75) is (0.25, 0.75) away.
    assert lamp.soc_error == lamp.cc_error == pytest.approx(math.sqrt(0.625))
    assert lamp.other_error is None


def test_soc_geo_of_one_pair(tmp_path):
    split = evaluated(tmp_path)
    left, right, lamp = (found.geo for found in split.found.values())
    assert left and right and lamp
    for wheel in (left, right):
        assert wheel.candidates == {"wheel_left": (0, 2), "wheel_right": (3, 0)}
        assert wheel.chosen == (0, 2)  # the first of two red ones
    assert lamp.candidates == {"lamp": (3, 3)}
    assert lamp.chosen == (3, 3)  # blue, but the only one
    assert [geo.right("all", 0.10) for geo in (left, right, lamp)] == [True, False, True]
    assert [geo.right("multi", 0.10) for geo in (left, right, lamp)] == [True, False, None]
    assert split.skipped("all") == {}
    assert split.skipped("multi") == {FEWER_THAN_TWO: 1}
    # One of two patches is right for each wheel, the only one for the lamp: (1/2 + 1/2 + 1) / 3.
    assert split.chance("all", 0.10) == pytest.approx(2 / 3)
    assert split.chance("multi", 0.10) == 0.5


def test_equal_candidates_go_row_by_row_and_not_by_the_list(tmp_path):
    groups = [group("wheel", WHEELS, WHEELS[::-1])]
    split = evaluated(tmp_path, concept_matches=groups)
    geo = split.found["intra", KEY, "wheel_left"].geo
    assert geo and list(geo.candidates.values()) == [(3, 0), (0, 2)]
    assert geo.chosen == (0, 2)


def test_figures_of_one_pair(tmp_path):
    split = evaluated(tmp_path)
    shares = {metric: split.pck(metric, 0.10, "pair").overall for metric in METRICS}
    assert shares == pytest.approx(
        {"cc": 2 / 3, "soc": 1 / 3, "soc_soft": 0, "soc_geo_all": 2 / 3, "soc_geo_multi": 1 / 2}
    )
    assert split.pck("cc", 0.10, "keypoint").groups == {"cars": pytest.approx(2 / 3)}
    # The right wheel is mistaken for the left one, the lamp for nothing of its concept.
    assert split.confusion() == Confusion(wrong=2, confused=1)
    assert split.confusion("cars").share == 0.5
    assert split.confusion("other").share is None


def test_two_candidates_in_one_patch_are_two_keypoints_and_one_patch(tmp_path):
    points = [keypoint("wheel_left", 2.2, 0), keypoint("wheel_right", 2.9, 0.5)]
    split = evaluated(tmp_path, trg_keypoints=points)
    geos = [found.geo for key, found in split.found.items() if key[2] in WHEELS]
    assert [geo.skipped["multi"] for geo in geos if geo] == [None, None]
    assert [geo.chance for geo in geos if geo] == [dict.fromkeys(ALPHAS, 1.0)] * 2


def test_points_go_by_the_size_of_the_file_and_boxes_by_the_recorded_one(tmp_path):
    plain = evaluated(tmp_path / "plain").found
    double = evaluated(tmp_path / "double", trg_imsize=[8, 6], src_imsize=[9, 1]).found
    for key, found in double.items():
        assert found.point == plain[key].point
        assert found.query == plain[key].query
        # The box of 4 px is half of 8.
        assert found.soc_error == 2 * plain[key].soc_error


@pytest.mark.parametrize("box", [None, "absent"])
def test_without_a_box_distances_stay_as_they_are(tmp_path, box):
    lamp = evaluated(tmp_path, trg_bndbox=box).found["intra", KEY, "lamp"]
    assert lamp.soc_error == pytest.approx(math.sqrt(0.625))


@pytest.mark.parametrize("field", ["src_bndbox", "trg_bndbox"])
@pytest.mark.parametrize("box", [[4, 0, 0, 2], [0, 2, 4, 0], [0, 0, 4, 0], [3, 0, 3, 2]])
def test_pairs_with_an_impossible_box_are_refused(tmp_path, field, box):
    split = evaluated(tmp_path, **{field: box})
    assert split.found == split.groups == {}
    assert field in split.refused[KEY] and f"{KEY}.json" in split.refused[KEY]


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({}, "cars"),
        ({"pair_group": None}, "motors"),
        ({"pair_group": "absent", "category": "absent"}, "car"),
    ],
)
def test_group_of_a_pair(tmp_path, changed, name):
    views = {"src_category": "car", "trg_category": "car", "category": "motors"}
    assert evaluated(tmp_path, **(views | changed)).groups == {KEY: name}


@pytest.mark.parametrize("lists", [None, [], "absent"])
def test_pairs_without_an_overlap_are_left_out_of_soc_alone(tmp_path, lists):
    split = evaluated(tmp_path, semantic_overlap=lists)
    assert split.pck("soc", 0.10, "pair").overall is None
    assert split.pck("soc_geo_all", 0.10, "pair").overall is None
    assert split.pck("cc", 0.10, "pair").overall == pytest.approx(2 / 3)
    assert split.skipped("all") == {NO_COUNTERPART: 3}


@pytest.mark.parametrize("lists", [None, [], "absent"])
def test_pairs_without_groups_are_left_out_of_cc_alone(tmp_path, lists):
    split = evaluated(tmp_path, concept_matches=lists)
    assert split.pck("cc", 0.10, "pair").overall is None
    assert split.pck("soc", 0.10, "pair").overall == pytest.approx(1 / 3)
    assert [found.geo for found in split.found.values()] == [None] * 3


def test_groups_without_targets_are_not_scored(tmp_path):
    groups = [group("wheel", WHEELS, []), group("lamp", ["lamp"], ["lamp"])]
    split = evaluated(tmp_path, concept_matches=groups)
    assert split.errors("cc") == [("cars", [pytest.approx(math.sqrt(0.625))])]
    assert split.skipped("all") == {NO_CANDIDATES: 2}
    assert split.skipped("multi") == {FEWER_THAN_TWO: 3}


@pytest.mark.parametrize("field", ["src_keypoints", "trg_keypoints"])
@pytest.mark.parametrize("points", [None, [], "absent"])
def test_pairs_with_an_empty_view_are_left_out(tmp_path, field, points):
    split = evaluated(tmp_path, **{field: points})
    for metric in METRICS:
        assert split.pck(metric, 0.10, "pair").overall is None


def test_of_a_doubled_name_the_first_keypoint_holds(tmp_path):
    points = [keypoint("lamp", 2, 0), keypoint("lamp", 3, 3)]
    split = evaluated(tmp_path, trg_keypoints=points, semantic_overlap=["lamp", "lamp"])
    assert split.errors("soc") == [("cars", [0])]


def test_photos_of_a_pair_lie_below_their_own_categories(tmp_path):
    root = small_tree(tmp_path, "cross", src_category="van", category="bus", trg_category="car")
    (root / "Images" / "van").mkdir()
    (root / "Images" / "car" / "car_1.JPEG").rename(root / "Images" / "van" / "car_1.JPEG")
    pair = read_pair(root, root / "PairAnnotations" / "cross" / f"{KEY}.json")
    assert [view.photo.parent.name for view in (pair.source, pair.target)] == ["van", "car"]
    assert evaluate(root, 1, colours, 4)["cross"].pck("soc", 0.10, "pair").groups == {
        "cars": pytest.approx(1 / 3)
    }

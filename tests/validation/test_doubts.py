"""Which questions are doubtful, and by which figures."""

import json
import math
from pathlib import Path

import pytest
from making import keypoints, write_pair, write_table
from PIL import Image
from sound_data import (
    BOX,
    POINTS,
    SIZE,
    change_pair,
    encoded,
    pair_path,
    png_text,
    report_on,
    sound_pair,
    sound_rows,
    sound_tree,
)

from lvlm_eval.questions import QuestionPolicy
from lvlm_eval.validation.doubts import (
    Doubt,
    Reason,
    by_question,
    least_distance,
    outside_box,
    tolerated_outside,
)

QUESTION = "car/00001-car_1-car_2"
Point = tuple[str, float, float]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return sound_tree(tmp_path / "tree")


def doubts_on(path: Path, **wanted: object) -> list[Doubt]:
    return list(report_on(path, doubts=True, **wanted).doubts)


def reasons(path: Path, question: str = QUESTION) -> list[Reason]:
    return [one.reason for one in doubts_on(path) if one.question == question]


@pytest.mark.parametrize(
    ("size", "least"),
    [
        # shaft 0.013 · sqrt(500 · 375) = 5.629 px, half a head 1.75 of that, rim 0.004 · 433
        ((500, 375), 1.75 * 0.013 * math.sqrt(500 * 375) + 0.004 * math.sqrt(500 * 375)),
        # on a small photo the floors count: a shaft of 3 px, a rim of 1.25 px
        ((160, 120), 1.75 * 3 + 1.25),
    ],
)
def test_the_least_distance_is_half_a_head_with_its_rim(size, least):
    assert least_distance(size) == pytest.approx(least)


@pytest.mark.parametrize(
    ("x", "y", "outside"),
    [(50, 50, 0), (10, 20, 0), (7, 50, 3), (50, 104, 4), (7, 16, 5), (113, 104, 5)],
)
def test_distance_from_a_box(x, y, outside):
    assert outside_box(x, y, (10, 20, 110, 100)) == pytest.approx(outside)


def test_tolerance_grows_with_the_box():
    assert tolerated_outside((0, 0, 50, 20)) == 2
    assert tolerated_outside((100, 100, 150, 500)) == 8


def four(*points: tuple[float, float]) -> list[Point]:
    """Four points; the first is the query's, the only one that both photos have."""
    names = ("wheel_front_left", "lamp_left", "lamp_right", "wheel_rear_left")
    return [(name, x, y) for name, (x, y) in zip(names, points, strict=True)]


FREE = ((40.0, 40.0), (80.0, 80.0), (120.0, 40.0), (40.0, 80.0))


def ask(tree: Path, points: list[Point], **fields: object) -> None:
    """Let the first pair of cars ask for the first of four points."""
    (query, *_) = points
    match = {"concept_name": "wheel", "src_keypoints": [query[0]], "trg_keypoints": [query[0]]}
    usual = {
        "trg_keypoints": keypoints(points),
        "semantic_overlap": [query[0]],
        "concept_matches": [match],
    }
    change_pair(tree, **(usual | fields))


def test_a_sound_question(tree):
    ask(tree, four(*FREE))
    assert reasons(tree) == []


@pytest.mark.parametrize(
    ("other", "reason", "distance"),
    [
        ((80.0, 86.4), Reason.CANDIDATES_CLOSE, 6.4),
        ((83.0, 84.0), Reason.CANDIDATES_CLOSE, 5.0),
        ((80.8, 80.8), Reason.CANDIDATES_CLOSE, 1.13),
        ((80.5, 80.5), Reason.CANDIDATES_ONE, 0.71),
        ((80.0, 80.0), Reason.CANDIDATES_ONE, 0.0),
        ((80.0, 86.6), None, 0.0),
    ],
)
def test_candidates_that_nearly_coincide(tree, other, reason, distance):
    ask(tree, four(FREE[0], FREE[1], other, FREE[3]))
    found = [one for one in doubts_on(tree) if one.question == QUESTION]
    if reason is None:
        assert found == []
        return
    (one,) = found
    assert one.reason is reason
    assert one.figures == {"distance_px": distance, "least_px": 6.5}


def test_points_outside_the_box(tree):
    ask(tree, four((40, 40), (80, 80), (120, 40), (5, 60)), trg_bndbox=[8, 20, 140, 100])
    (one,) = doubts_on(tree)
    assert one.reason is Reason.OUTSIDE_BOX
    assert one.figures == {"outside_px": 3.0, "tolerated_px": 2.64}  # 2 % of 132 px
    ask(tree, four((40, 40), (80, 80), (120, 40), (6, 60)), trg_bndbox=[8, 20, 140, 100])
    assert doubts_on(tree) == []
    ask(tree, four(*FREE), trg_bndbox=None)
    assert doubts_on(tree) == []


def test_the_query_outside_its_box(tree):
    ask(tree, four(*FREE), src_bndbox=[70, 20, 140, 100])
    (one,) = doubts_on(tree)
    assert one.reason is Reason.OUTSIDE_BOX
    assert one.message.startswith("the query lies ")
    assert "of the source" in one.message


def test_points_outside_the_photo(tree):
    (tree / "Images/car/car_2.JPEG").write_bytes(encoded(Image.new("RGB", (110, 120), "teal")))
    ask(tree, four(*FREE))
    found = [one for one in doubts_on(tree) if one.question == QUESTION]
    assert [one.reason for one in found] == [Reason.OUTSIDE_PHOTO]
    assert "110x120 px" in found[0].message
    assert found[0].figures == {"outside_px": 10.0}


def test_source_and_target_are_one_picture(tree):
    write_pair(pair_path(tree), sound_pair(trg_image="car_1.JPEG"))
    assert reasons(tree) == [Reason.SAME_PHOTO, Reason.SAME_PLACE]
    content = (tree / "Images/car/car_1.JPEG").read_bytes()
    (tree / "Images/car/car_2.JPEG").write_bytes(content)
    write_pair(pair_path(tree), sound_pair())
    assert reasons(tree) == [Reason.SAME_PHOTO, Reason.SAME_PLACE]


def test_the_same_pixels_or_nearly_the_same(tree):
    with Image.open(tree / "Images/car/car_1.JPEG") as opened:
        image = opened.convert("RGB")
    elsewhere = keypoints([(name, SIZE[0] - x, y) for name, x, y in POINTS])
    for kind, size in (("PNG", SIZE), ("JPEG", (320, 240))):
        content = encoded(image.resize(size), kind)
        (tree / "Images/car/car_2.JPEG").write_bytes(content)
        change_pair(tree, trg_keypoints=elsewhere, trg_bndbox=None)
        found = [one for one in doubts_on(tree) if one.question == QUESTION]
        assert [one.reason for one in found] == [Reason.SAME_PHOTO]
        assert found[0].figures["differing_cells_percent"] <= 20


def test_the_place_of_the_query_is_compared_across_sizes(tree):
    with Image.open(tree / "Images/car/car_1.JPEG") as opened:
        image = opened.convert("RGB").resize((320, 240))
    (tree / "Images/car/car_2.JPEG").write_bytes(encoded(image))
    twice = [(name, 2 * x, 2 * y) for name, x, y in POINTS]
    change_pair(tree, trg_keypoints=keypoints(twice), trg_imsize=[320, 240],
                trg_bndbox=[2 * side for side in BOX])  # fmt: skip
    assert reasons(tree) == [Reason.SAME_PHOTO, Reason.SAME_PLACE]


def test_a_photo_under_another_name_counts_against_the_later_one(tree):
    content = (tree / "Images/car/car_1.JPEG").read_bytes()
    (tree / "Images/car/car_4.JPEG").write_bytes(content)
    write_pair(tree / "PairAnnotations/intra/car/00004-car_4-car_2.json",
               sound_pair("car", (4, 2), pair_id=4))  # fmt: skip
    found = doubts_on(tree)
    assert [(one.question, one.reason) for one in found] == [
        ("car/00004-car_4-car_2", Reason.PHOTO_TWICE)
    ]
    assert "Images/car/car_1.JPEG" in found[0].message


def test_descriptions_that_fit_two_candidates(tree, tmp_path):
    ask(tree, four(*FREE))
    words = tmp_path / "words.json"
    names = [name for name, _, _ in POINTS]
    words.write_text(json.dumps(dict.fromkeys(names, "wheel") | {"wheel_front_left": "left wheel"}))
    alike = [one for one in doubts_on(tree, descriptions=words) if one.question == QUESTION]
    assert alike == []  # only wrong ones share their words
    words.write_text(json.dumps(dict.fromkeys(names, "wheel") | {"wheel_rear_left": "Wheel"}))
    (one,) = (d for d in doubts_on(tree, descriptions=words) if d.question == QUESTION)
    assert one.reason is Reason.SAME_WORDS
    assert "'wheel' fits A, B, C, D alike" in one.message


def test_markers_that_do_not_fit_at_the_border(tree):
    """Each arrow needs 24 px and a letter of 16 px: four do not fit into 60 px."""
    size = (60, 45)
    (tree / "Images/car/car_2.JPEG").write_bytes(encoded(Image.new("RGB", size, "teal")))
    ask(tree, four((1, 1), (20, 1), (1, 20), (20, 20)), trg_imsize=size, trg_bndbox=None)
    (one,) = (doubt for doubt in doubts_on(tree) if doubt.question == QUESTION)
    assert one.reason is Reason.NO_ROOM
    assert one.figures == {"border_px": 1.0, "marker_percent": 74.0, "broken_rules": 0.0}
    size = (600, 450)
    (tree / "Images/car/car_2.JPEG").write_bytes(encoded(Image.new("RGB", size, "teal")))
    points = four((0, 0), (599, 0), (0, 449), (599, 449))  # corners, where arrows come from inside
    ask(tree, points, trg_imsize=size, trg_bndbox=None)
    assert reasons(tree) == []


def test_doubts_are_on_the_questions_that_are_drawn(tree):
    ask(tree, four(FREE[0], FREE[1], FREE[1], FREE[3]))
    assert len(doubts_on(tree)) == 1
    policy = QuestionPolicy(min_distance=0.1)
    report = report_on(tree, doubts=True, policy=policy)
    assert report.questions == 5  # the pair has no four candidates so far apart
    assert report.doubts == ()


def test_reasons_are_listed_by_question():
    doubts = [
        Doubt("b", Reason.OUTSIDE_BOX, ""),
        Doubt("a", Reason.SAME_PHOTO, ""),
        Doubt("b", Reason.OUTSIDE_BOX, ""),
        Doubt("b", Reason.SAME_WORDS, ""),
    ]
    assert by_question(doubts) == {"b": ("outside-box", "same-words"), "a": ("same-photo",)}


def table(tmp_path: Path, rows: list[dict[str, str]]) -> Path:
    return write_table(tmp_path / "soco_lvlm_img.tsv", rows)


def test_tables_with_one_picture_twice_in_a_row(tmp_path):
    rows = sound_rows()
    for row in rows[4:8]:
        row["image"] = repr([png_text(7), png_text(7)])
    (one,) = doubts_on(table(tmp_path, rows))
    assert (one.question, one.reason) == ("1", Reason.SAME_PHOTO)
    assert "row 5" in one.message


def test_tables_with_a_question_twice(tmp_path):
    rows = sound_rows()
    for row, other in zip(rows[4:8], rows[:4], strict=True):
        row.update({name: other[name] for name in ("image", "question", *"ABCD", "answer")})
    (one,) = doubts_on(table(tmp_path, rows))
    assert (one.question, one.reason) == ("1", Reason.QUESTION_TWICE)
    for row in rows[4:8]:
        row["answer"] = "ABCD"[("ABCD".index(row["answer"]) + 1) % 4]
    (one,) = doubts_on(table(tmp_path, rows))
    assert (one.question, one.reason) == ("1", Reason.CONTRADICTION)
    for row in rows[4:8]:
        row["question"] += " Look closely."
    assert doubts_on(table(tmp_path, rows)) == []

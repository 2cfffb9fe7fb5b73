"""What is found in the pair files of a tree: each case spoils one thing of a sound tree."""

import json
from pathlib import Path

import pytest
from making import keypoints, write_pair
from sound_data import (
    PAIRS,
    POINTS,
    change_pair,
    found,
    only,
    pair_path,
    photo,
    places,
    report_on,
    sound_pair,
    sound_tree,
)

from lvlm_eval.datasets import pair_annotation
from lvlm_eval.validation.kinds import Kind

FIRST = f"{PAIRS}/00001-car_1-car_2.json"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return sound_tree(tmp_path / "tree")


def test_nothing_is_found_in_a_sound_tree(tree):
    report = report_on(tree, doubts=True)
    assert report.findings == ()
    assert report.doubts == ()
    assert report.errors == 0


def test_counts(tree):
    (tree / "Images/car/car_9.JPEG").write_bytes(b"no pair uses it")
    pair_path(tree, "bus", (2, 3)).write_text("{}")
    change_pair(tree, src_keypoints=keypoints(POINTS[:4]))  # of a photo that another pair shows
    counts = report_on(tree).counts.to_json()
    assert {name: counts[name] for name in counts if name != "policy"} == {
        "categories": 2,
        "supercategories": {"transportation": 2},
        "images": 6,
        "images_unused": 1,
        "keypoints": 6 * len(POINTS),
        "pairs": {"intra": 5, "cross": 1},
        "pairs_refused": {"intra": 1, "cross": 0},
        "questions": 5,
    }


def test_questions_are_those_of_a_run(tree):
    from lvlm_eval.questions import QuestionPolicy

    policy = QuestionPolicy(pairs_per_category=2)
    assert report_on(tree, policy=policy).counts.to_json()["questions"] == 4
    apart = QuestionPolicy(min_distance=0.9)
    report = report_on(tree, policy=apart)
    assert report.counts.to_json()["questions"] == 0
    assert [one.kind for one in report.findings] == [Kind.NO_QUESTIONS]
    assert "no pair of 'tree' gives a question" in report.findings[0].message


DEFECTS = [
    ({"src_bndbox": [140, 20, 8, 100]}, Kind.PAIR_BOX, "src_bndbox"),
    ({"trg_bndbox": [8, 20, 8, 100]}, Kind.PAIR_BOX, "trg_bndbox"),
    ({"trg_bndbox": [8, 20]}, Kind.PAIR_FIELD, "trg_bndbox"),
    ({"src_imsize": "160x120"}, Kind.PAIR_FIELD, "src_imsize"),
    ({"trg_image": "../car_2.JPEG"}, Kind.PAIR_FIELD, "trg_image"),
    ({"src_keypoints": [{"name": "a", "pos": [1]}]}, Kind.PAIR_FIELD, "src_keypoints[0].pos"),
    ({"semantic_overlap": ["lamp_left", "tail"]}, Kind.NAME_UNKNOWN, "semantic_overlap"),
    ({"semantic_overlap": ["lamp_left"] * 2}, Kind.NAME_DOUBLED, "semantic_overlap"),
    ({"semantic_overlap": []}, Kind.NO_OVERLAP, "semantic_overlap"),
    ({"semantic_overlap": None}, Kind.NO_OVERLAP, "semantic_overlap"),
    ({"concept_matches": None}, Kind.NO_CONCEPTS, "concept_matches"),
    ({"src_imsize": None}, Kind.FIELD_ABSENT, "src_imsize"),
    ({"trg_bndbox": None}, Kind.NO_BOX, "trg_bndbox"),
    ({"pair_group": "van"}, Kind.GROUP_UNLIKE_FOLDER, "pair_group"),
    (
        {"src_keypoints": keypoints((*POINTS, POINTS[0]))},
        Kind.KEYPOINT_DOUBLED,
        f"src_keypoints[{len(POINTS)}]",
    ),
    (
        {"src_keypoints": keypoints((*POINTS, ("lamp_rear", -3, 20)))},
        Kind.POINT_OUTSIDE,
        f"src_keypoints[{len(POINTS)}]",
    ),
]


@pytest.mark.parametrize(("fields", "kind", "field"), DEFECTS)
def test_a_defect_is_named_by_file_and_field(tree, fields, kind, field):
    assert change_pair(tree, **fields) == FIRST
    one = only(found(tree), kind)
    assert (one.file, one.field) == (FIRST, field)
    assert one.message.endswith(".")


MATCH = {"concept_name": "wheel", "src_keypoints": [], "trg_keypoints": []}
WHEEL = "wheel_front_left"


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (MATCH | {"src_keypoints": [WHEEL]}, [(Kind.CONCEPT_NO_TARGET, "trg_keypoints")]),
        (MATCH | {"trg_keypoints": [WHEEL]}, [(Kind.CONCEPT_NO_SOURCE, "src_keypoints")]),
        (
            MATCH | {"src_keypoints": [WHEEL, "tail"], "trg_keypoints": [WHEEL, WHEEL]},
            [(Kind.NAME_UNKNOWN, "src_keypoints"), (Kind.NAME_DOUBLED, "trg_keypoints")],
        ),
        # an unknown name leaves no target
        (
            MATCH | {"src_keypoints": [WHEEL], "trg_keypoints": ["tail"]},
            [(Kind.NAME_UNKNOWN, "trg_keypoints"), (Kind.CONCEPT_NO_TARGET, "trg_keypoints")],
        ),
    ],
)
def test_concept_groups(tree, match, expected):
    change_pair(tree, concept_matches=[match])
    findings = [(one.kind, one.field) for one in found(tree)]
    assert findings == [(kind, f"concept_matches[0].{name}") for kind, name in expected]


def test_a_view_without_keypoints_is_said_once(tree):
    change_pair(tree, trg_keypoints=[], semantic_overlap=[], concept_matches=[])
    one = only(found(tree), Kind.NO_KEYPOINTS)
    assert (one.file, one.field) == (FIRST, "trg_keypoints")


def test_a_category_from_the_folder(tree):
    content = sound_pair()
    for name in ("category", "src_category", "trg_category"):
        del content[name]
    write_pair(pair_path(tree), content)
    assert places(found(tree)) == [
        ("field-absent", FIRST, None, "src_category"),
        ("field-absent", FIRST, None, "trg_category"),
    ]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b'{"a": 1} {"b": 2}', b"\xff\xfe", b"[" * 100_000]
)
def test_a_file_that_is_no_json_object(tree, content):
    pair_path(tree).write_bytes(content)
    one = only(found(tree), Kind.PAIR_JSON)
    assert (one.file, one.field) == (FIRST, "")


def test_every_word_of_the_parser_has_a_kind_of_its_own(tree):
    """What the parser passes over is told apart by its words: none may be left over."""
    match = {"concept_name": "wheel", "src_keypoints": [WHEEL, WHEEL, "x"], "trg_keypoints": ["x"]}
    content = sound_pair(
        src_imsize=None,
        src_keypoints=keypoints((*POINTS, POINTS[0], ("far", -1, 5000))),
        semantic_overlap=["lamp_left", "lamp_left", "x"],
        concept_matches=[match],
    )
    for name in ("category", "src_category", "trg_category"):
        del content[name]
    text = Path(pair_annotation.__file__).read_text(encoding="utf-8")
    written = text.count("self.note(") + text.count("self.note_outside(")
    write_pair(pair_path(tree), content)
    kinds = [one.kind for one in found(tree)]
    assert Kind.PAIR_OTHER not in kinds
    # six ways to pass something over, one of which is the same for names in two kinds of list
    assert written == 8
    assert {
        Kind.FIELD_ABSENT, Kind.KEYPOINT_DOUBLED, Kind.POINT_OUTSIDE, Kind.NAME_DOUBLED,
        Kind.NAME_UNKNOWN,
    } <= set(kinds)  # fmt: skip


def test_pairs_that_stand_twice(tree):
    content = json.loads(pair_path(tree).read_text())
    write_pair(tree / PAIRS / "00009-copy.json", content | {"pair_id": 9})
    one = only(found(tree), Kind.PAIR_DOUBLED)
    assert one.file == f"{PAIRS}/00009-copy.json"
    assert FIRST in one.message


def test_the_reverse_of_a_pair_is_another_pair(tree):
    write_pair(tree / PAIRS / "00009-car_2-car_1.json", sound_pair("car", (2, 1), pair_id=9))
    assert found(tree) == []


def test_pair_ids_that_stand_twice_in_a_folder(tree):
    second = pair_path(tree, "car", (2, 3))
    second.write_text(json.dumps(sound_pair("car", (2, 3), pair_id=1)))
    one = only(found(tree), Kind.PAIR_ID_DOUBLED)
    assert (one.file, one.field) == (second.relative_to(tree).as_posix(), "pair_id")
    assert FIRST in one.message


def test_a_keypoint_that_moved(tree):
    moved = (("wheel_front_left", 21.0, 80.9), ("wheel_front_right", 47, 80), *POINTS[2:])
    change_pair(tree, src_keypoints=keypoints(moved))  # the first by less than a pixel
    one = only(found(tree), Kind.VIEWS_DIFFER)
    assert (one.file, one.field) == ("Images/car/car_1.JPEG", "wheel_front_right")
    assert "(47, 80)" in one.message
    assert "(40, 80)" in one.message


def test_two_categories_in_an_intra_pair(tree):
    path = tree / PAIRS / "00009-bus_1-car_2.json"
    write_pair(path, sound_pair("car", (1, 2), source_category="bus", pair_id=9))
    one = only(found(tree), Kind.CATEGORIES_DIFFER)
    assert one.file == f"{PAIRS}/00009-bus_1-car_2.json"


def test_images_in_both_lists_of_a_probe(tree):
    lists = tree / "PairAnnotations/trainsplits"
    write_pair(lists / "train/car/1-car_1-car_2.json", sound_pair("car", (1, 2)))
    write_pair(lists / "test/car/2-car_3-car_2.json", sound_pair("car", (3, 2)))
    one = only(found(tree), Kind.TRAIN_AND_TEST)
    assert one.file == "Images/car/car_2.JPEG"


def test_categories_that_the_release_does_not_have(tree):
    image = tree / "Images/zeppelin/zeppelin_1.JPEG"
    image.parent.mkdir()
    photo(77).save(image)
    path = tree / "PairAnnotations/intra/zeppelin/1.json"
    write_pair(path, sound_pair("zeppelin", (1, 1)))
    assert places(found(tree)) == [("category-unknown", "Images/zeppelin", None, "")]


def test_a_tree_without_intra_pairs(tree):
    for path in (tree / "PairAnnotations/intra").rglob("*.json"):
        path.unlink()
    one = only([one for one in found(tree) if one.severity == "error"], Kind.SPLIT)
    assert "intra" in one.message
    for folder in sorted((tree / "PairAnnotations/intra").iterdir()):
        folder.rmdir()
    (tree / "PairAnnotations/intra").rmdir()
    one = only([one for one in found(tree) if one.severity == "error"], Kind.SPLIT)
    assert one.file == "PairAnnotations/intra"


def test_a_pair_that_cannot_give_a_question(tree):
    names = ["wheel_front_left"]
    match = {"concept_name": "wheel", "src_keypoints": names, "trg_keypoints": names}
    change_pair(
        tree,
        trg_keypoints=keypoints(POINTS[:3]),
        semantic_overlap=names,
        concept_matches=[match],
    )
    one = only(found(tree), Kind.NO_QUESTION)
    assert one.file == FIRST
    assert "four candidates are needed" in one.message


def test_pairs_that_lie_directly_in_their_list(tree):
    intra = tree / "PairAnnotations/intra"
    for path in sorted(intra.glob("*/*.json")):  # ids begin anew in each category
        path.rename(intra / path.name)
    assert found(tree) == []
    assert report_on(tree).counts.to_json()["questions"] == 6


def test_linked_folders(tree):
    (tree / "Images/car").rename(tree.parent / "elsewhere")
    (tree / "Images/car").symlink_to(tree.parent / "elsewhere")
    (tree / "Images/circle").symlink_to(tree / "Images")
    assert found(tree) == []
    (tree / "Images/car/car_9.JPEG").touch()
    assert only(found(tree), Kind.IMAGE_UNUSED).file == "Images/car/car_9.JPEG"

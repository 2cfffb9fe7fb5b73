"""How pairs become questions."""

import hashlib
import math
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import WHEELS, pair_json, write_image, write_pair, write_tree

from lvlm_eval.datasets import SocoTree
from lvlm_eval.descriptions import make_describer
from lvlm_eval.errors import InputError
from lvlm_eval.questions import (
    DISTRACTOR_POLICIES,
    QuestionPolicy,
    QuestionSet,
    make_questions,
)
from lvlm_eval.records import Question

DESCRIBER = make_describer(None)


def questions(root: Path, **policy: object) -> QuestionSet:
    return make_questions(SocoTree(root, "t"), QuestionPolicy(**policy), DESCRIBER)  # type: ignore[arg-type]  # keywords of the test


def distance(question: Question, a: int, b: int) -> float:
    one, other = question.candidates[a], question.candidates[b]
    assert one.x is not None and one.y is not None and other.x is not None and other.y is not None
    return math.dist((one.x, one.y), (other.x, other.y))


def test_one_question_a_pair_as_the_protocol_says(tmp_path: Path) -> None:
    made = questions(write_tree(tmp_path, images=4))
    assert len(made.questions) == 8
    assert not made.skipped
    for question in made.questions:
        assert question.query is not None
        assert [c.label for c in question.candidates] == ["A", "B", "C", "D"]
        names = [c.name for c in question.candidates]
        assert len(set(names)) == 4
        right = {c.label: c.name for c in question.candidates}[question.answer or ""]
        assert right == question.query.name
        positions = {name: (x, y) for name, x, y in WHEELS}
        assert all((c.x, c.y) == positions[c.name or ""] for c in question.candidates)
        assert question.supercategory == "transportation"
        assert question.description_source == "composed from the keypoint's name"


def test_categories_take_turns(tmp_path: Path) -> None:
    made = questions(write_tree(tmp_path, categories=("car", "bus", "van"), images=4))
    assert [q.category for q in made.questions[:6]] == ["bus", "car", "van"] * 2


def test_the_choice_is_a_ranking_by_sha256(tmp_path: Path) -> None:
    """The whole choice of one question, worked out here with nothing but hashlib."""
    root = tmp_path
    write_image(root, "car", 1)
    write_image(root, "car", 2)
    key = "car/00001-car_1-car_2"
    write_pair(root / "PairAnnotations/intra" / f"{key}.json", pair_json())
    (question,) = questions(root, seed=7).questions

    def digest(*words: str) -> bytes:
        return hashlib.sha256("\x1f".join(("7", *words)).encode()).digest()

    names = [name for name, _, _ in WHEELS]
    query = min(names, key=lambda name: digest("query", key, name))
    others = [name for name in names if name != query]
    distractors = sorted(others, key=lambda name: digest("distractor", key, query, name))[:3]
    order = sorted([query, *distractors], key=lambda name: digest("label", key, query, name))
    assert question.query is not None
    assert question.query.name == query
    assert [c.name for c in question.candidates] == order


def test_seed_decides_and_file_order_and_place_do_not(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "here", images=5)
    made = questions(root, seed=3)
    moved = tmp_path / "there" / "again"
    shutil.copytree(root / "Images", moved / "Images")
    files = sorted((root / "PairAnnotations").rglob("*.json"))
    random.Random(1).shuffle(files)
    for file in files:
        new = moved / file.relative_to(root)
        new.parent.mkdir(parents=True, exist_ok=True)
        new.write_bytes(file.read_bytes())
    assert questions(moved, seed=3) == made
    assert questions(moved, seed=4).questions != made.questions


def test_a_removed_pair_leaves_the_other_questions_alone(tmp_path: Path) -> None:
    root = write_tree(tmp_path, images=5)
    before = {q.id: q for q in questions(root).questions}
    (root / "PairAnnotations/intra/car/00002-car_2-car_3.json").unlink()
    after = {q.id: q for q in questions(root).questions}
    assert set(before) - set(after) == {"car/00002-car_2-car_3"}
    assert all(before[id] == question for id, question in after.items())


def test_fewer_pairs_are_a_part_of_more(tmp_path: Path) -> None:
    root = write_tree(tmp_path, images=6)
    few = questions(root, pairs_per_category=2).questions
    assert Counter(q.category for q in few) == {"car": 2, "bus": 2}
    many = questions(root, pairs_per_category=5).questions
    assert len(many) == 10
    assert many[: len(few)] == few


def test_letters_of_right_candidates_are_spread(tmp_path: Path) -> None:
    made = questions(write_tree(tmp_path, categories=("car",), images=120), pairs_per_category=120)
    counts = Counter(question.answer for question in made.questions)
    assert set(counts) == set("ABCD")
    assert min(counts.values()) > 15  # 30 expected; below 15 has a chance under 1 in 1,000


def test_same_concept_prefers_other_instances(tmp_path: Path) -> None:
    root = write_tree(tmp_path, categories=("car",), images=30)
    for question in questions(root, distractors="same-concept", pairs_per_category=30).questions:
        assert question.query is not None
        concepts = Counter(c.concept for c in question.candidates)
        # Four wheels make a whole question; two lamps are both in, with two wheels.
        expected = {"wheel": 4} if question.query.concept == "wheel" else {"lamp": 2, "wheel": 2}
        assert concepts == expected


def test_nearest_takes_the_three_nearest(tmp_path: Path) -> None:
    root = write_tree(tmp_path, categories=("car",), images=12)
    for question in questions(root, distractors="nearest").questions:
        assert question.query is not None
        x, y = {name: (x, y) for name, x, y in WHEELS}[question.query.name]
        by_distance = sorted(WHEELS, key=lambda point: math.dist((x, y), point[1:]))
        far = math.dist((x, y), by_distance[3][1:])
        right = "ABCD".index(question.answer or "")
        assert max(distance(question, right, i) for i in range(4)) == far


def test_policies_ask_for_the_same_points(tmp_path: Path) -> None:
    root = write_tree(tmp_path, images=8)
    asked = {
        policy: [(q.id, q.query) for q in questions(root, distractors=policy).questions]
        for policy in DISTRACTOR_POLICIES
    }
    assert asked["random"] == asked["same-concept"] == asked["nearest"]


@given(st.sampled_from([0.05, 0.1, 0.14, 0.15]), st.sampled_from(DISTRACTOR_POLICIES))
def test_min_distance_holds_between_all_four(
    tmp_path_factory: pytest.TempPathFactory, least: float, policy: str
) -> None:
    root = tmp_path_factory.getbasetemp() / "min-distance"
    if not root.exists():
        write_tree(root, images=8)
    made = questions(root, min_distance=least, distractors=policy)
    assert len(made.questions) == 16
    for question in made.questions:
        for a in range(4):
            for b in range(a):
                assert distance(question, a, b) >= least * 80


def test_pairs_without_four_candidates_are_named(tmp_path: Path) -> None:
    root = write_tree(tmp_path, categories=("car",), images=2)
    folder = root / "PairAnnotations/intra/car"
    write_pair(folder / "00011-car_1-car_2.json", pair_json(target_points=WHEELS[:3]))
    write_pair(folder / "00012-car_1-car_2.json", pair_json(semantic_overlap=[]))
    outside = [("wheel_front_left", 10, 40), *((n, x + 100, y) for n, x, y in WHEELS[1:])]
    write_pair(folder / "00013-car_1-car_2.json", pair_json(target_points=outside))
    (folder / "00014-car_1-car_2.json").write_text("{")
    made = questions(root)
    assert len(made.questions) == 2
    assert {one.file: one.message for one in made.skipped} == {
        "car/00011-car_1-car_2": "the target shows 3 keypoints and four candidates are needed",
        "car/00012-car_1-car_2": "no keypoint is visible in both photos",
        "car/00013-car_1-car_2": "the target shows 1 keypoints and four candidates are needed",
        "car/00014-car_1-car_2": next(
            one.message for one in made.skipped if one.file == "car/00014-car_1-car_2"
        ),
    }
    assert "00014-car_1-car_2.json" in next(
        one.message for one in made.skipped if "00014" in one.file
    )


def test_too_large_a_distance_is_said(tmp_path: Path) -> None:
    root = write_tree(tmp_path, images=2)
    with pytest.raises(InputError, match=r"no pair of 't' .* 0\.9 of the longer side apart"):
        questions(root, min_distance=0.9)


def test_pairs_in_one_flat_folder_still_have_a_quota_a_category(tmp_path: Path) -> None:
    root = write_tree(tmp_path, images=5)
    intra = root / "PairAnnotations/intra"
    for file in list(intra.rglob("*.json")):
        file.rename(intra / file.name)
    for folder in ("car", "bus"):
        (intra / folder).rmdir()
    made = questions(root, pairs_per_category=3)
    assert Counter(q.category for q in made.questions) == {"car": 3, "bus": 3}


def test_real_photographs(real_photos: Path) -> None:
    made = questions(real_photos)
    assert Counter(q.category for q in made.questions)["person"] == 20
    assert {q.supercategory for q in made.questions if q.category == "tiger"} == {"animals"}

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lvlm_eval.descriptions import compose, make_describer
from lvlm_eval.errors import InputError
from lvlm_eval.records import Keypoint


@pytest.mark.parametrize(
    ("name", "category", "words"),
    [
        ("vehicle_wheel_front_left_center", "car", "center point of the front left wheel"),
        ("vehicle_wheel_front_left_centre", "car", "center point of the front left wheel"),
        ("quadruped_ear_left", "tiger", "left ear"),
        ("quadruped_paw_back_right", "tiger", "back right paw"),
        ("quadruped_tail_base", "tiger", "base of the tail"),
        ("primate_head", "person", "head"),
        ("car_roof_rear_right_corner", "car", "corner of the rear right roof"),
        ("fire_truck_ladder_tip", "fire truck", "tip of the ladder"),
        ("furniture_leg_front_right_bottom", "chair", "bottom of the front right leg"),
        ("teapot_lid_top", "teapot", "top of the lid"),
        ("left_corner", "box", "left corner"),
        ("left", "box", "left point"),
        ("Nose-Tip", "dog", "tip of the nose"),
        ("car", "car", "car"),
    ],
)
def test_names_are_taken_apart(name: str, category: str, words: str) -> None:
    assert compose(name, category) == words


EAR = Keypoint("ear_left", 1, 2)


@pytest.mark.parametrize(
    ("taxonomy", "source"),
    [
        ({"instances": [{"category": "cat", "keypoint": "ear_left", "description": "the words"}]},
         "metadata keypoint_taxonomy.json.instances[].description"),
        ({"instances": [{"category": "cat", "keypoints": [
            {"name": "ear_left", "language": {"x": 1}, "phrase": "the words"}]}]},
         "metadata keypoint_taxonomy.json.instances[].keypoints[].phrase"),
        ({"instances": [{"name": "ear_left", "text": "the words"}]},
         "metadata keypoint_taxonomy.json.instances[].text"),
        ({"instances": [{"category": "cat", "keypoints": {"ear_left": {"text": "the words"}}}]},
         "metadata keypoint_taxonomy.json.instances[].keypoints.text"),
    ],
)  # fmt: skip
def test_the_taxonomy_is_searched_and_its_field_named(taxonomy: object, source: str) -> None:
    found = make_describer(taxonomy).describe("cat", EAR)
    assert (found.text, found.source) == ("the words", source)


@pytest.mark.parametrize(
    "taxonomy",
    [
        None,
        [],
        {"instances": [{"category": "dog", "keypoint": "ear_left", "description": "a dog's"}]},
        {"instances": [{"category": "cat", "keypoints": ["ear_left"], "concepts": ["ear"]}]},
        {"instances": [{"category": "cat", "keypoint": "ear_left", "description": "  "}]},
    ],
)
def test_without_words_for_this_point_the_name_is_taken_apart(taxonomy: object) -> None:
    found = make_describer(taxonomy).describe("cat", EAR)
    assert (found.text, found.source) == ("left ear", "composed from the keypoint's name")


def test_order_of_the_sources(tmp_path: Path) -> None:
    taxonomy = {"instances": [{"category": "cat", "keypoint": "ear_left", "text": "of taxonomy"}]}
    annotated = Keypoint("ear_left", 1, 2, description="of annotation")
    table = tmp_path / "words.json"
    table.write_text(json.dumps({"cat": {"ear_left": "of table"}}))
    assert make_describer(taxonomy).describe("cat", annotated).text == "of annotation"
    with_table = make_describer(taxonomy, table)
    assert with_table.describe("cat", annotated).text == "of table"
    assert with_table.describe("cat", annotated).source == "table words.json"
    assert with_table.describe("dog", annotated).text == "of annotation"


def test_toml_table_without_categories(tmp_path: Path) -> None:
    table = tmp_path / "words.toml"
    table.write_text('ear_left = "for all"\n[cat]\near_left = "for cats"\n')
    describer = make_describer(None, table)
    assert describer.describe("cat", EAR).text == "for cats"
    assert describer.describe("dog", EAR).text == "for all"


@pytest.mark.parametrize(
    "content", ["[1, 2]", '{"cat": 3}', '{"cat": {"ear": 3}}', "{", "\xff", '{"a": ""}']
)
def test_bad_tables_get_one_line(tmp_path: Path, content: str) -> None:
    table = tmp_path / "words.json"
    table.write_text(content, encoding="latin-1")
    with pytest.raises(InputError, match=r"words\.json") as caught:
        make_describer(None, table)
    assert "\n" not in str(caught.value)


def test_categories_may_be_keys_or_names() -> None:
    by_key = {"categories": {
        "cat": {"keypoints": {"ear_left": {"text": "the cat's"}}},
        "dog": {"keypoints": {"ear_left": {"text": "the dog's"}}},
    }}  # fmt: skip
    by_name = {"instances": [
        {"name": "cat", "keypoints": [{"name": "ear_left", "text": "the cat's"}]},
        {"name": "dog", "keypoints": [{"name": "ear_left", "text": "the dog's"}]},
    ]}  # fmt: skip
    for taxonomy in (by_key, by_name):
        describer = make_describer(taxonomy)
        assert describer.describe("cat", EAR).text == "the cat's"
        assert describer.describe("dog", EAR).text == "the dog's"
        assert describer.describe("owl", EAR).text == "left ear"


@pytest.mark.parametrize("text", ["{part} of the {side} {object}", "en", "%s of it", "<part>"])
def test_templates_and_language_codes_are_no_descriptions(text: str) -> None:
    taxonomy = {"instances": [{"category": "cat", "keypoint": "ear_left", "language": text}]}
    assert make_describer(taxonomy).describe("cat", EAR).text == "left ear"


def test_words_that_disagree_without_a_category_are_not_used() -> None:
    taxonomy = {"instances": [{"name": "ear_left", "text": t} for t in ("one thing", "another")]}
    assert make_describer(taxonomy).describe("cat", EAR).text == "left ear"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "instances",
                    "categories",
                    "keypoints",
                    "name",
                    "keypoint",
                    "text",
                    "category",
                    "x",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@example(None, "\x1f", "")  # a blank, though not of the usual ones
@given(JSON, st.text(max_size=12), st.text(max_size=12))
def test_any_taxonomy_and_any_name_give_words(taxonomy: object, name: str, category: str) -> None:
    described = make_describer(taxonomy).describe(category, Keypoint(name, 0, 0))
    assert described.text.strip()


def test_entries_of_the_users_table_that_fit_nothing_are_named(tmp_path: Path) -> None:
    table = tmp_path / "words.json"
    table.write_text(json.dumps({"cat": {"ear_lft": "x"}, "cta": {"a": "y"}, "ear_left": "z"}))
    lines = make_describer(None, table).unknown({"cat": ["ear_left", "nose"]})
    assert lines == (
        "words.json: no keypoint 'ear_lft'. Did you mean 'ear_left'?",
        "words.json: no category 'cta'. Did you mean 'cat'?",
    )

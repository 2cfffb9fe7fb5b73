"""Rotations, texts and images of requests."""

import base64
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from making import encoded_image, table_rows, write_table, write_tables, write_tree
from PIL import Image

from lvlm_eval.datasets import open_dataset
from lvlm_eval.datasets.images import identify, read_rgb
from lvlm_eval.errors import InputError
from lvlm_eval.records import SETTINGS
from lvlm_eval.requests import DrawnRequests, WrittenRequests
from lvlm_eval.runs.folder import canonical
from lvlm_eval.runs.jobs import DrawingChoices, open_source


def drawn(root: Path, **choices: Any) -> DrawnRequests:
    source = open_source(str(root), DrawingChoices(**choices), None)
    assert isinstance(source, DrawnRequests)
    return source


def test_options_protocol_turns_the_texts(tmp_path: Path) -> None:
    source = drawn(write_tree(tmp_path))
    question = source.questions[0]
    asks = source.asks(question, "vis")
    assert [ask.id for ask in asks] == [f"{question.id}/vis/{i}" for i in range(4)]
    assert ["".join(ask.options.values()) for ask in asks] == ["ABCD", "BCDA", "CDAB", "DABC"]
    assert all(ask.drawn == ask.options for ask in asks)
    assert [ask.options[ask.answer] for ask in asks] == [question.answer] * 4
    assert sorted(ask.answer for ask in asks) == ["A", "B", "C", "D"]
    # One photo with markers serves all four.
    targets = [source.request(ask).pictures[1] for ask in asks]
    assert len({picture.sha256 for picture in targets}) == 1
    assert "B. Point C" in source.request(asks[1]).text


def test_markers_protocol_turns_the_letters_in_the_photo(tmp_path: Path) -> None:
    source = drawn(write_tree(tmp_path), protocol="markers")
    question = source.questions[0]
    asks = source.asks(question, "desc")
    assert ["".join(ask.options.values()) for ask in asks] == ["ABCD", "BCDA", "CDAB", "DABC"]
    assert ["".join(ask.drawn.values()) for ask in asks] == ["ABCD"] * 4
    assert [ask.options[ask.answer] for ask in asks] == [question.answer] * 4
    targets = [source.request(ask).pictures[0] for ask in asks]
    assert len({picture.sha256 for picture in targets}) == 4
    texts = {source.request(ask).text for ask in asks}
    assert len(texts) == 1
    assert "A. Point A\nB. Point B\nC. Point C\nD. Point D" in texts.pop()


def test_one_rotation_is_the_first_of_four(tmp_path: Path) -> None:
    root = write_tree(tmp_path)
    four, one = drawn(root), drawn(root, rotations=1)
    question = four.questions[0]
    assert one.asks(question, "vis") == four.asks(question, "vis")[:1]


def test_images_of_each_setting(tmp_path: Path) -> None:
    source = drawn(write_tree(tmp_path))
    question = source.questions[0]
    pictures = {
        setting: source.request(source.asks(question, setting)[0]).pictures for setting in SETTINGS
    }
    assert [len(pictures[setting]) for setting in SETTINGS] == [2, 2, 1]
    assert pictures["vis"] == pictures["vis+desc"]
    assert pictures["desc"] == pictures["vis"][1:]
    request = source.request(source.asks(question, "vis")[0])
    assert all(image.mode == "RGB" for image in request.images)


def test_an_adapter_never_gets_the_answer(tmp_path: Path) -> None:
    source = drawn(write_tree(tmp_path))
    request = source.request(source.asks(source.questions[0], "vis")[0])
    assert not hasattr(request, "answer")


def test_geometry_has_unmarked_photos_and_points(tmp_path: Path) -> None:
    root = write_tree(tmp_path)
    source = drawn(root)
    question = source.questions[0]
    geometry = source.request(source.asks(question, "vis")[0]).geometry
    assert geometry is not None
    assert question.query is not None
    assert question.target is not None
    assert geometry.query == (question.query.x, question.query.y)
    assert geometry.candidates == {c.label: (c.x, c.y) for c in question.candidates}
    tree = open_dataset(str(root))
    expected = tree.load_image(question.target.path)  # type: ignore[union-attr]  # it is a tree
    assert geometry.load_target().tobytes() == expected.tobytes()


def test_every_picture_is_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loads: Counter[Path] = Counter()
    source = drawn(write_tree(tmp_path))

    def counted(path: Path, where: object) -> Image.Image:
        loads[path] += 1
        return read_rgb(path, where)

    monkeypatch.setattr("lvlm_eval.pictures.task.read_rgb", counted)
    question = source.questions[0]
    asks = [ask for setting in SETTINGS for ask in source.asks(question, setting)]
    threads = [
        threading.Thread(target=lambda a=ask: source.request(a).pictures)
        for ask in asks
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 2
    assert set(loads.values()) == {1}


def test_numbers_are_drawn_where_the_renderer_says_so(tmp_path: Path) -> None:
    source = drawn(write_tree(tmp_path), renderer="numbered-dots", prompt="numbers")
    ask = source.asks(source.questions[0], "desc")[1]
    assert ask.options == {"A": "B", "B": "C", "C": "D", "D": "A"}
    assert ask.drawn == {"A": "2", "B": "3", "C": "4", "D": "1"}
    text = source.request(ask).text
    assert "carry the numbers 1, 2, 3, 4" in text
    assert "A. Point 2" in text


def test_identity_is_of_content_not_of_place(tmp_path: Path) -> None:
    one = canonical(drawn(write_tree(tmp_path / "a")).identity())
    same = canonical(drawn(write_tree(tmp_path / "b" / "c")).identity())
    assert one == same
    for pair in (tmp_path / "a" / "PairAnnotations" / "intra").rglob("*.json"):
        pair.write_text(pair.read_text().replace(", 40]", ", 41]"))
    assert canonical(drawn(tmp_path / "a").identity()) != one


def test_photos_are_known_by_content(tmp_path: Path) -> None:
    source, copy = drawn(write_tree(tmp_path / "a")), drawn(write_tree(tmp_path / "b"))
    photos = source.files(source.questions)
    assert len(photos) == 6
    assert copy.files(copy.questions) == photos
    assert len(source.files(source.questions[:1])) == 2
    image = tmp_path / "a" / "Images" / "car" / "car_1.JPEG"
    image.write_bytes(image.read_bytes() + b"\0")
    changed = source.files(source.questions)
    assert {path for path in photos if changed[path] != photos[path]} == {"Images/car/car_1.JPEG"}
    image.unlink()
    assert "Images/car/car_1.JPEG" not in source.files(source.questions)


def test_photos_of_another_size_than_recorded_are_noted(tmp_path: Path) -> None:
    root = write_tree(tmp_path)
    source = drawn(root)
    assert not [note for note in source.notes(source.questions) if "another size" in note]
    (root / "Images/car/car_1.JPEG").write_bytes(encoded_image((160, 120)))
    source = drawn(root)
    (note,) = [note for note in source.notes(source.questions) if "another size" in note]
    assert "1 photos have another size" in note
    assert "car_1.JPEG is 160×120, recorded 80×60" in note


@pytest.mark.parametrize(
    "choice",
    [
        {"seed": 1},
        {"protocol": "markers"},
        {"rotations": 1},
        {"distractors": "nearest"},
        {"min_distance": 0.01},
        {"pairs_per_category": 2},
        {"prompt": "short"},
        {"renderer": "red-circle"},
    ],
)
def test_every_choice_is_part_of_the_identity(tmp_path: Path, choice: dict[str, Any]) -> None:
    root = write_tree(tmp_path)
    assert canonical(drawn(root, **choice).identity()) != canonical(drawn(root).identity())


@pytest.mark.parametrize(
    ("choice", "complaint"),
    [
        ({"protocol": "marker"}, "--protocol 'marker' is not known. Did you mean 'markers'"),
        ({"distractors": "near"}, "--distractors 'near' is not known. Did you mean 'nearest'"),
        ({"rotations": 3}, "--rotations 3 is not possible"),
        ({"pairs_per_category": 0}, "--pairs-per-category 0 is not possible"),
        ({"min_distance": 1.5}, "--min-distance 1.5 is not possible"),
    ],
)
def test_wrong_choices_get_one_line(tmp_path: Path, choice: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        drawn(write_tree(tmp_path), **choice)


def test_a_photo_unlike_its_annotation_is_refused_when_a_point_is_outside(tmp_path: Path) -> None:
    root = write_tree(tmp_path, categories=("car",), images=2)
    for image in (root / "Images").rglob("*.JPEG"):
        image.write_bytes(encoded_image((9, 7)))
    source = drawn(root)
    request = source.request(source.asks(source.questions[0], "vis")[0])
    with pytest.raises(InputError, match=r"is 9×7 px, its annotation says 80×60"):
        _ = request.pictures


# Tables


def written(path: Path, *settings: Any) -> WrittenRequests:
    source = open_source(str(path), DrawingChoices(), settings or None)
    assert isinstance(source, WrittenRequests)
    return source


def test_rows_are_sent_as_they_stand(tmp_path: Path) -> None:
    rows = table_rows(groups=2)
    source = written(write_table(tmp_path / "soco_lvlm_img.tsv", rows))
    by_id = {question.id: question for question in source.questions}
    assert set(by_id) == {"0", "1"}
    first = by_id["0"]
    assert first.answer == "A"
    asks = source.asks(first, "vis")
    assert [ask.answer for ask in asks] == ["A", "D", "C", "B"]
    assert asks[1].options == {"A": "B", "B": "C", "C": "D", "D": "A"}
    request = source.request(asks[1])
    assert request.text == (
        "Question: Which point of image 2 is the REF point? (0)\n"
        "Options:\nA. Point B\nB. Point C\nC. Point D\nD. Point A\n"
        "Please select the correct answer from the options above. \n"
    )
    assert request.system is None
    assert request.geometry is None
    import ast

    expected = [base64.b64decode(text) for text in ast.literal_eval(rows[1]["image"])]
    assert [picture.data for picture in request.pictures] == expected


def test_the_rotations_of_a_row_are_decoded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two groups of four rows with the same two images each: four images, not sixteen."""
    decoded: list[bytes] = []

    def counted(data: bytes, where: object) -> tuple[str, tuple[int, int]]:
        decoded.append(data)
        return identify(data, where)

    monkeypatch.setattr("lvlm_eval.datasets.lvlm_tables.identify", counted)
    source = written(write_table(tmp_path / "soco_lvlm_img.tsv"))
    for question in source.questions:
        sent = {source.request(ask).pictures for ask in source.asks(question, "vis")}
        assert len(sent) == 1
    assert len(decoded) == len(set(decoded)) == 4


def test_groups_of_any_size_whose_rows_are_apart(tmp_path: Path) -> None:
    rows = table_rows(groups=3)
    mixed = [rows[i] for i in (4, 0, 8, 5, 1, 9, 6, 2, 7)]  # four, three and two rows
    source = written(write_table(tmp_path / "soco_lvlm_img.tsv", mixed))
    sizes = {q.id: len(source.asks(q, "vis")) for q in source.questions}
    assert sizes == {"1": 4, "0": 3, "2": 2}
    by_id = {question.id: question for question in source.questions}
    assert [ask.answer for ask in source.asks(by_id["2"], "vis")] == ["C", "B"]


def test_a_folder_of_tables_and_the_settings_in_it(tmp_path: Path) -> None:
    source = written(write_tables(tmp_path))
    assert source.settings == SETTINGS
    assert set(source.files(source.questions)) == {
        "soco_lvlm_img.tsv", "soco_lvlm_imgtxt.tsv", "soco_lvlm_txt.tsv",
    }  # fmt: skip
    question = source.questions[0]
    counts = [
        len(source.request(source.asks(question, setting)[0]).pictures) for setting in SETTINGS
    ]
    assert counts == [2, 2, 1]


def test_only_the_wanted_tables_are_read(tmp_path: Path) -> None:
    write_tables(tmp_path)
    (tmp_path / "soco_lvlm_txt.tsv").write_text("broken\n")
    source = written(tmp_path, "vis")
    assert len(source.questions) == 2
    identity = source.identity()
    assert written(tmp_path, "vis+desc").identity() == identity


def test_drawing_choices_are_refused_with_tables(tmp_path: Path) -> None:
    path = write_table(tmp_path / "soco_lvlm_img.tsv")
    with pytest.raises(InputError, match=r"--prompt, --rotations cannot be used with"):
        open_source(str(path), DrawingChoices(prompt="soco", rotations=4), None)
    with pytest.raises(InputError, match=r"--setting desc: .* has tables for vis only"):
        open_source(str(path), DrawingChoices(), ("desc",))


def test_tables_in_any_order_give_the_same_first_questions(tmp_path: Path) -> None:
    rows = table_rows(groups=8)
    source = written(write_table(tmp_path / "a_img.tsv", rows))
    turned = written(write_table(tmp_path / "b_img.tsv", rows[::-1]))
    assert [q.id for q in source.questions] == [q.id for q in turned.questions]
    assert {q.category for q in source.questions[:2]} == {"car", "bus"}

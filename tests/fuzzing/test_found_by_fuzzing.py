"""Every fault that fuzzing has found in a reader, under its name."""

import json
import warnings
import zipfile
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from making import pair_json
from openpyxl import Workbook
from PIL import Image
from rule import SHEET, kept, with_sheet
from test_fuzz_annotations import PROMPT, STYLE
from test_fuzz_results import MANIFEST, PREDICTION, QUESTION

from lvlm_eval import workbooks
from lvlm_eval.datasets.images import inspect, read_rgb
from lvlm_eval.datasets.pair_annotation import Origin, parse_pair
from lvlm_eval.datasets.tsv_cells import list_entries
from lvlm_eval.descriptions import make_describer
from lvlm_eval.drawing.style import read_style
from lvlm_eval.errors import InputError
from lvlm_eval.prompts import load_prompt
from lvlm_eval.records import Keypoint, Pair
from lvlm_eval.runs.folder import (
    MOST_ROWS,
    read_manifest,
    read_predictions,
    read_questions,
)
from lvlm_eval.workbooks import open_workbook

DEEP = "[" * 100_000


def refused(action, *said: str) -> None:
    """An InputError on one printable line, and nothing else."""
    with pytest.raises(InputError) as caught:
        action()
    assert kept(action, *said) is None
    assert len(str(caught.value).splitlines()) == 1


# ------------------------------------------------------------------------------ pairs


def pair(content: dict[str, Any] | str) -> tuple[Pair, tuple[Any, ...]]:
    text = content if isinstance(content, str) else json.dumps(content)
    return parse_pair(text.encode(), Origin("p.json", "k", "car", False, lambda image: (80, 60)))


def test_a_field_with_two_values_is_refused() -> None:
    usual = json.dumps(pair_json())
    two_values = usual.replace('"trg_bndbox"', '"src_bndbox": null, "trg_bndbox"')
    refused(lambda: pair(two_values), "p.json", "src_bndbox", "stands twice")
    same_value = usual.replace('"pair_group"', '"pair_group": "car", "pair_group"')
    assert pair(same_value) == pair(usual)
    inner = usual.replace('"name": "lamp_left"', '"name": "lamp_left", "name": "horn"')
    refused(lambda: pair(inner), "p.json", "name", "stands twice")


def test_a_note_on_a_name_can_be_printed() -> None:
    _, defects = pair(pair_json(semantic_overlap=["\x1b[31m", "\ud800", "a\u2028b", "x" * 999]))
    assert [one.field for one in defects] == ["semantic_overlap"] * 4
    assert all(one.message.isprintable() and len(one.message) < 200 for one in defects)


@pytest.mark.parametrize("name", ["a" * 256, "é" * 128, "a/" * 1_500 + "b"])
def test_a_name_that_no_file_can_have_is_refused(name: str) -> None:
    refused(lambda: pair(pair_json(src_image=name)), "p.json", "src_image")


@pytest.mark.parametrize("name", ["a" * 255, "Screenshot at 3.45\u202fPM.png", "می\u200cروم.jpg"])
def test_names_that_files_do_have_are_not(name: str) -> None:
    assert pair(pair_json(src_image=name))[0].source.image == f"Images/car/{name}"


@pytest.mark.parametrize("name", ["a\nb", "a\u2028b", "a\x7f", "\u202egpj", "\ud800", "a\u200fb"])
def test_signs_that_would_break_a_line_still_are(name: str) -> None:
    refused(lambda: pair(pair_json(src_image=name)), "p.json", "src_image")


# ------------------------------------------------------------------------------ cells


def test_windows_paths_in_a_list_give_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list_entries(r"['car\door.jpg', 'b\1.jpg']") == ("car\\door.jpg", "b\x01.jpg")


def test_a_number_that_cannot_be_written_is_no_index() -> None:
    with pytest.raises(ValueError, match="is a list of something else than texts"):
        list_entries("[0x" + "f" * 9_000 + "]")


# ------------------------------------------------------------------------------ descriptions


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("w.json", DEEP, "recursion"),
        ("w.toml", f"a = {DEEP[:5_000]}", "recursion"),
        ("w.json", '{"a": "x", "a": "y"}', "'a' stands there twice"),
        ("w.json", '{"a": {"b": "x", "b": "x"}}', "'b' stands there twice"),
        ("w.json", '{"a": "\\ud800"}', "entry 'a' is '\\ud800'"),
        ("w.json", '{"a\\nb": 3}', "entry 'a\\nb' is no text"),
        ("w.json", '{"a": {"b": " "}}', "entry 'a.b' is ' '; expected words"),
    ],
)
def test_odd_descriptions(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_text(content)
    refused(lambda: make_describer(None, tmp_path / name), name, said)


@pytest.mark.parametrize(("name", "content"), [("w.json", '{"a": "x"}'), ("w.TOML", "a = 'x'")])
def test_descriptions_with_a_byte_order_mark(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8-sig")
    describer = make_describer(None, tmp_path / name)
    assert describer.describe("car", Keypoint("a", 0, 0)).text == "x"


def test_a_taxonomy_nested_without_end_has_no_words() -> None:
    taxonomy: object = {"keypoint": "a", "description": "far down"}
    for _ in range(100_000):
        taxonomy = [taxonomy]
    assert make_describer(taxonomy).metadata == {}


def test_words_of_a_taxonomy_that_no_request_can_hold_are_passed_over() -> None:
    taxonomy = [{"keypoint": "nose_tip", "description": "half \ud800 a sign", "text": "the tip"}]
    assert make_describer(taxonomy).describe("cat", Keypoint("nose_tip", 0, 0)).text == "the tip"


# ------------------------------------------------------------------------------ prompts, styles


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"{{ options }}", b"{{ " + b"(" * 5_000, "recursion"),
        (
            b"{{ options }}",
            b"{% for a in labels %}" * 30 + b"{{ options }}" + b"{% endfor %}" * 30,
            "statically nested blocks",
        ),
        (b"{{ options }}", b"{{ options }}{{ '\\\\ud800' }}", "no Unicode"),
        (b"description =", b"a = " + DEEP[:5_000].encode() + b"\ndescription =", "recursion"),
        (b"description =", b'"a\\nb" = 1\ndescription =', "unknown field 'a b'"),
    ],
)
def test_odd_prompts(tmp_path: Path, old: bytes, new: bytes, said: str) -> None:
    path = tmp_path / "p.toml"
    path.write_bytes(PROMPT.replace(old, new))
    refused(lambda: load_prompt(str(path)), str(path), said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"a = {DEEP[:5_000]}".encode(), "this is not TOML"),
        (b"a = " + b"9" * 5_000, "this is not TOML"),
        (STYLE.replace(b"min_size = 24", b"min_size = 1e308"), "min_size"),
        (STYLE.replace(b"min_width = 3", b"min_width = 1001"), "min_width"),
        (STYLE.replace(b"min_size = 16", b"min_size = 100000"), "[label] min_size"),
        (STYLE.replace(b"[marker]", b'[marker]\n"a\\nb" = 1'), "field 'a b' is unknown"),
    ],
)
def test_odd_styles(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(content)
    refused(lambda: read_style(path), str(path), said)


def test_a_folder_is_no_style(tmp_path: Path) -> None:
    refused(lambda: read_style(tmp_path), str(tmp_path), "Is a directory")


def test_prompts_and_styles_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_bytes(b"\xef\xbb\xbf" + PROMPT)
    (tmp_path / "s.toml").write_bytes(b"\xef\xbb\xbf" + STYLE)
    assert load_prompt(str(tmp_path / "p.toml")).definition == load_prompt("soco").definition
    assert read_style(tmp_path / "s.toml").marker_words == "red arrow"


# ------------------------------------------------------------------------------ run folders


@pytest.mark.parametrize(
    "content",
    [
        DEEP,
        json.dumps(MANIFEST | {"recorded": {"calls": 5}}),
        json.dumps(MANIFEST | {"recorded": {"calls": ["a"]}}),
        json.dumps(MANIFEST | {"files": ["a"]}),
        "\x00" * 100,
    ],
)
def test_odd_manifests(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    refused(lambda: read_manifest(tmp_path), "manifest.json is not the manifest of a run")


def test_a_manifest_that_is_no_text_is_not_repeated_in_the_message(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(b"\xff" + b"secret" * 1_000)
    with pytest.raises(InputError) as caught:
        read_manifest(tmp_path)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"size": 3, "target": None, "candidates": 3}, "line 2 is no question (candidates: "),
        ({"rows": {"vis": -1}}, "line 2: rows.vis = -1"),
        ({"rows": {"vis": MOST_ROWS + 1}}, "line 2: rows.vis = 1000001"),
        ({"id": QUESTION["id"], "category": "bus"}, "line 2: 'car/1' is there already"),
    ],
)
def test_odd_questions(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    other = {**QUESTION, "id": "car/2"} | changed
    lines = "\n".join(map(json.dumps, (QUESTION, other)))
    (tmp_path / "questions.jsonl").write_text(lines)
    refused(lambda: read_questions(tmp_path), "questions.jsonl", said)


def test_the_same_question_twice_is_one(tmp_path: Path) -> None:
    (tmp_path / "questions.jsonl").write_text("\n".join([json.dumps(QUESTION)] * 2))
    assert [asdict(one)["id"] for one in read_questions(tmp_path)] == ["car/1"]


@pytest.mark.parametrize(
    "changed", [{"question": "car/2"}, {"setting": "desc"}, {"rotation": 1}, {"rotation": -1}]
)
def test_an_answer_under_the_id_of_another_row_does_not_count(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    lines = "\n".join(map(json.dumps, (PREDICTION | changed, PREDICTION)))
    (tmp_path / "predictions.jsonl").write_text(lines)
    recorded = read_predictions(tmp_path)
    assert recorded.by_id["car/1/vis/0"].text == PREDICTION["text"]
    assert recorded.by_id["car/1/vis/0"].question == "car/1"
    assert recorded.unreadable == {"predictions.jsonl": 1}


# ------------------------------------------------------------------------------ workbooks

NAME = "m_soco_lvlm_img_c.xlsx"


def workbook(folder: Path, *rows: list[Any], header: tuple[str, ...] = ()) -> Path:
    book = Workbook()
    book.active.append(header or ("answer", "g_index", "prediction"))
    for row in rows:
        book.active.append(row)
    book.save(folder / NAME)
    return folder / NAME


def test_a_number_too_large_for_a_float_names_a_group(tmp_path: Path) -> None:
    path = workbook(tmp_path, ["A", 7, "A"], ["B", 1, "B"])
    sheet = _part(path).replace(b"<v>7</v>", b"<v>1" + b"0" * 400 + b"</v>")
    path.write_bytes(with_sheet(path.read_bytes(), sheet))
    assert [one.question for one in open_workbook(path).predictions] == [str(10**400), "1"]


def test_column_names_of_several_lines_do_not_break_the_message(tmp_path: Path) -> None:
    path = workbook(tmp_path, ["A", 1, "A"], header=("answer", "g\nindex", "pre\x85diction"))
    refused(lambda: open_workbook(path), "no column g_index and prediction; found answer, g index")


@pytest.mark.parametrize("number", [1_002, 10**15])
def test_a_gap_without_end_between_two_rows_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    assert workbooks.MOST_ROWS == 1_048_576
    monkeypatch.setattr(workbooks, "MOST_ROWS", 1_000)
    path = workbook(tmp_path, ["A", 1, "A"], ["B", 1, "B"])
    sheet = _part(path)
    assert b'<row r="3"' in sheet
    sheet = sheet.replace(b'<row r="3"', b'<row r="%d"' % number)
    path.write_bytes(with_sheet(path.read_bytes(), sheet))
    refused(lambda: open_workbook(path), "no more than 1000 rows")


def test_what_a_workbook_lacks_is_no_warning(tmp_path: Path) -> None:
    path = workbook(tmp_path, ["A", 1, "A"])
    extension = b'<extLst><ext uri="{CCE6A557-97BC-4b89-ADB6-D9C93CAAB3DF}"/></extLst></worksheet>'
    path.write_bytes(with_sheet(path.read_bytes(), _part(path).replace(b"</worksheet>", extension)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(open_workbook(path).predictions) == 1


def _part(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(SHEET)


# ------------------------------------------------------------------------------ images


def test_a_broken_png_is_broken_for_whoever_looks() -> None:
    """Looking for EXIF data decodes a PNG; that it failed must not be lost there."""
    stream = BytesIO()
    Image.effect_noise((64, 64), 50).save(stream, "PNG")
    content = stream.getvalue()[:-600]
    for function in (read_rgb, inspect):
        with pytest.raises(InputError, match="cannot be decoded"):
            function(content, "photo")

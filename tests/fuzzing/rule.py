"""The rule for everything that reads users' data, as one check for each reader.

Whatever the bytes are: a reader gives records, or raises `InputError` with one printable line that
names the file; and what it gives accounts for everything that the input holds. Each check takes any
bytes and returns whether they were read.
"""

import csv
import io
import json
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from reference_scorer import reference_reading

from lvlm_eval.answers import official, read, strict
from lvlm_eval.datasets.images import identify, inspect, read_rgb, read_size
from lvlm_eval.datasets.lvlm_tables import LvlmTable
from lvlm_eval.datasets.pair_annotation import Origin, parse_pair
from lvlm_eval.datasets.tsv_cells import MISSING_MARKERS
from lvlm_eval.descriptions import make_describer
from lvlm_eval.drawing.style import read_style
from lvlm_eval.errors import LONGEST_LINE, InputError
from lvlm_eval.prompts import load_prompt
from lvlm_eval.records import Pair, Prediction
from lvlm_eval.runs.folder import (
    MANIFEST,
    PREDICTIONS,
    QUESTIONS,
    read_manifest,
    read_predictions,
    read_questions,
)
from lvlm_eval.workbooks import open_workbook

SHEET = "xl/worksheets/sheet1.xml"

Result = TypeVar("Result")


def kept(action: Callable[[], Result], *named: str) -> Result | None:
    """The result, or None after a refusal that is one printable line with these names in it."""
    try:
        return action()
    except InputError as error:
        line = str(error)
    assert line.isprintable(), repr(line)
    assert len(line) <= LONGEST_LINE + 10
    for name in named:
        assert name in line, (name, line)
    return None


def check_pair(content: bytes) -> bool:
    """Every keypoint, name and group of the file is in the pair, or a defect says why not."""
    origin = Origin("pair.json", "car/pair", "car", False, lambda image: (80, 60))
    result = kept(lambda: parse_pair(content, origin), "pair.json")
    if result is None:
        return False
    pair, defects = result
    assert all(one.message.isprintable() and one.field for one in defects)
    notes = [one.field for one in defects if one.message.endswith(_PASSED_OVER)]
    _account_for_pair(json.loads(content), pair, notes)
    return True


_PASSED_OVER = ("counted once.", "the first one holds.", "lacks it.", "has no such keypoint.")


def _account_for_pair(data: dict[str, Any], pair: Pair, notes: list[str]) -> None:
    for side, view in (("src", pair.source), ("trg", pair.target)):
        field = f"{side}_keypoints"
        noted = sum(note.startswith(f"{field}[") for note in notes)
        assert len(view.keypoints) + noted == len(data.get(field) or [])
    assert len(pair.overlap) + notes.count("semantic_overlap") == len(
        data.get("semantic_overlap") or []
    )
    groups = data.get("concept_matches") or []
    assert len(pair.concepts) == len(groups)
    for place, (group, concept) in enumerate(zip(groups, pair.concepts, strict=True)):
        for field, names in (("src_keypoints", concept.source), ("trg_keypoints", concept.target)):
            noted = notes.count(f"concept_matches[{place}].{field}")
            assert len(names) + noted == len(group.get(field) or [])


def check_table(content: bytes, folder: Path) -> bool:
    """The rows are those that the csv module finds, cell by cell; each has pictures or a reason."""
    path = folder / "t_img.tsv"
    path.write_bytes(content)
    table = LvlmTable(path, "vis")
    kept(table.images_a_row, path.name)
    rows = kept(table.rows, path.name)
    if rows is None:
        return False
    header, *records = _records_by_csv(content)
    names = [name.strip() for name in header]
    assert [row.number for row in rows] == list(range(1, len(records) + 1))
    for row, record in zip(rows, records, strict=True):
        cells = dict(zip(names, record, strict=True))
        known = {k: "" if v in MISSING_MARKERS or not v.strip() else v for k, v in cells.items()}
        assert row.question == known["question"]
        assert row.answer == known["answer"].strip().upper()
        assert row.options == {
            letter: known[letter]
            for letter in map(chr, range(ord("A"), ord("Z") + 1))
            if known.get(letter)
        }
        assert content[row.offset : row.offset + row.length].strip(b"\r\n ")
        kept(lambda row=row: table.pictures(row), path.name, "row ")
    return True


def _records_by_csv(content: bytes) -> list[list[str]]:
    csv.field_size_limit(1 << 30)
    text = content.decode("utf-8-sig", "surrogateescape")  # cells that no one reads may be anything
    return [
        record
        for record in csv.reader(io.StringIO(text, newline=""), delimiter="\t")
        if len(record) > 1 or any(cell.strip("\r\n ") for cell in record)
    ]


def check_answer(text: str, drawn: dict[str, str]) -> bool:
    """The official parser agrees with an independent one; the strict one names an option or why."""
    reading = official(text)
    assert reading.letter == reference_reading(text)
    assert (reading.letter is None) == (reading.rule in ("none", "empty"))
    for truncated in (False, True):
        strictly = strict(text, drawn, truncated=truncated)
        assert strictly.letter in (None, *(letter.upper() for letter in drawn or "ABCD"))
        assert strictly.rule
    for status in ("ok", "truncated", "refused", "error"):
        row = read(
            Prediction("q/vis/0", "q", "vis", 0, drawn, "a ", text, status=status, drawn=drawn)
        )
        assert row.correct["strict"] <= (row.status != "error")
        for parser, one in row.readings.items():
            assert row.correct[parser] == ((one.letter or "") == "A")
    return reading.letter is not None


def check_manifest(content: bytes, folder: Path) -> bool:
    """A manifest has what the rest of the program takes for granted."""
    (folder / MANIFEST).write_bytes(content)
    manifest = kept(lambda: read_manifest(folder), MANIFEST)
    if manifest is None:
        return False
    assert str(manifest.identity["model"]["name"])
    assert all(isinstance(name, str) for name in (*manifest.identity, *manifest.files))
    assert [call.get("data_name") for call in manifest.recorded["calls"]]
    return True


def check_questions(content: bytes, folder: Path) -> bool:
    """Every line is a question, or the same one again."""
    (folder / QUESTIONS).write_bytes(content)
    questions = kept(lambda: read_questions(folder), QUESTIONS, "line ")
    if questions is None:
        return False
    ids = [question.id for question in questions]
    lines = [json.loads(line)["id"] for line in content.split(b"\n") if line.strip()]
    assert ids == list(dict.fromkeys(lines))
    assert all(count >= 0 for question in questions for count in question.rows.values())
    return True


def check_predictions(content: bytes, folder: Path) -> bool:
    """Every line is the answer that counts, one that another replaces, or counted as unreadable."""
    (folder / PREDICTIONS).write_bytes(content)
    recorded = read_predictions(folder)
    lines = [line for line in content.split(b"\n") if line.strip()]
    unreadable = recorded.unreadable.get(PREDICTIONS, 0)
    found = [one for one in map(_id_by_json, lines) if one in recorded.by_id]
    assert len(recorded.by_id) <= len(lines) - unreadable <= len(found)
    for id, one in recorded.by_id.items():
        assert id == one.id
        assert f"{id}/".startswith(f"{one.question}/{one.setting}/{one.rotation}/")
        assert read(one).question == one.question
    return not unreadable


def _id_by_json(line: bytes) -> object:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    id = found.get("id") if isinstance(found, dict) else None
    return id if isinstance(id, str) else None


def check_image(content: bytes) -> bool:
    """All functions that look at an image agree whether there is one, and on its size."""
    image = kept(lambda: read_rgb(content, "photo.jpg"), "photo.jpg")
    size = kept(lambda: read_size(content, "photo.jpg"), "photo.jpg")
    facts = kept(lambda: inspect(content, "photo.jpg"), "photo.jpg")
    known = kept(lambda: identify(content, "photo.jpg"), "photo.jpg")
    assert (image is None) == (facts is None)
    if image is None:
        return False
    assert image.mode == "RGB"
    assert image.size == size == (facts and facts.size) == (known and known[1])
    return True


def check_workbook(content: bytes, folder: Path) -> bool:
    """A workbook's rows become as many predictions, each of a group."""
    path = folder / "m_soco_lvlm_img_c.xlsx"
    path.write_bytes(content)
    workbook = kept(lambda: open_workbook(path), path.name)
    if workbook is None:
        return False
    ids = [one.id for one in workbook.predictions]
    assert ids
    assert len(set(ids)) == len(ids)
    assert all(read(one).readings.keys() == {"official", "strict"} for one in workbook.predictions)
    return True


def with_sheet(workbook: bytes, sheet: bytes) -> bytes:
    """A workbook with another first sheet."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            new.writestr(name, sheet if name == SHEET else old.read(name))
    return stream.getvalue()


def check_style(content: bytes, folder: Path) -> bool:
    """A marker style is read with every field in range, or refused."""
    path = folder / "style.toml"
    path.write_bytes(content)
    style = kept(lambda: read_style(path), path.name)
    if style is None:
        return False
    assert set(tomllib.loads(path.read_text("utf-8-sig"))) <= set(type(style).model_fields)
    assert style.marker_words
    return True


def check_prompt(content: bytes, folder: Path) -> bool:
    """A prompt that is loaded has words for every setting that its file has a template for."""
    path = folder / "prompt.toml"
    path.write_bytes(content)
    prompt = kept(lambda: load_prompt(str(path)), "prompt")
    if prompt is None:
        return False
    templates = tomllib.loads(path.read_text("utf-8-sig"))["templates"]
    assert set(prompt.settings) == set(templates)
    return True


def check_words(content: bytes, folder: Path, suffix: str) -> bool:
    """Every entry of the user's descriptions is there, and can be sent."""
    path = folder / f"words{suffix}"
    path.write_bytes(content)
    describer = kept(lambda: make_describer(None, path), path.name)
    if describer is None:
        return False
    text = path.read_text("utf-8-sig")
    data = tomllib.loads(text) if suffix == ".toml" else json.loads(text)
    entries = sum(len(one) if isinstance(one, dict) else 1 for one in data.values())
    assert len(describer.table) == entries
    assert all(words.strip() and words.encode() for words in describer.table.values())
    return True

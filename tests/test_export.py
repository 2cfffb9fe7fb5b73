"""Questions of a tree as tables: read back they give the same requests."""

import ast
import base64
import csv
import errno
import io
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from exporting import both, compare, exported, lvlm_eval, opened
from making import write_tables, write_tree
from PIL import Image

from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.export import tables
from lvlm_eval.export.tables import write_tables as export_tables
from lvlm_eval.export.whole_files import whole_files
from lvlm_eval.records import SETTINGS, Setting
from lvlm_eval.requests import DrawnRequests

csv.field_size_limit(sys.maxsize)

LETTERS = ("A", "B", "C", "D")
NAMES = ("soco_lvlm_img.tsv", "soco_lvlm_imgtxt.tsv", "soco_lvlm_txt.tsv")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "tree", images=2)  # four questions, 16 rows a setting


def rows_of(path: Path) -> list[dict[str, str]]:
    """Read with the standard library alone."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def test_the_sample_gives_the_same_requests_again(tmp_path: Path) -> None:
    source = opened("sample")
    exported(source, tmp_path / "out", limit=2)
    assert compare(source, tmp_path / "out", limit=2) == 2 * 3 * 4
    for one, request, two, again in both(source, tmp_path / "out", limit=2):
        assert again.options == request.options == two.options == one.options


def test_real_photos_give_the_same_requests_again(real_photos: Path, tmp_path: Path) -> None:
    source = opened(real_photos, distractors="same-concept", seed=3)
    exported(source, tmp_path / "out", limit=2)
    assert compare(source, tmp_path / "out", limit=2) == 2 * 3 * 4


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"seed": 7, "min_distance": 0.1},
        {"protocol": "markers"},
        {"renderer": "numbered-dots"},
        {"renderer": "numbered-dots", "protocol": "markers"},
    ],
)
def test_a_tree_gives_the_same_requests_again(
    tree: Path, tmp_path: Path, choices: dict[str, Any]
) -> None:
    source = opened(tree, **choices)
    written = exported(source, tmp_path / "out")
    assert compare(source, tmp_path / "out") == 4 * 3 * 4
    assert [(one.path.name, one.questions, one.rows) for one in written.tables] == [
        (name, 4, 16) for name in NAMES
    ]
    assert all(one.size == one.path.stat().st_size for one in written.tables)
    assert written.left_out == ()


def test_numbers_name_the_same_candidates_throughout(tree: Path, tmp_path: Path) -> None:
    """A table names a point by what is drawn at it: candidate B is "2", in every row."""
    source = opened(tree, renderer="numbered-dots")
    exported(source, tmp_path / "out")
    for _, request, _, again in both(source, tmp_path / "out"):
        renamed = {letter: "1234"["ABCD".index(label)] for letter, label in request.options.items()}
        assert again.options == renamed


def test_drawn_letters_that_turn_give_a_target_picture_a_row(tree: Path, tmp_path: Path) -> None:
    exported(opened(tree, protocol="markers"), tmp_path / "out")
    for name in NAMES:
        rows = rows_of(tmp_path / "out" / name)
        assert [[row[letter] for letter in LETTERS] for row in rows] == [
            ["Point A", "Point B", "Point C", "Point D"]
        ] * 16
        for group in range(4):
            turns = [row for row in rows if row["g_index"] == str(group)]
            assert sorted(row["answer"] for row in turns) == ["A", "B", "C", "D"]
            images = [images_of(row) for row in turns]
            assert len({one[-1] for one in images}) == 4
            assert len({one[:-1] for one in images}) == 1


def images_of(row: dict[str, str]) -> tuple[bytes, ...]:
    listed = ast.literal_eval(row["image"]) if row["image"].startswith("[") else [row["image"]]
    return tuple(base64.b64decode(one, validate=True) for one in listed)


def test_the_rows_of_a_table_as_the_standard_library_reads_them(tree: Path, tmp_path: Path) -> None:
    source = opened(tree)
    exported(source, tmp_path / "out")
    header = (tmp_path / "out" / NAMES[0]).read_text().split("\n", 1)[0]
    assert header.replace('"', "").split("\t") == [
        "question", "image", "image_path", "answer", "index", "g_index", "qid", "category",
        "A", "B", "C", "D",
    ]  # fmt: skip
    by_place: dict[tuple[str, str], bytes] = {}
    for name, setting in zip(NAMES, SETTINGS, strict=True):
        rows = rows_of(tmp_path / "out" / name)
        assert [row["index"] for row in rows] == [str(place) for place in range(16)]
        assert [row["g_index"] for row in rows] == [str(place // 4) for place in range(16)]
        for number, question in enumerate(source.questions):
            turns = rows[4 * number : 4 * number + 4]
            assert {row["qid"] for row in turns} == {question.id}
            assert {row["category"] for row in turns} == {question.category}
            assert len({row["question"] for row in turns}) == 1
            for turn, row in enumerate(turns):
                points = "ABCD"[turn:] + "ABCD"[:turn]
                assert [row[letter] for letter in LETTERS] == [f"Point {one}" for one in points]
                assert row[row["answer"]] == f"Point {question.answer}"
                images = images_of(row)
                assert len(images) == (1 if setting == "desc" else 2)
                names = row["image_path"]
                listed = ast.literal_eval(names) if names.startswith("[") else [names]
                by_place |= zip(((name, one) for one in listed), images, strict=True)
                for image in images:
                    assert Image.open(io.BytesIO(image)).size == (80, 60)
    # The toolkit unpacks an image once to its path: another image needs another path.
    assert len({path for _, path in by_place}) == len(set(by_place.values())) == 8


def test_the_question_of_a_row(tree: Path, tmp_path: Path) -> None:
    source = opened(tree)
    exported(source, tmp_path / "out")
    frame = (
        "Left, right, front and rear are meant from the object's own point of view (its driver's, "
        "its user's, or the animal's own), not as they appear in the photo. A part that occurs "
        "several times, such as a wheel or a leg, counts as another place each time."
    )
    first = source.questions[0]
    assert rows_of(tmp_path / "out" / NAMES[2])[0]["question"] == (
        f"You see a photo of a {first.category}. Four points are marked, each with a red arrow and "
        f"its own label: A, B, C, D. Which of them marks the {first.description}? {frame}"
    )
    assert rows_of(tmp_path / "out" / NAMES[1])[0]["question"] == (
        f"You see two photos, each showing a {first.category}. In the first photo, one point of "
        f"the object is marked with a red arrow and the text REF: the {first.description}. In the "
        "second photo, four points are marked, each with a red arrow and its own label: A, B, C, "
        "D. Which point in the second photo marks the same place on its object as REF does in the "
        f"first, the {first.description}? {frame}"
    )
    assert "REF. In" in rows_of(tmp_path / "out" / NAMES[0])[0]["question"]


def test_each_picture_is_drawn_once_for_all_tables(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lvlm_eval.pictures import maker

    drawn: list[object] = []
    draw = maker.draw
    monkeypatch.setattr(maker, "draw", lambda task, by: drawn.append(task) or draw(task, by))
    encoded: list[int] = []
    encode = base64.b64encode
    monkeypatch.setattr(
        tables.base64, "b64encode", lambda data: encoded.append(len(data)) or encode(data)
    )
    exported(opened(tree), tmp_path / "out")
    assert len(drawn) == len(set(drawn)) == 8
    assert len(encoded) == 8


def test_rows_are_written_while_later_questions_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more than a few questions are ever in memory."""
    monkeypatch.setattr(tables, "QUESTIONS_AT_A_TIME", 1)
    source = opened(write_tree(tmp_path / "tree", images=12))
    began: list[str] = []
    asks = source.asks

    def counted(question: Any, setting: Setting) -> Any:
        began.append(question.id)
        return asks(question, setting)

    monkeypatch.setattr(DrawnRequests, "asks", lambda self, *words: counted(*words))
    monkeypatch.setattr(tables, "check_texts", lambda *words: None)
    ahead = []

    def told(done: int, total: int) -> None:
        ahead.append(len(set(began[24:])) - done)  # the first 24 only count the work

    export_tables(source, source.questions, ("desc",), tmp_path / "out", told)
    assert len(ahead) == 24
    assert max(ahead) <= 4


def test_a_category_that_reads_as_an_empty_cell(tmp_path: Path) -> None:
    source = opened(write_tree(tmp_path / "tree", ("NA",), images=2))
    with pytest.raises(InputError, match="category 'NA'"):
        exported(source, tmp_path / "out")


def test_a_broken_photo_leaves_out_its_questions_and_no_number_moves(
    tmp_path: Path,
) -> None:
    tree = write_tree(tmp_path / "tree", images=3)
    (tree / "Images/bus/bus_2.JPEG").write_bytes(b"no image")
    source = opened(tree)
    written = exported(source, tmp_path / "out")
    broken = {one.id for one in source.questions if "bus_2" in one.id}
    assert len(broken) == 2
    assert {one.question for one in written.left_out} == broken
    assert all("bus_2.JPEG" in one.reason for one in written.left_out)
    for name in NAMES:
        rows = rows_of(tmp_path / "out" / name)
        assert len(rows) == 16
        assert [row["index"] for row in rows] == [str(place) for place in range(16)]
        for row in rows:
            assert source.questions[int(row["g_index"])].id == row["qid"]


def test_no_photo_at_all(tree: Path, tmp_path: Path) -> None:
    for photo in tree.glob("Images/*/*"):
        photo.unlink()
    with pytest.raises(InputError, match="no question can be drawn"):
        exported(opened(tree), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def interrupted(done: int, total: int) -> None:
    if done == 2:
        os.kill(os.getpid(), signal.SIGINT)


def full(done: int, total: int) -> None:
    if done == 2:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("told", "complaint"),
    [(interrupted, "stopped by SIGINT; no half-written file"), (full, r"the disk of .* is full")],
)
def test_what_ends_early_leaves_the_old_tables(
    tree: Path, tmp_path: Path, told: Any, complaint: str
) -> None:
    source = opened(tree)
    with pytest.raises(StoppedError, match=complaint):
        export_tables(source, source.questions, SETTINGS, tmp_path / "out", told)
    assert list((tmp_path / "out").iterdir()) == []
    exported(source, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert set(before) == set(NAMES)
    with pytest.raises(StoppedError):
        export_tables(opened(tree, seed=1), source.questions, SETTINGS, tmp_path / "out", told)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert all(path.stat().st_mode & 0o777 == 0o644 for path in (tmp_path / "out").iterdir())


def test_whole_files_that_fail(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"), whole_files([tmp_path / "file/a"]):
        pass
    with pytest.raises(ValueError, match="ours"), whole_files([tmp_path / "a/b.tsv"]) as (path,):
        path.write_text("half")
        raise ValueError("ours")
    assert list((tmp_path / "a").iterdir()) == []


ECHO = """
import hashlib
from lvlm_eval.records import Response
class Echo:
    def answer(self, requests):
        for request in requests:
            digest = hashlib.sha256(request.text.encode())
            for picture in request.pictures:
                digest.update(picture.data)
            yield Response(request.id, text="ABCD"[digest.digest()[0] % 4])
"""


def test_the_command_and_a_run_on_what_it_wrote(tree: Path, tmp_path: Path) -> None:
    """A model that looks at nothing but text and pictures does the same on tree and tables."""
    done = lvlm_eval("export", "tree", "--out", "out", "--seed", 5, cwd=tmp_path)
    assert "out/soco_lvlm_imgtxt.tsv: 4 questions, 16 rows" in done.stdout
    record = json.loads((tmp_path / "out/export.json").read_text())
    assert record["identity"]["questions"]["seed"] == 5
    assert record["recorded"]["command"] == "lvlm-eval export tree --out out --seed 5"
    (tmp_path / "echo.py").write_text(ECHO)
    words = ("run", "--model", "echo.py", "--json", "--data")
    on_tree = json.loads(
        lvlm_eval(*words, "tree", "--prompt", "toolkit", "--seed", 5, cwd=tmp_path).stdout
    )
    on_tables = json.loads(lvlm_eval(*words, "out", cwd=tmp_path).stdout)
    for setting in SETTINGS:
        for figure in ("circular_accuracy", "average_accuracy", "letters_chosen", "groups"):
            assert on_tree["settings"][setting][figure] == on_tables["settings"][setting][figure]
        categories = on_tree["categories"][setting]
        assert categories == on_tables["categories"][setting]
        assert set(categories) == {"car", "bus"}


def test_the_command_without_a_folder(tree: Path, tmp_path: Path) -> None:
    words = ("export", "tree", "--setting", "desc", "--limit", 2, "--json")
    first = json.loads(lvlm_eval(*words, cwd=tmp_path).stdout)
    assert first["folder"].startswith("exports/tree-")
    (table,) = first["tables"]
    assert (table["setting"], table["questions"], table["rows"]) == ("desc", 2, 8)
    again = lvlm_eval(*words, cwd=tmp_path)
    assert json.loads(again.stdout) == first
    assert f"replaced {table['path']}" in again.stderr
    other = json.loads(lvlm_eval(*words, "--seed", 1, cwd=tmp_path).stdout)
    assert other["folder"] != first["folder"]
    # The other settings of the same questions may join them.
    joined = lvlm_eval("export", "tree", "--setting", "vis", "--limit", 2, cwd=tmp_path)
    assert "replaced" not in joined.stderr
    assert {path.name for path in (tmp_path / first["folder"]).iterdir()} == {
        "soco_lvlm_txt.tsv", "soco_lvlm_img.tsv", "export.json",
    }  # fmt: skip


def test_the_command_with_a_broken_photo(tree: Path, tmp_path: Path) -> None:
    (tree / "Images/bus/bus_2.JPEG").unlink()
    done = lvlm_eval("export", "tree", "--setting", "desc", cwd=tmp_path, status=3)
    assert "1 of 4 questions are in no table" in done.stderr
    assert "bus_2.JPEG" in done.stderr
    assert "3 questions, 12 rows" in done.stdout


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("tree", "--format", "vlmevalkitt"), "Did you mean 'vlmevalkit'"),
        (("tree", "--format", "csv"), "Known: vlmevalkit"),
        (("tables",), "is in the toolkit's form already"),
        (("tables/soco_lvlm_img.tsv",), "is in the toolkit's form already"),
        (("tre",), "tre"),
        (("tree", "--prompt", "soco"), "Use --prompt toolkit"),
        (("tree", "--prompt", "toolkt"), "Did you mean 'toolkit'"),
        (("tree", "--setting", "viss"), "Did you mean 'vis'"),
        (("tree", "--renderer", "red-arow"), "Did you mean 'red-arrow'"),
        (("tree", "--incomplete"), "--incomplete is for the folder of a run"),
        (("tree", "--out", "tables"), "is not empty (soco_lvlm_img.tsv)"),
        (("tree", "--out", "other"), "holds an export of other questions"),
        (("tree", "--out", "tables/soco_lvlm_img.tsv"), "is no folder"),
        (("tree", "--out", ""), "is no name of a folder"),
        (("tree", "--limit", 0), "--limit"),
    ],
)
def test_each_mistake_gets_status_2_and_a_hint(
    tree: Path, tmp_path: Path, words: tuple[object, ...], complaint: str
) -> None:
    write_tables(tmp_path / "tables")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/export.json").write_text('{"identity": {"format": 0}}')
    done = lvlm_eval("export", *words, cwd=tmp_path, status=2)
    assert complaint in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "exports").exists()

"""A run's answers as workbooks: scored, they give the figures of the run."""

import errno
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from exporting import Say, export, lvlm_eval, record
from making import table_rows, write_table, write_tables, write_tree
from openpyxl import load_workbook

from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.export.cells import storable
from lvlm_eval.export.names import model_name
from lvlm_eval.export.run_answers import exportable_settings, read_run
from lvlm_eval.export.workbooks import write_workbooks
from lvlm_eval.metrics import Metrics
from lvlm_eval.records import SETTINGS, Ask, Response
from lvlm_eval.scoring import score_input

FIGURES = (
    *("circular_accuracy", "average_accuracy", "circular_ci95", "average_ci95", "groups", "rows"),
    *("answered", "right_of_group", "letters_chosen", "accuracy_by_place"),
)


def figures(metrics: Metrics) -> dict[str, Any]:
    """What the workbooks of a complete run must not change."""
    document = metrics.to_json()
    return {
        "settings": {
            setting: {
                parser: {name: one[name] for name in FIGURES}
                for parser, one in of_setting["parsers"].items()
            }
            for setting, of_setting in document["settings"].items()
        },
        "categories": document["categories"],
    }


def same_figures(run: Path, out: Path) -> dict[str, Any]:
    (of_run,), (of_workbooks,) = score_input(run), score_input(out)
    there, here = figures(of_run.metrics), figures(of_workbooks.metrics)
    assert here == there
    return there


def cells_of(path: Path) -> list[dict[str, Any]]:
    book = load_workbook(path)
    header, *rows = book.active.iter_rows(values_only=True)
    return [dict(zip(header, row, strict=True)) for row in rows]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "tree", images=2)  # four questions, 16 rows a setting


def mixed(ask: Ask) -> Response:
    """Right for one question, for half of another, a number or nothing elsewhere."""
    if ask.question.startswith("car"):
        right = ask.rotation < 2 or "00001" in ask.question
        return Response(ask.id, text=f"Answer: {ask.answer}" if right else "1")
    return Response(ask.id, text="a matching point" if ask.rotation else "")


def test_the_figures_worked_out_by_hand(tree: Path, tmp_path: Path) -> None:
    run = record(tmp_path / "run", tree, mixed)
    written = export(run, tmp_path / "out")
    folder = tmp_path / "out/openai_gpt-4o"
    (dated,) = folder.iterdir()
    assert dated.name.startswith("T20261002_")
    assert len(dated.name) == len("T20261002_") + 8
    assert {path.name for path in dated.iterdir()} == {
        f"openai_gpt-4o_soco_lvlm_{ending}_c.xlsx" for ending in ("img", "imgtxt", "txt")
    }
    assert [(one.questions, one.rows) for one in written.workbooks] == [(4, 16)] * 3
    assert written.notes == ()
    found = same_figures(run, tmp_path / "out")
    for setting in SETTINGS:
        # car: 4 + 2 rows of 8. bus: the article "a" is an A for the official parser alone, which is
        # right in that of the rows 1 to 3 whose answer is A, and in none if row 0 has it.
        strict = found["settings"][setting]["strict"]
        assert (strict["circular_accuracy"], strict["average_accuracy"]) == (25.0, 37.5)
        by_category = found["categories"][setting]
        assert by_category["car"]["circular_accuracy"] == 50.0
        assert by_category["car"]["average_accuracy"] == 75.0
        assert by_category["bus"]["circular_accuracy"] == 0.0
        official = found["settings"][setting]["official"]
        assert official["letters_chosen"]["A"] >= 6


def test_the_cells(tree: Path, tmp_path: Path) -> None:
    run = record(tmp_path / "run", tree, mixed, protocol="markers", renderer="numbered-dots")
    written = export(run, tmp_path / "out")
    questions = read_run(run).questions
    for one, photos in zip(written.workbooks, (2, 2, 1), strict=True):
        rows = cells_of(one.path)
        assert list(rows[0]) == [
            "question", "image_path", "answer", "index", "g_index", "qid", "category",
            "A", "B", "C", "D", "prediction",
        ]  # fmt: skip
        assert [row["index"] for row in rows] == list(range(16))
        assert [row["g_index"] for row in rows] == [place // 4 for place in range(16)]
        for row in rows:
            question = questions[row["g_index"]]
            assert (row["qid"], row["category"]) == (question.id, question.category)
            assert row["question"] == question.description
            assert row["image_path"].count(".JPEG") == photos
            assert [row[letter] for letter in "ABCD"] == [f"Point {n}" for n in "1234"]
        assert "1" in [row["prediction"] for row in rows]


ODD = (
    *("=1+1", "=A1", "+A", "-B", "@C", "'D", "1", "2.0", "1e3", "True", "2026-10-01", "12:30"),
    *("N/A", "NA", "nan", "None", "null", "#N/A", "#DIV/0!", "", " ", "\t", "\n"),
    *("  B", "C\n\n", " \t D \t ", "A\x85", "B\u2028", "\u00a0C", "\ufeffD"),
    *("_x0041_", "_x005F_x0041_ B", "_x000D_", "&lt;A&gt; & <b>", "]]>"),
    *("\x00B\x07", "answer:\r\nC\r", "D\r", "\x1b[1mD\x1b[0m", "I can't\x0bA", "B\x1c", "x\x0cA"),
    *("x\ufffe\uffff A", "\ud800 B", "C \udfff", "\U0001f600 D", "\U0001fffe A"),
    *("I cannot find a matching point", r"\boxed{C}", "Point C", "B. Point C", "3", "The point is"),
    *("<think>A</think>B", "<think>A", "Failed to obtain answer via API", "Answer: B."),
)


@pytest.mark.parametrize("status", ["ok", "truncated", "refused"])
@pytest.mark.parametrize("renderer", ["red-arrow", "numbered-dots"])
def test_odd_answers_are_read_as_in_the_run(tmp_path: Path, status: Any, renderer: str) -> None:
    tree = write_tree(tmp_path / "tree", images=8)  # 16 questions, 64 rows a setting
    texts = [text.encode("utf-8", "replace").decode() for text in ODD]  # as a run records them
    place = iter(range(10_000))

    def say(ask: Ask) -> Response:
        return Response(ask.id, text=texts[next(place) % len(texts)], status=status)

    run = record(tmp_path / "run", tree, say, renderer=renderer)
    notes = " ".join(export(run, tmp_path / "out").notes)
    same_figures(run, tmp_path / "out")
    assert "hold characters that a workbook cannot" in notes
    assert "read as another letter" not in notes
    assert ("were cut off" in notes) == (status == "truncated")
    assert ("were refused" in notes) == (status == "refused")


def test_what_can_stay_stays(tree: Path, tmp_path: Path) -> None:
    """Byte for byte, in the reader that the public scorer uses."""
    kept = [text for text in ODD if storable(text) == text]
    assert len(kept) > 30
    for start in range(0, len(kept), 16):
        part = kept[start : start + 16]
        place = iter([*part, *[""] * 16])
        run = record(
            tmp_path / f"run{start}", tree, lambda ask, p=place: Response(ask.id, text=next(p)),
            ("vis",),
        )  # fmt: skip
        (written,) = export(run, tmp_path / f"out{start}").workbooks
        assert [row["prediction"] or "" for row in cells_of(written.path)][: len(part)] == part


def table_run(folder: Path, rows: list[dict[str, str]], say: Say = mixed) -> Path:
    write_table(folder / "data/soco_lvlm_img.tsv", rows)
    return record(folder / "run", folder / "data", say, ("vis",))


def answered_b(ask: Ask) -> Response:
    return Response(ask.id, text="Point B" if ask.rotation % 2 else "B")


def test_a_run_on_tables(tmp_path: Path) -> None:
    run = record(tmp_path / "run", write_tables(tmp_path / "data"), answered_b)
    written = export(run, tmp_path / "out")
    found = same_figures(run, tmp_path / "out")
    assert set(found["settings"]) == set(SETTINGS)
    assert found["settings"]["vis"]["official"]["average_accuracy"] == 25.0
    row = cells_of(written.workbooks[0].path)[0]
    assert (row["g_index"], row["qid"]) in ((0, "0"), (1, "1"))
    assert row["question"] is row["image_path"] is None


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows[:3] + rows[4:],  # a group of three
        lambda rows: [*rows, rows[0], rows[0]],  # doubled rows
        lambda rows: [{**row, "answer": "" if row["index"] < "3" else "NA"} for row in rows],
        lambda rows: [{**row, "g_index": {"0": "03", "1": "3"}[row["g_index"]]} for row in rows],
        lambda rows: [{**row, "g_index": {"0": "3", "1": "x y"}[row["g_index"]]} for row in rows],
        lambda rows: [{**row, "g_index": str(10**17 + int(row["g_index"]))} for row in rows],
        lambda rows: [{**row, "category": ""} for row in rows],
        lambda rows: [{**row, "E": "Point E"} for row in rows],
        lambda rows: [{**row, "C": "", "D": ""} for row in rows],
        lambda rows: [{**row, "A": row["A"][-1]} for row in rows],  # "C" for "Point C"
        lambda rows: [{**row, "answer": row["answer"].lower()} for row in rows],
    ],
)
def test_runs_on_irregular_tables(tmp_path: Path, change: Any) -> None:
    run = table_run(tmp_path, change(table_rows()), answered_b)
    notes = export(run, tmp_path / "out").notes
    assert notes == ()
    same_figures(run, tmp_path / "out")


def test_options_that_are_no_points_cannot_be_told_and_this_is_said(tmp_path: Path) -> None:
    texts = {"A": "left wheel", "B": "right wheel", "C": "roof", "D": "Point B"}
    run = table_run(tmp_path, [{**row, **texts} for row in table_rows()], answered_b)
    (note,) = export(run, tmp_path / "out").notes
    # "Point B" was option D in the run; among options that are not all points it is the letter B.
    assert note.startswith("4 answers are read as another letter from the workbook")


def test_a_category_that_a_workbook_has_no_word_for(tmp_path: Path) -> None:
    run = record(tmp_path / "run", write_tree(tmp_path / "t", ("null",), 2), mixed, ("vis",))
    (note,) = export(run, tmp_path / "out").notes
    assert "categories 'null'" in note


def test_own_supercategories_are_not_told(tmp_path: Path) -> None:
    taxonomy = {"instances": [{"category": "car", "supercategory": "things on wheels"}]}
    run = record(tmp_path / "run", write_tree(tmp_path / "t", ("car",), 2, taxonomy), mixed)
    notes = export(run, tmp_path / "out").notes
    assert any("super-categories" in note for note in notes)
    same_figures(run, tmp_path / "out")


def test_one_rotation_is_said(tree: Path, tmp_path: Path) -> None:
    run = record(tmp_path / "run", tree, mixed, ("vis",), rotations=1)
    (note,) = export(run, tmp_path / "out").notes
    assert "in one rotation" in note
    (of_run,), (found,) = score_input(run), score_input(tmp_path / "out")
    for parser in ("official", "strict"):
        one, two = of_run.metrics.settings["vis"][parser], found.metrics.settings["vis"][parser]
        assert one.average_accuracy == two.average_accuracy == two.circular_accuracy


def failing(ask: Ask) -> Response | None:
    """One row of a car question fails in two settings; another is never asked in one."""
    if ask.id.endswith("car_2/vis/1") or ask.id.endswith("car_2/desc/0"):
        return Response(ask.id, status="error", error="time-out")
    if ask.id.endswith("bus_1/vis/3"):
        return None
    return Response(ask.id, text=ask.answer)


def test_a_missing_answer_is_never_a_wrong_one(tree: Path, tmp_path: Path) -> None:
    run = record(tmp_path / "run", tree, failing)
    with pytest.raises(InputError, match=r"2 of 4 in vis, 1 of 4 in desc\. .*--incomplete"):
        export(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    written = export(run, tmp_path / "out", leave_out=True)
    assert [one.questions for one in written.workbooks] == [2, 4, 3]
    (found,) = score_input(tmp_path / "out")
    for setting, groups in zip(SETTINGS, (2, 4, 3), strict=True):
        official = found.metrics.settings[setting]["official"]
        assert (official.groups, official.rows) == (groups, 4 * groups)
        assert official.circular_accuracy == official.average_accuracy == 100.0
    _, notes = exportable_settings(read_run(run), None, True)
    assert notes == (
        "left out, as an answer failed or is missing: 2 of 4 in vis, 1 of 4 in desc questions",
    )
    # The complete setting needs no permission.
    assert [one.setting for one in export(run, tmp_path / "o", ("vis+desc",)).workbooks] == [
        "vis+desc"
    ]


def test_runs_that_cannot_be_exported(tree: Path, tmp_path: Path) -> None:
    empty = record(tmp_path / "empty", tree, lambda ask: None)
    with pytest.raises(InputError, match="has no answers yet"):
        export(empty, tmp_path / "out")
    broken = record(
        tmp_path / "broken", tree,
        lambda ask: Response(ask.id, text="A") if ask.rotation else None, ("vis",),
    )  # fmt: skip
    with pytest.raises(InputError, match="no question has all its answers"):
        export(broken, tmp_path / "out", leave_out=True)
    with pytest.raises(InputError, match="--setting desc: the run asked vis only"):
        export(broken, tmp_path / "out", ("desc",), leave_out=True)
    with pytest.raises(InputError, match=r"no manifest\.json"):
        export(tree, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_folders_that_would_be_scored_as_something_else(tree: Path, tmp_path: Path) -> None:
    run = record(tmp_path / "runs/one", tree, mixed, ("vis",))
    for place in (run, tmp_path / "runs"):
        with pytest.raises(InputError, match="holds runs"):
            export(run, place)
    assert export(run, tmp_path / "out").replaced == ()
    again = export(run, tmp_path / "out")
    assert again.replaced == tuple(one.path for one in again.workbooks)
    other = record(tmp_path / "runs/two", tree, mixed, ("vis",), seed=1)
    with pytest.raises(InputError, match="another run of 'openai_gpt-4o'"):
        export(other, tmp_path / "out")
    third = record(tmp_path / "runs/three", tree, mixed, ("vis",), model="random++")
    export(third, tmp_path / "out")
    assert [one.model for one in score_input(tmp_path / "out")] == ["openai_gpt-4o", "random++"]
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        export(run, tmp_path / "file")


def test_a_signal_or_a_full_disk_leaves_the_old_workbooks(tree: Path, tmp_path: Path) -> None:
    run = record(tmp_path / "run", tree, mixed)
    answers = read_run(run)
    (first, *_) = export(run, tmp_path / "out").workbooks
    before = {path: path.read_bytes() for path in first.path.parent.iterdir()}
    assert len(before) == 3

    def interrupted(done: int, total: int) -> None:
        assert total == 12
        if done == 6:
            os.kill(os.getpid(), signal.SIGINT)

    def full(done: int, total: int) -> None:
        if done == 6:
            raise OSError(errno.ENOSPC, "No space left on device")

    for told, complaint in ((interrupted, "stopped by SIGINT"), (full, "disk of .* is full")):
        with pytest.raises(StoppedError, match=complaint):
            write_workbooks(answers, tmp_path / "out", SETTINGS, told)
        assert {path: path.read_bytes() for path in first.path.parent.iterdir()} == before


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("openai:gpt-4o", "openai_gpt-4o"),
        ("openai:Qwen/Qwen2.5-VL-7B-Instruct", "openai_Qwen_Qwen2.5-VL-7B-Instruct"),
        ("random++", "random++"),
        ("my_model.py:Mine", "my_model.py_Mine"),
        ("bak_mine", "model_bak_mine"),
        ("../../etc", "etc"),
        ("模型", "model_"),
        ("x" * 300, "x" * 100),
    ],
)
def test_names_of_models_are_safe_and_found(
    name: str, safe: str, tree: Path, tmp_path: Path
) -> None:
    assert model_name(name) == safe
    run = record(tmp_path / "run", tree, mixed, ("vis",), model=name)
    export(run, tmp_path / "out")
    (scored,) = score_input(tmp_path / "out")
    assert scored.model == safe


def test_the_command(tree: Path, tmp_path: Path) -> None:
    words = ("run", "--model", "random", "--data", "tree", "--out", "results/mine", "--json")
    of_run = json.loads(lvlm_eval(*words, cwd=tmp_path).stdout)
    done = lvlm_eval("export", "results/mine", "--format", "vlmevalkit", cwd=tmp_path)
    assert done.stderr == ""
    assert "random_soco_lvlm_imgtxt_c.xlsx: 4 questions, 16 rows" in done.stdout
    assert "lvlm-eval score exports/mine" in done.stdout
    scored = json.loads(lvlm_eval("score", "exports/mine", "--json", cwd=tmp_path).stdout)
    assert scored["categories"] == of_run["categories"]
    for setting in SETTINGS:
        there, here = of_run["settings"][setting], scored["settings"][setting]
        assert there["circular_accuracy"] == here["circular_accuracy"]
        assert (
            there["parsers"]["strict"]["letters_chosen"]
            == (here["parsers"]["strict"]["letters_chosen"])
        )
    (beside,) = tmp_path.glob("exports/mine/random/T*/export.json")
    assert json.loads(beside.read_text())["recorded"]["run"] == "results/mine"
    document = json.loads(lvlm_eval("export", "results/mine", "--json", cwd=tmp_path).stdout)
    assert [one["rows"] for one in document["workbooks"]] == [16, 16, 16]
    done = lvlm_eval("export", "results/mine", "--seed", 1, "--limit", 2, cwd=tmp_path, status=2)
    assert "--seed, --limit cannot be used" in done.stderr
    done = lvlm_eval("export", "results", cwd=tmp_path, status=2)
    assert "holds 1. Export one at a time, such as results/mine" in done.stderr
    (tmp_path / "results/mine/predictions.jsonl").write_text("")
    done = lvlm_eval("export", "results/mine", cwd=tmp_path, status=2)
    assert "has no answers yet" in done.stderr

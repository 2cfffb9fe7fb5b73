"""``lvlm-eval report`` from the command line, and what it says when it cannot go on."""

import json
import os
import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from commands import complaint_of, lvlm_eval
from reading_pages import Page
from report_runs import call, identity, make_run, make_vision, vision_document

from lvlm_eval.errors import InputError
from lvlm_eval.report.page import inputs, read_input, write_files, write_report
from lvlm_eval.report.page.browser import Browser
from lvlm_eval.report.page.figures.rendering import page_svg
from lvlm_eval.report.page.findings import Diagnoses
from lvlm_eval.report.page.tables.files import csv_text, json_text
from lvlm_eval.report.page.tables.table import Column, Row, Table, count, number, words


def test_a_run_ends_in_a_page(tmp_path: Path) -> None:
    command = ["run", "--model", "random++", "--data", "sample", "--limit", "4", "--out"]
    lvlm_eval(*command, "results/a b", cwd=tmp_path)
    done = lvlm_eval("report", "results", "--out", "page.html", cwd=tmp_path)
    assert done.stdout.startswith("page.html: 1 run, ")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    metrics = json.loads((tmp_path / "results" / "a b" / "metrics.json").read_text())
    page = Page(text)
    value = page.number("leaderboard", "random++", "circular_vis")
    assert value == metrics["settings"]["vis"]["circular_accuracy"]
    assert (
        "lvlm-eval run --model random++ --data sample --limit 4 --out &#39;results/a b&#39;" in text
    )
    assert "@misc{soco2026," in text
    assert r"D{\&#34;u}nkel, Olaf and Sunagad, Basavaraj and Wang, Haoran" in text
    assert "2605.31597" in text


def test_files_of_all_formats_and_one_json_document(tmp_path: Path) -> None:
    make_run(tmp_path / "runs" / "one")
    make_vision(tmp_path / "runs" / "two")
    done = lvlm_eval("report", "runs", "--format", "csv", "--out", "tables", "--json", cwd=tmp_path)
    document = json.loads(done.stdout)
    assert document["lvlm_runs"] == document["vision_runs"] == 1
    assert {Path(one).name for one in document["files"]} == {
        one.name for one in (tmp_path / "tables").iterdir()
    }
    assert document["bytes"] == sum(one.stat().st_size for one in (tmp_path / "tables").iterdir())


def test_files_hold_six_decimals(tmp_path: Path) -> None:
    """As metrics.json does; a difference of two figures once was 19.799999999999997."""
    column = Column("x", "x")
    below = number(-1e-9, (0.1 + 0.2, 100 / 3), signed=True)
    rows = tuple(Row((words("a"), cell, count(7))) for cell in (number(60.0 - 40.2), below))
    table = Table("t", "t", "", (Column("name", "name", False), column, Column("n", "n")), rows)
    assert csv_text(table).splitlines() == [
        "name,x,x_low,x_high,n,own,marks",
        "a,19.8,,,7,false,",
        "a,0.0,0.3,33.333333,7,false,",
    ]
    first, second = json.loads(json_text(table))["rows"]
    assert (first["x"], first["x_ci95"], first["n"]) == (19.8, None, 7)
    assert (second["x"], second["x_ci95"]) == (0.0, [0.3, 33.333333])
    # And so in the files of real runs.
    make_run(tmp_path / "runs" / "one", questions=7, leave_out=3)
    make_vision(tmp_path / "runs" / "two")
    for kind in ("csv", "json"):
        for file in write_files([tmp_path / "runs"], tmp_path / kind, kind).files:
            assert not re.search(r"[0-9]\.[0-9]{7}", file.read_text(encoding="utf-8"))


def test_other_processes_read_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place, name in enumerate(("one", "two", "three")):
        make_run(tmp_path / "runs" / name, model=name, seed=place, leave_out=place)
    (make_run(tmp_path / "runs" / "broken") / "questions.jsonl").write_text("{}\n")
    make_vision(tmp_path / "runs" / "four")
    pages = []
    for before in (9, 0):
        monkeypatch.setattr(inputs, "RUNS_BEFORE", before)
        monkeypatch.setattr(inputs, "LEAST_BYTES", 0)
        out = tmp_path / "page.html"
        done = write_report([tmp_path / "runs"], out, makers=[Diagnoses(), Browser(out)])
        assert (done.lvlm_runs, done.vision_runs, len(done.left_out)) == (3, 1, 1)
        pages.append(out.read_bytes())
    assert pages[0] == pages[1]


def test_a_broken_run_among_others_is_left_out_and_named(tmp_path: Path) -> None:
    make_run(tmp_path / "runs" / "one")
    (make_run(tmp_path / "runs" / "two") / "questions.jsonl").write_text("{}\n")
    done = write_report([tmp_path / "runs"], tmp_path / "report.html")
    (line,) = done.left_out
    assert line.startswith(f"{tmp_path}/runs/two/questions.jsonl line 1 is no question")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "runs/two/questions.jsonl line 1 is no question" in text
    with pytest.raises(InputError, match=r"questions\.jsonl line 1 is no question"):
        read_input([tmp_path / "runs" / "two"])


def test_wrong_words_are_one_line(tmp_path: Path) -> None:
    make_run(tmp_path / "run")
    told = complaint_of("report", "--out", "x.html", cwd=tmp_path, status=2)
    assert "report --help" in told
    told = complaint_of("report", "run", "--format", "jsn", cwd=tmp_path, status=2)
    assert "--format 'jsn' is not known. Did you mean 'json'" in told
    told = complaint_of("report", "run", "--prices", "no.toml", cwd=tmp_path, status=2)
    assert "--prices no.toml does not exist" in told
    assert not (tmp_path / "report.html").exists()


def test_nothing_to_report_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("file.txt").write_text("x")
    make_run(Path("run"))
    for folders, expected in (
        ([], "no run is named"),
        (["empty"], "empty holds no run: neither it nor a folder in it has a manifest.json"),
        (["nowhere"], "nowhere does not exist"),
        (["run", "file.txt"], "file.txt is no run"),
    ):
        with pytest.raises(InputError, match=expected):
            write_report([Path(one) for one in folders], Path("page.html"))
        with pytest.raises(InputError, match=expected):
            write_files([Path(one) for one in folders], Path("tables"), "md")
    for out, expected in (
        ("missing/page.html", "there is no folder missing"),
        ("empty", "--out empty is a folder, and the page is one file"),
    ):
        with pytest.raises(InputError, match=expected):
            write_report([Path("run")], Path(out))
    for out, expected in (
        ("missing/tables", "there is no folder missing"),
        ("file.txt", "is a file, and each table gets its own"),
    ):
        with pytest.raises(InputError, match=expected):
            write_files([Path("run")], Path(out), "md")


@pytest.mark.slow
def test_no_file_but_an_own_page_is_replaced(tmp_path: Path) -> None:
    make_run(tmp_path / "runs" / "one")
    vision = make_vision(tmp_path / "runs" / "two")
    (tmp_path / "thesis.html").write_text("<!DOCTYPE html><title>lvlm-eval in my thesis</title>")
    (tmp_path / "link.html").symlink_to(vision / "metrics.json")
    (tmp_path / "linked").symlink_to(vision)
    (tmp_path / "empty.html").touch()
    before = {one: one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()}
    for out, expected in (
        ("thesis.html", "--out thesis.html is there and is no page that lvlm-eval wrote"),
        ("runs/one/manifest.json", "--out runs/one/manifest.json lies in the folder of a run"),
        ("runs/one/page.html", "lies in the folder of a run, runs/one: it has a manifest.json"),
        ("runs/two/page.html", "lies in the folder of a run"),
        ("link.html", "lies in the folder of a run"),
    ):
        told = complaint_of("report", "runs", "--out", out, cwd=tmp_path, status=2)
        assert expected in told
    for out, expected in (
        ("runs/one", "--out runs/one is the folder of a run"),
        ("linked", "--out linked is the folder of a run"),
        ("runs/one/tables", "lies in the folder of a run"),
    ):
        words = ("report", "runs", "--format", "json", "--out", out)
        assert expected in complaint_of(*words, cwd=tmp_path, status=2)
    assert {one: one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()} == before
    for _ in range(2):  # the second time it is a page of its own
        write_report([tmp_path / "runs"], tmp_path / "empty.html")
    assert Page((tmp_path / "empty.html").read_text(encoding="utf-8"))


def test_other_files_in_the_folder_of_tables_stay(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    write_files([run], folder, "json")
    assert (folder / "notes.txt").read_text() == "mine"
    assert (folder / "leaderboard.json").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(InputError, match="cannot be written"):
        write_report([run], locked / "page.html")


def test_a_full_or_locked_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "run")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    for written in (
        lambda: write_report([run], tmp_path / "page.html"),
        lambda: write_files([run], tmp_path / "tables", "md"),
    ):
        with pytest.raises(InputError, match="cannot be written: Permission denied"):
            written()


def test_damaged_figures_of_a_backbone_are_refused(tmp_path: Path) -> None:
    folder = make_vision(tmp_path / "figures")
    for damage in ("[]", "{", '{"config": {}}', '{"config": null}'):
        (folder / "metrics.json").write_text(damage)
        with pytest.raises(InputError, match="does not hold the figures"):
            read_input([folder])


def test_odd_values_in_figures_are_nothing(tmp_path: Path) -> None:
    document = vision_document()
    document["intra"]["soc"]["pair"]["0.10"] = "many"
    document["intra"]["cc"]["ci95"] = {"0.10": [None, "x"]}
    document["intra"]["soc_soft"]["pair"] = [1]
    document["cross"]["soc"]["pair"]["0.10"] = 1e300
    document["cross"]["soc"]["ci95"]["0.10"] = [-1e300, 1e300]
    document["average"]["0.10"] = float("nan")
    document["supercategories"] = []
    write_report([make_vision(tmp_path / "odd", document)], tmp_path / "page.html")
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    for key in ("soc", "cross_soc", "mean", "soc_animals"):
        assert page.number("vision-main", "classic:x", key) is None
    assert page.number("vision-main", "classic:x", "cc") == 61.0625


def test_cost_is_known_with_prices_alone(tmp_path: Path) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 10}
    calls = [call(model="openai:gpt-x"), call(model="openai:gpt-x")]
    make_run(tmp_path / "runs" / "paid", calls=calls, usage=usage)
    make_run(tmp_path / "runs" / "other", whole_identity=identity("local"), usage=usage)
    (tmp_path / "prices.toml").write_text('["gpt-x"]\ninput = 2.0\noutput = 8.0\n')
    read = read_input([tmp_path / "runs"], tmp_path / "prices.toml")
    other, paid = read.lvlm
    # 6 questions in 3 settings and 4 rotations: 72 × (1000 × 2 + 10 × 8) / 1,000,000.
    assert str(paid.effort.spending) == "0.1498 USD"
    assert other.effort.spending is None
    assert (paid.effort.prompt_tokens, paid.effort.completion_tokens) == (72_000, 720)
    assert paid.effort.seconds == 18.0
    write_report([tmp_path / "runs"], tmp_path / "page.html", prices=tmp_path / "prices.toml")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "0.1498 USD" in text
    assert "72,000 of prompts, 720 of answers" in text
    assert "2026-05-01 10:03:00 UTC" in text
    assert "The command that repeats it" in text  # two calls with the same words are one command
    (tmp_path / "prices.toml").write_text("[")
    with pytest.raises(InputError, match="is not TOML"):
        read_input([tmp_path / "runs" / "paid"], tmp_path / "prices.toml")


def test_without_matplotlib_the_command_to_install_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "run")
    page_svg.cache_clear()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match=r"pip install 'lvlm-eval\[report\]'"):
        write_report([run], tmp_path / "page.html")
    write_files([run], tmp_path / "tables", "md")  # tables need none of it

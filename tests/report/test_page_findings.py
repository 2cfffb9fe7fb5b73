"""Diagnoses, comparisons and ablations in the page: the figures of the libraries, safely."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("scipy")

from browser_runs import question, says, write_run
from commands import lvlm_eval
from hostile_names import hostile_runs
from making import write_tree
from rich.table import Table
from rich.text import Text

from lvlm_eval.comparing import compare_pair
from lvlm_eval.diagnosis import explain
from lvlm_eval.recorded_run import read_run
from lvlm_eval.report.page import read_input
from lvlm_eval.report.page.content import Content
from lvlm_eval.report.page.findings import Ablations, Comparisons, Diagnoses, comparisons
from lvlm_eval.report.page.findings.ablation_tables import document_tables
from lvlm_eval.report.page.findings.ablations import heat_map
from lvlm_eval.report.page.findings.plain import Piece, pieces
from lvlm_eval.report.page.tables.files import json_text


def runs(base: Path) -> tuple[Path, Path, Path]:
    """The second misses five of twelve that the first has; the third is a control of the first."""
    told = [question(f"q{number}") for number in range(12)]
    first = [(one, says(one, "AAAA")) for one in told]
    second = [(one, says(one, "BCDB" if place < 5 else "AAAA")) for place, one in enumerate(told)]
    return (
        write_run(base / "first", first, model="first"),
        write_run(base / "second", second, model="second"),
        control_run(base / "blind"),
    )


def control_run(folder: Path) -> Path:
    told = []
    for number in range(12):
        one = replace(question(f"q{number}"), control="no-image")
        answers = [replace(answer, id=f"{answer.id}/no-image") for answer in says(one, "ABCD")]
        told.append((one, answers))
    return write_run(folder, told, model="first", control="no-image")


def section(maker: Any, folders: list[Path]) -> str:
    made = maker.section(read_input(folders, makers=[maker]))
    return "" if made is None else str(made.html)


def test_terminal_tables_become_plain_ones() -> None:
    table = Table(title="Figures")
    table.add_column("")
    table.add_column("circular")
    table.add_row(Text("part", style="bold"))
    table.add_row("  a", "  1.0 [ 0.0– 2.0]")
    assert pieces([table, Text("a line", style="dim"), "words"]) == (
        Piece("Figures", ("", "circular"), (("part",), ("a", "1.0 [0.0–2.0]"))),
        Piece(line="a line"),
        Piece(line="words"),
    )


def test_a_run_is_diagnosed_beside_its_control(tmp_path: Path) -> None:
    first, second, blind = runs(tmp_path)
    html = section(Diagnoses(), [first, second, blind])
    assert html.count("<article") == 2  # a control is no run of its own here
    assert "beside no-image" in html
    one = html[: html.index("second")]
    assert "too-few-questions" in one
    assert re.search(r"<bdi>no-image</bdi></th><td><bdi>[^<]*</bdi></td><td><bdi>0\.0 \[", one)
    assert 'href="#questions?run=l1&amp;setting=vis&amp;state=missed"' in html
    assert "href" not in section(Diagnoses(links=False), [first, second])
    assert section(Diagnoses(), [blind]) == ""


def test_a_control_that_does_not_fit_is_told(tmp_path: Path) -> None:
    one = question("other")
    main = write_run(tmp_path / "main", [(one, says(one, "AAAA"))], model="first")
    html = section(Diagnoses(), [main, control_run(tmp_path / "blind")])
    assert "<h4>Vis.</h4>" in html
    assert 'class="notes"' in html


def test_a_run_without_answers_is_told(tmp_path: Path) -> None:
    one = question("a")
    html = section(Diagnoses(), [write_run(tmp_path / "run", [(one, [])])])
    assert "has no answers yet (4 rows are planned)" in html
    maker = Diagnoses()
    content = maker.content(read_input([tmp_path / "run"], makers=[maker]))
    assert content.tables == ()
    (line,) = content.left_out
    assert line.startswith("diagnosis of ")
    assert "has no answers yet" in line


def test_flips_lead_to_the_questions(tmp_path: Path) -> None:
    first, second, blind = runs(tmp_path)
    html = section(Comparisons(), [first, second, blind])
    assert "5 right in A, not in B" in html
    assert "right in B, not in A" not in html
    names = re.findall(r'<li><a href="[^"]*"><bdi>(q\d+)</bdi>', html)
    assert names == [f"q{number}" for number in range(5)]
    link = "#questions?setting=vis&amp;differ=1&amp;run=l1&amp;state=missed&amp;at=vis+q3"
    assert f'<a href="{link}">' in html
    figures = compare_pair(read_run(first), read_run(second), "vis")
    assert figures.mcnemar_p == pytest.approx(2 * 0.5**5)
    assert "<bdi>0.062</bdi>" in html  # McNemar's exact p, 5 flips to 0
    low, high = figures.circular_ci95 or (0, 0)
    assert f"<bdi>-41.7 [{low:+.1f}, {high:+.1f}]</bdi>" in html
    assert "control" not in html


def test_only_runs_over_the_same_questions_are_compared(tmp_path: Path) -> None:
    first, second, blind = runs(tmp_path)
    one = question("a")
    other = write_run(tmp_path / "other", [(one, says(one, "AAAA"))], dataset="cd" * 32)
    assert section(Comparisons(), [first, other, blind]) == ""
    assert section(Comparisons(), [first, second, other]).count("<article") == 1
    # Of one dataset, and yet asked other questions.
    unlike = write_run(tmp_path / "unlike", [(one, says(one, "AAAA"))], model="unlike")
    html = section(Comparisons(), [first, second, unlike])
    assert html.count("<article") == 1
    assert re.search(r"Not compared, because [^<]*<bdi>unlike</bdi>", html)
    assert "<article" not in section(Comparisons(), [first, unlike])
    # Of the same names, and yet of other content.
    changed = replace(one, category="another")
    third = write_run(tmp_path / "changed", [(changed, says(changed, "AAAA"))], model="changed")
    assert "Not compared: " in section(Comparisons(), [unlike, third])


def test_many_runs_are_not_all_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparisons, "MOST", 3)
    one = question("a")
    folders = [
        write_run(tmp_path / f"{number}", [(one, says(one, "AAAA"))], model=f"model-{number}")
        for number in range(5)
    ]
    html = section(Comparisons(), folders)
    assert "2 more runs over these questions are left out here" in html
    assert "model-2" in html
    assert "model-3" not in html


def test_hostile_names_stay_texts(tmp_path: Path) -> None:
    folders = hostile_runs(tmp_path / "runs")
    makers = (Diagnoses(), Comparisons())
    read = read_input(folders, makers=makers)
    for maker in makers:
        made = maker.section(read)
        assert made is not None
        # No element, attribute or hidden sign comes from a name.
        elements = set(re.findall(r"<([a-z0-9]+)", made.html))
        assert not elements & {"script", "img", "style"}
        assert "onmouseover='" not in made.html
        assert all(one.isprintable() or one == "\n" for one in made.html)
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in made.html


@pytest.fixture(scope="module")
def ablation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("ablation")
    write_tree(base / "tree")
    lvlm_eval("ablate", "--model", "random++", "--data", "tree", "--setting", "vis", "--limit", "2",
              "--vary", "prompt=soco,reason", "--vary", "marker.shape=arrow,circle",
              "--out", "abl", cwd=base)  # fmt: skip
    return base / "abl"


def test_an_ablation_is_shown(ablation: Path) -> None:
    html = section(Ablations([ablation]), [ablation])
    document = json.loads((ablation / "ablation.json").read_text())
    figure = heat_map(document, "vis", "x")
    assert figure is not None
    heat: Any = figure.content
    assert heat.rows == ("prompt=soco", "prompt=reason")
    assert heat.columns == ("arrow", "circle")
    for cell in document["cells"]:
        levels = cell["levels"]
        row = heat.rows.index(f"prompt={levels['prompt']}")
        value = heat.values[row][heat.columns.index(levels["marker.shape"])]
        assert value == cell["settings"]["vis"]["circular_accuracy"]
    assert html.count("<svg") == 1  # one a setting
    assert "Vis.: every cell, percent [95 % interval]" in html
    assert "<dt>marker.shape</dt><dd><bdi>arrow, circle</bdi></dd>" in html


def rows_of(content: Content, id: str) -> list[dict[str, Any]]:
    table = content.table(id)
    if table is None:
        return []
    rows: list[dict[str, Any]] = json.loads(json_text(table))["rows"]
    return rows


def test_files_of_comparisons_hold_what_compare_says(tmp_path: Path) -> None:
    folders = list(runs(tmp_path))
    one = question("a")
    folders.append(write_run(tmp_path / "alone", [(one, says(one, "AAAA"))]))
    (row,) = rows_of(Comparisons().content(read_input(folders)), "comparisons")
    said = compare_pair(read_run(folders[0]), read_run(folders[1]), "vis").to_json()
    assert (row["model"], row["against"], row["setting"]) == ("second", "first", "Vis.")
    for name in ("questions", "circular_difference", "circular_p", "average_p", "mcnemar_p"):
        assert row[name] == said[name]
    assert row["circular_difference_ci95"] == said["circular_ci95"]
    assert row["average_difference_ci95"] == said["average_ci95"]
    assert [row[f"circular{end}"] for end in ("_against", "")] == [100.0, pytest.approx(700 / 12)]
    counts = [row[name] for name in ("both_right", "only_against", "only_run", "neither")]
    assert counts == [7, 5, 0, 0]
    assert row["mcnemar_p_holm"] is None  # one comparison needs no correction
    assert Comparisons().content(read_input(folders[:1])) == Content()
    # Of the same names, and yet of other content.
    changed = replace(one, category="another")
    folders.append(write_run(tmp_path / "changed", [(changed, says(changed, "AAAA"))]))
    (line,) = Comparisons().content(read_input(folders[3:])).left_out
    assert line.startswith("comparison: ")


def test_one_run_that_cannot_be_compared_keeps_no_others_from_it(tmp_path: Path) -> None:
    one = question("a", settings=("vis", "desc"))
    asked = {
        "vis": question("a"),
        "words": question("a", settings=("desc",)),
        "empty": question("a"),
        "both": one,
    }
    folders = [
        write_run(tmp_path / name, [(its, [answer for setting in its.rows if name != "empty"
                                           for answer in says(its, "AAAA", setting)])], model=name)
        for name, its in asked.items()
    ]  # fmt: skip
    read = read_input(folders)
    content = Comparisons().content(read)
    (row,) = rows_of(content, "comparisons")
    assert (row["model"], row["against"], row["setting"]) == ("both", "vis", "Vis.")
    no_answers, no_setting = content.left_out
    assert no_answers == "comparison: empty has no answers yet."
    assert "no setting in common" in no_setting
    html = section(Comparisons(), folders)
    assert html.count("Not compared: ") == 2
    assert "1 right" not in html
    assert rows_of(Comparisons().content(read_input(folders[2:])), "comparisons") == []


def test_files_say_what_is_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparisons, "MOST", 2)
    one, other = question("a"), question("b")
    folders = [
        write_run(tmp_path / f"{number}", [(its, says(its, "AAAA"))], model=f"m{number}")
        for number, its in enumerate((one, one, one, other))
    ]
    content = Comparisons().content(read_input(folders))
    assert len(rows_of(content, "comparisons")) == 1
    more, alone = content.left_out
    assert more.startswith("comparison: 1 more runs over these questions")
    assert alone.startswith("comparison of m3: the other runs on the same data")


def test_a_control_that_does_not_fit_takes_no_other_with_it(tmp_path: Path) -> None:
    first, _, blind = runs(tmp_path)
    one = replace(question("q0"), control="mirror")
    unlike = write_run(tmp_path / "unlike", [(one, [])], model="first", control="mirror")
    maker = Diagnoses()
    content = maker.content(read_input([first, blind, unlike], makers=[maker]))
    (control,) = rows_of(content, "diagnosis-controls")
    assert control["control"] == "no-image"
    (line,) = content.left_out
    assert line.startswith("controls of first: ")


def test_files_mark_runs_that_are_incomplete(tmp_path: Path) -> None:
    told = [question(f"q{number}") for number in range(3)]
    whole = [(one, says(one, "AAAA")) for one in told]
    part = [(one, says(one, "AAA ")) for one in told]
    folders = [write_run(tmp_path / "a", whole, model="a"), write_run(tmp_path / "b", part)]
    maker = Diagnoses()
    content = maker.content(read_input(folders, makers=[maker]))
    assert ["incomplete" in row["marks"] for row in rows_of(content, "diagnosis")] == [False, True]


def test_files_of_diagnoses_hold_what_explain_says(tmp_path: Path) -> None:
    folders = list(runs(tmp_path))
    maker = Diagnoses()
    content = maker.content(read_input(folders, makers=[maker]))
    first, second = rows_of(content, "diagnosis")
    blind = explain(read_run(folders[0]), [read_run(folders[2])]).to_json()["settings"]["vis"]
    said = explain(read_run(folders[1])).to_json()["settings"]["vis"]
    assert (first["model"], second["model"]) == ("first", "second")
    for name in ("circular", "average"):
        assert second[name] == said["accuracy"][f"{name}_accuracy"]
        assert second[f"{name}_ci95"] == said["accuracy"][f"{name}_ci95"]
    for letter in "ABCD":
        assert second[f"letter_{letter.lower()}"] == said["position"]["letters"][letter]["percent"]
    kept = said["position"]["consistency"]
    assert second["one_point"] == kept["same_point"]["percent"]
    assert second["one_letter"] == kept["same_letter"]["percent"]
    assert second["calibration_error"] is None
    parts = [row for row in rows_of(content, "diagnosis-parts") if row["model"] == "second"]
    assert [(row["by"], row["part"], row["average"]) for row in parts] == [
        (by, part["name"], part["accuracy"]["average_accuracy"])
        for by, slices in said["breakdowns"].items()
        if isinstance(slices, list)
        for part in slices
    ]
    (control,) = rows_of(content, "diagnosis-controls")
    (figure,) = blind["controls"]["controls"]
    assert control["control"] == "no-image"
    assert control["under_control"] == figure["common"]["average_accuracy"]
    assert control["run_less_control"] == figure["main_less_control"]["points"]
    told = [(row["finding"], row["text"]) for row in rows_of(content, "diagnosis-findings")]
    assert told == [(one["code"], one["text"]) for one in blind["verdict"] + said["verdict"]]


def test_files_of_ablations_hold_what_the_document_says(ablation: Path) -> None:
    content = Ablations([ablation]).content(read_input([ablation]))
    document = json.loads((ablation / "ablation.json").read_text())
    cells = rows_of(content, "ablation-abl-cells")
    assert [(row["circular"], row["average_ci95"]) for row in cells] == [
        (
            pytest.approx(one["settings"]["vis"]["circular_accuracy"]),
            pytest.approx(one["settings"]["vis"]["average_ci95"], abs=1e-5),
        )
        for one in document["cells"]
    ]
    effects = document["main_effects"]["vis"]
    assert [row["circular_mean"] for row in rows_of(content, "ablation-abl-effects")] == [
        pytest.approx(one["circular"]["mean"]) for levels in effects.values() for one in levels
    ]
    tests = rows_of(content, "ablation-abl-tests")
    assert [row["mcnemar_p_holm"] for row in tests] == [
        pytest.approx(one["mcnemar_p_holm"], abs=1e-6) for one in document["comparisons"]["vis"]
    ]
    assert content.table("ablation-abl-ranks") is None  # one model has no rank
    assert [one.id for one in content.figures] == ["ablation-abl-vis-heat"]


def test_cells_that_are_one_run_are_told_apart_by_their_setting(tmp_path: Path) -> None:
    lvlm_eval("ablate", "--model", "random", "--model", "random++", "--data", "sample",
              "--limit", "3", "--vary", "prompt=soco,short", "--vary", "setting=vis,desc",
              "--out", "abl", cwd=tmp_path)  # fmt: skip
    folder = tmp_path / "abl"
    rows = rows_of(Ablations([folder]).content(read_input([folder])), "ablation-abl-tests")
    assert [(row["setting"], row["against"].split()[-1]) for row in rows] == [
        ("Vis.", "setting=vis")
    ] * 3


def test_a_cell_without_answers_has_no_figure(ablation: Path, tmp_path: Path) -> None:
    document = json.loads((ablation / "ablation.json").read_text())
    figures = document["cells"][0]["settings"]["vis"]
    figures |= {"circular_accuracy": 0.0, "average_accuracy": None, "average_ci95": None}
    cells = next(one for one in document_tables(document, "x", "x") if one.id == "x-cells")
    assert [one.value for one in cells.rows[0].cells[4:6]] == [None, None]
    figure = heat_map(document, "vis", "x")
    assert figure is not None
    heat: Any = figure.content
    assert sum(value is None for row in heat.values for value in row) == 1


@pytest.mark.parametrize("kind", ["md", "csv", "json", "latex", "svg"])
def test_the_command_writes_all_of_them(ablation: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / kind
    lvlm_eval("report", "abl", "--format", kind, "--out", out, cwd=ablation.parent)
    names = {one.stem for one in out.iterdir()}
    if kind == "svg":
        assert "ablation-abl-vis-heat" in names
    else:
        assert names >= {"comparisons", "diagnosis", "ablation-abl-cells", "ablation-abl-tests"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"plan": 3}', '{"plan": {"design": []}}'])
def test_a_damaged_ablation_is_told(tmp_path: Path, text: str) -> None:
    first, _, _ = runs(tmp_path / "abl")
    (tmp_path / "abl" / "ablation.json").write_text(text)
    folder = tmp_path / "abl"
    html = section(Ablations([folder]), [folder])
    assert "is not what &#39;lvlm-eval ablate&#39; writes" in html
    content = Ablations([folder]).content(read_input([folder]))
    assert (content.tables, content.figures) == ((), ())
    (line,) = content.left_out
    assert "is not what 'lvlm-eval ablate' writes" in line
    assert section(Ablations([first]), [first]) == ""


def test_the_command_makes_all_sections(ablation: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    done = lvlm_eval("report", "abl", "--photos", "beside", "--out", out, "--json",
                     cwd=ablation.parent)  # fmt: skip
    text = out.read_text(encoding="utf-8")
    ids = re.findall(r'<section id="([a-z]+)"', text)
    assert ids == ["leaderboard", "vision", "diagnosis", "comparisons", "ablation", "questions",
                   "provenance"]  # fmt: skip
    files = json.loads(done.stdout)["files"]
    assert sorted(files[1:]) == sorted(map(str, (tmp_path / "page_files").iterdir()))
    said = lvlm_eval("report", "abl", "--photos", "nowhere", cwd=ablation.parent, status=2).stderr
    assert "--photos 'nowhere' is not known" in said

"""The figures on the page, and in files, are those of the runs and of the paper."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib")

from reading_pages import Page
from report_runs import identity, make_run, make_vision, vision_document

from lvlm_eval.recorded_run import RecordedRun
from lvlm_eval.reference import published
from lvlm_eval.report.page import (
    Input,
    LvlmRun,
    Section,
    inputs,
    read_input,
    write_files,
    write_report,
)
from lvlm_eval.report.page.assembling import Contents
from lvlm_eval.report.page.figures.rendering import figure_file
from lvlm_eval.runs.merging import merge
from lvlm_eval.scoring import score_run

KEYS = {"vis": "vis", "vis+desc": "vis_desc", "desc": "desc"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("runs")
    make_run(base / "good", model="good", skill=0.9, seed=1)
    make_run(base / "cut", model="cut", skill=0.4, seed=2, leave_out=5)
    make_run(base / "words", model="words", settings=("desc",), seed=3)
    make_run(base / "once", model="once", rotations=1, seed=4)
    make_run(base / "control", whole_identity=identity("good", control="mirror"), seed=5)
    make_vision(base / "figures")
    return base


@pytest.fixture(scope="module")
def page_text(runs: Path) -> str:
    out = runs.parent / "page.html"
    write_report([runs], out)
    return out.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(page_text: str) -> Page:
    return Page(page_text)


@pytest.mark.parametrize("name", ["good", "cut", "words", "once"])
def test_the_leaderboard_has_the_figures_of_metrics_json(runs: Path, page: Page, name: str) -> None:
    score_run(runs / name)
    settings = json.loads((runs / name / "metrics.json").read_text())["settings"]
    for setting, key in KEYS.items():
        expected = settings.get(setting, {})
        for accuracy in ("circular", "average"):
            value = expected.get(f"{accuracy}_accuracy")
            assert page.number("leaderboard", name, f"{accuracy}_{key}") == value
            shown = page.row("leaderboard", name)[f"{accuracy}_{key}"][1]
            if value is None:
                assert shown == "–"
                continue
            low, high = expected[f"{accuracy}_ci95"]
            assert page.interval("leaderboard", name, f"{accuracy}_{key}") == [low, high]
            assert shown == f"{value:.1f} [{low:.1f}, {high:.1f}]"
    counts = {one["groups"] for one in settings.values()}
    assert page.number("leaderboard", name, "questions") == min(counts)


def test_the_gain_is_desc_minus_vis(runs: Path, page: Page) -> None:
    score_run(runs / "good")
    settings = json.loads((runs / "good" / "metrics.json").read_text())["settings"]
    gain = settings["desc"]["circular_accuracy"] - settings["vis"]["circular_accuracy"]
    assert page.number("leaderboard", "good", "description_gain") == round(gain, 6)
    assert page.number("leaderboard", "words", "description_gain") is None
    assert page.row("leaderboard", "Qwen3-VL-8B")["description_gain"][1] == "+19.8"


def test_published_rows_are_those_of_the_paper(page: Page) -> None:
    for name, row in published()["lvlm"]["rows"].items():
        for key in ("vis", "vis_desc", "desc"):
            assert page.number("leaderboard", name, f"circular_{key}") == row[key]
    for name, row in published()["vision_main"]["rows"].items():
        for key in ("cc", "soc", "cross_soc", "soc_transportation", "soc_animals"):
            assert page.number("vision-main", name, key) == row[key]
        assert page.number("vision-main", name, "mean") == row["avg"]
    for name, row in published()["protocols"]["rows"].items():
        assert page.number("soc-geo", name, "soc_geo") == row["soc_geo"]
        assert page.number("soc-geo", name, "random_level") == 41.24
    for name, row in published()["thresholds"]["rows"].items():
        assert page.number("thresholds", name, "cc_0.02") == row["pair_cc_0.02"]


def test_both_parsers_and_all_counts_stand_in_the_second_table(runs: Path, page: Page) -> None:
    score_run(runs / "cut")
    settings = json.loads((runs / "cut" / "metrics.json").read_text())["settings"]
    rows = [row for row in page.tables["runs"] if row["model"][0]["data-value"] == "cut"]
    assert len(rows) == 3
    for row, figures in zip(rows, settings.values(), strict=True):
        for key in ("rows", "answered", "unparsed", "refused", "errors", "missing"):
            assert float(str(row[key][0]["data-value"])) == figures[key]
        strict = figures["parsers"]["strict"]
        assert float(str(row["strict_average"][0]["data-value"])) == strict["average_accuracy"]
    assert sum(float(str(row["missing"][0]["data-value"])) for row in rows) == 5


def test_runs_that_do_not_compare_are_marked(page: Page) -> None:
    assert "incomplete" in page.row("leaderboard", "cut")["model"][1]
    assert "incomplete" not in page.row("leaderboard", "good")["model"][1]
    assert "control mirror" in page.row("leaderboard", "good, control mirror")["model"][1]
    assert "not comparable" in page.row("leaderboard", "good")["model"][1]
    assert "published" in page.row("leaderboard", "GPT4o")["model"][1]
    assert "not comparable" not in page.row("leaderboard", "GPT4o")["model"][1]


def test_reasons_stand_below_the_table(page_text: str) -> None:
    assert "it is the control &#39;mirror&#39;" in page_text
    assert "Desc. incomplete: 1 of 6 questions have a failed or missing row" in page_text
    assert "has one rotation: no circular accuracy" in page_text


def test_a_backbone_has_the_figures_of_its_document(page: Page) -> None:
    document = vision_document()
    name = "classic:x"
    for key, split, metric in (
        ("cc", "intra", "cc"), ("soc", "intra", "soc"), ("cross_soc", "cross", "soc"),
    ):  # fmt: skip
        found = document[split][metric]
        assert page.number("vision-main", name, key) == found["pair"]["0.10"]
        assert page.interval("vision-main", name, key) == found["ci95"]["0.10"]
    assert page.number("vision-main", name, "cc_to_soc") == 41.5 - 61.0625
    assert page.number("vision-main", name, "soc_to_cross_soc") == 30.125 - 41.5
    assert page.number("vision-main", name, "mean") == 44.229166
    assert page.number("vision-main", name, "pairs") == 40
    assert page.number("soc-geo", name, "soc_geo") == 53.5  # of keypoints
    assert page.number("soc-geo", name, "random_level") == 43.125
    assert page.number("soc-geo", name, "above_random") == 53.5 - 43.125
    assert page.number("soc-geo", name, "soc_soft") == 42.25
    assert page.number("thresholds", name, "soc_0.05") == 20.75
    assert page.number("thresholds", name, "cc_0.02") == 61.0625 / 5
    assert page.number("supercategories", name, "soc_animals") == 23.0
    rows = {row["category"][0]["data-value"]: row for row in page.tables["categories"]}
    assert [float(str(rows[one]["soc_v0"][0]["data-value"])) for one in ("car", "bus")] == [10, 11]
    paper = published()["dinov2_b14_per_category"]["rows"]["bus"]["soc_0.10"]
    assert paper in [float(str(one[0].get("data-value", "nan"))) for one in rows["bus"].values()
                     if re.fullmatch(r"[\d.]+", str(one[0].get("data-value", "")))]  # fmt: skip


def test_correlations_are_those_of_the_study_and_of_the_paper(page: Page) -> None:
    rows = page.tables["correlations"]
    paper = published()["downstream_correlation"]["rows"]
    assert len(rows) == 2 * len(paper)
    first = rows[0]
    assert float(str(first["paper_r"][0]["data-value"])) == paper["ade20k_miou"]["soco"]["r"]
    main, downstream = published()["vision_main"]["rows"], published()["downstream"]["rows"]
    models = [name for name in downstream if name in main]
    soc = [main[name]["soc"] for name in models]
    other = [downstream[name]["ade20k_miou"] for name in models]
    scipy = pytest.importorskip("scipy.stats")
    expected = scipy.pearsonr(soc, other).statistic
    assert float(str(first["r"][0]["data-value"])) == pytest.approx(expected, abs=5e-7)


def test_points_say_their_exact_figure(page_text: str) -> None:
    assert "<title>Qwen3-VL-8B, Desc.: 54.0</title>" in page_text
    assert "<title>DINOv2, SOC-geo: 60.97, random level 41.24</title>" in page_text
    assert "<title>classic:x, SOC: 41.5 [41.0, 42.2]</title>" in page_text


def shown(page: Page, table: str) -> list[list[str]]:
    return [[text for _, text in row.values()] for row in page.tables[table]]


def test_every_format_has_the_page_s_figures(runs: Path, page: Page, tmp_path: Path) -> None:
    for kind in ("md", "csv", "json", "latex"):
        write_files([runs], tmp_path / kind, kind)
    names = sorted(one.stem for one in (tmp_path / "csv").iterdir())
    assert names == sorted([*page.tables, "provenance"])
    for table, rows in page.tables.items():
        records = json.loads((tmp_path / "json" / f"{table}.json").read_text())["rows"]
        lines = list(csv.DictReader(io.StringIO((tmp_path / "csv" / f"{table}.csv").read_text())))
        markdown = (tmp_path / "md" / f"{table}.md").read_text()
        latex = (tmp_path / "latex" / f"{table}.tex").read_text()
        assert len(rows) == len(records) == len(lines)
        for row, record, line in zip(rows, records, lines, strict=True):
            for key, (attributes, text) in row.items():
                if "number" not in str(attributes.get("class")):
                    continue
                value = attributes.get("data-value")
                assert record[key] == (None if value is None else pytest.approx(float(value), 0))
                assert line[key] == (value or "")
                if "data-low" in attributes:
                    ends = [float(str(attributes[f"data-{end}"])) for end in ("low", "high")]
                    assert record[f"{key}_ci95"] == ends
                    assert [float(line[f"{key}_{end}"]) for end in ("low", "high")] == ends
                assert f" {text} ".replace("[", r"\[").replace("]", r"\]") in markdown
                assert text.replace("−", "$-$").replace("–", "--") in latex


def test_remarks_stand_below_tables_in_text_as_on_the_page(runs: Path, tmp_path: Path) -> None:
    write_files([runs / "cut", runs / "words"], tmp_path, "md")
    cut, words = (tmp_path / "leaderboard.md").read_text().splitlines()[-2:]
    reason = "Not comparable with the published rows: 6 questions are scored, SOCO-LVLM has 2000."
    assert words == f"- words: {reason}"
    assert cut.startswith(f"- cut: {reason} Vis.+Desc. incomplete: 1 of 6 questions have")
    write_files([runs / "cut"], tmp_path, "latex")
    latex = (tmp_path / "leaderboard.tex").read_text()
    assert r"\par\footnotesize cut: Not comparable" in latex
    assert "Remarks" not in latex


def test_figures_are_written_as_png_and_svg(runs: Path, tmp_path: Path) -> None:
    svg = write_files([runs], tmp_path / "svg", "svg")
    assert [one.stem for one in svg.files] == [
        "leaderboard-chart", "vision-slope", "supercategories-radar", "soc-geo-bars",
        "thresholds-chart", "categories-heat", "correlations-bars",
    ]  # fmt: skip
    chart = svg.files[0].read_text()
    assert "Qwen3-VL-8B  54.0" in chart  # texts stay texts
    figures = Contents.of(read_input([runs])).whole().figures
    assert figure_file(figures[0], "svg") == svg.files[0].read_bytes()  # the same bytes again
    assert figure_file(figures[2], "png").startswith(b"\x89PNG")


def test_a_merged_run_gives_the_same_row(runs: Path, page: Page, tmp_path: Path) -> None:
    archive = merge(runs / "good", tmp_path / "kept.zip").file
    out = tmp_path / "page.html"
    write_report([archive], out)
    other = Page(out.read_text(encoding="utf-8"))
    assert shown(other, "runs") == [one for one in shown(page, "runs") if one[0].startswith("good ")
                                    and "control" not in one[0]]  # fmt: skip


def test_a_report_only_reads_the_runs(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    before = {one.name: one.read_bytes() for one in folder.iterdir()}
    write_report([folder], tmp_path / "page.html")
    assert {one.name: one.read_bytes() for one in folder.iterdir()} == before


def test_runs_of_one_model_are_told_apart(tmp_path: Path) -> None:
    make_run(tmp_path / "runs" / "first")
    make_run(tmp_path / "runs" / "second")
    make_run(tmp_path / "more" / "second")
    out = tmp_path / "page.html"
    write_report([tmp_path / "runs", tmp_path / "more", tmp_path / "more" / "second"], out)
    names = {
        str(row["model"][0]["data-value"])
        for row in Page(out.read_text(encoding="utf-8")).tables["leaderboard"]
    }
    assert {one for one in names if one.startswith("tiny")} == {
        "tiny (first)", "tiny (run 2)", "tiny (run 3)",
    }  # fmt: skip


class Longest:
    """A section that is made of all runs' answers."""

    def __init__(self) -> None:
        self.lengths: list[int] = []

    @staticmethod
    def look(run: RecordedRun, summary: LvlmRun) -> int:
        assert summary.questions == len(run.questions)
        return len(run.rows)

    def keep(self, found: int) -> None:
        self.lengths.append(found)

    def section(self, read: Input) -> Section | None:
        data = {one.label: rows for one, rows in zip(read.lvlm, self.lengths, strict=True)}
        style, script = ".longest { color: red; }", "document.title += '!';"
        return Section("longest", "Longest", "<p class='longest'>x</p>", style, script, data)


@pytest.mark.parametrize("before", [0, 2])
def test_others_add_sections_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    """Whether runs are looked at in this process or in others."""
    make_run(tmp_path / "runs" / "one", model="</script><b>")
    make_run(tmp_path / "runs" / "two", model="two", questions=2)
    monkeypatch.setattr(inputs, "RUNS_BEFORE", before)
    monkeypatch.setattr(inputs, "LEAST_BYTES", 0)
    out = tmp_path / "page.html"
    write_report([tmp_path / "runs"], out, makers=[Longest()])
    page = Page(out.read_text(encoding="utf-8"))
    data: list[Any] = [json.loads(text) for _, found, text in page.raw if "id" in found]
    assert data == [{"</script><b>": 72, "two": 24}]
    assert ("a", {"href": "#longest"}) in page.elements
    assert "b" not in {tag for tag, _ in page.elements}

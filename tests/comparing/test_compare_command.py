"""``lvlm-eval compare`` through the real command line, over runs that it made itself."""

import json
import shutil

import pytest
from commands import complaint_of, lvlm_eval


def recorded(folder, model, *words):
    lvlm_eval(
        *("run", "--model", model, "--data", "sample", "--limit", 40, "--out", folder, *words),
        cwd=folder.parent,
    )
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    return [recorded(place / name, name) for name in ("random++", "random")]


def test_table_and_document(runs, tmp_path):
    document = json.loads(lvlm_eval("compare", *runs, "--json", cwd=tmp_path).stdout)
    assert [one["model"] for one in document["runs"]] == ["random++", "random"]
    (pair,) = document["comparisons"]
    assert pair["what_differs"] == ["model random++ → random"]
    assert list(pair["settings"]) == ["vis", "vis+desc", "desc"]
    for setting, figures in pair["settings"].items():
        scored = [
            json.loads((one / "metrics.json").read_text())["settings"][setting] for one in runs
        ]
        for name, run in zip("ab", scored, strict=True):
            assert figures[f"circular_{name}"] == run["circular_accuracy"]
            assert figures[f"average_{name}"] == run["average_accuracy"]
        low, high = figures["circular_ci95"]
        assert low < figures["circular_difference"] < high
        assert (figures["circular_p"] < 0.05) == (low > 0 or high < 0)
        assert len(figures["flips"]["only_a"]) == figures["right_wrong"]["only_a"]
        assert figures["questions"] == 40 and figures["agreement"]["rows"] == 160
    table = lvlm_eval("compare", *runs, "--flips", 1, cwd=tmp_path).stdout
    assert "A  random++ on sample" in table and "what differs from A: model random++" in table
    only_a = pair["settings"]["vis"]["flips"]["only_a"]
    assert f"{len(only_a)} right in A, not in B: {only_a[0]}" in table
    assert "questions that share a photo are related" in " ".join(table.split())


def test_a_copy_shows_no_least_difference(runs, tmp_path):
    copy = shutil.copytree(runs[0], tmp_path / "copy")
    document = json.loads(lvlm_eval("compare", runs[0], copy, "--json", cwd=tmp_path).stdout)
    for figures in document["comparisons"][0]["settings"].values():
        assert figures["circular_difference"] == 0 and figures["smallest_difference"] is None
    shown = lvlm_eval("compare", runs[0], copy, cwd=tmp_path).stdout
    (line, *_) = [one for one in shown.splitlines() if one.split()[-1:] == ["1.00"]]
    assert line.split()[5:7] == ["1.000", "–"]
    assert "– where fewer than 5 questions tell the runs apart" in " ".join(shown.split())


def test_a_merged_run_is_the_same(runs, tmp_path):
    lvlm_eval("merge", runs[1], cwd=tmp_path)
    (merged,) = {*runs[1].parent.rglob("*.zip"), *tmp_path.rglob("*.zip")}
    words = ("--json", "--cluster", "question", "--parser", "strict")
    folder, zipped = (
        json.loads(lvlm_eval("compare", runs[0], one, *words, cwd=tmp_path).stdout)
        for one in (runs[1], merged)
    )
    assert zipped["runs"][1].pop("place") == str(merged)
    assert folder["runs"][1].pop("place") == str(runs[1])
    assert zipped == folder


def test_other_questions_are_refused_unless_the_common_ones_do(runs, tmp_path):
    other = recorded(tmp_path / "other", "random++", "--seed", 1, "--setting", "vis")
    said = complaint_of("compare", runs[0], other, cwd=tmp_path, status=2)
    assert "were not asked the same questions in vis" in said and "--common" in said
    shown = " ".join(lvlm_eval("compare", runs[0], other, "--common", cwd=tmp_path).stdout.split())
    assert "common questions" in shown and "vis+desc is only in" in shown
    smaller = recorded(tmp_path / "smaller", "random", "--limit", 25)
    said = complaint_of("compare", runs[0], smaller, cwd=tmp_path, status=2)
    assert "15 only in" in said and "0 only in" in said and "25 in common" in said


def test_what_is_no_run_is_one_line(runs, tmp_path):
    (tmp_path / "empty").mkdir()
    for words, part in (
        ((runs[0], tmp_path / "mistyped"), "does not exist"),
        ((runs[0], tmp_path / "empty"), "not the folder of a run"),
    ):
        assert part in complaint_of("compare", *words, cwd=tmp_path, status=2)

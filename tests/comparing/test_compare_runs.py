"""Several runs: each with the first, each with each, and corrected p."""

import json
import sys
from dataclasses import replace

import pytest
from rich.console import Console
from simulated_runs import question, run

from lvlm_eval.comparing import ComparisonChoices, compare_folders, compare_runs
from lvlm_eval.comparing.comparison import holm
from lvlm_eval.comparing.identities import what_differs
from lvlm_eval.errors import InputError
from lvlm_eval.report.comparing import print_comparison


@pytest.fixture
def asked():
    return {f"{i:02}": question(f"{i:02}", (f"s{i}", f"t{i}")) for i in range(24)}


@pytest.fixture
def runs(asked):
    """Of 24 questions the runs have the first 20, 10 and 16 right."""
    return [
        run(
            {key: ("RRRR" if int(key) < right else "RACA") for key in asked},
            name,
            asked,
            model=name,
        )
        for name, right in (("a", 20), ("b", 10), ("c", 16))
    ]


def test_two_runs(runs):
    found = compare_runs(runs[:2])
    (pair,) = found.with_baseline
    assert (pair.a, pair.b, found.all_pairs) == (0, 1, ())
    assert pair.differs == ("model a → b",)
    assert pair.settings["vis"].circular_difference == pytest.approx(-1000 / 24)
    assert pair.settings["vis"].holm == {}


def test_three_runs_and_holm_by_hand(runs):
    found = compare_runs(runs)
    assert [(one.a, one.b) for one in found.with_baseline] == [(0, 1), (0, 2)]
    assert [(one.a, one.b) for one in found.all_pairs] == [(0, 1), (0, 2), (1, 2)]
    # Discordant 10, 4 and 6, all one way: p = 2/2^10, 2/2^4, 2/2^6.
    first, second, third = 2 / 2**10, 2 / 2**4, 2 / 2**6
    of_two = [one.settings["vis"].holm["mcnemar_p"] for one in found.with_baseline]
    assert of_two == pytest.approx([2 * first, second])
    of_three = [one.settings["vis"].holm["mcnemar_p"] for one in found.all_pairs]
    assert of_three == pytest.approx([3 * first, second, 2 * third])
    assert set(found.all_pairs[0].settings["vis"].holm) == {"circular_p", "average_p", "mcnemar_p"}


def test_holm_never_falls_below_a_smaller_one():
    assert holm([0.04, 0.03, 0.01]) == pytest.approx([0.06, 0.06, 0.03])
    assert holm([]) == []


def test_one_rotation_has_no_circular_p_to_correct(asked):
    few = [
        run({key: "R" if int(key) < right else "A" for key in asked}, name)
        for name, right in (("a", 3), ("b", 9), ("c", 20))
    ]
    assert set(compare_runs(few).all_pairs[0].settings["vis"].holm) == {"average_p", "mcnemar_p"}


def test_settings_that_one_run_lacks_are_said(runs, asked):
    both = {key: replace(one, rows={"vis": 4, "desc": 4}) for key, one in asked.items()}
    wider = replace(runs[1], questions=both)
    found = compare_runs([runs[0], wider])
    assert list(found.with_baseline[0].settings) == ["vis"]
    assert found.with_baseline[0].notes == ("desc is only in b",)
    # In both, but nobody answered there yet.
    found = compare_runs([replace(runs[0], questions=both), wider])
    assert found.with_baseline[0].notes == ("desc: no question is answered in full in both runs",)


def test_no_setting_in_common(runs, asked):
    other = {key: replace(one, rows={"desc": 4}) for key, one in asked.items()}
    words = run(dict.fromkeys(other, "RRRR"), "w", other, setting="desc")
    with pytest.raises(InputError, match=r"a \(vis\) and w \(desc\) have no setting in common"):
        compare_runs([runs[0], words])


def test_a_run_without_answers(runs, asked):
    for mark in (" ", "E"):
        empty = run(dict.fromkeys(asked, mark * 4), "empty", asked)
        with pytest.raises(InputError, match="empty has no answers yet"):
            compare_runs([runs[0], empty])


def test_a_control_is_said(runs, asked):
    control = run(dict.fromkeys(asked, "RRRR"), "b", asked, control="letter")
    found = compare_runs([runs[0], control])
    assert found.with_baseline[0].notes == ("b is the control 'letter'",)
    assert found.runs[1].model == "m, control letter"


def test_one_run_is_not_enough(runs):
    with pytest.raises(InputError, match="found 1 run"):
        compare_runs(runs[:1])


def test_the_same_folder_twice(tmp_path):
    for twice in ([tmp_path, tmp_path], [tmp_path, tmp_path / "."]):
        with pytest.raises(InputError, match="is given twice"):
            compare_folders(twice, ComparisonChoices())
    with pytest.raises(InputError, match=f"{tmp_path.name}. Give the folders of different runs"):
        compare_folders([tmp_path, tmp_path / "x" / ".."], ComparisonChoices())


@pytest.mark.parametrize("library", ["scipy.special", "statsmodels.stats.multitest"])
def test_a_missing_library_is_one_line(runs, library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(InputError, match=r"pip install 'lvlm-eval\[stats\]'"):
        compare_runs(runs)


def test_what_differs():
    a = {
        "model": {"name": "m", "settings": {"seed": 0, "host": "x" * 50}},
        "dataset": "1",
        "rotations": 4,
        "prompt": {"name": "soco", "templates": {"vis": "one", "desc": "same"}},
        "renderer": {"name": "red-arrow", "style": {}},
    }
    b = {
        "model": {"name": "n", "settings": {"seed": None, "host": "y" * 50}},
        "dataset": "2",
        "rotations": 4,
        "control": "letter",
        "prompt": {"name": "soco", "templates": {"vis": "two", "desc": "same"}},
        "renderer": {"name": "blue", "style": {"x": 1}},
    }
    assert what_differs(a, b) == (
        "model m → n",
        "model.settings.host",
        "model.settings.seed 0 → none",
        "control none → letter",
        "dataset (other content or other questions)",
        "prompt soco (templates.vis)",
        "renderer red-arrow → blue",
    )
    assert what_differs(a, a) == ()


def test_the_document_is_plain_json(runs):
    document = compare_runs(runs, ComparisonChoices(cluster="pair")).to_json()
    assert json.loads(json.dumps(document)) == document
    assert document["cluster"] == "pair" and document["parser"] == "official"
    assert [one["place"] for one in document["runs"]] == ["a", "b", "c"]
    figures = document["all_pairs"][2]["settings"]["vis"]
    assert figures["circular_difference"] == 25.0
    assert figures["flips"]["only_b"] == [f"{i}" for i in range(10, 16)]


def test_tables_fit_80_columns(runs, capsys):
    print_comparison(compare_runs(runs), Console(width=80), flips=2)
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "10 right in A, not in B: 10, 11 and 8 more" in shown
    assert "-41.7" in shown and "p (Holm)" in shown and "0.004" in shown
    print_comparison(compare_runs(runs[:2]), Console(width=80), flips=0)
    shown = capsys.readouterr().out
    assert "right in A" not in shown and "Holm" not in shown

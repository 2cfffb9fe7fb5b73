"""``lvlm-eval correlate`` through the real command line."""

import json
import os
from pathlib import Path

import pytest
from commands import ENVIRONMENT, complaint_of, lvlm_eval


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text(
        "model,soc,my task\nDINOv2,,0.9\nDINOv3,,0.8\nMAE,,0.1\nCLIP,,0.4\nOurs,41,0.5\n"
    )
    return path


def test_the_published_table_as_json(tmp_path):
    document = json.loads(lvlm_eval("correlate", "--json", cwd=tmp_path).stdout)
    assert len(document["models"]) == len(document["published_models"]) == 13
    assert document["predictors"] == ["soc", "cc", "cross_soc", "imagenet_knn_top1"]
    assert len(document["correlations"]) == 4 * 7
    entries = {(one["predictor"], one["downstream"]): one for one in document["correlations"]}
    navi = entries["soc", "navi_pck_60_30"]
    assert navi["n"] == 13
    # SOC tells multi-view correspondence far better than ImageNet kNN does, as published.
    assert navi["pearson"]["r"] > 0.9
    assert entries["imagenet_knn_top1", "navi_pck_60_30"]["pearson"]["r"] < 0.5
    assert navi["published"] == {
        "pearson": {"r": 0.943, "ci95": [0.912, 0.969]},
        "models": 37,
        "same_models": False,
    }
    assert entries["cc", "navi_pck_60_30"]["published"] is None
    for one in document["correlations"]:
        for kind in ("pearson", "spearman"):
            low, high = one[kind]["ci95"]
            assert low <= one[kind]["r"] <= high
            out = one[kind]["leave_one_out"]
            assert out["without_it"] in (out["low"], out["high"])
            assert out["model"] in document["models"]
    # Less is better: those errors fall where correspondence rises.
    assert entries["soc", "nyuv2_depth_rmse"]["pearson"]["r"] < 0


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_the_terminal(tmp_path, monkeypatch, width):
    monkeypatch.setitem(ENVIRONMENT, "COLUMNS", str(width))
    lines = lvlm_eval("correlate", cwd=tmp_path).stdout.splitlines()
    assert max(map(len, lines)) <= width
    (soc, *_) = [line for line in lines if line.startswith(" SOC")]
    assert soc.split()[:3] == ["SOC", "13", "0.76"]
    text = " ".join(" ".join(lines).split())
    assert "paper, over 37 models" in text
    assert "10,000 resamples" in text
    assert "NYUv2 depth RMSE ↓" in text


def test_own_models_join_the_published_ones(tmp_path, mine):
    words = ("correlate", mine, "--with-published", "--downstream", "My Task", "--json")
    document = json.loads(lvlm_eval(*words, cwd=tmp_path).stdout)
    assert len(document["models"]) == 14
    assert document["missing"] == {
        "cc": 1, "cross_soc": 1, "imagenet_knn_top1": 1, "my task": 9,
    }  # fmt: skip
    soc, cc, *_ = document["correlations"]
    assert (soc["n"], cc["n"]) == (5, 4)
    assert "Ours" in cc["left_out"]
    shown = lvlm_eval(*words[:-1], cwd=tmp_path).stdout
    assert "13 published and 1 of your table" in shown
    assert "my task 9" in " ".join(shown.split())


def test_pairs_that_have_too_few_models_stand_there_with_the_reason(tmp_path):
    path = tmp_path / "few.csv"
    path.write_text("model,soc,cc,x\nA,1,,3\nB,2,4,1\nC,3,5,2\nD,4,6,\n")
    document = json.loads(lvlm_eval("correlate", path, "--json", cwd=tmp_path).stdout)
    soc, cc = document["correlations"]
    assert soc["pearson"]["leave_one_out"] is None
    assert (cc["pearson"], cc["undefined"]) == (None, "2 models have both, at least 3 are needed")
    assert "CC and x: 2 models have both" in lvlm_eval("correlate", path, cwd=tmp_path).stdout


def test_wrong_input_is_one_line(tmp_path, mine):
    line = complaint_of("correlate", "no.csv", cwd=tmp_path, status=2)
    assert "no.csv: does not exist" in line
    line = complaint_of("correlate", mine, "--predictors", "my task,", cwd=tmp_path, status=2)
    assert "has an empty name" in line
    line = complaint_of("correlate", mine, "--predictors", "so", cwd=tmp_path, status=2)
    assert "Did you mean 'soc'?" in line
    assert os.linesep not in line


def test_the_seed_decides(tmp_path):
    once, again, other = (
        lvlm_eval("correlate", "--json", "--seed", seed, cwd=tmp_path).stdout for seed in (3, 3, 4)
    )
    assert once == again != other

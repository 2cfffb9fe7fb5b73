"""``lvlm-eval explain`` as it is called."""

import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import lvlm_eval
from rich.console import Console
from simulating import able, drawn_letter, guess, made_questions, mixes_up, recorded, written

from lvlm_eval.cli import run_command_line
from lvlm_eval.diagnosis import Diagnosis, explain
from lvlm_eval.records import SETTINGS
from lvlm_eval.report.explaining import print_diagnosis

ADAPTER = """
from lvlm_eval.models import Adapter
from lvlm_eval.records import Response

class AlwaysB(Adapter):
    needs_pictures = False

    def answer(self, requests):
        for request in requests:
            yield Response(request.id, text="The answer is B.")
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run ``main``, its controls, and others that do not fit."""
    folder = tmp_path_factory.mktemp("runs")
    questions = made_questions(120)
    mix = mixes_up("left", "right")
    written(recorded(mix, 1, questions, settings=SETTINGS), folder / "main")
    for name in ("no-image", "target-only"):
        written(recorded(guess, 2, questions, control=name), folder / name)
    written(recorded(able(0.97), 2, questions, control="letter"), folder / "letter")
    written(recorded(mix, 1, made_questions(3)), folder / "empty")
    (folder / "empty" / "predictions.jsonl").write_text("")
    return folder


def test_a_model_file_from_run_to_explanation(tmp_path: Path) -> None:
    """The whole way: a user's adapter is run on the sample, and its fault named."""
    (tmp_path / "always_b.py").write_text(ADAPTER)
    words = ("--model", "always_b.py", "--data", "sample", "--setting", "vis", "--out", "out")
    lvlm_eval("run", *words, cwd=tmp_path)
    shown = lvlm_eval("explain", "out", cwd=tmp_path).stdout
    assert "▶ Vis. always-one-letter: 100.0 % of the answers are B" in shown
    document = json.loads(lvlm_eval("explain", "out", "--json", cwd=tmp_path).stdout)
    (finding,) = document["verdict"]
    assert finding["code"] == "always-one-letter"
    assert finding["setting"] == "vis"
    assert finding["evidence"]["letter"] == "B"
    vis = document["settings"]["vis"]
    assert vis["accuracy"]["average_accuracy"] == 25
    assert vis["accuracy"]["circular_accuracy"] == 0
    assert vis["position"]["letters"]["B"]["percent"] == 100
    assert vis["position"]["consistency"]["same_letter"]["percent"] == 100
    assert "absent" in vis["controls"]
    # A merged run is explained all the same, but for its place.
    lvlm_eval("merge", "out", cwd=tmp_path)
    merged = json.loads(lvlm_eval("explain", "out.zip", "--json", cwd=tmp_path).stdout)
    assert (document.pop("place"), merged.pop("place")) == ("out", "out.zip")
    assert merged == document


def test_a_run_that_grows_by_questions_asked_once_has_no_noise_from_them(tmp_path: Path) -> None:
    """Three questions asked three times, then two more asked once: always B, in four rotations."""
    (tmp_path / "always_b.py").write_text(ADAPTER)
    words = ("--model", "always_b.py", "--data", "sample", "--setting", "vis", "--out", "out")
    lvlm_eval("run", *words, "--limit", "3", "--repeat", "3", cwd=tmp_path)
    lvlm_eval("run", *words, "--limit", "5", cwd=tmp_path)
    document = json.loads(lvlm_eval("explain", "out", "--json", cwd=tmp_path).stdout)
    noise = document["settings"]["vis"]["noise"]
    assert [one["groups"] for one in noise["accuracies"]] == [5, 3, 3]
    assert [one["average_accuracy"] for one in noise["accuracies"]] == [25, 25, 25]
    assert (noise["rows"], noise["row_flips"]["percent"]) == (12, 0)
    for name in ("circular", "average"):
        assert (noise[name]["sd"], noise[name]["difference95"]) == (0, 0)
    assert [one["code"] for one in document["verdict"]] == ["too-few-questions"]


def test_controls_stand_beside_the_run(runs: Path) -> None:
    words = ("explain", "main", "--controls", "no-image", "letter", "--controls", "target-only")
    document = json.loads(lvlm_eval(*words, "--json", cwd=runs).stdout)
    vis = document["settings"]["vis"]["controls"]
    assert [one["control"] for one in vis["controls"]] == ["no-image", "target-only", "letter"]
    assert vis["correspondence"]["part"]["questions"] == 120
    assert "absent" in document["settings"]["desc"]["controls"]
    assert {one["code"] for one in document["verdict"]} == {"confuses-left-right"}


def test_library_and_command_give_the_same_document(runs: Path) -> None:
    document = json.loads(lvlm_eval("explain", "main", "--json", cwd=runs).stdout)
    run = recorded(mixes_up("left", "right"), 1, made_questions(120), settings=SETTINGS)
    assert {**explain(run).to_json(), "place": "main"} == document
    assert all(
        one is None or isinstance(one, str | int) or math.isfinite(one) for one in leaves(document)
    )


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from leaves(one)
    else:
        yield value


@pytest.mark.parametrize("width", [80, 100, 200])
def test_nothing_is_cut_off(width: int) -> None:
    """No cell ends in an ellipsis, no line is wider than the screen; two screens a setting."""
    questions = made_questions(120)
    controls = [
        recorded(guess, 2, questions, control=name)
        for name in ("no-image", "no-markers", "other-source", "target-only", "letter", "mirror")
    ]
    run = recorded(drawn_letter, 1, questions, repeats=2)
    lines = printed(explain(run, controls), width).splitlines()
    assert not [line for line in lines if len(line) > width]
    assert not [line for line in lines if "…" in line]
    assert any(line.startswith("really correspondence: ") for line in lines)
    assert len(lines) <= 115
    assert len(printed(explain(recorded(able(0.8), 1, questions)), width).splitlines()) <= 90


def printed(found: Diagnosis, width: int, every: bool = False) -> str:
    stream = io.StringIO()
    print_diagnosis(found, Console(width=width, file=stream, highlight=False), every)
    return stream.getvalue()


def test_all_prints_every_keypoint() -> None:
    found = explain(recorded(able(0.8), 1, made_questions(120)))
    assert "hinge_lower_left" not in printed(found, 80)
    assert "hinge_lower_left" in printed(found, 80, every=True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), "nowhere does not exist"),
        ((".",), "has no manifest.json: it is not the folder of a run"),
        (("empty",), "empty has no answers yet (12 rows are planned)"),
        (("main", "--parser", "strikt"), "--parser 'strikt' is not known. Did you mean 'strict'?"),
        (("main", "letter"), "one is explained at a time"),
        (("main", "--controls", "empty"), "was run without a control"),
        (("letter", "--controls", "no-image"), "is itself the control 'letter'"),
    ],
)
def test_wrong_use_is_one_line(
    words: tuple[str, ...],
    said: str,
    runs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(runs)
    monkeypatch.setattr("sys.argv", ["lvlm-eval", "explain", *words])
    assert run_command_line() == 2
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert line.startswith("lvlm-eval: ")
    assert said in line
    assert not out

"""``explain --plot``: the reliability diagram."""

import json
from pathlib import Path

from commands import complaint_of, lvlm_eval

from lvlm_eval.diagnosis import explain
from lvlm_eval.diagnosis.answers import Absent
from lvlm_eval.recorded_run import read_run
from lvlm_eval.report.page.figures.spec import LineChart
from lvlm_eval.report.reliability import reliability_figure

SURE = """
import math
from lvlm_eval.records import Response

class Sure:
    def answer(self, requests):
        for number, request in enumerate(requests):
            share = 0.45 + 0.5 * (number % 2)
            rest = math.log((1 - share) / 3)
            scores = {**dict.fromkeys("ACD", rest), "B": math.log(share)}
            yield Response(request.id, text="B", logprobs=scores)
"""


def test_the_diagram_shows_the_bins_of_the_diagnosis(tmp_path: Path) -> None:
    (tmp_path / "sure.py").write_text(SURE)
    run = ("run", "--data", "sample", "--limit", 4, "--setting", "vis,desc")
    lvlm_eval(*run, "--model", "sure.py", "--out", "r", cwd=tmp_path)
    lvlm_eval("explain", "r", "--plot", "r.svg", cwd=tmp_path)
    lvlm_eval("explain", "r", "--plot", "r.png", "--json", cwd=tmp_path)
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
    found = explain(read_run(tmp_path / "r"))
    text = (tmp_path / "r.svg").read_text()
    drawn = reliability_figure(found)
    assert drawn is not None and isinstance(drawn.content, LineChart)
    *lines, ideal = drawn.content.series
    assert ideal.values == (5.0, 15.0, 25.0, 35.0, 45.0, 55.0, 65.0, 75.0, 85.0, 95.0)
    assert [one.id for one in lines] == ["reliability-vis", "reliability-desc"]
    for line in lines:
        # Half of the rows are at 45 %, half at 95 %; B is right in a quarter of all.
        known = [place for place, value in enumerate(line.values) if value is not None]
        assert known == [4, 9]
        values = [line.values[place] for place in known]
        assert sum(one or 0 for one in values) / 2 == 25.0
    for setting in ("vis", "desc"):
        scores = found.settings[setting].scores
        assert not isinstance(scores, Absent)
        assert f"(ECE {scores.expected_calibration_error:.1f})" in text
        assert scores.expected_calibration_error >= 45.0 - 1e-9  # mean of |45 - a| and |95 - b|


def test_what_cannot_be_drawn_is_one_line(tmp_path: Path) -> None:
    lvlm_eval("run", "--model", "random", "--limit", 2, "--out", "r", cwd=tmp_path)

    def said(*words: object) -> str:
        return complaint_of("explain", "r", *words, cwd=tmp_path, status=2)

    assert "none are recorded" in said("--plot", "x.svg")
    assert "ends in none of .svg and .png" in said("--plot", "x.jpg")
    predictions = tmp_path / "r/predictions.jsonl"
    lines = [json.loads(line) for line in predictions.read_text().splitlines()]
    scores = dict.fromkeys("ABCD", -1.0)
    predictions.write_text("".join(json.dumps({**one, "logprobs": scores}) + "\n" for one in lines))
    assert "cannot be written" in said("--plot", "no/where.svg")

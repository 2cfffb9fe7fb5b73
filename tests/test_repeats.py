"""``run --repeat``: every row asked several times, and figures that are those of the first time."""

import json
from collections import Counter
from pathlib import Path

import pytest
from commands import complaint_of, lvlm_eval

from lvlm_eval.recorded_run import read_run
from lvlm_eval.records import PlannedRow

RUN = ("run", "--model", "random++", "--data", "sample", "--limit", 5, "--setting", "vis")


def ids(folder: Path) -> list[str]:
    return [
        json.loads(line)["id"] for line in (folder / "predictions.jsonl").read_text().splitlines()
    ]


def test_ids_say_which_time_it_is() -> None:
    assert PlannedRow("car/1", "vis", 2).id == "car/1/vis/2"
    assert PlannedRow("car/1", "vis", 2, None, 3).id == "car/1/vis/2/r3"
    assert PlannedRow("car/1", "vis", 2, "mirror", 3).id == "car/1/vis/2/mirror/r3"


def test_repeats_are_asked_recorded_and_left_out_of_the_figures(tmp_path: Path) -> None:
    lvlm_eval(*RUN, "--out", "once", cwd=tmp_path)
    lvlm_eval(*RUN, "--out", "thrice", "--repeat", 3, cwd=tmp_path)
    found = ids(tmp_path / "thrice")
    assert len(found) == len(set(found)) == 5 * 4 * 3
    assert Counter(id.rsplit("/", 1)[1] for id in found if "/r" in id) == {"r1": 20, "r2": 20}
    assert (tmp_path / "once/metrics.json").read_bytes() == (
        tmp_path / "thrice/metrics.json"
    ).read_bytes()
    run = read_run(tmp_path / "thrice")
    assert len(run.rows) == 20 and len(run.read_rows) == 60
    assert all(read.status == "ok" for _, read in run.read_rows)
    read = [
        json.loads(line) for line in (tmp_path / "thrice/answers.jsonl").read_text().splitlines()
    ]
    assert Counter(one.get("repeat", 0) for one in read) == {0: 20, 1: 20, 2: 20}


def test_a_run_grows_by_repeats_and_keeps_them(tmp_path: Path) -> None:
    lvlm_eval(*RUN, "--out", "r", cwd=tmp_path)
    first = (tmp_path / "r/predictions.jsonl").read_bytes()
    lvlm_eval(*RUN, "--out", "r", "--repeat", 2, cwd=tmp_path)
    both = (tmp_path / "r/predictions.jsonl").read_bytes()
    assert both.startswith(first) and len(ids(tmp_path / "r")) == 40
    lvlm_eval(*RUN, "--out", "r", cwd=tmp_path)  # asks nothing, forgets nothing
    assert (tmp_path / "r/predictions.jsonl").read_bytes() == both
    assert all(one.repeats == {"vis": 2} for one in read_run(tmp_path / "r").questions.values())
    status = json.loads(lvlm_eval("status", "r", "--json", cwd=tmp_path).stdout)
    one = (status.get("runs") or [status])[0]
    assert (one["planned"], one["done"], one["extra"]) == (40, 40, 0)


def test_another_setting_is_asked_once_unless_told_otherwise(tmp_path: Path) -> None:
    lvlm_eval(*RUN, "--out", "r", "--repeat", 2, cwd=tmp_path)
    words = [one if one != "vis" else "all" for one in RUN]
    lvlm_eval(*words, "--out", "r", cwd=tmp_path)
    status = json.loads(lvlm_eval("status", "r", "--json", cwd=tmp_path).stdout)
    one = (status.get("runs") or [status])[0]
    assert (one["planned"], one["done"]) == (80, 80)


def test_random_answers_differ_between_repeats(tmp_path: Path) -> None:
    words = [one.replace("++", "") if isinstance(one, str) else one for one in RUN]
    lvlm_eval(*words, "--out", "r", "--repeat", 4, cwd=tmp_path)
    run = read_run(tmp_path / "r")
    by_row: dict[tuple[str, int], set[str]] = {}
    for row, _ in run.read_rows:
        prediction = run.prediction(row)
        assert prediction is not None
        by_row.setdefault((row.question, row.rotation), set()).add(prediction.text)
    assert any(len(texts) > 1 for texts in by_row.values())


@pytest.mark.parametrize("count", ["0", "-1", "two"])
def test_no_number_of_times_is_one_line(tmp_path: Path, count: str) -> None:
    assert "--repeat" in complaint_of(*RUN, "--repeat", count, cwd=tmp_path, status=2)

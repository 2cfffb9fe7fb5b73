"""``status``, ``merge`` and ``--log-json`` through the real command line."""

import json
import signal
import subprocess
import time
import zipfile
from pathlib import Path

import pytest
from commands import ENVIRONMENT, command, complaint_of, lvlm_eval
from making import write_tree
from test_shards import SLOW

PRICES = 'currency = "EUR"\n["Tells"]\ninput = 1000.0\noutput = 2000.0\n'
TELLS = """
from lvlm_eval.records import Response


class Tells:
    def answer(self, requests):
        for number, request in enumerate(requests):
            if request.id.startswith("car/00002") and request.rotation == 3:
                yield Response(request.id, status="error", error="no luck")
            else:
                usage = {"prompt_tokens": 10, "completion_tokens": 1}
                yield Response(request.id, text="B", usage=usage)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tells.py").write_text(TELLS)
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "prices.toml").write_text(PRICES)
    return write_tree(tmp_path / "tree", ("car",), images=4)


def run(tree: Path, *words: object, status: int = 0) -> subprocess.CompletedProcess[str]:
    words = ("run", "--data", tree, "--out", "r", *words)
    return lvlm_eval(*words, cwd=tree.parent, status=status)


def status_of(folder: Path, *words: object) -> dict:
    (one,) = json.loads(lvlm_eval("status", "r", "--json", *words, cwd=folder).stdout)["runs"]
    return one


def test_a_run_is_told_by_shard_with_failures_and_cost(tree, tmp_path):
    words = ("run", "--data", tree, "--out", "r", "--model", "tells.py", "--shard")
    statuses = set()
    for part in ("1/2", "2/2"):
        done = subprocess.run(command(*words, part), cwd=tmp_path, env=ENVIRONMENT)
        statuses.add(done.returncode)
        half = status_of(tmp_path)
        missing = {"1/2": 24, "2/2": 0}[part]
        assert half["missing"] == missing == 48 - half["done"] - half["failed"]
    assert statuses == {0, 3}  # one of the shards has the question that fails
    whole = status_of(tmp_path, "--prices", "prices.toml")
    assert (whole["planned"], whole["done"], whole["failed"], whole["missing"]) == (48, 45, 3, 0)
    assert [part["shard"] for part in whole["parts"]] == ["1/2", "2/2"]
    assert sum(part["done"] for part in whole["parts"]) == 45
    assert [part["planned"] for part in whole["parts"]] == [24, 24]
    assert whole["settings"]["vis"] == {"planned": 16, "done": 15}
    assert whole["tokens"] == {"prompt": 450, "completion": 45}
    assert whole["cost"] == pytest.approx(45 * (10 * 1000 + 2000) / 1e6)
    text = lvlm_eval("status", ".", "--prices", "prices.toml", cwd=tmp_path).stdout
    assert "shard 2/2" in text
    assert "0.5400 EUR" in text


def test_damaged_files_are_read_as_far_as_they_go(tree, tmp_path):
    run(tree, "--model", "random++")
    path = tmp_path / "r" / "predictions.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    doubled, torn, cut = lines[0], lines[1][:40] + b"\n", lines[2][:50]
    path.write_bytes(b"".join([*lines[:-1], doubled, torn, cut]))
    (tmp_path / "r" / "predictions-9-of-9.jsonl").write_bytes(lines[3])
    told = status_of(tmp_path)
    assert (told["planned"], told["done"], told["missing"]) == (48, 47, 1)
    ninth, own = told["parts"]
    assert (own["repeated"], own["unreadable"], own["shard"]) == (1, 1, None)
    assert (ninth["shard"], ninth["done"]) == ("9/9", 1)


def test_a_run_is_watched_while_it_goes(tree, tmp_path):
    (tmp_path / "slow.py").write_text(SLOW.replace("0.02", "0.4"))
    words = ("run", "--model", "slow.py", "--data", tree, "--out", "r", "--log-json")
    with subprocess.Popen(
        command(*words), cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True
    ) as running:
        path = tmp_path / "r" / "predictions.jsonl"
        while not path.exists() or path.read_bytes().count(b"\n") < 3:
            assert running.poll() is None
            time.sleep(0.02)
        told = status_of(tmp_path)
        assert 3 <= told["done"] < 48
        assert 1 < told["rate"] < 3
        assert 5 < told["seconds_left"] < 50
        assert "another process is writing" in complaint_of("merge", "r", cwd=tmp_path, status=2)
        running.send_signal(signal.SIGUSR1)
        _, stderr = running.communicate(timeout=60)
    assert running.returncode == 4
    events = [json.loads(line) for line in stderr.splitlines()]
    assert [events[0]["event"], events[-2]["event"]] == ["start", "progress"]
    assert events[0]["planned"] == 48
    assert events[-2]["done"] == status_of(tmp_path)["done"]
    assert "stopped by SIGUSR1" in events[-1]["text"]
    assert all(event["at"].endswith("+00:00") for event in events)


def test_failures_and_complaints_are_json_too(tree, tmp_path):
    done = run(tree, "--model", "tells.py", "--log-json", status=3)
    events = [json.loads(line) for line in done.stderr.splitlines()]
    failed = [event for event in events if event["event"] == "failed"]
    assert {event["error"] for event in failed} == {"no luck"}
    assert len(failed) == 3
    assert any("3 of 48 requests failed" in event.get("text", "") for event in events)
    wrong = lvlm_eval("run", "--model", "x", "--log-json", cwd=tmp_path, status=2)
    assert "model 'x'" in json.loads(wrong.stderr)["text"]


def test_a_merged_run_scores_as_its_folder_and_is_a_run_again(tree, tmp_path):
    for part in ("1/3", "2/3", "3/3"):
        run(tree, "--model", "random++", "--shard", part)
    before = json.loads(lvlm_eval("score", "r", "--json", cwd=tmp_path).stdout)
    done = lvlm_eval("merge", "r", "--json", cwd=tmp_path)
    told = json.loads(done.stdout)
    assert (told["rows"], told["missing"], told["errors"], told["files"]) == (48, 0, 0, 3)
    first = (tmp_path / "r.zip").read_bytes()
    lvlm_eval("merge", "r", cwd=tmp_path)
    assert (tmp_path / "r.zip").read_bytes() == first
    after = json.loads(lvlm_eval("score", "r.zip", "--json", cwd=tmp_path).stdout)
    assert {**after, "place": ""} == {**before, "place": ""}
    with zipfile.ZipFile(tmp_path / "r.zip") as archive:
        archive.extractall(tmp_path / "again")
        text = archive.read("predictions.jsonl").decode()
        metrics = archive.read("metrics.json")
    assert metrics == (tmp_path / "r" / "metrics.json").read_bytes()
    assert len({json.loads(line)["id"] for line in text.splitlines()}) == 48
    words = ("run", "--model", "random++", "--data", tree, "--out", "again")
    assert "48 of 48 rows were answered before" in lvlm_eval(*words, cwd=tmp_path).stderr


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("status", "nowhere"), "nowhere is no folder"),
        (("status", "tree"), "holds no run"),
        (("merge", "tree"), "is not the folder of a run"),
        (("merge", "r", "--out", "r.tar"), "ending in .zip"),
        (("merge", "r", "--out", "/proc/x.zip"), "cannot be written"),
        (("score", "broken.zip"), "cannot be read as a zip archive"),
        (("score", "other.zip"), "is no run that 'lvlm-eval merge' wrote"),
    ],
)
def test_mistakes_are_one_line(tree, tmp_path, words, wanted):
    run(tree, "--model", "random++")
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 not a zip")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("x", "y")
    assert wanted in complaint_of(*words, cwd=tmp_path, status=2)


@pytest.mark.parametrize("more", [(), ("--log-json",)])
def test_a_log_that_nobody_reads_any_more_costs_no_row(tree, tmp_path, more):
    (tmp_path / "talks.py").write_text(
        TELLS.replace("    def answer", "    chunk = 2\n\n    def answer").replace(
            "        for number", "        self.tell('on and on')\n        for number"
        )
    )
    words = ("run", "--model", "talks.py", "--data", tree, "--out", "r", *more)
    with subprocess.Popen(
        command(*words), cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    ) as running:  # fmt: skip
        assert running.stderr is not None
        running.stderr.close()
    told = status_of(tmp_path)
    assert (told["done"], told["failed"]) == (45, 3)  # those that the model itself fails
    lines = (tmp_path / "r" / "predictions.jsonl").read_text().splitlines()
    assert {json.loads(line)["error"] for line in lines} == {None, "no luck"}

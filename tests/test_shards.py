"""Several processes share a run: each asks its part, and the parts make the whole, once."""

import json
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from commands import ENVIRONMENT, command, complaint_of, lvlm_eval
from hypothesis import given
from hypothesis import strategies as st
from making import write_tree

from lvlm_eval.errors import InputError
from lvlm_eval.records import Question
from lvlm_eval.runs.shards import Shard, parse_shard

SLOW = """
import time
from lvlm_eval.records import Response


class Slow:
    chunk = 4

    def answer(self, requests):
        for request in requests:
            time.sleep(0.02)
            yield Response(request.id, text="Answer: B")
"""


def question(name: str) -> Question:
    return Question(name, None, None, "c", None, None, None, None, (), None, None, None)


@given(st.sets(st.text(min_size=1, max_size=8), max_size=60), st.integers(1, 9))
def test_shards_are_a_partition_of_equal_parts(names, count):
    questions = [question(name) for name in sorted(names)]
    parts = [Shard(number, count).of(questions) for number in range(1, count + 1)]
    assert sorted(one.id for part in parts for one in part) == sorted(names)
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    for part in parts:
        assert [one.id for one in part] == sorted(one.id for one in part)  # in their order
    # It depends on the ids alone, not on the order in which they come.
    assert {one.id for one in Shard(1, count).of(questions[::-1])} == {one.id for one in parts[0]}


def test_every_shard_has_some_of_every_category():
    names = [f"{category}/{number}" for number in range(20) for category in "abcdefghij"]
    for number in range(1, 11):
        part = Shard(number, 10).of([question(name) for name in names])
        assert len({one.id[0] for one in part}) > 5


@pytest.mark.parametrize(
    "text", ["", "3", "0/4", "5/4", "-1/4", "1/0", "a/b", "1/2/3", "1/999999999"]
)
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(InputError, match="write I/N"):
        parse_shard(text)
    assert parse_shard(" 2/3 ") == Shard(2, 3)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "tree", ("car",), images=9)


def predictions(folder: Path) -> list[dict]:
    files = sorted(folder.glob("predictions*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_shards_at_the_same_time_make_the_run_of_one_process(tree, tmp_path):
    words = ("run", "--model", "random++", "--data", tree)
    lvlm_eval(*words, "--out", "whole", cwd=tmp_path)
    running = [
        subprocess.Popen(
            command(*words, "--out", "parts", "--shard", f"{number}/3"),
            cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for number in (1, 2, 3)
    ]  # fmt: skip
    for one in running:
        _, stderr = one.communicate(timeout=120)
        assert one.returncode == 0, stderr
    lvlm_eval("score", "parts", cwd=tmp_path)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for name in ("metrics.json", "questions.jsonl", "answers.jsonl"):
        assert (whole / name).read_bytes() == (parts / name).read_bytes()
    counts = Counter(one["id"] for one in predictions(parts))
    assert set(counts.values()) == {1}
    assert len(counts) == len(predictions(whole)) == 9 * 12
    sizes = [len(file.read_text().splitlines()) for file in parts.glob("predictions-*.jsonl")]
    assert sizes == [36, 36, 36]
    calls = json.loads((parts / "manifest.json").read_text())["recorded"]["calls"]
    assert sorted(call["shard"] for call in calls) == ["1/3", "2/3", "3/3"]


def test_another_number_of_shards_keeps_every_answer(tree, tmp_path):
    words = ("run", "--model", "random++", "--data", tree, "--out", "r")
    first = lvlm_eval(*words, "--shard", "2/3", cwd=tmp_path)
    assert "INCOMPLETE" in first.stdout
    before = {one["id"]: one for one in predictions(tmp_path / "r")}
    lvlm_eval(*words, "--shard", "1/2", cwd=tmp_path)
    lvlm_eval(*words, "--shard", "2/2", cwd=tmp_path)
    done = predictions(tmp_path / "r")
    assert set(Counter(one["id"] for one in done).values()) == {1}
    assert len(done) == 9 * 12
    assert all(one in done for one in before.values())
    last = lvlm_eval(*words, "--json", cwd=tmp_path)  # the whole run has nothing left to ask
    assert json.loads(last.stdout)["settings"]["vis"]["complete"]


def wait_for_answers(folder: Path, process: subprocess.Popen) -> None:
    while not list(folder.glob("predictions*.jsonl")):
        assert process.poll() is None
        time.sleep(0.02)


def test_who_may_write_at_the_same_time_and_who_not(tree, tmp_path):
    (tmp_path / "slow.py").write_text(SLOW.replace("0.02", "0.5"))
    words = ("run", "--model", "slow.py", "--data", tree, "--out", "r")
    with subprocess.Popen(
        command(*words, "--shard", "1/2"), cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.PIPE
    ) as running:
        wait_for_answers(tmp_path / "r", running)
        same = complaint_of(*words, "--shard", "1/2", cwd=tmp_path, status=2)
        assert "another process is writing to shard 1/2 of r" in same
        other = complaint_of(*words, "--shard", "1/3", cwd=tmp_path, status=2)
        assert "shard 1/2 of r is being written" in other
        assert "shard 1/3 would ask" in other
        whole = complaint_of(*words, cwd=tmp_path, status=2)
        assert "the whole run would ask" in whole
        running.send_signal(signal.SIGUSR1)
        running.communicate(timeout=30)
        assert running.returncode == 4
    (tmp_path / "slow.py").write_text(SLOW.replace("0.02", "0.0"))
    lvlm_eval(*words, "--shard", "2/2", cwd=tmp_path)
    lvlm_eval(*words, cwd=tmp_path)  # what the stopped one left
    done = predictions(tmp_path / "r")
    assert set(Counter(one["id"] for one in done).values()) == {1}
    assert len(done) == 9 * 12


def test_a_killed_shard_loses_nothing_and_asks_nothing_twice(tree, tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    words = ("run", "--model", "slow.py", "--data", tree, "--out", "r", "--shard", "1/2")
    for _ in range(3):
        process = subprocess.Popen(
            command(*words), cwd=tmp_path, env=ENVIRONMENT,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        before = len(list(tmp_path.glob("r/predictions*"))) and len(predictions(tmp_path / "r"))
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            lines = [file.read_bytes().count(b"\n") for file in tmp_path.glob("r/predictions*")]
            if sum(lines) > before + 5:
                break
            time.sleep(0.01)
        process.kill()
        process.wait()
    lvlm_eval(*words, cwd=tmp_path)
    text = (tmp_path / "r" / "predictions-1-of-2.jsonl").read_text()
    ids = [json.loads(line)["id"] for line in text.splitlines() if line.endswith("}")]
    assert len(ids) == len(set(ids)) == 5 * 12

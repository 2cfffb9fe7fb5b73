"""Runs on a Ray cluster: real nodes, real worker processes, real kills."""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from commands import ENVIRONMENT, KEY, command, lvlm_eval

QUESTIONS = 16
ROWS = QUESTIONS * 12
RUN = ("run", "--model", "tells.py", "--data", "tree", "--out", "r")
RAY = {**ENVIRONMENT, "RAY_AUTH_MODE": "disabled"}


def on(cluster: Any, *more: object) -> tuple[object, ...]:
    return (*RUN, "--engine", "ray", "--address", cluster.address, *more)


def start(*words: object, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*words), cwd=cwd, env=RAY, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def ended(process: subprocess.Popen[str], status: int = 0) -> tuple[str, str]:
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == status, (stdout, stderr)
    assert "Traceback" not in stderr
    return stdout, stderr


def complaint(stderr: str) -> str:
    (line,) = [one for one in stderr.splitlines() if one.startswith("lvlm-eval: ")]
    return line


def rows(folder: Path) -> list[dict[str, Any]]:
    path = folder / "predictions.jsonl"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue  # torn by a kill
    return found


def check_each_once(folder: Path) -> None:
    counts = Counter(one["id"] for one in rows(folder) if one["status"] == "ok")
    assert set(counts.values()) == {1}
    assert len(counts) == ROWS


def content(folder: Path) -> dict[str, tuple[object, ...]]:
    names = ("text", "status", "images", "prompt_sha256", "options", "answer")
    return {one["id"]: tuple(str(one[name]) for name in names) for one in rows(folder)}


def wait_until(process: subprocess.Popen[str], true: Any) -> None:
    deadline = time.monotonic() + 90
    while not true():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def workers_of(folder: Path) -> set[int]:
    return {int(one["served_model"]) for one in rows(folder)}


def wait_until_gone(pids: set[int]) -> None:
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_it_gives_what_a_plain_run_gives(cluster: Any, place: Path) -> None:
    words = on(cluster, "--workers", 4, "--model-arg", "seconds=0.04")
    stdout, _ = ended(start(*words, cwd=place))
    assert stdout.count("results: r") == 1
    check_each_once(place / "r")
    assert len(workers_of(place / "r")) > 1
    lvlm_eval(*RUN[:-1], "plain", cwd=place)
    assert content(place / "r") == content(place / "plain")
    for name in ("metrics.json", "questions.jsonl"):
        assert (place / "r" / name).read_bytes() == (place / "plain" / name).read_bytes()
    # Nothing is left to ask, so Ray is not even connected.
    ended(start(*RUN, "--engine", "ray", "--address", "127.0.0.1:1", cwd=place))


def test_without_an_address_ray_is_started_here(place: Path) -> None:
    ended(start(*RUN, "--engine", "ray", "--workers", 2, "--limit", 4, cwd=place))
    assert len(rows(place / "r")) == 4 * 12
    lvlm_eval(*RUN, cwd=place)  # a plain run goes on
    check_each_once(place / "r")


def test_a_killed_worker_costs_nothing_but_time(cluster: Any, place: Path) -> None:
    process = start(*on(cluster, "--workers", 2, "--model-arg", "seconds=0.05"), cwd=place)
    wait_until(process, lambda: len(rows(place / "r")) > 8)
    killed = min(workers_of(place / "r"))
    os.kill(killed, signal.SIGKILL)
    _, stderr = ended(process)
    assert "was lost (its process was ended)" in stderr
    check_each_once(place / "r")
    assert len(workers_of(place / "r")) >= 2


def test_a_removed_node_costs_nothing_but_time(cluster: Any, place: Path) -> None:
    node = cluster.add_node(num_cpus=2)
    try:
        process = start(*on(cluster, "--workers", 6, "--model-arg", "seconds=0.25"), cwd=place)
        wait_until(process, lambda: len(workers_of(place / "r")) == 6)
    finally:
        cluster.remove_node(node, allow_graceful=False)
    _, stderr = ended(process)
    assert stderr.count("was lost") == 2
    check_each_once(place / "r")


def test_a_killed_command_leaves_no_worker_and_goes_on(cluster: Any, place: Path) -> None:
    words = on(cluster, "--workers", 3, "--model-arg", "seconds=0.05")
    for _ in range(2):
        before = len(rows(place / "r"))
        process = start(*words, cwd=place)
        wait_until(process, lambda before=before: len(rows(place / "r")) > before + 8)
        process.kill()
        process.communicate()
        wait_until_gone(workers_of(place / "r"))
    kept = {one["id"] for one in rows(place / "r")}
    assert 16 < len(kept) < ROWS
    ended(start(*words, cwd=place))
    check_each_once(place / "r")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_stops_it_cleanly(cluster: Any, place: Path, number: signal.Signals) -> None:
    process = start(*on(cluster, "--workers", 2, "--model-arg", "seconds=0.1"), cwd=place)
    wait_until(process, lambda: len(rows(place / "r")) > 2)
    began = time.monotonic()
    process.send_signal(number)
    _, stderr = ended(process, 4)
    assert time.monotonic() - began < 20
    assert f"stopped by {number.name}" in complaint(stderr)
    wait_until_gone(workers_of(place / "r"))
    assert 0 < len(rows(place / "r")) < ROWS
    assert all(line.endswith("}") for line in (place / "r/predictions.jsonl").read_text().split())


def test_a_model_that_always_fails_stops_the_run(cluster: Any, place: Path) -> None:
    (place / "tells.py").write_text(
        (place / "tells.py").read_text().replace("time.sleep(self.seconds)", "1 / 0")
    )
    _, stderr = ended(start(*on(cluster, "--workers", 2), cwd=place), 4)
    line = complaint(stderr)
    assert "the model failed 3 times in a row without one answer" in line
    assert "ZeroDivisionError" in line
    assert all(one["status"] == "error" for one in rows(place / "r"))
    assert len(rows(place / "r")) <= 2 * 3 * 4


def test_a_question_that_ends_every_worker_fails_alone(cluster: Any, place: Path) -> None:
    code = (place / "tells.py").read_text()
    fatal = "if request.question == FATAL: os.kill(os.getpid(), 9)\n            time.sleep"
    lvlm_eval(*RUN[:-1], "plain", cwd=place)
    question = sorted({one["question"] for one in rows(place / "plain")})[5]
    (place / "tells.py").write_text(
        f"FATAL = {question!r}\n" + code.replace("time.sleep", fatal, 1)
    )
    _, stderr = ended(start(*on(cluster, "--workers", 2), cwd=place), 3)
    assert f"12 of {ROWS} requests failed" in complaint(stderr)
    failed = [one for one in rows(place / "r") if one["status"] == "error"]
    assert {one["question"] for one in failed} == {question}
    assert "3 workers were lost on this question" in failed[0]["error"]
    (place / "tells.py").write_text(code)
    ended(start(*on(cluster, "--workers", 1), cwd=place))
    check_each_once(place / "r")


def test_what_a_worker_says_arrives_without_keys(cluster: Any, place: Path) -> None:
    code = (place / "tells.py").read_text()
    code = code.replace("seconds: float = 0.0", "seconds: float = 0.0, api_key: str = ''")
    code = code.replace("self.seconds = seconds", "self.seconds, self.key = seconds, api_key")
    code = code.replace(
        "def answer(self, requests):",
        """def answer(self, requests):
        self.tell(f"I know {self.key} and {os.environ['TOLD_BY_THE_COMMAND']}")""",
    )
    code = code.replace("text=letter", "text=letter, reasoning=f'the key is {self.key}'")
    (place / "tells.py").write_text(code)
    words = on(cluster, "--workers", 2, "--limit", 3, "--model-arg", f"api_key={KEY}")
    process = subprocess.Popen(
        command(*words), cwd=place, env={**RAY, "TOLD_BY_THE_COMMAND": "a word"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    stdout, stderr = ended(process)
    assert "I know (not recorded) and a word" in stderr
    written = "".join(path.read_text() for path in (place / "r").iterdir())
    assert "the key is (not recorded)" in written
    assert KEY not in stdout + stderr + written


def test_what_ray_cannot_do_is_said_in_one_line(cluster: Any, place: Path) -> None:
    for more, said in (
        (("--address", "127.0.0.1:1"), "cluster at '127.0.0.1:1' cannot be reached"),
        (("--address", "somewhere"), "it is no HOST:PORT"),
        (("--address", "ray://127.0.0.1:10001"), "Ray's client protocol cannot be used here"),
        (
            ("--address", cluster.address, "--gpus-per-worker", "1"),
            "--gpus-per-worker 1 cannot be had: of the 2 nodes of the Ray cluster none has a GPU",
        ),
    ):
        process = start(*RUN, "--engine", "ray", *more, cwd=place)
        _, stderr = ended(process, 2)
        assert said in complaint(stderr)
        assert stderr.count("\n") == 1


def test_each_worker_has_gpus_of_its_own(cluster: Any, place: Path) -> None:
    """Ray counts GPUs that it is told of, and hands out their numbers, whether they are there."""
    code = (place / "tells.py").read_text()
    (place / "tells.py").write_text(
        code.replace("str(os.getpid())", "os.environ['CUDA_VISIBLE_DEVICES']")
    )
    node = cluster.add_node(num_cpus=4, num_gpus=2)
    try:
        more = ("--model-arg", "seconds=0.05", "--gpus-per-worker")
        ended(start(*on(cluster, *more, 1), cwd=place))  # as many workers as there is room for
        process = start(*on(cluster, *more, 3), "--setting", "desc", cwd=place)
        ended(process)  # complete, so nobody looks for GPUs
        process = start(*RUN[:-1], "other", *on(cluster, *more, 3)[7:], cwd=place)
        _, stderr = ended(process, 2)
    finally:
        cluster.remove_node(node)
    check_each_once(place / "r")
    assert {one["served_model"] for one in rows(place / "r")} == {"0", "1"}
    assert "of the 3 nodes of the Ray cluster the most that one has is 2" in complaint(stderr)

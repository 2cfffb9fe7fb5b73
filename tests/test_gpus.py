"""One process a GPU, watched by the command; the GPUs are only numbers here."""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest
from commands import ENVIRONMENT, command, complaint_of, lvlm_eval
from making import write_tree

from lvlm_eval.cli.gpu_words import parse_gpus, words_for_child
from lvlm_eval.errors import InputError

MODEL = """
import os, signal, time
from pathlib import Path
from lvlm_eval.records import Response


class Tells:
    chunk = 4
    needs_pictures = False
    incidental = {"seconds", "die"}

    def __init__(self, seconds: float = 0.0, die: str = ""):
        self.seconds, self.die = seconds, die
        self.gpu = os.environ.get("CUDA_VISIBLE_DEVICES")

    def answer(self, requests):
        self.tell("the model is ready")
        for request in requests:
            time.sleep(self.seconds)
            letter = "ABCD"[sum(request.id.encode()) % 4]
            yield Response(request.id, text=letter, served_model=f"gpu {self.gpu}")
            if str(self.die) == self.gpu and not Path("died").exists():
                Path("died").touch()
                os.kill(os.getpid(), signal.SIGKILL)
"""
ROWS = 9 * 12


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a dataset of nine questions and a model."""
    write_tree(tmp_path / "tree", ("car",), images=9)
    (tmp_path / "tells.py").write_text(MODEL)
    return tmp_path


RUN = ("run", "--model", "tells.py", "--data", "tree", "--out", "r")


def rows(folder: Path) -> list[dict]:
    files = sorted(folder.glob("predictions*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines() if line]


def check_each_once(folder: Path) -> None:
    counts = Counter(one["id"] for one in rows(folder))
    assert set(counts.values()) == {1}
    assert len(counts) == ROWS


def start(*words: object, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*words), cwd=cwd, env=ENVIRONMENT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def wait_for_rows(folder: Path, process: subprocess.Popen[str], files: int, count: int) -> None:
    while True:
        found = list(folder.glob("predictions*.jsonl"))
        lines = [file.read_bytes().count(b"\n") for file in found]
        if len(lines) >= files and min(lines) >= count:
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def processes_of(folder: Path) -> list[int]:
    """Processes that write to a run."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"--shard" in words and str(folder).encode() in words:
            found.append(int(entry.name))
    return found


def test_lists_of_gpus() -> None:
    assert parse_gpus("0, 2,11") == ("0", "2", "11")
    assert parse_gpus("0+1,2+3") == ("0,1", "2,3")
    assert parse_gpus("GPU-8a0f-2b,MIG-1c/2/0") == ("GPU-8a0f-2b", "MIG-1c/2/0")
    for text in ("", "0,", "a", "0-3", "0,1,x", "-1"):
        with pytest.raises(InputError, match="no list of GPUs"):
            parse_gpus(text)
    with pytest.raises(InputError, match="GPU 1 twice"):
        parse_gpus("0+1,1")


def test_what_each_process_is_told() -> None:
    words = [
        *("run", "--model", "m.py", "--gpus", "0,1", "--json", "--out=x", "--prices", "p.toml"),
        *("--log-json", "--limit", "3", "--gpus=2"),
    ]
    expected = ["run", "--model", "m.py", "--limit", "3", "--out", "there"]
    assert words_for_child(words, Path("there")) == expected


def test_each_gpu_gets_its_part_and_the_table_is_printed_once(place: Path) -> None:
    done = lvlm_eval(*RUN, "--gpus", "4,6+7", cwd=place)
    assert done.stdout.count("results: r") == 1
    assert done.stderr.count("the model is ready") == 1
    check_each_once(place / "r")
    by_gpu = Counter(one["served_model"] for one in rows(place / "r"))
    assert sorted(by_gpu) == ["gpu 4", "gpu 6,7"]
    assert min(by_gpu.values()) == 4 * 12
    lvlm_eval(*RUN[:-1], "plain", cwd=place)
    for name in ("metrics.json", "questions.jsonl"):
        assert (place / "r" / name).read_bytes() == (place / "plain" / name).read_bytes()
    again = lvlm_eval(*RUN, "--gpus", "0", "--json", cwd=place)
    assert json.loads(again.stdout)["settings"]["vis"]["complete"]
    check_each_once(place / "r")


def test_a_killed_process_is_started_again(place: Path) -> None:
    words = (*RUN, "--gpus", "0,1", "--model-arg", "die=1", "--model-arg", "seconds=0.01")
    done = lvlm_eval(*words, cwd=place)
    assert "GPU 1: the process was killed by SIGKILL; once more" in done.stderr
    check_each_once(place / "r")


def test_one_that_is_always_killed_is_given_up(place: Path) -> None:
    text = MODEL.replace("for request in requests:", "os.kill(os.getpid(), 9)", 1)
    text = text.split("            time.sleep")[0]
    (place / "tells.py").write_text(
        text.replace("os.kill", "if self.gpu == '1': os.kill")
        + """
        for request in requests:
            yield Response(request.id, text="A")
"""
    )
    line = complaint_of(*RUN, "--gpus", "0,1", cwd=place, status=4)
    assert "GPU 1: its process was killed by SIGKILL 3 times in a row without one answer" in line
    assert line.count("the same command goes on") == 1
    done = rows(place / "r")
    assert 4 * 12 <= len(done) < ROWS  # the other one has done its part


def test_a_signal_is_passed_on_and_waited_for(place: Path) -> None:
    words = (*RUN, "--gpus", "0,1", "--model-arg", "seconds=0.1")
    process = start(*words, cwd=place)
    wait_for_rows(place / "r", process, 2, 1)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 4
    assert time.monotonic() - began < 20
    (line,) = [one for one in stderr.splitlines() if one.startswith("lvlm-eval: ")]
    assert "stopped by SIGTERM" in line
    assert not processes_of(Path("r"))
    before = len(rows(place / "r"))
    assert 0 < before < ROWS
    lvlm_eval(*RUN, "--gpus", "0,1,2", cwd=place)
    check_each_once(place / "r")


def test_its_processes_end_with_the_command(place: Path) -> None:
    out = place / "killed"
    words = (*RUN[:-1], out, "--gpus", "0,1", "--model-arg", "seconds=0.1")
    process = start(*words, cwd=place)
    wait_for_rows(out, process, 2, 1)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 30
    while processes_of(out):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    lvlm_eval(*RUN[:-1], out, "--gpus", "0,1", cwd=place)
    check_each_once(out)


def test_what_fails_everywhere_is_said_once(place: Path) -> None:
    lvlm_eval(*RUN, "--limit", 1, cwd=place)
    (place / "tells.py").write_text(MODEL.replace("die: str", "kind=3, die: str"))
    line = complaint_of(*RUN, "--gpus", "0,1", cwd=place, status=2)
    assert line.startswith("lvlm-eval: r holds another run")


def test_failed_rows_end_with_status_three(place: Path) -> None:
    answer = 'Response(request.id, text=letter, served_model=f"gpu {self.gpu}")'
    failure = 'Response(request.id, status="error", error="no such luck")'
    assert answer in MODEL
    (place / "tells.py").write_text(
        MODEL.replace(answer, f"{failure} if self.gpu == '1' else {answer}")
    )
    done = lvlm_eval(*RUN, "--gpus", "0,1", "--limit", 4, cwd=place, status=3)
    (line,) = [one for one in done.stderr.splitlines() if one.startswith("lvlm-eval: ")]
    assert f"24 of {4 * 12} requests failed, most often: no such luck" in line
    lvlm_eval(*RUN, "--gpus", "0", cwd=place)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--shard", "1/2"), "--gpus cannot be used with --shard"),
        (("--engine", "ray"), "--gpus cannot be used with --engine"),
        (("--max-requests", "5"), "--gpus cannot be used with --max-requests"),
    ],
)
def test_what_does_not_go_together(place: Path, more: tuple[str, ...], said: str) -> None:
    assert said in complaint_of(*RUN, "--gpus", "0,1", *more, cwd=place, status=2)


def test_flags_of_ray_are_for_ray(place: Path) -> None:
    for words in (("--workers", "2"), ("--address", "auto"), ("--gpus-per-worker", "1")):
        line = complaint_of(*RUN, *words, cwd=place, status=2)
        assert f"{words[0]} is for --engine ray" in line
    assert "'rai' is not known" in complaint_of(*RUN, "--engine", "rai", cwd=place, status=2)
    assert os.environ.get("LVLM_EVAL_PARENT") is None


def test_without_ray_the_package_is_named(place: Path) -> None:
    found = find_spec("ray")
    if found is not None and found.origin is not None:
        pytest.skip("ray is installed")
    line = complaint_of(*RUN, "--engine", "ray", cwd=place, status=2)
    assert "pip install 'lvlm-eval[ray]'" in line


def test_money_cannot_be_shared_by_workers(place: Path) -> None:
    prices = place / "prices.toml"
    prices.write_text('[models."tells.py"]\nprompt = 1.0\ncompletion = 1.0\n')
    words = ("--engine", "ray", "--max-cost", "1", "--prices", prices)
    line = complaint_of(*RUN, *words, cwd=place, status=2)
    assert "--max-cost cannot be kept by --engine ray" in line

"""A page that is written again when answers come."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from commands import ENVIRONMENT, command, complaint_of
from report_runs import make_run

from lvlm_eval.report.page.watching import changes


def test_changes_are_told_once_each(tmp_path: Path) -> None:
    make_run(tmp_path / "runs" / "one")
    answers = tmp_path / "runs" / "one" / "predictions.jsonl"
    steps: list[Callable[[], object]] = [
        lambda: None,
        lambda: answers.write_text(answers.read_text() + "{}\n"),
        lambda: (tmp_path / "runs" / "notes.txt").write_text("not of a run"),
        lambda: os.utime(answers, ns=(1, 1)),
        lambda: make_run(tmp_path / "runs" / "two"),
        lambda: (tmp_path / "runs" / "three.zip").write_bytes(b"PK"),
        lambda: answers.unlink(),
    ]
    told = [0] * (len(steps) + 1)
    waited: list[float] = []

    class EnoughError(Exception):
        pass

    def sleep(seconds: float) -> None:
        if len(waited) == len(steps):
            raise EnoughError
        steps[len(waited)]()
        waited.append(seconds)

    with pytest.raises(EnoughError):
        for _ in changes([tmp_path / "runs"], 7.0, sleep):
            told[len(waited)] += 1
    assert told == [1, 0, 1, 0, 1, 1, 1, 1]
    assert set(waited) == {7.0}


def test_the_folder_of_a_run_itself_is_watched(tmp_path: Path) -> None:
    run = make_run(tmp_path / "one")
    looks = changes([run], 1.0, lambda _: (run / "predictions.jsonl").write_text(""))
    next(looks)
    next(looks)


@pytest.mark.parametrize("other", [["--json"], ["--format", "csv"]])
def test_only_a_page_is_written_again(tmp_path: Path, other: list[str]) -> None:
    make_run(tmp_path / "run")
    told = complaint_of("report", "run", "--watch", "5", *other, cwd=tmp_path, status=2)
    assert " ".join(other) in told


@pytest.mark.slow
def test_the_command_goes_on_until_it_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    page = tmp_path / "page.html"
    words = ("report", "runs", "--watch", "1", "--samples", "0", "--out", page)
    process = subprocess.Popen(command(*words), cwd=tmp_path, env=ENVIRONMENT)
    try:
        make_run(tmp_path / "runs" / "one", model="first-model")
        _wait_for(page, "first-model")
        assert '<meta http-equiv="refresh" content="1">' in page.read_text(encoding="utf-8")
        make_run(tmp_path / "runs" / "two", model="second-model")
        _wait_for(page, "second-model")
        manifest = tmp_path / "runs" / "one" / "manifest.json"
        manifest.write_text("{")  # as if it were just replaced
        _wait_for(page, "Left out: ")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert 'http-equiv="refresh"' not in page.read_text(encoding="utf-8")
    finally:
        process.kill()
        process.wait()


def _wait_for(page: Path, text: str) -> None:
    end = time.monotonic() + 120
    while not (page.is_file() and text in page.read_text(encoding="utf-8")):
        assert time.monotonic() < end
        time.sleep(0.1)

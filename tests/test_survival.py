"""What a run survives: kills at any moment, servers that fail at random, full and read-only disks.

Each is done for real: processes of the real command line, signals, a server on the loopback, file
systems of a few kB.
"""

import hashlib
import json
import os
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from commands import ENVIRONMENT, KEY, command, lvlm_eval
from making import write_tree
from serving import Reply, Seen, Server, serving

from lvlm_eval.records import SETTINGS
from lvlm_eval.runs.jobs import DrawingChoices, open_source

KILLS = int(os.environ.get("LVLM_EVAL_KILLS", "12"))
"""How often a run is killed; fifty times in CI."""


def good_text(seen: Seen) -> str:
    """An answer that depends on the request alone."""
    return "Answer: " + "ABCD"[int(seen.key, 16) % 4]


class Unreliable:
    """A server of whose answers a third are no answers, in every way that servers have."""

    TROUBLES = (
        Reply(status=429, error={"message": f"slow down, {KEY}"}, headers={"Retry-After": "0"}),
        Reply(status=429, error={"message": "slow down"}, headers={"Retry-After": "0.02"}),
        Reply(status=429, error={"message": "slow down"}),
        Reply(status=500, error={"message": f"oops {KEY}"}, headers={"Retry-After": "0"}),
        Reply(status=503, body=b"<html>busy</html>", headers={"Retry-After": "0"}),
        Reply(reset=True),
        Reply(body=b'{"choices": [{"mess'),
        Reply(body=b"\x00\xff garbage"),
        Reply(body=b""),
    )

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def __call__(self, seen: Seen, before: int) -> Reply:
        with self._lock:
            bad = self._random.random() < 0.3
            trouble = self._random.choice(self.TROUBLES)
            seconds = self._random.choice((0.0, 0.01, 0.03, 0.15))
        time.sleep(seconds)
        return trouble if bad else Reply(text=good_text(seen))


def answered(folder: Path) -> Counter[str]:
    """Id → how many whole lines with an answer are on disk."""
    path = folder / "predictions.jsonl"
    found = Counter[str]()
    for line in path.read_bytes().split(b"\n") if path.exists() else ():
        try:
            content = json.loads(line)
        except ValueError:
            continue  # torn by the kill, or empty
        found[content["id"]] += content["status"] != "error"
    return +found


def answers(folder: Path) -> dict[str, str]:
    lines = (folder / "predictions.jsonl").read_text().splitlines()
    contents = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
    return {one["id"]: one["text"] for one in contents if one["status"] == "ok"}


def request_ids(data: Path) -> dict[tuple[str, tuple[str, ...]], str]:
    """Text and images of each request → its id."""
    source = open_source(str(data), DrawingChoices(), None)
    found = {}
    for question in source.questions:
        for setting in SETTINGS:
            for ask in source.asks(question, setting):
                request = source.request(ask)
                images = tuple(picture.sha256 for picture in request.pictures)
                found[request.text, images] = ask.id
    return found


def key_of(seen: Seen) -> tuple[str, tuple[str, ...]]:
    return seen.text, tuple(hashlib.sha256(image).hexdigest() for image in seen.images)


@pytest.mark.slow
def test_killed_again_and_again_against_an_unreliable_server(tmp_path: Path) -> None:
    categories = ("car", "bus", "cat", "cup", "bed", "dog")
    data = write_tree(tmp_path / "tree", categories, images=12)  # 72 questions, 864 rows
    ids = request_ids(data)
    assert len(ids) == 864
    chance, out = random.Random(1), tmp_path / "out"
    outputs = []
    with serving(Unreliable(2)) as server:
        words = (
            "run", "--model", "openai:m", "--base-url", server.url, "--data", data,
            "--concurrency", 4, "--out", out,
        )  # fmt: skip
        for _ in range(KILLS):
            on_disk, sent = set(answered(out)), len(server.seen)
            output = _killed(command(*words), tmp_path, server, chance)
            outputs.append(output)
            again = {ids[key_of(seen)] for seen in server.seen[sent:]} & on_disk
            assert not again, f"asked again: {again}"
        assert 2 * KILLS < len(answered(out)) < 864  # the kills fell into the work
        for _ in range(20):  # rows whose tries all failed are asked again
            on_disk, sent = set(answered(out)), len(server.seen)
            done = subprocess.run(
                command(*words), cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True,
                timeout=300,
            )  # fmt: skip
            outputs.append(done.stdout + done.stderr)
            assert done.returncode in (0, 3), done.stderr
            assert not {ids[key_of(seen)] for seen in server.seen[sent:]} & on_disk
            if done.returncode == 0:
                break
        else:
            pytest.fail("never finished")
    assert set(answered(out)) == set(ids.values())  # none lost
    assert set(answered(out).values()) == {1}  # none twice
    with serving(lambda seen, _: Reply(text=good_text(seen))) as server:
        lvlm_eval(
            "run", "--model", "openai:m", "--base-url", server.url, "--data", data,
            "--out", "undisturbed", cwd=tmp_path,
        )  # fmt: skip
    assert answers(out) == answers(tmp_path / "undisturbed")
    names = ("metrics.json", "questions.jsonl")
    for name in names:
        assert (out / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes()
    written = b"".join(path.read_bytes() for path in out.iterdir())
    assert KEY.encode() not in written
    assert KEY not in "".join(outputs)


def _killed(words: list[str], cwd: Path, server: Server, chance: random.Random) -> str:
    """Start a run and kill it at a random moment: some while after the start, or in the work."""
    process = subprocess.Popen(
        words, cwd=cwd, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    enough = len(server.seen) + chance.choice((0, 1, 2, 3, 5, 8, 12, 20))
    if chance.random() < 0.2:
        time.sleep(chance.uniform(0, 1.2))
    else:
        while len(server.seen) <= enough and process.poll() is None:
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.05))
    process.kill()
    return process.communicate(timeout=60)[0]


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    """A file system in memory of a given size."""
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], capture_output=True
    )
    if made.returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def remount(place: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", place], check=True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "tree", images=3)  # six questions, 72 rows


@pytest.mark.parametrize("size", ["4k", "16k", "40k"])
def test_a_full_disk_stops_the_run_and_costs_no_answer(
    tree: Path, tmp_path: Path, size: str
) -> None:
    with (
        small_disk(tmp_path / "disk", size) as disk,
        serving(lambda seen, _: Reply(text=good_text(seen))) as server,
    ):
        words = (
            "run", "--model", "openai:m", "--base-url", server.url, "--data", tree,
            "--concurrency", 1, "--out", disk / "out",
        )  # fmt: skip
        done = lvlm_eval(*words, cwd=tmp_path, status=4)
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("lvlm-eval:")]
        assert f"the disk of {disk / 'out'} is full" in line
        assert "the same command goes on from there" in line
        before = set(answered(disk / "out"))
        assert len(before) >= len(server.seen) - 2  # the one that did not fit, the one in flight
        remount(disk, "size=8m")
        lvlm_eval(*words, cwd=tmp_path)
        counts = answered(disk / "out")
        assert len(counts) == 72
        assert set(counts.values()) == {1}
        assert len(server.seen) <= 72 + 2


def test_read_only_results_are_said_in_one_line(tree: Path, tmp_path: Path) -> None:
    run = ("run", "--model", "random", "--data", tree)
    with small_disk(tmp_path / "disk", "4m") as disk:
        lvlm_eval(*run, "--out", disk / "out", "--limit", 2, cwd=tmp_path)
        remount(disk, "ro")
        for out in ("out", "new", "new/er"):
            done = lvlm_eval(*run, "--out", disk / out, cwd=tmp_path, status=2)
            assert done.stderr.count("\n") == 1
            assert "Read-only file system" in done.stderr
            assert str(disk / out) in done.stderr
        done = lvlm_eval("score", disk / "out", cwd=tmp_path)
        assert "could not be written" in done.stdout
        assert "Circular accuracy" in done.stdout


def test_the_key_is_nowhere_after_every_kind_of_trouble(tree: Path, tmp_path: Path) -> None:
    """The server repeats the key in its errors, in garbage and in its answers."""
    echoes = (
        Reply(status=400, error={"message": f"bad key {KEY}", "code": KEY}),
        Reply(status=500, error={"message": KEY}, headers={"Retry-After": "0"}),
        Reply(status=429, body=KEY.encode(), headers={"Retry-After": "0"}),
        Reply(body=b'{"choices": ["' + KEY.encode() + b'"]}'),
        Reply(body=json.dumps({"error": {"message": f"Bearer {KEY}"}}).encode()),
        Reply(text=f"Your key is {KEY}. Answer: B", reasoning=f"I see {KEY[:8]}****"),
        Reply(refusal=f"not with {KEY}", text=""),
        Reply(reset=True),
    )

    def behave(seen: Seen, before: int) -> Reply:
        echo = echoes[int(seen.key, 16) % len(echoes)]
        # A server that only cuts connections would be taken for one that is gone.
        return echoes[1] if echo.reset and before else echo

    with serving(behave) as server:
        url = server.url.replace("http://", f"http://user:{KEY}@")
        words = (
            "run", "--model", "openai:m", "--base-url", url, "--data", tree, "--out", "out",
            "--model-arg", "max_retries=1", "--model-arg", f'extra={{"api_key": "{KEY}"}}',
        )  # fmt: skip
        done = lvlm_eval(*words, cwd=tmp_path, status=3)
        again = lvlm_eval(*words, "--json", cwd=tmp_path, status=3)
    scored = lvlm_eval("score", "out", cwd=tmp_path)
    said = "".join(one.stdout + one.stderr for one in (done, again, scored))
    written = "".join(path.read_text() for path in (tmp_path / "out").iterdir())
    assert len(server.seen) > 72
    assert "Answer: B" in written
    assert "canary" not in said + written

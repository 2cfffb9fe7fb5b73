"""The fault matrix: what can happen to a run, and that nothing of it loses or repeats an answer.

Each cell is a real process (or two, with a shard each) against a real server in a process of its
own. Whatever happened, the same command is given again until it is done. Then no answer is lost,
none is there twice, all equal those of an undisturbed run, and nothing whose answer was on disk was
sent again. What Ray's workers and nodes go through is in ``ray_cluster``, what SLURM's tasks do in
``test_slurm_cluster``.
"""

import json
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from commands import ENVIRONMENT, command
from fault_server import key_of
from making import write_tree
from test_survival import remount, small_disk

from lvlm_eval.records import SETTINGS
from lvlm_eval.runs.jobs import DrawingChoices, open_source

pytestmark = pytest.mark.slow

ROWS = 12 * 12
TESTS = Path(__file__).parent


@dataclass
class Bench:
    """Data, a server and a results folder.

    Attributes:
        data: twelve questions, each with twelve rows.
        ids: key of a request → the id of its row.
        folder: where the results go.
        log: of the server.
        port: of the server.
        server: its process.
        asked_again: ids that had an answer on disk when they were sent.
    """

    data: Path
    ids: dict[str, str]
    folder: Path
    log: Path
    port: int
    server: subprocess.Popen[str] | None = None
    asked_again: set[str] = field(default_factory=set)

    def serve(self, how: str) -> None:
        words = [sys.executable, TESTS / "fault_server.py", str(self.port), self.log, how]
        self.server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert self.server.stdout is not None
        assert self.server.stdout.readline().startswith("http://127.0.0.1:")

    def kill_server(self) -> None:
        if self.server is not None:
            self.server.kill()
            self.server.communicate()
            self.server = None

    def sent(self) -> list[str]:
        """The id of each request that reached the server, in order."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [self.ids[json.loads(line)["key"]] for line in lines]

    def on_disk(self) -> Counter[str]:
        """Id → how many whole lines with an answer."""
        found = Counter[str]()
        for path in self.folder.glob("predictions*.jsonl"):
            for line in path.read_bytes().split(b"\n"):
                try:
                    content = json.loads(line)
                except ValueError:
                    continue  # torn, or empty
                found[content["id"]] += content["status"] != "error"
        return +found

    def start(self, shards: int) -> list[subprocess.Popen[str]]:
        """One process, or one a shard."""
        url = f"http://127.0.0.1:{self.port}/v1"
        words = ("run", "--model", "openai:m", "--base-url", url, "--data", self.data)
        more = ("--concurrency", 2, "--model-arg", "max_retries=3", "--out", self.folder)
        parts = [("--shard", f"{i}/{shards}") for i in range(1, shards + 1)] if shards > 1 else [()]
        return [
            subprocess.Popen(
                command(*words, *more, *part),
                env=ENVIRONMENT,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for part in parts
        ]

    @contextmanager
    def nothing_asked_again(self) -> Iterator[None]:
        """Whatever is sent meanwhile had no answer on disk before."""
        before, sent = set(self.on_disk()), len(self.sent())
        yield
        self.asked_again |= set(self.sent()[sent:]) & before

    def disturbed(self, shards: int, disturb: "Disturbance") -> list[int]:
        """Start, disturb after some answers, and wait for the end; the exit statuses."""
        with self.nothing_asked_again():
            processes = self.start(shards)
            enough = len(self.sent()) + 20
            deadline = time.monotonic() + 60
            while len(self.sent()) < enough and any(one.poll() is None for one in processes):
                assert time.monotonic() < deadline
                time.sleep(0.005)
            disturb(self, processes)
            outputs = [one.communicate(timeout=120)[0] for one in processes]
            assert not any("Traceback" in one for one in outputs), outputs
        return [one.returncode for one in processes]

    def finish(self, shards: int) -> None:
        """Give the same command until it is done."""
        for _ in range(30):
            with self.nothing_asked_again():
                processes = self.start(shards)
                outputs = [one.communicate(timeout=120)[0] for one in processes]
            statuses = {one.returncode for one in processes}
            if statuses == {0}:
                return
            assert statuses <= {0, 3, 4}, outputs
        pytest.fail("never finished")


Disturbance = Callable[[Bench, list[subprocess.Popen[str]]], object]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("matrix") / "tree"
    return write_tree(root, ("car", "bus", "cat", "cup"), images=3)


@pytest.fixture(scope="module")
def ids(data: Path) -> dict[str, str]:
    source = open_source(str(data), DrawingChoices(), None)
    found = {}
    for question in source.questions:
        for setting in SETTINGS:
            for ask in source.asks(question, setting):
                request = source.request(ask)
                images = [picture.data for picture in request.pictures]
                found[key_of(request.text, images)] = ask.id
    assert len(found) == ROWS
    return found


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@pytest.fixture
def bench(data: Path, ids: dict[str, str], tmp_path: Path) -> Iterator[Bench]:
    one = Bench(data, ids, tmp_path / "out", tmp_path / "log", free_port())
    yield one
    one.kill_server()


@pytest.fixture(scope="module")
def undisturbed(data: Path, ids: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("undisturbed")
    one = Bench(data, ids, place / "out", place / "log", free_port())
    one.serve("well")
    one.finish(1)
    one.kill_server()
    assert Counter(one.sent()) == Counter(ids.values())
    return one.folder


def answers(folder: Path) -> dict[str, str]:
    found = {}
    for path in folder.glob("predictions*.jsonl"):
        for line in path.read_bytes().split(b"\n"):
            if line.startswith(b"{") and line.endswith(b"}"):
                content = json.loads(line)
                if content["status"] == "ok":
                    found[content["id"]] = content["text"]
    return found


def check(bench: Bench, undisturbed: Path) -> None:
    counts = bench.on_disk()
    assert set(counts) == set(bench.ids.values()), "lost"
    assert set(counts.values()) == {1}, "twice"
    assert not bench.asked_again
    assert answers(bench.folder) == answers(undisturbed)
    words = ("score", bench.folder, "--json")
    subprocess.run(command(*words), env=ENVIRONMENT, check=True, capture_output=True)
    assert (bench.folder / "metrics.json").read_bytes() == (
        undisturbed / "metrics.json"
    ).read_bytes()


def to_one(number: signal.Signals) -> Disturbance:
    """A signal for the first process alone; any other goes on."""
    return lambda _, processes: processes[0].send_signal(number)


def kill_the_server(bench: Bench, processes: list[subprocess.Popen[str]]) -> None:
    bench.kill_server()
    time.sleep(0.3)
    bench.serve("well")


SIGNALS = {
    "SIGKILL": (signal.SIGKILL, -signal.SIGKILL),
    "SIGTERM": (signal.SIGTERM, 4),
    "SIGINT": (signal.SIGINT, 4),
    "SIGUSR1": (signal.SIGUSR1, 4),
}


@pytest.mark.parametrize("shards", [1, 2])
@pytest.mark.parametrize("name", SIGNALS)
def test_a_process_that_gets_a_signal(
    bench: Bench, undisturbed: Path, name: str, shards: int
) -> None:
    number, status = SIGNALS[name]
    bench.serve("well")
    for _ in range(2):
        statuses = bench.disturbed(shards, to_one(number))
        assert statuses[0] == status
        assert set(statuses[1:]) <= {0}
    assert bench.on_disk().total() < ROWS
    bench.finish(shards)
    check(bench, undisturbed)


@pytest.mark.parametrize("shards", [1, 2])
def test_a_server_that_is_killed(bench: Bench, undisturbed: Path, shards: int) -> None:
    bench.serve("well")
    for _ in range(2):
        statuses = bench.disturbed(shards, kill_the_server)
        assert set(statuses) <= {0, 3, 4}
    bench.finish(shards)
    check(bench, undisturbed)


@pytest.mark.parametrize("shards", [1, 2])
@pytest.mark.parametrize("how", ["slowly", "wrongly", "garbage", "storms", "resets"])
def test_a_server_that_answers(bench: Bench, undisturbed: Path, how: str, shards: int) -> None:
    bench.serve(how)
    bench.finish(shards)
    check(bench, undisturbed)


@pytest.mark.parametrize("shards", [1, 2])
def test_a_disk_that_fills_up(bench: Bench, undisturbed: Path, tmp_path: Path, shards: int) -> None:
    bench.serve("well")
    with small_disk(tmp_path / "disk", "64k") as disk:
        bench.folder = disk / "out"
        with bench.nothing_asked_again():
            processes = bench.start(shards)
            outputs = [one.communicate(timeout=120)[0] for one in processes]
        assert {one.returncode for one in processes} == {4}, outputs
        assert all("is full" in one for one in outputs)
        assert 0 < bench.on_disk().total() < ROWS
        remount(disk, "size=8m")
        bench.finish(shards)
        check(bench, undisturbed)


@pytest.mark.parametrize("shards", [1, 2])
def test_results_that_became_read_only(
    bench: Bench, undisturbed: Path, tmp_path: Path, shards: int
) -> None:
    bench.serve("well")
    with small_disk(tmp_path / "disk", "8m") as disk:
        bench.folder = disk / "out"
        bench.disturbed(shards, lambda _, processes: [one.kill() for one in processes])
        remount(disk, "ro")
        sent = len(bench.sent())
        for one in bench.start(shards):
            said = one.communicate(timeout=60)[0]
            assert one.returncode == 2, said
            assert "Read-only file system" in said
        assert len(bench.sent()) == sent
        remount(disk, "rw")
        bench.finish(shards)
        check(bench, undisturbed)

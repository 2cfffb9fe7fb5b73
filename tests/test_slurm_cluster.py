"""``lvlm-eval slurm --submit`` on a real SLURM: pre-emption, time limits, requeues, cancelling."""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import command
from making import write_tree
from slurm_cluster import Cluster, cluster, missing_programs

pytestmark = pytest.mark.slow

SLOW = Path(__file__).parent / "slow_model.py"
BACK = "goes back into the queue"


@pytest.fixture(scope="module")
def slurm() -> Iterator[Cluster]:
    missing = missing_programs()
    if missing:
        pytest.skip(f"SLURM is not installed: {', '.join(missing)}")
    with cluster() as own:
        yield own


class Batch:
    """A run of a slow model in shards: six questions, 72 rows."""

    def __init__(self, slurm: Cluster, place: Path, pace: str) -> None:
        place.mkdir()
        self.slurm, self.place, self.out = slurm, place, place / "100% of it's results"
        self.data = write_tree(place / "tree", images=3)
        self.asked, self.pace = place / "asked", place / "pace"
        self.asked.touch()
        self.pace.write_text(pace)

    def submit(self, *flags: object) -> dict[str, Any]:
        words = (
            "run", "--model", SLOW, "--data", self.data, "--out", self.out,
            "--model-arg", f"pace={self.pace}", "--model-arg", f"asked={self.asked}",
        )  # fmt: skip
        done = subprocess.run(
            command("slurm", "--submit", "--json", *flags, "--", *words), cwd=self.place,
            env=self.slurm.environment, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def rows(self) -> list[tuple[str, str]]:
        """Id and status of each whole line, and of no torn one."""
        lines = [
            json.loads(line)
            for path in self.out.glob("predictions*.jsonl")
            for line in path.read_text().splitlines(keepends=True)
            if line.endswith("\n")
        ]
        return [(line["id"], line["status"]) for line in lines]

    def log(self, task: str) -> str:
        path = self.out / "slurm" / f"{task}.log"
        return path.read_text() if path.exists() else ""

    def shard_has_begun(self, number: int, of: int) -> bool:
        path = self.out / f"predictions-{number}-of-{of}.jsonl"
        return path.exists() and path.read_text().count("\n") >= 2

    def until(self, there: Callable[[], bool], seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while not there():
            logs = [path.read_text() for path in (self.out / "slurm").glob("*.log")]
            assert time.monotonic() < end, (self.slurm.queue(), *logs, self.slurm.said())
            time.sleep(0.3)

    def until_ended(self) -> None:
        # A task that goes back into the queue can be out of it for a moment.
        empty = [0]

        def ended() -> bool:
            self.slurm.hurry()
            empty[0] = 0 if self.slurm.queue() else empty[0] + 1
            return empty[0] > 10  # looks, 0.3 s apart

        self.until(ended)

    def check_complete(self) -> None:
        counts = Counter(self.rows())
        assert len(counts) == 72
        assert set(counts.values()) == {1}  # none twice
        assert {status for _, status in counts} == {"ok"}


def test_each_way_of_stopping_costs_no_row_and_doubles_none(slurm: Cluster, tmp_path: Path) -> None:
    batch = Batch(slurm, tmp_path / "it's here", pace="1")
    document = batch.submit("--shards", 3, "--partition", "low")
    job = document["job"]
    assert document["log"] == f"{batch.out}/slurm/{job}_%a.log"
    tasks = [f"{job}_{number}" for number in (1, 2, 3)]
    batch.until(lambda: all(batch.shard_has_begun(number, 3) for number in (1, 2, 3)))

    # A job of a better partition takes the place of one; SLURM asks it first and gives it time.
    slurm.call("sbatch", "--partition=high", "--output=/dev/null", "--wrap=sleep 1")
    batch.until(lambda: any(BACK in batch.log(task) for task in tasks), seconds=20)
    (preempted,) = [task for task in tasks if BACK in batch.log(task)]
    assert "stopped by SIGTERM" in batch.log(preempted)

    # Of the other two, one is put back by SLURM itself and one gets the signal of a time limit.
    by_slurm, by_signal = [task for task in tasks if task != preempted]
    slurm.call("scontrol", "requeue", by_slurm)
    slurm.call("scancel", "--signal=USR1", by_signal)
    batch.until(lambda: "SLURM ended this task" in batch.log(by_slurm), seconds=15)
    batch.until(lambda: BACK in batch.log(by_signal), seconds=15)
    assert "stopped by SIGUSR1" in batch.log(by_signal)
    before = {id for id, _ in batch.rows()}
    assert len(before) < 72
    asked = len(batch.asked.read_text().splitlines())

    batch.pace.write_text("0")
    batch.until_ended()
    batch.check_complete()
    again = set(batch.asked.read_text().splitlines()[asked:])
    assert not again & before
    for task in tasks:
        assert "restart 0" in batch.log(task)  # the first start's part of the log is still there
        assert "restart 1" in batch.log(task)
        assert batch.log(task).rstrip().endswith("slurm: done")
    scored = batch.log(f"score-{document['score_job']}")
    assert "ircular" in scored
    metrics = json.loads((batch.out / "metrics.json").read_text())
    assert [one["complete"] for one in metrics["settings"].values()] == [True] * 3


def test_a_time_limit_stops_a_task_cleanly_and_it_goes_on(slurm: Cluster, tmp_path: Path) -> None:
    batch = Batch(slurm, tmp_path / "place", pace="2")
    job = batch.submit(
        "--shards", 1, "--time", 2, "--stop-before", 59, "--partition", "abrupt", "--no-score"
    )["job"]
    batch.until(lambda: BACK in batch.log(f"{job}_1"))
    assert "stopped by SIGUSR1" in batch.log(f"{job}_1")
    assert 0 < len(batch.rows()) < 72
    batch.pace.write_text("0")
    batch.until_ended()
    batch.check_complete()


def test_what_slurm_takes_away_at_once_goes_on_and_what_is_cancelled_stays(
    slurm: Cluster, tmp_path: Path
) -> None:
    batch = Batch(slurm, tmp_path / "place", pace="1")
    job = batch.submit("--shards", 1, "--partition", "abrupt", "--no-score")["job"]
    batch.until(lambda: batch.shard_has_begun(1, 1))
    slurm.call("sbatch", "--partition=high", "--cpus-per-task=3", "--output=/dev/null", "--wrap=:")
    batch.until(lambda: "SLURM ended this task" in batch.log(f"{job}_1"))
    batch.until(lambda: slurm.queue().get(f"{job}_1") == "PENDING")
    before = len(batch.rows())
    slurm.hurry()
    batch.until(lambda: len(batch.rows()) > before)
    slurm.call("scancel", job)
    batch.until(lambda: not slurm.queue())
    assert batch.log(f"{job}_1").count("restart") == 2
    assert batch.log(f"{job}_1").rstrip().endswith("SLURM ended this task")
    # The same command again goes on from there.
    batch.pace.write_text("0")
    batch.submit("--shards", 2, "--no-score")
    batch.until_ended()
    batch.check_complete()


def test_a_node_that_goes_down_costs_no_row(slurm: Cluster, tmp_path: Path) -> None:
    batch = Batch(slurm, tmp_path / "place", pace="1")
    job = batch.submit("--shards", 2, "--partition", "low", "--no-score")["job"]
    batch.until(lambda: batch.shard_has_begun(1, 2) and batch.shard_has_begun(2, 2))
    (node,) = slurm.call("sinfo", "--noheader", "--format=%n", "--partition=low").split()
    slurm.call("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
    tasks = (f"{job}_1", f"{job}_2")
    batch.until(lambda: all(slurm.queue().get(task) == "PENDING" for task in tasks))
    assert BACK not in batch.log(tasks[0]) + batch.log(tasks[1])  # SLURM itself did it
    before = {id for id, _ in batch.rows()}
    asked = len(batch.asked.read_text().splitlines())
    batch.pace.write_text("0")
    slurm.call("scontrol", "update", f"NodeName={node}", "State=RESUME")
    batch.until_ended()
    batch.check_complete()
    assert not set(batch.asked.read_text().splitlines()[asked:]) & before

"""How much faster more Ray workers are, with a model that sleeps 20 ms a request.

Ray is started on this machine once; then the real command runs with 1, 2, 4 and 8 workers, each
time into a new folder and with so many questions that every worker has the same to do. Efficiency
is the rate of all workers together against what their sleep allows, from the moment when the last
of them has given its first answer until the end: the start of Ray and of worker processes is told
apart. The pictures are not drawn: on two processors that would be measured instead.

    python benchmarks/ray_scaling.py --workers 1,2,4,8 --repeats 3
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from prepare import make_tree

SLEEP = 0.020
QUESTIONS_A_WORKER = 72
MODEL = f"""
import os, time
from lvlm_eval.records import Response


class Sleeps:
    needs_pictures = False

    def answer(self, requests):
        for request in requests:
            time.sleep({SLEEP})
            yield Response(request.id, text="Answer: A", served_model=str(os.getpid()))
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one command.

    Attributes:
        rows: answered.
        efficiency: share of the ideal rate, all workers at work.
        overhead_ms: time that a worker takes for a request beyond the sleep.
        cpu_ms: processor time of the command's own process a request, start included.
        start_s: from the command's start until the last worker's first answer.
        whole_s: of the whole command, scoring included.
    """

    rows: int
    efficiency: float
    overhead_ms: float
    cpu_ms: float
    start_s: float
    whole_s: float


def measure(place: Path, address: str, workers: int, number: int) -> Figures:
    """Run the command once."""
    out = place / f"r{workers}-{number}"
    words = [
        *(sys.executable, "-m", "lvlm_eval", "run", "--model", "sleeps.py", "--data", "tree"),
        *("--engine", "ray", "--address", address, "--workers", str(workers)),
        *("--pairs-per-category", str(QUESTIONS_A_WORKER * workers), "--out", str(out)),
    ]
    cpu = _cpu_of_children()
    began, clock = time.time(), time.monotonic()
    subprocess.run(words, cwd=place, check=True, capture_output=True)
    whole = time.monotonic() - clock
    cpu = _cpu_of_children() - cpu
    lines = (out / "predictions.jsonl").read_text().splitlines()
    answers = [json.loads(line) for line in lines]
    times = [datetime.fromisoformat(one["at"]).timestamp() for one in answers]
    first: dict[str, float] = {}
    for one, at in zip(answers, times, strict=True):
        first[one["served_model"]] = min(at, first.get(one["served_model"], at))
    if len(first) != workers:
        raise SystemExit(f"only {len(first)} of {workers} workers answered")
    all_there, end = max(first.values()), max(times)
    counted = sum(at > all_there for at in times)
    a_request = workers * (end - all_there) / counted
    return Figures(
        len(answers),
        SLEEP / a_request,
        1000 * (a_request - SLEEP),
        1000 * cpu / len(answers),
        all_there - began,
        whole,
    )


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", default="1,2,4,8")
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    counts = [int(one) for one in chosen.workers.split(",")]
    os.environ["RAY_AUTH_MODE"] = "disabled"
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": max(counts), "include_dashboard": False}
    )
    found: dict[int, list[Figures]] = {count: [] for count in counts}
    try:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            make_tree(place / "tree", QUESTIONS_A_WORKER * max(counts))
            (place / "sleeps.py").write_text(MODEL)
            for number in range(chosen.repeats):
                for count in counts:
                    figures = measure(place, cluster.address, count, number)
                    found[count].append(figures)
                    print(count, figures, flush=True)
    finally:
        cluster.shutdown()
    print(
        "\nworkers  rows  efficiency (all)  overhead ms  command's CPU ms/request  start s  whole s"
    )
    for count, runs in found.items():
        each = " ".join(f"{100 * one.efficiency:.0f}" for one in runs)
        median = {
            name: statistics.median(getattr(one, name) for one in runs)
            for name in Figures.__dataclass_fields__
        }
        print(
            f"{count:7}  {median['rows']:.0f}  {100 * median['efficiency']:.1f} % ({each})  "
            f"{median['overhead_ms']:.2f}  {median['cpu_ms']:.2f}  {median['start_s']:.1f}  "
            f"{median['whole_s']:.1f}"
        )


if __name__ == "__main__":
    main()

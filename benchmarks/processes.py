"""Runs a piece of work in a process of its own and measures its time and its peak memory."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MIB = 1024**2
SECONDS_BETWEEN_LOOKS = 0.5
"""A look at memory holds the process up; more of them would measure themselves."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a process took.

    Attributes:
        seconds: wall time from its start to its end.
        peak_mib: most memory at a time, the processes that it started included, MiB.
        said: what its last line on standard output says, as JSON; None if that is none.
    """

    seconds: float
    peak_mib: float
    said: Any


def measured(words: Sequence[str | os.PathLike[str]]) -> Measured:
    """Run a command to its end.

    Memory is the proportional set size, summed over the process and all below it, looked at twice
    a second: pages that processes share count once.

    Raises:
        CalledProcessError: the command failed.
    """
    began = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    peak = [0.0]
    watcher = threading.Thread(target=_watch, args=(process, peak), daemon=True)
    watcher.start()
    out, _ = process.communicate()
    seconds = time.perf_counter() - began
    watcher.join()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, words)
    last = out.strip().rpartition("\n")[2]
    try:
        said = json.loads(last)
    except ValueError:
        said = None
    return Measured(seconds, peak[0], said)


def python(script: str, *words: object) -> list[str]:
    """The command that runs one of these scripts again, as a part of itself."""
    return [sys.executable, script, *map(str, words)]


def _watch(process: "subprocess.Popen[str]", peak: list[float]) -> None:
    while process.poll() is None:
        peak[0] = max(peak[0], sum(_own_mib(one) for one in _family(process.pid)))
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for one in found:
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                found += [int(word) for word in children.read_text().split()]
            except OSError:
                continue  # it ended just now
    return found


def _own_mib(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024

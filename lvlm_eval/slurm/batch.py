"""What an array job is made of, checked before anything is written or submitted."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lvlm_eval.errors import InputError

SETTLED = {
    "array": "--shards and --at-once decide the tasks",
    "requeue": "a stopped task is always started again",
    "no-requeue": "a stopped task is always started again",
    "signal": "use --stop-before",
    "output": "the logs stand in the results folder",
    "error": "the logs stand in the results folder",
    "open-mode": "a task that is started again goes on in its log",
    "chdir": "the job works where it was made",
    "wrap": "the command stands after --",
    "nodes": "a shard is one process on one node",
    "ntasks": "a shard is one process on one node",
    "dependency": "submit the script with it: --script FILE, then sbatch --dependency=… FILE",
}
"""Options of sbatch that cannot be given, and why."""

SIGNAL_EARLY = 60
"""Seconds by which SLURM may send a signal before it was asked to."""

MOST_SECONDS_BEFORE = 65_535
"""What ``sbatch --signal`` takes at most."""

_OPTION = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_GPUS = re.compile(r"(?:[A-Za-z][\w.-]*:)?[1-9]\d*")
_TIME = re.compile(
    r"(?:(?P<days>\d+)-(?P<day_hours>\d+)(?::(?P<day_minutes>\d+)(?::(?P<day_seconds>\d+))?)?"
    r"|(?P<hours>\d+):(?P<hour_minutes>\d+):(?P<hour_seconds>\d+)"
    r"|(?P<minutes>\d+)(?::(?P<seconds>\d+))?)"
)
_SECONDS = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}


@dataclass(frozen=True, slots=True)
class Resources:
    """What each task asks SLURM for; None leaves it to the cluster.

    Attributes:
        partition: where the tasks are queued.
        account: who pays.
        time: limit of one start of a task, as SLURM writes it.
        gpus: ``2`` or ``a100:2``, of a task.
        cpus: of a task.
        memory: of a task's node, such as ``64G``.
        others: further options of sbatch; a value of None is an option without one.
    """

    partition: str | None = None
    account: str | None = None
    time: str | None = None
    gpus: str | None = None
    cpus: int | None = None
    memory: str | None = None
    others: tuple[tuple[str, str | None], ...] = ()

    def __post_init__(self) -> None:
        if self.gpus is not None and not _GPUS.fullmatch(self.gpus):
            raise InputError(
                f"--gpus '{self.gpus}' is not possible: a number such as 2, or a kind and a "
                "number such as a100:2."
            )
        for name, value in self.options():
            if value is not None and (not value or not value.isprintable()):
                raise InputError(f"the value '{value}' of sbatch's --{name} is not possible.")

    def options(self) -> list[tuple[str, str | None]]:
        """All of it as options of sbatch."""
        own = {
            "partition": self.partition,
            "account": self.account,
            "time": self.time,
            "gres": None if self.gpus is None else f"gpu:{self.gpus}",
            "cpus-per-task": None if self.cpus is None else str(self.cpus),
            "mem": self.memory,
        }
        return [*((name, value) for name, value in own.items() if value is not None), *self.others]


@dataclass(frozen=True, slots=True)
class Batch:
    """An array job that answers a run in shards.

    Attributes:
        words: of the command, from ``run`` on, with ``--out`` and without ``--shard``.
        shards: how many tasks there are.
        folder: results folder, absolute.
        place: absolute folder in which the words are to be understood.
        program: what starts lvlm-eval on a node.
        resources: of each task.
        setup: shell commands that go before, such as ``module load cuda``; may be empty.
        at_once: how many tasks may run at the same time; None is no bound.
        stop_before: seconds ahead of the time limit at which a task is asked to stop.
        restarts: how often a task is started again at most.
    """

    words: tuple[str, ...]
    shards: int
    folder: Path
    place: Path
    program: tuple[str, ...]
    resources: Resources
    setup: str = ""
    at_once: int | None = None
    stop_before: int = 120
    restarts: int = 100

    def __post_init__(self) -> None:
        for path in (self.folder, self.place):
            # In sbatch's patterns for file names a backslash switches all others off.
            if "\\" in str(path) or not str(path).isprintable():
                raise InputError(
                    f"the folder '{path}' cannot be used: sbatch takes no backslash, line end or "
                    "other control character in it. Give another --out."
                )
        limit = None if self.resources.time is None else seconds_of(self.resources.time)
        if limit is not None and limit <= self.stop_before + SIGNAL_EARLY:
            raise InputError(
                f"--time {self.resources.time} leaves no time to work: each task is asked to stop "
                f"{self.stop_before} s before it (--stop-before), and SLURM may do so up to "
                f"{SIGNAL_EARLY} s early. Give a longer --time."
            )

    @property
    def logs(self) -> Path:
        """Folder of the logs and the script."""
        return self.folder / "slurm"


def seconds_of(time: str) -> int | None:
    """A time limit of SLURM in seconds; None is no limit.

    The forms are those of ``sbatch --time``: minutes, minutes:seconds, hours:minutes:seconds,
    days-hours, days-hours:minutes and days-hours:minutes:seconds.

    Raises:
        InputError: it has none of these forms.
    """
    if time.lower() in ("infinite", "unlimited"):
        return None
    found = _TIME.fullmatch(time)
    if found is None:
        raise InputError(
            f"--time '{time}' is not possible: write minutes, hours:minutes:seconds or days-hours, "
            "such as 90, 1:30:00 or 2-12."
        )
    # The groups "day_hours" and "hour_minutes" only say where their number stands.
    numbers = [(name.split("_")[-1], int(text or 0)) for name, text in found.groupdict().items()]
    return sum(_SECONDS[unit] * number for unit, number in numbers)


def parse_sbatch_options(words: Sequence[str]) -> tuple[tuple[str, str | None], ...]:
    """Read ``KEY=VALUE`` or ``KEY``, each an option of sbatch, with or without dashes before it.

    Raises:
        InputError: one is no option, or one that the job has to settle itself.
    """
    options = []
    for word in words:
        key, sign, value = word.partition("=")
        name = key.removeprefix("--")
        if len(name) < 2 or not _OPTION.fullmatch(name):
            raise InputError(
                f"--sbatch-arg '{word}' is not possible: write KEY=VALUE with the long name of an "
                "option of sbatch, such as qos=low."
            )
        if name in SETTLED:
            raise InputError(f"--sbatch-arg {name} cannot be given: {SETTLED[name]}.")
        options.append((name, value if sign else None))
    return tuple(options)

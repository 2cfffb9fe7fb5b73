"""One process a GPU of this machine, each a shard of the run, watched by the command itself."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import IO

from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.models.secrets import hidden
from lvlm_eval.prices import Spending
from lvlm_eval.runs.folder import predictions_file, read_predictions
from lvlm_eval.runs.run import Job, Outcome, Watcher, plan_of, run
from lvlm_eval.runs.shards import Shard
from lvlm_eval.runs.tail import Tail, Tally
from lvlm_eval.stopping import StopSignal, StopSignals

LOST_IN_A_ROW = 3
"""Times that a process may be killed without having answered anything before it is given up."""

SECONDS_TO_STOP = 10.0
"""For a process that was asked to stop; then it is killed."""

PARENT = "LVLM_EVAL_PARENT"
"""Environment variable with the number of the process that a child ends with."""

_LOOK = 0.2
"""Seconds between two looks at the files."""

_PROGRESS = re.compile(r"\d+ of \d+ rows\b")
_COMPLAINT = "lvlm-eval: "


def end_with_parent() -> None:
    """In a process that `run_on_gpus` started: stop cleanly when that is gone, however it ended."""
    parent = os.environ.pop(PARENT, None)
    if parent is None:
        return

    def watch() -> None:
        while os.getppid() == int(parent):
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


@dataclass
class _Child:
    """The process of one GPU, which may be started several times.

    Attributes:
        gpu: its CUDA_VISIBLE_DEVICES.
        shard: its part of the run.
        tail: reads what it writes.
        process: the present one.
        lost: times in a row that it was killed without an answer.
        answered: rows since it was started last.
        complaints: what the present process said last, as a failing command does.
        status: its exit status; None while it runs.
    """

    gpu: str
    shard: Shard
    tail: Tail
    process: "subprocess.Popen[str] | None" = None
    listener: threading.Thread | None = None
    lost: int = 0
    answered: int = 0
    complaints: list[str] = field(default_factory=list)
    status: int | None = None

    @property
    def reason(self) -> str:
        """Its last complaint."""
        return self.complaints[-1] if self.complaints else "it said nothing"


def run_on_gpus(job: Job, gpus: Sequence[str], words: Sequence[str], watcher: Watcher) -> Outcome:
    """Ask with one process a GPU until all have ended.

    Args:
        job: of the whole run; its adapter is not asked.
        gpus: CUDA_VISIBLE_DEVICES of each process.
        words: of a process's command line, without its shard.
        watcher: told of every answer of all of them.

    Raises:
        InputError: one of them raised it.
        StoppedError: a signal, or one of them stopped or was killed too often.
        SystemExit: one of them failed in another way; its words were passed on.
    """
    recorded = read_predictions(job.folder)
    plan = plan_of(job, recorded)
    if not plan.pending:
        return run(job, watcher)  # asks nothing, and says if the folder holds another run
    watcher.start(len(plan.asks), len(plan.asks) - len(plan.pending))
    spending = None
    if job.price is not None:
        spending = Spending.of_earlier(job.price, recorded.by_id.values())
        watcher.spent(spending)
    crew = _Crew(job, gpus, words, Tally(watcher, spending))
    try:
        crew.run()
    except StopSignal as stop:
        raise StoppedError(str(stop)) from stop
    return replace(crew.tally.outcome(), planned=len(plan.asks))


class _Crew:
    """All processes of one call."""

    def __init__(self, job: Job, gpus: Sequence[str], words: Sequence[str], tally: Tally) -> None:
        self.tally = tally
        self._words = words
        self._secrets = job.model.secrets
        self._told: set[str] = set()
        self._lock = threading.Lock()
        self._children = []
        for number, gpu in enumerate(gpus, 1):
            shard = Shard(number, len(gpus))
            tail = Tail(job.folder / predictions_file(shard))
            self._children.append(_Child(gpu, shard, tail))

    def run(self) -> None:
        with StopSignals():
            try:
                for child in self._children:
                    self._start(child)
                while any(child.status is None for child in self._children):
                    time.sleep(_LOOK)
                    for child in self._children:
                        self._look_at(child)
            finally:
                self._stop()
        self._check()

    def _start(self, child: _Child) -> None:
        command = [sys.executable, "-m", "lvlm_eval", *self._words, "--shard", str(child.shard)]
        environment = {
            # So that the numbers are those of nvidia-smi.
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
            **os.environ,
            "CUDA_VISIBLE_DEVICES": child.gpu,
            PARENT: str(os.getpid()),
        }
        child.answered, child.complaints = 0, []
        child.process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # the table of a part
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C reaches this process only, which passes it on once
        )
        assert child.process.stderr is not None
        child.listener = threading.Thread(
            target=self._listen, args=(child, child.process.stderr), daemon=True
        )
        child.listener.start()

    def _listen(self, child: _Child, stream: IO[str]) -> None:
        for line in stream:
            # Of a bar that was drawn over and over only the last state; never its own progress.
            line = line.rstrip().rpartition("\r")[2].strip()
            if not line or _PROGRESS.match(line):
                continue
            if line.startswith(_COMPLAINT):
                child.complaints.append(line.removeprefix(_COMPLAINT))
            else:
                self._note(f"GPU {child.gpu}", line)

    def _note(self, who: str, line: str) -> None:
        """Pass a line on; what all processes say is said once."""
        with self._lock:
            if line not in self._told:
                self._told.add(line)
                self.tally.watcher.note(hidden(f"{who}: {line}", self._secrets))

    def _look_at(self, child: _Child) -> None:
        if child.status is not None or child.process is None:
            return
        status = child.process.poll()  # before the file, which is then complete
        answered = self.tally.take(child.tail.new())
        child.answered += answered
        if status is None:
            return
        self._end(child)
        if status >= 0:
            child.status = status
            return
        child.lost = 1 if child.answered else child.lost + 1
        name = signal.Signals(-status).name
        if child.lost >= LOST_IN_A_ROW:
            child.complaints.append(
                f"its process was killed by {name} {child.lost} times in a row without one answer"
            )
            child.status = 4
            return
        self.tally.watcher.note(f"GPU {child.gpu}: the process was killed by {name}; once more")
        self._start(child)

    def _end(self, child: _Child) -> None:
        """End what a process has started itself, and hear its last words."""
        assert child.process is not None and child.listener is not None
        _signal_group(child.process, signal.SIGKILL)
        child.listener.join(timeout=SECONDS_TO_STOP)

    def _stop(self) -> None:
        """Ask all that still run to stop; kill those that do not."""
        running = [one for one in self._children if one.process and one.process.poll() is None]
        for child in running:
            assert child.process is not None
            child.process.send_signal(signal.SIGTERM)
        until = time.monotonic() + SECONDS_TO_STOP
        for child in running:
            assert child.process is not None
            try:
                child.process.wait(timeout=max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal_group(child.process, signal.SIGKILL)
                child.process.wait()
            self._end(child)
            self.tally.take(child.tail.new())

    def _check(self) -> None:
        """Raise what the worst of the exit statuses means."""
        for status in (1, 2, 4):
            bad = [one for one in self._children if one.status == status]
            bad += [
                one for one in self._children if status == 1 and one.status not in (0, 1, 2, 3, 4)
            ]
            if not bad:
                continue
            reasons = list(dict.fromkeys(one.reason for one in bad))
            more = f" (and {len(reasons) - 1} other reasons)" if len(reasons) > 1 else ""
            where = "" if len(bad) == len(self._children) else f"GPU {bad[0].gpu}: "
            line = hidden(f"{where}{reasons[0]}{more}", self._secrets)
            if status == 2:
                raise InputError(line)
            if status == 4:
                raise StoppedError(_without_advice(line))
            self.tally.watcher.note(f"GPU {bad[0].gpu}: ended with status {bad[0].status}")
            raise SystemExit(1)


def _signal_group(process: "subprocess.Popen[str]", number: signal.Signals) -> None:
    """Signal a process and all that it started."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _without_advice(line: str) -> str:
    """What a stopped command says, without how to go on, which the whole command says itself."""
    return line.partition(". The answers so far are in ")[0].rstrip(".")

"""Several drawing processes, and who of them is free."""

import contextlib
import os
import pickle
import queue
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import lvlm_eval
from lvlm_eval.drawing.style import Style
from lvlm_eval.pictures.task import PictureTask
from lvlm_eval.records import Picture

SECONDS_TO_END = 2.0


class WorkerLostError(Exception):
    """The process ended, was killed, or sent garbage; its task is undone."""


class _Worker:
    """One process and the two pipes to it."""

    def __init__(self, style: Style) -> None:
        package = str(Path(lvlm_eval.__file__).parent.parent)
        path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
        # -P: no file of the user's folder may stand in for a library. A session of its own: Ctrl-C
        # is for the parent, whose end it sees.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "lvlm_eval.pictures.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
        )
        self._send(style)

    def draw(self, task: PictureTask) -> tuple[Picture, ...]:
        """Have a task done.

        Raises:
            WorkerLostError: there is no such process any more.
            Exception: whatever the drawing raised.
        """
        self._send(task)
        assert self._process.stdout is not None
        try:
            answer = pickle.load(self._process.stdout)
        except (EOFError, OSError, ValueError, pickle.UnpicklingError) as error:
            raise WorkerLostError from error
        if isinstance(answer, Exception):
            raise answer
        pictures: tuple[Picture, ...] = answer
        return pictures

    def end(self) -> None:
        """Let it finish what it does, but not for long."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        try:
            self._process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, value: object) -> None:
        assert self._process.stdin is not None
        try:
            pickle.dump(value, self._process.stdin, pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise WorkerLostError from error


class PictureWorkers:
    """Processes that draw in one style; safe to be used by many threads.

    Args:
        style: of the markers.
        count: how many processes.
    """

    def __init__(self, style: Style, count: int) -> None:
        # A place stays in the queue when its process is lost; whoever takes it draws himself.
        self._free: queue.Queue[_Worker | None] = queue.Queue()
        self._all: list[_Worker] = []
        for _ in range(count):
            with contextlib.suppress(OSError, WorkerLostError):  # no memory for one more
                self._all.append(_Worker(style))
        for worker in self._all:
            self._free.put(worker)
        self._free.put(None) if not self._all else None

    def __enter__(self) -> "PictureWorkers":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._all:
            worker.end()

    def draw(self, task: PictureTask) -> tuple[Picture, ...]:
        """Wait for a free process and have the task done.

        Raises:
            WorkerLostError: the process was lost; draw the task in this process.
            InputError: the photo cannot be drawn on.
        """
        with self._place() as worker:
            if worker is None:
                raise WorkerLostError
            return worker.draw(task)

    @contextlib.contextmanager
    def _place(self) -> Iterator[_Worker | None]:
        worker = self._free.get()
        try:
            yield worker
        except WorkerLostError:
            worker = None
            raise
        finally:
            self._free.put(worker)

"""Several drawing processes, and who of them is free."""

import contextlib
import os
import pickle
import queue
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

import lvlm_eval
from lvlm_eval.drawing.style import Style
from lvlm_eval.pictures.task import PictureTask, draw
from lvlm_eval.records import Picture
from lvlm_eval.renderers import Renderer

PIPE_BYTES = 1 << 20
"""A picture or two, so that a process goes on to its next task before this one has been read."""
SECONDS_TO_END = 2.0


class WorkerLostError(Exception):
    """No process does this task: the one that had it was lost, or none has started yet."""


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
            pipesize=PIPE_BYTES,
        )
        self._ready = False
        self._send(style)

    def wait_until_ready(self) -> None:
        """Wait while it loads its libraries, which takes about half a second.

        Raises:
            WorkerLostError: it could not.
        """
        self._received()
        self._ready = True

    def draw(self, task: PictureTask) -> tuple[Picture, ...]:
        """Have a task done.

        Raises:
            WorkerLostError: there is no such process any more.
            Exception: whatever the drawing raised.
        """
        self._send(task)
        answer = self._received()
        if isinstance(answer, Exception):
            raise answer
        pictures: tuple[Picture, ...] = answer
        return pictures

    def _received(self) -> Any:
        assert self._process.stdout is not None
        try:
            return pickle.load(self._process.stdout)
        except (EOFError, OSError, ValueError, pickle.UnpicklingError) as error:
            raise WorkerLostError from error

    def end(self) -> None:
        """Let it finish what it does, but not for long."""
        if not self._ready:  # it has nothing to finish, and someone may still wait for it
            self._process.kill()
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
    """Processes that draw with one renderer; safe to be used by many threads.

    Args:
        renderer: one with a style, so that another process can draw the same.
        count: how many processes.

    Attributes:
        ready: set when the first process is.
    """

    def __init__(self, renderer: Renderer, count: int) -> None:
        assert renderer.style is not None
        self._renderer = renderer
        self.ready = threading.Event()
        # Whoever takes a place without a process draws himself. There is one such place until a
        # process is ready, and one in the place of each that is lost.
        self._free: queue.Queue[_Worker | None] = queue.Queue()
        self._free.put(None)
        self._end_of_standing_in = threading.Lock()  # for the first to take it, and for ever
        self._all: list[_Worker] = []
        for _ in range(count):
            with contextlib.suppress(OSError, WorkerLostError):  # no memory for one more
                self._all.append(_Worker(renderer.style))
        for worker in self._all:
            threading.Thread(target=self._welcome, args=(worker,), daemon=True).start()

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
            InputError: the photo cannot be drawn on.
        """
        worker = self._free.get()
        try:
            if worker is not None:
                with contextlib.suppress(WorkerLostError):
                    return worker.draw(task)
                worker = None
            return draw(task, self._renderer)
        finally:
            if worker is not None or not self._ends_standing_in():
                self._free.put(worker)

    def _welcome(self, worker: _Worker) -> None:
        try:
            worker.wait_until_ready()
        except WorkerLostError:
            self._free.put(None)
            return
        self._free.put(worker)
        self.ready.set()

    def _ends_standing_in(self) -> bool:
        return self.ready.is_set() and self._end_of_standing_in.acquire(blocking=False)

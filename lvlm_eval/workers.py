"""Spreads work over processes: results in the order of the parts, few parts in memory at a time.

Reading JSON and decoding small images hold the interpreter's lock, so threads would not help. Each
process has a pipe of its own and shares nothing else, no queue and no lock: one that is killed, by
a signal to all of them or for want of memory, can neither hold up the others nor go unnoticed.
"""

import gc
import itertools
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import connection, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, TypeVar, cast

from lvlm_eval.errors import StoppedError
from lvlm_eval.stopping import STOPPING, StopSignals

Part = TypeVar("Part")
Result = TypeVar("Result")

PARTS_BEFORE = 4
"""Parts done in the process itself before others are started: small data is read faster so."""

_PARTS_AHEAD = 3
"""Parts a worker that are handed out before the result of the first of them is taken."""


def available_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Workers:
    """Processes that are started when there is enough to do, and end with the ``with`` block.

    Args:
        count: processes that do the work; with 1 it is done in this one.
        parts_before: parts that are done in this process first.
    """

    def __init__(self, count: int, parts_before: int = PARTS_BEFORE) -> None:
        self.count = count
        self._parts_before = parts_before
        self._processes: dict[Connection, BaseProcess] = {}

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for pipe, process in self._processes.items():
            pipe.close()  # a worker that waits for a part ends by that
            if kind is not None:
                process.terminate()
        for process in self._processes.values():
            process.join()
        self._processes = {}

    def each(self, work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
        """Do the same with every part.

        Args:
            work: a function of a module; may be called in another process.
            parts: taken one by one, no more than a few ahead of the results.

        Yields:
            The results in the order of the parts.

        Raises:
            StoppedError: a worker process was killed.
        """
        rest = iter(parts)
        if self.count == 1:
            yield from map(work, rest)
            return
        if not self._processes:
            yield from map(work, itertools.islice(rest, self._parts_before))
        first = next(rest, None)
        if first is not None:
            yield from self._spread(work, itertools.chain((first,), rest))

    def _spread(self, work: Callable[[Part], Result], parts: Iterator[Part]) -> Iterator[Result]:
        idle = list(self._started())
        busy: dict[Connection, int] = {}
        done: dict[int, Result] = {}
        taken = given = 0
        while True:
            room = min(len(idle), self.count * _PARTS_AHEAD - (taken - given))
            handed_out = 0
            for part in itertools.islice(parts, room):
                pipe = idle.pop()
                _send(pipe, (work, part))
                busy[pipe] = taken
                taken += 1
                handed_out += 1
            while given in done:
                yield done.pop(given)
                given += 1
            if not busy and handed_out < room:
                return
            for pipe in cast(list[Connection], connection.wait(list(busy)) if busy else []):
                done[busy.pop(pipe)] = _received(pipe)
                idle.append(pipe)

    def _started(self) -> Iterable[Connection]:
        if not self._processes:
            # Not forked: a fork copies signal handlers, and locks that other threads hold.
            context = multiprocessing.get_context("spawn")
            if os.name == "posix":
                # It unblocks the signals when it starts, so that must be before they are blocked.
                resource_tracker.ensure_running()
            for _ in range(self.count):
                ours, theirs = context.Pipe()
                given = (theirs, gc.get_threshold())
                process = context.Process(target=_serve, args=given, daemon=True)
                with StopSignals() as signals, signals.held(), _signals_blocked():
                    process.start()
                    self._processes[ours] = process
                theirs.close()  # so that the pipe ends when the process does
        return self._processes


def _send(pipe: Connection, message: Any) -> None:
    try:
        pipe.send(message)
    except OSError:
        raise _killed() from None


def _received(pipe: Connection) -> Any:
    try:
        result, error = pipe.recv()
    except (EOFError, OSError):
        raise _killed() from None
    if error is not None:
        raise error
    return result


def _killed() -> StoppedError:
    return StoppedError(
        "a worker process was killed, perhaps for want of memory. Try again, with fewer processes "
        "where there is a --jobs"
    )


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """What is started inside does not see Ctrl-C before it has arranged for it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection, garbage: tuple[int, int, int]) -> None:
    """Work until the other end of the pipe is closed, or its process is gone."""
    gc.set_threshold(*garbage)  # as in the process that started this one
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent decides
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
    with suppress(EOFError, OSError):
        while True:
            work, part = pipe.recv()
            pipe.send(_outcome(work, part))


def _outcome(work: Callable[[Any], Any], part: Any) -> tuple[Any, Exception | None]:
    try:
        return work(part), None
    except Exception as error:  # handed to the parent, which raises it
        error.add_note(traceback.format_exc())
        return None, error

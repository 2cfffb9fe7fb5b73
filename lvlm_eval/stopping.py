"""Signals that end a command cleanly and leave a folder that can be resumed.

Ctrl-C, SIGTERM, and SIGUSR1, which batch systems are asked to send ahead of a time limit.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, ClassVar

STOPPING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)
)

REPEATED_WITHIN = 10.0
"""Seconds in which the same stop may be told again: SLURM sends SIGTERM twice at once when it
pre-empts a job or its time is over."""


class StopSignal(BaseException):
    """A signal asked the command to stop.

    No Exception, so that neither a model's nor a library's ``except Exception`` swallows it.
    """


class StopSignals:
    """While entered, the signals in `STOPPING` raise StopSignal, never in the middle of a write.

    A second Ctrl-C, or another signal that comes more than `REPEATED_WITHIN` after the first, ends
    the process at once, so that a hanging model cannot keep it. Inside another one, the outer one
    is entered again. Outside the main thread, where Python allows no handlers, nothing is changed.
    """

    _outer: ClassVar["StopSignals | None"] = None

    def __init__(self) -> None:
        self._before: dict[signal.Signals, Any] = {}
        self._holding = False
        self._received: str | None = None
        self._received_at = 0.0

    def __enter__(self) -> "StopSignals":
        if StopSignals._outer is not None:
            return StopSignals._outer
        StopSignals._outer = self
        if threading.current_thread() is threading.main_thread():
            for number in STOPPING:
                self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if StopSignals._outer is self:
            StopSignals._outer = None
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """A signal that arrives inside takes effect at the end of the block.

        One that came before and was swallowed, by a bare ``except`` say, takes effect here.
        """
        if self._received:
            raise StopSignal(self._received)
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
        if self._received:
            raise StopSignal(self._received)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._received is not None:
            if time.monotonic() - self._received_at > REPEATED_WITHIN:
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)
            return
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        self._received_at = time.monotonic()
        self._received = f"stopped by {signal.Signals(number).name}"
        if not self._holding:
            raise StopSignal(self._received)

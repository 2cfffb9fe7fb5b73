"""Signals that end a command cleanly and leave a folder that can be resumed.

Ctrl-C, SIGTERM, and SIGUSR1, which batch systems are asked to send ahead of a time limit.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, ClassVar

STOPPING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)
)


class StopSignal(BaseException):
    """A signal asked the command to stop.

    No Exception, so that neither a model's nor a library's ``except Exception`` swallows it.
    """


class StopSignals:
    """While entered, the signals in `STOPPING` raise StopSignal, never in the middle of a write.

    A second signal ends the process at once, so that a hanging model cannot keep it. Inside
    another one, the outer one is entered again. Outside the main thread, where Python allows no
    handlers, nothing is changed.
    """

    _outer: ClassVar["StopSignals | None"] = None

    def __init__(self) -> None:
        self._before: dict[signal.Signals, Any] = {}
        self._holding = False
        self._received: str | None = None

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
        for own in self._before:
            signal.signal(own, signal.SIG_DFL)
        self._received = f"stopped by {signal.Signals(number).name}"
        if not self._holding:
            raise StopSignal(self._received)

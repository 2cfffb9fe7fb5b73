"""Signals that end a run cleanly: Ctrl-C and SIGTERM leave a folder that can be resumed."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

from lvlm_eval.errors import StoppedError


class StopSignals:
    """While entered, SIGINT and SIGTERM raise StoppedError, but never in the middle of a write.

    A second signal does what it does by default, so that a hanging model can still be ended.
    Outside the main thread, where Python allows no handlers, nothing is changed.
    """

    def __init__(self) -> None:
        self._before: dict[signal.Signals, Any] = {}
        self._holding = False
        self._received: str | None = None

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()

    @contextmanager
    def held(self) -> Iterator[None]:
        """A signal that arrives inside takes effect at the end of the block."""
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
        if self._received:
            raise StoppedError(self._received)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self._restore()
        self._received = f"stopped by {signal.Signals(number).name}"
        if not self._holding:
            raise StoppedError(self._received)

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

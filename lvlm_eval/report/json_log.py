"""Progress as JSON lines on standard error, for machines that collect logs."""

import contextlib
import json
import sys
import time
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from lvlm_eval.prices import Spending
from lvlm_eval.records import Prediction

SECONDS_BETWEEN_LINES = 10.0


class JsonLog:
    """A Watcher: one JSON object a line, each with ``at`` (UTC) and ``event``.

    Events: ``start`` (``planned``, ``done`` before), ``progress`` every ten seconds and at the end
    (``planned``, ``done``, ``errors``, ``rate`` a second, ``seconds_left``, ``cost``), ``failed``
    (``id``, ``error``) for each row that failed, ``note`` (``text``).
    """

    def __init__(self) -> None:
        self._planned = self._before = self._answered = self._errors = 0
        self._began = self._said = time.monotonic()
        self._cost: dict[str, Any] | None = None
        self._running = False

    def __enter__(self) -> "JsonLog":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._running:
            self._progress()

    def start(self, total: int, done: int) -> None:
        """So many rows are planned, and so many of them were answered before."""
        self._planned, self._before, self._running = total, done, True
        self._began = self._said = time.monotonic()
        log_event("start", planned=total, done=done)

    def answered(self, prediction: Prediction) -> None:
        """One more row is on disk."""
        self._answered += 1
        if prediction.status == "error":
            self._errors += 1
            log_event("failed", id=prediction.id, error=prediction.error)
        if time.monotonic() - self._said >= SECONDS_BETWEEN_LINES:
            self._progress()

    def spent(self, spending: Spending) -> None:
        """What all rows have cost up to now."""
        self._cost = spending.to_json()

    def note(self, line: str) -> None:
        """Something that the user should read."""
        log_event("note", text=line)

    def _progress(self) -> None:
        self._said = time.monotonic()
        rate = self._answered / max(self._said - self._began, 1e-9)
        left = self._planned - self._before - self._answered
        log_event(
            "progress",
            planned=self._planned,
            done=self._before + self._answered - self._errors,
            errors=self._errors,
            rate=round(rate, 4),
            seconds_left=round(left / rate, 1) if rate > 0 else None,
            cost=self._cost,
        )


def log_event(event: str, **fields: Any) -> None:
    """Write one line."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = json.dumps({"at": at, "event": event, **fields}, ensure_ascii=False)
    with contextlib.suppress(BrokenPipeError):  # nobody reads it any more; the work goes on
        sys.stderr.write(line + "\n")
        sys.stderr.flush()

"""What a run shows while it goes: a bar on a terminal, a line now and then in a log file."""

import time

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from lvlm_eval.prices import Spending
from lvlm_eval.records import Prediction
from lvlm_eval.report.standard_error import Bar

SECONDS_BETWEEN_LINES = 30.0


class ProgressBar(Bar):
    """A Watcher that writes to standard error.

    On a terminal it draws a bar with rate and time left; elsewhere it writes a line every 30 s.
    """

    def __init__(self) -> None:
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[cost]}"),
            TextColumn("{task.fields[trouble]}", style="yellow"),
        )
        self._task: TaskID | None = None
        self._began = self._said = time.monotonic()
        self._total = self._before = self._answered = self._errors = 0
        self._cost = ""

    def start(self, total: int, done: int) -> None:
        """Set the bar to what was answered before."""
        self._total, self._before = total, done
        self._began = self._said = time.monotonic()
        self._task = self._bar.add_task(
            "asking", total=total, completed=done, rate="", cost="", trouble=""
        )
        if done:
            self.note(f"{done} of {total} rows were answered before; {total - done} to go")

    def answered(self, prediction: Prediction) -> None:
        """Move the bar on by one."""
        self._answered += 1
        self._errors += prediction.status == "error"
        now = time.monotonic()
        rate = self._answered / max(now - self._began, 1e-9)
        done = self._before + self._answered
        if self._task is not None:
            self._bar.update(
                self._task,
                completed=done,
                rate=f"{rate:.1f}/s",
                trouble=f"{self._errors} errors" if self._errors else "",
            )
        if not self.console.is_terminal and now - self._said > SECONDS_BETWEEN_LINES:
            self._said = now
            left = (self._total - done) / rate
            self.note(
                f"{done} of {self._total} rows, {rate:.1f}/s, {left / 60:.0f} min left, "
                f"{self._errors} errors{self._cost and f', {self._cost}'}"
            )

    def spent(self, spending: Spending) -> None:
        """Show what all answers have cost up to now."""
        self._cost = str(spending)
        if self._task is not None:
            self._bar.update(self._task, cost=self._cost)

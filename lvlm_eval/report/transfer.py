"""What a download shows while it goes: a bar on a terminal, plain lines elsewhere."""

from types import TracebackType
from typing import Literal

from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


class TransferBar:
    """Watches a download on standard error."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> "TransferBar":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def start(self, what: str, total: int, done: int, unit: Literal["bytes", "files"]) -> None:
        """Begin a new bar; the one before it stays as it was."""
        self._stop()
        if not self.console.is_terminal:
            self.note(
                f"{what}: {_amount(total, unit)}"
                + (f", {_amount(done, unit)} there" if done else "")
            )
            return
        columns: list[ProgressColumn] = [TextColumn("{task.description}"), BarColumn()]
        if unit == "bytes":
            columns += [DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()]
        else:
            columns += [MofNCompleteColumn(), TextColumn("files"), TimeRemainingColumn()]
        self._bar = Progress(*columns, console=self.console)
        self._task = self._bar.add_task(what, total=total, completed=done)
        self._bar.start()

    def set(self, done: int) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done)

    def note(self, line: str) -> None:
        """Write a line above the bar."""
        self.console.print(line, markup=False, soft_wrap=True)

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _amount(total: int, unit: Literal["bytes", "files"]) -> str:
    return decimal(total) if unit == "bytes" else f"{total} files"

"""The terminal or log file behind standard error, which may go away while a command works."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress, ProgressColumn


class StandardError(Console):
    """Writes to standard error, or nothing once nobody reads it any more.

    A closed session must not end what is under way: the library's own console ends the process, and
    from inside a model that would look like a failure of the model.
    """

    def __init__(self) -> None:
        super().__init__(stderr=True, highlight=False)

    def on_broken_pipe(self) -> None:
        """Go on without a reader."""
        self.quiet = True


class Bar:
    """A bar on standard error while entered, if that is a terminal; lines can be written above it.

    Args:
        columns: of the bar.
        transient: whether it goes when it is done.
    """

    def __init__(self, *columns: ProgressColumn, transient: bool = False) -> None:
        self.console = StandardError()
        self._bar = Progress(
            *columns,
            console=self.console,
            transient=transient,
            disable=not self.console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def note(self, line: str) -> None:
        """Write a line above the bar."""
        self.console.print(line, markup=False, soft_wrap=True)

"""What a download tells while it goes."""

from typing import Literal, Protocol

Unit = Literal["bytes", "files"]


class Watcher(Protocol):
    """Is told of everything that happens; shows or keeps it."""

    def note(self, line: str) -> None:
        """Say a line."""

    def start(self, what: str, total: int, done: int, unit: Unit) -> None:
        """Begin something of ``total`` units, of which ``done`` are done."""

    def set(self, done: int) -> None:
        """So much of it is done."""

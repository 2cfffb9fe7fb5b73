"""The terminal or log file behind standard error, which may go away while a command works."""

from rich.console import Console


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

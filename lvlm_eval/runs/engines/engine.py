"""What a run needs of whatever asks the model: rows in, predictions out."""

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from lvlm_eval.models.adapter import Adapter
from lvlm_eval.records import Ask, ModelView, Prediction


class Engine(Protocol):
    """Asks; it neither reads nor writes the run's folder."""

    def working(self, pending: Sequence[Ask]) -> AbstractContextManager[None]:
        """While entered, what is needed to ask these rows stands ready, or gets ready.

        Raises:
            InputError: it cannot be had.
        """
        ...

    def answers(
        self, adapter: Adapter, pending: Sequence[Ask], note: Callable[[str], None]
    ) -> Generator[Prediction, None, None]:
        """Ask.

        Args:
            adapter: this process's own, within the call's budget. Workers in other processes have
                adapters of their own.
            pending: what to ask, the rows of a question one after the other.
            note: told, a line each, what the user should read.

        Yields:
            One prediction for each row, as they come; an ``error`` where there is no answer.

        Raises:
            InputError: the adapter refuses to work, or breaks the contract.
            StoppedError: it cannot go on; what was yielded stands.
        """
        ...

    def saw(self) -> ModelView | None:
        """What the model made of the pictures up to now; None if that cannot be told."""
        ...

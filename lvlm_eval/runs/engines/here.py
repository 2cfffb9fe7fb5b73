"""The plain way: this process asks its own adapter."""

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager

from lvlm_eval.models.adapter import Adapter
from lvlm_eval.records import Ask, ModelView, Prediction
from lvlm_eval.requests import RequestSource
from lvlm_eval.runs.asking import ask_all


class Here:
    """Asks in this process; see `Engine`.

    Args:
        source: makes the requests.
        adapter: answers.
    """

    def __init__(self, source: RequestSource, adapter: Adapter) -> None:
        self._source = source
        self._adapter = adapter

    def working(self, pending: Sequence[Ask]) -> AbstractContextManager[None]:
        """Processes that draw need a moment until they are ready; other things go on meanwhile."""
        return self._source.working(pending if self._adapter.needs_pictures else ())

    def answers(
        self, adapter: Adapter, pending: Sequence[Ask], note: Callable[[str], None]
    ) -> Generator[Prediction, None, None]:
        """Chunk by chunk, see `ask_all`."""
        self._adapter.tell = note
        return ask_all(adapter, self._source, pending, note)

    def saw(self) -> ModelView | None:
        """What the adapter tells."""
        return self._adapter.saw()

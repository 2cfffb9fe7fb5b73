"""Workers of a Ray cluster ask, each with a source and an adapter of its own."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lvlm_eval.errors import InputError
from lvlm_eval.models.adapter import Adapter
from lvlm_eval.models.registry import BuiltModel
from lvlm_eval.records import Ask, ModelView, Prediction
from lvlm_eval.requests import RequestSource
from lvlm_eval.runs.engines.pieces import Pieces
from lvlm_eval.runs.engines.ray_cluster import RayWishes, cluster
from lvlm_eval.runs.engines.views import joined
from lvlm_eval.runs.recipe import Recipe, environment_to_send

ROWS_OF_A_PIECE = 192
"""At most, for an adapter with smaller chunks."""

ROWS_OF_A_PIECE_UNCHUNKED = 768
"""At most, for an adapter that keeps itself filled from all that it is given."""


class RayEngine:
    """Asks on a Ray cluster; see `Engine`.

    Args:
        recipe: each worker makes its source and adapter by it.
        source: the command's own.
        model: the command's own; it is not asked.
        wishes: of the user.
    """

    def __init__(
        self, recipe: Recipe, source: RequestSource, model: BuiltModel, wishes: RayWishes
    ) -> None:
        if recipe.model.startswith("openai-batch:"):
            raise InputError(
                "openai-batch: sends all requests at once from one process: leave --engine ray out."
            )
        self._recipe = recipe
        self._source = source
        self._model = model
        self._wishes = wishes
        self._ray: Any = None
        self._workers = 0
        self._views: list[ModelView] = []

    @contextmanager
    def working(self, pending: Sequence[Ask]) -> Iterator[None]:
        """While entered, Ray is connected; not if nothing is to be asked.

        Raises:
            InputError: there is no Ray, no cluster at the address, or no GPU for a worker.
        """
        if not pending:
            yield
            return
        with cluster(self._wishes) as (self._ray, self._workers):
            yield

    def answers(
        self, adapter: Adapter, pending: Sequence[Ask], note: Callable[[str], None]
    ) -> Generator[Prediction, None, None]:
        """Piece by piece, to whoever is free; see `Crew`."""
        # Imported late, because these build on the module that engines are handed to.
        from lvlm_eval.runs.engines.ray_crew import Crew
        from lvlm_eval.runs.engines.ray_worker import Order, identity_here

        order = Order(
            self._recipe,
            str(Path.cwd()),
            environment_to_send(),
            identity_here(self._source, self._model, self._recipe.decoding),
        )
        most = max(ROWS_OF_A_PIECE, adapter.chunk or ROWS_OF_A_PIECE_UNCHUNKED)
        questions = len({ask.question for ask in pending})
        crew = Crew(
            self._ray,
            order,
            min(self._workers, questions),
            self._wishes.gpus,
            Pieces(pending, most),
            self._source,
            note,
        )
        try:
            yield from crew.answers()
        finally:
            crew.end()
            self._views = list(crew.views.values())

    def saw(self) -> ModelView | None:
        """What all workers tell, joined."""
        return joined(self._views)

"""Makes pictures of tasks, each once: from memory, by a drawing process, or here."""

import contextlib
import os
from collections.abc import Iterator

from lvlm_eval.pictures.cache import PictureCache
from lvlm_eval.pictures.task import PictureTask, draw
from lvlm_eval.pictures.workers import PictureWorkers
from lvlm_eval.records import Picture
from lvlm_eval.renderers import Renderer

FEWEST_TASKS = 40
"""Below so many pictures a process of its own is not ready before the work is done."""

MOST_WORKERS = 8


class PictureMaker:
    """Draws photos with one renderer.

    Args:
        renderer: draws.
    """

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._cache = PictureCache()
        self._workers: PictureWorkers | None = None

    def pictures(self, task: PictureTask) -> tuple[Picture, ...]:
        """The pictures of a task, one a variant.

        Raises:
            InputError: the photo cannot be decoded, or a mark is outside of it.
        """
        return self._cache.get(task, lambda: self._made(task))

    @contextlib.contextmanager
    def working(self, tasks: int) -> Iterator[None]:
        """While entered, as many processes draw as there are processors.

        Args:
            tasks: how many are to be expected. For a few, and for a renderer that is a user's
                Python file, none is started.
        """
        count = min(MOST_WORKERS, len(os.sched_getaffinity(0)) if _LINUX else os.cpu_count() or 1)
        if self._renderer.style is None or tasks < FEWEST_TASKS or count < 2:
            yield
            return
        with PictureWorkers(self._renderer, count) as self._workers:
            try:
                yield
            finally:
                self._workers = None

    def _made(self, task: PictureTask) -> tuple[Picture, ...]:
        if self._workers is not None:
            return self._workers.draw(task)
        return draw(task, self._renderer)


_LINUX = hasattr(os, "sched_getaffinity")

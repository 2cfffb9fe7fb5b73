"""Makes pictures of tasks, each once: from memory, by a drawing process, or here."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from lvlm_eval.pictures.cache import PictureCache
from lvlm_eval.pictures.store import PictureStore
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
        store: what was drawn before, by whatever process, and what others will want; None keeps
            pictures in memory alone.
    """

    def __init__(self, renderer: Renderer, store: PictureStore | None = None) -> None:
        self._renderer = renderer
        self._store = store
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

    def forget(self) -> None:
        """Let go of what is held in memory; what is stored stays."""
        self._cache = PictureCache()

    def to_draw(self, tasks: Iterable[PictureTask]) -> int:
        """How many of these tasks want a picture that is not stored; at most `FEWEST_TASKS`.

        More than that change nothing in `working`, and looking for pictures takes time.
        """
        return sum(1 for _ in islice((one for one in tasks if self._lacks(one)), FEWEST_TASKS))

    def _lacks(self, task: PictureTask) -> bool:
        if self._store is None:
            return True
        keys = self._store.keys(task, self._renderer)
        return not all(key is not None and self._store.has(key) for key in keys)

    def _made(self, task: PictureTask) -> tuple[Picture, ...]:
        if self._store is None:
            return self._drawn(task)
        keys = self._store.keys(task, self._renderer)
        with self._store.making(key for key in keys if key is not None):
            found = [None if key is None else self._store.get(key) for key in keys]
            missing = [place for place, picture in enumerate(found) if picture is None]
            if missing:
                variants = tuple(task.variants[place] for place in missing)
                drawn = self._drawn(replace(task, variants=variants))
                for place, picture in zip(missing, drawn, strict=True):
                    found[place] = picture
                    key = keys[place]
                    if key is not None:
                        self._store.put(key, picture)
        return tuple(picture for picture in found if picture is not None)

    def _drawn(self, task: PictureTask) -> tuple[Picture, ...]:
        if self._workers is not None:
            return self._workers.draw(task)
        return draw(task, self._renderer)


_LINUX = hasattr(os, "sched_getaffinity")

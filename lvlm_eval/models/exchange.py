"""Runs asynchronous work in a thread of its own, so that ``answer`` is a plain generator."""

import asyncio
import queue
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import CancelledError
from typing import Any

from lvlm_eval.records import Response

Tell = Callable[[Response], None]
"""Hands over a finished response; safe to call from the event loop."""


class Exchange:
    """Work on an event loop in a thread, and the responses that come out of it.

    Args:
        work: gets a function to hand responses over with, and does everything.
    """

    def __init__(self, work: Callable[[Tell], Coroutine[Any, Any, None]]) -> None:
        self._done: queue.Queue[Response | BaseException | None] = queue.Queue()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="exchange", daemon=True)
        self._thread.start()
        self._work = asyncio.run_coroutine_threadsafe(work(self._done.put), self._loop)
        self._work.add_done_callback(self._finish)

    def _finish(self, _: object) -> None:
        try:
            self._done.put(self._work.exception())
        except CancelledError:
            self._done.put(None)

    def responses(self) -> Iterator[Response]:
        """Everything that comes back, then whatever ended the work.

        Raises:
            BaseException: what the work raised.
        """
        while (done := self._done.get()) is not None:
            if isinstance(done, Response):
                yield done
            elif isinstance(done, BaseExceptionGroup):
                # The task group's wrapping of whatever one of the tasks raised.
                raise done.exceptions[0]
            else:
                raise done

    def stop(self) -> None:
        """End what is in flight and the thread."""
        self._work.cancel()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        # Cancelled tasks must run once more to close their connections.
        self._loop.run_until_complete(_settle(self._loop))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


async def _settle(loop: asyncio.AbstractEventLoop) -> None:
    rest = asyncio.all_tasks(loop) - {asyncio.current_task(loop)}
    await asyncio.gather(*(task for task in rest if task is not None), return_exceptions=True)

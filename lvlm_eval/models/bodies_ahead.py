"""Writes the bodies of the next requests while those before them wait for their answers."""

import asyncio
from collections.abc import Callable, Sequence

from lvlm_eval.errors import InputError
from lvlm_eval.models.adapter import NotNowError
from lvlm_eval.records import Request

MOST_AHEAD = 32
"""Bodies that are written before somebody takes them, at most: some 10 MB of pictures."""

LOOK_AGAIN = 0.02
"""Seconds until it is looked again whether a budget allows one more request."""


class BodiesAhead:
    """Hands out requests with their bodies, in about the order that they have.

    Args:
        requests: what is to be sent; they may be made, or paid for, when they are looked at.
        body: writes a request's body, in a thread.
        unsent: told of a request whose body cannot be written, and why.
        ahead: bodies that are kept ready, at most.
    """

    def __init__(
        self,
        requests: Sequence[Request],
        body: Callable[[Request], bytes],
        unsent: Callable[[Request, InputError], None],
        ahead: int,
    ) -> None:
        self._requests = requests
        self._body = body
        self._unsent = unsent
        self._places = iter(range(len(requests)))
        self._writing = self.writers = max(1, min(ahead, MOST_AHEAD, len(requests)))
        # A writer keeps what it has written until it is taken, so there is one place beside them.
        # None says that nothing more comes, to everybody who looks.
        self._ready: asyncio.Queue[tuple[Request, bytes] | None] = asyncio.Queue(1)

    async def write(self) -> None:
        """Write one body after the other; to be run ``writers`` times side by side.

        Raises:
            StoppedError: there are no more requests to be had.
        """
        for place in self._places:
            try:
                request = await self._request(place)
            except InputError:
                continue  # the row's text cannot be written; the run notes why
            try:
                body = await asyncio.to_thread(self._body, request)
            except InputError as error:
                self._unsent(request, error)
                continue
            await self._ready.put((request, body))
        self._writing -= 1
        if not self._writing:
            await self._ready.put(None)

    async def take(self) -> tuple[Request, bytes] | None:
        """The next one, or None if nothing more comes."""
        taken = await self._ready.get()
        if taken is None:
            self._ready.put_nowait(None)
        return taken

    def stop(self) -> None:
        """Hand out nothing more, not even what is ready."""
        if self._ready.full():
            self._ready.get_nowait()
        self._ready.put_nowait(None)

    async def _request(self, place: int) -> Request:
        while True:
            try:
                return await asyncio.to_thread(self._requests.__getitem__, place)
            except NotNowError:  # those that are ready or on their way may cost less than expected
                await asyncio.sleep(LOOK_AGAIN)

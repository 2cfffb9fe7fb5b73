"""Writes the bodies of the next requests while those before them wait for their answers."""

import asyncio
from collections.abc import Callable, Sequence

from lvlm_eval.errors import InputError
from lvlm_eval.models.adapter import NotNowError
from lvlm_eval.records import Request

MOST_AHEAD = 32
"""Bodies that are written before somebody takes them, at most; each is of some 0.6 MB."""

ANSWERS_BEFORE = 2
"""Answers that must have come before bodies are written ahead."""

LOOK_AGAIN = 0.02
"""Seconds until it is looked again whether a budget allows one more request."""


class BodiesAhead:
    """Hands out requests with their bodies, in about the order that they have.

    Until the second answer no more of them are made than can be sent: what an answer costs is not
    known at first, and whatever is made is paid for. The second tells that the first was counted.

    Args:
        requests: what is to be sent; they may be made, or paid for, when they are looked at.
        body: writes a request's body, in a thread.
        unsent: told of a request whose body cannot be written, and why.
        senders: how many take bodies.
    """

    def __init__(
        self,
        requests: Sequence[Request],
        body: Callable[[Request], bytes],
        unsent: Callable[[Request, InputError], None],
        senders: int,
    ) -> None:
        self._requests = requests
        self._body = body
        self._unsent = unsent
        self._places = iter(range(len(requests)))
        self._writing = self.writers = max(1, min(senders, MOST_AHEAD, len(requests)))
        # Requests that may still be made before one of those that are out is answered.
        self._room = asyncio.Semaphore(senders)
        self._answers = 0
        self._asking_again = asyncio.Lock()
        # A writer keeps what it has written until it is taken.
        # None says that nothing more comes, to everybody who looks.
        self._ready: asyncio.Queue[tuple[Request, bytes] | None] = asyncio.Queue(1)

    async def write(self) -> None:
        """Write one body after the other; to be run ``writers`` times side by side.

        Raises:
            StoppedError: there are no more requests to be had.
        """
        while True:
            await self._room.acquire()
            place = next(self._places, None)
            if place is None:
                break
            try:
                request = await self._request(place)
            except InputError:
                self._room.release()
                continue  # the row's text cannot be written; the run notes why
            try:
                body = await asyncio.to_thread(self._body, request)
            except InputError as error:
                self._unsent(request, error)
                self._room.release()
                continue
            await self._ready.put((request, body))
        self._room.release()  # for the other writers, who must see the end, too
        self._writing -= 1
        if not self._writing:
            await self._ready.put(None)

    async def take(self) -> tuple[Request, bytes] | None:
        """The next one, or None if nothing more comes."""
        taken = await self._ready.get()
        if taken is None:
            self._ready.put_nowait(None)
        return taken

    def answered(self, is_answer: bool) -> None:
        """Note that one that was taken is done with.

        Args:
            is_answer: it was really answered, so that it is known what one costs.
        """
        self._room.release()
        self._answers += is_answer
        if is_answer and self._answers == ANSWERS_BEFORE:
            for _ in range(self.writers):
                self._room.release()

    def stop(self) -> None:
        """Hand out nothing more, not even what is ready."""
        if self._ready.full():
            self._ready.get_nowait()
        self._ready.put_nowait(None)

    async def _request(self, place: int) -> Request:
        try:
            return await asyncio.to_thread(self._requests.__getitem__, place)
        except NotNowError:
            pass
        # Those that are ready or on their way may cost less than expected.
        async with self._asking_again:
            while True:
                await asyncio.sleep(LOOK_AGAIN)
                try:
                    return await asyncio.to_thread(self._requests.__getitem__, place)
                except NotNowError:
                    continue

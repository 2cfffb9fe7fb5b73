"""Keeps requests and tokens a minute below what a server allows, for all requests together."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

SECONDS_A_MINUTE = 60.0
MOST_JITTER = 2.0
"""Seconds that requests are spread over after a pause that a server asked for."""


class Pace:
    """Spreads amounts evenly over time, so that no minute holds more than is allowed.

    An even spread, and no bucket that may be emptied at once: servers count by the second, too.

    Args:
        per_minute: the amount that is allowed in any minute.
        clock: seconds; time.monotonic but in tests.
    """

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds_each = SECONDS_A_MINUTE / per_minute
        self._clock = clock
        self._free_at = clock()

    def reserve(self, amount: float = 1.0) -> float:
        """Take the next place in line; gives the seconds until it is due."""
        now = self._clock()
        due = max(now, self._free_at)
        self._free_at = due + amount * self._seconds_each
        return due - now

    def settle(self, more: float) -> None:
        """Correct a reservation: so much more was needed, or less if negative."""
        self._free_at += more * self._seconds_each


class TokenGuess:
    """What a request will need, guessed from those that were answered.

    Args:
        first: tokens of a request before the first answer.
    """

    WEIGHT = 0.1

    def __init__(self, first: float) -> None:
        self._mean = first
        self._answered = False

    def __call__(self) -> float:
        """Tokens of the next request: a mean in which older answers fade."""
        return self._mean

    def learn(self, tokens: float) -> None:
        """Take an answered request's tokens into account."""
        self._mean += (tokens - self._mean) * (self.WEIGHT if self._answered else 1.0)
        self._answered = True


class Pacing:
    """Tells each try of each request when it may go.

    Args:
        requests_per_minute: None for no bound.
        tokens_per_minute: of prompts and answers together; None for no bound. What a request needs
            is known only from its answer, so the bound holds on average.
        first_guess: tokens of a request, as long as none is answered.
        clock: seconds; time.monotonic but in tests.
        sleep: waits some seconds.
    """

    def __init__(
        self,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        first_guess: float = 2000.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._requests = Pace(requests_per_minute, clock) if requests_per_minute else None
        self._tokens = Pace(tokens_per_minute, clock) if tokens_per_minute else None
        self._guess = TokenGuess(first_guess)
        self._clock = clock
        self._sleep = sleep
        self._closed_until = clock()

    async def turn(self) -> float:
        """Wait until one more try may be sent; gives the tokens that are reserved for it."""
        await self._opened()
        reserved = self._guess()
        wait = max(
            self._requests.reserve() if self._requests else 0.0,
            self._tokens.reserve(reserved) if self._tokens else 0.0,
        )
        if wait > 0:
            await self._sleep(wait)
            await self._opened()
        return reserved

    def hold(self, seconds: float) -> None:
        """Let nothing go for so long: a server that asks one request to wait means all."""
        self._closed_until = max(self._closed_until, self._clock() + seconds)

    def settle(self, reserved: float, tokens: float | None) -> None:
        """Account for what an answered try really needed, where the server says so.

        Args:
            reserved: from ``turn``.
            tokens: of prompt and answer together.
        """
        if tokens is None:
            return
        if self._tokens:
            self._tokens.settle(tokens - reserved)
        self._guess.learn(tokens)

    async def _opened(self) -> None:
        while (seconds := self._closed_until - self._clock()) > 0:
            # Not all at the same moment, or the server would close again.
            await self._sleep(seconds + random.uniform(0, min(MOST_JITTER, 0.1 * seconds)))

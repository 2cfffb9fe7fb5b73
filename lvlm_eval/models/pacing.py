"""Keeps requests and tokens a minute below what a server allows, for all requests together."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from lvlm_eval.models.rate_limits import ServerLimit, readings

SECONDS_A_MINUTE = 60.0
MOST_JITTER = 2.0
"""Seconds that requests are spread over after a pause that a server asked for."""

LONGEST_WAIT = 60.0
"""Seconds that a request waits for a server's limit at most: what was read of it may be wrong, and
a server that cannot take the request yet says so, and for how long."""

LONGEST_LOOK = 1.0
"""Seconds after which a waiting request looks whether newer answers allow it earlier."""

TOLD_FROM = 2.0
"""Seconds; a wait from here on is told, once."""


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


@dataclass(frozen=True, slots=True)
class Turn:
    """One try that may go.

    Attributes:
        reserved: tokens that are taken to be needed for it.
        requests: mark of the server's limit of requests.
        tokens: mark of the server's limit of tokens.
    """

    reserved: float
    requests: float
    tokens: float


def _nobody(seconds: float) -> None:
    """Takes what nobody wants to hear."""


class Pacing:
    """Tells each try of each request when it may go.

    Two things bound it, and the slower one holds: what the user wants, and what the server says of
    its limits in the headers of its answers.

    Args:
        requests_per_minute: None for no bound.
        tokens_per_minute: of prompts and answers together; None for no bound. What a request needs
            is known only from its answer, so the bound holds on average.
        first_guess: tokens of a request, as long as none is answered.
        clock: seconds; time.monotonic but in tests.
        sleep: waits some seconds.
        slowed: told, once, of the first long wait for a limit of the server: its seconds.
    """

    def __init__(
        self,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        first_guess: float = 2000.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        slowed: Callable[[float], None] = _nobody,
    ) -> None:
        self._requests = Pace(requests_per_minute, clock) if requests_per_minute else None
        self._tokens = Pace(tokens_per_minute, clock) if tokens_per_minute else None
        self._guess = TokenGuess(first_guess)
        self._clock = clock
        self._sleep = sleep
        self._slowed: Callable[[float], None] | None = slowed
        self._closed_until = clock()
        self._limits = {"requests": ServerLimit(clock), "tokens": ServerLimit(clock)}
        self._line = asyncio.Lock()

    async def turn(self) -> Turn:
        """Wait until one more try may be sent."""
        await self._opened()
        reserved = self._guess()
        wait = max(
            self._requests.reserve() if self._requests else 0.0,
            self._tokens.reserve(reserved) if self._tokens else 0.0,
        )
        if wait > 0:
            await self._sleep(wait)
            await self._opened()
        requests, tokens = self._limits["requests"], self._limits["tokens"]
        async with self._line:  # only the first in line looks at what is left
            waited = 0.0
            while waited < LONGEST_WAIT:
                wait = max(requests.wait(1.0), tokens.wait(reserved))
                if wait <= 0:
                    break
                self._tell(wait)
                wait = min(wait, LONGEST_LOOK)
                await self._sleep(wait)
                waited += wait
            if waited:
                await self._opened()
            return Turn(reserved, requests.take(1.0), tokens.take(reserved))

    def hold(self, seconds: float) -> None:
        """Let nothing go for so long: a server that asks one request to wait means all."""
        self._closed_until = max(self._closed_until, self._clock() + seconds)

    def heard(self, turn: Turn, headers: Mapping[str, str]) -> None:
        """Read what the headers of a try's answer, be it a refusal, say of the server's limits."""
        marks = {"requests": turn.requests, "tokens": turn.tokens}
        for kind, reading in readings(headers).items():
            self._limits[kind].read(marks[kind], reading)

    def settle(self, turn: Turn, tokens: float | None) -> None:
        """Account for what an answered try really needed, where the server says so.

        Args:
            turn: from ``turn``.
            tokens: of prompt and answer together.
        """
        if tokens is None:
            return
        if self._tokens:
            self._tokens.settle(tokens - turn.reserved)
        self._guess.learn(tokens)

    def _tell(self, wait: float) -> None:
        if wait >= TOLD_FROM and self._slowed is not None:
            slowed, self._slowed = self._slowed, None
            slowed(wait)

    async def _opened(self) -> None:
        while (seconds := self._closed_until - self._clock()) > 0:
            # Not all at the same moment, or the server would close again.
            await self._sleep(seconds + random.uniform(0, min(MOST_JITTER, 0.1 * seconds)))

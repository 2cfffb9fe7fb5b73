"""Keeps to the rate limits that a server tells in its answers' headers, before it refuses.

OpenAI and servers in its manner send, for ``requests`` and for ``tokens``, three headers:
``x-ratelimit-limit-…`` (the most that is ever left), ``x-ratelimit-remaining-…`` (what is left now)
and ``x-ratelimit-reset-…`` (the time until everything is there again). Some refill bit by bit,
others all at once, some count by the minute, others by the day, and none says which; so only what
all have in common is used: what is left must last until the reset.
"""

import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

KINDS = ("requests", "tokens")
"""What servers count."""

USUAL_WINDOW = 60.0
"""Seconds for which a limit is taken to hold where the server has not said anything newer."""

FREE_PART = 0.5
"""Part of a limit that is used without slowing down; what is below it is spread over the time."""

LONGEST_RESET = 31 * 86_400.0
"""Seconds; a larger number is no duration but, say, a date."""

_UNITS: Mapping[str, float] = {
    "d": 86_400.0,
    "h": 3600.0,
    "m": 60.0,
    "s": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,
    "ns": 1e-9,
}
_PART = r"(\d+(?:\.\d+)?)(ms|us|µs|ns|d|h|m|s)"
_DURATION = re.compile(rf"(?:{_PART})+")
_NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,9})?")


@dataclass(frozen=True, slots=True)
class Reading:
    """What one answer's headers say of one kind.

    Attributes:
        limit: the most that is ever left; None if it is not told.
        remaining: what was left when the request was counted.
        reset: seconds until everything is there again.
    """

    limit: float | None
    remaining: float
    reset: float


def readings(headers: Mapping[str, str]) -> dict[str, Reading]:
    """The readings by kind; a kind whose headers are missing or make no sense has none."""
    found = {}
    for kind in KINDS:
        limit, remaining = (
            _number(headers.get(f"x-ratelimit-{name}-{kind}", ""))
            for name in ("limit", "remaining")
        )
        reset = seconds_of(headers.get(f"x-ratelimit-reset-{kind}", ""))
        if remaining is None or reset is None:
            continue
        if limit is not None and (limit <= 0 or remaining > limit):
            continue
        found[kind] = Reading(limit, remaining, reset)
    return found


def seconds_of(text: str) -> float | None:
    """Seconds of a duration such as ``6m0s``, ``120ms`` or ``1.5``; None if it is none."""
    text = text.strip()
    seconds = _number(text)
    if seconds is None and len(text) < 100 and _DURATION.fullmatch(text):
        seconds = sum(float(amount) * _UNITS[unit] for amount, unit in re.findall(_PART, text))
    return seconds if seconds is not None and seconds <= LONGEST_RESET else None


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text.strip()) else None


class ServerLimit:
    """One kind of a server's limits, as its newest answer tells it, and what was sent since.

    While more than half of the limit is left nothing waits. Below that, what is left is spread
    evenly over the time until the reset: with a server that refills bit by bit this settles at the
    pace of its refilling, with one that refills at once it lasts just until then.

    Args:
        clock: seconds; time.monotonic but in tests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._limit: float | None = None
        self._left = math.inf
        self._until = -math.inf
        self._window = USUAL_WINDOW
        self._taken = 0.0
        self._newest = -1.0
        self._last: tuple[float, float] | None = None

    def wait(self, amount: float) -> float:
        """Seconds until so much may be sent; may become less with the next reading."""
        if math.isinf(self._left):
            return 0.0
        now = self._clock()
        if now >= self._until:
            self._renew(now)
        if self._limit is not None:
            # What is larger than the whole limit goes when nothing else is taken from it.
            amount = min(amount, self._limit)
            if self._left - amount >= FREE_PART * self._limit:
                return 0.0
        if self._left < amount:
            return self._until - now
        if self._last is None:
            return 0.0
        at, taken = self._last
        gap = (self._until - at) * taken / (self._left + taken)
        return max(0.0, at + gap - now)

    def take(self, amount: float) -> float:
        """Note that so much is sent now; gives the mark to hand over with the answer's reading."""
        self._left -= amount
        self._taken += amount
        self._last = self._clock(), amount
        return self._taken

    def read(self, mark: float, reading: Reading) -> None:
        """Take an answer's reading into account, unless that of a later request is known.

        Args:
            mark: that ``take`` gave when the request was sent.
            reading: of its answer.
        """
        if mark < self._newest:
            return
        self._newest = mark
        since = self._taken - mark  # sent after it, so not counted in what it says is left
        reset, used = reading.reset, 0.0
        if reading.limit is not None:
            used = reading.limit - reading.remaining
        if used > 0:
            # Where the limit refills bit by bit, what was sent since takes its time, too.
            reset = min(reset * (1 + since / used), max(reset, USUAL_WINDOW))
        self._limit = reading.limit
        self._left = reading.remaining - since
        self._until = self._clock() + reset
        self._window = max(USUAL_WINDOW, reading.reset)

    def _renew(self, now: float) -> None:
        """The reset has come, and no answer has said yet what is left."""
        self._left = math.inf if self._limit is None else self._limit
        self._until = now + self._window
        self._last = None

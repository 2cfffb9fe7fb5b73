"""Rate limits that a server tells in its headers: kept to before it refuses, and used up."""

import asyncio
import math
import threading
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving import Reply, Seen
from test_openai import ask

from lvlm_eval.models.pacing import Pacing
from lvlm_eval.models.rate_limits import Reading, ServerLimit, readings, seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360),
        ("120ms", 0.12),
        ("1s", 1),
        ("0s", 0),
        ("2m59.56s", 179.56),
        ("1h2m3s", 3723),
        ("1d2h", 93_600),
        ("6ms", 0.006),
        ("350µs", 0.00035),
        ("17", 17),
        ("0.5", 0.5),
        ("", None),
        ("-1", None),
        ("soon", None),
        ("1x", None),
        ("s", None),
        ("1e999", None),
        ("nan", None),
        ("1764151331", None),  # a date, not a duration
        ("Wed, 21 Oct 2015 07:28:00 GMT", None),
        ("9" * 400, None),
        ("1s" * 400, None),
    ],
)
def test_durations(text: str, seconds: float | None) -> None:
    found = seconds_of(text)
    assert found == (None if seconds is None else pytest.approx(seconds))


def headers(kind: str, limit: object, remaining: object, reset: object) -> dict[str, str]:
    return {
        f"x-ratelimit-limit-{kind}": str(limit),
        f"x-ratelimit-remaining-{kind}": str(remaining),
        f"x-ratelimit-reset-{kind}": str(reset),
    }


def test_what_headers_say() -> None:
    both = headers("requests", 60, 59, "1s") | headers("tokens", 150_000, 149_984, "6m0s")
    assert readings(both) == {
        "requests": Reading(60, 59, 1),
        "tokens": Reading(150_000, 149_984, 360),
    }
    del both["x-ratelimit-limit-requests"], both["x-ratelimit-reset-tokens"]
    assert readings(both) == {"requests": Reading(None, 59, 1)}


@pytest.mark.parametrize(
    ("limit", "remaining", "reset"),
    [(-1, -1, 0), (0, 0, "1s"), (5, 6, "1s"), ("many", "few", "1s"), (5, 5, "later"), ("", "", "")],
)
def test_what_makes_no_sense_is_ignored(limit: object, remaining: object, reset: object) -> None:
    found = readings(headers("requests", limit, remaining, reset))
    assert found.get("requests", Reading(None, 1, 1)).limit is None


@given(st.dictionaries(st.sampled_from(list(headers("requests", 1, 1, 1))), st.text()))
def test_any_headers_are_read(found: dict[str, str]) -> None:
    for reading in readings(found).values():
        assert reading.remaining >= 0
        assert 0 <= reading.reset < math.inf


class VirtualTime(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next thing to do."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        select = self._selector.select  # type: ignore[attr-defined]  # of every selector loop

        def jump(timeout: float | None) -> Any:
            self._now += timeout or 0.0
            return select(0)

        self._selector.select = jump  # type: ignore[attr-defined]

    def time(self) -> float:
        return self._now


def virtually(work: Coroutine[Any, Any, float]) -> float:
    loop = VirtualTime()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


@dataclass
class LimitedServer:
    """Counts what comes in, and says what is left; too much is refused.

    Refilled bit by bit, ``limit`` in ``window`` seconds, or all at once at every window's end.
    """

    kind: str
    limit: int
    window: float
    at_once: bool
    cost: int = 1
    refused: list[float] = field(default_factory=list)
    _left: float = field(init=False)
    _at: float = 0.0

    def __post_init__(self) -> None:
        self._left = self.limit

    def count(self, now: float) -> tuple[bool, dict[str, str]]:
        """Whether a request of now is taken, and the headers of its answer."""
        if self.at_once:
            ends = (math.floor(self._at / self.window) + 1) * self.window
            if now >= ends:
                self._left = self.limit
        else:
            refilled = (now - self._at) * self.limit / self.window
            self._left = min(self.limit, self._left + refilled)
        self._at = now
        taken = self._left >= self.cost
        if taken:
            self._left -= self.cost
        else:
            self.refused.append(now)
        if self.at_once:
            reset = (math.floor(now / self.window) + 1) * self.window - now
        else:
            reset = (self.limit - self._left) * self.window / self.limit
        return taken, headers(self.kind, self.limit, math.floor(self._left), f"{reset:.3f}s")


async def through(
    server: LimitedServer, pacing: Pacing, count: int, concurrency: int, latency: float
) -> float:
    """Send so many requests as the adapter does; gives the seconds until all are answered."""
    loop = asyncio.get_running_loop()
    left = iter(range(count))

    async def work() -> None:
        for _ in left:
            taken = False
            while not taken:
                turn = await pacing.turn()
                taken, said = server.count(loop.time())
                await asyncio.sleep(latency)
                pacing.heard(turn, said)
                pacing.settle(turn, server.cost if server.kind == "tokens" else None)

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(work())
    return loop.time()


@pytest.mark.parametrize("at_once", [False, True], ids=["bit by bit", "at once"])
@pytest.mark.parametrize("latency", [0.2, 5.0])
@pytest.mark.parametrize("limit", [60, 600])
@pytest.mark.parametrize("kind", ["requests", "tokens"])
def test_no_request_is_refused_and_the_limit_is_used(
    kind: str, limit: int, latency: float, at_once: bool
) -> None:
    cost = 1000 if kind == "tokens" else 1
    server = LimitedServer(kind, limit * cost, 60.0, at_once, cost)

    async def work() -> float:
        clock = asyncio.get_running_loop().time
        return await through(server, Pacing(clock=clock), 6 * limit, 32, latency)

    took = virtually(work())
    assert server.refused == []
    # The whole limit is there at the start, then one more a window; 32 at a time take theirs.
    assert took <= 1.15 * max(5 * 60, 6 * limit * latency / 32) + 60


def test_more_at_a_time_than_the_limit_costs_refusals_only_at_the_start() -> None:
    """Nothing is known of the limit before the first answer."""
    server = LimitedServer("requests", 10, 60.0, at_once=False)

    async def work() -> float:
        clock = asyncio.get_running_loop().time
        return await through(server, Pacing(clock=clock), 50, 32, 1.0)

    took = virtually(work())
    assert len(server.refused) <= 22
    assert max(server.refused) < 1.0
    assert took <= 1.3 * 5 * 60


def test_the_users_own_bound_stays_the_upper_one() -> None:
    server = LimitedServer("requests", 6000, 60.0, at_once=False)

    async def work() -> float:
        clock = asyncio.get_running_loop().time
        return await through(server, Pacing(60, clock=clock), 31, 8, 0.1)

    assert virtually(work()) == pytest.approx(30.1)


def test_an_answer_to_an_older_request_does_not_count() -> None:
    now = [0.0]
    limit = ServerLimit(lambda: now[0])
    first, second = limit.take(1), limit.take(1)
    limit.read(second, Reading(10, 0, 30))
    limit.read(first, Reading(10, 9, 30))
    assert limit.wait(1) == 30


def test_what_was_sent_since_counts() -> None:
    now = [0.0]
    limit = ServerLimit(lambda: now[0])
    first = limit.take(1)
    for _ in range(3):
        limit.take(1)
    limit.read(first, Reading(None, 3, 30))
    assert limit.wait(1) == 30
    now[0] = 31
    assert limit.wait(1) == 0  # the reset has come, and no limit is known


def test_what_is_larger_than_the_limit_goes_alone() -> None:
    now = [0.0]
    limit = ServerLimit(lambda: now[0])
    limit.read(limit.take(500), Reading(100, 0, 20))
    assert limit.wait(500) == 20
    now[0] = 20
    assert limit.wait(500) == 0
    limit.take(500)
    assert limit.wait(500) > 0


def test_no_request_waits_for_a_limit_longer_than_a_minute() -> None:
    """What a server said may be wrong; if not, it refuses, and says for how long."""

    async def work() -> float:
        clock = asyncio.get_running_loop().time
        told: list[float] = []
        pacing = Pacing(clock=clock, slowed=told.append)
        for _ in range(2):
            pacing.heard(await pacing.turn(), headers("requests", 100, 0, "6h0m0s"))
        assert told == [pytest.approx(21_600)]
        return clock()

    assert virtually(work()) == pytest.approx(60)


class Really:
    """A real server that refuses more than a limit, by the real time."""

    def __init__(self, server: LimitedServer) -> None:
        self._server = server
        self._lock = threading.Lock()
        self._began: float | None = None

    def __call__(self, seen: Seen, before: int) -> Reply:
        with self._lock:
            now = time.monotonic()
            self._began = self._began or now
            taken, said = self._server.count(now - self._began)
        time.sleep(0.02)
        if taken:
            return Reply(headers=said)
        return Reply(status=429, error={"message": "slow down"}, headers=said)


@pytest.mark.parametrize("kind", ["requests", "tokens"])
def test_the_adapter_keeps_to_what_a_server_says(kind: str) -> None:
    """Twenty in two seconds; without the headers most of the last forty would be refused."""
    cost = 8 if kind == "tokens" else 1  # as the test server's usage says
    limited = LimitedServer(kind, 20 * cost, 2.0, at_once=False, cost=cost)
    began = time.monotonic()
    answers, seen = ask(Really(limited), count=60, concurrency=4)
    took = time.monotonic() - began
    assert {one.status for one in answers} == {"ok"}
    assert limited.refused == []
    assert len(seen) == 60
    assert 3.5 < took < 9


@pytest.mark.parametrize("garbage", ["", "-1", "nan", "x" * 5000, "9" * 30, "1s1s1"])
def test_garbage_in_the_headers_changes_nothing(garbage: str) -> None:
    said = headers("requests", garbage, garbage, garbage) | headers("tokens", 5, garbage, "9h")
    answers, _ = ask(lambda *_: Reply(headers=said), count=8)
    assert {one.status for one in answers} == {"ok"}

"""Requests and tokens a minute: no minute holds more than is allowed, whatever comes."""

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.models.pacing import Pace, Pacing, TokenGuess


class Clock:
    """Time that passes only where someone sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


@given(
    st.integers(1, 600),
    st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=200),
)
def test_no_minute_holds_more_than_is_allowed(per_minute: int, gaps: list[float]) -> None:
    clock = Clock()
    pace = Pace(per_minute, clock)
    starts = []
    for gap in gaps:
        clock.now += gap
        starts.append(clock.now + pace.reserve())
    assert starts == sorted(starts)
    for first, later in zip(starts, starts[per_minute:], strict=False):
        assert later - first >= 60 - 1e-6


def test_six_a_minute_are_ten_seconds_apart() -> None:
    pace = Pace(6, Clock())
    assert [pace.reserve() for _ in range(4)] == [0, 10, 20, 30]


def test_a_reservation_that_was_too_small_is_paid_by_the_next() -> None:
    pace = Pace(600, Clock())  # ten a second
    assert pace.reserve(100) == 0
    assert pace.reserve(50) == 10
    pace.settle(-20)
    pace.settle(100)
    assert pace.reserve(10) == pytest.approx(10 + 5 - 2 + 10)


def test_the_guess_follows_the_answers() -> None:
    guess = TokenGuess(2000)
    assert guess() == 2000
    guess.learn(300)
    assert guess() == 300
    guess.learn(400)
    assert guess() == pytest.approx(310)


def sent(pacing: Pacing, clock: Clock, count: int, tokens: float | None = None) -> list[float]:
    """Seconds after the start at which so many requests go, one after the other."""
    began = clock.now

    async def go() -> list[float]:
        times = []
        for _ in range(count):
            reserved = await pacing.turn()
            times.append(round(clock.now - began, 6))
            pacing.settle(reserved, tokens)
        return times

    return asyncio.run(go())


def test_without_bounds_nothing_waits() -> None:
    clock = Clock()
    assert sent(Pacing(clock=clock, sleep=clock.sleep), clock, 5, tokens=1e6) == [0] * 5


def test_both_bounds_hold() -> None:
    clock = Clock()
    pacing = Pacing(60, 6000, first_guess=500, clock=clock, sleep=clock.sleep)
    # Tokens decide: 500 are reserved at first, which is 5 s; each then really takes 200, or 2 s.
    assert sent(pacing, clock, 4, tokens=200) == [0, 2, 4, 6]
    pacing = Pacing(60, 6000, first_guess=10, clock=clock, sleep=clock.sleep)
    assert sent(pacing, clock, 4, tokens=10) == [0, 1, 2, 3]


def test_a_pause_that_the_server_asks_for_is_one_for_all() -> None:
    clock = Clock()
    pacing = Pacing(clock=clock, sleep=clock.sleep)
    pacing.hold(30)
    pacing.hold(10)  # the longer one holds
    began = clock.now

    async def go() -> list[float]:
        async def one() -> float:
            await pacing.turn()
            return clock.now - began

        return await asyncio.gather(*(one() for _ in range(5)))

    assert all(30 <= time <= 200 for time in asyncio.run(go()))


def test_after_a_pause_the_pace_is_kept() -> None:
    clock = Clock()
    pacing = Pacing(60, clock=clock, sleep=clock.sleep)
    pacing.hold(30)
    times = sent(pacing, clock, 4)
    assert times[0] >= 30
    for one, other in itertools.pairwise(times):
        assert other - one == pytest.approx(1)

"""Bodies that are written ahead: each once, none kept back, nothing after a stop."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest
from serving import Reply, Seen, serving

from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.models import build_adapter
from lvlm_eval.models.adapter import NotNowError
from lvlm_eval.models.bodies_ahead import MOST_AHEAD, BodiesAhead
from lvlm_eval.records import Request

Got = TypeVar("Got")


def request(place: int) -> Request:
    return Request(f"q{place}/vis/0", f"q{place}", "vis", 0, f"t{place}", None, {"A": "A"}, tuple)


class Requests(list[Request]):
    """As many as asked for; ``look`` is called before one is given away."""

    def __init__(self, count: int, look: Callable[[int], None] = lambda _: None) -> None:
        super().__init__(map(request, range(count)))
        self.look = look

    def __getitem__(self, place: Any) -> Any:
        self.look(place)
        return super().__getitem__(place)


def body(one: Request) -> bytes:
    return one.text.encode()


def unwanted(one: Request, why: InputError) -> None:
    raise AssertionError((one, why))


async def all_of(bodies: BodiesAhead, takers: int) -> list[tuple[Request, bytes]]:
    """What several takers get while the writers write."""
    got: list[tuple[Request, bytes]] = []

    async def take() -> None:
        while (taken := await bodies.take()) is not None:
            got.append(taken)
            await asyncio.sleep(0)
            bodies.answered(True)

    async with asyncio.TaskGroup() as group:
        for work in [bodies.write] * bodies.writers + [take] * takers:
            group.create_task(work())
    return got


def soon(work: Coroutine[Any, Any, Got]) -> Got:
    """Run it; what hangs fails the test."""
    return asyncio.run(asyncio.wait_for(work, 60))


@pytest.mark.parametrize("count", [0, 1, 2, 100])
@pytest.mark.parametrize("takers", [1, 7])
@pytest.mark.parametrize("ahead", [1, 5, 10_000])
def test_every_body_comes_once(count: int, takers: int, ahead: int) -> None:
    async def work() -> list[tuple[Request, bytes]]:
        bodies = BodiesAhead(Requests(count), body, unwanted, ahead)
        assert bodies.writers == max(1, min(count, ahead, MOST_AHEAD))
        return await all_of(bodies, takers)

    got = soon(work())
    assert sorted(one.id for one, _ in got) == sorted(request(i).id for i in range(count))
    assert all(written == body(one) for one, written in got)


def test_one_writer_keeps_the_order() -> None:
    got = soon(all_of(BodiesAhead(Requests(50), body, unwanted, 1), 3))
    assert [one for one, _ in got] == [request(i) for i in range(50)]


def test_a_request_that_cannot_be_had_yet_is_asked_for_again() -> None:
    tries = [0] * 6

    def look(place: int) -> None:
        tries[place] += 1
        if place in (0, 3) and tries[place] < 3:
            raise NotNowError("wait")

    got = soon(all_of(BodiesAhead(Requests(6, look), body, unwanted, 2), 2))
    assert sorted(one.id for one, _ in got) == [request(i).id for i in range(6)]
    assert tries == [3, 1, 1, 3, 1, 1]


def test_what_cannot_be_made_or_written_is_left_out_and_told_of() -> None:
    told: list[tuple[str, str]] = []

    def look(place: int) -> None:
        if place == 1:
            raise InputError("no text")

    def write(one: Request) -> bytes:
        if one.question == "q2":
            raise InputError("no picture")
        return body(one)

    bodies = BodiesAhead(Requests(4, look), write, lambda a, b: told.append((a.id, str(b))), 2)
    got = soon(all_of(bodies, 2))
    assert sorted(one.question for one, _ in got) == ["q0", "q3"]
    assert told == [("q2/vis/0", "no picture")]


@pytest.mark.parametrize("senders", [1, 3])
def test_nothing_is_made_ahead_before_an_answer_has_told_its_price(senders: int) -> None:
    made: list[int] = []

    async def settled() -> int:
        for _ in range(50):
            await asyncio.sleep(0.002)
        return len(made)

    async def work() -> list[int]:
        bodies = BodiesAhead(Requests(100, made.append), body, unwanted, senders)
        writing = [asyncio.create_task(bodies.write()) for _ in range(bodies.writers)]
        counts = [await settled()]
        for is_answer in (False, True, True):
            await bodies.take()
            bodies.answered(is_answer)
            counts.append(await settled())
        for one in writing:
            one.cancel()
        return counts

    assert soon(work()) == [
        senders,
        senders + 1,  # a failure makes room for one more, and tells no price
        senders + 2,
        # Now each writer has one, there is one in its place, and three were taken.
        min(senders + 3 + senders, senders + 1 + 3),
    ]


def test_no_more_requests_to_be_had_ends_the_writing() -> None:
    def look(place: int) -> None:
        if place == 2:
            raise StoppedError("no money")

    async def taken_meanwhile() -> list[str]:
        bodies = BodiesAhead(Requests(5, look), body, unwanted, 1)
        writing = asyncio.create_task(bodies.write())
        got = []
        for _ in range(2):
            got.append(await bodies.take())
            bodies.answered(True)
        with pytest.raises(StoppedError, match="no money"):
            await writing
        return [one[0].question for one in got if one]

    assert soon(taken_meanwhile()) == ["q0", "q1"]


@pytest.mark.parametrize("ready", [True, False])
def test_after_a_stop_nothing_comes_for_whoever_waits(ready: bool) -> None:
    async def work() -> list[Any]:
        bodies = BodiesAhead(Requests(5), body, unwanted, 2)
        waiting = [asyncio.create_task(bodies.take()) for _ in range(3)]
        if ready:
            for one in waiting:
                one.cancel()
            await asyncio.wait(waiting)
            waiting = []
            writing = [asyncio.create_task(bodies.write()) for _ in range(2)]
            first = await bodies.take()
            assert first is not None
            while not bodies._ready.full():
                await asyncio.sleep(0)
        else:
            writing = []
            await asyncio.sleep(0)
        bodies.stop()
        bodies.stop()
        got = [await one for one in waiting] + [await bodies.take() for _ in range(3)]
        for one in writing:
            one.cancel()
        return got

    assert set(soon(work())) == {None}


def test_the_next_body_is_written_while_an_answer_is_waited_for() -> None:
    """The server answers the third request only after the fourth one was looked at."""
    fourth = threading.Event()

    def look(place: int) -> None:
        if place == 3:
            fourth.set()

    def behave(seen: Seen, before: int) -> Reply:
        assert seen.text != "t2" or fourth.wait(60)
        return Reply(text="B")

    with serving(behave) as server:
        adapter = build_adapter("openai:m", {"base_url": server.url, "concurrency": 1}).adapter
        answers = list(adapter.answer(Requests(4, look)))
    assert [one.status for one in answers] == ["ok"] * 4
    assert [one.text for one in server.seen] == ["t0", "t1", "t2", "t3"]


def test_a_slow_answer_keeps_no_request_from_the_others() -> None:
    """All others are sent while the first one waits, whichever task wrote their bodies."""
    rest = threading.Event()
    others = 20

    def behave(seen: Seen, before: int) -> Reply:
        if len(server.seen) == 1 + others:
            rest.set()
        assert seen.text != "t0" or rest.wait(60)
        return Reply(text="B")

    with serving(behave) as server:
        adapter = build_adapter("openai:m", {"base_url": server.url, "concurrency": 2}).adapter
        answers = list(adapter.answer(Requests(1 + others)))
    assert [one.status for one in answers] == ["ok"] * (1 + others)

"""Work spread over processes: order, bounds, errors, and processes that go away."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from lvlm_eval.errors import StoppedError
from lvlm_eval.workers import Workers, available_cores

BIG = 300_000  # bytes; more than a pipe holds


def squared(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def echoed(content: bytes) -> bytes:
    return content


def refused(number: int) -> int:
    if number == 7:
        raise ValueError("seven")
    return number


def killed(number: int) -> int:
    if number == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("count", [1, 2, 3])
def test_results_come_in_the_order_of_the_parts(count):
    with Workers(count) as workers:
        for length in (0, 1, 4, 5, 7, 30, 200, 0, 1, 30):
            squares = [square for square, _ in workers.each(squared, range(length))]
            assert squares == [n * n for n in range(length)]


def test_no_part_is_lost_however_long_the_results_wait():
    """Workers may have done all they were given while the caller was busy with one result."""
    with Workers(2, parts_before=0) as workers:
        results = []
        for square, _ in workers.each(squared, range(40)):
            results.append(square)
            time.sleep(0.005)
    assert results == [n * n for n in range(40)]


def test_one_worker_is_this_process():
    with Workers(1) as workers:
        assert {pid for _, pid in workers.each(squared, range(30))} == {os.getpid()}


def test_the_first_parts_are_done_here_and_the_rest_elsewhere():
    with Workers(2, parts_before=3) as workers:
        pids = [pid for _, pid in workers.each(squared, range(20))]
    assert set(pids[:3]) == {os.getpid()}
    assert os.getpid() not in pids[3:]
    assert len(set(pids[3:])) <= 2


def test_parts_are_taken_a_few_at_a_time():
    taken = 0

    def parts() -> Iterator[int]:
        nonlocal taken
        for number in range(100):
            taken += 1
            yield number

    with Workers(2, parts_before=0) as workers:
        for done, _ in enumerate(workers.each(squared, parts()), start=1):
            assert taken <= done + 6 + 1


def test_large_parts_and_results_pass():
    contents = [bytes([number]) * BIG for number in range(12)]
    with Workers(2, parts_before=0) as workers:
        assert list(workers.each(echoed, contents)) == contents


@pytest.mark.parametrize("count", [1, 2])
def test_an_error_is_raised_here(count):
    with Workers(count) as workers, pytest.raises(ValueError, match="seven"):
        list(workers.each(refused, range(20)))


def test_a_killed_worker_is_noticed():
    with Workers(2) as workers, pytest.raises(StoppedError, match="worker process was killed"):
        list(workers.each(killed, range(20)))


def test_no_process_outlives_the_block():
    def alive(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True

    with Workers(2, parts_before=0) as workers:
        pids = {pid for _, pid in workers.each(squared, range(10))}
        assert all(map(alive, pids))
    assert not any(map(alive, pids))
    with pytest.raises(KeyError), Workers(2, parts_before=0) as workers:
        results = workers.each(squared, range(1000))
        pids = {next(results)[1] for _ in range(10)}
        raise KeyError
    assert not any(map(alive, pids))


def test_there_is_at_least_one_core():
    assert available_cores() >= 1

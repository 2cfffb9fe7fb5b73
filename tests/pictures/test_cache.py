"""Pictures in memory: made once, bounded by bytes, failures not kept."""

import threading
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.pictures import PictureCache
from lvlm_eval.records import Picture


def picture(size: int) -> Picture:
    return Picture(bytes(size), "image/png", (1, 1), "00")


def test_one_thread_makes_what_all_wait_for() -> None:
    cache, made = PictureCache(), Counter[str]()
    inside, go_on = threading.Event(), threading.Event()
    got: list[tuple[Picture, ...]] = []

    def make() -> tuple[Picture, ...]:
        made["a"] += 1
        inside.set()
        go_on.wait(20)
        return (picture(3),)

    threads = [threading.Thread(target=lambda: got.append(cache.get("a", make))) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert inside.wait(20)
    assert cache.get("b", lambda: (picture(1),))[0].data == b"\0"  # nobody waits for another key
    go_on.set()
    for thread in threads:
        thread.join()
    assert made == {"a": 1}
    assert len(got) == 8
    assert all(one is got[0] for one in got)


def test_a_failure_is_told_and_tried_again() -> None:
    cache = PictureCache()

    def fail() -> tuple[Picture, ...]:
        raise ValueError("broken")

    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            cache.get("a", fail)
    assert cache.get("a", lambda: (picture(2),)) == (picture(2),)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 40)), max_size=60))
def test_it_keeps_the_latest_that_fit(asked: list[tuple[int, int]]) -> None:
    """A list of (key, size of the key's picture), against a plain list of what must be there."""
    sizes: dict[int, int] = {}
    cache, kept = PictureCache(bytes_kept=100), list[int]()
    for key, size in asked:
        size = sizes.setdefault(key, size)
        calls: list[int] = []
        found = cache.get(key, lambda k=key, s=size, c=calls: (c.append(k), (picture(s),))[1])  # type: ignore[misc]  # a lambda's defaults
        assert len(found[0].data) == size
        assert bool(calls) == (key not in kept)
        new = key not in kept
        kept = [*(one for one in kept if one != key), key]
        while new and sum(sizes[one] for one in kept) > 100 and len(kept) > 1:
            kept.pop(0)

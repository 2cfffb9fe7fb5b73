"""Keeps the latest pictures in memory, each made once however many threads ask for it."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future

from lvlm_eval.records import Picture

BYTES_KEPT = 96 * 1024**2
"""Encoded pictures that stay: about 170 questions of the release's photos."""

Pictures = tuple[Picture, ...]


class PictureCache:
    """Pictures by key; the ones that were asked for longest ago are forgotten first.

    Args:
        bytes_kept: bound on the encoded pictures that stay. The latest entry stays in any case.
    """

    def __init__(self, bytes_kept: int = BYTES_KEPT) -> None:
        self._bytes_kept = bytes_kept
        self._bytes = 0
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, Future[Pictures]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Pictures]) -> Pictures:
        """The pictures of a key; made by the first caller, while others of that key wait.

        Whatever ``make`` raises is raised to all who wait for it, and is not kept.
        """
        with self._lock:
            entry = self._entries.get(key)
            first = entry is None
            if entry is None:
                entry = self._entries[key] = Future()
            self._entries.move_to_end(key)
        if first:
            self._fill(key, entry, make)
        return entry.result()

    def _fill(self, key: Hashable, entry: "Future[Pictures]", make: Callable[[], Pictures]) -> None:
        try:
            pictures = make()
        except BaseException as error:
            with self._lock:
                del self._entries[key]
            entry.set_exception(error)
            return
        entry.set_result(pictures)
        with self._lock:
            self._bytes += _size(entry)
            if self._bytes > self._bytes_kept:
                self._forget(key)

    def _forget(self, latest: Hashable) -> None:
        """Drop the oldest entries, but neither the latest nor what is being made."""
        dropped = []
        for key, entry in self._entries.items():
            if self._bytes <= self._bytes_kept:
                break
            if entry.done() and key != latest:
                self._bytes -= _size(entry)
                dropped.append(key)
        for key in dropped:
            del self._entries[key]


def _size(entry: "Future[Pictures]") -> int:
    return sum(len(picture.data) for picture in entry.result())

"""Keeps what libraries say about odd files off the terminal; what matters is said as an error."""

import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_inside = 0
_outside_filters: "warnings.catch_warnings[None]"


@contextmanager
def silenced() -> Iterator[None]:
    """Show no warning, and raise none, while any thread is inside.

    Python keeps one list of warning filters for all threads. Were each thread to save and restore
    it by itself, the last one to leave could restore the silence of another for good.
    """
    if getattr(sys.flags, "context_aware_warnings", False):  # each thread has filters of its own
        with warnings.catch_warnings(action="ignore"):
            yield
        return
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _inside, _outside_filters
    with _lock:
        if not _inside:
            _outside_filters = warnings.catch_warnings(action="ignore")
            _outside_filters.__enter__()
        _inside += 1


def _leave() -> None:
    global _inside
    with _lock:
        _inside -= 1
        if not _inside:
            _outside_filters.__exit__(None, None, None)

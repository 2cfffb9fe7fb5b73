"""Tells when the files of runs have changed, so that a page of them can be written again."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from lvlm_eval.ablation.document import ABLATION
from lvlm_eval.errors import InputError
from lvlm_eval.report.page.inputs import MANIFEST, METRICS
from lvlm_eval.runs.folder import QUESTIONS
from lvlm_eval.stopping import StopSignal

_FILES = (MANIFEST, METRICS, QUESTIONS, ABLATION, "predictions*.jsonl", "*.zip")
"""Patterns of what a page is made from."""

State = frozenset[tuple[Path, int, int]]


def watch_runs(
    paths: Sequence[Path],
    every: float,
    write: Callable[[], object],
    complain: Callable[[str], object],
) -> None:
    """Write at once, and again whenever something has changed, until a signal asks to stop.

    Args:
        paths: runs, and folders of runs, as a user named them.
        every: seconds between two looks.
        write: what to do; a run that cannot be read now may be there the next time.
        complain: told why it could not be done.
    """
    with suppress(StopSignal):
        for _ in changes(paths, every):
            try:
                write()
            except InputError as error:
                complain(str(error))


def changes(
    paths: Sequence[Path], every: float, sleep: Callable[[float], object] = time.sleep
) -> Iterator[None]:
    """Go on at once, and then whenever something has changed since the last time; without end.

    Args:
        paths: runs, and folders of runs, as a user named them.
        every: seconds between two looks.
        sleep: waits some seconds.
    """
    before: State | None = None
    while True:
        now = _state(paths)
        if now != before:
            before = now  # what changes while the page is written is seen the next time
            yield
        sleep(every)


def _state(paths: Sequence[Path]) -> State:
    """File, time of its last change in ns, and its size in bytes."""
    found = set()
    for path in paths:
        for file in (path, *path.glob("*"), *path.glob("*/*")):
            if any(file.match(pattern) for pattern in _FILES):
                try:
                    status = file.stat()
                except OSError:  # it was just replaced
                    continue
                found.add((file, status.st_mtime_ns, status.st_size))
    return frozenset(found)

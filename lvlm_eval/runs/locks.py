"""Who may write to a run's folder: one process, or one for each shard of the same split.

A process that writes everything holds ``.lock`` all the time. A shard holds it only while it writes
what all share (the manifest, the questions), and a lock of its own all the time. Locks go with the
process, so a kill leaves none behind; that they hold between machines is up to the file system (NFS
from version 4 on).
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from lvlm_eval.errors import InputError
from lvlm_eval.runs.shards import Shard

_WHOLE = ".lock"
_SHARD = ".lock-"
_PATIENCE = 120.0
"""Seconds that a shard waits for another one to write what they share."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for one writing process.

    Raises:
        InputError: another process is writing to it.
    """
    with _held(folder / _WHOLE, 0, folder):
        _check_no_shard(folder, None)
        yield


class ShardLocks:
    """The locks of one shard, or of a run without shards.

    Args:
        folder: the run's.
        shard: None for a run that writes everything.
    """

    def __init__(self, folder: Path, shard: Shard | None) -> None:
        self._folder, self._shard = folder, shard
        self._stack = ExitStack()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold what the process needs all the time.

        Raises:
            InputError: another process writes to the run, to this shard, or to shards of a split
                into another number, which overlap.
        """
        with self._stack:
            if self._shard is None:
                self._stack.enter_context(locked(self._folder))
            else:
                with self.shared():
                    _check_no_shard(self._folder, self._shard)
                    path = self._folder / f"{_SHARD}{self._shard.name}"
                    self._stack.enter_context(_held(path, 0, self._folder, self._shard))
            yield

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold the right to write what all shards share."""
        if self._shard is None:
            yield  # it is held all the time
            return
        with _held(self._folder / _WHOLE, _PATIENCE, self._folder):
            yield


@contextmanager
def _held(path: Path, patience: float, folder: Path, shard: Shard | None = None) -> Iterator[None]:
    lock = FileLock(path)
    try:
        lock.acquire(timeout=patience, poll_interval=0.05)
    except Timeout:
        what = f"shard {shard} of {folder}" if shard else f"{folder}"
        raise InputError(
            f"another process is writing to {what}. Wait for it, or give another --out."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _check_no_shard(folder: Path, but: Shard | None) -> None:
    """No shard is at work, other than those of the same split."""
    for path in sorted(folder.glob(f"{_SHARD}*-of-*")):
        name = path.name.removeprefix(_SHARD)
        if but is not None and name.endswith(f"-of-{but.count}"):
            continue
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            mine = f"shard {but}" if but else "the whole run"
            raise InputError(
                f"shard {name.replace('-of-', '/')} of {folder} is being written by another "
                f"process, and {mine} would ask some of its questions again. Wait for it."
            ) from None
        lock.release()

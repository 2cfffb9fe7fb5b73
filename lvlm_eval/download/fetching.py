"""Fetches one file so that nothing of it has to be fetched twice, and checks what came."""

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from rich.filesize import decimal

from lvlm_eval.download.hub import Hub
from lvlm_eval.download.record import HubFile
from lvlm_eval.download.trouble import (
    LONGEST_PAUSE,
    asked_pause,
    briefly,
    comes_from_hub,
    is_temporary,
    trouble,
)
from lvlm_eval.download.watching import Watcher
from lvlm_eval.errors import InputError, StoppedError

PAUSES = (1.0, 4.0, 15.0)
"""Seconds before each new try while no byte comes; after the last the command stops."""

_BLOCK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Origin:
    """Where files come from, and below which folder they go.

    Attributes:
        hub: the dataset on the hub.
        commit: hash.
        folder: the data folder.
    """

    hub: Hub
    commit: str
    folder: Path

    def trouble(self, error: BaseException) -> InputError | StoppedError:
        """See ``lvlm_eval.download.trouble``."""
        return trouble(error, self.hub, self.commit, self.folder)


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


def part_path(target: Path, file: HubFile) -> Path:
    """Where the beginning of a file is kept until all of it is there."""
    return target.with_name(f"{target.name}.{file.key}.part")


def bytes_there(target: Path, file: HubFile) -> int:
    """How many bytes of a file need not be fetched any more."""
    part = part_path(target, file)
    return min(part.stat().st_size, file.size) if part.is_file() else 0


def has_content(path: Path, file: HubFile) -> bool:
    """Whether a file on disk has the size and the hash of a file of the commit.

    Raises:
        OSError: it cannot be read.
    """
    if path.stat().st_size != file.size:
        return False
    digest = _new_digest(file)
    with path.open("rb") as stream:
        for block in _blocks(stream):
            digest.update(block)
    return _fits(digest, file)


def fetch_file(origin: Origin, file: HubFile, watcher: Watcher) -> None:
    """Fetch what is missing of a file, check all of it, and give it its name.

    Content that does not fit its hash is thrown away and fetched once more from its first byte.

    Raises:
        InputError: the hub refuses.
        StoppedError: the hub or the connection failed, again and again; or the content is wrong
            twice.
        OSError: of the disk.
    """
    target = origin.folder / file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    part = part_path(target, file)
    for _ in range(2):
        if _fits(_Fetch(origin, file, part, watcher).run(), file):
            part.replace(target)
            return
        part.unlink()
        watcher.note(f"{file.path}: what came is not the file of this commit; it was deleted")
    raise StoppedError(
        f"{file.path} came broken twice: its checksum is not the one that {origin.hub.repository} "
        "states, so something in between changes it (a proxy?). Nothing of it was kept; the same "
        "command tries again."
    )


class _Fetch:
    """The way of one file from the hub to the disk."""

    def __init__(self, origin: Origin, file: HubFile, part: Path, watcher: Watcher) -> None:
        self._origin, self._file, self._part, self._watcher = origin, file, part, watcher
        self._done = 0
        self._digest = _new_digest(file)

    def run(self) -> _Digest:
        """Fetch until all bytes are there; returns the digest of them."""
        self._part.touch()
        with self._part.open("r+b") as stream:
            if self._part.stat().st_size > self._file.size:
                self._start_over(stream)
            for block in _blocks(stream):
                self._count(block)
            self._watcher.start(
                PurePosixPath(self._file.path).name, self._file.size, self._done, "bytes"
            )
            failures = 0
            while self._done < self._file.size:
                before, error = self._done, self._go_on(stream)
                failures = 0 if self._done > before else failures + 1
                if self._done < self._file.size:
                    self._pause_or_stop(error, failures)
            os.fsync(stream.fileno())
        return self._digest

    def _go_on(self, stream: BinaryIO) -> BaseException | None:
        """Write what one answer of the hub brings; returns the error that ended it, if any."""
        try:
            with self._origin.hub.body(self._origin.commit, self._file, self._done) as body:
                if body.start != self._done:
                    self._start_over(stream)
                    if body.start:
                        return None
                for block in body.blocks:
                    needed = block[: self._file.size - self._done]
                    stream.write(needed)
                    stream.flush()
                    self._count(needed)
                    self._watcher.set(self._done)
                    if len(needed) < len(block):
                        break
        except Exception as error:
            if not comes_from_hub(error):
                raise
            return error
        return None

    def _pause_or_stop(self, error: BaseException | None, failures: int) -> None:
        if error is not None and not is_temporary(error):
            raise self._origin.trouble(error) from error
        pause = asked_pause(error)
        if failures > len(PAUSES) or (pause or 0) > LONGEST_PAUSE:
            raise (
                self._origin.trouble(error)
                if error
                else StoppedError(
                    f"{self._file.path}: the hub sends {decimal(self._done)} of "
                    f"{decimal(self._file.size)} and no more. The same command goes on from there."
                )
            )
        if pause is None:
            pause = PAUSES[max(failures, 1) - 1]
        self._watcher.note(
            f"{self._file.path}: interrupted at {decimal(self._done)} ({briefly(error)}); "
            f"going on in {pause:.0f} s"
        )
        time.sleep(pause)

    def _start_over(self, stream: BinaryIO) -> None:
        stream.seek(0)
        stream.truncate()
        self._done, self._digest = 0, _new_digest(self._file)

    def _count(self, block: bytes) -> None:
        self._digest.update(block)
        self._done += len(block)


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    while block := stream.read(_BLOCK):
        yield block


def _new_digest(file: HubFile) -> _Digest:
    if file.sha256 is not None:
        return hashlib.sha256()
    # Git names a blob by the hash of its length and its content.
    return hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)


def _fits(digest: _Digest, file: HubFile) -> bool:
    stated = file.sha256 or file.git_sha1
    return stated is None or digest.hexdigest() == stated

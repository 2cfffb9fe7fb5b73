"""Files that are there whole or not at all, however long they take to write."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.stopping import StopSignal, StopSignals

_PREFIX = ".part-"
"""Of a file being written. No reader takes a file of such a name for a table or a workbook."""


@contextlib.contextmanager
def whole_files(paths: Sequence[Path]) -> Iterator[tuple[Path, ...]]:
    """Give a temporary file for each path; on a clean end all get their names at once.

    A file of that name is replaced then and not before. Whatever else ends the block, a signal or a
    full disk say, leaves neither the files nor the temporary ones. Missing folders are made.

    Args:
        paths: of the files to write.

    Yields:
        Where to write each, in the same order; same folder, same suffix.

    Raises:
        StoppedError: a signal arrived, or the disk is full; one line.
        InputError: a folder cannot be made, or a file not written.
    """
    temporary: list[Path] = []
    place = paths[0].parent
    try:
        with StopSignals() as signals:
            with signals.held():
                for path in paths:
                    place = path.parent
                    place.mkdir(parents=True, exist_ok=True)
                    handle, name = tempfile.mkstemp(path.suffix, _PREFIX, place)
                    os.close(handle)
                    temporary.append(Path(name))
            yield tuple(temporary)
            with signals.held():
                for path, written in zip(paths, temporary, strict=True):
                    _sync(written)
                    # mkstemp makes files that only their owner may read; results are for sharing.
                    written.chmod(0o644)
                    written.replace(path)
    except StopSignal as stop:
        raise StoppedError(
            f"{stop}; no half-written file was left in {place}. The same command starts again."
        ) from stop
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoppedError(
                f"the disk of {place} is full; no half-written file was left. Make room, or give "
                "another --out."
            ) from error
        raise InputError(f"{place} cannot be written: {error}. Give another --out.") from error
    finally:
        for path in temporary:
            path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

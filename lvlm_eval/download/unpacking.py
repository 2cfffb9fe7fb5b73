"""Unpacks an archive into the folder of its name; can be stopped at any byte and gone on with.

Files gather in ``<name>.<key>.part``, which gets its final name when it is complete, so that a
folder that looks finished is.
"""

import os
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lvlm_eval.datasets.refusals import refusal
from lvlm_eval.download.archive_members import Member, Plan, plan_members
from lvlm_eval.download.record import HubFile, Unpacked
from lvlm_eval.download.space import on_disk, require_space
from lvlm_eval.download.watching import Watcher
from lvlm_eval.errors import InputError
from lvlm_eval.user_files import said

_BLOCK = 1024 * 1024


def unpacked_folder(archive: Path) -> Path:
    """The folder that an archive becomes, beside it."""
    return archive.with_suffix("")


def count_files(folder: Path) -> int:
    """Files in a folder and below; 0 where there is none."""
    return sum(len(files) for _, _, files in os.walk(folder))


def unpack_archive(archive: Path, file: HubFile, ours: bool, watcher: Watcher) -> Unpacked:
    """Unpack what is not unpacked yet.

    Args:
        archive: verified to be ``file``.
        file: as the hub has it.
        ours: whether a folder of that name was made by unpacking the same archive before.
        watcher: told of every file.

    Returns:
        What came out of it.

    Raises:
        InputError: the archive is broken or not safe, or another folder stands in the way.
        StoppedError: the disk has no room for what is left.
        OSError: of the disk.
    """
    target = unpacked_folder(archive)
    part = target.with_name(f"{target.name}.{file.key}.part")
    with _opened(archive) as opened:
        plan = plan_members(opened, archive, target.name, file.size)
        whole = Unpacked(len(plan.members), plan.size)
        if target.exists():
            if all(_is_there(target, member) for member in plan.members):
                return whole
            if not ours or part.exists():
                raise in_the_way(target)
            target.replace(part)
        part.mkdir(exist_ok=True)
        missing = [member for member in plan.members if not _is_there(part, member)]
        need = sum(on_disk(member.info.file_size) for member in missing)
        require_space(target, 0, need)
        _note_left_out(plan, archive, watcher)
        done = len(plan.members) - len(missing)
        watcher.start(f"unpacking {archive.name}", len(plan.members), done, "files")
        for place, member in enumerate(missing, done + 1):
            _extract(opened, archive, member, part)
            watcher.set(place)
    part.replace(target)
    return whole


def in_the_way(folder: Path) -> InputError:
    """The error for a folder that this command did not make."""
    return InputError(
        f"{folder} is there already and was not unpacked by this command. Move it away, or give "
        "another --out."
    )


@contextmanager
def _opened(archive: Path) -> Iterator[zipfile.ZipFile]:
    try:
        opened = zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
        raise _broken(archive, "its directory", error) from error
    with opened:
        yield opened


def _is_there(folder: Path, member: Member) -> bool:
    try:
        status = (folder / member.path).lstat()
    except OSError:
        return False
    # A file gets its name when it is complete, and its checksum fitted then.
    return stat.S_ISREG(status.st_mode) and status.st_size == member.info.file_size


def _extract(opened: zipfile.ZipFile, archive: Path, member: Member, folder: Path) -> None:
    unfinished = folder.with_name(f"{folder.name}.file")
    target = folder / member.path
    target.parent.mkdir(parents=True, exist_ok=True)
    with unfinished.open("wb") as stream:
        size = 0
        for block in _blocks(opened, archive, member):
            size += len(block)
            stream.write(block)
    if size != member.info.file_size:
        error = zipfile.BadZipFile(f"{size} bytes instead of {member.info.file_size}")
        raise _broken(archive, member.info.filename, error)
    unfinished.replace(target)


def _blocks(opened: zipfile.ZipFile, archive: Path, member: Member) -> Iterator[bytes]:
    """The content of a member, never more than its stated size; its CRC is checked at the end."""
    try:
        with opened.open(member.info) as content:
            while block := content.read(_BLOCK):
                yield block
    except Exception as error:  # each compression has errors of its own
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise _broken(archive, member.info.filename, error) from error


def _broken(archive: Path, place: str, error: Exception) -> InputError:
    return refusal(
        archive,
        "",
        f"is broken at {place} ({said(error)}). Delete it, and the same command fetches it again; "
        "if that does not help, the release itself is broken.",
    )


def _note_left_out(plan: Plan, archive: Path, watcher: Watcher) -> None:
    if plan.left_out:
        names = ", ".join(plan.left_out[:3])
        more = f" and {len(plan.left_out) - 3} more" if len(plan.left_out) > 3 else ""
        watcher.note(f"{archive.name}: not needed, so left out: {names}{more}")

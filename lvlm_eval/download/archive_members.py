"""Decides what comes out of an archive and where, before anything is written.

An archive from outside may try to write elsewhere, to fill the disk, or to hide one file behind
another. One such member refuses the whole archive: a release has none.
"""

import stat
import zipfile
from dataclasses import dataclass

from lvlm_eval.datasets.refusals import refusal, shown
from lvlm_eval.download.file_names import folded, is_safe_path
from lvlm_eval.errors import InputError

LARGEST_GROWTH = 100
"""Times an archive may grow; annotations in JSON grow about tenfold."""

_ALWAYS_ALLOWED = 64 * 1024 * 1024
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_SKIPPED = ("__MACOSX", ".DS_Store")


@dataclass(frozen=True, slots=True)
class Member:
    """One file in an archive.

    Attributes:
        info: its entry in the archive's directory.
        path: where it goes, below the folder named after the archive; parts divided by ``/``.
    """

    info: zipfile.ZipInfo
    path: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What comes out of an archive.

    Attributes:
        members: the files, each path once.
        left_out: files that lie beside the folder that the archive is named after.
    """

    members: tuple[Member, ...]
    left_out: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(member.info.file_size for member in self.members)


def plan_members(archive: zipfile.ZipFile, where: object, stem: str, size: int) -> Plan:
    """Check every member of an archive and find its place.

    ``Images.zip`` may hold ``Images/car/…``, ``SOCOv1/Images/…`` or ``car/…``: all become
    ``car/…``. What a Mac adds for itself is passed over.

    Args:
        archive: open.
        where: the archive's name, for the error message.
        stem: name of the folder that it is to become, such as ``Images``.
        size: bytes of the archive file.

    Raises:
        InputError: a member leads out of the folder, is no plain file, is encrypted, doubled or
            would fill the disk; or there is none.
    """
    files: list[tuple[zipfile.ZipInfo, list[str]]] = []
    for info in archive.infolist():
        if not _is_skipped(info.filename):
            _refuse_unsafe(info, where)
            if not info.is_dir():
                files.append((info, info.filename.split("/")))
    total = sum(info.file_size for info, _ in files)
    if total > max(LARGEST_GROWTH * size, _ALWAYS_ALLOWED):
        raise refusal(
            where, "", f"would grow from {size} to {total} bytes, which no release does: refused."
        )
    named = any(_below(parts, stem) is not None for _, parts in files)
    members: list[Member] = []
    left_out: list[str] = []
    for info, parts in files:
        below = _below(parts, stem) if named else parts
        if below is None:
            left_out.append(info.filename)
        else:
            members.append(Member(info, "/".join(below)))
    if not members:
        raise refusal(where, "", "holds no files.")
    _refuse_clashes(members, where)
    return Plan(tuple(members), tuple(left_out))


def _is_skipped(name: str) -> bool:
    return any(part in _SKIPPED or part.startswith("._") for part in name.split("/"))


def _refuse_unsafe(info: zipfile.ZipInfo, where: object) -> None:
    # The two differ where the archive states a second name, or one that was cut at a zero byte.
    for name in {info.filename, info.orig_filename}:
        if not is_safe_path(name.removesuffix("/")):
            raise _refused(where, name, "that is no plain path below the archive's folder")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFDIR if info.is_dir() else stat.S_IFREG):
        raise _refused(where, info.filename, "that is a link or a device, not a plain file")
    if info.flag_bits & _ENCRYPTED:
        raise _refused(where, info.filename, "that is encrypted")
    if info.file_size < 0 or (info.is_dir() and info.file_size):
        raise _refused(where, info.filename, "whose stated size makes no sense")


def _below(parts: list[str], stem: str) -> list[str] | None:
    """The part of a path below a folder of that name, if it is the first or the second in it."""
    for depth in (0, 1):
        if len(parts) > depth + 1 and parts[depth] == stem:
            return parts[depth + 1 :]
    return None


def _refuse_clashes(members: list[Member], where: object) -> None:
    files: set[str] = set()
    folders: set[str] = set()
    for member in members:
        key = folded(member.path)
        if key in files:
            raise _refused(where, member.info.filename, "twice, or but for upper and lower case")
        files.add(key)
        above = key
        while "/" in above:
            above = above.rpartition("/")[0]
            if above in folders:
                break
            folders.add(above)
    if clash := files & folders:
        raise _refused(where, min(clash), "as a file and as a folder")


def _refused(where: object, name: str, what: str) -> InputError:
    return refusal(
        where, "", f"holds {shown(name)} {what}. Nothing was unpacked: the archive is not safe."
    )

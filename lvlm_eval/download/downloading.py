"""A release from the hub to a folder that ``run`` reads: pinned to one commit, resumable."""

import errno
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from rich.filesize import decimal

from lvlm_eval.datasets import SocoTree, open_dataset
from lvlm_eval.download.fetching import Origin, bytes_there, fetch_file, has_content
from lvlm_eval.download.hub import Commit, Hub
from lvlm_eval.download.record import HubFile, Record, Unpacked, read_record, write_record
from lvlm_eval.download.releases import (
    Release,
    folder_of_data,
    is_archive,
    release_files,
    unpacked_size,
    wanted_files,
)
from lvlm_eval.download.space import nearest_existing, on_disk, require_space
from lvlm_eval.download.trouble import trouble
from lvlm_eval.download.unpacking import count_files, in_the_way, unpack_archive, unpacked_folder
from lvlm_eval.download.watching import Watcher
from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.records import Setting
from lvlm_eval.runs.locks import locked
from lvlm_eval.stopping import StopSignal, StopSignals

_REVISION = "main"
_LARGE = 1024 * 1024
_FOUND_INSIDE = ("SOCOv1", "SOCO_LVLM")


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted.

    Attributes:
        release: which dataset.
        folder: where it goes.
        revision: branch, tag or commit; None for what the folder was begun with, else ``main``.
        settings: whose tables are wanted; None for all, and for a release without tables.
        keep_archives: leave the archives there after they are unpacked.
    """

    release: Release
    folder: Path
    revision: str | None = None
    settings: tuple[Setting, ...] | None = None
    keep_archives: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is in the folder now.

    Attributes:
        record: the folder's record; what it lists beside ``files`` was not asked for.
        files: the files of the commit that were asked for.
        fetched: bytes that came from the hub this time.
        data: what to give to ``--data``: the folder, or one in it.
    """

    record: Record
    files: tuple[HubFile, ...]
    fetched: int
    data: Path

    @property
    def size(self) -> int:
        """Bytes of all files that were asked for; those of an archive as they are unpacked."""
        return sum(one.size for one in (self._there(file) for file in self.files))

    @property
    def count(self) -> int:
        """Number of files, likewise."""
        return sum(
            one.files if isinstance(one, Unpacked) else 1
            for one in (self._there(file) for file in self.files)
        )

    def _there(self, file: HubFile) -> HubFile | Unpacked:
        return self.record.unpacked.get(file.path, file)


def download(order: Order, hub: Hub, watcher: Watcher) -> Outcome:
    """Fetch and unpack whatever is not there yet; a folder stays with the commit it began with.

    Args:
        order: what is wanted.
        hub: where it comes from.
        watcher: told of everything.

    Raises:
        InputError: the hub refuses, the folder holds something else, or an archive is broken.
        StoppedError: a signal, a lost connection or a full disk; the same command goes on.
    """
    folder = order.folder
    try:
        with StopSignals():
            return _download(order, hub, watcher)
    except StopSignal as stop:
        raise StoppedError(
            f"{stop}. What came so far is in {folder}; the same command goes on from there."
        ) from stop
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoppedError(
                f"the disk of {folder} is full. Make room, and the same command goes on from there."
            ) from error
        raise InputError(
            f"{folder} cannot be used ({error}). Correct that, or give another --out."
        ) from error


def _download(order: Order, hub: Hub, watcher: Watcher) -> Outcome:
    folder = order.folder
    place = nearest_existing(folder)
    if not place.is_dir():
        raise InputError(f"{place} is a file. Give the name of a folder with --out.")
    wanted_files(order.release, (), order.settings)
    known = read_record(folder)
    # Asked before the folder is made: a name that the hub does not know leaves nothing behind.
    asked = _ask(order, hub) if known is None or _is_other(order, known) else None
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        record = read_record(folder)
        if record is None:
            asked = asked or _ask(order, hub)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            revision = order.revision or _REVISION
            record = Record(order.release.repository, revision, asked.hash, now, asked.files)
        else:
            _settle(order, record, asked, watcher)
        return _Download(order, hub, record, watcher).run()


def _ask(order: Order, hub: Hub) -> Commit:
    revision = order.revision or _REVISION
    try:
        commit = hub.commit(revision)
    except Exception as error:
        raise trouble(error, hub, revision, order.folder) from error
    return Commit(commit.hash, release_files(order.release, commit.files, commit.hash))


def _is_other(order: Order, record: Record) -> bool:
    """Whether the hub has to say what a revision means before the folder can be used."""
    same_release = record.repository == order.release.repository
    return same_release and order.revision not in (None, record.commit)


def _settle(order: Order, record: Record, asked: Commit | None, watcher: Watcher) -> None:
    """Go on with the commit that the folder was begun with, or say why not."""
    folder, begun = order.folder, f"{record.commit} (begun {record.begun} as {record.revision})"
    if record.repository != order.release.repository:
        raise InputError(
            f"{folder} holds {record.repository}. Give another --out for "
            f"{order.release.repository}."
        )
    if asked and asked.hash != record.commit:
        changes = _changes(record.files, asked.files)
        if changes:
            raise InputError(
                f"{folder} holds commit {begun}, but {order.revision} is commit {asked.hash}: "
                f"{changes}. Give another --out for that one, or delete the folder first; without "
                "--revision the command goes on with what is there."
            )
        watcher.note(f"{order.revision} is commit {asked.hash} now, with the same files")
    watcher.note(f"{folder} stays with commit {begun}")


def _changes(old: Sequence[HubFile], new: Sequence[HubFile]) -> str:
    before, after = ({file.path: file for file in files} for files in (old, new))
    groups = {
        "changed": [path for path in before if path in after and before[path] != after[path]],
        "new": [path for path in after if path not in before],
        "gone": [path for path in before if path not in after],
    }
    return "; ".join(
        f"{what}: {', '.join(paths[:4])}" + (f" and {len(paths) - 4} more" if paths[4:] else "")
        for what, paths in groups.items()
        if paths
    )


class _Download:
    """The work on one folder, whose lock is held."""

    def __init__(self, order: Order, hub: Hub, record: Record, watcher: Watcher) -> None:
        self._order, self._begun, self._watcher = order, record, watcher
        self._verified, self._unpacked = dict(record.verified), dict(record.unpacked)
        self._folder = order.folder
        self._origin = Origin(hub, record.commit, order.folder)

    def run(self) -> Outcome:
        release = self._order.release
        commit = self._begun.commit
        wanted = wanted_files(release, self._begun.files, self._order.settings)
        states = {file.path: self._state(file) for file in wanted}
        pending = [file for file in wanted if states[file.path] == "missing"]
        fetch = sum(file.size - bytes_there(self._path(file), file) for file in pending)
        # What has been fetched says itself how much it needs, before it is unpacked.
        unpack = sum(on_disk(unpacked_size(file)) for file in pending if is_archive(file))
        space = require_space(self._folder, fetch, unpack)
        self._save()
        if pending:
            self._watcher.note(
                f"{release.repository} at commit {commit}: {len(pending)} of {len(wanted)} files "
                f"to come; {space}"
            )
        for file in wanted:
            if states[file.path] == "missing":
                fetch_file(self._origin, file, self._watcher)
                self._mark_verified(file)
                if file.size >= _LARGE:  # smaller ones are checked again as soon
                    self._save()
            if is_archive(file):
                if states[file.path] != "done":
                    self._unpack(file)
                if not self._order.keep_archives:
                    self._path(file).unlink(missing_ok=True)
        return Outcome(self._save(), wanted, fetch, self._readable(wanted))

    def _path(self, file: HubFile) -> Path:
        return self._folder / file.path

    def _state(self, file: HubFile) -> Literal["missing", "fetched", "done"]:
        """How far a file has come.

        Raises:
            InputError: something else stands in its place.
        """
        path, packed = self._path(file), is_archive(file)
        if packed and self._is_unpacked(file):
            return "done"
        if path.exists():
            if path.stat().st_mtime_ns != self._verified.get(file.path):
                self._watcher.note(f"checking {path} ({decimal(file.size)})")
                if not has_content(path, file):
                    raise InputError(
                        f"{path} is not the file of commit {self._begun.commit}. Move it away or "
                        "delete it, and the same command fetches it."
                    )
                self._mark_verified(file)
            return "fetched" if packed else "done"
        folder = unpacked_folder(path)
        if packed and folder.exists() and file.path not in self._unpacked:
            raise in_the_way(folder)
        return "missing"

    def _is_unpacked(self, file: HubFile) -> bool:
        unpacked = self._unpacked.get(file.path)
        if unpacked is None:
            return False
        folder = unpacked_folder(self._path(file))
        found = count_files(folder)
        if found < unpacked.files:
            self._watcher.note(
                f"{folder} has lost {unpacked.files - found} of {unpacked.files} files, which are "
                "unpacked again"
            )
        return found >= unpacked.files

    def _mark_verified(self, file: HubFile) -> None:
        self._verified[file.path] = self._path(file).stat().st_mtime_ns

    def _save(self) -> Record:
        record = replace(self._begun, verified=self._verified, unpacked=self._unpacked)
        write_record(self._folder, record)
        return record

    def _unpack(self, file: HubFile) -> None:
        ours = file.path in self._unpacked
        self._unpacked[file.path] = unpack_archive(self._path(file), file, ours, self._watcher)
        self._save()

    def _readable(self, files: Sequence[HubFile]) -> Path:
        """The folder to give to ``--data``.

        Raises:
            InputError: the commit is laid out in a way that no run could read.
        """
        folder = self._folder / folder_of_data(files)
        try:
            data = open_dataset(str(folder.absolute()))
            if isinstance(data, SocoTree):
                pictures = data.root / "Images"
                lacking = [
                    name for name in data.pair_files("intra") if not (pictures / name).is_dir()
                ]
                if lacking:
                    raise InputError(f"Images/ has no folder {', '.join(lacking[:3])}")
        except InputError as error:
            raise InputError(
                f"all of commit {self._begun.commit} is in {self._folder}, but it cannot be read "
                f"as data: {error}"
            ) from error
        is_found = folder.parent == self._folder and folder.name in _FOUND_INSIDE
        return self._folder if is_found else folder

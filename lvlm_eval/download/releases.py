"""What can be downloaded, and which files of the hub's repositories belong to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lvlm_eval.download.file_names import is_safe_path
from lvlm_eval.download.record import HubFile
from lvlm_eval.errors import InputError, nearest_names
from lvlm_eval.records import SETTINGS, Setting

_PARTS = ("Images", "KeypointAnnotations", "PairAnnotations", "Metadata")
_ARCHIVES = tuple(f"{part}.zip" for part in _PARTS)
_NEEDED = ("Images", "PairAnnotations")
_DEEPEST = 3
_TABLES: Mapping[Setting, str] = {
    "vis": "soco_lvlm_img.tsv",
    "vis+desc": "soco_lvlm_imgtxt.tsv",
    "desc": "soco_lvlm_txt.tsv",
}
_PAPERS = ("readme.md", "license", "license.md", "license.txt")

_GROWTH: Mapping[str, float] = {"Images": 1.1}
_GROWTH_OF_TEXT = 12.0


@dataclass(frozen=True, slots=True)
class Release:
    """A dataset on the hub.

    Attributes:
        name: what the user calls it.
        repository: its name on the hub.
        has_tables: True for SOCO-LVLM tables, False for a tree in SOCOv1 layout.
    """

    name: str
    repository: str
    has_tables: bool

    @property
    def folder(self) -> Path:
        """Where it goes unless the user says otherwise."""
        return Path("data") / self.name


RELEASES: Mapping[str, Release] = {
    one.name: one
    for one in (
        Release("soco", "GenIntelLab/SOCO", has_tables=False),
        Release("soco-lvlm", "GenIntelLab/SOCO-LVLM", has_tables=True),
    )
}


def release_named(name: str) -> Release:
    """Look a release up.

    Raises:
        InputError: there is none of that name.
    """
    if name not in RELEASES:
        raise InputError(f"there is nothing called '{name}'. {nearest_names(name, RELEASES)}")
    return RELEASES[name]


def is_archive(file: HubFile) -> bool:
    """Whether a file of a release is to be unpacked."""
    return PurePosixPath(file.path).name in _ARCHIVES


def unpacked_size(file: HubFile) -> int:
    """Bytes that an archive is guessed to need unpacked, before its own directory can be read.

    Photos hardly shrink in an archive: 1.1 times its size. Annotations are text: 12 times.
    """
    return int(file.size * _GROWTH.get(PurePosixPath(file.path).stem, _GROWTH_OF_TEXT))


def release_files(release: Release, files: Sequence[HubFile], commit: str) -> tuple[HubFile, ...]:
    """The files of a commit that belong to a release, its card and licence included.

    A tree may come as archives or as loose files; both releases may lie at the top of the
    repository or in a folder of it.

    Args:
        release: what is wanted.
        files: all files of the commit.
        commit: for the error message.

    Raises:
        InputError: what a run needs is not among them; the message says what is.
    """
    safe = [file for file in files if is_safe_path(file.path)]
    chosen, missing = _tables(safe) if release.has_tables else _tree(safe)
    if missing:
        found = [file.path for file in files]
        listed = ", ".join(found[:6]) + (f" and {len(found) - 6} more" if len(found) > 6 else "")
        raise InputError(
            f"commit {commit} of {release.repository} has no {' and no '.join(missing)}; it has "
            f"{listed or 'no files'}. Give another --revision."
        )
    papers = [file for file in safe if file.path.lower() in _PAPERS]
    return (*papers, *chosen)


def folder_of_data(files: Sequence[HubFile]) -> PurePosixPath:
    """The folder of the repository that holds the tables, or the parts of the tree."""
    for path in (PurePosixPath(file.path) for file in files):
        if path.name in _TABLES.values():
            return path.parent
        if found := [place for place, name in enumerate(path.parts) if _part(name) in _NEEDED]:
            return PurePosixPath(*path.parts[: found[0]])
    return PurePosixPath()


def wanted_files(
    release: Release, files: Sequence[HubFile], settings: tuple[Setting, ...] | None
) -> tuple[HubFile, ...]:
    """The files of a release that the given settings need, small ones first.

    Args:
        release: what is wanted.
        files: as ``release_files`` gives them.
        settings: of tables; None for all.

    Raises:
        InputError: settings were given for a release without tables.
    """
    if settings is not None and not release.has_tables:
        raise InputError(
            f"--setting chooses among the tables of soco-lvlm; '{release.name}' has none. "
            "Leave it out."
        )
    left_out = {_TABLES[one] for one in SETTINGS if settings is not None and one not in settings}
    kept = [file for file in files if PurePosixPath(file.path).name not in left_out]
    return tuple(sorted(kept, key=lambda file: (file.size, file.path)))


def _tables(files: Sequence[HubFile]) -> tuple[list[HubFile], list[str]]:
    """The tables, and the names of those that are missing."""
    by_name: dict[str, HubFile] = {}
    # Of two tables of one name the one in the shorter path counts: an older one may lie deeper.
    for file in sorted(files, key=lambda file: (len(file.path), file.path)):
        name = PurePosixPath(file.path).name
        if name in _TABLES.values():
            by_name.setdefault(name, file)
    return list(by_name.values()), [name for name in _TABLES.values() if name not in by_name]


def _tree(files: Sequence[HubFile]) -> tuple[list[HubFile], list[str]]:
    """The files of the fullest tree, and the parts that it lacks."""
    trees: dict[tuple[str, ...], dict[str, list[HubFile]]] = {(): {}}
    for file in files:
        above, part = _place(file)
        if part:
            trees.setdefault(above, {}).setdefault(part, []).append(file)

    def rank(above: tuple[str, ...]) -> tuple[int, int, tuple[str, ...]]:
        return sum(part not in trees[above] for part in _NEEDED), len(above), above

    tree = trees[min(trees, key=rank)]
    chosen = []
    for found in tree.values():
        archives = [file for file in found if is_archive(file)]
        chosen += archives or found
    return chosen, [f"{part}.zip" for part in _NEEDED if part not in tree]


def _place(file: HubFile) -> tuple[tuple[str, ...], str]:
    """The folders above the part of a tree that a file belongs to, and that part; or nothing."""
    names = file.path.split("/")
    for depth, name in enumerate(names[:_DEEPEST]):
        is_last = depth == len(names) - 1
        if _part(name) in _PARTS and is_last == (name in _ARCHIVES):
            return tuple(names[:depth]), _part(name)
    return (), ""


def _part(name: str) -> str:
    return name.removesuffix(".zip")

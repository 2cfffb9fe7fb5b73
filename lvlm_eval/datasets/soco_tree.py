"""A folder in SOCOv1 layout: which pairs it has, where its images are, what its metadata says."""

import json
import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from lvlm_eval.datasets.pair_annotation import Origin, parse_pair
from lvlm_eval.datasets.pair_dataset import PairFile
from lvlm_eval.datasets.photo_folder import PhotoFolder
from lvlm_eval.datasets.refusals import refusal, shown
from lvlm_eval.errors import InputError, nearest_names
from lvlm_eval.records import Defect, Pair

Split = Literal["intra", "cross", "train", "test"]
"""Pairs within a category, between related ones, or the lists for learned probes."""

SPLITS: tuple[Split, ...] = get_args(Split)

_FOLDERS: Mapping[str, str] = {
    "intra": "PairAnnotations/intra",
    "cross": "PairAnnotations/cross",
    "train": "PairAnnotations/trainsplits/train",
    "test": "PairAnnotations/trainsplits/test",
}
_TAXONOMY = "Metadata/keypoint_taxonomy.json"
_SUPERCATEGORY_FIELDS = ("supercategory", "super_category", "supercat", "supercategory_name")
_CATEGORY_FIELDS = ("category", "category_name", "name", "class", "object")
_DEEPEST = 8

__all__ = ["SPLITS", "PairFile", "SocoTree", "Split"]


class SocoTree(PhotoFolder):
    """A dataset in SOCOv1 layout. Nothing is opened before it is asked for.

    Args:
        root: the folder that holds ``Images`` and ``PairAnnotations``.
        name: what results of this dataset are named after.
    """

    def __init__(self, root: Path, name: str) -> None:
        super().__init__(root, name)
        self._listed: dict[str, Mapping[str, tuple[PairFile, ...]]] = {}

    def splits(self) -> tuple[Split, ...]:
        """The splits that have a folder here."""
        return tuple(split for split in SPLITS if (self.root / _FOLDERS[split]).is_dir())

    def pair_files(self, split: str) -> Mapping[str, tuple[PairFile, ...]]:
        """List the pair files of a split, by folder, both in order of their names.

        Only folders are read. Files that lie directly in the split's folder stand under ``""``.

        Raises:
            InputError: there is no such split, or it is empty.
        """
        if split not in self._listed:
            self._listed[split] = self._list(split)
        return self._listed[split]

    def read_pair(self, file: PairFile) -> tuple[Pair, tuple[Defect, ...]]:
        """Read one pair annotation.

        Returns:
            The pair, and everything in the file that was passed over.

        Raises:
            InputError: the file cannot be read, or holds something that must not be scored.
        """
        where = f"{_FOLDERS[file.split]}/{file.key}.json"
        try:
            content = file.path.read_bytes()
        except OSError as error:
            raise refusal(where, "", f"cannot be read ({error.strerror}).") from None
        origin = Origin(where, file.key, file.folder, file.split == "cross", self.image_size)
        return parse_pair(content, origin)

    def taxonomy(self) -> object:
        """The content of the keypoint taxonomy as parsed JSON; None if there is no such file.

        Raises:
            InputError: the file is no JSON.
        """
        return self._taxonomy

    def supercategories(self) -> Mapping[str, str]:
        """Category → super-category, as far as the taxonomy tells; categories as folder names.

        Raises:
            InputError: the taxonomy is no JSON.
        """
        return self._supercategories

    @cached_property
    def _taxonomy(self) -> object:
        path = self.root / _TAXONOMY
        if not path.is_file():
            return None
        try:
            return json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise refusal(path, "", f"is not readable as JSON ({error}).") from None

    @cached_property
    def _supercategories(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for category, group in _stated_groups(self._taxonomy, "", _DEEPEST):
            found.setdefault(category, group)
            found.setdefault(category.replace(" ", "_"), group)
        return found

    def _list(self, split: str) -> Mapping[str, tuple[PairFile, ...]]:
        if split not in _FOLDERS:
            raise InputError(f"unknown split {shown(split)}. {nearest_names(split, SPLITS)}")
        folder = self.root / _FOLDERS[split]
        if not folder.is_dir():
            raise self._no_split(split)
        listed = {"": _files_in(folder, split, "")}
        try:
            inner = sorted(e.name for e in os.scandir(folder) if e.is_dir() and _wanted(e.name))
        except OSError as error:
            raise refusal(folder, "", f"cannot be listed ({error.strerror}).") from None
        for name in inner:
            listed[name] = _files_in(folder / name, split, name)
        if not any(listed.values()):
            raise refusal(folder, "", "holds no pair annotation (*.json).")
        return {name: files for name, files in listed.items() if files}

    def _no_split(self, split: str) -> InputError:
        there = ", ".join(self.splits()) or "none"
        return refusal(
            self.root,
            "",
            f"has no '{split}' pairs: expected the folder {_FOLDERS[split]}; "
            f"splits that it has: {there}.",
        )


def _files_in(folder: Path, split: str, name: str) -> tuple[PairFile, ...]:
    try:
        names = sorted(
            entry.name
            for entry in os.scandir(folder)
            if entry.name.lower().endswith(".json") and _wanted(entry.name) and entry.is_file()
        )
    except OSError as error:
        raise refusal(folder, "", f"cannot be listed ({error.strerror}).") from None
    return tuple(PairFile(split, name, one[: -len(".json")], folder / one) for one in names)


def _wanted(name: str) -> bool:
    # Archives made on a Mac unpack to shadow files (._x), .DS_Store and __MACOSX.
    return not name.startswith(".") and name != "__MACOSX"


def _stated_groups(node: object, key: str, depth: int) -> Iterator[tuple[str, str]]:
    """Find every (category, super-category) in metadata whose inner schema is not documented."""
    if depth == 0:
        return
    if isinstance(node, dict):
        group = _first_text(node, _SUPERCATEGORY_FIELDS)
        category = _first_text(node, _CATEGORY_FIELDS) or key
        if group and category:
            yield category, group
        for name, value in node.items():
            yield from _stated_groups(value, name, depth - 1)
    elif isinstance(node, list):
        for value in node:
            yield from _stated_groups(value, "", depth - 1)


def _first_text(node: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        value = node.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""

"""What the layouts of other correspondence datasets have in common."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from lvlm_eval.datasets.pair_dataset import PairFile
from lvlm_eval.datasets.photo_folder import PhotoFolder
from lvlm_eval.datasets.refusals import refusal, shown
from lvlm_eval.errors import InputError, nearest_names
from lvlm_eval.records import Defect, Pair


class PairFolder(PhotoFolder, ABC):
    """A dataset of pairs that is not in SOCOv1 layout. Nothing is opened before it is asked for.

    Its test pairs are the split ``intra``, which is evaluated by default. There are no concepts.

    Args:
        root: the dataset's folder.
        name: what results of the dataset are named after.
    """

    layout: ClassVar[str]
    """What the layout is called."""

    same_names: ClassVar[bool] = True
    """Whether a name stands for the same point in every pair of a photo."""

    has_boxes: ClassVar[bool] = True
    """Whether the layout has boxes at all."""

    size_field: ClassVar[str] = "{side}_imsize"
    """Where the size of the ``src`` or ``trg`` photo is recorded."""

    def __init__(self, root: Path, name: str) -> None:
        super().__init__(root, name)
        self._listed: dict[str, Mapping[str, tuple[PairFile, ...]]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """What has been read so far stays here when the dataset goes to another process."""
        return type(self), (self.root, self.name)

    @abstractmethod
    def splits(self) -> tuple[str, ...]:
        """The splits that are there."""

    @abstractmethod
    def read_pair(self, file: PairFile) -> tuple[Pair, tuple[Defect, ...]]:
        """Read one pair; see ``PairDataset``."""

    @abstractmethod
    def where(self, file: PairFile) -> str:
        """What to call a pair's annotation in errors, below the root."""

    @abstractmethod
    def photo_folders(self) -> tuple[str, ...]:
        """Folders below the root that hold nothing but photos."""

    @abstractmethod
    def _list(self, split: str) -> Mapping[str, tuple[PairFile, ...]]:
        """List a split that is there."""

    def pair_files(self, split: str) -> Mapping[str, tuple[PairFile, ...]]:
        """The pairs of a split, by category.

        Raises:
            InputError: there is no such split, or it is empty.
        """
        if split not in self._listed:
            there = self.splits()
            if split not in there:
                raise InputError(
                    f"{self.root}: {self.layout} has no split {shown(split)} here. "
                    f"{nearest_names(split, there)}"
                )
            self._listed[split] = self._list(split)
        return self._listed[split]

    def supercategories(self) -> Mapping[str, str]:
        """Nothing, unless the layout tells."""
        return {}

    def taxonomy(self) -> object:
        """None: there are no words for keypoints."""
        return None


class JsonPairFolder(PairFolder):
    """Pairs in ``PairAnnotation/<list>/<pair>:<category>.json``, photos in ``JPEGImages``."""

    lists: ClassVar[Mapping[str, str]]
    """Split → name of its folder in ``PairAnnotation``."""

    def splits(self) -> tuple[str, ...]:
        """The splits that have a folder."""
        return tuple(split for split in self.lists if self._folder(split).is_dir())

    def where(self, file: PairFile) -> str:
        """Path of the annotation below the root."""
        return f"PairAnnotation/{self.lists[file.split]}/{file.path.name}"

    def photo_folders(self) -> tuple[str, ...]:
        """``JPEGImages``."""
        return ("JPEGImages",)

    def _folder(self, split: str) -> Path:
        return self.root / "PairAnnotation" / self.lists[split]

    def _list(self, split: str) -> Mapping[str, tuple[PairFile, ...]]:
        folder = self._folder(split)
        try:
            names = sorted(
                entry.name
                for entry in os.scandir(folder)
                if entry.name.endswith(".json") and entry.name[0] != "." and entry.is_file()
            )
        except OSError as error:
            raise refusal(folder, "", f"cannot be listed ({error.strerror}).") from None
        listed: dict[str, list[PairFile]] = {}
        for name in names:
            stem, _, category = name.removesuffix(".json").rpartition(":")
            if not stem:  # the colon got lost, as it does on some systems
                stem, category = category, ""
            listed.setdefault(category, []).append(PairFile(split, category, stem, folder / name))
        if not listed:
            raise refusal(folder, "", "holds no pair annotation (*.json).")
        return {category: tuple(listed[category]) for category in sorted(listed)}

    def _content(self, file: PairFile) -> bytes:
        try:
            return file.path.read_bytes()
        except OSError as error:
            raise refusal(self.where(file), "", f"cannot be read ({error.strerror}).") from None

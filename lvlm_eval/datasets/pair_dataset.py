"""What a dataset of annotated pairs offers, whatever its layout on disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PIL import Image

from lvlm_eval.records import Defect, Pair


@dataclass(frozen=True, slots=True)
class PairFile:
    """One pair annotation that has been listed, not read.

    Attributes:
        split: the list it belongs to.
        folder: name of its folder in the split; empty if it lies directly in the split. Where a
            layout has no folders, the category takes their place.
        stem: file name without ``.json``; where pairs are rows of a table, the row's name.
        path: the file.
        row: of a table, from 1 for the first pair; None where each pair has a file of its own.
    """

    split: str
    folder: str
    stem: str
    path: Path
    row: int | None = None

    @property
    def key(self) -> str:
        """``<folder>/<stem>``, the key of the pair in it."""
        return f"{self.folder}/{self.stem}" if self.folder else self.stem


class PairSource(Protocol):
    """Pairs by split, and what their categories belong to: all that questions are drawn from."""

    @property
    def name(self) -> str:
        """What results of this dataset are named after; safe as part of a file name."""
        ...

    def pair_files(self, split: str) -> Mapping[str, tuple[PairFile, ...]]:
        """The pairs of a split, by folder, both in order of their names.

        Raises:
            InputError: there is no such split, or it is empty.
        """
        ...

    def read_pair(self, file: PairFile) -> tuple[Pair, tuple[Defect, ...]]:
        """Read one pair.

        Returns:
            The pair, and everything in its annotation that was passed over.

        Raises:
            InputError: the annotation cannot be read, or holds something that must not be scored.
        """
        ...

    def supercategories(self) -> Mapping[str, str]:
        """Category → super-category, as far as the dataset itself tells.

        Raises:
            InputError: the file that tells it cannot be read.
        """
        ...


class PairDataset(PairSource, Protocol):
    """Pairs of photos with corresponding keypoints. Nothing is opened before it is asked for."""

    @property
    def root(self) -> Path:
        """The folder that all paths are relative to."""
        ...

    def splits(self) -> tuple[str, ...]:
        """The splits that are there; ``intra`` is the one that is evaluated by default."""
        ...

    def image_path(self, image: str) -> Path:
        """The file of an image.

        Args:
            image: as in ``View.image``, relative to the root.

        Raises:
            InputError: the name leads out of the dataset.
        """
        ...

    def image_size(self, image: str) -> tuple[int, int]:
        """Width and height in px of an image file, from its header.

        Raises:
            InputError: see ``load_image``.
        """
        ...

    def load_image(self, image: str | Path) -> Image.Image:
        """Decode an image to RGB as it is stored, whatever its EXIF orientation says.

        Args:
            image: as in ``View.image``, or a path from ``image_path``.

        Raises:
            InputError: the file is missing, no image, cut off, or too large to decode.
        """
        ...

    def taxonomy(self) -> object:
        """Metadata with words for the keypoints, as parsed JSON; None if there is none.

        Raises:
            InputError: the file is no JSON.
        """
        ...

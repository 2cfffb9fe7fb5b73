"""A pair whose target photo is mirrored left to right, so that left and right change places."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from PIL import Image

from lvlm_eval.datasets.pair_dataset import PairDataset, PairFile
from lvlm_eval.errors import InputError
from lvlm_eval.records import ConceptMatch, Defect, Keypoint, Pair, View

_CAMEL = re.compile(r"(?<=[a-z0-9])(?:Left|Right)(?![a-z])|(?<![^\W_])(?:left|right)(?=[A-Z])")
_WORD = re.compile(r"(?<![^\W_])(?:left|right|l|r)(?![^\W_])", re.IGNORECASE)
_SIDE = re.compile(f"{_CAMEL.pattern}|(?i:{_WORD.pattern})")
"""Where a name tells the side: ``wheel_front_left``, ``Left ear``, ``ear_R``, ``earLeft``,
``leftEar``; not in ``cleft``."""

_OTHER = {"left": "right", "right": "left", "l": "r", "r": "l"}


def other_side(name: str) -> str:
    """The name of the same part on the other side of an object: every left becomes right.

    Args:
        name: of a keypoint; one without a side stays as it is.
    """
    return _SIDE.sub(lambda found: _as_written(found[0]), name)


def _as_written(side: str) -> str:
    """The other side, in capitals where the word is."""
    other = _OTHER[side.lower()]
    if side.isupper():
        return other.upper()
    return other.capitalize() if side[0].isupper() else other


def tells_side(name: str) -> bool:
    """Whether a keypoint's name says that it is on the left or on the right."""
    return other_side(name) != name


def mirrored(pair: Pair) -> Pair:
    """The pair with its target mirrored: points where they are then, with the names of then.

    What a pixel at x shows stands at width - 1 - x afterwards. A name that no longer has its like
    in the source is not in the overlap any more, and another one may be.
    """
    target = _mirrored_view(pair.target)
    shown = {point.name for point in target.keypoints}
    return replace(
        pair,
        target=target,
        overlap=tuple(point.name for point in pair.source.keypoints if point.name in shown),
        concepts=tuple(
            ConceptMatch(one.concept, one.source, tuple(map(other_side, one.target)))
            for one in pair.concepts
        ),
    )


def _mirrored_view(view: View) -> View:
    width = view.size[0]
    box = view.box and (width - view.box[2], view.box[1], width - view.box[0], view.box[3])
    return replace(
        view,
        box=box,
        keypoints=tuple(_mirrored_point(point, width) for point in view.keypoints),
        azimuth=None if view.azimuth is None else -view.azimuth % 360,
    )


def _mirrored_point(point: Keypoint, width: int) -> Keypoint:
    # Half a pixel beyond the last one's middle would be outside on the other side.
    x = max(0.0, width - 1 - point.x)
    words = None if point.description is None else other_side(point.description)
    return replace(point, name=other_side(point.name), x=x, description=words)


class MirroredTargets:
    """A dataset whose pairs have mirrored targets; its photos are those of the dataset itself.

    Args:
        dataset: the dataset.
    """

    def __init__(self, dataset: PairDataset) -> None:
        self._dataset = dataset

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self._dataset.name

    @property
    def root(self) -> Path:
        """The dataset's folder."""
        return self._dataset.root

    def splits(self) -> tuple[str, ...]:
        """The dataset's splits."""
        return self._dataset.splits()

    def pair_files(self, split: str) -> Mapping[str, tuple[PairFile, ...]]:
        """The dataset's pairs."""
        return self._dataset.pair_files(split)

    def read_pair(self, file: PairFile) -> tuple[Pair, tuple[Defect, ...]]:
        """A pair with its target mirrored.

        Raises:
            InputError: it cannot be read.
        """
        pair, defects = self._dataset.read_pair(file)
        with suppress(InputError):  # of a photo that cannot be read the rows will say why
            # What is mirrored is the photo as it is, whatever its annotation says of its size.
            size = self._dataset.image_size(pair.target.image)
            pair = replace(pair, target=replace(pair.target, size=size))
        return mirrored(pair), defects

    def supercategories(self) -> Mapping[str, str]:
        """The dataset's super-categories."""
        return self._dataset.supercategories()

    def image_path(self, image: str) -> Path:
        """The file of a photo, as it is on disk."""
        return self._dataset.image_path(image)

    def image_size(self, image: str) -> tuple[int, int]:
        """Width and height of a photo in px."""
        return self._dataset.image_size(image)

    def load_image(self, image: str | Path) -> Image.Image:
        """A photo as it is on disk."""
        return self._dataset.load_image(image)

    def taxonomy(self) -> object:
        """The dataset's words for keypoints."""
        return self._dataset.taxonomy()

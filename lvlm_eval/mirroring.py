"""A pair whose target photo is mirrored left to right, so that left and right change places."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from PIL import Image

from lvlm_eval.datasets.pair_dataset import PairDataset, PairFile
from lvlm_eval.errors import InputError
from lvlm_eval.records import ConceptMatch, Defect, Keypoint, Pair, View

_SIDE = re.compile(r"(?<![^\W_])(left|right)(?![^\W_])", re.IGNORECASE)
"""The word in a name such as ``wheel_front_left`` or ``left ear``, and not in ``cleft``."""

_OTHER = {"left": "right", "right": "left", "LEFT": "RIGHT", "RIGHT": "LEFT"}
_OTHER |= {one.capitalize(): other.capitalize() for one, other in tuple(_OTHER.items())[:2]}


def other_side(name: str) -> str:
    """The name of the same part on the other side of an object: every left becomes right.

    Args:
        name: of a keypoint; one without a side stays as it is.
    """
    return _SIDE.sub(lambda found: _OTHER.get(found[0], _OTHER[found[0].lower()]), name)


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
            InputError: it cannot be read, or its keypoints have numbers for names, which tell no
                side.
        """
        pair, defects = self._dataset.read_pair(file)
        if all(point.name.isdecimal() for point in pair.target.keypoints):
            raise InputError(
                f"its keypoints have numbers for names, which tell no left and right; "
                f"the control 'mirror' cannot be made of '{self.name}'"
            )
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

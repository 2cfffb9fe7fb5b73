"""AP-10K as a correspondence benchmark: pairs of animals within and across species.

The pairs are those that the public notebook of the geometry-aware correspondence work makes of
AP-10K: ``PairAnnotation/<list>/<source>-<target>:<category>.json`` name two image annotations,
``ImageAnnotation/<family>/<species>/<image>.json``, which are COCO's records merged; the photos are
in ``JPEGImages/<family>/<species>/``. Published PCK is relative to the target's box, over the
points that both annotations give as visible.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from lvlm_eval.datasets.annotation_reader import AnnotationReader, JsonObject, is_plain_name
from lvlm_eval.datasets.correspondence.pair_folder import JsonPairFolder
from lvlm_eval.datasets.pair_dataset import PairFile
from lvlm_eval.datasets.refusals import shown
from lvlm_eval.errors import InputError
from lvlm_eval.records import Box, Defect, Keypoint, Pair, View

KEYPOINTS = (
    *("left_eye", "right_eye", "nose", "neck", "root_of_tail"),
    *("left_shoulder", "left_elbow", "left_front_paw"),
    *("right_shoulder", "right_elbow", "right_front_paw"),
    *("left_hip", "left_knee", "left_back_paw"),
    *("right_hip", "right_knee", "right_back_paw"),
)
"""Names of the 17 keypoints in the order of the annotations."""

_ANNOTATIONS = "ImageAnnotation"
_VISIBLE = 2
"""COCO's flag of a point that can be seen; 1 is one that is covered, 0 one that is not labelled."""


class Ap10kFolder(JsonPairFolder):
    """A dataset in the layout of the AP-10K correspondence benchmark.

    ``intra`` are pairs of one species, ``cross`` of two species of one family, ``cross-family`` of
    two families; a species' family stands for its super-category.
    """

    layout = "AP-10K"
    size_field = "{side}_json_path"
    lists: ClassVar[Mapping[str, str]] = {
        "intra": "test",
        "cross": "test_cross_species",
        "cross-family": "test_cross_family",
        "trn": "trn",
        "val": "val",
        "val-cross-species": "val_cross_species",
        "val-cross-family": "val_cross_family",
    }

    def __init__(self, root: Path, name: str) -> None:
        super().__init__(root, name)
        self._views: dict[str, tuple[View, tuple[Defect, ...]]] = {}

    def supercategories(self) -> Mapping[str, str]:
        """Species → family, as the folders say."""
        return self._families

    @cached_property
    def _families(self) -> Mapping[str, str]:
        return {
            species.name: family.name
            for family in _folders(self.root / _ANNOTATIONS)
            for species in _folders(family)
        }

    def read_pair(self, file: PairFile) -> tuple[Pair, tuple[Defect, ...]]:
        """Read one pair; see ``PairDataset``."""
        reader = AnnotationReader(self.where(file))
        data = reader.json_object(self._content(file))
        source, target = (self._view(reader, data, f"{side}_json_path") for side in ("src", "trg"))
        there = {point.name for point in target.keypoints}
        pair = Pair(
            key=file.key,
            group=file.folder or target.category,
            source=source,
            target=target,
            overlap=tuple(point.name for point in source.keypoints if point.name in there),
            concepts=(),
        )
        return pair, tuple(dict.fromkeys(reader.defects))

    def _view(self, reader: AnnotationReader, data: JsonObject, field: str) -> View:
        stated = reader.name(data, field).replace("\\", "/")
        _, found, inner = stated.rpartition(f"{_ANNOTATIONS}/")
        parts = inner.split("/")
        if not found or len(parts) != 3 or not all(map(is_plain_name, parts)):
            reader.refuse(
                field,
                f"{shown(stated)} is not the path of an image annotation; expected "
                f"…/{_ANNOTATIONS}/<family>/<species>/<image>.json.",
            )
        if inner not in self._views:
            try:
                self._views[inner] = self._read_view(parts)
            except InputError as error:
                reader.refuse(field, str(error))
        view, defects = self._views[inner]
        reader.defects += defects
        return view

    def _read_view(self, parts: list[str]) -> tuple[View, tuple[Defect, ...]]:
        family, species, name = parts
        where = f"{_ANNOTATIONS}/{'/'.join(parts)}"
        reader = AnnotationReader(where, "an image annotation")
        try:
            data = reader.json_object((self.root / where).read_bytes())
        except OSError as error:
            reader.refuse("", f"cannot be read ({error.strerror}).")
        size = reader.size([data.get("width"), data.get("height")], "width, height")
        view = View(
            category=species,
            image=f"JPEGImages/{family}/{species}/{name.removesuffix('.json')}.jpg",
            size=size,
            box=_box(reader, data),
            keypoints=_keypoints(reader, data, max(size)),
        )
        return view, tuple(reader.defects)


def _box(reader: AnnotationReader, data: JsonObject) -> Box | None:
    """COCO's left, top, width, height as our left, top, right, bottom."""
    values = reader.items(data, "bbox")
    if not values:
        return None
    if len(values) != 4:
        reader.refuse("bbox", f"{shown(values)} is not [left, top, width, height] in px.")
    left, top, width, height = (reader.number(one, "bbox") for one in values)
    right, bottom = left + width, top + height
    if right <= left or bottom <= top:
        reader.refuse(
            "bbox", f"{shown(values)} has no area; expected [left, top, width, height] in px."
        )
    return left, top, right, bottom


def _keypoints(reader: AnnotationReader, data: JsonObject, side: int) -> tuple[Keypoint, ...]:
    values = reader.items(data, "keypoints")
    if len(values) % 3:
        reader.refuse("keypoints", f"has {len(values)} numbers; expected x, y and flag of each.")
    count = len(values) // 3
    names = KEYPOINTS if count == len(KEYPOINTS) else tuple(map(str, range(count)))
    points = []
    for place, name in enumerate(names):
        where = f"keypoints[{place}]"
        x, y, flag = (reader.number(one, where) for one in values[3 * place : 3 * place + 3])
        if flag not in (0, 1, _VISIBLE):
            reader.refuse(where, f"the flag {flag:g} is none of 0, 1 and 2.")
        if flag != _VISIBLE:
            continue
        point = Keypoint(name, x, y)
        points.append(point)
        if not (0 <= x < side and 0 <= y < side):
            reader.note_outside(where, point, side)
    return tuple(points)


def _folders(path: Path) -> list[Path]:
    try:
        return sorted(one for one in path.iterdir() if one.is_dir() and one.name[0] != ".")
    except OSError:
        return []


def is_ap10k(root: Path) -> bool:
    """Tell AP-10K, whose annotations lie two folders deep, from SPair-71k, where it is one."""
    return any(_folders(family) for family in _folders(root / _ANNOTATIONS))

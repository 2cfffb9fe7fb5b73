"""SPair-71k and what is laid out like it, as public loaders read it.

``PairAnnotation/{trn,val,test}/<pair>:<category>.json`` hold the points that both photos show,
``ImageAnnotation/<category>/<image>.json`` all points of a photo and its azimuth in eighths of a
turn, ``JPEGImages/<category>/`` the photos. Published PCK is relative to the target's box, and
points are pooled by category (the reduction "keypoint"). By default SOCO's public probe takes 200
test pairs of each category, drawn by chance; here all of them are there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from lvlm_eval.datasets.annotation_reader import (
    AnnotationReader,
    JsonObject,
    finite,
    is_plain_name,
)
from lvlm_eval.datasets.correspondence.pair_folder import JsonPairFolder
from lvlm_eval.datasets.pair_dataset import PairFile
from lvlm_eval.datasets.refusals import shown
from lvlm_eval.errors import InputError
from lvlm_eval.records import Defect, Keypoint, Pair, View

_AZIMUTHS = 8
_SAME_PX = 1.0


@dataclass(frozen=True, slots=True)
class _Photo:
    """What ImageAnnotation tells of a photo.

    Attributes:
        points: keypoint id → x and y in px, of those that it shows.
        azimuth: in degrees.
        trouble: why it cannot be read; empty where it can.
    """

    points: Mapping[str, tuple[float, float]]
    azimuth: float | None
    trouble: str = ""


class SpairFolder(JsonPairFolder):
    """A dataset in the layout of SPair-71k.

    Keypoints are named by their id. The overlap of a pair is ``kps_ids``; further keypoints of a
    photo, which serve as wrong candidates of questions, are those of ImageAnnotation.
    """

    layout = "SPair-71k"
    lists: ClassVar[Mapping[str, str]] = {"intra": "test", "trn": "trn", "val": "val"}

    def __init__(self, root: Path, name: str) -> None:
        super().__init__(root, name)
        self._photos: dict[tuple[str, str], _Photo] = {}
        self._has_photos = (root / "ImageAnnotation").is_dir()

    def read_pair(self, file: PairFile) -> tuple[Pair, tuple[Defect, ...]]:
        """Read one pair; see ``PairDataset``."""
        reader = AnnotationReader(self.where(file))
        data = reader.json_object(self._content(file))
        category = reader.name(data, "category") or file.folder
        if not category:
            reader.refuse("category", "absent, and the file's name does not end in ':<category>'.")
        if not is_plain_name(category):
            reader.refuse("category", f"{shown(category)} is not the name of a folder.")
        ids = _ids(reader, data)
        overlap = tuple(dict.fromkeys(ids))
        pair = Pair(
            key=file.key,
            group=category,
            source=self._view(reader, data, "src", category, ids),
            target=self._view(reader, data, "trg", category, ids),
            overlap=overlap,
            concepts=(),
        )
        return pair, tuple(reader.defects)

    def _view(
        self, reader: AnnotationReader, data: JsonObject, side: str, category: str, ids: list[str]
    ) -> View:
        field = f"{side}_imname"
        name = reader.name(data, field)
        if not is_plain_name(name):
            reader.refuse(field, f"{shown(name)} is not the file name of an image.")
        image = f"JPEGImages/{category}/{name}"
        size = self._size(reader, data, side, image)
        points = _shared(reader, data, f"{side}_kps", ids, max(size))
        photo = self._photo(category, name)
        if photo.trouble:
            reader.note(field, photo.trouble)
        for key, (x, y) in photo.points.items():
            known = points.setdefault(key, Keypoint(key, x, y))
            if max(abs(known.x - x), abs(known.y - y)) > _SAME_PX:
                reader.note(
                    f"{side}_kps",
                    f"{shown(key)} is at ({known.x:g}, {known.y:g}) px here and at ({x:g}, {y:g}) "
                    "px in ImageAnnotation: the pair's own place holds.",
                )
        return View(
            category=category,
            image=image,
            size=size,
            box=reader.box(data, f"{side}_bndbox"),
            keypoints=tuple(points.values()),
            azimuth=photo.azimuth,
        )

    def _size(
        self, reader: AnnotationReader, data: JsonObject, side: str, image: str
    ) -> tuple[int, int]:
        field = f"{side}_imsize"
        if data.get(field) is not None:
            return reader.size(data[field], field)
        try:
            size = self.image_size(image)
        except InputError as error:
            reader.refuse(field, f"absent, and the file does not tell it: {error}")
        reader.note(field, f"absent: the size of the file is used, {size[0]}x{size[1]} px.")
        return size

    def _photo(self, category: str, image: str) -> _Photo:
        if not self._has_photos:
            return _Photo({}, None)
        key = category, image
        if key not in self._photos:
            self._photos[key] = self._read_photo(category, image)
        return self._photos[key]

    def _read_photo(self, category: str, image: str) -> _Photo:
        where = f"ImageAnnotation/{category}/{image.rpartition('.')[0]}.json"
        reader = AnnotationReader(where, "an image annotation")
        try:
            data = reader.json_object((self.root / where).read_bytes())
            points = {
                key: _position(reader, value, f"kps.{key}")
                for key, value in _members(reader, data, "kps").items()
                if value is not None
            }
        except OSError as error:
            lost = "its other points and its azimuth are not known"
            return _Photo({}, None, f"{where} cannot be read ({error.strerror}): {lost}.")
        except InputError as error:
            return _Photo({}, None, f"not used: {error}")
        place = finite(data.get("azimuth_id"))
        is_known = place is not None and place in range(_AZIMUTHS)
        return _Photo(points, place * 360 / _AZIMUTHS if is_known and place is not None else None)


def _ids(reader: AnnotationReader, data: JsonObject) -> list[str]:
    """The ids of the points that both photos show, as texts."""
    values = reader.items(data, "kps_ids")
    counts = {name: len(reader.items(data, name)) for name in ("src_kps", "trg_kps")}
    if any(count != len(values) for count in counts.values()):
        reader.refuse(
            "kps_ids",
            f"has {len(values)} ids, but src_kps {counts['src_kps']} and trg_kps "
            f"{counts['trg_kps']} points; expected as many of each.",
        )
    ids: list[str] = []
    for place, value in enumerate(values):
        where = f"kps_ids[{place}]"
        usual = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if not isinstance(usual, str) or not usual.strip() or not usual.isprintable():
            reader.refuse(where, f"{shown(value)} is not a keypoint's id.")
        if usual in ids:
            reader.note(where, f"{shown(usual)} stands there twice: the first one holds.")
        ids.append(usual)
    return ids


def _shared(
    reader: AnnotationReader, data: JsonObject, field: str, ids: Sequence[str], side: int
) -> dict[str, Keypoint]:
    points: dict[str, Keypoint] = {}
    for place, (name, value) in enumerate(zip(ids, reader.items(data, field), strict=True)):
        point = Keypoint(name, *_position(reader, value, f"{field}[{place}]"))
        if name in points:
            continue
        points[name] = point
        if not (0 <= point.x < side and 0 <= point.y < side):
            reader.note_outside(f"{field}[{place}]", point, side)
    return points


def _position(reader: AnnotationReader, value: object, where: str) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        reader.refuse(where, f"{shown(value)} is not [x, y] in px.")
    return reader.number(value[0], where), reader.number(value[1], where)


def _members(reader: AnnotationReader, data: JsonObject, name: str) -> JsonObject:
    value = data.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        reader.refuse(name, "is not an object of keypoint ids with [x, y] or null.")
    return value

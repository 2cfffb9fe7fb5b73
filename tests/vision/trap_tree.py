"""A small tree in SOCOv1 layout with all that makes the dense-feature protocol hard to get right.

Eighteen photos of 1 to 300 px a side, 27 pairs within categories and 12 across. At each keypoint
the photo shows a spot whose colour tells the concept and, less clearly, the keypoint: so features
of patches find some keypoints, mix up others of one concept, and miss the rest. Files on which the
protocol refuses to score anything are not among them.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from vision.traps import CROSS_TRAPS, INTRA_TRAPS

VEHICLE = {
    "wheel_front_left": (0.2, 0.75),
    "wheel_front_right": (0.3, 0.8),
    "wheel_rear_left": (0.75, 0.75),
    "wheel_rear_right": (0.85, 0.8),
    "lamp_left": (0.15, 0.5),
    "lamp_right": (0.3, 0.52),
    "roof_center": (0.5, 0.15),
    "plate_front": (0.22, 0.62),
}
SEAT = {
    "leg_front_left": (0.3, 0.9),
    "leg_front_right": (0.6, 0.92),
    "leg_rear_left": (0.4, 0.8),
    "leg_rear_right": (0.7, 0.82),
    "arm_left": (0.25, 0.45),
    "arm_right": (0.7, 0.47),
    "seat_center": (0.5, 0.6),
    "back_top": (0.55, 0.1),
}
LAYOUTS = {"car": VEHICLE, "bus": VEHICLE, "office_chair": SEAT}
SIZES = {
    "car": ((300, 200), (161, 253), (97, 97), (240, 41), (1, 194), (211, 180)),
    "bus": ((199, 300), (280, 120), (256, 255), (53, 1), (40, 194), (223, 223)),
    "office_chair": ((150, 298), (120, 90), (299, 61), (65, 64), (177, 194), (1, 1)),
}
"""Width and height in px; photo 1 of each category comes first."""

INTRA_PHOTOS = ((1, 2), (2, 1), (3, 6), (4, 3), (5, 4), (6, 5), (2, 3), (1, 6), (3, 1))
CROSS_PHOTOS = ((1, 1), (2, 3), (3, 2), (4, 6), (5, 1), (6, 4))
CROSS_CATEGORIES = (("car", "bus"), ("bus", "car"))


@dataclass(frozen=True)
class Shown:
    """A photo as annotated: size and box in px, keypoints by name in px."""

    size: tuple[int, int]
    box: list[float]
    points: dict[str, list[float]]


def make_trap_tree(folder: Path, seed: int = 0) -> Path:
    """Write the tree; the same seed gives the same files. Gives ``folder``."""
    random = np.random.default_rng(seed)
    photos: dict[tuple[str, int], Shown] = {}
    for category, sizes in SIZES.items():
        for number, size in enumerate(sizes, 1):
            shown = _shown(random, size, LAYOUTS[category], number)
            photos[category, number] = shown
            path = folder / "Images" / category / f"{category}_{number}.JPEG"
            _save(_painted(random, shown, LAYOUTS[category]), path, number)

    traps = iter(INTRA_TRAPS)
    for category in SIZES:
        for place, (source, target) in enumerate(INTRA_PHOTOS, 1):
            content = _pair(place, (category, source), (category, target), photos)
            next(traps)(content)
            _write(folder / "PairAnnotations" / "intra" / category, content)
    traps = iter(CROSS_TRAPS)
    for one, other in CROSS_CATEGORIES:
        for place, (source, target) in enumerate(CROSS_PHOTOS, 1):
            content = _pair(place, (one, source), (other, target), photos)
            next(traps)(content)
            _write(folder / "PairAnnotations" / "cross" / other, content)
    return folder


def toy_encode(patch: int) -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]:
    """A backbone without weights: photos (N, S, S, 3) to (N, S / patch, S / patch, 24).

    From the means and spreads of the colours in a patch and in its lower half. A feature depends on
    its patch alone, to the last bit, so that equal patches tie wherever they lie.
    """
    mix = np.random.default_rng(0).normal(size=(9, 24))

    def encode(photos: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        count, side = photos.shape[:2]
        cut = photos.astype(np.int64).reshape(
            count, side // patch, patch, side // patch, patch, 3
        )  # sums of integers do not depend on their order
        means = cut.sum(axis=(2, 4)) / patch**2
        spreads = np.sqrt((cut**2).sum(axis=(2, 4)) / patch**2 - means**2 + 1)
        lower = cut[:, :, patch // 2 :].sum(axis=(2, 4)) / (patch * (patch - patch // 2))
        values = np.concatenate([means - 128, 2 * spreads, 2 * (lower - means)], axis=3) / 100
        return np.asarray(np.tanh((values[..., None] * mix).sum(axis=3)), dtype=np.float32)

    return encode


def _shown(
    random: np.random.Generator,
    size: tuple[int, int],
    layout: Mapping[str, tuple[float, float]],
    number: int,
) -> Shown:
    """Keypoints near their usual places, one or two not visible, and the traps of a photo."""
    width, height = size
    points = {
        name: [
            round(float(width * (x + random.normal(0, 0.04))), 2),
            round(float(height * (y + random.normal(0, 0.04))), 2),
        ]
        for name, (x, y) in layout.items()
    }
    hidden = random.choice(list(points)[4:], size=int(random.integers(0, 3)), replace=False)
    for name in hidden:
        del points[str(name)]
    points.update(zip(points, _trap_points(size, number), strict=False))
    box = [width * 0.08, height * 0.05, width * 0.92, height * 0.95]
    return Shown(size, [round(side, 1) for side in box], points)


def _trap_points(size: tuple[int, int], number: int) -> list[list[float]]:
    """What stands in for the first keypoints of the photo with this number in its category."""
    width, height = size
    side = max(size)
    match number:
        case 1:  # 464 of 800 px: the left edge of patch 29 of 50, but 464 / 800 * 50 is below 29
            return [[-(-58 * side // 100), height * 0.75]]
        case 2:  # on the border: the first px, the last px, and just beyond it
            return [
                [0, height // 2],
                [width - 1, height - 1],
                [width, height * 0.4],
                [0.0, float(height)],
            ]
        case 3:  # outside: cut to 0, negative, in the padding, outside the padded square
            return [
                [-0.6, height * 0.7],
                [-7.6, -3.2],
                [width + 9.5, height + 4.5],
                [side + 20.25, height * 0.5],
            ]
        case 4:  # just below an integer, so that rounding and cutting differ by one px
            return [
                [float(np.nextafter(width // 2, 0)), height * 0.5],
                [width * 0.25, float(np.nextafter(height - 1, 0))],
                [width // 3 + 0.999999, height // 3 + 0.999999],
                [-float(np.nextafter(1, 0)), 0.5],
            ]
        case 5:  # of 194 px: 97 * S / 194 is an integer, 97 * (S / 194) lies just below it
            return [[width * 0.3, side / 2 + 0.5]]
        case 6:  # two keypoints within one px, so always in one patch
            x, y = width // 3, height // 2
            return [[x + 0.2, y + 0.7], [x + 0.9, y + 0.1]]
        case _:
            return []


def _painted(
    random: np.random.Generator, shown: Shown, layout: Mapping[str, tuple[float, float]]
) -> Image.Image:
    """A gradient, soft spots at random, a spot of its own at each keypoint, and some noise."""
    width, height = shown.size
    down, across = np.mgrid[0:height, 0:width].astype(np.float64)
    start, along, below = random.uniform(60, 160, 3), *random.uniform(-60, 60, (2, 3))
    canvas = start + across[..., None] / width * along + down[..., None] / height * below
    side = max(shown.size)
    for _ in range(12):
        middle = random.uniform(0, width), random.uniform(0, height)
        radius = side * random.uniform(0.03, 0.15)
        _spot(canvas, down, across, middle, radius, random.uniform(0, 255, 3))
    for name, (x, y) in shown.points.items():
        _spot(canvas, down, across, (x, y), side * 0.05, _colour(name, list(layout)))
    canvas += random.normal(0, 6, canvas.shape)
    return Image.fromarray(canvas.clip(0, 255).astype(np.uint8))


def _spot(
    canvas: npt.NDArray[np.float64],
    down: npt.NDArray[np.float64],
    across: npt.NDArray[np.float64],
    middle: tuple[float, float],
    radius: float,
    colour: npt.NDArray[np.float64],
) -> None:
    """Blend a soft disc into ``canvas``; ``down`` and ``across`` are the rows and columns."""
    away = ((across - middle[0]) ** 2 + (down - middle[1]) ** 2) / radius**2
    cover = np.exp(-(away**2))[..., None]
    canvas[:] = canvas * (1 - cover) + colour * cover


def _colour(name: str, names: Sequence[str]) -> npt.NDArray[np.float64]:
    """A colour by concept, and a little by keypoint."""
    concepts = list(dict.fromkeys(map(concept_of, names)))
    bits = concepts.index(concept_of(name)) + 1
    own = [names.index(name) * step % 5 * 12.0 for step in (1, 2, 3)]
    return np.array([200.0 * (bits >> place & 1) for place in range(3)]) + own


def concept_of(name: str) -> str:
    """``wheel`` for ``wheel_front_left``."""
    return name.split("_")[0]


def _save(image: Image.Image, path: Path, number: int) -> None:
    """JPEG, of which some are grey, some CMYK, and some marked as lying on their side."""
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if number == 1:
        exif[0x0112] = 6  # the orientation: a viewer would turn the photo, the protocol does not
    mode = {3: "L", 6: "CMYK"}.get(number, "RGB")
    image.convert(mode).save(path, "JPEG", quality=92, exif=exif)


def _pair(
    place: int,
    source: tuple[str, int],
    target: tuple[str, int],
    photos: Mapping[tuple[str, int], Shown],
) -> dict[str, Any]:
    """The content of a sound pair file, as a release would have it."""
    views = {"src": source, "trg": target}
    names = {side: list(photos[view].points) for side, view in views.items()}
    content: dict[str, Any] = {"pair_id": place, "category": target[0], "pair_group": target[0]}
    for side, (category, number) in views.items():
        shown = photos[category, number]
        content[f"{side}_category"] = category
        content[f"{side}_image"] = f"{category}_{number}.JPEG"
        content[f"{side}_imsize"] = list(shown.size)
        content[f"{side}_bndbox"] = list(shown.box)
        content[f"{side}_keypoints"] = [
            {
                "id": identity,
                "name": name,
                "pos": list(position),
                "concept_id": 0,
                "concept_name": concept_of(name),
                "kind": "structural",
                "shared": source[0] != target[0],
            }
            for identity, (name, position) in enumerate(shown.points.items())
        ]
    content["semantic_overlap"] = [name for name in names["src"] if name in names["trg"]]
    content["concept_matches"] = [
        {
            "concept_name": concept,
            **{f"{s}_keypoints": [n for n in names[s] if concept_of(n) == concept] for s in views},
        }
        for concept in dict.fromkeys(map(concept_of, names["src"]))
    ]
    return content


def _write(folder: Path, content: Mapping[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    stems = [Path(content[f"{side}_image"]).stem for side in ("src", "trg")]
    path = folder / f"{content['pair_id']:05d}-{stems[0]}-{stems[1]}.json"
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")

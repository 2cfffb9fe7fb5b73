"""Writes datasets in which nothing is wrong, so that a test can spoil one thing."""

import base64
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from making import WHEELS, Point, pair_json, write_pair
from PIL import Image

from lvlm_eval.datasets import open_dataset
from lvlm_eval.validation import Report, Wanted, validate
from lvlm_eval.validation.findings import Finding
from lvlm_eval.validation.kinds import Kind

SIZE = (160, 120)
POINTS: tuple[Point, ...] = tuple((name, 2 * x, 2 * y) for name, x, y in WHEELS)
BOX = [8, 20, 140, 100]
PAIRS = "PairAnnotations/intra/car"


def photo(seed: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """Large patches of random colours: no two seeds look alike, and JPEG keeps the patches."""
    rough = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(rough).resize(size, Image.Resampling.NEAREST)


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """The image as a file."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def sound_pair(
    category: str = "car", numbers: tuple[int, int] = (1, 2), **changed: Any
) -> dict[str, Any]:
    """The content of a pair file of ``sound_tree``."""
    usual: dict[str, Any] = {
        "source_points": POINTS,
        "target_points": POINTS,
        "size": SIZE,
        "pair_id": numbers[0],
        "src_bndbox": BOX,
        "trg_bndbox": BOX,
    }
    return pair_json(category, numbers, **(usual | changed))


def sound_tree(root: Path) -> Path:
    """Three photos of a car and three of a bus, each paired with the next; one cross pair."""
    for place, category in enumerate(("car", "bus")):
        for number in (1, 2, 3):
            image = root / "Images" / category / f"{category}_{number}.JPEG"
            image.parent.mkdir(parents=True, exist_ok=True)
            image.write_bytes(encoded(photo(10 * place + number), quality=95))
            keypoints = root / "KeypointAnnotations" / category / f"{category}_{number}.json"
            keypoints.parent.mkdir(parents=True, exist_ok=True)
            keypoints.write_text(json.dumps({"image": image.name, "keypoints": []}))
            numbers = (number, number % 3 + 1)
            write_pair(pair_path(root, category, numbers), sound_pair(category, numbers))
    write_pair(
        root / "PairAnnotations/cross/car/00001-bus_1-car_1.json",
        sound_pair("car", (1, 1), source_category="bus", pair_group="bus-car"),
    )
    metadata = root / "Metadata"
    metadata.mkdir()
    mapping = {"n02.JPEG": "car_1.JPEG", "n03.JPEG": "bus_1.JPEG"}
    (metadata / "filename_mapping.json").write_text(json.dumps(mapping))
    (metadata / "keypoint_taxonomy.json").write_text(
        json.dumps({"instances": [{"category": "bus", "supercategory": "transportation"}]})
    )
    return root


def pair_path(root: Path, category: str = "car", numbers: tuple[int, int] = (1, 2)) -> Path:
    """Where a pair of ``sound_tree`` stands."""
    stem = f"{numbers[0]:05d}-{category}_{numbers[0]}-{category}_{numbers[1]}"
    return root / "PairAnnotations" / "intra" / category / f"{stem}.json"


def change_pair(root: Path, **fields: Any) -> str:
    """Replace fields of the first pair of cars; gives its path below the root."""
    path = pair_path(root)
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    return path.relative_to(root).as_posix()


def sound_rows(groups: int = 3, images: int = 2) -> list[dict[str, str]]:
    """Rows of a table: four rotations a group, the images of each group its own."""
    rows = []
    for group in range(groups):
        texts = [png_text(100 * group + place) for place in range(images)]
        for rotation in range(4):
            points = "ABCD"[rotation:] + "ABCD"[:rotation]
            rows.append(
                {
                    "index": str(4 * group + rotation),
                    "g_index": str(group),
                    "category": "car",
                    "question": f"Which point is it? ({group})",
                    "image": texts[0] if images == 1 else repr(texts),
                    "image_path": "",
                    "answer": "ABCD"[points.index("ABCD"[group % 4])],
                    **{
                        letter: f"Point {point}"
                        for letter, point in zip("ABCD", points, strict=True)
                    },
                }
            )
    return rows


def png_text(seed: int) -> str:
    """A photo as base64."""
    return base64.b64encode(encoded(photo(seed), "PNG")).decode()


def report_on(path: Path, workers: int = 1, **wanted: Any) -> Report:
    """Validate, in this process."""
    return validate(open_dataset(str(path)), Wanted(**wanted), workers)


def found(path: Path, **wanted: Any) -> list[Finding]:
    """The findings, without the remark that a tiny table is not the released one."""
    findings = report_on(path, **wanted).findings
    return [one for one in findings if one.kind is not Kind.NOT_THE_RELEASE]


def only(findings: list[Finding], kind: Kind) -> Finding:
    """The one and only finding, which must be of that kind."""
    assert [one.kind for one in findings] == [kind], [one.line() for one in findings]
    return findings[0]


def places(findings: list[Finding]) -> list[tuple[str, str, int | None, str]]:
    """Kind, file, row and field of each finding."""
    return [(one.kind.label, one.file, one.row, one.field) for one in findings]


def json_of(report: Report) -> Mapping[str, Any]:
    """The report's JSON document, read back."""
    document: Mapping[str, Any] = json.loads(json.dumps(report.to_json()))
    return document

"""Writes tiny datasets in the released formats, with real small images, for any test."""

import base64
import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

Point = tuple[str, float, float]
"""Name, x and y in px. The concept is the name without its last part."""

WHEELS: tuple[Point, ...] = (
    ("wheel_front_left", 10, 40),
    ("wheel_front_right", 20, 40),
    ("wheel_rear_left", 50, 40),
    ("wheel_rear_right", 60, 40),
    ("lamp_left", 8, 20),
    ("lamp_right", 22, 20),
)
COLUMNS = (
    *("index", "g_index", "qid", "category", "question", "image", "image_path"),
    *("answer", "A", "B", "C", "D"),
)


def encoded_image(
    size: tuple[int, int] = (80, 60), colour: object = (90, 120, 150), kind: str = "JPEG"
) -> bytes:
    """An image file of one colour with a darker square, so that it is not symmetric."""
    image = Image.new("RGB", size, colour)
    image.paste((20, 30, 40), (0, 0, size[0] // 3, size[1] // 2))
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


def base64_image(size: tuple[int, int] = (80, 60), colour: object = (90, 120, 150)) -> str:
    """The same as base64 text."""
    return base64.b64encode(encoded_image(size, colour)).decode()


def concept_of(name: str) -> str:
    """``wheel_front_left`` and ``wheel_rear_right`` are both of concept ``wheel``."""
    return name.split("_")[0]


def keypoints(points: Iterable[Point]) -> list[dict[str, Any]]:
    """Keypoints as they stand in a pair file."""
    listed = list(points)
    concepts = sorted({concept_of(name) for name, _, _ in listed})
    return [
        {
            "id": place,
            "name": name,
            "pos": [x, y],
            "concept_id": concepts.index(concept_of(name)),
            "concept_name": concept_of(name),
            "kind": "structural",
            "shared": False,
        }
        for place, (name, x, y) in enumerate(listed)
    ]


def pair_json(
    category: str = "car",
    numbers: tuple[int, int] = (1, 2),
    *,
    source_points: Sequence[Point] = WHEELS,
    target_points: Sequence[Point] = WHEELS,
    source_category: str | None = None,
    size: tuple[int, int] = (80, 60),
    **changed: Any,
) -> dict[str, Any]:
    """The content of one pair file; ``changed`` fields replace the usual ones."""
    source_names = [name for name, _, _ in source_points]
    target_names = [name for name, _, _ in target_points]
    concepts = sorted({concept_of(name) for name in source_names})
    other = source_category or category
    content: dict[str, Any] = {
        "pair_id": 1,
        "category": category,
        "pair_group": category,
        "src_category": other,
        "trg_category": category,
        "src_image": f"{other}_{numbers[0]}.JPEG",
        "trg_image": f"{category}_{numbers[1]}.JPEG",
        "src_imsize": list(size),
        "trg_imsize": list(size),
        "src_bndbox": [4, 10, 70, 50],
        "trg_bndbox": [4, 10, 70, 50],
        "src_keypoints": keypoints(source_points),
        "trg_keypoints": keypoints(target_points),
        "semantic_overlap": [name for name in source_names if name in target_names],
        "concept_matches": [
            {
                "concept_name": concept,
                "src_keypoints": [n for n in source_names if concept_of(n) == concept],
                "trg_keypoints": [n for n in target_names if concept_of(n) == concept],
            }
            for concept in concepts
        ],
    }
    return content | changed


def write_pair(path: Path, content: Mapping[str, Any] | None = None) -> Path:
    """Write one pair file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content if content is not None else pair_json()), encoding="utf-8")
    return path


def write_image(root: Path, category: str, number: int, size: tuple[int, int] = (80, 60)) -> Path:
    """Write one photo where a pair of ``pair_json`` looks for it."""
    path = root / "Images" / category / f"{category}_{number}.JPEG"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded_image(size, (40 * number % 256, 120, 150)))
    return path


def write_tree(
    root: Path,
    categories: Sequence[str] = ("car", "bus"),
    images: int = 3,
    taxonomy: object | None = None,
) -> Path:
    """Write a SOCOv1 tree: each image paired with the next, cross pairs, and two learning lists.

    Args:
        root: folder to make, holding ``Images`` and ``PairAnnotations`` afterwards.
        categories: folder names; the cross pairs go from the last to the first.
        images: photos a category; there are as many intra pairs.
        taxonomy: content of ``Metadata/keypoint_taxonomy.json``; by default there is none.

    Returns:
        The root.
    """
    for category in categories:
        for number in range(1, images + 1):
            write_image(root, category, number)
            partner = number % images + 1
            stem = f"{number:05d}-{category}_{number}-{category}_{partner}"
            content = pair_json(category, (number, partner), pair_id=number)
            split = "train" if number % 2 else "test"
            for folder in ("intra", f"trainsplits/{split}"):
                write_pair(root / "PairAnnotations" / folder / category / f"{stem}.json", content)
    first, last = categories[0], categories[-1]
    for number in range(1, images + 1):
        write_pair(
            root / f"PairAnnotations/cross/{first}/{number:05d}-{last}_{number}-{first}_1.json",
            pair_json(first, (number, 1), source_category=last, pair_id=number),
        )
    if taxonomy is not None:
        path = root / "Metadata" / "keypoint_taxonomy.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(taxonomy), encoding="utf-8")
    return root


def table_row(**changed: str) -> dict[str, str]:
    """One usual row of a table with a single image; ``changed`` columns replace the usual ones."""
    usual = {
        "index": "1",
        "g_index": "1",
        "qid": "q1",
        "category": "car",
        "question": "Which point?",
        "image": base64_image(),
        "image_path": "",
        "answer": "A",
        "A": "Point A",
        "B": "Point B",
        "C": "Point C",
        "D": "Point D",
    }
    return usual | changed


def table_rows(
    groups: int = 2, images: int = 2, categories: Sequence[str] = ("car", "bus")
) -> list[dict[str, str]]:
    """Rows of a SOCO-LVLM table: four rotations a group, ``images`` base64 images a row.

    The right point of group g is the letter at place g % 4, so the right option letter of its
    rotation r is the one at place (g - r) % 4.
    """
    rows = []
    for group in range(groups):
        texts = [base64_image(colour=(30 * group % 256, 50 * i, 150)) for i in range(images)]
        for rotation in range(4):
            points = "ABCD"[rotation:] + "ABCD"[:rotation]
            rows.append(
                {
                    "index": str(4 * group + rotation),
                    "g_index": str(group),
                    "qid": f"q{group}",
                    "category": categories[group % len(categories)],
                    "question": f"Which point of image 2 is the REF point? ({group})",
                    "image": texts[0] if images == 1 else repr(texts),
                    "image_path": repr([f"{group}_{i}.jpg" for i in range(images)]),
                    "answer": "ABCD"[points.index("ABCD"[group % 4])],
                    **{
                        letter: f"Point {point}"
                        for letter, point in zip("ABCD", points, strict=True)
                    },
                }
            )
    return rows


def write_table(
    path: Path,
    rows: Sequence[Mapping[str, str]] | None = None,
    columns: Sequence[str] | None = None,
) -> Path:
    """Write a TSV; without rows, two groups that fit the setting that the file name tells."""
    listed = rows
    if listed is None:
        listed = table_rows(images=1 if path.stem.removesuffix("_c").endswith("_txt") else 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(
            stream, columns or tuple(listed[0]), delimiter="\t", extrasaction="ignore"
        )
        writer.writeheader()
        writer.writerows(listed)
    return path


def write_tables(folder: Path) -> Path:
    """Write the three tables of a release into a folder."""
    for ending in ("img", "imgtxt", "txt"):
        write_table(folder / f"soco_lvlm_{ending}.tsv")
    return folder

"""Writes tiny datasets in the layouts of SPair-71k, AP-10K pairs, PF-WILLOW and PF-PASCAL."""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from making import encoded_image

from lvlm_eval.datasets.correspondence.ap10k import KEYPOINTS

SPAIR_POINTS = {"0": (10, 40), "2": (20, 41), "3": (50, 42), "7": (60, 43), "11": (8, 20)}
"""Keypoint id → x and y in px, as every photo of the tiny SPair has them."""


def write_photo(path: Path, size: tuple[int, int] = (80, 60), colour: object = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Every photo has a colour of its own, so that none is another's double.
    own = tuple(zlib.crc32(path.as_posix()[-20:].encode()).to_bytes(4)[:3])
    path.write_bytes(encoded_image(size, colour or own, "PNG" if path.suffix == ".png" else "JPEG"))
    return path


def write_json(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def spair_pair(category: str = "cat", source: int = 1, target: int = 2, **changed: Any) -> Any:
    """The content of one pair of SPair-71k with all of its fields."""
    shared = ("0", "2", "3", "7")
    points = [list(SPAIR_POINTS[key]) for key in shared]
    return {
        "pair_id": 1,
        "filename": f"000001-{category}_{source}-{category}_{target}:{category}",
        "src_imname": f"{category}_{source}.jpg",
        "trg_imname": f"{category}_{target}.jpg",
        "src_imsize": [80, 60, 3],
        "trg_imsize": [80, 60, 3],
        "src_bndbox": [4, 10, 70, 50],
        "trg_bndbox": [5, 11, 71, 51],
        "category": category,
        "src_pose": "Left",
        "trg_pose": "Frontal",
        "src_kps": points,
        "trg_kps": points,
        "kps_ids": list(shared),
        "mirror": 0,
        "viewpoint_variation": 1,
        "scale_variation": 0,
        "truncation": 0,
        "occlusion": 0,
    } | changed


def write_spair(root: Path, categories: tuple[str, ...] = ("cat", "tvmonitor")) -> Path:
    """Two categories with three photos each; a pair of each in val and trn, two in test."""
    for category in categories:
        for number in (1, 2, 3):
            write_photo(root / f"JPEGImages/{category}/{category}_{number}.jpg")
            points = {str(place): None for place in range(30)}
            annotation = {
                "filename": f"{category}_{number}.jpg",
                "image_width": 80,
                "image_height": 60,
                "image_depth": 3,
                "category": category,
                "pose": "Left",
                "bndbox": [4, 10, 70, 50],
                "kps": points | {key: list(place) for key, place in SPAIR_POINTS.items()},
                "azimuth_id": 2 * number,
            }
            write_json(root / f"ImageAnnotation/{category}/{category}_{number}.json", annotation)
        for split, source, target in (
            ("test", 1, 2), ("test", 2, 3), ("val", 3, 1), ("trn", 2, 1),
        ):  # fmt: skip
            content = spair_pair(category, source, target)
            name = content["filename"].replace("000001", f"00000{source}")
            write_json(root / f"PairAnnotation/{split}/{name}.json", content)
    return root


SPAIR_FIRST = "PairAnnotation/test/000001-cat_1-cat_2:cat.json"


def change(path: Path, **changed: Any) -> None:
    """Replace fields of a JSON file; a field that becomes ``...`` goes."""
    content = json.loads(path.read_text()) | changed
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not ...}))


def ap10k_annotation(image: int, species: str, family: str, **changed: Any) -> dict[str, Any]:
    """COCO's records of an animal merged, as the public notebook does it."""
    flags = [2] * 12 + [1, 0, 0, 2, 2]
    keypoints: list[int] = []
    for place, flag in enumerate(flags):
        keypoints += [5 + 4 * place, 10 + 2 * place, flag] if flag else [0, 0, 0]
    return {
        "id": image,
        "image_id": image,
        "category_id": 3,
        "bbox": [4, 8, 70, 40],
        "area": 2800,
        "iscrowd": 0,
        "num_keypoints": 15,
        "keypoints": keypoints,
        "file_name": f"{image:012}.jpg",
        "width": 80,
        "height": 60,
        "name": species,
        "supercategory": family,
    } | changed


AP10K_ANIMALS = ((1, "dog", "Canidae"), (2, "dog", "Canidae"), (3, "king cheetah", "Felidae"),
                 (4, "cat", "Felidae"))  # fmt: skip
AP10K_PAIRS: Mapping[str, tuple[tuple[int, int, str], ...]] = {
    "test": ((1, 2, "dog"),),
    "val": ((2, 1, "dog"),),
    "test_cross_species": ((3, 4, "Felidae"),),
    "test_cross_family": ((1, 4, "all"),),
}


def ap10k_place(image: int) -> str:
    """Path of an image annotation below ImageAnnotation."""
    (species, family) = next(one[1:] for one in AP10K_ANIMALS if one[0] == image)
    return f"{family}/{species}/{image:012}.json"


def write_ap10k(root: Path) -> Path:
    """Four animals of three species, a pair in each of four lists."""
    for image, species, family in AP10K_ANIMALS:
        place = ap10k_place(image)
        write_json(root / "ImageAnnotation" / place, ap10k_annotation(image, species, family))
        write_photo(root / "JPEGImages" / place.replace(".json", ".jpg"))
    for split, pairs in AP10K_PAIRS.items():
        for source, target, category in pairs:
            content = {
                f"{side}_json_path": f"data/ap-10k/ImageAnnotation/{ap10k_place(image)}"
                for side, image in (("src", source), ("trg", target))
            }
            name = f"{source:012}-{target:012}:{category}.json"
            write_json(root / "PairAnnotation" / split / name, content)
    assert len(KEYPOINTS) == 17
    return root


WILLOW_HEADER = ",".join(
    ["imageA", "imageB"]
    + [f"{axis}{side}{n}" for side in "AB" for axis in "XY" for n in range(1, 11)]
)


def willow_row(source: str, target: str, **changed: str) -> str:
    """One row of PF-WILLOW's list; ``changed`` cells by column."""
    names = WILLOW_HEADER.split(",")
    cells = [f"PF-dataset/{source}", f"PF-dataset/{target}"]
    for side in range(2):
        cells += [f"{5 + 7 * n}.5" for n in range(10)]
        cells += [f"{10 + 4 * n + side}" for n in range(10)]
    return ",".join(changed.get(name, cell) for name, cell in zip(names, cells, strict=True))


def write_willow(root: Path) -> Path:
    """The list beside the folder PF-dataset, as the public download leaves it."""
    names = [
        f"{category}/{category}_00{n}.png" for category in ("car(G)", "duck(S)") for n in (1, 2)
    ]
    for name in names:
        write_photo(root / "PF-dataset" / name)
    rows = [willow_row(*names[:2]), willow_row(*names[2:]), willow_row(names[1], names[0])]
    (root / "test_pairs_pf.csv").write_text("\n".join([WILLOW_HEADER, *rows]) + "\n")
    return root


def pascal_row(source: int, target: int, kind: str = "8", *lists: str) -> str:
    """One row of PF-PASCAL's list."""
    images = [f"PF-dataset-PASCAL/JPEGImages/2009_00{n}.jpg" for n in (source, target)]
    places = lists or ("10.5;20;30;40", "5;15;25;35.25", "12;22;32;42", "6;16;26;36")
    return ",".join([*images, kind, *places])


PASCAL_HEADER = "source_image,target_image,class,XA,YA,XB,YB"


def write_pascal(root: Path) -> Path:
    """The lists inside the folder PF-dataset-PASCAL; the training list has no coordinates."""
    for number in (1, 2, 3):
        write_photo(root / f"JPEGImages/2009_00{number}.jpg")
    for split, row in (("test", pascal_row(1, 2)), ("val", pascal_row(2, 3, "1.0"))):
        (root / f"{split}_pairs_pf_pascal.csv").write_text(f"{PASCAL_HEADER}\n{row}\n")
    training = "source_image,target_image,class,flip\na.jpg,b.jpg,1,0\n"
    (root / "train_pairs_pf_pascal.csv").write_text(training)
    return root

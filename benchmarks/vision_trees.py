"""Makes trees in SOCOv1 layout of any size with photo-like pictures, and random DINOv2 models."""

import itertools
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

WIDTH, HEIGHT = 500, 375
KEYPOINTS = 10
PER_CATEGORY = 40

SIZES: dict[str, dict[str, int]] = {
    "tiny": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2},
    "vit-s": {"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 6},
    "vit-b": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12},
}


def make_tree(root: Path, photos: int, pairs: int) -> None:
    """Write photos of 40 a category, and as many intra as cross pairs of ten keypoints each.

    Args:
        root: folder of the tree.
        photos: in all, a multiple of 40.
        pairs: of each of the two splits, spread evenly over the categories.
    """
    names = [f"thing{number:03d}" for number in range(photos // PER_CATEGORY)]
    with ProcessPoolExecutor() as pool:
        list(pool.map(_photos, itertools.repeat(root), names, range(len(names))))
        of_each = pairs // len(names)
        jobs = (itertools.repeat(root), itertools.repeat(names), range(len(names)))
        list(pool.map(_pairs, *jobs, itertools.repeat(of_each)))


def _photos(root: Path, name: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    folder = root / "Images" / name
    folder.mkdir(parents=True)
    grain = random.normal(0, 6, (HEIGHT, WIDTH, 3))
    for number in range(PER_CATEGORY):
        coarse = random.integers(0, 256, (HEIGHT // 25, WIDTH // 25, 3), dtype=np.uint8)
        photo = Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        shifted = np.roll(grain, int(random.integers(WIDTH)), axis=1)
        noisy = np.clip(np.asarray(photo) + shifted, 0, 255).astype(np.uint8)
        photo = Image.fromarray(noisy).filter(ImageFilter.GaussianBlur(0.7))
        photo.save(folder / f"{name}_{number}.JPEG", quality=90)


def _pairs(root: Path, names: list[str], place: int, count: int) -> None:
    random = np.random.default_rng(10_000 + place)
    for split, other in (("intra", place), ("cross", place ^ 1 if len(names) > 1 else place)):
        folder = root / "PairAnnotations" / split / names[place]
        folder.mkdir(parents=True)
        for number in range(count):
            source, target = random.integers(PER_CATEGORY, size=2)
            pair = _pair(random, names[other % len(names)], names[place], int(source), int(target))
            (folder / f"{number:05d}.json").write_text(json.dumps(pair))


def _pair(
    random: np.random.Generator, here: str, there: str, source: int, target: int
) -> dict[str, Any]:
    names = [f"part_{one}_{side}" for one in range(KEYPOINTS // 2) for side in ("left", "right")]
    return {
        "src_category": here,
        "trg_category": there,
        "pair_group": there,
        "src_image": f"{here}_{source}.JPEG",
        "trg_image": f"{there}_{target}.JPEG",
        "src_imsize": [WIDTH, HEIGHT],
        "trg_imsize": [WIDTH, HEIGHT],
        "src_bndbox": [20, 20, 480, 355],
        "trg_bndbox": [20, 20, 480, 355],
        "src_keypoints": list(_points(names, here, source)),
        "trg_keypoints": list(_points(names, there, target)),
        "semantic_overlap": names,
        "concept_matches": [
            {
                "concept_name": names[one][:-5],
                "src_keypoints": names[one : one + 2],
                "trg_keypoints": names[one : one + 2],
            }
            for one in range(0, len(names), 2)
        ],
    }


def _points(names: list[str], category: str, photo: int) -> Iterator[dict[str, Any]]:
    """The same points in every pair that a photo is part of."""
    random = np.random.default_rng([int(category[-3:]), photo])
    for name, (x, y) in zip(
        names, random.uniform((20, 20), (480, 355), (len(names), 2)), strict=True
    ):
        yield {"name": name, "pos": [float(x), float(y)], "concept_name": name.rpartition("_")[0]}


def make_dinov2(folder: Path, size: str) -> None:
    """Write a DINOv2 with patches of 14 px and random weights."""
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.Dinov2Config(**SIZES[size], patch_size=14, image_size=518)
    transformers.Dinov2Model(config).save_pretrained(folder)

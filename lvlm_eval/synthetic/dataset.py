"""Writes the sample dataset in SOCOv1 layout."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from lvlm_eval.synthetic.names import (
    CATEGORIES,
    CONCEPT_IDS,
    KEYPOINT_IDS,
    RELATED,
    Category,
    concept_of,
    describe,
    is_shared,
    place_of,
    sides_of,
)
from lvlm_eval.synthetic.pairs import across, concept_groups, overlap, within
from lvlm_eval.synthetic.shading import Quality
from lvlm_eval.synthetic.views import Seen, View, compose, picture, seeded

INTRA_PAIRS = 20
CROSS_PAIRS = 8
SPLIT_PAIRS = 6
JPEG_QUALITY = 70

Json = dict[str, object]

_README = """# Bundled sample dataset

{images} synthetic images of {count} kinds of object in SOCOv1 layout: small enough to ship with the
package, and made so that every command can be tried without a download. Objects are built from
parameters, rendered, and annotated from their geometry: a keypoint is listed only where a ray from
the camera reaches it. It is for trying out and testing; results on it say little about results on
photographs.

Made with `python -m lvlm_eval.synthetic OUT --seed {seed} --views {views}`, which needs
`pip install "lvlm-eval[synthetic]"`.

- Left, right, front and rear are the object's own: as its driver, its user or the animal itself
  sees them.
- A pose gives the camera's azimuth and elevation in degrees: at azimuth 0 the camera looks at the
  object's front, and it grows counter-clockwise as seen from above, so 90 is on the object's own
  left.
- Each view shows another object: shape, colours, surroundings and light are drawn anew.
- The train and test lists use different images.

Licence: MIT, like the package.
"""


def _write(path: Path, content: Json) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")


def _keypoint(category: str, seen: Seen) -> Json:
    concept = concept_of(seen.name)
    return {
        "id": KEYPOINT_IDS[seen.name],
        "name": seen.name,
        "pos": [seen.x, seen.y],
        "concept_id": CONCEPT_IDS[concept],
        "concept_name": concept,
        "kind": "structural",
        "shared": is_shared(category, seen.name),
    }


def _pose(view: View) -> Json:
    return {"azimuth_deg": view.azimuth, "elevation_deg": view.elevation}


def _view_record(view: View) -> Json:
    return {
        "image": view.image,
        "category": view.category,
        "imsize": list(view.size),
        "bndbox": list(view.box),
        "keypoints": [_keypoint(view.category, k) for k in view.keypoints],
        "pose": _pose(view),
    }


def _pair_record(number: int, source: View, target: View) -> Json:
    same = source.category == target.category
    return {
        "pair_id": number,
        "category": target.category,
        "src_category": source.category,
        "trg_category": target.category,
        "pair_group": target.category if same else f"{source.category}-{target.category}",
        "src_image": source.image,
        "trg_image": target.image,
        "src_imsize": list(source.size),
        "trg_imsize": list(target.size),
        "src_bndbox": list(source.box),
        "trg_bndbox": list(target.box),
        "src_pose": _pose(source),
        "trg_pose": _pose(target),
        "src_keypoints": [_keypoint(source.category, k) for k in source.keypoints],
        "trg_keypoints": [_keypoint(target.category, k) for k in target.keypoints],
        "semantic_overlap": list(overlap(source, target)),
        "concept_matches": [
            {
                "concept_name": g.concept,
                "src_keypoints": list(g.source),
                "trg_keypoints": list(g.target),
            }
            for g in concept_groups(source, target)
        ],
    }


def _write_pairs(folder: Path, pairs: Sequence[tuple[View, View]], first: int = 1) -> int:
    """Write pairs numbered from ``first``; the number after the last."""
    for number, (source, target) in enumerate(pairs, start=first):
        name = (
            f"{number:05d}-{source.category}_{source.number}-{target.category}_{target.number}.json"
        )
        _write(folder / name, _pair_record(number, source, target))
    return first + len(pairs)


def _taxonomy(categories: Sequence[Category]) -> Json:
    return {
        "instances": [
            {
                "category": category.name,
                "supercategory": category.supercategory,
                "keypoint": name,
                "concept": concept_of(name),
                "sides": list(sides_of(name)),
                "place": place_of(name),
                "description": describe(name),
            }
            for category in categories
            for name in category.keypoints
        ]
    }


def make_view(out: Path, seed: int, category: str, number: int, quality: Quality) -> View:
    """Compose and draw one view; write its image and its keypoint file below ``out``."""
    composition = compose(seed, category, number)
    view = composition.view
    image = out / "Images" / category / view.image
    image.parent.mkdir(parents=True, exist_ok=True)
    picture(composition, quality).save(
        image, "JPEG", quality=JPEG_QUALITY, optimize=True, progressive=True
    )
    _write(out / "KeypointAnnotations" / category / f"{category}_{number}.json", _view_record(view))
    return view


def generate(
    out: Path,
    seed: int,
    names: Sequence[str],
    views: int,
    jobs: int,
    quality: Quality,
    report: Callable[[View], None],
) -> None:
    """Write the dataset of the named categories, with ``views`` images each, below ``out``.

    ``report`` is called with each view once it is written.

    Raises:
        RuntimeError: an object could not be seen well enough from anywhere.
    """
    categories = [c for c in CATEGORIES if c.name in names]
    made: dict[str, list[View]] = {c.name: [] for c in categories}
    # Started fresh rather than forked: a forked graphics context does not work.
    with ProcessPoolExecutor(max_workers=jobs, mp_context=get_context("spawn")) as pool:
        waiting = [
            (c.name, pool.submit(make_view, out, seed, c.name, n, quality))
            for c in categories
            for n in range(1, views + 1)
        ]
        for name, task in waiting:
            view = task.result()
            made[name].append(view)
            report(view)
    write_lists(out, seed, views, categories, made)


def write_lists(
    out: Path, seed: int, views: int, categories: Sequence[Category], made: dict[str, list[View]]
) -> None:
    """Write pairs, metadata and the read-me for views that are made."""
    root = out / "PairAnnotations"
    for category in categories:
        name = category.name
        mine = made[name]
        _write_pairs(root / "intra" / name, within(mine, INTRA_PAIRS, seeded(seed, name, "intra")))
        number = 1
        for one, other in RELATED:
            if name in (one, other):
                partner = other if name == one else one
                if partner in made:
                    drawn = across(
                        made[partner], mine, CROSS_PAIRS, seeded(seed, partner, name, "cross")
                    )
                    number = _write_pairs(root / "cross" / name, drawn, number)
        # Every other view, so that both lists see the object from all around.
        for split, part in (("train", mine[0::2]), ("test", mine[1::2])):
            drawn = within(part, SPLIT_PAIRS, seeded(seed, name, split))
            _write_pairs(root / "trainsplits" / split / name, drawn)
    mapping: Json = {c.name: {v.image: v.image for v in made[c.name]} for c in categories}
    _write(out / "Metadata" / "filename_mapping.json", mapping)
    _write(out / "Metadata" / "keypoint_taxonomy.json", _taxonomy(categories))
    total = sum(len(v) for v in made.values())
    text = _README.format(images=total, count=len(categories), seed=seed, views=views)
    (out / "README.md").write_text(text, encoding="utf-8")

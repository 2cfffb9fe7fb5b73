"""Pair files of a SOCOv1 tree as the dense-feature protocol reads them, for ``naive``."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image


class RefusedPairError(ValueError):
    """A pair whose annotation cannot be scored; the text says which file and field."""


@dataclass(frozen=True)
class View:
    """One image of a pair: size of the file and recorded size, points in px by name."""

    photo: Path
    size: tuple[int, int]
    recorded: Sequence[float]
    box: Sequence[float] | None
    points: dict[str, Sequence[float]]


@dataclass(frozen=True)
class Pair:
    """One pair file: ``targets`` by source keypoint of a concept group, perhaps none of them."""

    key: str
    group: str
    source: View
    target: View
    overlap: tuple[str, ...]
    targets: dict[str, tuple[str, ...]]


def read_pair(root: Path, path: Path) -> Pair:
    """Read a pair file of a tree.

    Raises:
        RefusedPairError: a box has swapped sides or no area.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    folder = path.parent.name
    source, target = (_view(root, path, content, side) for side in ("src", "trg"))
    named = dict.fromkeys(content.get("semantic_overlap") or [])
    return Pair(
        key=f"{folder}/{path.stem}",
        group=content.get("pair_group") or content.get("category") or folder,
        source=source,
        target=target,
        overlap=tuple(name for name in named if name in source.points and name in target.points),
        targets=targets_of(content.get("concept_matches") or [], source.points, target.points),
    )


def _view(root: Path, path: Path, content: dict[str, Any], side: str) -> View:
    category = content.get(f"{side}_category") or content.get("category") or path.parent.name
    box = content.get(f"{side}_bndbox")
    if box is not None and not (box[0] < box[2] and box[1] < box[3]):
        raise RefusedPairError(f"{path}: {side}_bndbox {box} has swapped sides or no area")
    points: dict[str, Sequence[float]] = {}  # of a doubled name the first
    for keypoint in content.get(f"{side}_keypoints") or []:
        points.setdefault(keypoint["name"], keypoint["pos"])
    photo = root / "Images" / category / content[f"{side}_image"]
    with Image.open(photo) as image:
        size = image.size
    return View(photo, size, content.get(f"{side}_imsize") or size, box, points)


def targets_of(
    groups: Sequence[dict[str, Any]], source: Iterable[str], target: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """Target names of each source name, in the order in which groups first mention them.

    A source keypoint has the targets of every group of every concept under which any group lists
    it, also of groups that do not list it themselves. Names that a view lacks are ignored.
    """
    source, target = set(source), set(target)
    concepts: dict[str, list[str]] = {}
    for group in groups:
        for name in group.get("src_keypoints") or []:
            if name in source:
                concepts.setdefault(name, []).append(group["concept_name"])
    return {
        name: tuple(
            dict.fromkeys(
                candidate
                for group in groups
                if group["concept_name"] in own
                for candidate in group.get("trg_keypoints") or []
                if candidate in target
            )
        )
        for name, own in concepts.items()
    }

"""The tree with all the traps: that they are there, and that the reference gets through them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from vision.naive import (
    COUNTERPART_NOT_CANDIDATE,
    FEWER_THAN_TWO,
    METRICS,
    NO_CANDIDATES,
    NO_COUNTERPART,
    VARIANTS,
    evaluate,
)
from vision.naive_steps import corner, multiple_of_patch
from vision.trap_tree import make_trap_tree, toy_encode


@pytest.fixture(scope="module")
def trap_tree(tmp_path_factory) -> Path:
    return make_trap_tree(tmp_path_factory.mktemp("traps"))


def contents(root: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in (root / "PairAnnotations").glob("*/*/*.json")]


def test_trap_tree_is_the_same_for_the_same_seed(trap_tree, tmp_path):
    def files(root):
        return {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}

    first = files(trap_tree)
    assert len([path for path in first if path.suffix == ".JPEG"]) == 18
    assert len([path for path in first if "intra" in path.parts]) == 27
    assert len([path for path in first if "cross" in path.parts]) == 12
    assert files(make_trap_tree(tmp_path / "again")) == first
    other = files(make_trap_tree(tmp_path / "other", seed=1))
    assert other.keys() == first.keys()
    assert all(other[path] != content for path, content in first.items() if path.suffix == ".JPEG")


def outside(content: dict[str, Any]) -> list[bool]:
    width, height = content["trg_imsize"]
    left, top, right, bottom = content.get("trg_bndbox") or [0, 0, 0, 0]
    return [left < 0 and top < 0 and right > width and bottom > height, left > width]


def positions(content: dict[str, Any]) -> list[float]:
    return [value for k in content["src_keypoints"] or [] for value in k["pos"]]


def doubled(names: list[str]) -> bool:
    return len(names) > len(set(names))


def names_of(content: dict[str, Any], side: str) -> list[str]:
    return [keypoint["name"] for keypoint in content[f"{side}_keypoints"] or []]


TRAPS = {
    "box reaches outside": lambda c: outside(c)[0],
    "box wholly outside": lambda c: outside(c)[1],
    "box null": lambda c: c.get("trg_bndbox", 0) is None,
    "box absent": lambda c: "trg_bndbox" not in c,
    "negative": lambda c: min(positions(c), default=0) <= -1,
    "cut to zero": lambda c: any(-1 < value < 0 for value in positions(c)),
    "just below": lambda c: any(value != round(value, 7) for value in positions(c)),
    "on the border": lambda c: any(
        k["pos"][0] == c["src_imsize"][0] - 1 for k in c["src_keypoints"] or []
    ),
    "outside": lambda c: max(positions(c), default=0) > max(c["src_imsize"]),
    "concept in two groups": lambda c: doubled(
        [g["concept_name"] for g in c.get("concept_matches") or []]
    ),
    "no targets": lambda c: any(g["trg_keypoints"] == [] for g in c.get("concept_matches") or []),
    "null targets": lambda c: any(
        g["trg_keypoints"] is None for g in c.get("concept_matches") or []
    ),
    "overlap empty": lambda c: c.get("semantic_overlap") == [],
    "overlap null": lambda c: c.get("semantic_overlap", 0) is None,
    "overlap absent": lambda c: "semantic_overlap" not in c,
    "groups null": lambda c: c.get("concept_matches", 0) is None,
    "groups absent": lambda c: "concept_matches" not in c,
    "keypoints null": lambda c: c["src_keypoints"] is None,
    "keypoints empty": lambda c: c["trg_keypoints"] == [],
    "name that a view lacks": lambda c: (
        not set(c.get("semantic_overlap") or []) <= set(names_of(c, "src"))
    ),
    "doubled in the overlap": lambda c: doubled(c.get("semantic_overlap") or []),
    "doubled in the views": lambda c: all(doubled(names_of(c, side)) for side in ("src", "trg")),
    "only category": lambda c: "category" in c and "src_category" not in c,
    "group but not category": lambda c: "category" in c and "pair_group" not in c,
    "neither": lambda c: "category" not in c and "pair_group" not in c,
    "group unlike folder": lambda c: c.get("pair_group") not in (None, c.get("trg_category")),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_each_trap_is_in_the_tree(trap_tree, trap):
    assert any(TRAPS[trap](content) for content in contents(trap_tree))


def test_photos_of_the_trap_tree(trap_tree):
    sizes, modes = {}, set()
    for path in (trap_tree / "Images").glob("*/*.JPEG"):
        with Image.open(path) as image:
            sizes[path.name] = image.size
            modes.add(image.mode)
            if path.stem.endswith("_1"):
                assert image.getexif()[0x0112] == 6
    assert modes == {"RGB", "L", "CMYK"}
    assert {sizes["car_5.JPEG"], sizes["bus_4.JPEG"], sizes["office_chair_6.JPEG"]} == {
        *((1, 194), (53, 1), (1, 1)),
    }
    unlike = [
        content
        for content in contents(trap_tree)
        if tuple(content["trg_imsize"]) != sizes[content["trg_image"]]
    ]
    assert len(unlike) == 2


@pytest.mark.parametrize(("patch", "size"), [(14, 224), (16, 100), (16, 7)])
def test_the_trap_tree_evaluated(trap_tree, patch, size):
    calls = []

    def encode(photos):
        calls.append(photos.shape)
        return toy_encode(patch)(photos)

    splits = evaluate(trap_tree, patch, encode, size)
    side = multiple_of_patch(size, patch)
    assert calls == [(1, side, side, 3)] * (2 * (27 + 12))  # two photos a pair
    reasons = set()
    for name, split in splits.items():
        assert not split.refused
        for (of, pair, _), found in split.found.items():
            assert of == name and pair in split.groups
            assert corner(found.patch, np.zeros((side // patch, side // patch))) == found.point
            counts = found.cc_error is not None and found.soc_error is not None
            if counts and found.geo and found.geo.skipped["all"] is None:
                # The right keypoint is one of the targets, so the nearest one is no farther away.
                assert found.cc_error <= found.soc_error
                assert found.geo.chosen in found.geo.candidates.values()
        for metric in METRICS:
            figure = split.pck(metric, 0.10, "pair").overall
            assert figure is not None and 0 <= figure <= 1
        for variant in VARIANTS:
            reasons |= set(split.skipped(variant))
        assert set(split.groups.values()) > {"car", "bus"}
    assert reasons == {
        *(NO_COUNTERPART, FEWER_THAN_TWO, NO_CANDIDATES, COUNTERPART_NOT_CANDIDATE),
    }


def test_some_keypoints_of_the_trap_tree_are_found_and_some_mixed_up(trap_tree):
    for split in evaluate(trap_tree, 14, toy_encode(14), 224).values():
        for metric in METRICS:
            assert 0 < split.pck(metric, 0.10, "keypoint").overall < 1
        confusion = split.confusion()
        assert 0 < confusion.confused < confusion.wrong
        margins = [found.margin for found in split.found.values()]
        assert min(margins) == 0 and max(margins) > 0.001  # ties too

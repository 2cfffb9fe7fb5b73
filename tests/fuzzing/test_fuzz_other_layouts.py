"""Pairs of other layouts, spoilt at random: records that hold, or one clear line."""

import json
import math
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from other_layouts import (
    PASCAL_HEADER,
    SPAIR_FIRST,
    ap10k_place,
    pascal_row,
    write_ap10k,
    write_pascal,
    write_spair,
)

from lvlm_eval.datasets.correspondence.ap10k import Ap10kFolder
from lvlm_eval.datasets.correspondence.pair_folder import PairFolder
from lvlm_eval.datasets.correspondence.proposal_flow import PfPascalFolder
from lvlm_eval.datasets.correspondence.spair import SpairFolder
from lvlm_eval.errors import InputError

NUMBERS = st.one_of(st.integers(), st.floats(), st.integers(-5, 90))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
SPAIR_FIELDS = (
    "src_imname", "trg_imname", "src_imsize", "trg_imsize", "src_bndbox", "trg_bndbox",
    "category", "src_kps", "trg_kps", "kps_ids",
)  # fmt: skip
AP10K_FIELDS = ("bbox", "keypoints", "width", "height")
POINTS = st.lists(st.lists(NUMBERS, min_size=2, max_size=2), min_size=4, max_size=4)
IDS = st.lists(st.one_of(st.integers(0, 3), st.sampled_from("0123")), min_size=4, max_size=4)


def hold_or_one_line(dataset: PairFolder) -> None:
    """Whatever a file holds, nothing but sound records or our own error comes out."""
    for files in dataset.pair_files("intra").values():
        try:
            pair, defects = dataset.read_pair(files[0])
        except InputError as error:
            line = str(error)
            assert line.isprintable()
            assert dataset.where(files[0]) in line
            continue
        for view in (pair.source, pair.target):
            names = [point.name for point in view.keypoints]
            assert len(set(names)) == len(names)
            assert set(pair.overlap) <= set(names)
            assert all(math.isfinite(one.x) and math.isfinite(one.y) for one in view.keypoints)
            assert min(view.size) >= 1
            if view.box is not None:
                assert view.box[0] < view.box[2]
                assert view.box[1] < view.box[3]
        assert len(set(pair.overlap)) == len(pair.overlap)
        assert all(one.message.isprintable() and one.file for one in defects)


def replaced(path: Path, changed: dict[str, object]) -> None:
    # Numbers that are none are written as Python's reader takes them: NaN, Infinity.
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


@settings(max_examples=150)
@given(
    st.one_of(
        st.dictionaries(st.sampled_from(SPAIR_FIELDS), VALUES, min_size=1, max_size=3),
        st.fixed_dictionaries({"src_kps": POINTS, "kps_ids": IDS}),
    ),
    VALUES,
)
def test_spair(changed, kps):
    with tempfile.TemporaryDirectory() as folder:
        root = write_spair(Path(folder), ("cat",))
        replaced(root / SPAIR_FIRST, changed)
        replaced(root / "ImageAnnotation/cat/cat_2.json", {"kps": kps, "azimuth_id": kps})
        hold_or_one_line(SpairFolder(root, "it"))


@settings(max_examples=80)
@given(
    st.one_of(
        st.dictionaries(st.sampled_from(AP10K_FIELDS), VALUES, min_size=1, max_size=2),
        st.fixed_dictionaries({"keypoints": st.lists(st.sampled_from((0, 1, 2, 90)), max_size=12)}),
        st.fixed_dictionaries({"bbox": st.lists(NUMBERS, min_size=4, max_size=4)}),
    )
)
def test_ap10k(changed):
    with tempfile.TemporaryDirectory() as folder:
        root = write_ap10k(Path(folder))
        replaced(root / "ImageAnnotation" / ap10k_place(2), changed)
        hold_or_one_line(Ap10kFolder(root, "it"))


CELLS = st.text(st.sampled_from("0123456789.;-+eExnaif "), max_size=12)


@settings(max_examples=80)
@given(st.lists(CELLS, min_size=4, max_size=4), st.text("0123456789.x", max_size=3))
def test_pascal(cells, kind):
    with tempfile.TemporaryDirectory() as folder:
        root = write_pascal(Path(folder))
        row = pascal_row(1, 2, kind, *cells)
        (root / "test_pairs_pf_pascal.csv").write_text(f"{PASCAL_HEADER}\n{row}\n")
        hold_or_one_line(PfPascalFolder(root, "it"))

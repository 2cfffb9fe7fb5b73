"""The fast path against the naive reference: every prediction and every figure, to the last one."""

import numpy as np
import pytest
from vision import naive
from vision.comparing import Wrapped, assert_same, assert_same_figures, fast
from vision.trap_tree import make_trap_tree, toy_encode

from lvlm_eval.vision.stores import DiskStore, NoStore, RamStore

PATCH = 14


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return make_trap_tree(tmp_path_factory.mktemp("traps"))


@pytest.fixture(scope="module")
def references(tree):
    made = {}

    def reference(size):
        if size not in made:
            made[size] = naive.evaluate(tree, PATCH, toy_encode(PATCH), size)
        return made[size]

    return reference


@pytest.mark.parametrize("size", [5, 30, 100, 224, 400])
def test_every_prediction_and_every_figure_is_that_of_the_reference(tree, references, size):
    ours = fast(tree, Wrapped(toy_encode(PATCH), PATCH), size)
    theirs = references(size)
    compared = assert_same(ours, theirs)
    assert compared == len(ours.work.rows) > 200
    assert_same_figures(ours, theirs)


@pytest.mark.parametrize("batch", [1, 2, 7, 32])
def test_the_size_of_a_batch_changes_nothing(tree, references, batch):
    ours = fast(tree, Wrapped(toy_encode(PATCH), PATCH), 224, batch=batch)
    assert_same(ours, references(224))


def _store(kind, tmp_path):
    if kind == "disk":
        return DiskStore(tmp_path, {"backbone": "toy"})
    # Of room for three maps of 16×16 cells some are needed twice.
    return NoStore(half=False) if kind == "none" else RamStore(3 * 16 * 16 * 24 * 4)


@pytest.mark.parametrize("kind", ["disk", "none", "scarce"])
def test_wherever_maps_are_kept_the_outcome_is_the_same(tree, references, tmp_path, kind):
    backbone = Wrapped(toy_encode(PATCH), PATCH)
    ours = fast(tree, backbone, 224, _store(kind, tmp_path))
    assert_same(ours, references(224))
    photos = len(ours.work.photos)
    assert backbone.photos == ours.encoded.passes <= 2 * photos
    assert (ours.encoded.twice > 0) == (kind != "disk")
    assert ours.encoded.passes == photos + ours.encoded.twice


def test_with_room_every_photo_is_encoded_once(tree):
    backbone = Wrapped(toy_encode(PATCH), PATCH)
    ours = fast(tree, backbone, 224)
    assert backbone.photos == len(ours.work.photos) == ours.encoded.passes
    assert ours.encoded.twice == 0


def test_maps_on_disk_are_used_by_the_next_run(tree, tmp_path):
    first = fast(tree, Wrapped(toy_encode(PATCH), PATCH), 224, DiskStore(tmp_path, {"a": 1}))
    backbone = Wrapped(toy_encode(PATCH), PATCH)
    second = fast(tree, backbone, 224, DiskStore(tmp_path, {"a": 1}))
    assert backbone.photos == 0
    assert second.encoded.read == len(second.work.photos)
    assert np.array_equal(first.found.cells, second.found.cells)
    assert np.array_equal(first.found.soft, second.found.soft)
    other = Wrapped(toy_encode(PATCH), PATCH)
    fast(tree, other, 224, DiskStore(tmp_path, {"a": 2}))
    assert other.photos == len(second.work.photos)


def test_a_torn_map_on_disk_is_made_again(tree, tmp_path):
    first = fast(tree, Wrapped(toy_encode(PATCH), PATCH), 224, DiskStore(tmp_path, {}))
    torn = sorted(tmp_path.glob("*/*.npy"))
    torn[0].write_bytes(torn[0].read_bytes()[:200])
    torn[1].write_bytes(b"")
    backbone = Wrapped(toy_encode(PATCH), PATCH)
    second = fast(tree, backbone, 224, DiskStore(tmp_path, {}))
    assert backbone.photos == 2
    assert np.array_equal(first.found.cells, second.found.cells)


def test_half_precision_maps_are_the_same_in_every_cache(tree, tmp_path):
    made = [
        fast(tree, Wrapped(toy_encode(PATCH), PATCH), 224, store)
        for store in (
            RamStore(1 << 30, half=True),
            NoStore(half=True),
            DiskStore(tmp_path, {}, half=True),
            DiskStore(tmp_path, {}, half=True),
        )
    ]
    for one in made[1:]:
        assert np.array_equal(one.found.cells, made[0].found.cells)
        assert np.array_equal(one.found.soft, made[0].found.soft)


def test_cells_as_centres_move_every_prediction_by_half_a_cell(tree):
    plain = fast(tree, Wrapped(toy_encode(PATCH), PATCH), 224)
    from lvlm_eval.vision.row_errors import row_errors

    moved = row_errors(plain.work.rows, plain.found, naive.ALPHAS, centre=True)
    assert np.allclose(moved.points - plain.errors.points, 0.5 / 16)

"""What changes a fingerprint and what does not."""

import itertools
from pathlib import Path

import pytest

from lvlm_eval.datasets.fingerprint import BLOCK, LARGE, WHOLE, fingerprint_files, sampled_offsets
from lvlm_eval.errors import InputError


def written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_depends_on_names_and_content_and_not_on_place_or_order(tmp_path):
    here = [("a", written(tmp_path / "1/x", b"one")), ("b", written(tmp_path / "1/y", b"two"))]
    there = [("b", written(tmp_path / "2/q", b"two")), ("a", written(tmp_path / "2/p", b"one"))]
    assert fingerprint_files(here) == fingerprint_files(there)
    assert len(fingerprint_files(here)) == 64


@pytest.mark.parametrize(
    "other",
    [
        [("a", b"one"), ("b", b"twp")],
        [("a", b"one"), ("c", b"two")],
        [("a", b"two"), ("b", b"one")],
        [("a", b"one")],
        [("ab", b"onetwo")],
        [("a", b"one"), ("b", b"two"), ("c", b"")],
        [],
    ],
)
def test_differs(tmp_path, other):
    first = [("a", written(tmp_path / "a", b"one")), ("b", written(tmp_path / "b", b"two"))]
    second = [(name, written(tmp_path / "o" / name, content)) for name, content in other]
    assert fingerprint_files(first) != fingerprint_files(second)


def test_short_files_count_to_the_last_byte(tmp_path):
    digests = set()
    for place in (None, 0, WHOLE // 2 + 1, WHOLE - 1):
        content = bytearray(WHOLE)
        if place is not None:
            content[place] = 1
        digests.add(fingerprint_files([("f", written(tmp_path / "f", bytes(content)))]))
    assert len(digests) == 4


@pytest.mark.parametrize(
    ("length", "offsets"),
    [
        # 4 blocks with their beginnings a third of (length - one block) apart
        (4 * BLOCK, (0, BLOCK, 2 * BLOCK, 3 * BLOCK)),
        (7 * BLOCK, (0, 2 * BLOCK, 4 * BLOCK, 6 * BLOCK)),
    ],
)
def test_where_a_longer_file_is_sampled(length, offsets):
    assert sampled_offsets(length) == offsets


def test_a_large_file_is_sampled_densely_from_end_to_end():
    offsets = sampled_offsets(LARGE + 1)
    assert len(offsets) == 66
    assert offsets[0] == 0
    assert offsets[-1] == LARGE + 1 - BLOCK
    gaps = {after - before for before, after in itertools.pairwise(offsets)}
    assert max(gaps) - min(gaps) <= 1


def test_a_sampled_change_is_seen_and_one_between_the_blocks_is_not(tmp_path):
    length = 10 * WHOLE
    offsets = sampled_offsets(length)

    def digest(changed: int | None) -> str:
        content = bytearray(length)
        if changed is not None:
            content[changed] = 1
        return fingerprint_files([("f", written(tmp_path / "f", bytes(content)))])

    plain = digest(None)
    assert all(digest(offset) != plain for offset in offsets)
    assert digest(length - 1) != plain
    assert digest(offsets[0] + BLOCK) == plain  # the documented blind spot


def test_the_length_always_counts(tmp_path):
    first = written(tmp_path / "a", bytes(10 * WHOLE))
    second = written(tmp_path / "b", bytes(10 * WHOLE + 1))
    assert fingerprint_files([("f", first)]) != fingerprint_files([("f", second)])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.bin.*cannot be read"):
        fingerprint_files([("f", tmp_path / "gone.bin")])

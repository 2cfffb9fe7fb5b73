"""What single cells of a table mean."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.datasets.tsv_cells import (
    MISSING_MARKERS,
    decode_image_text,
    is_blank,
    list_entries,
    plain_index,
)


def test_the_missing_markers_are_those_of_pandas():
    parsers = pytest.importorskip("pandas._libs.parsers", reason="pandas is not installed")
    assert frozenset(parsers.STR_NA_VALUES) == MISSING_MARKERS


@pytest.mark.parametrize(
    ("text", "blank"),
    [
        ("", True),
        (" ", True),
        ("NA", True),
        ("nan", True),
        ("None", True),
        ("Na", False),
        ("NONE", False),
        ("none", False),
        ("Point A", False),
        ("0", False),
    ],
)
def test_blank(text, blank):
    assert is_blank(text) is blank


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("7", "7"),
        ("7.0", "7"),
        (" 7", "7"),
        ("7.00 ", "7"),
        ("-3.0", "-3"),
        ("7.5", "7.5"),
        ("a7.0", "a7.0"),
        ("1.0.0", "1.0.0"),
        ("", ""),
        ("07", "07"),
    ],
)
def test_plain_index(text, index):
    assert plain_index(text) == index


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("abc", ("abc",)),
        (" abc\n", ("abc",)),
        ("['a', 'b']", ("a", "b")),
        ('["a", "b"]', ("a", "b")),
        ("[ 'a' , \"b\" ]", ("a", "b")),
        ("['a',]", ("a",)),
        ("[3, 'a']", ("3", "a")),
        ("['a\\nb']", ("a\nb",)),
        ("['a'", ("['a'",)),
        ("{}]", ("{}]",)),
    ],
)
def test_list_entries(text, entries):
    assert list_entries(text) == entries


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "[a, b]",
        "[None]",
        "[1.5]",
        "[true]",
        "[['a']]",
        "['a' 'b', x]",
        "[__import__('os')]",
        "[" * 9999 + "]" * 9999,
    ],
)
def test_a_broken_list_is_refused(text):
    with pytest.raises(ValueError, match="list"):
        list_entries(text)


@given(st.lists(st.text(st.characters(codec="ascii", categories=["L", "N"])), min_size=1))
def test_lists_in_both_notations(entries):
    assert list_entries(json.dumps(entries)) == tuple(entries)
    assert list_entries(repr(entries)) == tuple(entries)


@given(st.binary(), st.integers(0, 3), st.booleans(), st.booleans())
def test_base64_in_its_variants(data, breaks, padded, prefixed):
    text = base64.b64encode(data).decode()
    if breaks:
        text = "\r\n".join(text[at : at + 10 * breaks] for at in range(0, len(text), 10 * breaks))
    if not padded:
        text = text.rstrip("=")
    if prefixed:
        text = f"data:image/jpeg;base64,{text}"
    assert decode_image_text(text) == data


@pytest.mark.parametrize(
    "text", ["a", "ab$d", "äöü", "data:image/png,abcd", "abcd=efg", "images/x.jpg"]
)
def test_what_is_no_base64_is_refused(text):
    with pytest.raises(ValueError, match="base64"):
        decode_image_text(text)

"""Cutting a tab-separated file into records and cells."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvlm_eval.datasets import tsv_records
from lvlm_eval.datasets.tsv_records import read_records, split_cells
from lvlm_eval.errors import InputError


def cut(content: bytes) -> list[list[bytes]]:
    return [split_cells(one.content) for one in read_records(io.BytesIO(content), "t.tsv")]


@pytest.mark.parametrize(
    ("content", "cells"),
    [
        (b"a\tb\n1\t2\n", [[b"a", b"b"], [b"1", b"2"]]),
        (b"a\tb\r\n1\t2\r\n", [[b"a", b"b"], [b"1", b"2"]]),
        (b"a\tb\n1\t2", [[b"a", b"b"], [b"1", b"2"]]),  # no line end at the end
        (b"\xef\xbb\xbfa\tb\n", [[b"a", b"b"]]),
        (b'\xef\xbb\xbf"a"\tb\n', [[b"a", b"b"]]),
        (b"a\t\n\tb\n", [[b"a", b""], [b"", b"b"]]),
        (b"a\n\n\r\n  \nb\n", [[b"a"], [b"b"]]),  # empty lines are no records
        (b"", []),
        (b'"x\ty"\tz\n', [[b"x\ty", b"z"]]),
        (b'"x\ny"\tz\n', [[b"x\ny", b"z"]]),
        (b'"x\r\n\r\ny"\tz\r\n', [[b"x\r\n\r\ny", b"z"]]),
        (b'"say ""hi"""\t""\n', [[b'say "hi"', b""]]),
        (b'""""\tb\n', [[b'"', b"b"]]),
        (b'5" wheel\t"6"" wheel"\n', [[b'5" wheel', b'6" wheel']]),
        (b'a\t"b"c\td\n', [[b"a", b"bc", b"d"]]),
        (b'a\t"b" "c\td\n', [[b"a", b'b "c', b"d"]]),
        (b'a"b\nc"d\n', [[b'a"b'], [b'c"d']]),  # a quote within a cell opens nothing
        (b'"a\n""b\n"\t"\n"\n', [[b'a\n"b\n', b"\n"]]),
        (b"a b\tc\xc3\xa9\n", [[b"a b", b"c\xc3\xa9"]]),
    ],
)
def test_cells(content, cells):
    assert cut(content) == cells


def test_numbers_and_offsets_lead_back_to_the_records():
    content = b'\xef\xbb\xbfa\tb\r\n\r\n"1\n1"\t2\r\n3\t4'
    records = list(read_records(io.BytesIO(content), "t.tsv"))
    assert [one.number for one in records] == [0, 1, 2]
    for one in records:
        assert content[one.offset : one.offset + len(one.content)] == one.content
    assert [one.offset for one in records] == [3, 10, 19]


@pytest.mark.parametrize("content", [b'a\tb\n1\t"2\n3\t4\n', b'a\tb\n1\t"2""', b'a\tb\n1\t"'])
def test_an_open_quote_is_refused_with_its_row(content):
    with pytest.raises(InputError, match=r"^t\.tsv row 1: ends inside quotes"):
        cut(content)


@pytest.mark.parametrize("content", [b"a\tb\rc\n", b'"a"\rb\tc\n'])
def test_a_carriage_return_outside_quotes_is_refused(content):
    with pytest.raises(ValueError, match="carriage return outside quotes"):
        cut(content)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_utf_16_is_refused(encoding):
    text = "a\tb\n" if encoding == "utf-16" else "\ufeffa\tb\n"
    with pytest.raises(InputError, match="UTF-16"):
        cut(text.encode(encoding))


@pytest.mark.parametrize("content", [b"x" * 200, b'"x\n' + b"y\n" * 100, b"a\n" + b"\r" * 200])
def test_a_record_without_end_is_refused_before_it_fills_the_memory(monkeypatch, content):
    monkeypatch.setattr(tsv_records, "LONGEST_RECORD", 100)
    with pytest.raises(InputError, match="is longer than"):
        cut(content)


# A carriage return alone is left out: some versions of the writer do not quote it.
SIGN = st.sampled_from('ab"\t\n, é') | st.characters(codec="utf-8", exclude_characters="\r")
CELL = st.lists(SIGN | st.just("\r\n"), max_size=12).map("".join)
TABLE = st.integers(2, 4).flatmap(
    lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=5)
)


@settings(max_examples=300, deadline=None)
@given(TABLE, st.sampled_from(["\n", "\r\n"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_what_the_csv_writer_wrote_is_read_back(table, line_end, quoting):
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter="\t", lineterminator=line_end, quoting=quoting).writerows(table)
    content = stream.getvalue().encode()
    expected = [
        [cell.encode() for cell in row]
        for row in table
        if "\t".join(row).strip("\r\n ") or quoting == csv.QUOTE_ALL
    ]
    assert cut(content) == expected


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from('ab"\t\n'), max_size=30))
def test_agrees_with_the_csv_reader_on_any_text(text):
    # A final quoted cell that is never closed is refused here and kept there.
    try:
        found = cut(text.encode())
    except InputError:
        return
    lines = csv.reader(io.StringIO(text, newline=""), delimiter="\t")
    assert found == [[cell.encode() for cell in row] for row in lines if row]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_cut_or_refused(content):
    try:
        records = list(read_records(io.BytesIO(content), "t.tsv"))
    except InputError:
        return
    assert sum(len(one.content) for one in records) <= len(content)
    for one in records:
        assert content[one.offset : one.offset + len(one.content)] == one.content

"""SOCO-LVLM tables, whatever the file holds."""

import json
import zipfile
from io import BytesIO
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from making import base64_image, table_rows, write_table
from mutations import changed_table, damaged, fuzzing
from openpyxl import Workbook
from rule import SHEET, check_table, check_workbook, with_sheet

from lvlm_eval.datasets.tsv_cells import decode_image_text, list_entries

ROWS = table_rows(groups=1)
SMALL = base64_image((2, 2))
ROWS[1] |= {"image": SMALL, "question": 'two\nlines and a "quote"'}
ROWS[2] |= {"image": "", "image_path": "['a.jpg', 'images/b.jpg']"}
ROWS[3] |= {"image": repr(["1", SMALL])}
HEADER = tuple(ROWS[0])
CELLS = [tuple(row.values()) for row in ROWS]


def test_whole_files_are_read(tmp_path: Path) -> None:
    content = write_table(tmp_path / "t_img.tsv", ROWS).read_bytes()
    assert check_table(content, tmp_path)
    assert check_workbook(whole_workbook(), tmp_path)
    assert check_workbook(with_sheet(whole_workbook(), whole_sheet()), tmp_path)


@fuzzing(150)
@given(changed_table(HEADER, CELLS))
def test_tables(tmp_path: Path, content: bytes) -> None:
    check_table(content, tmp_path)


@fuzzing(150)
@given(st.text("\t\n\r\" aAB1'[],").map(lambda body: "index\tquestion\tanswer\tA\tB\n" + body))
def test_tables_of_little_but_signs(tmp_path: Path, text: str) -> None:
    check_table(text.encode(), tmp_path)


NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
LISTS = (
    st.lists(st.text() | st.integers()).map(repr)
    | st.lists(st.text() | st.integers() | st.floats()).map(json.dumps)
    | NESTED.map(repr)
    | st.text("[]'\"\\, ax0NuU{}\n").map("[{}]".format)
    | st.text()
)


@fuzzing(150)
@given(LISTS)
def test_cells_with_lists(text: str) -> None:
    try:
        entries = list_entries(text)
    except ValueError as error:
        assert "list" in str(error)
        return
    assert entries
    assert all(isinstance(entry, str) for entry in entries)
    if len(entries) > 1:
        assert text.strip().startswith("[")


@fuzzing(150)
@given(st.text("ABC=+/ \n,;:dat") | damaged(SMALL.encode()).map(lambda one: one.decode("latin-1")))
def test_cells_with_images(text: str) -> None:
    try:
        assert isinstance(decode_image_text(text), bytes)
    except ValueError as error:
        assert "base64" in str(error)


def whole_workbook() -> bytes:
    book = Workbook()
    book.active.append(["index", "answer", "g_index", "category", *"ABCD", "prediction"])
    for place, group in enumerate([1, 1, "2", 2.5, None]):
        options = [f"Point {letter}" for letter in "ABCD"]
        book.active.append([place, "A", group, "bus", *options, "B. Point B"])
    stream = BytesIO()
    book.save(stream)
    return stream.getvalue()


def whole_sheet() -> bytes:
    with zipfile.ZipFile(BytesIO(whole_workbook())) as archive:
        return archive.read(SHEET)


ODD_XML = (
    *(b"<v>1e400</v>", b"<v>" + b"9" * 400 + b"</v>", b"<v>NaN</v>", b"<v></v>", b"<v>-1</v>"),
    *(b"<is><t>N/A</t></is>", b"<is><t>&#10;x</t></is>", b"&#x1b;", b"</row>", b"<row>", b"</c>"),
    *(b'r="A1048577"', b'r="ZZZ1"', b'<row r="99999999999">', b'<row r="1048570">', b'<row r="0">'),
    *(b't="s"', b't="e"', b't="b"', b't="d"', b't="n"', b't="str"', b't="?"', b's="999"', b'r="-"'),
)


@st.composite
def changed_sheets(draw: st.DrawFn) -> bytes:
    """A sheet with odd cells in the place of others."""
    parts = whole_sheet().replace(b">", b">\0").split(b"\0")
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(parts) - 1))
        match draw(st.sampled_from(["odd", "drop", "twice", "attribute"])):
            case "odd":
                parts[place] = draw(st.sampled_from(ODD_XML))
            case "drop":
                del parts[place]
            case "twice":
                parts.insert(place, parts[place])
            case "attribute":
                name, _, rest = parts[place].partition(b" ")
                parts[place] = name + b" " + draw(st.sampled_from(ODD_XML)) + b" " + rest
    return b"".join(parts)


@fuzzing(70)
@given(
    changed_sheets().map(lambda sheet: with_sheet(whole_workbook(), sheet))
    | damaged(whole_workbook())
)
def test_workbooks(tmp_path: Path, content: bytes) -> None:
    check_workbook(content, tmp_path)

"""SOCO-LVLM tables: texts, request wording, settings."""

import ast
import base64
import csv
import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making import (
    COLUMNS,
    base64_image,
    encoded_image,
    table_rows,
    write_table,
    write_tables,
)
from making import table_row as row

from lvlm_eval.datasets.lvlm_tables import LvlmTable, LvlmTables, TableRow, guess_setting
from lvlm_eval.errors import InputError

RED, BLUE = (200, 10, 10), (10, 10, 200)


def table(folder: Path, *rows: dict[str, str], columns=None) -> LvlmTable:
    return LvlmTable(write_table(folder / "t_txt.tsv", rows or None, columns), "desc")


def raw_table(folder: Path, content: bytes) -> LvlmTable:
    path = folder / "t_txt.tsv"
    path.write_bytes(content)
    return LvlmTable(path, "desc")


def refused(action, *said: str) -> None:
    with pytest.raises(InputError) as caught:
        action()
    for part in said:
        assert part in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_released_format(tmp_path):
    rows = table_rows(groups=2, images=2)
    tsv = LvlmTable(write_table(tmp_path / "soco_lvlm_img.tsv", rows), "vis")
    found = tsv.rows()
    assert [one.number for one in found] == list(range(1, 9))
    assert [one.group for one in found] == ["0"] * 4 + ["1"] * 4
    assert [one.index for one in found] == [str(n) for n in range(8)]
    assert [one.qid for one in found[3:5]] == ["q0", "q1"]
    assert [one.category for one in found[3:5]] == ["car", "bus"]
    # Point A is right in the first group: it is option A, then D, C, B as the texts turn.
    assert [one.answer for one in found[:4]] == ["A", "D", "C", "B"]
    assert dict(found[1].options) == {
        "A": "Point B",
        "B": "Point C",
        "C": "Point D",
        "D": "Point A",
    }
    assert tsv.defects == ()
    for one, written in zip(found, rows, strict=True):
        pictures = tsv.pictures(one)
        data = [base64.b64decode(text) for text in ast.literal_eval(written["image"])]
        assert [picture.data for picture in pictures] == data
        assert [picture.sha256 for picture in pictures] == [
            hashlib.sha256(one).hexdigest() for one in data
        ]
        assert {(picture.media_type, picture.size) for picture in pictures} == {
            ("image/jpeg", (80, 60))
        }


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            {},
            "Question: Which point?\nOptions:\nA. Point A\nB. Point B\nC. Point C\nD. Point D\n"
            "Please select the correct answer from the options above. \n",
        ),
        (
            {"hint": "Look twice.", "C": "", "D": "NaN"},
            "Hint: Look twice.\nQuestion: Which point?\nOptions:\nA. Point A\nB. Point B\n"
            "Please select the correct answer from the options above. \n",
        ),
        (
            {"hint": "nan", "question": " Two\nlines ", "B": " b "},
            "Question:  Two\nlines \nOptions:\nA. Point A\nB.  b \nC. Point C\nD. Point D\n"
            "Please select the correct answer from the options above. \n",
        ),
        (
            {"A": "", "B": "None", "C": "", "D": ""},
            "Question: Which point?\n",
        ),
    ],
)
def test_request_text(tmp_path, changed, expected):
    tsv = table(tmp_path, row(**changed))
    assert tsv.request_text(tsv.rows()[0]) == expected


def test_any_letter_can_be_an_option(tmp_path):
    tsv = table(tmp_path, row(**{"E": "Point E", "Z": "last", "AA": "no", "e": "no"}))
    assert list(tsv.rows()[0].options) == ["A", "B", "C", "D", "E", "Z"]


@pytest.mark.parametrize(
    ("written", "read"), [(" b ", "B"), ("B", "B"), ("", ""), ("NA", ""), ("nan", "")]
)
def test_answers_are_stripped_and_upper_case(tmp_path, written, read):
    tsv = table(tmp_path, row(answer=written))
    assert tsv.rows()[0].answer == read
    assert tsv.defects == ()


def test_odd_rows_are_reported_once_a_kind(tmp_path):
    odd = row(answer="E", B="", C="", D="", question="NA")
    tsv = table(tmp_path, row(), odd, odd)
    assert tsv.defects == ()  # nothing has been read yet
    tsv.rows()
    assert [(one.field, one.message) for one in tsv.defects] == [
        ("question", "is empty (2 rows, the first is 2)."),
        ("A", "fewer than two options have a text (2 rows, the first is 2)."),
        ("answer", "is no option of its row (2 rows, the first is 2)."),
    ]
    assert {one.file for one in tsv.defects} == {str(tsv.path)}
    assert len(tsv.pictures(tsv.rows()[1])) == 1


@pytest.mark.parametrize(
    "columns",
    [tuple(reversed(COLUMNS)), (*COLUMNS[3:], *COLUMNS[:3]), ("extra", *COLUMNS, "more", "")],
)
def test_columns_in_any_order_with_others(tmp_path, columns):
    usual = table(tmp_path / "1", row(), row(index="2"))
    other = table(tmp_path / "2", row(extra="x"), row(index="2"), columns=columns)
    for one, two in zip(usual.rows(), other.rows(), strict=True):
        assert [getattr(one, name) for name in ("index", "group", "question", "options")] == [
            getattr(two, name) for name in ("index", "group", "question", "options")
        ]
        assert usual.pictures(one) == other.pictures(two)


def test_byte_order_mark_line_ends_and_blanks_round_column_names(tmp_path):
    header = b"\xef\xbb\xbf index \tg_index\tquestion\timage\tanswer\t A\tB \r\n"
    line = f'5\t 3.0\t"one\ttwo\r\n""three"""\t{base64_image()}\ta\tPoint A\tPoint B\r\n'.encode()
    tsv = raw_table(tmp_path, header + line + b"\r\n")
    (only,) = tsv.rows()
    assert (only.index, only.group, only.answer) == ("5", "3", "A")
    assert only.question == 'one\ttwo\r\n"three"'
    assert dict(only.options) == {"A": "Point A", "B": "Point B"}
    assert (only.qid, only.category, only.hint) == ("", "", None)
    assert (only.offset, only.length) == (len(header), len(line))
    assert tsv.pictures(only)[0].size == (80, 60)


def test_groups_keep_the_order_of_the_file_and_any_size(tmp_path):
    rows = [row(index=str(n), g_index=group) for n, group in enumerate("2122133")]
    assert [one.group for one in table(tmp_path, *rows).rows()] == list("2122133")


def test_without_g_index_each_row_is_a_group(tmp_path):
    columns = [name for name in COLUMNS if name != "g_index"]
    tsv = table(tmp_path, row(index="7"), row(index="8"), row(index="7"), columns=columns)
    groups = [one.group for one in tsv.rows()]
    assert groups[:2] == ["7", "8"]
    assert len(set(groups)) == 3
    assert [one.field for one in tsv.defects] == ["g_index"]


def test_without_index_the_number_of_the_row_names_it(tmp_path):
    columns = [name for name in COLUMNS if name != "index"]
    tsv = table(tmp_path, row(), row(image="1"), columns=columns)
    assert [one.index for one in tsv.rows()] == ["1", "2"]
    assert tsv.pictures(tsv.rows()[1]) == tsv.pictures(tsv.rows()[0])


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        (("question",), "no column question;"),
        (("answer",), "no column answer;"),
        (("A",), "no column A;"),
        (("B", "answer"), "no column answer, B;"),
        (("index", "g_index"), "no column index or g_index;"),
    ],
)
def test_a_missing_column_is_named_with_those_found(tmp_path, lacking, said):
    columns = [name for name in COLUMNS if name not in lacking]
    tsv = table(tmp_path, row(), columns=columns)
    refused(tsv.rows, str(tsv.path), said, f"columns found: '{', '.join(columns)[:60]}")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"index\tquestion\tanswer\tA\tB\n", "has a header and no rows"),
        (b"index\tquestion\tanswer\tA\tB\tA\n", "column 'A' stands there twice"),
        (b"index,question,answer,A,B\n1,q,A,a,b\n", "no column question"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS pointer"),
        (b"<!DOCTYPE html>\n<p>404</p>\n", "columns found: '<!DOCTYPE html>'"),
        ("index\tquestion\tanswer\tA\tB\n".encode("utf-16"), "UTF-16"),
        (b"index\tquestion\tanswer\tA\tB\n1\tq\tA\ta\n", "row 1: has 4 cells, the header has 5"),
        (b"index\tquestion\tanswer\tA\tB\n1\tq\tA\ta\n", "The row seems to be cut off"),
        (b"index\tquestion\tanswer\tA\tB\n1\tq\tA\ta", "The file seems to be cut off"),
        (b"index\tquestion\tanswer\tA\tB\n\n1\tq\tA\ta\tb\tc\n", "row 1: has 6 cells"),
        (b"index\tquestion\tanswer\tA\tB\n1\tq\tA\ta\tb\n2\t\xff\tA\ta\tb\n", "row 2: question"),
        (b'index\tquestion\tanswer\tA\tB\n1\tq\tA\ta\tb\n2\t"q\tA\ta\tb\n', "row 2: ends inside"),
        (b"index\tquestion\tanswer\tA\tB\n1\tq\rq\tA\ta\tb\n", "row 1: has a carriage return"),
        (
            b"g_index\tquestion\tanswer\tA\tB\n1\tq\tA\ta\tb\nnan\tq\tA\ta\tb\n",
            "row 2: g_index: is empty",
        ),
    ],
)
def test_an_unusable_table_is_refused_in_one_line(tmp_path, content, said):
    tsv = raw_table(tmp_path, content)
    refused(tsv.rows, str(tsv.path), said)


def test_a_missing_file_is_refused(tmp_path):
    refused(LvlmTable(tmp_path / "gone.tsv", "vis").rows, "gone.tsv: cannot be read")


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("soco_lvlm_img.tsv", "vis"),
        ("soco_lvlm_imgtxt.tsv", "vis+desc"),
        ("soco_lvlm_txt.tsv", "desc"),
        ("soco_lvlm_img_c.tsv", "vis"),
        ("soco_lvlm_imgtxt_c.tsv", "vis+desc"),
        ("soco_lvlm_txt_c.tsv", "desc"),
        ("MINE_TXT.TSV", "desc"),
        ("img.tsv", "vis"),
        ("myimg.tsv", None),
        ("img_questions.tsv", None),
        ("mine.tsv", None),
    ],
)
def test_setting_from_the_file_name(name, setting):
    assert guess_setting(Path("folder_txt") / name) == setting


def test_a_folder_of_the_three_tables(tmp_path):
    tables = LvlmTables(write_tables(tmp_path), "mine")
    assert list(tables.tables) == ["vis", "vis+desc", "desc"]
    assert {setting: one.path.name for setting, one in tables.tables.items()} == {
        "vis": "soco_lvlm_img.tsv",
        "vis+desc": "soco_lvlm_imgtxt.tsv",
        "desc": "soco_lvlm_txt.tsv",
    }
    assert tables.defects == ()
    for setting, one in tables.tables.items():
        assert one.setting == setting
        assert len(one.pictures(one.rows()[0])) == (1 if setting == "desc" else 2)


def test_a_single_file(tmp_path):
    path = write_table(tmp_path / "soco_lvlm_imgtxt.tsv")
    assert list(LvlmTables(path, "mine").tables) == ["vis+desc"]


@pytest.mark.parametrize(
    ("image", "setting"),
    [
        (base64_image(), "desc"),
        (repr([base64_image()]), "desc"),
        (repr([base64_image()] * 2), "vis"),
        ("2", "vis"),  # the row of index 2 has two images
    ],
)
def test_setting_from_the_images_of_the_first_row(tmp_path, image, setting):
    rows = [row(index="1", image=image), row(index="2", image=repr([base64_image()] * 2))]
    tables = LvlmTables(write_table(tmp_path / "mine.tsv", rows), "mine")
    assert list(tables.tables) == [setting]
    (note,) = tables.defects
    assert note.field == "image"
    assert f"taken as '{setting}'" in note.message


def test_setting_from_image_paths(tmp_path):
    rows = [row(image="", image_path="['a.jpg', 'b.jpg']")]
    assert list(LvlmTables(write_table(tmp_path / "m.tsv", rows), "m").tables) == ["vis"]


def test_three_images_a_row_fit_no_setting(tmp_path):
    path = write_table(tmp_path / "mine.tsv", [row(image=repr([base64_image()] * 3))])
    refused(lambda: LvlmTables(path, "mine").tables, "mine.tsv: has 3 images a row", "_img.tsv")


def test_two_tables_of_one_setting_are_refused(tmp_path):
    for name in ("soco_lvlm_img.tsv", "soco_lvlm_img_c.tsv"):
        write_table(tmp_path / name)
    refused(
        lambda: LvlmTables(tmp_path, "mine").tables,
        "soco_lvlm_img.tsv and soco_lvlm_img_c.tsv are both tables of the setting 'vis'",
    )


def test_droppings_are_no_tables(tmp_path):
    write_table(tmp_path / "soco_lvlm_img.tsv")
    (tmp_path / "._soco_lvlm_img.tsv").write_bytes(b"\0")
    (tmp_path / "x_txt.tsv").mkdir()
    assert list(LvlmTables(tmp_path, "mine").tables) == ["vis"]


def test_an_empty_folder_is_refused(tmp_path):
    refused(lambda: LvlmTables(tmp_path, "mine").tables, "holds no table (*.tsv)")


# A carriage return alone is left out: some versions of the writer do not quote it.
TEXT = st.text(
    st.sampled_from("ab\"'\t\n,[") | st.characters(codec="utf-8", exclude_characters="\r"),
    max_size=20,
)
ROW = st.fixed_dictionaries(
    {
        "g_index": st.integers(0, 3).map(str),
        "category": TEXT.map(lambda text: f"c{text}"),
        "question": TEXT.map(lambda text: f"{text}?"),
        "answer": st.sampled_from("ABCD"),
        **{letter: TEXT.map(lambda text: f"Point {text}") for letter in "ABCD"},
        "images": st.lists(st.sampled_from([RED, BLUE, (0, 0, 0)]), min_size=1, max_size=2),
    }
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(ROW, min_size=1, max_size=4),
    st.permutations([*COLUMNS, "hint"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_what_is_written_is_read_back(tmp_path_factory, rows, columns, line_end, quoting):
    path = tmp_path_factory.mktemp("round") / "t_img.tsv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(
            stream,
            columns,
            delimiter="\t",
            lineterminator=line_end,
            quoting=quoting,
            extrasaction="ignore",
        )
        writer.writeheader()
        for number, one in enumerate(rows):
            texts = [base64_image(colour=colour) for colour in one["images"]]
            image = texts[0] if len(texts) == 1 else repr(texts)
            writer.writerow(one | {"index": str(number), "image": image, "qid": f"q{number}"})
    tsv = LvlmTable(path, "vis")
    for number, (found, one) in enumerate(zip(tsv.rows(), rows, strict=True)):
        assert found == TableRow(
            number=number + 1,
            index=str(number),
            group=one["g_index"],
            qid=f"q{number}",
            category=one["category"].strip(),
            question=one["question"],
            options={letter: one[letter] for letter in "ABCD"},
            answer=one["answer"],
            offset=found.offset,
            length=found.length,
        )
        assert [picture.data for picture in tsv.pictures(found)] == [
            encoded_image(colour=colour) for colour in one["images"]
        ]

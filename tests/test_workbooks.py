"""Prediction spreadsheets of the public toolkit, with every irregularity they can have."""

import zipfile

import pytest
from openpyxl import Workbook

from lvlm_eval.answers import read
from lvlm_eval.datasets.tsv_cells import MISSING_MARKERS
from lvlm_eval.errors import InputError
from lvlm_eval.metrics import score
from lvlm_eval.workbooks import find_workbooks, open_workbook

NAME = "Qwen_soco_lvlm_img_c.xlsx"
HEADER = ["index", "answer", "g_index", "category", "A", "B", "C", "D", "prediction"]
POINTS = ["Point A", "Point B", "Point C", "Point D"]


def write(path, rows, header=HEADER):
    book = Workbook()
    book.active.append(header)
    for row in rows:
        book.active.append(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return path


def row(group, answer, prediction, options=POINTS, category="bus"):
    return [0, answer, group, category, *options, prediction]


def figures(path):
    workbook = open_workbook(path)
    questions = {one.id: one for one in workbook.questions}
    rows = [read(one) for one in workbook.predictions]
    return score(rows, questions, "found")


def read_workbook(path, setting=None):
    return open_workbook(path, setting).predictions


def test_an_irregular_workbook(tmp_path):
    path = write(
        tmp_path / NAME,
        [
            # group 1: all four right, answers in lower case and with blanks
            row(1, " a", "A"),
            row(1, "b ", "B. Point B"),
            row(1, "C", "Answer: C"),
            row(1, "d", "(D)"),
            # group 2: three rows, all right, spread over the file
            row(2, "A", "a"),
            row("2", "B", "B"),
            # group 3: five rows, one of them doubled; the doubled one is wrong
            row(3, "A", "A"),
            row(3, "B", "B"),
            row(3, "C", "C"),
            row(3, "D", "A"),
            row(3, "D", "A"),
            # group 4: blank cells are no answer, also where they hold an A that stands alone
            row(4, "A", "N/A"),
            row(4, "B", None),
            row(4, "C", "C"),
            row(4, "D", "D"),
            # group 5: no right answer is right where nothing is read, wrong where a letter is
            row(5, None, "no idea"),
            row(5, "n/a", "#N/A"),
            row(5, "", "B"),
            # group 2 again
            row(2, "C", "C"),
        ],
    )
    document = figures(path)
    found = document.settings["vis"]["official"]
    # rows right: 4 + 3 + 3 + 2 + 2 = 14 of 4 + 3 + 5 + 4 + 3 = 19; groups right: 1 and 2 of 5
    assert (found.rows, found.groups) == (19, 5)
    assert found.average_accuracy == round(1400 / 19, 6)
    assert found.circular_accuracy == 40.0
    # strict differs only in the rows without an answer, of which none is right
    strict = document.settings["vis"]["strict"]
    assert strict.average_accuracy == round(1200 / 19, 6)
    assert strict.circular_accuracy == 40.0
    assert document.categories["vis"]["bus"]["official"].groups == 5
    assert document.supercategories["vis"]["transportation"]["official"].rows == 19
    assert any("3 rows have no right answer" in text for text in document.warnings)


@pytest.mark.parametrize("marker", sorted(MISSING_MARKERS))
def test_missing_markers_are_blank(tmp_path, marker):
    path = write(tmp_path / NAME, [row(1, "A", marker), row(1, marker, "B")])
    first, second = read_workbook(path)
    assert (first.text, second.answer) == ("", "")


@pytest.mark.parametrize("text", ["none", "NONE", "na", " N/A", "N/A ", "Null", "#n/a", "-"])
def test_other_texts_are_not_blank(tmp_path, text):
    assert read_workbook(write(tmp_path / NAME, [row(1, "A", text)]))[0].text == text


def test_the_markers_are_those_of_pandas():
    parsers = pytest.importorskip("pandas._libs.parsers", reason="optional check")
    assert parsers.STR_NA_VALUES == MISSING_MARKERS


@pytest.mark.parametrize(
    ("cells", "groups"),
    [
        ([1, 2, 1], ["1", "2", "1"]),
        ([1, "1", 1.0], ["1", "1", "1"]),
        (["03", 3, "3.0"], ["3", "3", "3"]),  # nothing but numbers: by value
        (["03", 3, "x"], ["03", "3", "x"]),  # with a text among them: by letter
        ([" a", "a ", "A"], ["a", "a", "A"]),
        ([1.5, None, 2], ["1.5", "", "2"]),
        (["N/A", None, "x"], ["", "", "x"]),
    ],
)
def test_groups(tmp_path, cells, groups):
    path = write(tmp_path / NAME, [row(one, "A", "A") for one in cells])
    assert [one.question for one in read_workbook(path)] == groups


def test_error_cells_and_numbers(tmp_path):
    path = write(tmp_path / NAME, [row(1, "A", "#DIV/0!"), row(1, 3, 3.0), row(1, "B", 2.5)])
    assert [(one.answer, one.text) for one in read_workbook(path)] == [
        ("A", ""),
        ("3", "3"),
        ("B", "2.5"),
    ]


def test_rows_become_predictions(tmp_path):
    turned = ["Point B", "Point C", "Point D", "Point A"]
    path = write(tmp_path / NAME, [row(7, "A", "A"), row(8, "B", "x"), row(7, "d", "D", turned)])
    first, _, third = read_workbook(path)
    assert (first.id, first.rotation, first.setting) == ("7/vis/0", 0, "vis")
    assert (third.id, third.rotation, third.answer) == ("7/vis/1", 1, "D")
    assert third.options == {"A": "B", "B": "C", "C": "D", "D": "A"} == third.drawn
    question = open_workbook(path).questions[0]
    assert (question.id, question.category, question.answer) == ("7", "bus", "A")


def test_columns_that_are_not_needed_may_lack(tmp_path):
    path = write(tmp_path / NAME, [["A", 1, "A"]], [" answer ", "g_index", "prediction\n"])
    assert read_workbook(path)[0].options == {}
    assert open_workbook(path).questions == ()


def test_empty_rows_count_between_others_but_not_at_the_end(tmp_path):
    path = write(tmp_path / NAME, [row(1, "A", "A"), [], row(1, "B", "B"), [], [None, ""]])
    assert [one.question for one in read_workbook(path)] == ["1", "", "1"]


@pytest.mark.parametrize(
    ("part", "setting"), [("img", "vis"), ("imgtxt", "vis+desc"), ("txt", "desc")]
)
def test_the_name_tells_the_setting_and_the_model(tmp_path, part, setting):
    path = write(tmp_path / f"GPT_4o_soco_lvlm_{part}_c.xlsx", [row(1, "A", "A")])
    workbook = open_workbook(path)
    assert (workbook.model, workbook.setting) == ("GPT_4o", setting)


def test_another_name_needs_the_setting(tmp_path):
    path = write(tmp_path / "mine.xlsx", [row(1, "A", "A")])
    with pytest.raises(InputError, match="does not tell the setting"):
        read_workbook(path)
    assert read_workbook(path, "desc")[0].setting == "desc"


def test_missing_columns_are_named(tmp_path):
    path = write(tmp_path / NAME, [["A", 1]], ["answer", "group"])
    with pytest.raises(InputError, match="no column g_index and prediction; found answer, group"):
        read_workbook(path)


@pytest.mark.parametrize("rows", [[], [[None]]])
def test_a_workbook_without_rows(tmp_path, rows):
    with pytest.raises(InputError, match="no rows below the header"):
        read_workbook(write(tmp_path / NAME, rows))


@pytest.mark.parametrize("content", [b"", b"not a zip file", b"PK\x03\x04 torn"])
def test_a_broken_file(tmp_path, content):
    path = tmp_path / NAME
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a readable") as caught:
        read_workbook(path)
    assert "\n" not in str(caught.value)


def test_a_file_torn_in_the_middle(tmp_path):
    path = write(tmp_path / NAME, [row(1, "A", "A")])
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="not a readable"):
        read_workbook(path)


def test_a_damaged_sheet(tmp_path):
    path = write(tmp_path / NAME, [row(1, "A", "A")])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"].replace(b"</row>", b"")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(InputError, match="not a readable"):
        read_workbook(path)


def test_an_absent_file(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_workbook(tmp_path / NAME)


def test_the_newest_folder_counts(tmp_path):
    for place in (
        "Qwen/T20260101_abc/Qwen_soco_lvlm_img_c.xlsx",
        "Qwen/T20260301_abc/Qwen_soco_lvlm_img_c.xlsx",
        "Qwen/T20260201_fff/Qwen_soco_lvlm_img_c.xlsx",
        "Qwen/T20260101_abc/Qwen_soco_lvlm_txt_c.xlsx",
        "Qwen/T20260401_abc/Qwen_soco_lvlm_img_c_openai_result.xlsx",
        "Qwen/bak_T20270101_abc/Qwen_soco_lvlm_img_c.xlsx",
        "bak_old/T20280101_abc/Qwen_soco_lvlm_img_c.xlsx",
        "GPT4o/old/GPT4o_soco_lvlm_img_c.xlsx",
        "GPT4o/T20260101_abc/other.xlsx",
    ):
        write(tmp_path / place, [row(1, "A", "A")])
    found = [(one.model, one.setting, one.path.parent.name) for one in find_workbooks(tmp_path)]
    assert found == [
        ("GPT4o", "vis", "old"),
        ("Qwen", "vis", "T20260301_abc"),
        ("Qwen", "desc", "T20260101_abc"),
    ]


def test_an_absent_folder(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        find_workbooks(tmp_path / "outputs")

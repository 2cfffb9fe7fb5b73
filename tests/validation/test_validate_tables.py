"""What is found in tables: each case spoils one thing of a sound one."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from making import write_table
from sound_data import encoded, found, json_of, only, photo, places, png_text, report_on, sound_rows

from lvlm_eval.datasets import LvlmTables, open_dataset
from lvlm_eval.errors import InputError
from lvlm_eval.validation.kinds import Kind

IMG, TXT = "soco_lvlm_img.tsv", "soco_lvlm_txt.tsv"
Rows = list[dict[str, str]]


def table(folder: Path, change: Callable[[Rows], object] = len, name: str = IMG) -> Path:
    rows = sound_rows(images=1 if name == TXT else 2)
    change(rows)
    return write_table(folder / name, rows)


def test_nothing_is_found_in_sound_tables(tmp_path):
    for name in (IMG, "soco_lvlm_imgtxt.tsv", TXT):
        table(tmp_path / "all", name=name)
    assert found(tmp_path / "all") == []
    report = report_on(tmp_path / "all", doubts=True)
    assert report.questions == 3
    assert report.doubts == ()


def test_counts(tmp_path):
    def change(rows: Rows) -> None:
        del rows[3]
        rows[4]["image"] = rows[0]["image"]
        rows[6]["category"] = ""

    path = table(tmp_path, change)
    (counts,) = json_of(report_on(path))["counts"]["tables"]
    assert counts == {
        "file": IMG,
        "setting": "vis",
        "rows": 11,
        "rows_refused": 0,
        "groups": 3,
        "group_sizes": {"3": 1, "4": 2},
        "images_a_row": {"2": 11},
        "images": 6,
        "categories": 1,
        "bytes": path.stat().st_size,
    }


def put(row: int, **cells: str) -> Callable[[Rows], object]:
    return lambda rows: rows[row].update(cells)


ROW = [
    (put(2, answer="E"), "answer-no-option", 3, "answer"),
    (put(2, answer="AB"), "answer-no-option", 3, "answer"),
    (put(2, answer=""), "answer-blank", 3, "answer"),
    (put(2, answer="N/A"), "answer-blank", 3, "answer"),
    (put(2, answer=" a "), "right-option", 3, "answer"),  # C is right in row 3
    (put(2, category="bus"), "group-mixed", 3, "category"),
    (put(2, question="Which?"), "group-mixed", 3, "question"),
    (put(2, image=repr([png_text(1), png_text(2)])), "group-mixed", 3, "image"),
    (put(2, index="0"), "index-doubled", 3, "index"),
    (put(2, index="0.0"), "index-doubled", 3, "index"),
    (lambda rows: rows.pop(2), "group-size", 1, "g_index"),
    (put(5, A="Point C", B="Point B", answer="B"), "not-rotated", 6, "A"),
    (put(1, A="Point A", B="Point B", C="Point C", D="Point D", answer="A"), "rotation-doubled",
     2, "A"),
    (put(2, D="Point E"), "options-differ", 3, "A"),
    (put(2, g_index=""), "table-row", 3, ""),
    (put(2, image=""), "row-image", 3, "image"),
    (put(2, image="[]"), "row-image", 3, "image"),
    (put(2, image="['" + "?" * 99 + "', 'x']"), "row-image", 3, "image"),
    (put(2, image=base64.b64encode(b"no image" * 20).decode()), "row-image", 3, "image"),
    (put(2, image="999"), "row-image", 3, "image"),
    (put(2, image="", image_path="gone.png"), "row-image", 3, "image_path"),
    (put(2, image="", image_path="../up.png"), "row-image", 3, "image_path"),
    (put(2, image="", image_path="/etc/passwd"), "row-image", 3, "image_path"),
    (put(2, image=png_text(3)), "row-image-count", 3, "image"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "kind", "row", "field"), ROW)
def test_a_defect_is_named_by_row_and_column(tmp_path, change, kind, row, field):
    findings = places(found(table(tmp_path, change)))
    assert (kind, IMG, row, field) in findings
    # A row that cannot be used leaves its group short, or unlike the rest: nothing else is said.
    follows = {"group-mixed", "group-size"}
    assert {one[0] for one in findings} - follows == {kind} - follows


def test_every_row_is_reported(tmp_path):
    path = table(tmp_path, lambda rows: [row.update(answer="X") for row in rows])
    numbers = [one.row for one in found(path) if one.kind is Kind.ANSWER_NO_OPTION]
    assert numbers == list(range(1, 13))


def test_two_options_or_fewer(tmp_path):
    one_option = dict.fromkeys("BCD", "")
    path = table(tmp_path, lambda rows: [row.update(one_option, answer="A") for row in rows[:4]])
    few = [one for one in found(path) if one.kind is Kind.FEW_OPTIONS]
    assert places(few) == [("few-options", IMG, row, "A") for row in (1, 2, 3, 4)]


def test_other_rows_images(tmp_path):
    def change(rows: Rows) -> None:
        for row in rows[1:4]:
            row["image"] = "0"
        rows[5]["image"] = "4.0"
        rows[6]["image"] = rows[5]["index"]  # which only refers to another itself

    findings = found(table(tmp_path, change))
    refused = [one for one in findings if one.kind is Kind.ROW_IMAGE]
    assert places(refused) == [("row-image", IMG, 7, "image")]
    assert "(row 6), which has another reference itself" in refused[0].message


def lines(path: Path, change: Callable[[list[bytes]], object]) -> Path:
    content = path.read_bytes().split(b"\r\n")
    change(content)
    path.write_bytes(b"\r\n".join(content))
    return path


def test_reading_goes_on_after_rows_that_are_cut(tmp_path):
    def cut(content: list[bytes]) -> None:
        for row in (2, 7):
            content[row] = content[row][:50]
        content[9] = content[9].replace(b"Point A", b"Point\tA")
        content[11] = content[11].replace(b"Point A", b"Point \xff")

    findings = [
        one for one in found(lines(table(tmp_path), cut)) if one.kind is not Kind.GROUP_SIZE
    ]
    assert places(findings) == [("table-row", IMG, row, "") for row in (2, 7, 9, 11)]
    assert "has 5 cells, the header has 11" in findings[0].message or "cells" in findings[0].message
    assert "A tab within a cell has to be quoted" in findings[2].message
    assert "not UTF-8" in findings[3].message
    counts = report_on(tmp_path / IMG).counts.to_json()["tables"][0]
    assert (counts["rows"], counts["rows_refused"]) == (8, 4)


def test_reading_goes_on_after_a_quote_that_is_not_closed(tmp_path):
    def open_quote(content: list[bytes]) -> None:
        content[3] = content[3].replace(b"\tPoint", b'\t"Point', 1)

    findings = [
        one for one in found(lines(table(tmp_path), open_quote)) if one.kind is Kind.TABLE_ROW
    ]
    one = only(findings, Kind.TABLE_ROW)
    assert one.row == 3
    assert "ends inside quotes" in one.message
    # rows 4 to 12 are there all the same, under their own numbers
    report = report_on(tmp_path / IMG)
    counts = report.counts.to_json()["tables"][0]
    assert (counts["rows"], counts["rows_refused"]) == (11, 1)
    lines(tmp_path / IMG, lambda content: content.__setitem__(8, b"cut"))
    rows = [one.row for one in found(tmp_path / IMG) if one.kind is Kind.TABLE_ROW]
    assert rows == [3, 8]


def test_a_quote_that_swallows_rows_says_so(tmp_path):
    def quotes(content: list[bytes]) -> None:
        content[3] = content[3].replace(b"\tPoint", b'\t"Point', 1)
        content[6] = content[6].replace(b"\tPoint A", b'\tPoint A"', 1)

    one = next(one for one in found(lines(table(tmp_path), quotes)) if one.kind is Kind.TABLE_ROW)
    assert one.row == 3
    assert "It spans 4 lines of the file." in one.message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"question\tanswer\tA\tB\tindex\n", "has a header and no rows"),
        (b"question\tA\tB\tindex\nq\ta\tb\t1\n", "no column answer"),
        (b"index\tindex\n1\t2\n", "stands there twice"),
        (b"\xff\xfeq\0", "UTF-16"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    ],
)
def test_a_table_that_cannot_be_used(tmp_path, content, said):
    (tmp_path / IMG).write_bytes(content)
    table(tmp_path, name=TXT)
    findings = [one for one in found(tmp_path) if one.severity == "error"]
    one = only(findings, Kind.TABLE)
    assert (one.file, said in one.message) == (IMG, True)
    # the other table is read
    assert report_on(tmp_path).counts.to_json()["tables"][1]["rows"] == 12


def test_two_tables_of_one_setting_are_both_read(tmp_path):
    table(tmp_path, name="a_img.tsv")
    table(tmp_path, put(2, answer="E"), name="b_img.tsv")
    refused, answer = (one for one in found(tmp_path) if one.severity == "error")
    assert (refused.kind, "both tables of the setting 'vis'" in refused.message) == (
        Kind.TABLE, True,
    )  # fmt: skip
    assert (answer.kind, answer.file, answer.row) == (Kind.ANSWER_NO_OPTION, "b_img.tsv", 3)


def test_a_setting_that_the_name_does_not_tell(tmp_path):
    one = only(found(table(tmp_path, name="mine.tsv")), Kind.TABLE_SETTING)
    assert (one.file, "'vis'" in one.message) == ("mine.tsv", True)


def test_an_unusual_number_of_images(tmp_path):
    path = write_table(tmp_path / TXT, sound_rows(images=2))
    one = only(found(path), Kind.TABLE_IMAGES)
    assert "2 image(s) a row; tables in 'desc' usually have 1" in one.message


def test_tables_without_groups(tmp_path):
    rows = sound_rows()
    path = write_table(tmp_path / IMG, rows, [name for name in rows[0] if name != "g_index"])
    assert only(found(path), Kind.NO_GROUPS).field == "g_index"
    assert report_on(path).counts.to_json()["tables"][0]["groups"] == 12


def test_settings_are_compared(tmp_path):
    table(tmp_path)
    rows = sound_rows(images=1)
    for row in rows[:4]:
        row["answer"] = "ABCD"[("ABCD".index(row["answer"]) + 1) % 4]
    for row in rows[4:8]:
        row["category"] = "bus"
    write_table(tmp_path / TXT, rows[:8])
    assert places(found(tmp_path)) == [
        ("setting-lacks", TXT, None, "g_index"),
        ("setting-category", TXT, 5, "category"),
        ("setting-answer", TXT, 1, "answer"),
    ]


def test_the_released_size_is_compared(tmp_path):
    findings = report_on(table(tmp_path)).findings
    one = only(list(findings), Kind.NOT_THE_RELEASE)
    assert "3 questions are scored, SOCO-LVLM has 2000" in one.message


def test_odd_images_are_noted_once_each(tmp_path):
    image = photo(5).convert("RGBA")
    image.putalpha(100)
    odd = base64.b64encode(encoded(image, "PNG")).decode()
    path = table(
        tmp_path, lambda rows: [row.update(image=repr([odd, png_text(1)])) for row in rows[4:8]]
    )
    one = only(found(path), Kind.TRANSPARENT)
    assert (one.row, "sent as it stands" in one.message) == (5, True)


def test_an_image_is_decoded_once_in_all_tables(tmp_path, monkeypatch):
    from lvlm_eval.validation.tables import pictures

    seen = []
    real = pictures.inspect

    def counting(source, where):
        seen.append(source)
        return real(source, where)

    monkeypatch.setattr(pictures, "inspect", counting)
    for name in (IMG, "soco_lvlm_imgtxt.tsv"):
        table(tmp_path, name=name)
    rows = sound_rows(images=1)
    for row in rows:
        row["image"] = png_text(100 * int(row["g_index"]) + 1)  # the target alone
    write_table(tmp_path / TXT, rows)
    assert found(tmp_path) == []
    assert len(seen) == len(set(seen)) == 6


def test_images_beside_the_table(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images/1.png").write_bytes(encoded(photo(1), "PNG"))
    (tmp_path / "2.png").write_bytes(encoded(photo(2), "PNG"))
    names = {"image": "", "image_path": "['1.png', '2.png']"}
    path = table(tmp_path, lambda rows: [row.update(names) for row in rows])
    assert found(path) == []
    (tmp_path / "2.png").write_bytes(b"broken")
    assert [one.row for one in found(path) if one.kind is Kind.ROW_IMAGE] == list(range(1, 13))


CELLS = [
    "", "0", "1", "4.0", "['0', '1']", "['0', '77']", "[]", "[1, 2.5]", "not base64 at all",
    "?" * 99, repr([png_text(1)]), repr([png_text(1), png_text(2)]), png_text(3), png_text(3)[:-40],
    "data:image/png;base64," + png_text(4), "data:text," + png_text(4), "nan",
]  # fmt: skip


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("path_cell", ["", "2.png", "['2.png', 'gone.png']", "../2.png"])
def test_rows_are_refused_exactly_where_a_run_refuses_them(tmp_path, cell, path_cell):
    """The reader of runs stops at the first refusal, this one does not; else they must agree."""
    (tmp_path / "2.png").write_bytes(encoded(photo(2), "PNG"))
    path = table(tmp_path, put(2, image=cell, image_path=path_cell))
    dataset = open_dataset(str(path))
    assert isinstance(dataset, LvlmTables)
    source = dataset.tables["vis"]
    refused = set()
    for row in source.rows():
        try:
            source.pictures(row)
        except InputError:
            refused.add(row.number)
    findings = [one for one in found(path) if one.kind is Kind.ROW_IMAGE]
    assert {one.row for one in findings} == refused


def test_sound_rows_are_read_as_a_run_reads_them(tmp_path):
    from lvlm_eval.validation.tables.rows import CheckedTable

    def change(rows: Rows) -> None:
        rows[0].update(index=" 7.0", answer=" a", category=" car ", D="N/A")
        rows[1].update(index="")
        rows[2].update(g_index="1.0", A="  Point  ", question='a "quoted"\tcell\n')

    path = table(tmp_path, change)
    dataset = open_dataset(str(path))
    assert isinstance(dataset, LvlmTables)
    checked = CheckedTable(path, "vis")
    for _ in checked.read():
        pass
    ours = [
        (one.number, one.index, one.group, one.category, dict(one.options), one.answer)
        for one in checked.rows
    ]
    theirs = [
        (one.number, one.index, one.group, one.category, dict(one.options), one.answer)
        for one in dataset.tables["vis"].rows()
    ]
    assert ours == theirs

"""``lvlm-eval validate`` on pairs in other layouts than SOCOv1."""

import json
from pathlib import Path

import pytest
from commands import lvlm_eval
from other_layouts import (
    SPAIR_FIRST,
    ap10k_place,
    change,
    write_ap10k,
    write_pascal,
    write_photo,
    write_spair,
    write_willow,
)

from lvlm_eval.datasets import open_dataset
from lvlm_eval.validation import Wanted, validate


def report_of(root: Path, workers: int = 1, **wanted):
    return validate(open_dataset(str(root)), Wanted(**wanted), workers)


def found(report, severity: str = "error"):
    return [(one.kind.label, one.file, one.field) for one in report.findings
            if one.severity == severity]  # fmt: skip


@pytest.mark.parametrize(
    ("write", "counts"),
    [
        (write_spair, {"categories": 2, "images": 6, "keypoints": 30, "questions": 4,
                       "pairs": {"intra": 4, "trn": 2, "val": 2}}),
        (write_ap10k, {"categories": 3, "images": 4, "keypoints": 56, "questions": 1,
                       "pairs": {"intra": 1, "cross": 1, "cross-family": 1, "val": 1}}),
        (write_willow, {"categories": 2, "images": 4, "keypoints": 40, "questions": 3,
                        "pairs": {"intra": 3}}),
        (write_pascal, {"categories": 2, "images": 3, "keypoints": 12, "questions": 1,
                        "pairs": {"intra": 1, "val": 1}}),
    ],
)  # fmt: skip
def test_sound_data_has_neither_errors_nor_warnings(tmp_path, write, counts):
    report = report_of(write(tmp_path / "data"), doubts=True)
    assert [one.line() for one in report.findings if one.severity != "note"] == []
    found = report.to_json()["counts"]
    assert {name: found[name] for name in counts} == counts
    assert report.questions == counts["questions"]
    assert report.layout in {"SPair-71k", "AP-10K", "PF-WILLOW", "PF-PASCAL"}


@pytest.fixture
def spair(tmp_path: Path) -> Path:
    return write_spair(tmp_path / "SPair-71k")


def test_spair_with_all_its_traps_from_the_command_line(spair, tmp_path):
    pairs = sorted((spair / "PairAnnotation/test").iterdir())
    change(pairs[0], src_bndbox=[70, 10, 4, 50])
    change(pairs[1], kps_ids=["0", "2", "3", "3"])
    change(pairs[2], trg_kps=[[1, 2]])
    change(pairs[3], trg_imsize=[90, 60, 3])
    (spair / "JPEGImages/cat/cat_3.jpg").unlink()
    write_photo(spair / "JPEGImages/cat/cat_9.jpg")
    done = lvlm_eval("validate", spair, "--json", cwd=tmp_path, status=2)
    assert "4 errors in 4 files" in done.stderr
    document = json.loads(done.stdout)
    assert document["layout"] == "SPair-71k"
    assert document["counts"]["pairs"] == {"intra": 2, "trn": 2, "val": 2}
    assert document["counts"]["pairs_refused"] == {"intra": 2, "trn": 0, "val": 0}
    assert document["severities"]["error"] == 4
    defects = {(one["kind"], one["file"], one["field"]) for one in document["defects"]}
    names = [f"PairAnnotation/test/{path.name}" for path in pairs]
    assert {
        ("pair-box", names[0], "src_bndbox"),
        ("pair-field", names[2], "kps_ids"),
        ("image-size", names[3], "trg_imsize"),
        ("image-missing", "JPEGImages/cat/cat_3.jpg", ""),
        ("keypoint-doubled", names[1], "kps_ids[3]"),
        ("image-unused", "JPEGImages/cat/cat_9.jpg", ""),
    } <= defects
    shown = lvlm_eval("validate", spair, cwd=tmp_path, status=2).stdout
    assert "spair-71k: SPair-71k in " in shown
    assert f"{names[0]}: src_bndbox: [70, 10, 4, 50] has swapped sides" in shown
    assert "pairs, intra" in shown


def test_workers_change_nothing(spair):
    change(spair / SPAIR_FIRST, src_bndbox=[70, 10, 4, 50])
    one, two = report_of(spair), report_of(spair, workers=2)
    assert one.to_json() == two.to_json()
    assert one.errors == 1


def test_points_that_moved_between_pairs_of_one_photo(spair):
    for path in (spair / "ImageAnnotation/cat").iterdir():
        path.unlink()
    moved = [[15, 40], [20, 41], [50, 42], [60, 43]]
    change(spair / SPAIR_FIRST, src_kps=moved)
    notes = found(report_of(spair), "note")
    assert ("views-differ", "JPEGImages/cat/cat_1.jpg", "0") in notes


def test_ap10k_names_the_photos_own_annotation(tmp_path):
    root = write_ap10k(tmp_path / "ap-10k")
    pair = "PairAnnotation/test/000000000001-000000000002:dog.json"
    change(root / "ImageAnnotation" / ap10k_place(2), bbox=[1, 1, 0, 5])
    change(root / "ImageAnnotation" / ap10k_place(3), width=90)
    change(root / "ImageAnnotation" / ap10k_place(4), keypoints=[200, 1, 2] * 17)
    report = report_of(root)
    assert ("pair-box", pair, "trg_json_path") in found(report)
    felidae = "PairAnnotation/test_cross_species/000000000003-000000000004:Felidae.json"
    assert ("image-size", felidae, "src_json_path") in found(report)
    outside = ("point-outside", f"ImageAnnotation/{ap10k_place(4)}", "keypoints[0]")
    assert found(report, "warning").count(outside) == 1
    assert report.to_json()["counts"]["supercategories"] == {"Canidae": 1, "Felidae": 2}


def test_rows_of_a_list_are_named_by_number(tmp_path):
    root = write_willow(tmp_path / "pf")
    path = root / "test_pairs_pf.csv"
    lines = path.read_text().splitlines()
    path.write_text(
        "\n".join([*lines[:2], lines[2].replace("PF-dataset/duck(S)", "x", 1), lines[3]])
    )
    report = report_of(root)
    (error,) = [one for one in report.findings if one.severity == "error"]
    assert (error.file, error.row, error.field) == ("test_pairs_pf.csv", 2, "imageA")
    assert error.line().startswith("test_pairs_pf.csv row 2: imageA: ")


def test_a_list_that_breaks_later_is_a_finding(tmp_path):
    root = write_pascal(tmp_path / "pf")
    with (root / "val_pairs_pf_pascal.csv").open("a") as file:
        file.write('"unfinished')
    report = report_of(root)
    assert ("split", "val", "") in found(report)


def test_without_test_pairs_nothing_is_evaluated(spair):
    for path in (spair / "PairAnnotation/test").iterdir():
        path.unlink()
    (spair / "PairAnnotation/test").rmdir()
    report = report_of(spair)
    assert ("split", ".", "") in found(report)
    assert report.to_json()["counts"]["pairs"] == {"trn": 2, "val": 2}


def test_questions_are_asked_in_photos_alone(spair, tmp_path):
    words = ("run", "--model", "random", "--data", spair, "--json")
    document = json.loads(lvlm_eval(*words, cwd=tmp_path).stdout)
    assert list(document["settings"]) == ["vis"]
    assert document["settings"]["vis"]["groups"] == 4
    done = lvlm_eval(*words, "--setting", "desc", cwd=tmp_path, status=2)
    assert "have no names to describe them by. Give --descriptions" in done.stderr
    named = tmp_path / "names.json"
    named.write_text(json.dumps({key: f"point {key} of a cat" for key in ("0", "2", "3", "7")}))
    done = lvlm_eval(*words, "--descriptions", named, "--setting", "desc", cwd=tmp_path)
    assert list(json.loads(done.stdout)["settings"]) == ["desc"]


def test_they_are_listed(tmp_path):
    shown = lvlm_eval("list", "datasets", cwd=tmp_path).stdout
    assert all(f"<{name}>" in shown for name in ("SPair-71k", "ap-10k", "PF-dataset-PASCAL"))

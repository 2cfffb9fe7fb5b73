"""PF-WILLOW and PF-PASCAL: what becomes of their rows, and every trap in one line."""

from pathlib import Path

import pytest
from other_layouts import (
    PASCAL_HEADER,
    WILLOW_HEADER,
    pascal_row,
    willow_row,
    write_pascal,
    write_willow,
)

from lvlm_eval.datasets import open_dataset
from lvlm_eval.datasets.correspondence.proposal_flow import PfPascalFolder, PfWillowFolder
from lvlm_eval.errors import InputError
from lvlm_eval.records import Keypoint


@pytest.fixture
def willow(tmp_path: Path) -> Path:
    return write_willow(tmp_path / "pf-willow")


@pytest.fixture
def pascal(tmp_path: Path) -> Path:
    return write_pascal(tmp_path / "PF-dataset-PASCAL")


def first(dataset, split="intra"):
    files = next(iter(dataset.pair_files(split).values()))
    return dataset.read_pair(files[0])


def test_willow(willow):
    dataset = open_dataset(str(willow))
    assert isinstance(dataset, PfWillowFolder)
    assert dataset.splits() == ("intra",)
    files = dataset.pair_files("intra")
    assert [file.key for listed in files.values() for file in listed] == [
        "car(G)/00001-car(G)_001-car(G)_002",
        "car(G)/00003-car(G)_002-car(G)_001",
        "duck(S)/00002-duck(S)_001-duck(S)_002",
    ]
    pair, defects = first(dataset)
    assert defects == ()
    assert pair.group == "car(G)"
    assert pair.source.image == "PF-dataset/car(G)/car(G)_001.png"
    assert pair.source.size == (80, 60)
    assert pair.overlap == tuple("0123456789")
    # All x stand before all y.
    assert pair.source.keypoints[0] == Keypoint("0", 5.5, 10)
    assert pair.source.keypoints[9] == Keypoint("9", 68.5, 46)
    assert pair.target.keypoints[9] == Keypoint("9", 68.5, 47)
    # The published threshold is relative to the extent of the target's keypoints.
    assert pair.target.box == (5.5, 11, 68.5, 47)
    assert pair.concepts == ()


def test_pascal(pascal):
    for given in (pascal, pascal.parent):
        dataset = open_dataset(str(given))
        assert isinstance(dataset, PfPascalFolder)
    assert dataset.splits() == ("intra", "val")  # the training list has no coordinates
    pair, defects = first(dataset)
    assert defects == ()
    assert (pair.key, pair.group) == ("cat/00001-2009_001-2009_002", "cat")
    assert pair.source.image == "JPEGImages/2009_001.jpg"
    assert [(point.x, point.y) for point in pair.source.keypoints] == [
        (10.5, 5), (20, 15), (30, 25), (40, 35.25),
    ]  # fmt: skip
    assert pair.target.keypoints[3] == Keypoint("3", 42, 36)
    # The published threshold is relative to the photo, which is what no box means.
    assert (pair.target.box, pair.target.size) == (None, (80, 60))
    assert first(dataset, "val")[0].group == "aeroplane"


def test_the_list_may_lie_inside_or_beside_the_folder_it_names(willow, pascal, tmp_path):
    (willow / "test_pairs_pf.csv").rename(willow / "PF-dataset/test_pairs.csv")
    dataset = open_dataset(str(willow))  # finds the folder inside
    assert first(dataset)[0].source.image == "car(G)/car(G)_001.png"
    (pascal / "test_pairs_pf_pascal.csv").rename(tmp_path / "test_pairs_pf_pascal.csv")
    (pascal / "val_pairs_pf_pascal.csv").unlink()
    dataset = open_dataset(str(tmp_path))
    assert first(dataset)[0].source.image == "PF-dataset-PASCAL/JPEGImages/2009_001.jpg"


def write_rows(root: Path, header: str, *rows: str) -> Path:
    name = "test_pairs_pf.csv" if header is WILLOW_HEADER else "test_pairs_pf_pascal.csv"
    (root / name).write_text("\n".join([header, *rows]) + "\n")
    return root


CAR = ("car(G)/car(G)_001.png", "car(G)/car(G)_002.png")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"XA3": "left"}, "row 1: XA3: 'left' is no position in px"),
        ({"YB10": ""}, "row 1: YB10: '' is no position in px"),
        ({"YB1": "nan"}, "row 1: YB1: 'nan' is no position in px"),
        ({"imageA": "car.png"}, "row 1: imageA: 'car.png' has no folder"),
        ({"imageB": "PF-dataset/../x.png"}, "row 1: imageB: "),
        ({"imageB": "PF-dataset/car(G)/no.png"}, "imageB: the size of the image is needed: "),
        ({f"{a}B{n}": "7" for a in "XY" for n in range(1, 11)}, "imageB: all keypoints lie at one"),
        ({"YB10": "1,2"}, "row 1: has 43 cells, the first line has 42"),
    ],
)
def test_rows_of_willow_that_must_not_be_scored(willow, changed, words):
    dataset = PfWillowFolder(write_rows(willow, WILLOW_HEADER, willow_row(*CAR, **changed)), "it")
    with pytest.raises(InputError) as refused:
        first(dataset)
    assert str(refused.value).startswith("test_pairs_pf.csv row 1: ")
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (pascal_row(1, 2, "21"), "class: '21' is not the number of a class, 1 to 20"),
        (pascal_row(1, 2, "cat"), "class: 'cat' is not the number of a class"),
        (
            pascal_row(1, 2, "8", "1;2;3", "1;2", "1;2;3", "1;2;3"),
            "XA: the four lists differ in length: XA 3, YA 2, XB 3, YB 3",
        ),
        (pascal_row(1, 2, "8", "1;x", "1;2", "1;2", "1;2"), "XA[1]: 'x' is no position in px"),
        (pascal_row(1, 2, "8", "1;;2", "1;2;3", "1;2;3", "1;2;3"), "XA[1]: '' is no position"),
        (pascal_row(1, 9), "target_image: the size of the image is needed: "),
        ("a,b", "has 2 cells, the first line has 7"),
    ],
)
def test_rows_of_pascal_that_must_not_be_scored(pascal, row, words):
    dataset = PfPascalFolder(write_rows(pascal, PASCAL_HEADER, row), "it")
    with pytest.raises(InputError) as refused:
        first(dataset)
    assert str(refused.value).startswith(f"test_pairs_pf_pascal.csv row 1: {words}")


def test_points_outside_are_scored_and_reported(pascal):
    row = pascal_row(1, 2, "8", "90;2;", "1;2", "1;2", "1;2")
    dataset = PfPascalFolder(write_rows(pascal, PASCAL_HEADER, row), "it")
    pair, (defect,) = first(dataset)
    assert (defect.file, defect.field) == ("test_pairs_pf_pascal.csv row 1", "XA[0]")
    assert pair.source.keypoints[0].x == 90


def test_no_points_are_no_error(pascal):
    row = pascal_row(1, 2, "8", "", "", "", "")
    pair, defects = first(PfPascalFolder(write_rows(pascal, PASCAL_HEADER, row), "it"))
    assert (pair.overlap, defects) == ((), ())


def test_lists_without_coordinates_or_rows(pascal):
    (pascal / "test_pairs_pf_pascal.csv").write_text("source_image,target_image,class\na,b,1\n")
    with pytest.raises(InputError) as refused:
        open_dataset(str(pascal))
    assert "line 1: has 3 columns; expected 42 (PF-WILLOW" in str(refused.value)
    dataset = PfPascalFolder(write_rows(pascal, PASCAL_HEADER), "it")
    with pytest.raises(InputError, match="holds no pair"):
        dataset.pair_files("intra")
    (pascal / "test_pairs_pf_pascal.csv").write_bytes(b"\xff\xfe\n")
    with pytest.raises(InputError, match="is no line of CSV in UTF-8"):
        open_dataset(str(pascal))

"""AP-10K pairs: what becomes of them, and every trap in one line."""

from pathlib import Path

import pytest
from other_layouts import ap10k_place, change, write_ap10k

from lvlm_eval.datasets import open_dataset
from lvlm_eval.datasets.correspondence.ap10k import KEYPOINTS, Ap10kFolder
from lvlm_eval.errors import InputError
from lvlm_eval.records import Keypoint

FIRST = "PairAnnotation/test/000000000001-000000000002:dog.json"
SOURCE = f"ImageAnnotation/{ap10k_place(1)}"
TARGET = f"ImageAnnotation/{ap10k_place(2)}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_ap10k(tmp_path / "ap-10k")


def only(root: Path, split: str = "intra"):
    dataset = Ap10kFolder(root, "it")
    ((file,),) = dataset.pair_files(split).values()
    return dataset.read_pair(file)


def test_it_is_recognised_and_told_from_spair(root):
    for given in (root, root.parent):
        dataset = open_dataset(str(given))
        assert isinstance(dataset, Ap10kFolder)
    assert dataset.splits() == ("intra", "cross", "cross-family", "val")
    assert dataset.supercategories() == {
        "dog": "Canidae", "cat": "Felidae", "king cheetah": "Felidae",
    }  # fmt: skip


def test_a_pair_becomes_records(root):
    pair, defects = only(root)
    assert defects == ()
    assert (pair.key, pair.group) == ("dog/000000000001-000000000002", "dog")
    source = pair.source
    assert source.category == "dog"
    assert source.image == "JPEGImages/Canidae/dog/000000000001.jpg"
    assert (source.size, source.azimuth) == ((80, 60), None)
    assert source.box == (4, 8, 74, 48)  # COCO's is left, top, width, height
    # Flag 1 is a covered point and 0 none at all: of 17, numbers 12 to 14 are left out.
    assert pair.overlap == (*KEYPOINTS[:12], *KEYPOINTS[15:])
    assert source.keypoints[0] == Keypoint("left_eye", 5, 10)
    assert source.keypoints[-1] == Keypoint("right_back_paw", 69, 42)
    assert pair.concepts == ()


def test_only_what_both_show_is_compared(root):
    keypoints = [*[1, 2, 2] * 5, *[0, 0, 0] * 12]
    change(root / TARGET, keypoints=keypoints)
    pair, _ = only(root)
    assert pair.overlap == KEYPOINTS[:5]
    assert len(pair.source.keypoints) == 14


@pytest.mark.parametrize(
    ("split", "group", "categories"),
    [
        ("cross", "Felidae", ("king cheetah", "cat")),
        ("cross-family", "all", ("dog", "cat")),
        ("val", "dog", ("dog", "dog")),
    ],
)
def test_the_other_lists(root, split, group, categories):
    pair, _ = only(root, split)
    assert pair.group == group
    assert (pair.source.category, pair.target.category) == categories


def test_paths_may_begin_anywhere_and_have_backslashes(root):
    change(root / FIRST, src_json_path=f"D:\\data\\{SOURCE}".replace("/", "\\"))
    pair, _ = only(root)
    assert pair.source.image == "JPEGImages/Canidae/dog/000000000001.jpg"


def test_a_point_outside_is_reported_in_its_own_file(root):
    change(root / TARGET, keypoints=[200, 3, 2])
    pair, (defect,) = only(root)
    assert (defect.file, defect.field) == (TARGET, "keypoints[0]")
    assert "outside the padded square of 80 px" in defect.message
    assert pair.target.keypoints == (Keypoint("0", 200, 3),)  # not 17: numbers for names


def test_without_a_box(root):
    change(root / TARGET, bbox=None)
    assert only(root)[0].target.box is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"bbox": [4, 8, -70, 40]}, "bbox: [4, 8, -70, 40] has no area"),
        ({"bbox": [4, 8, 70]}, "bbox: [4, 8, 70] is not [left, top, width, height]"),
        ({"keypoints": [1, 2]}, "keypoints: has 2 numbers; expected x, y and flag of each"),
        ({"keypoints": [1, 2, 3]}, "keypoints[0]: the flag 3 is none of 0, 1 and 2"),
        ({"keypoints": [1, None, 2]}, "keypoints[0]: None is not a finite number"),
        ({"width": ...}, "width, height: None is not a finite number"),
        ({"height": 0}, "width, height: [80, 0] is not [width, height] in whole px"),
    ],
)
def test_what_must_not_be_scored_names_both_files_and_the_field(root, changed, words):
    change(root / TARGET, **changed)
    with pytest.raises(InputError) as refused:
        only(root)
    assert str(refused.value).startswith(f"{FIRST}: trg_json_path: {TARGET}: {words}")


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ("ImageAnnotation/dog/1.json", "is not the path of an image annotation"),
        ("ImageAnnotation/../x/1.json", "is not the path of an image annotation"),
        (None, "'' is not the path of an image annotation"),
        (3, "is a number; expected a text"),
        ("ImageAnnotation/Canidae/dog/9.json", "9.json: cannot be read (No such file"),
    ],
)
def test_a_path_that_leads_nowhere(root, stated, words):
    change(root / FIRST, src_json_path=stated)
    with pytest.raises(InputError) as refused:
        only(root)
    assert str(refused.value).startswith(f"{FIRST}: src_json_path: ")
    assert words in str(refused.value)

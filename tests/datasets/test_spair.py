"""SPair-71k: what becomes of its pairs, and every trap in one line."""

import pickle
from pathlib import Path

import pytest
from other_layouts import SPAIR_FIRST, change, spair_pair, write_json, write_photo, write_spair

from lvlm_eval.datasets import open_dataset
from lvlm_eval.datasets.correspondence.spair import SpairFolder
from lvlm_eval.errors import InputError
from lvlm_eval.records import Keypoint


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_spair(tmp_path / "SPair-71k")


def first(root: Path):
    dataset = SpairFolder(root, "it")
    return dataset.read_pair(dataset.pair_files("intra")["cat"][0])


@pytest.mark.parametrize("inner", ["", "SPair-71k"])
def test_it_is_recognised(root, inner):
    dataset = open_dataset(str(root.parent / inner))
    assert isinstance(dataset, SpairFolder)
    assert (dataset.name, dataset.layout) == ("spair-71k", "SPair-71k")
    assert dataset.splits() == ("intra", "trn", "val")
    assert dataset.supercategories() == {}
    assert dataset.taxonomy() is None


def test_pairs_are_listed_by_category(root):
    files = SpairFolder(root, "it").pair_files("intra")
    assert list(files) == ["cat", "tvmonitor"]
    assert [file.key for file in files["cat"]] == [
        "cat/000001-cat_1-cat_2",
        "cat/000002-cat_2-cat_3",
    ]
    assert [len(SpairFolder(root, "it").pair_files(one)["cat"]) for one in ("trn", "val")] == [1, 1]


def test_a_pair_becomes_records(root):
    pair, defects = first(root)
    assert defects == ()
    assert (pair.key, pair.group) == ("cat/000001-cat_1-cat_2", "cat")
    assert pair.overlap == ("0", "2", "3", "7")
    assert pair.concepts == ()
    source, target = pair.source, pair.target
    assert (source.category, source.image) == ("cat", "JPEGImages/cat/cat_1.jpg")
    assert (source.size, source.box) == ((80, 60), (4, 10, 70, 50))
    assert (target.image, target.box) == ("JPEGImages/cat/cat_2.jpg", (5, 11, 71, 51))
    assert source.keypoints[0] == Keypoint("0", 10, 40)
    # The other points of the photo are in its own annotation alone, after the shared ones.
    assert [point.name for point in target.keypoints] == ["0", "2", "3", "7", "11"]
    assert (source.azimuth, target.azimuth) == (90, 180)


def test_ids_may_be_numbers(root):
    change(root / SPAIR_FIRST, kps_ids=[0, 2, 3, 7])
    pair, defects = first(root)
    assert pair.overlap == ("0", "2", "3", "7")
    assert defects == ()


def test_without_image_annotations_there_is_what_the_pair_says(root):
    for path in sorted(root.glob("ImageAnnotation/**/*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (root / "ImageAnnotation").rmdir()
    pair, defects = first(root)
    assert [point.name for point in pair.target.keypoints] == ["0", "2", "3", "7"]
    assert (pair.source.azimuth, defects) == (None, ())


@pytest.mark.parametrize("azimuth", [-1, 8, "2", None, 2.5, True])
def test_an_azimuth_that_is_none_of_the_eight_is_none(root, azimuth):
    change(root / "ImageAnnotation/cat/cat_1.json", azimuth_id=azimuth)
    pair, defects = first(root)
    assert (pair.source.azimuth, defects) == (None, ())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "ImageAnnotation/cat/cat_2.json cannot be read (No such file or directory)"),
        ("{", "not used: ImageAnnotation/cat/cat_2.json: is not readable as JSON"),
        ('{"kps": {"0": [1]}}', "not used: ImageAnnotation/cat/cat_2.json: kps.0: [1] is not"),
        ('{"kps": [1]}', "kps: is not an object"),
    ],
)
def test_a_broken_image_annotation_is_passed_over(root, content, words):
    path = root / "ImageAnnotation/cat/cat_2.json"
    path.unlink() if content is None else path.write_text(content)
    pair, (defect,) = first(root)
    assert (defect.file, defect.field) == (SPAIR_FIRST, "trg_imname")
    assert words in defect.message
    assert len(pair.target.keypoints) == 4


def test_a_point_that_lies_elsewhere_in_the_image_annotation(root):
    kps = [[10, 40], [20, 41], [50, 42], [30, 43]]
    change(root / SPAIR_FIRST, trg_kps=kps)
    pair, (defect,) = first(root)
    assert defect.field == "trg_kps"
    assert "'7' is at (30, 43) px here and at (60, 43) px in ImageAnnotation" in defect.message
    assert pair.target.keypoints[3] == Keypoint("7", 30, 43)


def test_an_id_twice_counts_once(root):
    change(root / SPAIR_FIRST, kps_ids=["0", "2", "0", "7"])
    pair, defects = first(root)
    assert pair.overlap == ("0", "2", "7")
    assert pair.source.keypoints[0] == Keypoint("0", 10, 40)
    assert [one.field for one in defects] == ["kps_ids[2]"]
    assert "'0' stands there twice: the first one holds." in defects[0].message


def test_a_point_outside_is_scored_and_reported(root):
    change(root / SPAIR_FIRST, src_kps=[[10, 40], [20, 41], [50, 42], [60, 80]])
    for name in ("cat_1", "cat_2"):
        (root / f"ImageAnnotation/cat/{name}.json").write_text("{}")
    pair, (defect,) = first(root)
    assert defect.field == "src_kps[3]"
    assert "outside the padded square of 80 px" in defect.message
    assert pair.source.keypoints[3].y == 80


def test_a_size_that_is_absent_is_the_files(root):
    change(root / SPAIR_FIRST, trg_imsize=...)
    pair, (defect,) = first(root)
    assert (pair.target.size, defect.field) == ((80, 60), "trg_imsize")


def test_nothing_shared_is_no_error(root):
    change(root / SPAIR_FIRST, kps_ids=[], src_kps=[], trg_kps=None, trg_bndbox=None)
    pair, _ = first(root)
    assert (pair.overlap, pair.target.box) == ((), None)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"src_bndbox": [70, 10, 4, 50]}, "src_bndbox: [70, 10, 4, 50] has swapped sides"),
        ({"trg_kps": [[1, 2]]}, "kps_ids: has 4 ids, but src_kps 4 and trg_kps 1 points"),
        ({"kps_ids": ["0", "2", "3"]}, "kps_ids: has 3 ids, but src_kps 4 and trg_kps 4 points"),
        ({"kps_ids": ["0", "2", "3", None]}, "kps_ids[3]: None is not a keypoint's id"),
        ({"src_kps": [[1, 2], [1, 2], [1], [1, 2]]}, "src_kps[2]: [1] is not [x, y] in px"),
        ({"src_kps": [[1, 2], [1, 2], ["1", 2], [1, 2]]}, "src_kps[2]: '1' is not a finite number"),
        ({"src_kps": {"0": [1, 2]}}, "src_kps: is an object; expected a list"),
        ({"trg_imsize": [80]}, "trg_imsize: [80] is not [width, height] in px"),
        ({"trg_imname": "../x.jpg"}, "trg_imname: '../x.jpg' is not the file name of an image"),
        ({"src_imname": None}, "src_imname: '' is not the file name"),
        ({"category": "a/b"}, "category: 'a/b' is not the name of a folder"),
        ({"trg_imsize": None, "trg_imname": "no.jpg"}, "the file does not tell it"),
    ],
)
def test_what_must_not_be_scored_names_file_and_field(root, changed, words):
    change(root / SPAIR_FIRST, **changed)
    with pytest.raises(InputError) as refused:
        first(root)
    assert str(refused.value).startswith(f"{SPAIR_FIRST}: ")
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_json(root):
    (root / SPAIR_FIRST).write_text("[]")
    with pytest.raises(InputError, match="holds a list; a pair annotation is a JSON object"):
        first(root)


def test_a_name_without_its_colon_takes_the_category_from_the_file(tmp_path):
    root = tmp_path / "SPair-71k"
    write_photo(root / "JPEGImages/cat/cat_1.jpg")
    write_json(root / "PairAnnotation/test/000001-cat_1-cat_2.json", spair_pair())
    dataset = SpairFolder(root, "it")
    (file,) = dataset.pair_files("intra")[""]
    pair, _ = dataset.read_pair(file)
    assert (pair.key, pair.group) == ("000001-cat_1-cat_2", "cat")
    change(file.path, category=None)
    with pytest.raises(InputError, match="category: absent, and the file's name does not end in"):
        dataset.read_pair(file)


def test_unknown_and_empty_splits(root):
    dataset = SpairFolder(root, "it")
    with pytest.raises(InputError, match="has no split 'train' here"):
        dataset.pair_files("train")
    for path in (root / "PairAnnotation/val").iterdir():
        path.unlink()
    with pytest.raises(InputError, match=r"val: holds no pair annotation"):
        dataset.pair_files("val")


def test_photos_and_other_processes(root):
    dataset = pickle.loads(pickle.dumps(SpairFolder(root, "it")))
    assert dataset.image_size("JPEGImages/cat/cat_1.jpg") == (80, 60)
    assert dataset.load_image("JPEGImages/cat/cat_1.jpg").mode == "RGB"
    with pytest.raises(InputError, match="is not the path of a file below it"):
        dataset.image_path("../secret.jpg")
    with pytest.raises(InputError, match="the image file does not exist"):
        dataset.load_image("JPEGImages/cat/cat_9.jpg")


def test_without_photos_it_is_said_so(root):
    (root / "JPEGImages").rename(root / "Photos")
    with pytest.raises(InputError, match="has PairAnnotation/ but no JPEGImages/"):
        open_dataset(str(root))


def test_a_part_of_it_names_the_root(root):
    with pytest.raises(InputError) as refused:
        open_dataset(str(root / "PairAnnotation/test"))
    assert f"Give its root: {root}" in str(refused.value)

"""The SOCOv1 folder: listing without opening, reading a pair, images, metadata."""

import json
import shutil
from pathlib import Path

import pytest
from making import encoded_image, pair_json, write_image, write_pair, write_tree

from lvlm_eval.datasets.soco_tree import SPLITS, PairFile, SocoTree
from lvlm_eval.errors import InputError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "SOCOv1")


def keys(tree: SocoTree, split) -> list[str]:
    return [file.key for files in tree.pair_files(split).values() for file in files]


def test_listing_is_by_folder_and_sorted(root):
    tree = SocoTree(root, "mine")
    assert tree.splits() == SPLITS
    assert list(tree.pair_files("intra")) == ["bus", "car"]
    assert keys(tree, "intra") == [
        "bus/00001-bus_1-bus_2",
        "bus/00002-bus_2-bus_3",
        "bus/00003-bus_3-bus_1",
        "car/00001-car_1-car_2",
        "car/00002-car_2-car_3",
        "car/00003-car_3-car_1",
    ]
    assert keys(tree, "cross") == [f"car/0000{n}-bus_{n}-car_1" for n in (1, 2, 3)]
    assert [len(keys(tree, split)) for split in ("train", "test")] == [4, 2]


def test_nothing_is_opened_before_it_is_asked_for(root):
    for path in root.rglob("*"):
        if path.is_file():
            path.write_bytes(b"broken")
    assert len(keys(SocoTree(root, "mine"), "intra")) == 6


def test_reading_a_pair_opens_no_image(root):
    shutil.rmtree(root / "Images")
    tree = SocoTree(root, "mine")
    pair, defects = tree.read_pair(tree.pair_files("cross")["car"][0])
    assert pair.key == "car/00001-bus_1-car_1"
    assert (pair.source.category, pair.target.category, pair.group) == ("bus", "car", "car")
    assert defects == ()


def test_a_flat_split_has_the_empty_folder(tmp_path):
    content = pair_json()
    del content["pair_group"]
    for name in ("b", "a"):
        write_pair(tmp_path / f"PairAnnotations/intra/{name}.json", content)
    tree = SocoTree(tmp_path, "flat")
    assert list(tree.pair_files("intra")) == [""]
    assert keys(tree, "intra") == ["a", "b"]
    pair, _ = tree.read_pair(tree.pair_files("intra")[""][0])
    assert (pair.key, pair.group) == ("a", "car")


def test_droppings_and_other_files_are_not_pairs(root):
    intra = root / "PairAnnotations/intra"
    for name in (
        "car/._00001-car_1-car_2.json",
        "car/.DS_Store",
        "car/notes.txt",
        "._car",
        "__MACOSX/car/00001.json",
        ".hidden/x.json",
    ):
        write_pair(intra / name)
    (intra / "empty").mkdir()
    (intra / "car/folder.json").mkdir()
    tree = SocoTree(root, "mine")
    assert list(tree.pair_files("intra")) == ["bus", "car"]
    assert len(tree.pair_files("intra")["car"]) == 3


def test_a_missing_split_names_those_that_exist(tmp_path):
    root = write_tree(tmp_path)
    shutil.rmtree(root / "PairAnnotations/cross")
    with pytest.raises(InputError) as caught:
        SocoTree(root, "mine").pair_files("cross")
    assert "expected the folder PairAnnotations/cross" in str(caught.value)
    assert "splits that it has: intra, train, test" in str(caught.value)


def test_an_unknown_split_names_the_nearest(root):
    with pytest.raises(InputError, match="Did you mean 'train'"):
        SocoTree(root, "mine").pair_files("trian")


def test_an_empty_split_is_refused(tmp_path):
    (tmp_path / "PairAnnotations/intra/car").mkdir(parents=True)
    with pytest.raises(InputError, match="holds no pair annotation"):
        SocoTree(tmp_path, "mine").pair_files("intra")


def test_errors_and_defects_name_the_file_below_the_root(root):
    path = root / "PairAnnotations/intra/car/00009.json"
    file = PairFile("intra", "car", "00009", write_pair(path, pair_json(src_bndbox=[1, 1, 0, 0])))
    tree = SocoTree(root, "mine")
    with pytest.raises(InputError, match=r"^PairAnnotations/intra/car/00009\.json: src_bndbox: "):
        tree.read_pair(file)
    write_pair(path, pair_json(semantic_overlap=["horn"]))
    _, (defect,) = tree.read_pair(file)
    assert defect.file == "PairAnnotations/intra/car/00009.json"
    path.unlink()
    with pytest.raises(InputError, match=r"00009\.json: cannot be read"):
        tree.read_pair(file)


def test_a_size_that_the_file_must_tell(root):
    path = write_pair(
        root / "PairAnnotations/intra/car/00009.json", pair_json("car", (1, 2), src_imsize=None)
    )
    write_image(root, "car", 1, (64, 48))
    pair, (defect,) = SocoTree(root, "mine").read_pair(PairFile("intra", "car", "00009", path))
    assert pair.source.size == (64, 48)
    assert defect.field == "src_imsize"


def test_images(root):
    tree = SocoTree(root, "mine")
    name = "Images/car/car_1.JPEG"
    assert tree.image_path(name) == root / "Images" / "car" / "car_1.JPEG"
    assert tree.image_size(name) == (80, 60)
    for given in (name, tree.image_path(name)):
        image = tree.load_image(given)
        assert (image.mode, image.size) == ("RGB", (80, 60))


@pytest.mark.parametrize("name", ["../x.jpg", "/etc/passwd", "Images//x.jpg", "Images\\x.jpg", ""])
def test_an_image_outside_the_root_is_refused(root, name):
    with pytest.raises(InputError, match="is not the path of a file below it"):
        SocoTree(root, "mine").load_image(name)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist"),
        (b"", "cannot be decoded"),
        (b"<html>not found</html>", "not an image"),
        (encoded_image()[:300], "cannot be decoded"),
    ],
)
def test_an_unusable_image_is_named(root, content, said):
    path = root / "Images/car/car_1.JPEG"
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match=rf"car_1\.JPEG: .*{said}"):
        SocoTree(root, "mine").load_image("Images/car/car_1.JPEG")


def test_without_a_taxonomy_nothing_is_known(root):
    tree = SocoTree(root, "mine")
    assert tree.taxonomy() is None
    assert tree.supercategories() == {}


@pytest.mark.parametrize(
    ("taxonomy", "expected"),
    [
        ({"instances": []}, {}),
        (
            {"instances": [{"category": "car", "supercategory": "transportation"}]},
            {"car": "transportation"},
        ),
        ({"instances": [{"name": "cat", "super_category": "animals"}]}, {"cat": "animals"}),
        ({"categories": {"cat": {"supercat": "animals"}}}, {"cat": "animals"}),
        (
            {"instances": [{"category": "fire engine", "supercategory": "transportation"}]},
            {"fire engine": "transportation", "fire_engine": "transportation"},
        ),
        # the category of a keypoint's entry is not the keypoint's name
        (
            {"instances": [{"name": "wheel", "category": "car", "supercategory": "t"}]},
            {"car": "t"},
        ),
        ({"instances": [{"category": "car", "supercategory": None}, 3, "x"]}, {}),
        # the first statement holds
        (
            [{"name": "a", "supercategory": "x"}, {"name": "a", "supercategory": "y"}],
            {"a": "x"},
        ),
    ],
)
def test_supercategories_of_a_taxonomy(tmp_path, taxonomy, expected):
    tree = SocoTree(write_tree(tmp_path, taxonomy=taxonomy), "mine")
    assert tree.taxonomy() == taxonomy
    assert tree.supercategories() == expected


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000])
def test_a_broken_taxonomy_is_named_when_it_is_asked_for(root, content):
    path = root / "Metadata/keypoint_taxonomy.json"
    path.parent.mkdir()
    path.write_bytes(content)
    tree = SocoTree(root, "mine")
    assert len(keys(tree, "intra")) == 6
    for ask in (tree.taxonomy, tree.supercategories):
        with pytest.raises(InputError, match=r"keypoint_taxonomy\.json: is not readable as JSON"):
            ask()


def test_real_photographs(real_photos):
    tree = SocoTree(real_photos, "real")
    assert tree.splits() == SPLITS
    assert [len(keys(tree, split)) for split in ("intra", "cross")] == [214, 40]
    for split in SPLITS:
        for files in tree.pair_files(split).values():
            for file in files:
                pair, defects = tree.read_pair(file)
                assert not [one for one in defects if "outside" not in one.message]
                raw = json.loads(file.path.read_bytes())
                assert list(pair.overlap) == raw["semantic_overlap"]
                assert len(pair.target.keypoints) == len(raw["trg_keypoints"])
                assert tree.image_size(pair.source.image) == pair.source.size
                assert tree.image_size(pair.target.image) == pair.target.size
    images = {path.relative_to(real_photos).as_posix() for path in real_photos.rglob("*.JPEG")}
    assert len(images) == 23
    assert all(tree.load_image(name).mode == "RGB" for name in images)

"""What ``--data`` may name, and how everything else is refused."""

import shutil
from pathlib import Path

import pytest
from making import write_table, write_tables, write_tree

from lvlm_eval import datasets
from lvlm_eval.datasets import LvlmTables, SocoTree, open_dataset
from lvlm_eval.errors import InputError


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refusal_of(spec: str | Path) -> str:
    with pytest.raises(InputError) as caught:
        open_dataset(str(spec))
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.mark.parametrize("spec", ["SOCOv1", "./SOCOv1", "SOCOv1/", ".", "SOCOv1/../SOCOv1"])
def test_a_tree_or_the_folder_around_it(tmp_path, spec):
    write_tree(tmp_path / "SOCOv1")
    opened = open_dataset(spec)
    assert isinstance(opened, SocoTree)
    assert opened.name == "socov1"
    assert opened.root.resolve() == (tmp_path / "SOCOv1").resolve()


def test_nothing_is_read_on_opening(tmp_path):
    write_table(tmp_path / "mine.tsv").write_bytes(b"\xff\xff")
    write_tree(tmp_path / "tree")
    for path in (tmp_path / "tree").rglob("*.json"):
        path.write_bytes(b"\xff")
    assert isinstance(open_dataset("mine.tsv"), LvlmTables)
    assert isinstance(open_dataset("tree"), SocoTree)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("My Data (2)", "my-data-2"),
        ("--x--", "x"),
        ("données", "donn-es"),
        ("v1.0_b", "v1.0_b"),
        ("日本", "data"),
    ],
)
def test_names_are_safe_in_file_names(tmp_path, folder, name):
    write_tree(tmp_path / folder)
    assert open_dataset(str(tmp_path / folder)).name == name


def test_a_table_or_a_folder_of_tables(tmp_path):
    write_tables(tmp_path / "SOCO_LVLM")
    one = open_dataset("SOCO_LVLM/soco_lvlm_img.tsv")
    assert isinstance(one, LvlmTables)
    assert (one.name, list(one.tables)) == ("soco_lvlm_img", ["vis"])
    for spec in ("SOCO_LVLM", "."):  # the second is the folder around it
        several = open_dataset(spec)
        assert isinstance(several, LvlmTables)
        assert (several.name, list(several.tables)) == ("soco_lvlm", ["vis", "vis+desc", "desc"])


def test_sample_is_always_the_bundled_data_and_a_path_never(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "data_folder", lambda: tmp_path / "packed")
    bundled = write_tree(tmp_path / "packed/sample")
    write_tree(tmp_path / "sample")
    opened = open_dataset("sample")
    assert isinstance(opened, SocoTree)
    assert (opened.root, opened.name) == (bundled, "sample")
    local = open_dataset("./sample")
    assert isinstance(local, SocoTree)
    assert local.root.resolve() == (tmp_path / "sample").resolve()


def test_a_missing_sample_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "data_folder", lambda: tmp_path)
    assert "the bundled sample is missing" in refusal_of("sample")


def test_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_tree(tmp_path / "SOCOv1")
    assert open_dataset("~/SOCOv1").name == "socov1"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("SOCOv2", ["there is no 'SOCOv2'.", "Did you mean 'SOCOv1'?"]),
        ("smaple", ["Did you mean 'sample'?"]),
        ("./smaple", ["there is no 'smaple'.", "Known: SOCOv1."]),
        ("data/SOCOv1", ["there is no 'data'."]),
        ("SOCOv1/PairAnotations", ["no 'PairAnotations' in SOCOv1.", "'PairAnnotations'?"]),
        ("soco.tsv", ["there is no 'soco.tsv'.", "expected a folder in SOCOv1 layout"]),
        ("/no/such/place", ["there is no 'no' in /."]),
        ("x" * 5000, ["no dataset at 'xxx"]),
        ("a\0b", ["no dataset at 'a\\x00b'"]),
        ("~nobody-of-this-name/x", ["no dataset at '~nobody-of-this-name/x'"]),
    ],
)
def test_what_does_not_exist(tmp_path, spec, said):
    write_tree(tmp_path / "SOCOv1")
    message = refusal_of(spec)
    for part in [*said, "or 'sample'"]:
        assert part in message


@pytest.mark.parametrize(
    "part",
    ["PairAnnotations", "PairAnnotations/intra", "PairAnnotations/trainsplits/train/car", "Images"],
)
def test_a_part_of_a_tree_names_its_root(tmp_path, part):
    root = write_tree(tmp_path / "SOCOv1")
    assert f"is a part of a dataset. Give its root: {root}" in refusal_of(root / part)


@pytest.mark.parametrize("folder", [".", "SOCOv1"])
@pytest.mark.parametrize(
    ("present", "packed", "command"),
    [
        ((), ("Images", "PairAnnotations"), "unzip Images.zip && unzip PairAnnotations.zip"),
        (("PairAnnotations",), ("Images", "KeypointAnnotations"), "unzip Images.zip"),
        (("Images",), ("PairAnnotations",), "unzip PairAnnotations.zip"),
    ],
)
def test_archives_that_are_not_unpacked(tmp_path, folder, present, packed, command):
    for name in present:
        (tmp_path / folder / name).mkdir(parents=True)
    for name in packed:
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / f"{name}.zip").write_bytes(b"PK")
    message = refusal_of(".")
    assert "is not unpacked yet" in message
    assert message.endswith(f"&& {command}")


def test_archives_beside_what_was_unpacked_do_not_matter(tmp_path):
    root = write_tree(tmp_path / "SOCOv1")
    for name in ("Images", "PairAnnotations", "KeypointAnnotations"):
        (root / f"{name}.zip").write_bytes(b"PK")
    assert open_dataset("SOCOv1").name == "socov1"


def test_pairs_without_images(tmp_path):
    shutil.rmtree(write_tree(tmp_path / "tree") / "Images")
    assert "has PairAnnotations/ but no Images/" in refusal_of("tree")


def test_a_folder_of_several_datasets_names_them(tmp_path):
    write_tree(tmp_path / "all/one")
    write_tables(tmp_path / "all/two")
    message = refusal_of("all")
    assert "is no dataset, but holds some. Give one: all/one, all/two" in message


def test_two_released_folders_side_by_side_are_not_chosen_between(tmp_path):
    write_tree(tmp_path / "SOCOv1")
    write_tables(tmp_path / "SOCO_LVLM")
    assert "Give one: SOCO_LVLM, SOCOv1" in refusal_of(".")


def test_any_other_folder_says_what_is_in_it(tmp_path):
    for name in ("bravo", "alpha", ".hidden"):
        (tmp_path / "other" / name).mkdir(parents=True)
    message = refusal_of("other")
    assert "expected a folder in SOCOv1 layout" in message
    assert message.endswith("subfolders found: alpha, bravo.")
    assert "it has no subfolders" in refusal_of("other/alpha")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("SOCO.zip", "Unpack it"),
        ("t.tsv.gz", "Unpack it"),
        ("model_soco_lvlm_img_c.xlsx", "lvlm-eval score"),
        ("00001.json", "Give the dataset's folder"),
        ("notes.txt", "or 'sample'."),
    ],
)
def test_any_other_file(tmp_path, name, hint):
    (tmp_path / name).write_bytes(b"x")
    message = refusal_of(name)
    assert "is no dataset" in message
    assert hint in message


def test_real_photographs(real_photos):
    opened = open_dataset(str(real_photos))
    assert isinstance(opened, SocoTree)
    assert opened.name == "real_photos"

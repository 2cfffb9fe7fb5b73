"""Archives of a release become the layout that a run reads, whatever stops them."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from hub_releases import (
    SOCO,
    files_below,
    get,
    soco_files,
    zipped,
)
from hub_serving import Dataset, FakeHub
from making import write_tree

from lvlm_eval.datasets import open_dataset
from lvlm_eval.download import downloading, unpacking
from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.stopping import StopSignal


@pytest.mark.parametrize(
    ("above", "prefix"),
    [("", ""), ("SOCOv1/", ""), ("bare", ""), ("", "SOCOv1/"), ("SOCOv1/", "a/b/")],
)
def test_every_shape_of_the_archives_ends_in_the_same_layout(
    hub: FakeHub, tmp_path: Path, above: str, prefix: str
) -> None:
    dataset = hub.datasets["GenIntelLab/SOCO"] = Dataset()
    dataset.commit(soco_files(tmp_path / "original", above, prefix))
    got = get(hub, tmp_path / "data", SOCO)
    there = files_below(tmp_path / "data")
    expected = files_below(tmp_path / "original")
    assert {name: there[f"{prefix}{name}"] for name in expected} == expected
    assert there.keys() == {
        "README.md", "download.json", *(f"{prefix}{name}" for name in expected)
    }  # fmt: skip
    assert got.outcome.count == len(expected) + 1
    assert got.outcome.size == sum(map(len, expected.values())) + len(b"# SOCO")
    inner = "a/b" if prefix == "a/b/" else ""
    assert got.outcome.data == tmp_path / "data" / inner
    assert len(open_dataset(str(got.outcome.data)).pair_files("intra")["car"]) == 3


def test_of_two_trees_the_full_one_counts(hub: FakeHub, tmp_path: Path) -> None:
    files = soco_files(tmp_path / "original", prefix="v1/")
    dataset = hub.datasets["GenIntelLab/SOCO"] = Dataset()
    dataset.commit({"Images.zip": b"old", "Metadata/old.json": b"{}", **files})
    got = get(hub, tmp_path / "data", SOCO)
    assert got.outcome.data == tmp_path / "data" / "v1"
    assert {file.path for file in got.outcome.files} == files.keys() - {".gitattributes"}


def test_loose_files_instead_of_archives_will_do(hub: FakeHub, tmp_path: Path) -> None:
    write_tree(tmp_path / "original", images=1)
    dataset = hub.datasets["GenIntelLab/SOCO"] = Dataset()
    dataset.commit(files_below(tmp_path / "original"))
    get(hub, tmp_path / "data", SOCO)
    there = files_below(tmp_path / "data")
    del there["download.json"]
    assert there == files_below(tmp_path / "original")


def test_archives_are_kept_on_request(hub: FakeHub, soco: str, tmp_path: Path) -> None:
    get(hub, tmp_path / "data", SOCO, keep_archives=True)
    archives = {path.name for path in (tmp_path / "data").glob("*.zip")}
    assert archives == {"Images.zip", "KeypointAnnotations.zip", "PairAnnotations.zip"}
    asked = len(hub.seen)
    got = get(hub, tmp_path / "data", SOCO)
    assert len(hub.seen) == asked
    assert got.notes.started == []  # nothing fetched, nothing unpacked
    assert not list((tmp_path / "data").glob("*.zip"))


def test_unpacking_goes_on_where_it_was_stopped(
    hub: FakeHub, soco: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    extract, written = unpacking._extract, []

    def stopping_extract(*words: Any) -> None:
        if len(written) == 2:
            raise StopSignal("stopped by SIGTERM")
        written.append(words[2].path)
        extract(*words)

    with monkeypatch.context() as patched:
        patched.setattr(unpacking, "_extract", stopping_extract)
        with pytest.raises(StoppedError, match=r"stopped by SIGTERM.*same command goes on"):
            get(hub, tmp_path / "data", SOCO)
    (part,) = (path for path in (tmp_path / "data").glob("*.part") if path.is_dir())
    first = part.name.partition(".")[0]
    assert not (tmp_path / "data" / first).exists()  # half a folder has not its final name
    kept = {path: path.stat().st_ino for path in part.rglob("*") if path.is_file()}
    assert len(kept) == 2
    again: list[str] = []
    monkeypatch.setattr(
        unpacking, "_extract", lambda *words: (again.append(words[2].path), extract(*words))
    )
    get(hub, tmp_path / "data", SOCO)
    assert not set(written) & set(again)
    for path, inode in kept.items():
        final = tmp_path / "data" / first / path.relative_to(part)
        assert final.stat().st_ino == inode
    there = files_below(tmp_path / "data")
    assert not [name for name in there if ".part" in name]
    assert {k: v for k, v in there.items() if k not in ("README.md", "download.json")} == (
        files_below(tmp_path / "original")
    )


def test_a_photo_that_went_missing_is_unpacked_again(
    hub: FakeHub, soco: str, tmp_path: Path
) -> None:
    get(hub, tmp_path / "data", SOCO)
    lost = tmp_path / "data" / "Images" / "car" / "car_2.JPEG"
    kept = tmp_path / "data" / "Images" / "car" / "car_1.JPEG"
    content, inode = lost.read_bytes(), kept.stat().st_ino
    lost.unlink()
    got = get(hub, tmp_path / "data", SOCO)
    assert any("has lost 1 of 6 files" in line for line in got.notes.lines)
    assert lost.read_bytes() == content
    assert kept.stat().st_ino == inode
    assert len(hub.fetched("PairAnnotations.zip")) == 2  # as after the first time


def test_a_folder_that_stands_in_the_way_is_not_touched(
    hub: FakeHub, soco: str, tmp_path: Path
) -> None:
    mine = tmp_path / "data" / "Images" / "cat" / "cat_1.JPEG"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(InputError, match=r"data/Images is there already.*Move it away"):
        get(hub, tmp_path / "data", SOCO)
    assert mine.read_bytes() == b"mine"
    assert hub.fetched("Images.zip") == []


def test_killed_between_the_last_file_and_the_record(
    hub: FakeHub, soco: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = downloading.write_record

    def dying(folder: Path, record: Any) -> None:
        if "Images.zip" in record.unpacked:
            raise KeyboardInterrupt
        write(folder, record)

    with monkeypatch.context() as patched:
        patched.setattr(downloading, "write_record", dying)
        with pytest.raises(KeyboardInterrupt):
            get(hub, tmp_path / "data", SOCO)
    assert (tmp_path / "data" / "Images").is_dir()
    get(hub, tmp_path / "data", SOCO)
    assert len(hub.fetched("Images.zip")) == 2
    open_dataset(str(tmp_path / "data"))


def test_a_bad_archive_is_named_and_nothing_leaves_the_folder(
    hub: FakeHub, soco: str, tmp_path: Path
) -> None:
    dataset = hub.datasets["GenIntelLab/SOCO"]
    images = zipped(tmp_path / "original" / "Images", "Images/", {"../../evil.txt": b"out"})
    dataset.commit({**dataset.commits[soco], "Images.zip": images})
    with pytest.raises(InputError, match=r"Images\.zip: holds '\.\./\.\./evil\.txt' that is no"):
        get(hub, tmp_path / "a/b/data", SOCO)
    assert not list(tmp_path.rglob("evil.txt"))
    assert not (tmp_path / "a/b/data/Images").exists()


def test_an_archive_that_is_none_is_named(hub: FakeHub, soco: str, tmp_path: Path) -> None:
    dataset = hub.datasets["GenIntelLab/SOCO"]
    dataset.commit({**dataset.commits[soco], "PairAnnotations.zip": b"no zip at all" * 100})
    with pytest.raises(InputError, match=r"PairAnnotations\.zip: is broken at its directory.*Del"):
        get(hub, tmp_path / "data", SOCO)


def test_data_that_cannot_be_read_is_said_at_once(hub: FakeHub, soco: str, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "original" / "Images" / "bus")
    dataset = hub.datasets["GenIntelLab/SOCO"]
    images = zipped(tmp_path / "original" / "Images", "Images/")
    dataset.commit({**dataset.commits[soco], "Images.zip": images})
    with pytest.raises(InputError, match=r"cannot be read as data: Images/ has no folder bus"):
        get(hub, tmp_path / "data", SOCO)

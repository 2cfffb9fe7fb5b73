"""A data folder holds one commit of a dataset, and stays with it."""

from pathlib import Path

import pytest
from hub_releases import (
    SOCO,
    TABLES,
    files_below,
    get,
)
from hub_serving import FakeHub

from lvlm_eval.errors import InputError


def test_a_folder_stays_with_its_commit_after_main_moved(
    hub: FakeHub, lvlm: str, tmp_path: Path
) -> None:
    dataset = hub.datasets["GenIntelLab/SOCO-LVLM"]
    get(hub, tmp_path / "data", settings=("vis",))
    old = dataset.commits[lvlm]
    new = dataset.commit({**old, TABLES[0]: b"changed", TABLES[2]: old[TABLES[2]] + b"\n"})
    got = get(hub, tmp_path / "data")
    assert got.outcome.record.commit == lvlm
    assert any(lvlm in line and "stays with" in line for line in got.notes.lines)
    for name in ("README.md", *TABLES):
        assert (tmp_path / "data" / name).read_bytes() == old[name]
    assert len(hub.fetched(TABLES[0])) == 2  # the hub itself and its storage, once each
    before = files_below(tmp_path / "data")
    with pytest.raises(InputError) as refused:
        get(hub, tmp_path / "data", revision="main")
    said = str(refused.value)
    assert lvlm in said
    assert new in said
    assert f"changed: {TABLES[0]}, {TABLES[2]}" in said
    assert "another --out" in said
    assert files_below(tmp_path / "data") == before
    assert get(hub, tmp_path / "other").outcome.record.commit == new
    # The old commit by its hash is what is there, whatever main is; no question to the hub.
    asked = len(hub.seen)
    assert get(hub, tmp_path / "data", revision=lvlm).outcome.fetched == 0
    assert len(hub.seen) == asked


def test_a_commit_that_changes_nothing_of_the_release_is_not_refused(
    hub: FakeHub, lvlm: str, tmp_path: Path
) -> None:
    get(hub, tmp_path / "data")
    dataset = hub.datasets["GenIntelLab/SOCO-LVLM"]
    dataset.commit({**dataset.commits[lvlm], "plot.png": b"new"}, ref="v2")
    got = get(hub, tmp_path / "data", revision="v2")
    assert got.outcome.record.commit == lvlm
    assert any("with the same files" in line for line in got.notes.lines)


def test_tags_and_hashes_are_revisions(hub: FakeHub, lvlm: str, tmp_path: Path) -> None:
    dataset = hub.datasets["GenIntelLab/SOCO-LVLM"]
    dataset.refs["v1.0"] = lvlm
    dataset.commit({**dataset.commits[lvlm], TABLES[0]: b"later"})
    for number, revision in enumerate(("v1.0", lvlm)):
        record = get(hub, tmp_path / str(number), revision=revision).outcome.record
        assert (record.revision, record.commit) == (revision, lvlm)
    with pytest.raises(InputError, match=r"has no revision 'v9'.*commits/main"):
        get(hub, tmp_path / "none", revision="v9")
    assert not (tmp_path / "none").exists()


def test_a_folder_of_one_release_does_not_take_another(
    hub: FakeHub, lvlm: str, soco: str, tmp_path: Path
) -> None:
    get(hub, tmp_path / "data")
    with pytest.raises(InputError, match=r"holds GenIntelLab/SOCO-LVLM\. Give another --out"):
        get(hub, tmp_path / "data", SOCO)


def test_a_torn_record_is_named(hub: FakeHub, lvlm: str, tmp_path: Path) -> None:
    get(hub, tmp_path / "data")
    record = tmp_path / "data" / "download.json"
    record.write_text(record.read_text()[:100])
    with pytest.raises(InputError, match=r"download\.json is not the record.*Delete it"):
        get(hub, tmp_path / "data")
    record.unlink()
    got = get(hub, tmp_path / "data")  # what is there is checked by its hash, not fetched
    assert got.outcome.fetched == 0
    assert sum("checking" in line for line in got.notes.lines) == 4


def test_only_the_tables_that_are_needed(hub: FakeHub, lvlm: str, tmp_path: Path) -> None:
    got = get(hub, tmp_path / "data", settings=("vis+desc",))
    assert {file.path for file in got.outcome.files} == {"README.md", TABLES[1]}
    assert files_below(tmp_path / "data").keys() == {"README.md", "download.json", TABLES[1]}
    get(hub, tmp_path / "data", settings=("desc",))
    assert files_below(tmp_path / "data").keys() == {
        "README.md", "download.json", TABLES[1], TABLES[2],
    }  # fmt: skip
    assert len(hub.fetched(TABLES[1])) == 2
    assert hub.fetched(TABLES[0]) == []

"""Room is asked for before, and a full disk stops in one line."""

import shutil
from pathlib import Path

import pytest
from hub_releases import (
    SOCO,
    TABLES,
    get,
    lvlm_eval,
)
from hub_serving import FakeHub

from lvlm_eval.download import downloading, fetching, space
from lvlm_eval.errors import InputError, StoppedError


def test_too_little_room_is_said_before_anything_is_fetched(
    hub: FakeHub, lvlm: str, tmp_path: Path
) -> None:
    hub.stated_sizes = {TABLES[0]: 10**18}
    done = lvlm_eval(hub, "download", "soco-lvlm", cwd=tmp_path, status=4)
    (line,) = done.stderr.splitlines()
    assert "not enough space for data/soco-lvlm: it needs 1.0 EB to fetch" in line
    assert "are free" in line
    assert not any("/resolve/" in one.path for one in hub.seen)


def test_what_is_there_already_needs_no_room(
    hub: FakeHub, soco: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = hub.datasets["GenIntelLab/SOCO"].commits[soco]
    needed = sum(len(content) for name, content in files.items() if name != ".gitattributes")
    # 1.1 times the photos, 12 times the annotations, in whole blocks of 4096 bytes.
    for name, factor in (("Images", 1.1), ("PairAnnotations", 12), ("KeypointAnnotations", 12)):
        needed += -(-int(len(files[f"{name}.zip"]) * factor) // 4096) * 4096
    monkeypatch.setattr(space, "free_bytes", lambda folder: needed - 1)
    with pytest.raises(StoppedError, match="not enough space"):
        get(hub, tmp_path / "data", SOCO)
    monkeypatch.setattr(space, "free_bytes", lambda folder: needed)
    get(hub, tmp_path / "data", SOCO)
    monkeypatch.setattr(space, "free_bytes", lambda folder: 0)
    assert get(hub, tmp_path / "data", SOCO).outcome.fetched == 0


def test_free_space_is_that_of_the_disk_that_the_folder_will_be_on(tmp_path: Path) -> None:
    assert space.free_bytes(tmp_path / "a" / "b") == pytest.approx(
        shutil.disk_usage(tmp_path).free, rel=0.05
    )


def test_a_disk_that_fills_up_stops_in_one_line(
    hub: FakeHub, lvlm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(fetching.os, "fsync", full)
        with pytest.raises(StoppedError, match=r"the disk of .*data is full\..*same command"):
            get(hub, tmp_path / "data")
    get(hub, tmp_path / "data")


def test_two_at_a_time_do_not_write_to_one_folder(hub: FakeHub, lvlm: str, tmp_path: Path) -> None:
    with downloading.locked(Path(tmp_path)), pytest.raises(InputError, match="another process"):
        get(hub, tmp_path)

"""Broken lines, wrong bytes and refusals: nothing is fetched twice, nothing wrong is kept."""

import hashlib
from pathlib import Path

import pytest
from hub_releases import (
    CANARY,
    SOCO,
    TABLES,
    files_below,
    get,
)
from hub_serving import Dataset, FakeHub, Trouble

from lvlm_eval.download import fetching
from lvlm_eval.download.record import HubFile
from lvlm_eval.errors import InputError, StoppedError


def test_a_cut_connection_is_gone_on_with_at_the_byte(
    hub: FakeHub, lvlm: str, tmp_path: Path
) -> None:
    hub.trouble = lambda seen: Trouble(cut=700) if seen.from_storage and seen.before < 2 else None
    got = get(hub, tmp_path / "data")
    content = hub.datasets["GenIntelLab/SOCO-LVLM"].commits[lvlm]
    for name in TABLES:
        ranges = [one.range for one in hub.fetched(name) if one.from_storage]
        assert ranges == ["", "bytes=700-", "bytes=1400-"]
        assert (tmp_path / "data" / name).read_bytes() == content[name]
    assert sum("interrupted at 700 bytes" in line for line in got.notes.lines) == 3


def test_the_token_goes_to_the_hub_and_not_to_its_storage(
    hub: FakeHub, lvlm: str, tmp_path: Path
) -> None:
    hub.trouble = lambda seen: Trouble(cut=700) if seen.from_storage and not seen.before else None
    get(hub, tmp_path / "data")
    assert {one.authorization for one in hub.seen if not one.from_storage} == {f"Bearer {CANARY}"}
    assert {one.authorization for one in hub.seen if one.from_storage} == {""}


def test_a_hub_that_cannot_go_on_in_the_middle_sends_all_again(
    hub: FakeHub, lvlm: str, tmp_path: Path
) -> None:
    hub.trouble = lambda seen: (
        Trouble(cut=None if seen.before else 700, whole=True) if seen.from_storage else None
    )
    get(hub, tmp_path / "data")
    content = hub.datasets["GenIntelLab/SOCO-LVLM"].commits[lvlm]
    assert all((tmp_path / "data" / name).read_bytes() == content[name] for name in TABLES)


def test_an_answer_that_ends_early_every_time_stops(
    hub: FakeHub, lvlm: str, tmp_path: Path
) -> None:
    hub.trouble = lambda seen: (
        Trouble(short=0 if seen.before else 700) if seen.path.endswith("_img.tsv") else None
    )
    with pytest.raises(StoppedError, match=r"sends 700 bytes of .* and no more.*same command"):
        get(hub, tmp_path / "data", settings=("vis",))
    hub.trouble = lambda seen: None
    get(hub, tmp_path / "data", settings=("vis",))
    assert hub.fetched(TABLES[0])[-1].range == "bytes=700-"


def test_a_lost_connection_stops_after_the_last_pause(
    hub: FakeHub, lvlm: str, tmp_path: Path
) -> None:
    hub.trouble = lambda seen: Trouble(cut=0) if seen.path.endswith("_img.tsv") else None
    with pytest.raises(StoppedError, match=r"cannot be reached.*same command goes on"):
        get(hub, tmp_path / "data", settings=("vis",))
    assert len([one for one in hub.fetched(TABLES[0]) if not one.from_storage]) == 4


def test_wrong_content_is_never_kept(hub: FakeHub, lvlm: str, tmp_path: Path) -> None:
    right = hub.datasets["GenIntelLab/SOCO-LVLM"].commits[lvlm][TABLES[0]]
    wrong = right[:-1] + b"?"
    hub.trouble = lambda seen: Trouble(content=wrong) if seen.from_storage else None
    with pytest.raises(StoppedError, match=r"_img\.tsv came broken twice.*checksum"):
        get(hub, tmp_path / "data", settings=("vis",))
    assert files_below(tmp_path / "data").keys() == {"README.md", "download.json"}
    hub.trouble = lambda seen: (
        Trouble(content=wrong) if seen.from_storage and seen.before == 2 else None
    )
    got = get(hub, tmp_path / "data", settings=("vis",))  # a passing fault is mended at once
    assert any("not the file of this commit" in line for line in got.notes.lines)
    assert (tmp_path / "data" / TABLES[0]).read_bytes() == right


def test_more_bytes_than_stated_are_not_written(hub: FakeHub, lvlm: str, tmp_path: Path) -> None:
    right = hub.datasets["GenIntelLab/SOCO-LVLM"].commits[lvlm][TABLES[0]]
    hub.trouble = lambda seen: (
        Trouble(content=right + b"x" * 300_000) if seen.from_storage else None
    )
    get(hub, tmp_path / "data", settings=("vis",))
    assert (tmp_path / "data" / TABLES[0]).read_bytes() == right


def test_a_damaged_beginning_on_disk_costs_one_more_fetch(
    hub: FakeHub, lvlm: str, tmp_path: Path
) -> None:
    hub.trouble = lambda seen: Trouble(cut=900) if seen.path.endswith("_img.tsv") else None
    hub.trouble = lambda seen: (
        Trouble(short=0 if seen.before else 900) if seen.path.endswith("_img.tsv") else None
    )
    with pytest.raises(StoppedError):
        get(hub, tmp_path / "data", settings=("vis",))
    (part,) = (tmp_path / "data" / "SOCO_LVLM").glob("*.part")
    part.write_bytes(b"?" * 900)
    hub.trouble = lambda seen: None
    get(hub, tmp_path / "data", settings=("vis",))
    right = hub.datasets["GenIntelLab/SOCO-LVLM"].commits[lvlm][TABLES[0]]
    assert (tmp_path / "data" / TABLES[0]).read_bytes() == right


def test_a_file_that_was_changed_afterwards_is_named_and_left_alone(
    hub: FakeHub, lvlm: str, tmp_path: Path
) -> None:
    get(hub, tmp_path / "data")
    table = tmp_path / "data" / TABLES[0]
    table.write_bytes(b"mine")
    with pytest.raises(InputError, match=rf"{TABLES[0]} is not the file of commit {lvlm}.*delete"):
        get(hub, tmp_path / "data")
    assert table.read_bytes() == b"mine"
    table.unlink()
    get(hub, tmp_path / "data")
    assert table.read_bytes() != b"mine"


def test_files_that_were_fetched_by_hand_are_taken(hub: FakeHub, lvlm: str, tmp_path: Path) -> None:
    content = hub.datasets["GenIntelLab/SOCO-LVLM"].commits[lvlm]
    (tmp_path / "data" / "SOCO_LVLM").mkdir(parents=True)
    (tmp_path / "data" / TABLES[1]).write_bytes(content[TABLES[1]])
    got = get(hub, tmp_path / "data")
    assert got.outcome.fetched == sum(map(len, content.values())) - len(content[TABLES[1]])
    assert hub.fetched(TABLES[1]) == []


@pytest.mark.parametrize(
    ("trouble", "kind", "said"),
    [
        (Trouble(401, "RepoNotFound"), InputError, r"shows no dataset .*\(401\).*HF_TOKEN"),
        (Trouble(404, "RepoNotFound"), InputError, r"shows no dataset .*\(404\)"),
        (Trouble(401), InputError, r"does not accept the access token \(401\)"),
        (Trouble(403, "GatedRepo"), InputError, r"\(403\)\. Accept its conditions at .*HF_TOKEN"),
        (Trouble(401, "GatedRepo"), InputError, r"\(401\)\. Accept its conditions"),
        (Trouble(403), InputError, r"not open to this account"),
        (Trouble(400), InputError, r"refuses what is asked .*\(400, "),
        (Trouble(429, headers={"Retry-After": "400"}), StoppedError, r"429.*after 400 s"),
        (Trouble(500), StoppedError, r"out of order \(500\).*same command"),
        (Trouble(200, body=b"<html>Log in</html>"), InputError, r"not answer as a hub.*login page"),
        (Trouble(200, body=b'{"id": "x"}'), InputError, r"not answer as a hub"),
        (Trouble(200, body=b"[]"), InputError, r"not answer as a hub"),
    ],
)  # fmt: skip
def test_each_refusal_is_one_line(
    hub: FakeHub,
    lvlm: str,
    tmp_path: Path,
    trouble: Trouble,
    kind: type[Exception],
    said: str,
) -> None:
    hub.trouble = lambda seen: trouble
    with pytest.raises(kind, match=said) as first:
        get(hub, tmp_path / "data")
    assert not (tmp_path / "data").exists()
    hub.trouble = lambda seen: None
    get(hub, tmp_path / "data", settings=("vis",))
    if trouble.status != 200:  # and the same in the middle
        hub.trouble = lambda seen: trouble
        with pytest.raises(kind) as second:
            get(hub, tmp_path / "data")
        assert "\n" not in str(second.value)
        assert CANARY not in str(second.value)
    assert "\n" not in str(first.value)
    assert CANARY not in str(first.value)


def test_a_pause_that_the_hub_asks_for_is_kept(
    hub: FakeHub, lvlm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(fetching.time, "sleep", slept.append)
    hub.trouble = lambda seen: (
        Trouble(429, headers={"Retry-After": "77"})
        if "/resolve/" in seen.path and seen.path.endswith("_img.tsv") and not seen.before
        and not seen.from_storage else None
    )  # fmt: skip
    get(hub, tmp_path / "data")
    assert slept == [77.0]


def test_a_release_in_a_new_shape_is_refused_before_anything_is_fetched(
    hub: FakeHub, tmp_path: Path
) -> None:
    dataset = hub.datasets["GenIntelLab/SOCO-LVLM"] = Dataset()
    dataset.commit({"README.md": b"#", "tables/a.parquet": b"1"})
    with pytest.raises(InputError, match=r"has no soco_lvlm_img\.tsv.*it has README\.md, tables/a"):
        get(hub, tmp_path / "data")
    hub.datasets["GenIntelLab/SOCO"] = Dataset()
    hub.datasets["GenIntelLab/SOCO"].commit({"Images.zip": b"1"})
    with pytest.raises(InputError, match=r"has no PairAnnotations\.zip; it has Images\.zip"):
        get(hub, tmp_path / "data", SOCO)
    hub.datasets["GenIntelLab/SOCO"].commit({"SOCOv1": b"1", "x/Images/a.JPEG": b"1"})
    with pytest.raises(InputError, match=r"has no PairAnnotations\.zip; it has SOCOv1, x/Images"):
        get(hub, tmp_path / "data", SOCO)
    assert not (tmp_path / "data").exists()


def test_names_that_lead_elsewhere_are_no_files_of_a_release(
    hub: FakeHub, lvlm: str, soco: str, tmp_path: Path
) -> None:
    dataset = hub.datasets["GenIntelLab/SOCO"]
    files = dict(dataset.commits[soco])
    files["Metadata/../../../evil.json"] = b"{}"
    files["Metadata//etc/evil.json"] = b"{}"
    files["Metadata/c:evil.json"] = b"{}"
    dataset.commit(files)
    got = get(hub, tmp_path / "deep" / "data", SOCO)
    assert not any("evil" in file.path for file in got.outcome.files)
    assert not list(tmp_path.rglob("*evil*"))


def test_verified_means_by_sha256_or_as_a_git_blob(tmp_path: Path) -> None:

    path = tmp_path / "file"
    path.write_bytes(b"hello\n")
    blob = "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object of that file
    assert fetching.has_content(path, HubFile("file", 6, git_sha1=blob))
    assert not fetching.has_content(path, HubFile("file", 6, git_sha1=blob[::-1]))
    right = hashlib.sha256(b"hello\n").hexdigest()
    assert fetching.has_content(path, HubFile("file", 6, sha256=right))
    assert not fetching.has_content(path, HubFile("file", 6, sha256=right[::-1]))
    assert not fetching.has_content(path, HubFile("file", 7, sha256=right))

"""Downloads through the real command line, in processes of their own."""

import io
import json
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hub_releases import CANARY, TABLES, environment, files_below, get, lvlm_eval
from hub_serving import FakeHub, Seen, Trouble
from rich.console import Console

from lvlm_eval.cli import run_command_line
from lvlm_eval.datasets import open_dataset
from lvlm_eval.errors import StoppedError
from lvlm_eval.report.transfer import TransferBar


def test_soco_is_fetched_unpacked_and_runs(hub: FakeHub, soco: str, tmp_path: Path) -> None:
    done = lvlm_eval(hub, "download", "soco", cwd=tmp_path)
    assert "data/soco is complete: " in done.stdout
    assert soco in done.stdout
    command = done.stdout.splitlines()[-1].removeprefix("Next: lvlm-eval ")
    assert command == "run --model random++ --data data/soco"
    there = files_below(tmp_path / "data" / "soco")
    record = json.loads(there.pop("download.json"))
    expected = files_below(tmp_path / "original")
    assert there == {**expected, "README.md": b"# SOCO"}
    assert (record["repository"], record["revision"], record["commit"]) == (
        "GenIntelLab/SOCO", "main", soco,
    )  # fmt: skip
    assert {file["path"]: file["size"] for file in record["files"]} == {
        name: len(content)
        for name, content in hub.datasets["GenIntelLab/SOCO"].commits[soco].items()
        if name != ".gitattributes"
    }
    run = lvlm_eval(hub, *command.split(), "--json", cwd=tmp_path)
    assert json.loads(run.stdout)["settings"]["vis"]["rows"] == 24
    assert json.loads(run.stdout)["place"].startswith("results/random-plus-plus-soco-")
    everything = b"".join(files_below(tmp_path / "data").values()).decode(errors="replace")
    assert CANARY not in everything


def test_tables_are_fetched_and_run(hub: FakeHub, lvlm: str, tmp_path: Path) -> None:
    done = lvlm_eval(hub, "download", "soco-lvlm", "--json", cwd=tmp_path)
    document = json.loads(done.stdout)
    assert document["folder"] == "data/soco-lvlm"
    assert (document["revision"], document["commit"]) == ("main", lvlm)
    served = hub.datasets["GenIntelLab/SOCO-LVLM"].commits[lvlm]
    assert {file["path"]: file["size"] for file in document["files"]} == {
        name: len(content) for name, content in served.items()
    }
    assert document["bytes"] == document["fetched_bytes"] == sum(map(len, served.values()))
    assert document["file_count"] == 4
    run = lvlm_eval(
        hub, "run", "--model", "random", "--data", "data/soco-lvlm", "--json", cwd=tmp_path
    )
    assert json.loads(run.stdout)["settings"]["desc"]["rows"] == 8
    # The second time everything is there, and the hub is not needed.
    asked = len(hub.seen)
    again = lvlm_eval(hub, "download", "soco-lvlm", "--json", cwd=tmp_path, HF_HUB_OFFLINE="1")
    assert json.loads(again.stdout) == {**document, "fetched_bytes": 0}
    assert len(hub.seen) == asked


def test_ctrl_c_leaves_what_came_and_the_same_command_goes_on(
    hub: FakeHub, lvlm: str, tmp_path: Path
) -> None:
    sent, release = threading.Event(), threading.Event()

    def trouble(seen: Seen) -> Trouble | None:
        if seen.from_storage and seen.path.endswith("_img.tsv") and not seen.before:
            sent.set()
            return Trouble(cut=1500, wait=release)
        return None

    hub.trouble = trouble
    words = [sys.executable, "-m", "lvlm_eval", "download", "soco-lvlm"]
    process = subprocess.Popen(
        words, cwd=tmp_path, env=environment(hub, tmp_path / "home"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert sent.wait(60)
    parts = tmp_path / "data" / "soco-lvlm" / "SOCO_LVLM"
    while not any(path.stat().st_size == 1500 for path in parts.glob("*_img.tsv.*.part")):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    release.set()
    assert process.returncode == 4
    assert out == ""
    assert "stopped by SIGINT" in err
    assert "the same command goes on" in err
    assert "Traceback" not in err
    lvlm_eval(hub, *words[3:], cwd=tmp_path)
    asked = [one.range for one in hub.fetched(TABLES[0]) if one.from_storage]
    assert asked == ["", "bytes=1500-"]
    there = files_below(tmp_path / "data" / "soco-lvlm")
    assert there.keys() == {"README.md", "download.json", *TABLES}
    for name, content in hub.datasets["GenIntelLab/SOCO-LVLM"].commits[lvlm].items():
        assert there[name] == content


def test_killed_while_it_waits_goes_on_where_it_was(
    hub: FakeHub, lvlm: str, tmp_path: Path
) -> None:
    sent, release = threading.Event(), threading.Event()

    def trouble(seen: Seen) -> Trouble | None:
        if seen.from_storage and seen.path.endswith("_imgtxt.tsv") and not seen.before:
            sent.set()
            return Trouble(cut=2000, wait=release)
        return None

    hub.trouble = trouble
    words = ("download", "soco-lvlm", "--out", "here")
    process = subprocess.Popen(
        [sys.executable, "-m", "lvlm_eval", *words], cwd=tmp_path,
        env=environment(hub, tmp_path / "home"),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert sent.wait(60)
    parts = tmp_path / "here" / "SOCO_LVLM"
    while not any(path.stat().st_size == 2000 for path in parts.glob("*_imgtxt.tsv.*.part")):
        assert process.poll() is None
    process.kill()
    process.wait(60)
    release.set()
    before = {name: len(hub.fetched(name)) for name in ("README.md", *TABLES)}
    lvlm_eval(hub, *words, cwd=tmp_path)
    assert [one.range for one in hub.fetched(TABLES[1])][-1] == "bytes=2000-"
    finished = [name for name in before if before[name] and name != TABLES[1]]
    assert finished  # small files come first
    assert all(len(hub.fetched(name)) == before[name] for name in finished)
    open_dataset(str(tmp_path / "here"))


def test_without_the_client_one_line_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['huggingface_hub'] = None\n"
        "sys.argv = ['lvlm-eval', 'download', 'soco']\n"
        "from lvlm_eval.cli import run_command_line; sys.exit(run_command_line())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "pip install 'lvlm-eval[hub]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_fake_hub_is_one_for_the_clients_own_download(
    hub: FakeHub, lvlm: str, tmp_path: Path
) -> None:
    """If it speaks to ``snapshot_download``, it speaks as the real one does."""
    code = (
        "from huggingface_hub import snapshot_download as get\n"
        "get('GenIntelLab/SOCO-LVLM', repo_type='dataset', local_dir='theirs')"
    )
    subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True,
        env=environment(hub, tmp_path / "home", HF_HUB_DISABLE_XET="1"),
    )  # fmt: skip
    get(hub, tmp_path / "ours")
    for name, content in hub.datasets["GenIntelLab/SOCO-LVLM"].commits[lvlm].items():
        assert (tmp_path / "theirs" / name).read_bytes() == content
        assert (tmp_path / "ours" / name).read_bytes() == content


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("soko",), "Did you mean 'soco'"),
        (("soco", "--setting", "vis"), "--setting chooses among the tables of soco-lvlm"),
        (("soco-lvlm", "--setting", "visual"), "Did you mean 'vis'"),
        (("soco", "--out", "file"), "file is a file"),
        (("soco", "--out", "file/below"), "file is a file"),
    ],
)
def test_wrong_words_end_in_one_line_and_leave_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    monkeypatch.setattr(sys, "argv", ["lvlm-eval", "download", *words])
    assert run_command_line() == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert said in line
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_offline_is_one_line(hub: FakeHub, tmp_path: Path) -> None:
    done = lvlm_eval(hub, "download", "soco", cwd=tmp_path, status=2, HF_HUB_OFFLINE="1")
    (line,) = done.stderr.splitlines()
    assert "HF_HUB_OFFLINE is set" in line
    assert "copy the folder to data/soco" in line
    assert hub.seen == []
    assert not (tmp_path / "data").exists()


def test_a_hub_that_is_not_there_is_one_line(hub: FakeHub, tmp_path: Path) -> None:
    away = lvlm_eval(
        hub, "download", "soco", cwd=tmp_path, status=4,
        HF_ENDPOINT="http://user:secret@no-such-host.invalid",
    )  # fmt: skip
    (line,) = away.stderr.splitlines()
    assert "http://no-such-host.invalid cannot be reached (ConnectError" in line
    assert "the same command goes on" in line
    assert "secret" not in line
    assert not (tmp_path / "data").exists()
    hub.url = "http://127.0.0.1:9"
    with pytest.raises(StoppedError, match=r"127\.0\.0\.1:9 cannot be reached.*refused"):
        get(hub, tmp_path / "data")
    hub.url = "no address"
    with pytest.raises(StoppedError, match=r"no address cannot be reached"):
        get(hub, tmp_path / "data")


def test_a_terminal_gets_bars_and_a_log_gets_lines(capsys: pytest.CaptureFixture[str]) -> None:
    shown = io.StringIO()
    for terminal in (True, False):
        with TransferBar() as bar:
            if terminal:
                bar.console = Console(file=shown, force_terminal=True, width=90)
            bar.start("table.tsv", 2_000_000, 500_000, "bytes")
            bar.set(2_000_000)
            bar.note("a line [1/2]")
            bar.start("unpacking Images.zip", 6, 0, "files")
            bar.set(6)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.getvalue())
    assert re.search(r"table\.tsv ━+ 2\.0/2\.0 MB", plain)
    assert re.search(r"unpacking Images\.zip ━+ 6/6 files", plain)
    assert "a line [1/2]" in plain
    assert capsys.readouterr().err.splitlines() == [
        "table.tsv: 2.0 MB, 500.0 kB there",
        "a line [1/2]",
        "unpacking Images.zip: 6 files",
    ]

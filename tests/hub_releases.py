"""Tiny releases for a hub on the loopback, and two ways to download them."""

import io
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

from hub_serving import FakeHub
from making import write_tables, write_tree

from lvlm_eval.download.downloading import Order, Outcome, download
from lvlm_eval.download.hub import Hub
from lvlm_eval.download.releases import RELEASES

SOCO, LVLM = RELEASES["soco"], RELEASES["soco-lvlm"]
CANARY = "hf_canarycanarycanary"
TABLES = tuple(f"SOCO_LVLM/soco_lvlm_{ending}.tsv" for ending in ("img", "imgtxt", "txt"))


class Notes:
    """Keeps what a download tells."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.started: list[tuple[str, int, int]] = []

    def note(self, line: str) -> None:
        self.lines.append(line)

    def start(self, what: str, total: int, done: int, unit: str) -> None:
        self.started.append((what, total, done))

    def set(self, done: int) -> None:
        pass


class Got(NamedTuple):
    outcome: Outcome
    notes: Notes


def zipped(folder: Path, above: str = "", extra: dict[str, bytes] | None = None) -> bytes:
    """A zip of a folder's files, as a Mac would write it, each below ``above``."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            place = path.relative_to(folder)
            if path.is_dir():
                archive.writestr(f"{above}{place.as_posix()}/", b"")
            else:
                archive.writestr(above + place.as_posix(), path.read_bytes())
                hidden = (place.parent / f"._{path.name}").as_posix()
                archive.writestr(f"__MACOSX/{above}{hidden}", b"for a Mac alone")
        for name, content in (extra or {}).items():
            archive.writestr(name, content)
    return stream.getvalue()


def soco_files(tree: Path, above: str = "", prefix: str = "") -> dict[str, bytes]:
    """The files of a repository as the release has them; ``above`` is inside the archives."""
    write_tree(tree, images=3, taxonomy={"instances": []})
    shutil.copytree(tree / "PairAnnotations" / "intra", tree / "KeypointAnnotations")
    files = {".gitattributes": b"*.zip lfs", "README.md": b"# SOCO"}
    for part in ("Images", "KeypointAnnotations", "PairAnnotations"):
        inner = f"{above}{part}/" if above != "bare" else ""
        files[f"{prefix}{part}.zip"] = zipped(tree / part, inner)
    files[f"{prefix}Metadata/keypoint_taxonomy.json"] = b'{"instances": []}'
    return files


def table_files(folder: Path) -> dict[str, bytes]:
    write_tables(folder)
    files = {f"SOCO_LVLM/{path.name}": path.read_bytes() for path in sorted(folder.iterdir())}
    return {"README.md": b"# SOCO-LVLM", **files}


def get(hub: FakeHub, folder: Path, release: Any = LVLM, **wanted: Any) -> Got:
    notes = Notes()
    order = Order(release, folder, **wanted)
    return Got(download(order, Hub(release.repository, endpoint=hub.url), notes), notes)


def environment(hub: FakeHub, home: Path, **changed: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return {
        **kept, "HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_TOKEN": CANARY, "COLUMNS": "100",
        "HF_HUB_DISABLE_TELEMETRY": "1", **changed,
    }  # fmt: skip


def lvlm_eval(
    hub: FakeHub, *words: object, cwd: Path, status: int = 0, **changed: str
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "lvlm_eval", *map(str, words)],
        cwd=cwd, env=environment(hub, cwd / "home", **changed),
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == status, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    assert CANARY not in done.stdout + done.stderr
    if status:
        assert done.stderr.splitlines()[-1].startswith("lvlm-eval: ")
    return done


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }

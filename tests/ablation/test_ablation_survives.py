"""A grid that is killed again and again asks nothing twice, draws nothing twice, and ends alike."""

import hashlib
import random
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from commands import command
from drawing_counter import DrawingCounter, stored
from serving import Reply, Seen, Server, serving

from lvlm_eval.ablation.plan import AblationPlan
from lvlm_eval.ablation.preparing import prepare
from lvlm_eval.runs.folder import read_predictions
from lvlm_eval.runs.jobs import OpenedData

CONCURRENCY = 4
GRID = {
    "marker.shape": ("arrow", "circle", "square"),
    "prompt": ("soco", "short"),
    "protocol": ("options", "markers"),
}
Key = tuple[str, tuple[str, ...]]
"""Text and pictures of a request; two cells can have the same one."""


def behave(seen: Seen, before: int) -> Reply:
    number = int(seen.key, 16)
    time.sleep(0.001 * (number % 7))
    return Reply(text="Answer: " + "ABCD"[number % 4])


def key_of(seen: Seen) -> Key:
    return seen.text, tuple(hashlib.sha256(image).hexdigest() for image in seen.images)


def rows(limit: int) -> dict[tuple[str, str], Key]:
    """Folder and id of every row of the grid → its request."""
    plan = AblationPlan(
        models=("openai:m",), limit=limit, base={"setting": "vis"}, grid=GRID,
        arguments={"base_url": "http://127.0.0.1:1/v1"},
    )  # fmt: skip
    found = {}
    for run in prepare(plan, Path("none"), lambda line: None, OpenedData("sample")).runs:
        for question in run.source.questions[:limit]:
            for ask in run.source.asks(question, "vis"):
                request = run.source.request(ask)
                pictures = tuple(picture.sha256 for picture in request.pictures)
                found[run.folder.name, ask.id] = request.text, pictures
    return found


def unanswered(out: Path, all_rows: dict[tuple[str, str], Key]) -> Counter[Key]:
    there = {
        (folder, id)
        for folder in {name for name, _ in all_rows}
        for id, one in read_predictions(out / folder).by_id.items()
        if one.status == "ok"
    }
    return Counter(key for row, key in all_rows.items() if row not in there)


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "kills"), [(1, 1), (25, 12)])
def test_killed_again_and_again(tmp_path: Path, limit: int, kills: int) -> None:
    all_rows, chance = rows(limit), random.Random(kills)
    assert len(all_rows) == 12 * limit * 4
    folder = tmp_path / "killed"
    folder.mkdir()
    counter, out = DrawingCounter(folder), folder / "grid"
    with serving(behave) as server:
        words = _words(server, limit)
        drawn_twice = 0
        for number in range(kills + 1):
            pending, sent = unanswered(out, all_rows), len(server.seen)
            on_disk, drawn = stored(out / ".pictures"), counter.drawn()
            if number < kills:
                share = (number + chance.random()) / kills
                _killed(words, folder, counter, server, round(share * 0.8 * len(all_rows)))
            else:
                done = subprocess.run(
                    words, cwd=folder, env=counter.environment, capture_output=True, text=True,
                    timeout=600,
                )  # fmt: skip
                assert done.returncode == 0, done.stderr
            asked = Counter(key_of(seen) for seen in server.seen[sent:])
            assert not asked - pending, "an answer that is on disk was asked again"
            new = counter.drawn() - drawn
            assert set(new.values()) <= {1}, "a picture was drawn twice in one call"
            assert not set(new) & on_disk, "a picture that is on disk was drawn again"
            drawn_twice += len(set(new) & set(drawn))
            if number == kills - 1:
                assert 0 < unanswered(out, all_rows).total() < len(all_rows)
    # Only what was being drawn, or on its way to the disk, when a kill came.
    assert drawn_twice <= kills * 4 * (CONCURRENCY + 8)
    assert not unanswered(out, all_rows)
    assert not (out / ".pictures").exists()
    (tmp_path / "undisturbed").mkdir()
    undisturbed = DrawingCounter(tmp_path / "undisturbed")
    with serving(behave) as server:
        subprocess.run(
            _words(server, limit), cwd=tmp_path / "undisturbed", env=undisturbed.environment,
            check=True, capture_output=True, timeout=600,
        )  # fmt: skip
        assert Counter(key_of(seen) for seen in server.seen) == Counter(all_rows.values())
    other = tmp_path / "undisturbed" / "grid"
    assert set(undisturbed.drawn().values()) == {1}
    assert set(undisturbed.drawn()) == set(counter.drawn()) == _pictures(all_rows)
    assert (out / "ablation.json").read_bytes() == (other / "ablation.json").read_bytes()
    for name in {name for name, _ in all_rows}:
        for file in ("metrics.json", "questions.jsonl"):
            assert (out / name / file).read_bytes() == (other / name / file).read_bytes()
        assert _texts(out / name) == _texts(other / name)


def _words(server: Server, limit: int) -> list[str]:
    varied = [
        word for name, levels in GRID.items() for word in ("--vary", f"{name}={','.join(levels)}")
    ]
    return command(
        "ablate", "--model", "openai:m", "--model-arg", f'base_url="{server.url}"', "--limit",
        limit, "--setting", "vis", "--concurrency", CONCURRENCY, *varied, "--out", "grid",
    )  # fmt: skip


def _killed(
    words: list[str], folder: Path, counter: DrawingCounter, server: Server, enough: int
) -> None:
    process = subprocess.Popen(
        words, cwd=folder, env=counter.environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while len(server.seen) < enough and process.poll() is None:
        time.sleep(0.002)
    process.kill()
    process.wait(60)


def _pictures(all_rows: dict[tuple[str, str], Key]) -> set[str]:
    return {picture for _, pictures in all_rows.values() for picture in pictures}


def _texts(folder: Path) -> dict[str, str]:
    return {id: one.text for id, one in read_predictions(folder).by_id.items()}

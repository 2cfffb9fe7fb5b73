"""Photos and prompts in the browser of questions: drawn again, and only if they are the run's."""

import base64
import hashlib
import io
import json
import random
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib")

from commands import lvlm_eval
from making import write_tables, write_tree
from PIL import Image

from lvlm_eval.errors import InputError
from lvlm_eval.prompts import load_prompt, prompt_of_definition
from lvlm_eval.recorded_run import read_run
from lvlm_eval.records import Picture
from lvlm_eval.renderers import load_renderer, renderer_of_definition
from lvlm_eval.report.page import read_input, write_report
from lvlm_eval.report.page.browser import Browser, BrowserChoices
from lvlm_eval.report.page.browser.redrawing import Look
from lvlm_eval.report.page.browser.thumbnails import HEAD, SIDE, Thumbnails
from lvlm_eval.resources import available

LOOKING = '''
"""Looks at its pictures and says A."""
from lvlm_eval.records import Response

class Looking:
    settings = ("vis", "vis+desc", "desc")

    def answer(self, requests):
        for one in requests:
            assert one.images
            yield Response(one.id, "A")
'''


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    write_tree(folder / "tree")
    (folder / "looking.py").write_text(LOOKING)
    for protocol in ("options", "markers"):
        lvlm_eval("run", "--model", "looking.py", "--data", "tree", "--protocol", protocol,
                  "--out", protocol, cwd=folder)  # fmt: skip
    lvlm_eval("run", "--model", "random++", "--data", "tree", "--renderer", "red-circle",
              "--control", "no-markers", "--out", "control", cwd=folder)  # fmt: skip
    write_tables(folder / "tables")
    lvlm_eval("run", "--model", "looking.py", "--data", "tables", "--out", "written", cwd=folder)
    return folder


@pytest.fixture
def there(base: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(base)
    return base


def remade(folder: Path, setting: Any = "vis", data: str | None = None) -> Any:
    run = read_run(folder)
    return Look(run, data).remade(next(iter(run.questions)), setting, True)


@pytest.mark.parametrize(("run", "targets"), [("options", 1), ("markers", 4), ("written", 1)])
def test_pictures_are_those_that_were_sent(there: Path, run: str, targets: int) -> None:
    recorded = read_run(there / run)
    look = Look(recorded)
    for prediction in recorded.recorded.by_id.values():
        made = look.remade(prediction.question, prediction.setting, True)
        assert made.why == ""
        names = [picture.sha256 for picture in made.pictures[prediction.rotation]]
        assert tuple(names) == prediction.images != ()
        system, user = made.texts[prediction.rotation]
        digest = hashlib.sha256(f"{system or ''}\0{user}".encode()).hexdigest()
        assert digest == prediction.prompt_sha256
    assert len({names[-1].sha256 for names in remade(there / run).pictures}) == targets


def test_a_control_is_drawn_as_it_was(there: Path) -> None:
    made = remade(there / "control")
    (source, target), *others = made.pictures
    assert all(one == (source, target) for one in others)
    run = read_run(there / "control")
    info = next(iter(run.questions.values())).target
    assert info is not None
    plain = Image.open(there / "tree" / info.path).convert("RGB")
    assert target.image().tobytes() == plain.tobytes()  # nothing is marked


def moved(there: Path, to: Path) -> Path:
    shutil.copytree(there, to)
    return to


def test_other_photos_are_not_shown(there: Path, tmp_path: Path, monkeypatch: Any) -> None:
    base = moved(there, tmp_path / "moved")
    monkeypatch.chdir(base)
    for photo in (base / "tree" / "Images").rglob("*.JPEG"):
        image = Image.open(photo)
        image.load()
        image.transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(photo, "JPEG")
    drawn, unseen = remade(base / "options"), remade(base / "control")
    assert (drawn.pictures, unseen.pictures) == ((), ())
    assert drawn.why == "The pictures that the run sent are not those that are drawn now."
    assert unseen.why == "The photos are not at hand: those found are others than the run's."
    assert len(drawn.texts) == 4
    (base / "tables" / "soco_lvlm_img.tsv").write_text("changed")
    assert remade(base / "written").pictures == ()


def test_photos_that_are_gone(there: Path, tmp_path: Path, monkeypatch: Any) -> None:
    base = moved(there, tmp_path / "moved")
    (base / "tree").rename(base / "elsewhere")
    monkeypatch.chdir(base)
    gone = remade(base / "options")
    assert (gone.pictures, gone.why) == ((), "The photos are not at hand.")
    assert "Point A" in gone.texts[0][1]  # the prompt can be written all the same
    assert len(remade(base / "options", data="elsewhere").pictures) == 4
    shutil.rmtree(base / "tables")
    assert remade(base / "written").texts == ()


def test_a_changed_prompt_is_not_shown(there: Path) -> None:
    run = read_run(there / "options")
    prompt = {**run.identity["prompt"], "answer": "Say it."}
    changed = replace(
        run, manifest=replace(run.manifest, identity={**run.identity, "prompt": prompt})
    )
    made = Look(changed).remade(next(iter(run.questions)), "vis", True)
    assert (made.texts, made.why) == ((), "The run sent another text than this version writes.")


def test_python_in_a_manifest_is_not_run(there: Path, tmp_path: Path) -> None:
    run = read_run(there / "options")
    trap = f"open({str(tmp_path / 'ran')!r}, 'w')"
    for part in ({"prompt": {"name": "p", "python": trap}}, {"renderer": {"source": trap}}):
        manifest = replace(run.manifest, identity={**run.identity, **part})
        made = Look(replace(run, manifest=manifest)).remade(next(iter(run.questions)), "vis", True)
        assert (made.texts, made.pictures) == ((), ())
        assert "Python file" in made.why
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("part", ["prompt", "renderer", "questions", "rotations", "protocol"])
@pytest.mark.parametrize("value", [None, {}, {"style": 3}, ["x"], -1])
def test_odd_manifests_show_no_photo(there: Path, part: str, value: Any) -> None:
    run = read_run(there / "options")
    manifest = replace(run.manifest, identity={**run.identity, part: value})
    made = Look(replace(run, manifest=manifest)).remade(next(iter(run.questions)), "vis", True)
    if part == "questions" and isinstance(value, dict):
        assert len(made.pictures) == 4  # how they were drawn does not matter: they are recorded
        return
    assert made.pictures == ()
    assert made.why.endswith(".")


def test_definitions_make_the_same_again() -> None:
    for found in available("renderers"):
        one = load_renderer(found.name)
        if one.style is not None:
            recorded = json.loads(json.dumps({"name": one.name, **one.definition()}))
            assert renderer_of_definition(recorded).definition() == one.definition()
    for found in available("prompts"):
        if found.path.suffix == ".toml":
            prompt = load_prompt(found.name)
            recorded = json.loads(json.dumps({"name": prompt.name, **prompt.definition}))
            assert prompt_of_definition(recorded).definition == prompt.definition
    with pytest.raises(InputError, match="recorded prompt"):
        prompt_of_definition({"python": "x = 1"})
    with pytest.raises(InputError, match="recorded renderer"):
        renderer_of_definition({"source": "x = 1"})


def noise(number: int, size: tuple[int, int]) -> Picture:
    signs = random.Random(number).randbytes(3 * size[0] * size[1])
    stream = io.BytesIO()
    Image.frombytes("RGB", size, signs).save(stream, "PNG")
    data = stream.getvalue()
    return Picture(data, "image/png", size, hashlib.sha256(data).hexdigest())


def placed(photos: Any, room: int) -> Any:
    made = Thumbnails()
    for name in made.make([noise(0, (900, 600)), noise(1, (100, 50)), noise(2, (300, 641))]):
        made.number(name)
    assert made.sizes == [(320, 213), (100, 50), (150, 320)]
    return made.placed(photos, room, "page_files")


def test_where_thumbnails_go() -> None:
    everything = placed("inside", 0)
    assert everything.inside == 3
    for address in everything.addresses:
        image = Image.open(io.BytesIO(base64.b64decode(address.removeprefix(HEAD))))
        assert image.format == "JPEG"
        assert max(image.size) <= SIDE
    first, second, third = (len(address) for address in everything.addresses)
    assert placed("auto", first + second + third + 9).inside == 3
    some = placed("auto", first + second + 6)
    assert [one.startswith(HEAD) for one in some.addresses] == [True, True, False]
    assert list(some.files) == [some.addresses[2]]
    beside = placed("beside", 10**9)
    assert beside.inside == 0
    assert all(re.fullmatch("page_files/[0-9a-f]{32}.jpg", one) for one in beside.files)


def policy(page: Path) -> str:
    found = re.search("img-src [^;]*", page.read_text(encoding="utf-8"))
    assert found
    return found[0]


def page_of(there: Path, page: Path, **choices: Any) -> Any:
    return write_report(
        [there / "options"], page, makers=[Browser(page, BrowserChoices(**choices))]
    )


def test_the_page_and_its_folder(there: Path, tmp_path: Path) -> None:
    inside, none = tmp_path / "inside.html", tmp_path / "none.html"
    assert page_of(there, inside).files == (inside,)
    assert policy(inside) == "img-src data:"
    page_of(there, none, photos="none")
    assert HEAD not in none.read_text()
    assert "Photos were left out" in none.read_text()


def test_photos_lie_beside_the_page(there: Path, tmp_path: Path) -> None:
    page = tmp_path / "far.html"
    done = page_of(there, page, photos="beside")
    assert policy(page) == "img-src data: 'self' file:"
    folder = tmp_path / "far_files"
    assert "This file and the folder far_files beside it" in page.read_text()
    assert sorted(done.files[1:]) == sorted(folder.iterdir())
    assert done.bytes == sum(one.stat().st_size for one in done.files)


def test_runs_asked_alike_share_pictures(there: Path, tmp_path: Path) -> None:
    shutil.copytree(there / "options", tmp_path / "again")
    data = []
    for folders in ([there / "options"], [there / "options", tmp_path / "again"]):
        browser = Browser(tmp_path / "page.html", BrowserChoices())
        section = browser.section(read_input(folders, makers=[browser]))
        assert section is not None
        data.append(section.data)
    assert data[0]["pictures"] == data[1]["pictures"]
    assert all(len(entry[3]) == 1 for entry in data[1]["entries"])


def test_the_same_runs_give_the_same_page(there: Path, tmp_path: Path) -> None:
    written: list[Sequence[bytes]] = []
    for _ in range(2):
        out = tmp_path / "page.html"
        write_report([there / "markers"], out, makers=[Browser(out, BrowserChoices())])
        written.append([out.read_bytes()])
    assert written[0] == written[1]

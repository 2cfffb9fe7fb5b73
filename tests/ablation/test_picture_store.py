"""Pictures on disk: found by what they show, checked when read, bounded in bytes."""

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from making import encoded_image

from lvlm_eval.drawing.mark import Mark
from lvlm_eval.pictures import PictureMaker, PictureStore, PictureTask
from lvlm_eval.pictures.task import draw
from lvlm_eval.renderers import Renderer, load_renderer, renderer_of_style

MOST = 10**9


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded_image((120, 90)))
    return path


def task_of(photo: Path, *labels: str) -> PictureTask:
    variants = tuple(
        tuple(Mark(one, 20 + 25 * i, 40) for i, one in enumerate(row)) for row in labels
    )
    return PictureTask(photo, photo.name, (120, 90), variants)


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> list[PictureTask]:
    """What was really drawn."""
    found: list[PictureTask] = []

    def noted(task: PictureTask, renderer: Renderer):
        found.append(task)
        return draw(task, renderer)

    monkeypatch.setattr("lvlm_eval.pictures.maker.draw", noted)
    return found


def test_what_one_maker_drew_another_finds(
    photo: Path, tmp_path: Path, drawings: list[PictureTask]
) -> None:
    renderer, store = load_renderer("red-arrow"), tmp_path / "store"
    first = PictureMaker(renderer, PictureStore(store, MOST)).pictures(task_of(photo, "ABCD"))
    more = task_of(photo, "ABCD", "BCDA", "CDAB")
    again = PictureMaker(load_renderer("red-arrow"), PictureStore(store, MOST)).pictures(more)
    assert again == draw(more, renderer)
    assert again[0] == first[0]
    assert [one.variants for one in drawings] == [
        task_of(photo, "ABCD").variants,
        task_of(photo, "BCDA", "CDAB").variants,
    ]


def test_a_key_is_what_is_seen(photo: Path, tmp_path: Path) -> None:
    renderer, store = load_renderer("red-arrow"), PictureStore(tmp_path / "store", MOST)
    task = task_of(photo, "ABCD")
    (key,) = store.keys(task, renderer)
    copy = photo.with_name("copy.jpg")
    copy.write_bytes(photo.read_bytes())
    assert store.keys(replace(task, path=copy), renderer) == (key,)
    assert renderer.style is not None
    marker = renderer.style.marker
    renamed = renderer.style.model_copy(
        update={"marker": marker.model_copy(update={"words": "thing"}), "description": "other"}
    )
    assert store.keys(task, renderer_of_style(renamed, "renamed")) == (key,)
    wider = renderer.style.model_copy(update={"marker": marker.model_copy(update={"width": 0.02})})
    others = {
        *store.keys(task, renderer_of_style(wider)),
        *store.keys(task, load_renderer("blue-arrow")),
        *store.keys(task_of(photo, "ABDC"), renderer),
        *store.keys(replace(task, variants=((Mark("A", 21, 40),),)), renderer),
    }
    photo.write_bytes(encoded_image((120, 90), (1, 2, 3)))
    others |= set(PictureStore(tmp_path / "store", MOST).keys(task, renderer))
    assert len(others) == 5
    assert key not in others
    assert store.keys(replace(task, path=tmp_path / "none.jpg"), renderer) == (None,)


@pytest.mark.parametrize("damage", [b"", b"{", b'{"media_type": 1}\nx', b"cut"])
def test_a_damaged_file_is_drawn_again(
    photo: Path, tmp_path: Path, damage: bytes, drawings: list[PictureTask]
) -> None:
    renderer, store = load_renderer("red-arrow"), PictureStore(tmp_path / "store", MOST)
    task = task_of(photo, "ABCD")
    whole = PictureMaker(renderer, store).pictures(task)
    (path,) = [one for one in (tmp_path / "store").rglob("*") if one.is_file()]
    path.write_bytes(path.read_bytes()[:-1] if damage == b"cut" else damage)
    assert PictureMaker(renderer, store).pictures(task) == whole
    assert PictureMaker(renderer, store).pictures(task) == whole
    assert len(drawings) == 2


def test_what_does_not_fit_is_not_kept_and_is_still_drawn(
    photo: Path, tmp_path: Path, drawings: list[PictureTask]
) -> None:
    renderer, task = load_renderer("red-arrow"), task_of(photo, "ABCD", "BCDA")
    size = max(len(one.data) for one in draw(task, renderer)) + 200
    store = PictureStore(tmp_path / "store", size)
    assert PictureMaker(renderer, store).pictures(task) == draw(task, renderer)
    assert store.full
    assert store.bytes_there() <= size
    assert [store.has(key) for key in store.keys(task, renderer) if key] == [True, False]
    PictureMaker(renderer, store).pictures(task)
    assert [len(one.variants) for one in drawings] == [2, 1]
    store.drop(key for key in store.keys(task, renderer) if key)
    assert store.bytes_there() == 0
    store.remove()
    assert not (tmp_path / "store").exists()


def test_a_store_that_cannot_be_written_is_no_error(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    renderer, task = load_renderer("red-arrow"), task_of(photo, "ABCD")
    store = PictureStore(tmp_path / "store", MOST)
    assert PictureMaker(renderer, store).pictures(task) == draw(task, renderer)
    assert store.full


def test_processes_start_only_for_what_is_not_stored(photo: Path, tmp_path: Path) -> None:
    renderer, store = load_renderer("red-arrow"), PictureStore(tmp_path / "store", MOST)
    maker = PictureMaker(renderer, store)
    tasks = [task_of(photo, "ABCD"), task_of(photo, "BCDA"), task_of(photo, "ABCD", "CDAB")]
    assert maker.to_draw(tasks) == 3
    maker.pictures(tasks[0])
    assert maker.to_draw(tasks) == 2
    maker.pictures(tasks[2])
    assert maker.to_draw(tasks) == 1
    assert PictureMaker(renderer).to_draw(tasks) == 3


def test_pictures_leave_room_for_answers(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renderer, task = load_renderer("red-arrow"), task_of(photo, "ABCD")
    free = shutil.disk_usage(tmp_path).free
    monkeypatch.setattr("lvlm_eval.pictures.store.BYTES_LEFT_FREE", 2 * free)
    store = PictureStore(tmp_path / "store", MOST)
    assert PictureMaker(renderer, store).pictures(task) == draw(task, renderer)
    assert store.full
    assert store.bytes_there() == 0


def test_what_is_forgotten_is_read_again(
    photo: Path, tmp_path: Path, drawings: list[PictureTask]
) -> None:
    renderer, task = load_renderer("red-arrow"), task_of(photo, "ABCD")
    maker = PictureMaker(renderer, PictureStore(tmp_path / "store", MOST))
    first = maker.pictures(task)
    maker.forget()
    again = maker.pictures(task)
    assert again == first
    assert again[0] is not first[0]
    assert len(drawings) == 1


def test_copies_of_a_photo_are_drawn_once_also_at_the_same_time(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renderer, store = load_renderer("red-arrow"), PictureStore(tmp_path / "store", MOST)
    drawings, together = [], threading.Barrier(8)
    tasks = []
    for number in range(8):
        copy = photo.with_name(f"{number}.jpg")
        copy.write_bytes(photo.read_bytes())
        tasks.append(replace(task_of(photo, "ABCD", "BCDA"), path=copy))

    def slow(task: PictureTask, renderer: Renderer):
        drawings.append(task)
        time.sleep(0.05)
        return draw(task, renderer)

    monkeypatch.setattr("lvlm_eval.pictures.maker.draw", slow)
    maker = PictureMaker(renderer, store)

    def pictures(task: PictureTask):
        together.wait(30)
        return maker.pictures(task)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(pictures, tasks))
    assert len(drawings) == 1
    assert found == [draw(tasks[0], renderer)] * 8

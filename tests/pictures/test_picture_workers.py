"""Drawing processes: the same pictures, whatever becomes of a process."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from making import encoded_image

from lvlm_eval.drawing.mark import Mark
from lvlm_eval.errors import InputError
from lvlm_eval.pictures import PictureMaker, PictureTask
from lvlm_eval.pictures.maker import FEWEST_TASKS
from lvlm_eval.pictures.task import draw
from lvlm_eval.pictures.workers import PictureWorkers
from lvlm_eval.records import Picture
from lvlm_eval.renderers import Renderer, load_renderer


def tasks(folder: Path, count: int) -> list[PictureTask]:
    found = []
    for number in range(count):
        path = folder / f"{number}.jpg"
        path.write_bytes(encoded_image((120 + number, 90), (number * 5 % 256, 100, 150)))
        variants = tuple(
            (Mark(a, 20 + number, 30), Mark(b, 80, 60)) for a, b in (("A", "B"), ("B", "A"))
        )
        found.append(PictureTask(path, path.name, (120 + number, 90), variants))
    return found


def children() -> set[int]:
    """Ids of the processes that this one has started and that are alive."""
    path = Path(f"/proc/self/task/{threading.get_native_id()}/children")
    return {int(word) for word in path.read_text().split()}


@pytest.mark.parametrize("name", ["red-arrow", "numbered-dots"])
def test_a_process_draws_the_same_pictures(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    renderer, here = load_renderer(name), list[PictureTask]()

    def draw_here(task: PictureTask, renderer: Renderer) -> tuple[Picture, ...]:
        here.append(task)
        return draw(task, renderer)

    monkeypatch.setattr("lvlm_eval.pictures.workers.draw", draw_here)
    with PictureWorkers(renderer, 2) as workers:
        assert workers.ready.wait(60)
        for task in tasks(tmp_path, 5):
            drawn = workers.draw(task)
            assert drawn == draw(task, renderer)
            assert len(drawn) == 2
            assert drawn[0].sha256 != drawn[1].sha256
    assert len(here) <= 1  # by the stand-in, that ends with its first drawing after the start
    assert not children()


def test_nobody_waits_for_processes_that_are_starting(tmp_path: Path) -> None:
    renderer = load_renderer("red-arrow")
    with PictureWorkers(renderer, 1) as workers:
        for child in children():
            os.kill(child, signal.SIGSTOP)
        for task in tasks(tmp_path, 3):
            assert workers.draw(task) == draw(task, renderer)
        assert not workers.ready.is_set()
    assert not children()


def test_what_cannot_be_drawn_is_said_in_the_same_words(tmp_path: Path) -> None:
    renderer = load_renderer("red-arrow")
    (task,) = tasks(tmp_path, 1)
    missing = PictureTask(tmp_path / "no.jpg", "no.jpg", (9, 9), task.variants)
    outside = PictureTask(task.path, "0.jpg", (900, 900), ((Mark("A", 500, 5),),))
    with PictureWorkers(renderer, 1) as workers:
        assert workers.ready.wait(60)
        assert workers.draw(task) == draw(task, renderer)
        for bad in (missing, outside):
            with pytest.raises(InputError) as here:
                draw(bad, renderer)
            with pytest.raises(InputError) as there:
                workers.draw(bad)
            assert str(there.value) == str(here.value)
        assert workers.draw(task) == draw(task, renderer)  # and goes on


def test_a_killed_process_costs_nothing(tmp_path: Path) -> None:
    renderer = load_renderer("red-arrow")
    maker = PictureMaker(renderer)
    with maker.working(FEWEST_TASKS):
        for number, task in enumerate(tasks(tmp_path, 12)):
            if number in (3, 7):
                for child in children():
                    os.kill(child, signal.SIGKILL)
            assert maker.pictures(task) == draw(task, renderer)
    assert not children()


def test_lost_processes_leave_the_work_to_this_one(tmp_path: Path) -> None:
    renderer = load_renderer("red-arrow")
    with PictureWorkers(renderer, 2) as workers:
        assert workers.ready.wait(60)
        for child in children():
            os.kill(child, signal.SIGKILL)
        for task in tasks(tmp_path, 5):
            assert workers.draw(task) == draw(task, renderer)


def test_few_tasks_and_a_python_renderer_start_no_process(tmp_path: Path) -> None:
    path = tmp_path / "plain.py"
    path.write_text("def draw(photo, marks):\n    return photo\n")
    with PictureMaker(load_renderer("red-arrow")).working(FEWEST_TASKS - 1):
        assert not children()
    with PictureMaker(load_renderer(str(path))).working(10_000):
        assert not children()


def test_no_process_outlives_a_killed_parent(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from lvlm_eval.pictures.workers import PictureWorkers\n"
        "from lvlm_eval.renderers import load_renderer\n"
        "with PictureWorkers(load_renderer('red-arrow'), 2) as workers:\n"
        "    print(*(one._process.pid for one in workers._all), flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        workers = [int(word) for word in parent.stdout.readline().split()]
        assert len(workers) == 2
        parent.kill()
    for _ in range(600):
        if not any(_alive(worker) for worker in workers):
            return
        time.sleep(0.05)
    pytest.fail(f"still alive: {workers}")


def _alive(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"

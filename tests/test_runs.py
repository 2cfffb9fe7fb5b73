"""Asking, recording, resuming: with adapters that behave and that do not."""

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from making import write_tables, write_tree

from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.models import Adapter
from lvlm_eval.models.registry import BuiltModel
from lvlm_eval.prices import Spending
from lvlm_eval.records import SETTINGS, Prediction, Request, Response, Setting
from lvlm_eval.runs import Job, Outcome, run
from lvlm_eval.runs.folder import read_manifest, read_predictions, read_questions
from lvlm_eval.runs.jobs import DrawingChoices, default_folder, open_source

Answer = Callable[[Sequence[Request]], Iterable[Response]]


class Scripted(Adapter):
    """Answers as the test says, and remembers what it was asked."""

    def __init__(self, answer: Answer | None = None, chunk: int | None = 5) -> None:
        self.chunk = chunk
        self.asked: list[str] = []
        self._answer = answer or (lambda rs: (Response(r.id, text="A") for r in rs))

    def answer(self, requests: Sequence[Request]) -> Iterable[Response]:
        for response in self._answer(requests):
            self.asked.append(response.id)
            yield response


class Silent:
    """A Watcher that keeps its notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.total = self.done = self.count = 0

    def start(self, total: int, done: int) -> None:
        self.total, self.done = total, done

    def answered(self, prediction: Prediction) -> None:
        self.count += 1

    def spent(self, spending: Spending) -> None:
        self.spending = spending

    def note(self, line: str) -> None:
        self.notes.append(line)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "tree", images=2)  # four questions, 48 rows in all settings


def job(
    tree: Path,
    folder: Path,
    adapter: Adapter | None = None,
    settings: tuple[Setting, ...] = SETTINGS,
    limit: int | None = None,
    **choices: Any,
) -> Job:
    source = open_source(str(tree), DrawingChoices(**choices), None)
    model = BuiltModel("scripted", adapter or Scripted(), {})
    return Job(source, model, settings, limit, folder)


def go(
    tree: Path, folder: Path, adapter: Adapter | None = None, **more: Any
) -> tuple[Outcome, Silent]:
    watcher = Silent()
    return run(job(tree, folder, adapter, **more), watcher), watcher


@pytest.mark.parametrize("chunk", [1, 5, 12, 1000, None])
def test_every_row_is_asked_once_and_recorded(
    tree: Path, tmp_path: Path, chunk: int | None
) -> None:
    adapter = Scripted(chunk=chunk)
    outcome, watcher = go(tree, tmp_path / "out", adapter)
    assert outcome == Outcome(planned=48, asked=48, failed=0)
    assert (watcher.total, watcher.done, watcher.count) == (48, 0, 48)
    assert set(Counter(adapter.asked).values()) == {1}
    by_id = read_predictions(tmp_path / "out").by_id
    assert set(by_id) == set(adapter.asked)
    questions = {q.id: q for q in read_questions(tmp_path / "out")}
    assert all(q.rows == {"vis": 4, "vis+desc": 4, "desc": 4} for q in questions.values())
    for prediction in by_id.values():
        question = questions[prediction.question]
        assert prediction.options[prediction.answer] == question.answer
        assert prediction.at is not None
        assert prediction.prompt_sha256 is not None


def test_requests_of_a_question_are_neighbours(tree: Path, tmp_path: Path) -> None:
    adapter = Scripted()
    go(tree, tmp_path / "out", adapter)
    order = [id.rsplit("/", 2)[0] for id in adapter.asked]
    assert [order[i] for i in range(0, 48, 12)] == list(dict.fromkeys(order))
    assert [id.rsplit("/", 2)[1:] for id in adapter.asked[:12]] == [
        [setting, str(rotation)] for setting in SETTINGS for rotation in range(4)
    ]


def test_images_are_recorded_where_they_were_looked_at(tree: Path, tmp_path: Path) -> None:
    def look_at_vis(requests: Sequence[Request]) -> Iterable[Response]:
        for request in requests:
            if request.setting == "vis":
                assert len(request.images) == 2
            yield Response(request.id, text="A")

    lazy = Scripted(look_at_vis, chunk=None)
    go(tree, tmp_path / "out", lazy)
    for prediction in read_predictions(tmp_path / "out").by_id.values():
        assert len(prediction.images) == (2 if prediction.setting == "vis" else 0)


def test_an_error_is_asked_again_and_nothing_else(tree: Path, tmp_path: Path) -> None:
    statuses = {"0": "error", "1": "refused", "2": "truncated", "3": "ok"}

    def mixed(requests: Sequence[Request]) -> Iterable[Response]:
        for request in requests:
            yield Response(request.id, text="A", status=statuses[request.id[-1]])  # type: ignore[arg-type]  # of the table above

    outcome, _ = go(tree, tmp_path / "out", Scripted(mixed))
    assert (outcome.asked, outcome.failed) == (48, 12)
    again = Scripted()
    outcome, watcher = go(tree, tmp_path / "out", again)
    assert (outcome.asked, outcome.failed) == (12, 0)
    assert (watcher.total, watcher.done) == (48, 36)
    assert all(id.endswith("/0") for id in again.asked)
    outcome, _ = go(tree, tmp_path / "out", Scripted())
    assert outcome.asked == 0


def test_a_run_grows_by_questions_and_settings(tree: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert go(tree, folder, settings=("vis",), limit=1)[0].asked == 4
    assert go(tree, folder, settings=("vis",), limit=3)[0].asked == 8
    outcome, watcher = go(tree, folder, settings=("desc",), limit=1)
    assert outcome.asked == 4
    assert any("holds 3 questions of earlier calls; all are scored" in n for n in watcher.notes)
    rows = [dict(question.rows) for question in read_questions(folder)]
    assert rows == [{"vis": 4, "desc": 4}, {"vis": 4}, {"vis": 4}]
    assert go(tree, folder)[0].asked == 48 - 16
    assert len((read_manifest(folder) or pytest.fail("no manifest")).recorded["calls"]) == 4


@pytest.mark.parametrize(
    ("choice", "complaint"),
    [
        ({"seed": 5}, r"dataset \(.*--seed.*\) is .* there and .* here"),
        ({"prompt": "short"}, r"prompt\.answer \(--prompt\) is"),
        ({"renderer": "red-circle"}, r"renderer\."),
        ({"protocol": "markers"}, r'protocol \(--protocol\) is "options" there and "markers" here'),
    ],
)
def test_a_folder_of_another_run_is_refused(
    tree: Path, tmp_path: Path, choice: dict[str, Any], complaint: str
) -> None:
    go(tree, tmp_path / "out", limit=1)
    with pytest.raises(InputError, match=rf"holds another run: .*{complaint}"):
        go(tree, tmp_path / "out", **choice)


def test_answers_without_a_manifest_are_refused(tree: Path, tmp_path: Path) -> None:
    go(tree, tmp_path / "out", limit=1)
    (tmp_path / "out" / "manifest.json").unlink()
    with pytest.raises(InputError, match="has answers but no manifest"):
        go(tree, tmp_path / "out")


def test_the_default_folder_depends_on_the_identity_alone(tree: Path, tmp_path: Path) -> None:
    one = job(tree, tmp_path, settings=("vis",), limit=2)
    same = job(tree, tmp_path / "elsewhere")
    other = job(tree, tmp_path, prompt="short")
    folders = [default_folder(j.source, j.model, "text") for j in (one, same, other)]
    assert folders[0] == folders[1] != folders[2]
    assert folders[0].parts[:-1] == ("results",)
    assert folders[0].name.startswith("scripted-tree-")


def test_an_adapter_that_raises_now_and_then_costs_only_those_rows(
    tree: Path, tmp_path: Path
) -> None:
    calls = []

    def shaky(requests: Sequence[Request]) -> Iterable[Response]:
        calls.append(len(requests))
        for place, request in enumerate(requests):
            if len(calls) == 2 and place == 3:
                raise ZeroDivisionError("half-way")
            yield Response(request.id, text="A")

    outcome, watcher = go(tree, tmp_path / "out", Scripted(shaky))
    assert (outcome.asked, outcome.failed) == (48, 2)
    errors = [p for p in read_predictions(tmp_path / "out").by_id.values() if p.status == "error"]
    assert all("ZeroDivisionError: half-way (test_runs.py:" in (p.error or "") for p in errors)
    assert sum("the model raised" in note for note in watcher.notes) == 1


def test_an_adapter_that_always_raises_is_stopped_early(tree: Path, tmp_path: Path) -> None:
    def broken(requests: Sequence[Request]) -> Iterable[Response]:
        raise RuntimeError("no such tensor")

    with pytest.raises(StoppedError, match=r"failed 3 times in a row .*no such tensor"):
        go(tree, tmp_path / "out", Scripted(broken))
    assert len(read_predictions(tmp_path / "out").by_id) == 15
    assert go(tree, tmp_path / "out", Scripted())[0].asked == 48


def test_rows_without_an_answer_are_errors(tree: Path, tmp_path: Path) -> None:
    def lazy(requests: Sequence[Request]) -> Iterable[Response]:
        return [Response(requests[0].id, text="A")]

    outcome, _ = go(tree, tmp_path / "out", Scripted(lazy, chunk=4))
    assert (outcome.asked, outcome.failed) == (48, 36)
    errors = {p.error for p in read_predictions(tmp_path / "out").by_id.values() if p.error}
    assert errors == {"the model gave no answer to this request"}


@pytest.mark.parametrize(
    ("answers", "complaint"),
    [
        (lambda rs: ["A"], "gave str, expected Response"),
        (lambda rs: None, "returned None, expected responses: is a yield missing"),  # type: ignore[arg-type,return-value]  # the mistake
        (lambda rs: [Response("x/vis/0", text="A")], "answered 'x/vis/0', which was not asked"),
        (lambda rs: [Response(rs[0].id)] * 2, "answered already"),
        (lambda rs: [Response(rs[0].id, text=3)], "text: Input should be a valid string"),  # type: ignore[arg-type]  # the mistake
        (lambda rs: [Response(rs[0].id, status="weird")], "status: Input should be 'ok'"),  # type: ignore[arg-type]  # the mistake
        (lambda rs: [Response(rs[0].id, seconds="fast")], "seconds: Input should be a valid"),  # type: ignore[arg-type]  # the mistake
        (lambda rs: [Response(rs[0].id, reasoning=["a"])], "reasoning: Input"),  # type: ignore[arg-type]  # the mistake
        (lambda rs: [Response(rs[0].id, usage={"x": object()})], "object is nothing that JSON"),
    ],
)
def test_adapters_that_break_the_contract_are_told(
    tree: Path, tmp_path: Path, answers: Answer, complaint: str
) -> None:
    class Careless(Adapter):
        def answer(self, requests: Sequence[Request]) -> Iterable[Response]:
            return answers(requests)

    with pytest.raises(InputError, match=complaint):
        go(tree, tmp_path / "out", Careless())


@pytest.mark.parametrize("chunk", [5, 12])
def test_a_broken_photo_is_an_error_of_its_questions_only(
    tree: Path, tmp_path: Path, chunk: int
) -> None:
    broken = tree / "Images/car/car_1.JPEG"
    broken.write_bytes(broken.read_bytes()[:100])
    adapter = Scripted(chunk=chunk)
    outcome, _ = go(tree, tmp_path / "out", adapter)
    by_id = read_predictions(tmp_path / "out").by_id
    failed = {p.question for p in by_id.values() if p.status == "error"}
    assert all(question.startswith("car/") for question in failed)
    assert outcome.failed == sum(p.status == "error" for p in by_id.values()) >= 16
    assert "car_1.JPEG" in next(p.error or "" for p in by_id.values() if p.status == "error")
    assert not any(id.startswith("car/") and by_id[id].images == () for id in adapter.asked)


def test_chunks_are_drawn_while_the_model_answers(tree: Path, tmp_path: Path) -> None:
    threads = set()

    def names(requests: Sequence[Request]) -> Iterable[Response]:
        threads.add(threading.current_thread().name)
        for request in requests:
            yield Response(request.id, text=str(len(request.pictures)))

    go(tree, tmp_path / "out", Scripted(names))
    assert threads == {"MainThread"}
    by_id = read_predictions(tmp_path / "out").by_id.values()
    assert all(p.text == str(1 if p.setting == "desc" else 2) for p in by_id)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("chunk", [5, None])
def test_a_signal_stops_cleanly_and_the_run_goes_on_later(
    tree: Path, tmp_path: Path, number: signal.Signals, chunk: int | None
) -> None:
    def interrupted(requests: Sequence[Request]) -> Iterable[Response]:
        for place, request in enumerate(requests):
            yield Response(request.id, text="A")
            if place == 2:
                os.kill(os.getpid(), number)
                time.sleep(30)  # ended by the signal

    before = signal.getsignal(number)
    with pytest.raises(StoppedError, match=f"stopped by {number.name}"):
        go(tree, tmp_path / "out", Scripted(interrupted, chunk=chunk))
    assert signal.getsignal(number) is before
    assert len(read_predictions(tmp_path / "out").by_id) == 3
    rest = Scripted()
    assert go(tree, tmp_path / "out", rest)[0].asked == 45


def test_a_full_disk_stops_the_run(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    from lvlm_eval.runs.folder import PredictionWriter

    write = PredictionWriter.write

    def full(self: PredictionWriter, prediction: Prediction) -> None:
        if prediction.id.endswith("/desc/2"):
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, prediction)

    monkeypatch.setattr(PredictionWriter, "write", full)
    with pytest.raises(StoppedError, match=r"disk of .* is full"):
        go(tree, tmp_path / "out")
    monkeypatch.undo()
    assert len(read_predictions(tmp_path / "out").by_id) == 10
    assert go(tree, tmp_path / "out")[0].asked == 38


def test_a_folder_that_cannot_be_made(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made"):
        go(tree, tmp_path / "file" / "out")


def test_the_manifest_says_what_was_asked_of_whom(tree: Path, tmp_path: Path) -> None:
    go(tree, tmp_path / "out", renderer="blue-arrow")
    identity = json.loads((tmp_path / "out" / "manifest.json").read_text())["identity"]
    assert identity["model"] == {"name": "scripted", "settings": {}}
    assert identity["questions"]["pairs_per_category"] == 20
    assert identity["prompt"]["templates"]["vis"].startswith("You see two photos")
    assert identity["renderer"]["style"]["marker"]["shape"] == "arrow"
    assert identity["rotations"] == 4
    assert "tree" not in json.dumps(identity)  # no path


def test_what_json_cannot_hold_is_made_to_fit(tree: Path, tmp_path: Path) -> None:
    def odd(requests: Sequence[Request]) -> Iterable[Response]:
        for request in requests:
            yield Response(
                request.id,
                text="B \ud83d",
                logprobs={"A": -0.5, "B": float("-inf"), "C": float("nan")},
                usage={"share": float("nan"), "parts": (1, 2)},
            )

    go(tree, tmp_path / "out", Scripted(odd), limit=1, settings=("desc",))
    read = read_predictions(tmp_path / "out")
    assert not read.unreadable
    for prediction in read.by_id.values():
        assert prediction.text == "B ?"
        assert prediction.logprobs == {"A": -0.5}
        assert prediction.usage == {"share": None, "parts": [1, 2]}


def test_a_model_that_exits_is_an_error_like_any_other(tree: Path, tmp_path: Path) -> None:
    def leave(requests: Sequence[Request]) -> Iterable[Response]:
        raise SystemExit(0)

    with pytest.raises(StoppedError, match="SystemExit"):
        go(tree, tmp_path / "out", Scripted(leave))


def test_looking_again_at_an_answered_request_changes_nothing(tree: Path, tmp_path: Path) -> None:
    def twice(requests: Sequence[Request]) -> Iterable[Response]:
        for request in requests:
            yield Response(request.id, text="A")
        assert len([request.text for request in requests[:3]]) == 3
        assert requests[0].options.pop("A")  # type: ignore[attr-defined]  # its own copy

    outcome, _ = go(tree, tmp_path / "out", Scripted(twice, chunk=None))
    assert outcome == Outcome(planned=48, asked=48, failed=0)
    by_id = read_predictions(tmp_path / "out").by_id
    assert all(set(one.options) == set("ABCD") for one in by_id.values())


def test_a_repaired_photo_goes_on_with_the_run(tree: Path, tmp_path: Path) -> None:
    photo = tree / "Images/car/car_1.JPEG"
    whole = photo.read_bytes()
    photo.write_bytes(whole[:100])
    # It is the source of one question (needed in two of three settings) and the target of another.
    assert go(tree, tmp_path / "out")[0].failed == 8 + 12
    photo.write_bytes(whole)
    assert go(tree, tmp_path / "out")[0] == Outcome(planned=48, asked=20, failed=0)
    photo.write_bytes(whole + b"\0")
    with pytest.raises(InputError, match=r"car_1\.JPEG has another content now than when"):
        go(tree, tmp_path / "out")


def test_a_changed_adapter_file_is_said(tree: Path, tmp_path: Path) -> None:
    first = job(tree, tmp_path / "out", limit=1)
    run(first, Silent())
    watcher = Silent()
    changed = BuiltModel("scripted", Scripted(), {}, code="0" * 64)
    run(Job(first.source, changed, SETTINGS, 1, tmp_path / "out"), watcher)
    assert any("scripted has changed since an earlier call" in note for note in watcher.notes)


def test_a_lazy_adapter_that_raises_loses_only_what_it_had_looked_at(
    tree: Path, tmp_path: Path
) -> None:
    calls = []

    def hiccup(requests: Sequence[Request]) -> Iterable[Response]:
        calls.append(len(requests))
        for place, request in enumerate(requests):
            if len(calls) == 1 and place == 3:
                raise OSError("hiccup")
            yield Response(request.id, text="A")

    outcome, _ = go(tree, tmp_path / "out", Scripted(hiccup, chunk=None))
    assert calls == [48, 44]
    assert (outcome.asked, outcome.failed) == (48, 1)


def test_rows_that_failed_before_come_last(tree: Path, tmp_path: Path) -> None:
    def first_fails(requests: Sequence[Request]) -> Iterable[Response]:
        for request in requests:
            yield Response(request.id, text="A", status="error")

    go(tree, tmp_path / "out", Scripted(first_fails), limit=1, settings=("vis",))
    adapter = Scripted()
    go(tree, tmp_path / "out", adapter, settings=("vis",))
    assert len(adapter.asked) == 16
    failed = [id for id in adapter.asked if id.startswith("bus/00001-")]
    assert adapter.asked[-4:] == failed


def test_a_swallowed_signal_still_stops_before_the_next_line(tree: Path, tmp_path: Path) -> None:
    def swallow(requests: Sequence[Request]) -> Iterable[Response]:
        for place, request in enumerate(requests):
            text = "A"
            if place == 2:
                try:
                    os.kill(os.getpid(), signal.SIGINT)
                    time.sleep(30)
                except BaseException:
                    text = "made up"
            yield Response(request.id, text=text)

    with pytest.raises(StoppedError, match="stopped by SIGINT"):
        go(tree, tmp_path / "out", Scripted(swallow))
    texts = {one.text for one in read_predictions(tmp_path / "out").by_id.values()}
    assert texts == {"A"}


def test_secrets_in_what_a_model_raises_are_not_written(tree: Path, tmp_path: Path) -> None:
    def leak(requests: Sequence[Request]) -> Iterable[Response]:
        raise ValueError("bad key sk-canary-99")

    leaking = job(tree, tmp_path / "out", Scripted(leak))
    model = BuiltModel("scripted", leaking.model.adapter, {}, secrets=("sk-canary-99",))
    watcher = Silent()
    with pytest.raises(StoppedError):
        run(Job(leaking.source, model, SETTINGS, None, tmp_path / "out"), watcher)
    written = (tmp_path / "out" / "predictions.jsonl").read_text()
    assert "canary" not in written + "".join(watcher.notes)
    assert "bad key (not recorded)" in written


def test_tables_of_further_settings_join_a_run_and_changed_ones_do_not(tmp_path: Path) -> None:
    write_tables(tmp_path / "tables")
    kept = (tmp_path / "tables" / "soco_lvlm_txt.tsv").read_bytes()
    (tmp_path / "tables" / "soco_lvlm_txt.tsv").unlink()

    def go_tables(*settings: Setting) -> Outcome:
        source = open_source(str(tmp_path / "tables"), DrawingChoices(), settings)
        model = BuiltModel("scripted", Scripted(), {})
        return run(Job(source, model, settings, None, tmp_path / "out"), Silent())

    assert go_tables("vis").asked == 8
    (tmp_path / "tables" / "soco_lvlm_txt.tsv").write_bytes(kept)
    assert go_tables("desc").asked == 8
    assert go_tables("vis", "desc").asked == 0
    table = tmp_path / "tables" / "soco_lvlm_img.tsv"
    table.write_bytes(table.read_bytes().replace(b"Which point", b"What  point"))
    assert go_tables("desc").asked == 0
    with pytest.raises(InputError, match=r"soco_lvlm_img\.tsv has another content now"):
        go_tables("vis")

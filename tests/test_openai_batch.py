"""The Batch API adapter against a real server on the loopback that speaks it."""

import hashlib
import json
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from batch_serving import BatchAPI, FakeBatch, completion, serving_batches
from commands import ENVIRONMENT, KEY, command, complaint_of, lvlm_eval
from making import write_tree
from serving import Reply, Seen, serving
from test_openai import requests
from test_survival import small_disk

from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.models import build_adapter
from lvlm_eval.models.adapter import Adapter, NotNowError
from lvlm_eval.models.batch_files import LONGEST_CUSTOM_ID, custom_id
from lvlm_eval.prices import Price, Spending
from lvlm_eval.records import Request, Response
from lvlm_eval.runs.budget import Budget


def letter(body: dict[str, Any]) -> str:
    """An answer that depends on the request alone."""
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return "Answer: " + "ABCD"[int(digest, 16) % 4]


def good(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    return completion(letter(body))


def made(api: BatchAPI, workspace: Path | None = None, **arguments: object) -> Adapter:
    given = {"base_url": api.url, "poll": 0.01, **arguments}
    adapter = build_adapter("openai-batch:m", given).adapter
    adapter.workspace = workspace or Path(tempfile.mkdtemp(prefix="lvlm-eval-"))
    return adapter


def ask(api: BatchAPI, count: int = 5, **arguments: Any) -> dict[str, Response]:
    """The responses of one call by id; each came once."""
    answers = list(made(api, **arguments).answer(requests(count)))
    by_id = {one.id: one for one in answers}
    assert len(by_id) == len(answers)
    return by_id


@pytest.fixture(autouse=True)
def _surroundings(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setattr("lvlm_eval.models.server_trouble.LONGEST_PAUSE", 0.01)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("temporary")))


def test_the_answers_are_those_of_openai_and_so_are_the_bodies() -> None:
    arguments = {"detail": "low", "max_tokens": 9, "extra": {"top_k": 20}, "logprobs": True}
    asked = requests(7, system="You answer.")

    def behave(seen: Seen, before: int) -> Reply:
        return Reply(text=letter(seen.body))

    with serving(behave) as server:
        given = {"base_url": server.url, **arguments}
        alone = list(build_adapter("openai:m", given).adapter.answer(asked))
    with serving_batches(BatchAPI(good, looks=3)) as api:
        batched = list(made(api, **arguments).answer(asked))
    bodies = {line["custom_id"]: line["body"] for line in api.batches["batch_0"].lines}
    assert sorted(map(repr, bodies.values())) == sorted(repr(one.body) for one in server.seen)
    assert list(bodies) == [one.id for one in asked]
    # The file holds each as it goes alone, byte by byte.
    file = api.files["file-0"]
    assert all(json.dumps(one.body, separators=(",", ":")).encode() in file for one in server.seen)

    def by_id(answers: list[Response]) -> dict[str, Response]:
        return {one.id: replace(one, seconds=None) for one in answers}

    assert by_id(batched) == by_id(alone)
    assert len(batched) == 7


def test_without_a_place_to_record_it_nothing_is_submitted() -> None:
    with serving_batches(BatchAPI(good)) as api:
        adapter = made(api)
        adapter.workspace = None
        with pytest.raises(InputError, match="only where it can be recorded"):
            list(adapter.answer(requests(2)))
        assert not api.calls


def test_files_keep_to_the_limits() -> None:
    with serving_batches(BatchAPI(good)) as api:
        assert len(ask(api, 10, requests_per_file=4)) == 10
        assert [len(one.lines) for one in api.batches.values()] == [4, 4, 2]
    with serving_batches(BatchAPI(good)) as api:
        assert len(ask(api, 10, megabytes_per_file=0.001)) == 10
        sizes = [len(api.files[one.file_id]) for one in api.batches.values()]
        assert max(sizes) <= 1000
        line = len(api.files["file-0"].splitlines()[0]) + 1
        assert {len(one.lines) for one in api.batches.values()} <= {
            1000 // line,
            10 % (1000 // line),
        }
        assert set(api.submitted.values()) == {1}


def test_a_request_larger_than_a_file_is_an_error_of_its_row() -> None:
    with serving_batches(BatchAPI(good)) as api:
        asked = requests(3)
        asked[1] = replace(asked[1], text="x" * 2000)
        answers = {one.id: one for one in made(api, megabytes_per_file=0.002).answer(asked)}
    assert [answers[one.id].status for one in asked] == ["ok", "error", "ok"]
    assert "more than the file of a batch may have" in (answers["q1/vis/0"].error or "")


def test_expired_requests_are_errors_and_the_others_are_taken(tmp_path: Path) -> None:
    api = BatchAPI(good, end=lambda batch: ("expired", 3))
    with serving_batches(api):
        answers = ask(api, 5, workspace=tmp_path)
        assert Counter(one.status for one in answers.values()) == {"ok": 3, "error": 2}
        assert answers["q4/vis/0"].error == "batch_expired: not executed in time"
        # The next call asks them again, and does not find them in the old batch.
        api.end = lambda batch: ("completed", 2)
        again = list(made(api, tmp_path).answer(requests(5)[3:]))
        assert [one.status for one in again] == ["ok", "ok"]
        assert len(api.batches) == 2


@pytest.mark.parametrize("status", ["expired", "cancelled"])
def test_what_has_no_result_at_all_is_an_error(status: str) -> None:
    api = BatchAPI(good, end=lambda batch: (status, 1), silent=True)
    with serving_batches(api):
        answers = ask(api, 3)
    assert answers["q0/vis/0"].status == "ok"
    assert answers["q2/vis/0"].error == f"the batch {status} before this request was answered"


def test_the_error_file_is_read() -> None:
    def behave(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        text = body["messages"][-1]["content"][-1]["text"]
        if text == "text 1":
            return 400, {"error": {"message": "odd\nphoto", "code": "invalid_image"}}
        if text == "text 2":
            return 400, {"error": {"message": "no", "code": "content_filter"}}
        return completion("B")

    with serving_batches(BatchAPI(behave)) as api:
        answers = ask(api, 3)
    assert [one.status for _, one in sorted(answers.items())] == ["ok", "error", "refused"]
    assert answers["q1/vis/0"].error == "status 400: invalid_image: odd photo"


@pytest.mark.parametrize(
    "body",
    [{}, {"choices": 5}, {"choices": {"a": 1}}, {"choices": [{"message": "hi"}]}, {"usage": "x"}],
)
def test_a_result_that_is_no_completion_is_an_error_of_its_row(body: dict[str, Any]) -> None:
    with serving_batches(BatchAPI(lambda _: (200, body))) as api:
        answers = ask(api, 2)
    assert {one.status for one in answers.values()} == {"error"}


def test_garbage_among_the_results_costs_only_its_line() -> None:
    def garble(lines: list[bytes]) -> list[bytes]:
        return [b"\xff\x00{", *lines[1:], b"[]", b'{"custom_id": 5}', lines[1], b""]

    lines: list[str] = []
    with serving_batches(BatchAPI(good, garble=garble)) as api:
        adapter = made(api)
        adapter.tell = lines.append
        answers = {one.id: one for one in adapter.answer(requests(4))}
    # The results come in the opposite order.
    assert [answers[f"q{i}/vis/0"].status for i in range(4)] == ["ok", "ok", "ok", "error"]
    assert "no line for this request" in (answers["q3/vis/0"].error or "")
    assert "batch batch_0: 3 lines of its results cannot be read" in lines


def test_a_batch_that_fails_its_validation_ends_the_run_with_one_line(tmp_path: Path) -> None:
    problem = {"code": "model_not_found", "message": "no\nsuch model", "line": 2}
    with serving_batches(BatchAPI(good, failing=lambda batch: [problem, problem])) as api:
        with pytest.raises(InputError) as error:
            ask(api, 3, workspace=tmp_path)
        assert str(error.value).endswith(
            "refuses a batch: model_not_found: no such model (line 2) (and 1 more)"
        )
        api.failing = lambda batch: []
        assert len(ask(api, 3, workspace=tmp_path)) == 3


def test_a_full_queue_is_waited_for(tmp_path: Path) -> None:
    """Only one batch fits into the server's queue at a time."""

    def failing(batch: FakeBatch) -> list[dict[str, Any]]:
        ended = ("completed", "failed")
        others = [one for one in api.batches.values() if one is not batch]
        if any(one.content["status"] not in ended for one in others):
            return [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}]
        return []

    api = BatchAPI(good, looks=3, failing=failing)
    with serving_batches(api):
        answers = ask(api, 6, requests_per_file=2, workspace=tmp_path)
    assert {one.status for one in answers.values()} == {"ok"}
    assert set(api.submitted.values()) == {1}
    assert len(api.calls) < 20
    assert sum(1 for one in api.files if not one.startswith("file-o")) == 3  # uploaded once


def test_a_queue_that_stays_full_stops_the_run(tmp_path: Path) -> None:
    problem = {"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}
    with (
        serving_batches(BatchAPI(good, failing=lambda batch: [problem])) as api,
        pytest.raises(StoppedError, match=r"no room for a batch.*requests_per_file"),
    ):
        ask(api, 3, workspace=tmp_path)


TROUBLES = [
    Reply(status=500, error={"message": "oops"}),
    Reply(status=429, error={"message": "slow"}, headers={"Retry-After": "0.01"}),
    Reply(status=200, body=b'{"id": '),
    Reply(status=200, body=b"[]"),
    Reply(status=200, body=b"{}"),
]


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("path", ["/v1/files", "/v1/batches", "/v1/batches/batch_0"])
def test_temporary_trouble_is_tried_again(path: str, trouble: Reply) -> None:
    def behave(method: str, where: str, before: int) -> Reply | None:
        hit = where == path and before < 2 and (method == "POST" or "batch_0" in path)
        return trouble if hit else None

    api = BatchAPI(good, trouble=behave)
    with serving_batches(api):
        assert {one.status for one in ask(api, 3).values()} == {"ok"}
    assert set(api.submitted.values()) == {1}


def test_an_outage_while_waiting_is_waited_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def trouble(method: str, path: str, before: int) -> Reply | None:
        return TROUBLES[0] if path.startswith("/v1/batches/") and 1 <= before < 12 else None

    lines: list[str] = []
    with serving_batches(BatchAPI(good, looks=3, trouble=trouble)) as api:
        adapter = made(api, max_retries=2)
        adapter.tell = lines.append
        assert len(list(adapter.answer(requests(3)))) == 3
        assert api.calls["GET", "/v1/batches/batch_0"] == 14
    (line,) = [line for line in lines if "tried again" in line]
    assert "does not tell of the batch: " in line
    assert line.endswith("It is tried again for 60 minutes")
    monkeypatch.setattr("lvlm_eval.models.batch_server.PATIENCE", 0.0)
    with (
        serving_batches(BatchAPI(good, looks=3, trouble=trouble)) as api,
        pytest.raises(StoppedError, match=r"does not tell of the batch: .*oops"),
    ):
        ask(api, 3, max_retries=2)


def test_an_upload_that_fails_always_stops_the_run() -> None:
    def trouble(method: str, path: str, before: int) -> Reply | None:
        return TROUBLES[0] if path == "/v1/files" else None

    api = BatchAPI(good, trouble=trouble)
    with (
        serving_batches(api),
        pytest.raises(StoppedError, match=r"does not take the file of requests: .*oops"),
    ):
        ask(api, 3, max_retries=2)
    assert api.calls["POST", "/v1/files"] == 3
    assert not api.batches


def test_a_batch_that_was_created_although_the_answer_failed_is_not_created_again() -> None:
    """The server makes the batch, and its answer is lost."""

    class Losing(BatchAPI):
        def handle(self, method: str, path: str, kind: str, content: bytes) -> tuple[int, bytes]:
            done = super().handle(method, path, kind, content)
            if (method, path) == ("POST", "/v1/batches") and len(self.batches) == 1:
                return 500, b'{"error": {"message": "gateway"}}'
            return done

    with serving_batches(Losing(good)) as api:
        assert len(ask(api, 3)) == 3
        assert len(api.batches) == 1


def test_a_wrong_key_ends_the_run_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-0123456789")
    with serving_batches(BatchAPI(good, key="right")) as api:
        with pytest.raises(InputError, match="refuses the key in OPENAI_API_KEY"):
            ask(api)
        assert not api.files
        monkeypatch.setenv("OPENAI_API_KEY", "right")
        assert len(ask(api)) == 5


def test_a_server_without_batches_is_said() -> None:
    nothing = Reply(status=404, error={"message": "no such path"})
    with (
        serving_batches(BatchAPI(good, trouble=lambda *_: nothing)) as api,
        pytest.raises(InputError, match=r"has no Batch API; it does not take the file"),
    ):
        ask(api)


def stopped_while_polling(api: BatchAPI, workspace: Path, count: int) -> None:
    """A call that ends without a word while it waits."""

    class EndError(BaseException):
        pass

    class Ending(BatchAPI):
        pass

    def tell(line: str) -> None:
        if "in_progress" in line:
            raise EndError

    adapter = made(api, workspace)
    adapter.tell = tell
    with pytest.raises(EndError):
        list(adapter.answer(requests(count)))


def test_a_call_that_was_stopped_is_gone_on_with_from_its_workspace(tmp_path: Path) -> None:
    api = BatchAPI(good, looks=3)
    with serving_batches(api):
        stopped_while_polling(api, tmp_path / "one", 5)
        shutil.copytree(tmp_path / "one", tmp_path / "two")
        lines: list[str] = []
        adapter = made(api, tmp_path / "two")
        adapter.tell = lines.append
        # Two more, and one that is not wanted any more.
        answers = list(adapter.answer(requests(7)[1:]))
    assert {one.status for one in answers} == {"ok"}
    assert len(answers) == 6
    assert set(api.submitted.values()) == {1}
    assert any("submitted by an earlier call, 4 requests are collected" in one for one in lines)


def test_two_shards_can_collect_what_one_call_submitted(tmp_path: Path) -> None:
    api = BatchAPI(good, looks=2)
    with serving_batches(api):
        stopped_while_polling(api, tmp_path, 6)
        first = list(made(api, tmp_path).answer(requests(6)[::2]))
        second = list(made(api, tmp_path).answer(requests(6)[1::2]))
        assert {one.status for one in first + second} == {"ok"}
        assert len(api.batches) == 1
        # Now all of it is taken: what is asked again is submitted again.
        list(made(api, tmp_path).answer(requests(6)[:1]))
        assert len(api.batches) == 2


def test_a_kill_between_creating_and_noting_it_costs_nothing(tmp_path: Path) -> None:
    api = BatchAPI(good, looks=2)
    with serving_batches(api):
        stopped_while_polling(api, tmp_path, 4)
        (record,) = (tmp_path / "batches").glob("*.json")
        content = json.loads(record.read_text())
        record.write_text(json.dumps({**content, "batch_id": None}))
        assert len(ask(api, 4, workspace=tmp_path)) == 4
        assert len(api.batches) == 1


def test_a_kill_before_creating_submits_once(tmp_path: Path) -> None:
    api = BatchAPI(good, looks=2)
    with serving_batches(api):
        stopped_while_polling(api, tmp_path, 4)
        api.batches.clear()
        (record,) = (tmp_path / "batches").glob("*.json")
        content = json.loads(record.read_text())
        record.write_text(json.dumps({**content, "batch_id": None}))
        assert len(ask(api, 4, workspace=tmp_path)) == 4
        assert set(api.submitted.values()) == {1}


def test_a_batch_that_the_server_does_not_know_is_not_submitted_again(tmp_path: Path) -> None:
    api = BatchAPI(good, looks=2)
    with serving_batches(api):
        stopped_while_polling(api, tmp_path, 4)
        api.batches.clear()
        with pytest.raises(StoppedError, match=r"does not know batch batch_0.*another project"):
            ask(api, 4, workspace=tmp_path)
        assert not api.batches


def test_batches_of_another_server_are_told_of(tmp_path: Path) -> None:
    api, other = BatchAPI(good, looks=2), BatchAPI(good)
    lines: list[str] = []
    with serving_batches(api), serving_batches(other):
        stopped_while_polling(api, tmp_path, 3)
        adapter = made(other, tmp_path)
        adapter.tell = lines.append
        assert len(list(adapter.answer(requests(3)))) == 3
    assert any(f"submitted to {api.url} are not collected from {other.url}" in x for x in lines)


def test_a_record_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    api = BatchAPI(good, looks=2)
    with serving_batches(api):
        stopped_while_polling(api, tmp_path, 3)
        (record,) = (tmp_path / "batches").glob("*.json")
        record.write_text(record.read_text()[:40])
        with pytest.raises(InputError, match=r"cannot be read.*restore it, or delete it"):
            ask(api, 3, workspace=tmp_path)
        assert len(api.batches) == 1


def test_other_bytes_for_the_same_request_are_told(tmp_path: Path) -> None:
    api = BatchAPI(good, looks=2)
    lines: list[str] = []
    with serving_batches(api):
        stopped_while_polling(api, tmp_path, 3)
        adapter = made(api, tmp_path)
        adapter.tell = lines.append
        asked = requests(3)
        asked[0] = replace(asked[0], text="as another library writes it")
        assert {one.status for one in adapter.answer(asked)} == {"ok"}
        assert len(api.batches) == 1
    assert any(line.startswith("1 requests were submitted with other bytes") for line in lines)


def test_odd_ids_go_under_short_ones() -> None:
    assert custom_id("car/00001/vis+desc/0") == "car/00001/vis+desc/0"
    long = "elephant/00001-elephant_1-elephant_2/" + "leg_" * 12 + "/vis+desc/3"
    odd = [custom_id(long), custom_id(long + "x"), custom_id("é/vis/0"), custom_id("a b/vis/0")]
    assert len(set(odd)) == 4
    assert all(one.isascii() and len(one) <= LONGEST_CUSTOM_ID for one in odd)
    asked = [replace(one, id=long + str(i)) for i, one in enumerate(requests(3))]
    with serving_batches(BatchAPI(good)) as api:
        answers = list(made(api).answer(asked))
    assert [one.id for one in answers] == [one.id for one in asked]
    assert {one.status for one in answers} == {"ok"}


def test_a_budget_lets_more_go_when_batches_have_told_their_cost() -> None:
    """As long as nothing is known 512 go; then what the money lasts for."""
    each = Price("EUR", 100_000, 100_000, 300_000, 0.5)  # half of 1.0 an answer
    bounded: Callable[..., Adapter] = Budget(max_cost=300.0).around
    answers: list[Response] = []
    with serving_batches(BatchAPI(good)) as api:
        adapter = bounded(made(api), Spending(each), 700)
        with pytest.raises(StoppedError, match=r"cost 300\.0000 EUR.*100 requests are left"):
            answers += adapter.answer(requests(700))
        assert [len(one.lines) for one in api.batches.values()] == [512, 88]
    assert len(answers) == 600


def test_what_may_not_be_sent_yet_is_looked_at_again() -> None:
    class Later(list[Request]):
        refused = 0

        def __getitem__(self, place: int) -> Request:  # type: ignore[override]
            if place >= 2 and not api.batches:
                self.refused += 1
                raise NotNowError("later")
            return super().__getitem__(place)

    asked = Later(requests(20))
    with serving_batches(BatchAPI(good)) as api:
        answers = list(made(api).answer(asked))
        assert [len(one.lines) for one in api.batches.values()] == [2, 18]
    assert asked.refused > 0
    assert [one.id for one in answers] == [one.id for one in asked]


# --- the command line, killed


def on_disk(folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / "predictions.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return {one["id"]: one for one in map(json.loads, lines)}


def killed_when(words: list[str], cwd: Path, due: Callable[[], bool]) -> None:
    process = subprocess.Popen(
        words, cwd=cwd, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 60
    while not due():
        assert process.poll() is None, "it ended by itself"
        assert time.monotonic() < until
        time.sleep(0.005)
    process.kill()
    process.wait(timeout=60)


@pytest.mark.slow
def test_a_killed_run_is_collected_from_a_copied_folder(tmp_path: Path) -> None:
    data = write_tree(tmp_path / "tree", images=3)  # six questions, 72 rows
    (tmp_path / "prices.toml").write_text("[m]\ninput = 100_000\noutput = 300_000\n")
    api = BatchAPI(good, looks=1_000_000, key=KEY)
    with serving_batches(api):
        words = (
            "run", "--model", "openai-batch:m", "--base-url", api.url, "--data", data,
            "--model-arg", "poll=0.05", "--model-arg", "requests_per_file=50",
            "--prices", "prices.toml",
        )  # fmt: skip
        killed_when(
            command(*words, "--out", "out"),
            tmp_path,
            lambda: api.calls["GET", "/v1/batches/batch_1"] > 2,
        )
        assert not on_disk(tmp_path / "out")
        shutil.copytree(tmp_path / "out", tmp_path / "elsewhere" / "out")
        shutil.rmtree(tmp_path / "out")
        api.looks = 1
        done = lvlm_eval(*words, "--out", "elsewhere/out", cwd=tmp_path)
        assert "answers in batches cost 50 % less than prices.toml says" in done.stderr
        assert "cost of the recorded answers: 36.0000 USD" in done.stderr
        assert len(api.batches) == 2
        assert set(api.submitted.values()) == {1}
        found = on_disk(tmp_path / "elsewhere" / "out")
        assert set(found) == set(api.submitted)
        assert len(found) == 72
    with serving(lambda seen, _: Reply(text=letter(seen.body))) as server:
        lvlm_eval(
            "run", "--model", "openai:m", "--base-url", server.url, "--data", data,
            "--out", "alone", cwd=tmp_path,
        )  # fmt: skip
    alone = on_disk(tmp_path / "alone")
    for name in ("text", "status", "usage", "prompt_sha256", "images", "options", "served_model"):
        assert {id: one[name] for id, one in found.items()} == {
            id: one[name] for id, one in alone.items()
        }
    written = b"".join(
        path.read_bytes() for path in (tmp_path / "elsewhere").rglob("*") if path.is_file()
    )
    assert KEY.encode() not in written


@pytest.mark.slow
def test_killed_at_any_call_no_request_is_submitted_twice(tmp_path: Path) -> None:
    """SIGKILL after the upload, at the creation, while polling, and while results come."""
    data = write_tree(tmp_path / "tree", images=1)  # two questions, 24 rows
    moments = [
        ("POST", "/v1/files"),
        ("POST", "/v1/batches"),
        ("GET", "/v1/batches/batch_0"),
        ("GET", "results"),
    ]
    slow: dict[str, Any] = {"moment": None, "hit": False}

    class Slow(BatchAPI):
        """Does what is asked, then lets its client wait, which is killed meanwhile."""

        def handle(self, method: str, path: str, kind: str, content: bytes) -> tuple[int, bytes]:
            done = super().handle(method, path, kind, content)
            wanted = (method, "results" if path.endswith("/content") else path)
            if wanted == slow["moment"] and not slow["hit"]:
                slow["hit"] = True
                time.sleep(1.0)
            return done

    api = Slow(good, looks=2)
    with serving_batches(api):
        words = (
            "run", "--model", "openai-batch:m", "--base-url", api.url, "--data", data,
            "--model-arg", "poll=0.05", "--model-arg", "requests_per_file=13", "--out", "out",
        )  # fmt: skip
        for moment in moments:
            slow.update(moment=moment, hit=False)
            killed_when(command(*words), tmp_path, lambda: bool(slow["hit"]))
            time.sleep(1.1)  # until the server is through with it
        slow["moment"] = None
        lvlm_eval(*words, cwd=tmp_path)
    assert len(on_disk(tmp_path / "out")) == 24
    assert len(api.submitted) == 24
    assert set(api.submitted.values()) == {1}


def test_a_signal_stops_the_waiting_at_once(tmp_path: Path) -> None:
    data = write_tree(tmp_path / "tree", images=1)
    api = BatchAPI(good, looks=1_000_000)
    with serving_batches(api):
        words = ("run", "--model", "openai-batch:m", "--base-url", api.url, "--data", data)
        process = subprocess.Popen(
            command(*words, "--out", "out"),
            cwd=tmp_path,
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        until = time.monotonic() + 60
        while not api.calls["GET", "/v1/batches/batch_0"] and time.monotonic() < until:
            time.sleep(0.01)
        process.terminate()  # in the pause of five seconds after the first look
        began = time.monotonic()
        said = process.communicate(timeout=60)[1]
        assert process.returncode == 4, said
        assert time.monotonic() - began < 4
        assert "stopped by SIGTERM" in said
        assert "batches go on at the server, and the same command collects them" in said
        api.looks = 1
        lvlm_eval(*words, "--out", "out", cwd=tmp_path)
        assert set(api.submitted.values()) == {1}


def test_full_disks_stop_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the file of requests nor the record of a batch has room; nothing is created."""
    api = BatchAPI(good)
    with serving_batches(api):
        with small_disk(tmp_path / "full", "4k") as disk:
            with pytest.raises(StoppedError, match=r"the disk of .*full/batches is full"):
                ask(api, 60, workspace=disk)
            monkeypatch.setattr("tempfile.tempdir", str(disk))
            with pytest.raises(StoppedError, match=r"cannot be written: No space left"):
                ask(api, 60, workspace=tmp_path / "room")
        assert not api.batches


def test_a_stopped_run_says_how_to_go_on(tmp_path: Path) -> None:
    data = write_tree(tmp_path / "tree", images=1)
    api = BatchAPI(good)
    with serving_batches(api):
        words = ("run", "--model", "openai-batch:m", "--base-url", api.url, "--data", data)
        quick = ("--model-arg", "poll=0.05", "--out", "out")
        line = complaint_of(*words, *quick, "--max-requests", 10, cwd=tmp_path, status=4)
        assert "--max-requests 10 is reached: 14 requests are left" in line
        line = complaint_of(*words, *quick, "--concurrency", 3, cwd=tmp_path, status=2)
        assert "takes no argument 'concurrency'" in line
        lvlm_eval(*words, *quick, cwd=tmp_path)
        assert sum(api.submitted.values()) == 24

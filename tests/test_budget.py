"""Budgets: a run stops cleanly where the next request would go beyond, and goes on with more."""

import json
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from commands import complaint_of, lvlm_eval
from making import write_tree
from serving import Reply, Seen, serving
from test_openai import requests

from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.models import build_adapter
from lvlm_eval.models.adapter import Adapter
from lvlm_eval.prices import Price, Spending
from lvlm_eval.records import Request, Response
from lvlm_eval.runs.budget import MOST_OF_UNKNOWN_COST, Budget

PRICES = 'currency = "EUR"\n[m]\ninput = 100_000\noutput = 300_000\n'
EACH = 1.0
"""What each answer of the test server costs: 7 tokens at 0.1 and one at 0.3."""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "prices.toml").write_text(PRICES)
    return write_tree(tmp_path / "tree", images=3)  # six questions, 72 rows


def on_disk(folder: Path) -> Counter[str]:
    lines = (folder / "predictions.jsonl").read_text().splitlines()
    return Counter(json.loads(line)["id"] for line in lines)


def slowly(seen: Seen, before: int) -> Reply:
    time.sleep(0.02)
    return Reply(text="A")


def test_max_cost_is_kept_and_more_of_it_goes_on(tree: Path, tmp_path: Path) -> None:
    with serving(slowly) as server:
        words = (
            "run", "--model", "openai:m", "--base-url", server.url, "--data", tree,
            "--prices", "prices.toml", "--out", "out",
        )  # fmt: skip
        line = complaint_of(*words, "--concurrency", 4, "--max-cost", 20, cwd=tmp_path, status=4)
        assert "--max-cost 20 EUR is reached: the recorded answers cost 20.0000 EUR" in line
        assert "one more about 1; 52 requests are left" in line
        assert "the same command goes on" in line
        assert len(server.seen) == sum(on_disk(tmp_path / "out").values()) == 20
        # What earlier calls paid counts, too: nothing is sent at all.
        line = complaint_of(*words, "--max-cost", 20.9, cwd=tmp_path, status=4)
        assert "52 requests are left" in line
        assert len(server.seen) == 20
        # More at a time than the rest allows.
        complaint_of(*words, "--concurrency", 32, "--max-cost", 30, cwd=tmp_path, status=4)
        assert len(server.seen) == 30
        lvlm_eval(*words, "--max-cost", 72, cwd=tmp_path)
    counts = on_disk(tmp_path / "out")
    assert len(counts) == 72
    assert set(counts.values()) == {1}
    assert len(server.seen) == 72


def test_max_requests_is_kept_and_the_same_command_goes_on(tree: Path, tmp_path: Path) -> None:
    with serving(slowly) as server:
        words = (
            "run", "--model", "openai:m", "--base-url", server.url, "--data", tree, "--out", "out",
            "--max-requests", 30,
        )  # fmt: skip
        line = complaint_of(*words, cwd=tmp_path, status=4)
        assert "--max-requests 30 is reached: 42 requests are left" in line
        assert len(server.seen) == 30
        complaint_of(*words, cwd=tmp_path, status=4)
        lvlm_eval(*words, cwd=tmp_path)  # the last twelve
        assert len(server.seen) == 72
    assert set(on_disk(tmp_path / "out").values()) == {1}


def test_a_budget_of_money_needs_prices(tree: Path, tmp_path: Path) -> None:
    run = ("run", "--model", "openai:m", "--base-url", "http://127.0.0.1:9/v1", "--data", tree)
    line = complaint_of(*run, "--max-cost", 1, cwd=tmp_path, status=2)
    assert "--max-cost needs to know what tokens cost: give --prices FILE" in line


def bounded(
    adapter: Adapter, most: float, spending: Spending | None = None, pending: int = 100
) -> Adapter:
    price = Price("EUR", 100_000, 100_000, 300_000)
    return Budget(max_cost=most).around(adapter, spending or Spending(price), pending)


def test_what_is_in_flight_is_waited_for_and_what_it_saves_is_used() -> None:
    """The first answer is dear, so the others wait for each other; they turn out cheap."""
    lock = threading.Lock()
    at_once = [0, 0]

    def behave(seen: Seen, before: int) -> Reply:
        with lock:
            at_once[0] += 1
            at_once[1] = max(at_once)
        time.sleep(0.03)
        tokens = 40 if seen.text == "text 0" else 1
        usage = {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens}
        body = {"choices": [{"message": {"content": "A"}, "finish_reason": "stop"}], "usage": usage}
        with lock:
            at_once[0] -= 1
        return Reply(body=json.dumps(body).encode())

    answers: list[Response] = []
    with serving(behave) as server:
        adapter = build_adapter("openai:m", {"base_url": server.url, "concurrency": 8}).adapter
        price = Price("EUR", 100_000, 100_000, 300_000)
        known = Spending(price, before=4.0, priced=1)
        with pytest.raises(StoppedError, match="--max-cost 14 EUR is reached"):
            answers += bounded(adapter, 14.0, known).answer(requests(100))
    cost = 4.0 + sum(price.of(one.usage) or 0 for one in answers)
    assert len(answers) == len(server.seen)
    assert 13.0 < cost <= 14.0 + 1e-6
    assert 2 <= at_once[1] <= 8


def test_as_long_as_no_cost_is_known_many_go_but_not_all() -> None:
    class Hoarder(Adapter):
        def answer(self, requests_: object) -> list[Response]:  # type: ignore[override]
            self.got = 0
            for _ in requests_:  # type: ignore[attr-defined]
                self.got += 1
            return []

    hoarder = Hoarder()
    with pytest.raises(StoppedError, match="--max-cost 1 EUR is reached"):
        list(bounded(hoarder, 1.0).answer(requests(MOST_OF_UNKNOWN_COST + 9)))
    assert hoarder.got == MOST_OF_UNKNOWN_COST


class OneByOne(Adapter):
    """As users write them."""

    usage: dict[str, int] | None = {"prompt_tokens": 7, "completion_tokens": 1}  # noqa: RUF012

    def answer(self, requests: object) -> object:  # type: ignore[override]
        for request in requests:  # type: ignore[attr-defined]
            yield Response(request.id, usage=self.usage)


def test_an_adapter_that_knows_nothing_of_budgets_keeps_to_it() -> None:
    answers = []
    with pytest.raises(StoppedError, match=r"cost 5\.0000 EUR.*95 requests are left"):
        for one in bounded(OneByOne(), 5.5).answer(requests(100)):
            answers.append(one)  # noqa: PERF402
    assert len(answers) == 5


def test_no_money_sends_nothing() -> None:
    with pytest.raises(StoppedError, match="--max-cost 0 EUR is reached"):
        next(iter(bounded(OneByOne(), 0.0).answer(requests(3))))


def test_answers_without_token_counts_are_no_way_to_keep_a_budget() -> None:
    adapter = OneByOne()
    adapter.usage = None
    answers = []
    with pytest.raises(StoppedError, match="16 answers came without token counts"):
        for one in bounded(adapter, 5.0).answer(requests(100)):
            answers.append(one)  # noqa: PERF402
    assert len(answers) == 16


def test_slices_and_second_looks_are_paid_for_once() -> None:
    class Slicer(Adapter):
        def answer(self, requests: list[Request]) -> object:  # type: ignore[override]
            for start in range(0, len(requests), 2):
                part = requests[start : start + 2]
                assert part[0].id == requests[start].id
                for request in part:
                    yield Response(request.id, usage={"prompt_tokens": 7, "completion_tokens": 1})

    assert len(list(bounded(Slicer(), 10.0).answer(requests(10)))) == 10


def test_a_bound_without_prices_is_refused() -> None:
    with pytest.raises(InputError, match="give --prices FILE"):
        Budget(max_cost=1.0).around(OneByOne(), None, 5)
    adapter = OneByOne()
    assert Budget(max_requests=3).around(adapter, None, 5) is adapter

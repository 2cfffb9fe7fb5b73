"""The API adapter against a real server on the loopback."""

import asyncio
import json
import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from serving import Reply, Seen, serving

from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.models import build_adapter
from lvlm_eval.models.pacing import Pacing
from lvlm_eval.records import Picture, Request, Response

PICTURE = Picture(b"\x89PNG not really", "image/png", (1, 1), "00")


def requests(count: int, system: str | None = None) -> list[Request]:
    return [
        Request(
            f"q{i}/vis/0",
            f"q{i}",
            "vis",
            0,
            f"text {i}",
            system,
            {"A": "A"},
            lambda: (PICTURE,) * 2,
        )
        for i in range(count)
    ]


def ask(
    behave: Callable[[Seen, int], Reply],
    count: int = 1,
    system: str | None = None,
    **arguments: object,
) -> tuple[list[Response], list[Seen]]:
    with serving(behave) as server:
        adapter = build_adapter("openai:m", {"base_url": server.url, **arguments}).adapter
        answers = list(adapter.answer(requests(count, system)))
        return sorted(answers, key=lambda one: one.id), server.seen


def test_what_is_sent_and_what_is_recorded() -> None:
    answers, seen = ask(
        lambda *_: Reply(text="(C)", reasoning="because"),
        system="You answer.",
        detail="low",
        temperature=0.7,
        max_tokens=9,
        extra={"top_k": 20},
    )
    body = seen[0].body
    assert body["model"] == "m"
    assert body["messages"][0] == {"role": "system", "content": "You answer."}
    image = {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64,iVBORyBub3QgcmVhbGx5", "detail": "low"},
    }
    assert body["messages"][1] == {
        "role": "user",
        "content": [image, image, {"type": "text", "text": "text 0"}],
    }
    assert (body["temperature"], body["max_tokens"], body["top_k"]) == (0.7, 9, 20)
    (answer,) = answers
    assert answer.seconds is not None
    assert answer == Response(
        id="q0/vis/0",
        text="(C)",
        reasoning="because",
        finish_reason="stop",
        status="ok",
        usage={"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8},
        seconds=answer.seconds,
        served_model="served-model-1",
    )


def test_a_text_that_is_no_unicode_is_an_error_of_its_row() -> None:
    asked = requests(3)
    asked[1] = replace(asked[1], text="half of a sign: \ud83d")
    with serving(lambda *_: Reply()) as server:
        adapter = build_adapter("openai:m", {"base_url": server.url}).adapter
        answers = sorted(adapter.answer(asked), key=lambda one: one.id)
    assert [one.status for one in answers] == ["ok", "error", "ok"]
    assert "cannot be written as JSON" in (answers[1].error or "")


def test_null_leaves_a_field_out_and_new_models_get_their_own_name_for_it() -> None:
    _, seen = ask(lambda *_: Reply(), temperature=None, max_completion_tokens=5)
    assert "temperature" not in seen[0].body
    assert "max_tokens" not in seen[0].body
    assert seen[0].body["max_completion_tokens"] == 5
    assert "detail" not in seen[0].body["messages"][0]["content"][0]["image_url"]


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (Reply(finish_reason="length", text="I thi"), "truncated"),
        (Reply(finish_reason="content_filter", text=""), "refused"),
        (Reply(refusal="I cannot", text=""), "refused"),
        (Reply(finish_reason="SAFETY", text=""), "refused"),
        (Reply(text=""), "ok"),
        (
            Reply(
                status=400,
                error={"message": "no", "innererror": {"code": "ResponsibleAIPolicyViolation"}},
            ),
            "refused",
        ),
        (Reply(status=400, error={"message": "no", "code": "content_filter"}), "refused"),
        (Reply(status=400, error={"message": "too long", "code": "context"}), "error"),
    ],
)
def test_how_a_request_ended(reply: Reply, status: str) -> None:
    answers, seen = ask(lambda *_: reply)
    assert [answer.status for answer in answers] == [status]
    assert len(seen) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        Reply(status=429, error={"message": "slow down"}, headers={"Retry-After": "0"}),
        Reply(status=500, error={"message": "oops"}, headers={"Retry-After": "0"}),
        Reply(status=503, body=b"<html>busy</html>", headers={"Retry-After": "0"}),
        Reply(body=b"{}"),
        Reply(body=b'{"choices": [{"mess'),
        Reply(body=b"[]"),
        Reply(body=b'{"choices": [{"message": "hi"}]}'),
        Reply(body=b'{"choices": {"a": 1}}'),
        Reply(body=b'{"choices": 5}'),
        Reply(body=b'{"choices": [{"message": {"content": "A"}}], "usage": "x"}'),
        Reply(body=b'{"error": {"message": "CUDA out of memory"}}'),
        Reply(finish_reason="error", text=""),
        Reply(body=b'{"choices": [{"message": {"role": "assistant"}}]}'),
        Reply(status=429, error={"message": "slow down"}),
        Reply(status=429, error={"message": "slow down"}, headers={"retry-after-ms": "3"}),
        Reply(
            status=429,
            error={"message": "slow down"},
            headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"},
        ),
    ],
)
def test_temporary_trouble_is_tried_again(trouble: Reply, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lvlm_eval.models.server_trouble.LONGEST_PAUSE", 0.01)
    answers, seen = ask(lambda one, before: trouble if before < 2 else Reply(text="D"))
    assert [(answer.status, answer.text) for answer in answers] == [("ok", "D")]
    assert len(seen) == 3


def test_trouble_that_stays_is_an_error_of_that_row_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lvlm_eval.models.server_trouble.LONGEST_PAUSE", 0.01)

    def behave(one: Seen, before: int) -> Reply:
        return Reply(status=500, error={"message": "oops"}) if one.text == "text 1" else Reply()

    answers, seen = ask(behave, count=3, max_retries=2)
    assert [answer.status for answer in answers] == ["ok", "error", "ok"]
    assert "oops" in (answers[1].error or "")
    assert len(seen) == 1 + 3 + 1


@pytest.mark.parametrize(
    ("status", "code", "complaint"),
    [
        (401, None, "refuses the key"),
        (403, None, "refuses the key"),
        (404, None, "has no model 'm'"),
    ],
)
def test_walls_stop_the_run(status: int, code: str | None, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        ask(lambda *_: Reply(status=status, error={"message": "no", "code": code}), count=20)


def test_a_used_up_quota_stops_the_run_resumable() -> None:
    reply = Reply(status=429, error={"message": "no", "code": "insufficient_quota"})
    with pytest.raises(StoppedError, match="quota is used up"):
        ask(lambda *_: reply, count=20)


def test_a_server_that_goes_away_stops_the_run_resumable() -> None:
    down = Reply(status=503, error={"message": "down"}, headers={"Retry-After": "0"})
    with (
        serving(lambda one, _: Reply() if one.text == "text 0" else down) as server,
        pytest.raises(StoppedError, match=r"failed 64 times in a row: .*down"),
    ):
        arguments = {"base_url": server.url, "concurrency": 1, "max_retries": 0}
        list(build_adapter("openai:m", arguments).adapter.answer(requests(100)))


def test_a_server_that_asks_for_a_day_is_not_waited_for() -> None:
    reply = Reply(status=429, error={"message": "tomorrow"}, headers={"Retry-After": "86400"})
    with serving(lambda *_: reply) as server:
        adapter = build_adapter("openai:m", {"base_url": server.url, "concurrency": 1}).adapter
        with pytest.raises(StoppedError, match=r"asks to wait 1440 minutes: .*tomorrow"):
            list(adapter.answer(requests(20)))
        assert len(server.seen) == 1


def test_the_time_out_is_of_the_whole_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lvlm_eval.models.server_trouble.LONGEST_PAUSE", 0.01)
    go_on = threading.Event()

    def behave(one: Seen, before: int) -> Reply:
        if before == 0:
            go_on.wait(20)
        return Reply(text="C")

    answers, seen = ask(behave, timeout=1.0)
    go_on.set()
    assert [answer.text for answer in answers] == ["C"]
    assert len(seen) >= 2


def test_a_server_that_never_answers_stops_the_run_early() -> None:
    go_on = threading.Event()

    def behave(one: Seen, before: int) -> Reply:
        go_on.wait(60)
        return Reply()

    with serving(behave) as server:
        arguments = {"base_url": server.url, "concurrency": 6, "timeout": 0.5}
        adapter = build_adapter("openai:m", arguments).adapter
        with pytest.raises(StoppedError, match=r"does not answer at all: no answer within 0\.5 s"):
            list(adapter.answer(requests(100)))
        go_on.set()
        assert len(server.seen) <= 12


def test_a_server_that_hangs_later_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lvlm_eval.models.server_trouble.LONGEST_PAUSE", 0.01)
    go_on = threading.Event()

    def behave(one: Seen, before: int) -> Reply:
        if one.text != "text 0":
            go_on.wait(60)
        return Reply()

    answers = []
    with serving(behave) as server:
        arguments = {"base_url": server.url, "concurrency": 2, "timeout": 0.5}
        adapter = build_adapter("openai:m", arguments).adapter
        with pytest.raises(StoppedError, match=r"does not answer any more"):
            answers += adapter.answer(requests(100))
        go_on.set()
    assert len({seen.text for seen in server.seen}) == 3


def test_a_key_that_is_refused_half_way_stops_the_run_resumable() -> None:
    def behave(one: Seen, before: int) -> Reply:
        bad = Reply(status=401, error={"message": "revoked"})
        return Reply() if one.text in ("text 0", "text 1") else bad

    with serving(behave) as server:
        adapter = build_adapter("openai:m", {"base_url": server.url, "concurrency": 1}).adapter
        with pytest.raises(StoppedError, match=r"refuses the key in OPENAI_API_KEY now: .*revoked"):
            list(adapter.answer(requests(9)))


def test_a_pause_that_the_server_asks_for_is_told_and_holds_all_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While the one that was told to wait waits, the other worker's next requests wait, too."""
    paused, lines = threading.Event(), list[str]()
    sleepers: list[float] = []
    sent_meanwhile: list[int] = []

    def behave(one: Seen, before: int) -> Reply:
        if one.text == "text 0" and not before:
            return Reply(status=429, error={"message": "slow"}, headers={"Retry-After": "30"})
        paused.wait(20)
        return Reply()

    def tell(line: str) -> None:
        lines.append(line)
        paused.set()

    with serving(behave) as server:

        async def sleep(seconds: float) -> None:
            """Not one goes on before both have come here."""
            sleepers.append(seconds)
            while len(sleepers) < 2:
                await asyncio.sleep(0.01)
            sent_meanwhile.append(len(server.seen))
            clock.passed = 40.0

        clock = _Later()
        paced = partial(Pacing, sleep=sleep, clock=clock)
        monkeypatch.setattr("lvlm_eval.models.openai.Pacing", paced)
        adapter = build_adapter("openai:m", {"base_url": server.url, "concurrency": 2}).adapter
        adapter.tell = tell
        assert {one.status for one in adapter.answer(requests(12))} == {"ok"}
    assert len(sleepers) == 2
    assert all(29 < seconds < 33 for seconds in sleepers)
    assert sent_meanwhile[0] == 2
    (line,) = lines
    assert line.endswith("asks to wait 30 s")


class _Later:
    """A clock that a test sets forward."""

    passed = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.passed


def test_the_bound_a_minute_is_kept_by_the_adapter(monkeypatch: pytest.MonkeyPatch) -> None:
    """With three a minute the second of two requests waits 20 s: the wait is asked for, not had."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("lvlm_eval.models.openai.Pacing", partial(Pacing, sleep=sleep))
    answers, _ = ask(lambda *_: Reply(), count=2, requests_per_minute=3, concurrency=1)
    assert [one.status for one in answers] == ["ok", "ok"]
    assert len(waits) == 1
    assert 15 < waits[0] <= 20


def test_another_variable_can_hold_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_KEY", " sk-canary-777 \n")
    _, seen = ask(lambda *_: Reply(), key_env="OTHER_KEY")
    assert seen[0].authorization == "Bearer sk-canary-777"
    with pytest.raises(InputError, match="set NO_SUCH_KEY to your key"):
        build_adapter("openai:m", {"key_env": "NO_SUCH_KEY"})
    with pytest.raises(InputError, match="set NO_SUCH_KEY to your key"):
        build_adapter("openai:m", {"key_env": "NO_SUCH_KEY", "base_url": "http://h/v1"})


def test_a_masked_key_is_blotted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-123456")
    said = "Incorrect API key provided: sk-canar*****3456. Find yours at …"
    with pytest.raises(InputError) as error:
        ask(lambda *_: Reply(status=401, error={"message": said}), count=3)
    assert "canar" not in str(error.value)
    assert "3456" not in str(error.value)


def test_thoughts_in_parts_are_kept_apart() -> None:
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hmm. "}]},
        {"type": "text", "text": "B"},
    ]
    body = json.dumps(
        {"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": parts}}]}
    )
    (answer,), _ = ask(lambda *_: Reply(body=body.encode()))
    assert (answer.text, answer.reasoning) == ("B", "Hmm. ")


def test_a_moderated_request_after_an_answer_is_its_own_trouble() -> None:
    def behave(one: Seen, before: int) -> Reply:
        return Reply(status=403, error={"message": "moderated"}) if "3" in one.text else Reply()

    answers, _ = ask(behave, count=6, concurrency=1)
    assert [answer.status for answer in answers] == ["ok", "ok", "ok", "error", "ok", "ok"]


def test_content_in_parts_is_joined() -> None:
    message = {
        "role": "assistant",
        "content": [{"type": "text", "text": t} for t in ("It is ", "B")],
    }
    body = json.dumps({"choices": [{"finish_reason": "stop", "message": message}]}).encode()
    answers, _ = ask(lambda *_: Reply(body=body))
    assert [(answer.status, answer.text) for answer in answers] == [("ok", "It is B")]


def test_extra_fields_win_over_defaults() -> None:
    _, seen = ask(lambda *_: Reply(), extra={"max_tokens": 50, "temperature": 1})
    assert (seen[0].body["max_tokens"], seen[0].body["temperature"]) == (50, 1)
    _, seen = ask(lambda *_: Reply(), extra={"max_completion_tokens": 7})
    assert "max_tokens" not in seen[0].body


def test_a_request_that_is_always_refused_stops_the_run_early() -> None:
    refusal = Reply(status=400, error={"message": "Unsupported parameter: 'max_tokens'"})
    with serving(lambda *_: refusal) as server:
        adapter = build_adapter("openai:m", {"base_url": server.url, "concurrency": 1}).adapter
        with pytest.raises(InputError, match=r"refuses every request.*max_tokens"):
            list(adapter.answer(requests(100)))
        assert len(server.seen) == 8


def test_no_server_at_all_is_said_with_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lvlm_eval.models.server_trouble.LONGEST_PAUSE", 0.01)
    arguments = {"base_url": "http://127.0.0.1:9/v1", "max_retries": 1}
    (answer,) = build_adapter("openai:m", arguments).adapter.answer(requests(1))
    assert answer.status == "error"
    assert "ClientConnectorError" in (answer.error or "")
    with pytest.raises(
        StoppedError, match=r"127\.0\.0\.1:9/v1 answers no request: .*ClientConnectorError"
    ):
        list(build_adapter("openai:m", arguments).adapter.answer(requests(100)))


def test_as_many_requests_at_a_time_as_asked_for() -> None:
    """Only when three requests wait in the server at once does it answer any."""
    together = threading.Barrier(3, timeout=20)

    def behave(one: Seen, before: int) -> Reply:
        together.wait()
        return Reply()

    answers, _ = ask(behave, count=9, concurrency=3)
    assert [answer.status for answer in answers] == ["ok"] * 9


def test_the_key_goes_to_the_server_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-123")
    leak = Reply(status=400, error={"message": "bad request with sk-canary-123"})
    answers, seen = ask(lambda *_: leak)
    assert seen[0].authorization == "Bearer sk-canary-123"
    assert "sk-canary" not in repr(answers)
    assert "bad request with (not recorded)" in (answers[0].error or "")


def test_a_broken_photo_is_an_error_of_its_row() -> None:
    def broken() -> tuple[Picture, ...]:
        raise InputError("car_3.JPEG cannot be decoded")

    asked = requests(2)
    asked[0] = Request("q0/vis/0", "q0", "vis", 0, "text 0", None, {"A": "A"}, broken)
    with serving(lambda *_: Reply()) as server:
        adapter = build_adapter("openai:m", {"base_url": server.url}).adapter
        answers = sorted(adapter.answer(asked), key=lambda one: one.id)
    assert [answer.status for answer in answers] == ["error", "ok"]
    assert answers[0].error == "car_3.JPEG cannot be decoded"


def test_answers_not_wanted_any_more_leave_no_thread_behind() -> None:
    before = threading.active_count()
    with serving(lambda *_: Reply()) as server:
        adapter = build_adapter("openai:m", {"base_url": server.url, "concurrency": 2}).adapter
        answers = iter(adapter.answer(requests(50)))
        next(answers)
        answers.close()  # type: ignore[attr-defined]  # a generator
    assert threading.active_count() == before


def test_one_bad_question_at_the_start_does_not_end_the_run() -> None:
    """The twelve rows of one question are refused, all others are answered."""

    def behave(one: Seen, before: int) -> Reply:
        bad = int(one.text.split()[1]) < 12
        return Reply(status=400, error={"message": "odd photo"}) if bad else Reply()

    asked = [
        replace(one, question="q0") if place < 12 else one for place, one in enumerate(requests(20))
    ]
    with serving(behave) as server:
        arguments = {"base_url": server.url, "concurrency": 1}
        answers = list(build_adapter("openai:m", arguments).adapter.answer(asked))
    assert [answer.status for answer in answers] == ["error"] * 12 + ["ok"] * 8


def test_what_is_in_flight_at_a_wall_is_still_waited_for() -> None:
    slow_is_asked, wall_is_met = threading.Event(), threading.Event()

    def behave(one: Seen, before: int) -> Reply:
        if one.text == "text 0":
            slow_is_asked.set()
            wall_is_met.wait(20)
            return Reply(text="paid for")
        slow_is_asked.wait(20)
        return Reply(status=429, error={"message": "no", "code": "insufficient_quota"})

    with serving(behave) as server:
        arguments = {"base_url": server.url, "concurrency": 2}
        answers = iter(build_adapter("openai:m", arguments).adapter.answer(requests(30)))
        first = next(answers)
        assert first.status == "error"
        wall_is_met.set()
        assert next(answers).text == "paid for"
        with pytest.raises(StoppedError, match="quota is used up"):
            next(answers)
        assert len(server.seen) == 2


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"temperature": "hot"}, "temperature is 'hot'"),
        ({"max_tokens": 0}, "max_tokens is 0"),
        ({"detail": "hi"}, "detail is 'hi'"),
        ({"extra": 3}, "extra is 3"),
        ({"timeout": 0}, "timeout is 0"),
        ({"requests_per_minute": 0}, "requests_per_minute is 0"),
        ({"tokens_per_minute": "many"}, "tokens_per_minute is 'many'"),
        ({"concurrency": 1.5}, "concurrency is 1.5"),
        ({"base_url": "localhost:8000"}, "does not begin with http"),
        ({"decode": "scores"}, "unknown decode 'scores'. Did you mean 'score'"),
        ({"logprobs": 5}, "logprobs is 5, expected true or false"),
    ],
)
def test_impossible_arguments_are_refused(arguments: dict[str, object], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build_adapter("openai:m", {"base_url": "http://h/v1", **arguments})


def completion(*first: tuple[str, float], text: str = "x", **choice: object) -> Reply:
    """An answer of one token, with the likeliest tokens in its place; the first was taken."""
    top = [{"token": token, "logprob": logprob, "bytes": None} for token, logprob in first]
    message = {"role": "assistant", "content": text}
    usual = {"finish_reason": "length", "message": message}
    logprobs = {"content": [{**top[0], "top_logprobs": top}]} if top else None
    return Reply(body=json.dumps({"choices": [{**usual, "logprobs": logprobs, **choice}]}).encode())


OPTIONS = {"A": "C", "B": "A", "C": "B", "D": "D"}


def decoded(
    reply: Reply, decode: str = "score", **arguments: object
) -> tuple[Response, Seen, list[str]]:
    """One request with four options, what was sent, and what the user was told."""
    lines: list[str] = []
    asked = [replace(one, options=OPTIONS) for one in requests(2)]
    with serving(lambda *_: reply) as server:
        given = {"base_url": server.url, "decode": decode, **arguments}
        adapter = build_adapter("openai:m", given).adapter
        adapter.tell = lines.append
        answers = list(adapter.answer(asked))
        return answers[0], server.seen[0], lines


def test_score_takes_the_likeliest_letter_of_the_first_token() -> None:
    """B alone is likelier than A or " A", but not than both together: 0.3 + 0.2 > 0.4."""
    tokens = [("B", math.log(0.4)), ("A", math.log(0.3)), (" A", math.log(0.2)), ("The", -4.0)]
    answer, seen, told = decoded(completion(*tokens, text="B"))
    assert {name: seen.body[name] for name in ("logprobs", "top_logprobs", "max_tokens")} == {
        "logprobs": True, "top_logprobs": 20, "max_tokens": 1,
    }  # fmt: skip
    assert (answer.text, answer.status, answer.finish_reason) == ("A", "ok", "length")
    assert answer.logprobs == {"A": pytest.approx(math.log(0.5)), "B": math.log(0.4)}
    assert told == []


def test_score_bounds_new_models_by_their_own_field() -> None:
    _, seen, _ = decoded(completion(("A", -0.1)), max_completion_tokens=9)
    assert seen.body["max_completion_tokens"] == 1
    assert "max_tokens" not in seen.body
    _, seen, _ = decoded(completion(("A", -0.1)), extra={"top_logprobs": 5})
    assert seen.body["top_logprobs"] == 5


def test_the_token_that_was_taken_counts_where_it_is_none_of_the_likeliest() -> None:
    logprobs = {
        "content": [
            {"token": "D", "logprob": -3.0, "top_logprobs": [{"token": "E", "logprob": -0.2}]}
        ]
    }
    assert decoded(completion(logprobs=logprobs))[0].logprobs == {"D": -3.0}


@pytest.mark.parametrize(
    "logprobs",
    [
        None,
        "none",
        {},
        {"content": None},
        {"content": []},
        {"content": {"token": "A"}},
        {"content": ["A"]},
        {"content": [{"token": "The", "logprob": -0.1, "top_logprobs": [3, {"token": "A"}]}]},
        {"content": [{"token": "A", "logprob": None, "top_logprobs": 5}]},
        {"content": [{"token": 3, "logprob": "A"}]},
    ],
)
def test_what_a_server_does_not_give_is_not_invented(logprobs: object) -> None:
    answer, _, told = decoded(completion(text="The", logprobs=logprobs))
    assert (answer.text, answer.status, answer.logprobs) == ("The", "ok", None)
    (line,) = told  # of two requests
    assert "gave no option letter among its likeliest first tokens" in line


def test_a_refusal_is_no_score() -> None:
    reply = completion(("A", -0.1), text="", finish_reason="content_filter")
    answer, _, _ = decoded(reply)
    assert (answer.text, answer.status, answer.logprobs) == ("", "refused", None)


def test_choice_sends_the_letters_of_the_request() -> None:
    answer, seen, told = decoded(Reply(text="C"), "choice")
    assert seen.body["structured_outputs"] == {"choice": ["A", "B", "C", "D"]}
    assert seen.body["max_tokens"] == 1024
    assert "logprobs" not in seen.body
    assert (answer.text, answer.logprobs, told) == ("C", None, [])


def test_a_server_that_does_not_keep_to_the_choice_is_told_of_once() -> None:
    answer, _, told = decoded(Reply(text="It is C."), "choice")
    assert (answer.text, answer.status) == ("It is C.", "ok")
    (line,) = told
    assert "needs vLLM" in line


def test_text_is_as_before_with_the_letters_scores_where_wanted() -> None:
    reply = completion(("A", -0.5), ("B", -1.5), text="A, I think", finish_reason="stop")
    answer, seen, _ = decoded(reply, "text")
    assert answer.logprobs is None
    assert not {"logprobs", "structured_outputs"} & set(seen.body)
    answer, seen, told = decoded(reply, "text", logprobs=True)
    assert (answer.text, answer.logprobs) == ("A, I think", {"A": -0.5, "B": -1.5})
    assert (seen.body["logprobs"], seen.body["max_tokens"]) == (True, 1024)
    answer, _, told = decoded(Reply(text="A"), "text", logprobs=True)
    assert (answer.logprobs, told) == (None, [])

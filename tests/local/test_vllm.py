"""Answers of the vLLM adapter with vLLM itself, on tiny checkpoints and the CPU."""

import importlib.util
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from commands import ENVIRONMENT

from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.models import build_adapter
from lvlm_eval.records import LETTERS, SETTINGS, Picture

if importlib.util.find_spec("vllm") is None:
    pytest.skip("vllm is not installed", allow_module_level=True)

from local.vllm_asking import SMALL, USUAL, Checkpoint, Shared, by_id, hugging_face, rows_of
from lvlm_eval.models.local.decoding import Decode
from lvlm_eval.models.local.thinking import parts_of
from lvlm_eval.models.vllm import VLLM


@pytest.fixture(scope="module")
def shared(checkpoint: Checkpoint) -> Shared:
    return Shared(checkpoint)


@pytest.mark.parametrize("family", ["qwen2.5-vl", "qwen3-vl", "internvl", "llava"])
def test_greedy_answers_are_those_of_hugging_face(
    shared: Shared, checkpoint: Checkpoint, family: str
) -> None:
    requests = rows_of(0)[::3] + rows_of(1)[1::5]
    answers = by_id(shared.adapter(family).answer(requests))
    expected = hugging_face(checkpoint(family), requests, tokens=24)
    assert len({text for text, _, _ in expected.values()}) > 2
    for id, (text, tokens, _) in expected.items():
        assert answers[id].text == text
        assert (answers[id].usage or {})["completion_tokens"] == tokens
        assert answers[id].status == ("truncated" if tokens == 24 else "ok")


def test_llava_onevision_answers_though_not_as_hugging_face(shared: Shared) -> None:
    # vLLM tiles each of several pictures, Hugging Face only one that stands alone.
    answers = by_id(shared.adapter("llava-onevision").answer(rows_of(0)))
    tokens = {one.id.split("/")[1]: (one.usage or {})["image_tokens"] for one in answers.values()}
    assert tokens["vis"] == tokens["vis+desc"] > 1.9 * tokens["desc"]


def test_each_picture_is_encoded_once_and_beginnings_are_computed_once(shared: Shared) -> None:
    # Of its own, since vLLM counts for the latest engine of a process only.
    adapter = shared.own("qwen2.5-vl", decode="score")
    (llm,) = adapter.engines().engines
    encoded: list[int] = []

    def count(_module: Any, _inputs: Any, named: Mapping[str, Any], _outputs: Any) -> None:
        encoded.append(len(named["grid_thw"]))

    llm.apply_model(lambda model: model.visual.register_forward_hook(count, with_kwargs=True))
    before = metrics(llm)
    requests = [request for question in range(10, 16) for request in rows_of(question)]
    answers = list(adapter.answer(requests))
    after = metrics(llm)
    assert sum(encoded) == 6 * 2
    view = adapter.saw()
    assert view is not None
    assert sum(one.pictures for one in view.pictures) == 6 * 2
    assert {one.sent for one in view.pictures} == {(84, 112), (112, 84)}
    for one in view.pictures:
        assert one.seen is not None and one.patches is not None
        assert one.tokens == one.patches[0] * one.patches[1] // 4
    told = {name: after[name] - before[name] for name in after}
    # Ten pictures stand in the requests of a question's settings: 4 × 2 + 4 × 2 + 4.
    assert told["vllm:mm_cache_queries"] == 6 * 20
    assert told["vllm:mm_cache_hits"] == 6 * 18
    usage = {one.id: one.usage or {} for one in answers}
    block = SMALL["block_size"]
    for question in range(10, 16):
        first = usage[f"q{question}/vis/0"]
        assert first["cached_tokens"] < block
        for rotation in range(1, 4):
            for setting in SETTINGS:
                one = usage[f"q{question}/{setting}/{rotation}"]
                # All but the options, which are the end of the prompt, and the block they begin in.
                assert one["cached_tokens"] >= one["prompt_tokens"] - 48 - block
        shared_images = usage[f"q{question}/vis+desc/0"]
        assert shared_images["cached_tokens"] >= shared_images["image_tokens"] - block
    assert told["vllm:prefix_cache_hits"] == sum(one["cached_tokens"] for one in usage.values())


def metrics(llm: Any) -> dict[str, float]:
    """The caches' counters."""
    caches = ("vllm:prefix_cache", "vllm:mm_cache")
    names = [f"{cache}_{what}" for cache in caches for what in ("queries", "hits")]
    found = {one.name: one.value for one in llm.get_metrics() if one.name in names}
    return {name: found.get(name, 0) for name in names}


def test_nothing_that_is_remembered_changes_an_answer(shared: Shared) -> None:
    requests = rows_of(0) + rows_of(1)
    fresh = by_id(shared.own("qwen3-vl", prefix_caching=False, chunk=1).answer(requests))
    assert not any((one.usage or {})["cached_tokens"] for one in fresh.values())
    remembered = by_id(shared.adapter("qwen3-vl").answer(requests))
    assert sum((one.usage or {})["cached_tokens"] for one in remembered.values()) > 500
    assert {id: one.text for id, one in fresh.items()} == {
        id: one.text for id, one in remembered.items()
    }


@pytest.mark.parametrize("family", ["qwen2.5-vl", "qwen3-vl"])
def test_a_pixel_budget_decides_how_many_tokens_a_picture_takes(
    shared: Shared, family: str
) -> None:
    requests = rows_of(0)[:1]
    usual = by_id(shared.adapter(family).answer(requests))
    adapter = shared.own(family, max_pixels=4096)
    small = by_id(adapter.answer(requests))
    told: list[str] = []
    large = shared.own(family, min_pixels=65536, max_pixels=65536, max_tokens=1024)
    large.tell = told.append  # type: ignore[method-assign]
    bigger = by_id(large.answer(requests))
    id = requests[0].id
    tokens = [(one[id].usage or {})["image_tokens"] for one in (small, usual, bigger)]
    assert tokens == sorted(set(tokens))
    view = adapter.saw()
    assert view is not None
    assert view.pixel_budget is not None
    assert view.pixel_budget[1] == 4096
    assert all(one.seen and one.seen[0] * one.seen[1] <= 4096 for one in view.pictures)
    assert "768" in told[-1]


def test_a_choice_is_always_a_letter(shared: Shared) -> None:
    answers = by_id(shared.adapter("qwen3-vl", decode="choice").answer(rows_of(0) + rows_of(1)))
    assert {one.text for one in answers.values()} <= set(LETTERS)
    assert {one.finish_reason for one in answers.values()} == {"stop"}
    assert not any(one.logprobs for one in answers.values())


def test_scores_are_the_log_probabilities_of_hugging_face(
    shared: Shared, checkpoint: Checkpoint
) -> None:
    requests = rows_of(0)[::2]
    answers = by_id(shared.adapter("qwen2.5-vl", decode="score").answer(requests))
    expected = hugging_face(checkpoint("qwen2.5-vl"), requests, tokens=1)
    tokenizer = shared.llm("qwen2.5-vl").get_tokenizer()
    for id, (_, _, logprobs) in expected.items():
        answer = answers[id]
        assert answer.logprobs is not None
        assert set(answer.logprobs) == set(LETTERS)
        for letter, logprob in answer.logprobs.items():
            (token,) = tokenizer.encode(letter, add_special_tokens=False)
            assert logprob == pytest.approx(float(logprobs[token]), abs=1e-3)
        best = max(answer.logprobs, key=lambda one: answer.logprobs[one])  # type: ignore[index]
        assert (answer.text, answer.status) == (best, "ok")


def test_log_probabilities_come_with_a_text_where_they_are_wanted(shared: Shared) -> None:
    requests = rows_of(3)[:3]
    scores = by_id(shared.adapter("qwen2.5-vl", decode="score").answer(requests))
    texts = by_id(shared.adapter("qwen2.5-vl", logprobs=True).answer(requests))
    plain = by_id(shared.adapter("qwen2.5-vl").answer(requests))
    for id, one in texts.items():
        assert one.logprobs == pytest.approx(scores[id].logprobs, abs=1e-3)
        assert one.text == plain[id].text


def test_samples_depend_on_the_request_and_the_seed_alone(shared: Shared) -> None:
    warm = {"temperature": 1.0, "top_p": 0.9}
    requests = rows_of(4)
    answers = by_id(shared.adapter("qwen3-vl", **warm).answer(requests))
    backwards = by_id(shared.adapter("qwen3-vl", chunk=3, **warm).answer(requests[::-1]))
    others = by_id(shared.adapter("qwen3-vl", seed=1, **warm).answer(requests))
    assert {id: one.text for id, one in answers.items()} == {
        id: one.text for id, one in backwards.items()
    }
    assert sum(answers[id].text != others[id].text for id in answers) > 6


def test_reasoning_is_kept_apart_and_has_a_bound_of_its_own(
    shared: Shared, checkpoint: Checkpoint
) -> None:
    family, requests = "qwen3-vl-thinking", rows_of(0)[::3] + rows_of(1)[::3]
    free = by_id(shared.adapter(family, max_tokens=32).answer(requests))
    expected = hugging_face(checkpoint(family), requests, tokens=128)
    closed = 0
    for id, (text, tokens, _) in expected.items():
        own = re.sub(r"</think>|\s", "", (free[id].reasoning or "") + free[id].text)
        longer = re.sub(r"</think>|\s", "", text)
        assert longer.startswith(own) or (tokens == 128 and own.startswith(longer))
        if tokens < 128 and not parts_of(text, opened=True).finished:
            assert (free[id].text, free[id].status) == ("", "truncated")
        closed += bool(free[id].text)
    assert 0 < closed < len(requests)
    short = by_id(shared.adapter(family, max_tokens=4, max_reasoning_tokens=6).answer(requests))
    tokenizer = shared.llm(family).get_tokenizer()
    for id, one in short.items():
        # vLLM ends a reasoning that is too long, and the model answers.
        first = (one.reasoning or "").partition("</think>")[0]
        assert ((free[id].reasoning or "") + free[id].text).startswith(first)
        assert len(tokenizer.encode(first)) <= 6
        assert (one.usage or {})["completion_tokens"] <= 6 + 1 + 4
    cut = [one for one in short.values() if one.status == "truncated"]
    assert {one.finish_reason for one in cut if one.text} == {"length"}
    with pytest.raises(InputError, match="reasons before it answers"):
        VLLM(str(checkpoint(family)), decode="score", **USUAL).engines()


def test_a_model_that_reasons_chooses_a_letter_after_it(shared: Shared) -> None:
    adapter = shared.own(
        "qwen3-vl-thinking", decode="choice", logprobs=True, max_reasoning_tokens=8
    )
    answers = by_id(adapter.answer(rows_of(0) + rows_of(1)))
    # Weights as random as these also end within their reasoning.
    chosen = [one for one in answers.values() if one.text]
    assert {one.text for one in chosen} <= set(LETTERS)
    assert all(one.reasoning and set(one.logprobs or {}) == set(LETTERS) for one in chosen)
    assert {one.status for one in chosen} == {"ok"}
    assert {one.status for one in answers.values() if not one.text} <= {"truncated"}
    assert len(chosen) > 4


def test_a_request_that_is_too_long_is_an_error_of_its_row(shared: Shared) -> None:
    fine, long = rows_of(6)[:2]
    long = replace(long, text=long.text * 100)
    answers = {one.id: one for one in shared.adapter("qwen2.5-vl").answer([long, fine])}
    assert answers[fine.id].status == "ok" or answers[fine.id].status == "truncated"
    assert answers[long.id].status == "error"
    assert "768" in (answers[long.id].error or "")


def test_a_model_that_takes_no_request_is_told_at_once(shared: Shared) -> None:
    long = [replace(row, text=row.text * 100) for question in range(9) for row in rows_of(question)]
    with pytest.raises(InputError, match=r"takes no request.*768"):
        list(shared.adapter("qwen2.5-vl").answer(long))


def test_a_broken_photo_fails_its_own_row(shared: Shared) -> None:
    fine, broken = rows_of(7)[:2]

    def fail() -> tuple[Picture, ...]:
        raise InputError("car_1.JPEG is no image.")

    broken = replace(broken, load_pictures=fail)
    answers = {one.id: one for one in shared.adapter("qwen2.5-vl").answer([broken, fine])}
    assert answers[broken.id].error == "car_1.JPEG is no image."
    assert answers[fine.id].text


def test_an_engine_that_dies_stops_the_run(shared: Shared, monkeypatch: Any) -> None:
    adapter = shared.adapter("llava")
    requests = rows_of(8)
    answers = iter(adapter.answer(requests))
    next(iter(answers))
    core = shared.llm("llava").llm_engine.engine_core.engine_core

    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("out of everything")

    monkeypatch.setattr(core.model_executor, "execute_model", die)
    with pytest.raises(StoppedError, match=r"engine died.*out of everything.*goes on"):
        list(shared.adapter("llava").answer(rows_of(9)))


@pytest.fixture
def server(checkpoint: Checkpoint, tmp_path: Path) -> Iterator[str]:
    """A vLLM server of its own on the loopback."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    words = [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", str(checkpoint("qwen2.5-vl")), "--served-model-name", "tiny"),
        *("--host", "127.0.0.1", "--port", str(port), "--dtype", "float32", "--enforce-eager"),
        *("--max-model-len", "768", "--block-size", "32"),
        *("--limit-mm-per-prompt", '{"image": 2, "video": 0}'),
    ]
    quiet = {
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "TORCH_COMPILE_DISABLE": "1",
        "VLLM_LOGGING_LEVEL": "WARNING",
        "HF_HUB_OFFLINE": "1",
    }
    log = tmp_path / "server.txt"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            words, env=ENVIRONMENT | quiet, stdout=stream, stderr=subprocess.STDOUT
        )
        try:
            for _ in range(180):
                assert process.poll() is None, log.read_text()
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).close()
                    break
                except (urllib.error.URLError, OSError):
                    time.sleep(1)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            process.wait(60)


@pytest.mark.slow
def test_a_server_of_vllm_answers_the_same(shared: Shared, server: str) -> None:
    requests = rows_of(0) + rows_of(1)[:4]
    decodes: tuple[Decode, ...] = ("text", "choice")
    for decode in decodes:
        own = by_id(shared.adapter("qwen2.5-vl", decode=decode).answer(requests))
        client = build_adapter(
            "openai:tiny", {"base_url": server, "max_tokens": 24}, decode=decode
        ).adapter
        served = by_id(client.answer(requests))
        assert {id: one.text.strip() for id, one in served.items()} == {
            id: one.text for id, one in own.items()
        }

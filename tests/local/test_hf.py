"""The Hugging Face adapter with the library itself, on tiny checkpoints and the CPU."""

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from commands import complaint_of, lvlm_eval
from making import write_tree
from PIL import Image

from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.records import LETTERS, SETTINGS, Request, Response
from lvlm_eval.runs import DrawingChoices, open_source

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from lvlm_eval.models.hf import HuggingFace  # noqa: E402
from lvlm_eval.models.local.asked import (  # noqa: E402
    Asked,
    branches_of,
    chat_text,
    parts_of_size,
)
from lvlm_eval.models.local.choosing import NextTokens  # noqa: E402
from lvlm_eval.models.local.decoding import Decoding  # noqa: E402
from lvlm_eval.models.local.families import QwenVL  # noqa: E402
from lvlm_eval.models.local.vision import Shown  # noqa: E402

Checkpoint = Callable[[str], Path]
FAMILIES = ("qwen2.5-vl", "qwen3-vl", "llava-onevision", "internvl", "llava")
QUESTIONS = 2
TOKENS = 10
CLOSE = 1e-3
"""Natural logarithm; far more than rounding in float32 adds up to, far less than one token."""


@pytest.fixture(scope="module")
def requests(tmp_path_factory: pytest.TempPathFactory) -> list[Request]:
    """Every request of two questions: three settings, four rotations."""
    tree = write_tree(tmp_path_factory.mktemp("data") / "tree", images=3)
    source = open_source(str(tree), DrawingChoices(), None)
    return [
        source.request(ask)
        for question in source.questions[:QUESTIONS]
        for setting in SETTINGS
        for ask in source.asks(question, setting)
    ]


def adapter_of(folder: Path, **arguments: Any) -> HuggingFace:
    usual = {"device": "cpu", "dtype": "float32", "max_tokens": TOKENS, "logprobs": True}
    return HuggingFace(str(folder), **(usual | arguments))


def by_id(responses: Iterable[Response]) -> dict[str, Response]:
    return {response.id: response for response in responses}


def one_by_one(
    folder: Path, requests: Sequence[Request]
) -> dict[str, tuple[str, dict[str, float]]]:
    """Text and log probabilities of each request by the library's own means, batches of one."""
    adapter = adapter_of(folder)
    model, processor = adapter._model, adapter._processor
    letters = {one: processor.tokenizer.encode(one)[0] for one in LETTERS}
    found = {}
    for request in requests:
        inputs = processor(
            text=[chat_text(processor, request)],
            images=[list(request.images)],
            return_tensors="pt",
        )
        with torch.inference_mode():
            made = model.generate(
                **inputs,
                max_new_tokens=TOKENS,
                do_sample=False,
                output_logits=True,
                return_dict_in_generate=True,
            )
        scores = torch.log_softmax(made.logits[0][0].double(), dim=-1)
        tokens = made.sequences[0, inputs["input_ids"].shape[1] :]
        text = processor.tokenizer.decode(tokens, skip_special_tokens=True).strip()
        found[request.id] = text, {one: float(scores[id]) for one, id in letters.items()}
    return found


@pytest.fixture(scope="module")
def expected(
    checkpoint: Checkpoint, requests: list[Request]
) -> Callable[[str], dict[str, tuple[str, dict[str, float]]]]:
    known: dict[str, Any] = {}

    def of(family: str) -> dict[str, tuple[str, dict[str, float]]]:
        if family not in known:
            known[family] = one_by_one(checkpoint(family), requests)
        return known[family]  # type: ignore[no-any-return]

    return of


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("batch", "cached", "shared"),
    [
        (1, True, True),
        (2, True, True),
        (7, True, True),
        (32, True, True),
        (7, False, True),
        (7, True, False),
        (7, False, False),
    ],
)
def test_neither_batches_nor_sharing_change_an_answer(
    checkpoint: Checkpoint,
    requests: list[Request],
    expected: Callable[[str], dict[str, tuple[str, dict[str, float]]]],
    family: str,
    batch: int,
    cached: bool,
    shared: bool,
) -> None:
    adapter = adapter_of(
        checkpoint(family), batch_size=batch, cache_images=cached, share_prefix=shared
    )
    answers = by_id(adapter.answer(requests))
    assert answers.keys() == {request.id for request in requests}
    for id, (text, logprobs) in expected(family).items():
        assert answers[id].text == text
        assert answers[id].logprobs == pytest.approx(logprobs, abs=CLOSE)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_vision_tower_runs_once_for_each_distinct_picture(
    checkpoint: Checkpoint, requests: list[Request], family: str
) -> None:
    adapter = adapter_of(checkpoint(family))
    runs: list[tuple[str, ...]] = []
    model = adapter._model
    tower = getattr(model.model, "visual", None) or model.model.vision_tower
    tower.register_forward_hook(lambda *_: runs.append(()))
    assert len(by_id(adapter.answer(requests))) == len(requests)
    distinct = {picture.sha256 for request in requests for picture in request.pictures}
    # LLaVA-OneVision cuts a picture in tiles only when it stands alone.
    alone = QUESTIONS if family == "llava-onevision" else 0
    together = len(distinct) // 2 if family == "llava-onevision" else len(distinct)
    assert len(runs) == together + alone
    assert len(distinct) == 2 * QUESTIONS


def test_what_is_shared_is_run_through_the_language_model_once(
    checkpoint: Checkpoint, requests: list[Request]
) -> None:
    def tokens(shared: bool) -> int:
        adapter = adapter_of(checkpoint("qwen2.5-vl"), decode="score", share_prefix=shared)
        counted = [0]
        layer = adapter._model.model.language_model.layers[0]

        def count(_module: Any, inputs: tuple[Any, ...], named: dict[str, Any], _: Any) -> None:
            hidden = inputs[0] if inputs else named["hidden_states"]
            counted[0] += hidden.shape[0] * hidden.shape[1]

        layer.register_forward_hook(count, with_kwargs=True)
        list(adapter.answer(requests))
        return counted[0]

    assert tokens(shared=True) < 0.45 * tokens(shared=False)


def test_another_family_is_answered_by_the_librarys_own_generate(
    checkpoint: Checkpoint,
    requests: list[Request],
    expected: Callable[[str], dict[str, tuple[str, dict[str, float]]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lvlm_eval.models.hf.family_of", lambda *_: None)
    adapter, told = adapter_of(checkpoint("internvl"), batch_size=5), list[str]()
    adapter.tell = told.append
    answers = by_id(adapter.answer(requests))
    for id, (text, logprobs) in expected("internvl").items():
        assert answers[id].text == text
        assert answers[id].logprobs == pytest.approx(logprobs, abs=CLOSE)
    assert "internvl is no family" in told[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_torchvision_is_not_needed(
    checkpoint: Checkpoint, requests: list[Request], family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lvlm_eval.models.local.loading._has_torchvision", lambda: False)
    adapter = adapter_of(checkpoint(family))
    answers = by_id(adapter.answer(requests[:4]))
    assert all(answer.logprobs for answer in answers.values())
    view = adapter.saw()
    assert view is not None
    assert view.processor.endswith("Pil")


def test_a_score_is_the_likeliest_letter(
    checkpoint: Checkpoint,
    requests: list[Request],
    expected: Callable[[str], dict[str, tuple[str, dict[str, float]]]],
) -> None:
    answers = by_id(adapter_of(checkpoint("qwen3-vl"), decode="score").answer(requests))
    for id, (_, logprobs) in expected("qwen3-vl").items():
        assert answers[id].text == max(logprobs, key=lambda letter: logprobs[letter])
        assert answers[id].status == "ok"
        assert answers[id].logprobs == pytest.approx(logprobs, abs=CLOSE)


@pytest.mark.parametrize("temperature", [0.0, 3.0])
def test_a_choice_is_always_a_letter(
    checkpoint: Checkpoint, requests: list[Request], temperature: float
) -> None:
    adapter = adapter_of(checkpoint("llava"), decode="choice", temperature=temperature)
    answers = by_id(adapter.answer(requests))
    assert {answer.text for answer in answers.values()} <= set(LETTERS)
    if not temperature:
        scores = by_id(adapter_of(checkpoint("llava"), decode="score").answer(requests))
        assert {id: one.text for id, one in answers.items()} == {
            id: one.text for id, one in scores.items()
        }


def test_samples_depend_on_the_request_and_the_seed_alone(
    checkpoint: Checkpoint, requests: list[Request]
) -> None:
    def texts(asked: Sequence[Request], **arguments: Any) -> dict[str, str]:
        adapter = adapter_of(checkpoint("qwen2.5-vl"), temperature=1.5, top_k=50, **arguments)
        return {response.id: response.text for response in adapter.answer(asked)}

    whole = texts(requests)
    assert texts(requests[::-1], batch_size=5) == whole
    assert texts(requests[5:9]).items() <= whole.items()
    assert texts(requests, seed=1) != whole


def test_noise_draws_from_the_probabilities() -> None:
    decoding = Decoding(temperature=1.0, top_p=0.95)
    wanted = torch.tensor([0.5, 0.3, 0.16, 0.04])  # the last one is outside of the 95 %
    draws = 4000
    choose = NextTokens(decoding, [f"q{row}" for row in range(draws)], [()] * draws)
    chosen = choose(wanted.log().repeat(draws, 1), list(range(draws)))
    counts = [chosen.count(token) / draws for token in range(4)]
    assert counts[3] == 0
    assert counts[:3] == pytest.approx([0.5 / 0.96, 0.3 / 0.96, 0.16 / 0.96], abs=0.04)


def test_penalties() -> None:
    scores = torch.tensor([[2.0, 1.9, 0.0]])
    presence = NextTokens(Decoding(presence_penalty=0.5), ["q"], [()])
    assert [presence(scores, [0])[0] for _ in range(3)] == [0, 1, 0]
    repetition = NextTokens(Decoding(repetition_penalty=4.0), ["q"], [(0,)])
    assert repetition(scores, [0]) == [1]  # 0 stood in the prompt


def test_reasoning_is_kept_apart_and_has_a_bound_of_its_own(
    checkpoint: Checkpoint, requests: list[Request]
) -> None:
    model = checkpoint("qwen3-vl-thinking")
    long = adapter_of(model, max_reasoning_tokens=300, max_tokens=100, temperature=2.0)
    answers = by_id(long.answer(requests))
    thought = [one for one in answers.values() if one.status == "ok"]
    assert thought
    assert all(one.reasoning for one in thought)
    assert not any("think>" in one.text for one in answers.values())
    short = adapter_of(model, max_reasoning_tokens=2, temperature=2.0)
    for one in short.answer(requests[:4]):
        if one.status == "truncated":
            assert one.text == ""
            assert (one.usage or {})["completion_tokens"] == 2
    with pytest.raises(InputError, match="reasons before it answers"):
        list(adapter_of(model, decode="score").answer(requests))


def test_memory_that_runs_out_halves_the_batch(
    checkpoint: Checkpoint,
    requests: list[Request],
    expected: Callable[[str], dict[str, tuple[str, dict[str, float]]]],
) -> None:
    adapter, told = adapter_of(checkpoint("qwen3-vl"), batch_size=32), list[str]()
    adapter.tell = told.append
    assert adapter._engine is not None  # made before its model is tampered with
    forward = adapter._model.forward

    def limited(*args: Any, **named: Any) -> Any:
        if len(named["input_ids"]) > 9:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return forward(*args, **named)

    adapter._model.forward = limited
    answers = by_id(adapter.answer(requests))
    assert {id: one.text for id, one in answers.items()} == {
        id: text for id, (text, _) in expected("qwen3-vl").items()
    }
    assert told == [
        "out of memory: batches of 12 requests from now on",
        "out of memory: batches of 6 requests from now on",
    ]
    told.clear()
    list(adapter.answer(requests))
    assert not told  # it is remembered


def test_memory_that_does_not_hold_one_request(
    checkpoint: Checkpoint, requests: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = adapter_of(checkpoint("llava"), batch_size=4)
    assert adapter._engine is not None  # made before its model is tampered with

    def fail(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(adapter._model, "forward", fail)
    with pytest.raises(InputError, match=r"memory with a single request.*max_pixels"):
        list(adapter.answer(requests))


def test_a_gpu_that_fails_stops_the_run(
    checkpoint: Checkpoint, requests: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = adapter_of(checkpoint("llava"), batch_size=12)
    answers = iter(adapter.answer(requests))
    first = [next(answers) for _ in range(12)]

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(adapter._model, "forward", fail)
    with pytest.raises(StoppedError, match=r"the GPU failed.*illegal memory access"):
        next(answers)
    assert len({one.id for one in first}) == 12


def test_a_pixel_budget_decides_what_the_model_sees(
    checkpoint: Checkpoint, requests: list[Request]
) -> None:
    def seen(**arguments: Any) -> list[list[int]]:
        (one,) = adapter_of(checkpoint("qwen2.5-vl"), **arguments).answer(requests[:1])
        sizes: list[list[int]] = (one.usage or {})["image_sizes"]
        return sizes

    for most in (4 * 28 * 28, 12 * 28 * 28):
        for width, height in seen(max_pixels=most, min_pixels=28 * 28):
            assert width * height <= most
            assert width % 28 == height % 28 == 0
    with pytest.raises(InputError, match="no pixel budget"):
        list(adapter_of(checkpoint("llava"), max_pixels=5000).answer(requests[:1]))


@pytest.mark.parametrize(("family", "factor"), [("qwen2.5-vl", 28), ("qwen3-vl", 32)])
def test_sizes_are_those_of_qwen_vl_utils(checkpoint: Checkpoint, family: str, factor: int) -> None:
    utils = pytest.importorskip("qwen_vl_utils.vision_process")
    least, most = 4 * factor**2, 300 * factor**2
    adapter = adapter_of(checkpoint(family), min_pixels=least, max_pixels=most)
    for width, height in ((500, 375), (375, 500), (1600, 1200), (33, 40), (901, 130), (64, 64)):
        processed = QwenVL().processed(adapter._processor, [Image.new("RGB", (width, height))])
        expected = utils.smart_resize(height, width, factor, least, most)
        assert processed.sizes == (expected[::-1],)


def test_a_request_that_does_not_fit_is_an_error_before_anything_is_asked(
    checkpoint: Checkpoint, requests: list[Request], tmp_path: Path
) -> None:
    folder = tmp_path / "short"
    shutil.copytree(checkpoint("qwen2.5-vl"), folder)
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["max_position_embeddings"] = 64
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="tokens with its pictures, and the model holds 64"):
        list(adapter_of(folder).answer(requests))
    long = replace(requests[0], text="word " * 5000)
    answers = by_id(adapter_of(checkpoint("qwen2.5-vl")).answer([long, requests[1]]))
    assert answers[long.id].status == "error"
    assert answers[requests[1].id].status in ("ok", "truncated")


def test_what_cannot_be_loaded_is_said_in_one_line(
    checkpoint: Checkpoint, tmp_path: Path, requests: list[Request]
) -> None:
    def complaint(folder: Path) -> str:
        with pytest.raises(InputError) as caught:
            list(adapter_of(folder).answer(requests[:1]))
        assert str(caught.value).isprintable()
        return str(caught.value)

    assert "there is no folder" in complaint(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    assert "is no folder with a checkpoint" in complaint(tmp_path / "empty")
    bare = tmp_path / "bare"
    shutil.copytree(checkpoint("qwen3-vl"), bare)
    (bare / "chat_template.jinja").unlink()
    assert "has no chat template" in complaint(bare)
    blind = tmp_path / "blind"
    shutil.copytree(checkpoint("llava"), blind)
    config = json.loads((blind / "config.json").read_text())
    text_only = {**config["text_config"], "architectures": ["Qwen2ForCausalLM"]}
    (blind / "config.json").write_text(json.dumps(text_only))
    assert "no model that answers to images and text" in complaint(blind)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"dtype": "float8"}, "unknown dtype 'float8'"),
        ({"decode": "scores"}, "unknown decode 'scores'. Did you mean 'score'"),
        ({"device": "cuda:99"}, "device 'cuda:99' cannot be used here"),
        ({"batch_size": 0}, "batch_size is 0, expected a whole number from 1"),
        ({"temperature": -1}, "temperature is -1"),
        ({"top_p": 0}, "top_p is 0"),
    ],
)
def test_arguments_are_checked(tmp_path: Path, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        adapter_of(tmp_path, **arguments)
    assert said in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_nobody_waits_for_hours(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no GPU was found.*device=cpu"):
        HuggingFace(str(tmp_path))


def test_a_run_from_the_command_line_and_again(checkpoint: Checkpoint, tmp_path: Path) -> None:
    words = (
        "run", "--model", f"hf:{checkpoint('qwen2.5-vl')}", "--data", "sample", "--limit", 2,
        "--model-arg", "device=cpu", "--model-arg", "max_tokens=4", "--decode", "score",
        "--out", tmp_path / "out", "--json",
    )  # fmt: skip
    first = lvlm_eval(*words, cwd=tmp_path)
    document = json.loads(first.stdout)
    assert document["settings"]["vis"]["rows"] == 8
    lines = (tmp_path / "out" / "predictions.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == 24
    assert all(row["text"] in LETTERS and len(row["logprobs"]) == 4 for row in rows)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    saw = manifest["recorded"]["calls"][0]["model_saw"]
    assert saw["processor"].startswith("Qwen2VLImageProcessor")
    assert sum(one["pictures"] for one in saw["pictures"]) == 4  # two questions, two each
    for one in saw["pictures"]:
        assert one["tokens"] == one["patches"][0] * one["patches"][1] // 4
        assert one["seen"] == [14 * side for side in one["patches"][::-1]]
    assert "letters at their markers are" in first.stderr  # a tiny pixel budget
    assert manifest["identity"]["model"]["name"] == "hf:qwen2.5-vl"  # not where it lies
    again = lvlm_eval(*words, cwd=tmp_path)
    assert again.stdout == first.stdout
    assert "24 of 24 rows were answered before" in again.stderr
    line = complaint_of(*words, "--decode", "text", cwd=tmp_path, status=2)
    assert "--decode" in line


def asked_with(id: str, question: str, ids: tuple[int, ...], pictures: tuple[str, ...]) -> Asked:
    request = Request(id, question, "vis", 0, "", None, {}, lambda: ())
    return Asked(request, ids, (), Shown((pictures,), (), (), ()), 2, False)


def test_branches() -> None:
    trunk = tuple(range(100))
    one = asked_with("a", "q", (*trunk, 7, 1), ("x", "y"))
    other = asked_with("b", "q", (*trunk, 7, 2, 3), ("x", "y"))
    alone = asked_with("c", "q", (*trunk, 9), ("x",))
    (branch,) = branches_of([one, alone, other])
    assert branch.length == 101
    assert {member.request.id for member in branch.members} == {"a", "b"}
    same = asked_with("d", "q", one.ids, ("x", "y"))
    (branch,) = branches_of([one, same])
    assert branch.length == len(one.ids) - 1  # one token is left for each


def test_parts_keep_questions_whole() -> None:
    rows = [asked_with(f"{q}{n}", q, (1,), ("x",)) for q in "abc" for n in range(4)]
    sizes = [[one.request.question for one in part] for part in parts_of_size(rows, 9)]
    assert sizes == [["a"] * 4 + ["b"] * 4, ["c"] * 4]
    assert [len(part) for part in parts_of_size(rows, 3)] == [3, 1, 3, 1, 3, 1]

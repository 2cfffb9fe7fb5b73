"""How fast the vLLM adapter is, against one call of vLLM a request.

Makes a tiny checkpoint with random weights and a tree of photo-like images of 500×375 px, then
answers the same requests (three settings, four rotations) with one engine in two ways:

- ours: the adapter;
- the obvious way: ``LLM.chat`` once a request, the pictures opened and handed over anew each time,
  everything else as vLLM has it by default, prefix caching included.

Both must give the same answers. Pictures that go through the vision tower are counted in the model
itself. All caches are emptied before each round.

With weights this small the language model costs next to nothing, so what is measured is what stands
round it: rendering, processing and encoding of pictures, and how full the batches are.

Run: ``python benchmarks/vllm_speed.py [--family qwen2.5-vl] [--questions 8] [--rounds 3]``
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from prepare import make_tree

from lvlm_eval.models.local.messages import messages_of
from lvlm_eval.models.tiny.checkpoint import make_checkpoint
from lvlm_eval.models.tiny.names import Sizes
from lvlm_eval.models.vllm import VLLM
from lvlm_eval.records import SETTINGS, Request
from lvlm_eval.runs import DrawingChoices, open_source

MAX_PIXELS = 300 * 28 * 28
"""About 300 tokens a picture."""

MAX_TOKENS = 4
"""An answer is a letter, in brackets at most."""


def requests_of(tree: Path, questions: int) -> list[Request]:
    """All rows of the tree's questions, in the order of a run, their pictures drawn."""
    source = open_source(str(tree), DrawingChoices(pairs_per_category=questions), tuple(SETTINGS))
    chosen = [
        source.request(ask)
        for question in source.questions[:questions]
        for setting in SETTINGS
        for ask in source.asks(question, setting)
    ]
    for request in chosen:
        request.load_pictures()
    return chosen


def one_call_each(llm: Any, requests: Sequence[Request]) -> list[str]:
    """The obvious way."""
    from vllm import SamplingParams

    greedy = SamplingParams(temperature=0.0, max_tokens=MAX_TOKENS)
    texts = []
    for request in requests:
        messages = messages_of(request, request.images)
        for message in messages:
            for part in message["content"]:
                if part["type"] == "image":
                    part["type"], part["image_pil"] = "image_pil", part.pop("image")
        (output,) = llm.chat(messages, greedy, use_tqdm=False)
        texts.append(output.outputs[0].text.strip())
    return texts


def adapter_answers(adapter: VLLM, requests: Sequence[Request]) -> list[str]:
    """Ours."""
    found = {one.id: one for one in adapter.answer(requests)}
    problems = {one.error for one in found.values() if one.status == "error"}
    if problems:
        raise SystemExit(f"the adapter failed: {problems}")
    return [found[request.id].text for request in requests]


def forget(llm: Any) -> None:
    """Empty all caches."""
    llm.reset_prefix_cache()
    llm.reset_mm_cache()
    llm.llm_engine.reset_encoder_cache()


def main() -> None:
    """Print both rates, their ratio, and the pictures encoded a request."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", default="qwen2.5-vl", choices=("qwen2.5-vl", "qwen3-vl"))
    parser.add_argument("--questions", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sizes = Sizes(max_pixels=MAX_PIXELS, hidden=given.hidden)
        make_checkpoint(folder / "model", given.family, sizes)
        make_tree(folder / "tree", given.questions)
        requests = requests_of(folder / "tree", given.questions)
        adapter = VLLM(
            str(folder / "model"),
            device=given.device,
            dtype="float32",
            max_tokens=MAX_TOKENS,
            engine={"kv_cache_memory_bytes": 1 << 30},
        )
        (llm,) = adapter.engines().engines
        encoded: list[int] = []

        def count(_module: Any, _inputs: Any, named: Any, _outputs: Any) -> None:
            encoded.append(len(named["grid_thw"]))

        def watch(model: Any) -> None:
            model.visual.register_forward_hook(count, with_kwargs=True)

        llm.apply_model(watch)
        adapter_answers(adapter, requests[:12])  # what is slow only once
        ways: dict[str, Callable[[], list[str]]] = {
            "one call each": lambda: one_call_each(llm, requests),
            "ours": lambda: adapter_answers(adapter, requests),
        }
        rates: dict[str, list[float]] = {way: [] for way in ways}
        texts: dict[str, list[str]] = {}
        pictures: dict[str, float] = {}
        for _ in range(given.rounds):
            for way, run in ways.items():
                forget(llm)
                encoded.clear()
                began = time.perf_counter()
                texts[way] = run()
                rates[way].append(len(requests) / (time.perf_counter() - began))
                pictures[way] = sum(encoded) / len(requests)
        if texts["ours"] != texts["one call each"]:
            different = sum(a != b for a, b in zip(*texts.values(), strict=True))
            raise SystemExit(f"{different} of {len(requests)} answers differ")
        tokens = [one.usage or {} for one in adapter.answer(requests[:12])]
        print(
            f"{given.family}, width {given.hidden}: {len(requests)} requests, "
            f"{statistics.mean(one['prompt_tokens'] for one in tokens):.0f} tokens each, of these "
            f"{statistics.mean(one['image_tokens'] for one in tokens):.0f} of pictures"
        )
        for way in ways:
            print(
                f"{way}: {statistics.median(rates[way]):.1f} requests/s "
                f"({min(rates[way]):.1f} to {max(rates[way]):.1f}), "
                f"{pictures[way]:.3f} pictures encoded a request"
            )
        ratio = statistics.median(rates["ours"]) / statistics.median(rates["one call each"])
        print(f"ratio {ratio:.2f}; the same answers")


if __name__ == "__main__":
    main()

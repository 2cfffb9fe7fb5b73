"""How many requests a second the ``hf:`` adapter answers, against one at a time.

Makes questions with photo-like images of 500×375 px, draws them, and has all their requests (three
settings, four rotations) answered in two ways by the same model in the same process:

- ours: the adapter as ``run`` uses it, in batches, each picture encoded once, beginnings shared;
- the obvious way: processor and ``generate`` for one request after the other.

Ours answers all questions; the obvious way the first so many of them, whose answers must be the
same in float32. On the CPU with a tiny checkpoint that is made on the spot; with ``--model`` a
model of true size and random weights, which wants a GPU:

    python benchmarks/hf_speed.py
    python benchmarks/hf_speed.py --model qwen2.5-vl-3b --questions 256 --obvious 32

The latter needs a GPU of 24 GB for 3B, of 40 GB for 7B and 8B in bfloat16, and neither network nor
weights. Drawing the pictures is not timed.
"""

import argparse
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from prepare import make_tree

from lvlm_eval.models.hf import HuggingFace
from lvlm_eval.models.local.asked import chat_text
from lvlm_eval.models.tiny.checkpoint import make_checkpoint
from lvlm_eval.models.tiny.names import Sizes
from lvlm_eval.records import SETTINGS, Request
from lvlm_eval.runs import DrawingChoices, open_source

NEW_TOKENS = 16

_QWEN2_5_TOWER = {
    "depth": 32,
    "hidden_size": 1280,
    "intermediate_size": 3420,
    "num_heads": 16,
    "fullatt_block_indexes": [7, 15, 23, 31],
    "window_size": 112,
}
TRUE_SIZES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "qwen2.5-vl-3b": (
        "qwen2.5-vl",
        {
            "hidden_size": 2048,
            "intermediate_size": 11008,
            "num_hidden_layers": 36,
            "num_attention_heads": 16,
            "num_key_value_heads": 2,
            "vocab_size": 151_936,
        },
        _QWEN2_5_TOWER | {"out_hidden_size": 2048},
    ),
    "qwen2.5-vl-7b": (
        "qwen2.5-vl",
        {
            "hidden_size": 3584,
            "intermediate_size": 18_944,
            "num_hidden_layers": 28,
            "num_attention_heads": 28,
            "num_key_value_heads": 4,
            "vocab_size": 152_064,
        },
        _QWEN2_5_TOWER | {"out_hidden_size": 3584},
    ),
    "qwen3-vl-8b": (
        "qwen3-vl",
        {
            "hidden_size": 4096,
            "intermediate_size": 12_288,
            "num_hidden_layers": 36,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "vocab_size": 151_936,
        },
        {
            "depth": 27,
            "hidden_size": 1152,
            "intermediate_size": 4304,
            "num_heads": 16,
            "num_position_embeddings": 2304,
            "deepstack_visual_indexes": [8, 16, 24],
            "out_hidden_size": 4096,
        },
    ),
}
"""Family of the tiny checkpoint that gives tokenizer and processor; sizes of the language model and
of the vision tower."""


def true_size(folder: Path, name: str, device: str = "cuda") -> Any:
    """A model of true size with random weights, made on the GPU in bfloat16.

    Args:
        folder: tiny checkpoint of the same family, whose configuration is enlarged.
        name: one of `TRUE_SIZES`.
        device: where to make it; ``meta`` makes its shapes only.
    """
    _, text, tower = TRUE_SIZES[name]
    config = transformers.AutoConfig.from_pretrained(folder)
    for part, sizes in ((config.text_config, text), (config.vision_config, tower)):
        for key, value in sizes.items():
            setattr(part, key, value)
    config.tie_word_embeddings = name == "qwen2.5-vl-3b"  # as the released ones have it
    layers = text["num_hidden_layers"]
    config.text_config.layer_types = ["full_attention"] * layers
    config.text_config.max_position_embeddings = 32_768
    head = text.get("head_dim", text["hidden_size"] // text["num_attention_heads"])
    sections = [16, 24, 24] if name.startswith("qwen2.5") else [24, 20, 20]
    assert 2 * sum(sections) == head
    config.text_config.rope_parameters["mrope_section"] = sections
    with torch.device(device):
        model = transformers.AutoModelForImageTextToText.from_config(config, dtype=torch.bfloat16)
    tiny = transformers.GenerationConfig.from_pretrained(folder)
    model.generation_config = tiny
    return model.eval()


class Utilisation(threading.Thread):
    """Reads how busy the GPU is, several times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.percents: list[int] = []
        self._stop = threading.Event()

    def run(self) -> None:
        """Until `end`."""
        while not self._stop.wait(0.2):
            try:
                self.percents.append(torch.cuda.utilization())
            except Exception:  # no library for it on this machine
                return

    def end(self) -> str:
        """The median in words."""
        self._stop.set()
        if not self.percents:
            return "GPU utilisation unknown"
        return f"GPU utilisation {statistics.median(self.percents):.0f} %"


def one_at_a_time(adapter: HuggingFace, requests: Sequence[Request]) -> dict[str, str]:
    """The obvious way; id → text."""
    model, processor = adapter._model, adapter._processor
    device = model.get_input_embeddings().weight.device
    found = {}
    for request in requests:
        inputs = processor(
            text=[chat_text(processor, request)],
            images=[list(request.images)],
            return_tensors="pt",
        ).to(device)
        with torch.inference_mode():
            made = model.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False)
        tokens = made[0, inputs["input_ids"].shape[1] :]
        found[request.id] = processor.tokenizer.decode(tokens, skip_special_tokens=True).strip()
    return found


def main() -> None:
    """Print both ways' rates and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=TRUE_SIZES, help="true size; a tiny one if not given")
    parser.add_argument("--family", default="qwen2.5-vl", help="of the tiny checkpoint")
    parser.add_argument("--questions", type=int, default=24)
    parser.add_argument("--obvious", type=int, default=8, help="questions asked one at a time")
    parser.add_argument("--batch", type=int, default=None)
    given = parser.parse_args()
    if given.model and not torch.cuda.is_available():
        parser.error(f"{given.model} at true size needs a GPU; there is none here")
    transformers.utils.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as name:
        make_tree(Path(name) / "tree", given.questions)
        choices = DrawingChoices(pairs_per_category=10**6)
        source = open_source(str(Path(name) / "tree"), choices, None)
        requests = [
            source.request(ask)
            for one in source.questions
            for setting in SETTINGS
            for ask in source.asks(one, setting)
        ]
        for request in requests:
            assert request.pictures  # drawn before anything is timed
        family = TRUE_SIZES[given.model][0] if given.model else given.family
        folder = Path(name) / "checkpoint"
        # As many px as the photo has, so that a picture becomes some 230 tokens.
        make_checkpoint(folder, family, Sizes(max_pixels=1280 * 28 * 28))
        adapter = HuggingFace(
            str(folder),
            device="cuda" if given.model else "cpu",
            dtype="bfloat16" if given.model else "float32",
            max_tokens=NEW_TOKENS,
            batch_size=given.batch,
        )
        if given.model:
            adapter._model = true_size(folder, given.model)
            torch.cuda.reset_peak_memory_stats()
        few = requests[: 12 * given.obvious]
        one_at_a_time(adapter, few[:2])  # warms up
        list(adapter.answer(few[:12]))
        began = time.perf_counter()
        watch = Utilisation()
        if given.model:
            watch.start()
        obvious = one_at_a_time(adapter, few)
        obvious_rate = len(few) / (time.perf_counter() - began)
        busy_obvious = watch.end()
        adapter.__dict__.pop("_vision"), adapter.__dict__.pop("_engine")  # forgets every picture
        watch = Utilisation()
        if given.model:
            watch.start()
        began = time.perf_counter()
        size = adapter.chunk or len(requests)
        ours = {}
        for start in range(0, len(requests), size):
            for response in adapter.answer(requests[start : start + size]):
                ours[response.id] = response
        rate = len(requests) / (time.perf_counter() - began)
        busy = watch.end()
    assert len(ours) == len(requests)
    same = sum(ours[id].text == text for id, text in obvious.items())
    encoded = adapter._vision.encoded if adapter._vision else 0
    tokens = statistics.mean((ours[one.id].usage or {})["prompt_tokens"] for one in requests)
    memory = f", at most {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB" if given.model else ""
    print(
        json.dumps(
            {
                "model": given.model or f"tiny {family}",
                "device": torch.cuda.get_device_name() if given.model else "cpu",
                "questions": given.questions,
                "tokens a prompt": round(tokens),
                "batch": adapter._batch_size,
            }
        )
    )
    print(f"obvious: {obvious_rate:7.2f} requests/s, {len(few)} requests; {busy_obvious}")
    print(f"ours:    {rate:7.2f} requests/s, {len(requests)} requests; {busy}{memory}")
    print(f"ratio:   {rate / obvious_rate:7.1f}; {same} of {len(obvious)} answers the same")
    print(f"pictures encoded: {encoded / len(requests):.3f} a request")


if __name__ == "__main__":
    main()

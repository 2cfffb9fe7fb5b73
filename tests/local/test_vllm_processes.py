"""The vLLM adapter as a process starts and ends: wrong arguments, whole runs, engines that die."""

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from commands import ENVIRONMENT, command
from making import write_tree

from lvlm_eval.errors import InputError
from lvlm_eval.records import LETTERS

if importlib.util.find_spec("vllm") is None:
    pytest.skip("vllm is not installed", allow_module_level=True)

from local.vllm_asking import SMALL, USUAL, Checkpoint, rows_of
from lvlm_eval.models.vllm import VLLM


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"engine": {"max_num_seq": 4}}, "no argument 'max_num_seq'. Did you mean 'max_num_seqs'"),
        ({"engine": {"seed": 1}}, "engine cannot hold 'seed'"),
        ({"engine": 3}, "expected a JSON object"),
        ({"memory": 1.5}, "memory is 1.5"),
        ({"dtype": "bf16"}, "Did you mean 'bfloat16'"),
        ({"min_pixels": 9, "max_pixels": 4}, "more than max_pixels"),
        ({"device": "cuda"}, "no GPU was found"),
        ({"device": None}, "device=cpu"),
        ({"max_model_len": 10**6}, "max_model_len"),
    ],
)
def test_what_cannot_be_started_is_said_in_one_line(
    checkpoint: Checkpoint, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        list(VLLM(str(checkpoint("qwen2.5-vl")), **{**USUAL, **arguments}).answer(rows_of(0)))


@pytest.mark.parametrize("problem", ["missing", "empty", "text", "template", "pixels"])
def test_a_checkpoint_that_cannot_answer_is_told(
    checkpoint: Checkpoint, tmp_path: Path, problem: str
) -> None:
    folder = tmp_path / "model"
    said = {
        "missing": "there is no folder",
        "empty": "no config.json",
        "text": "without vision",
        "template": "no chat template",
        "pixels": "no bounds on pixels",
    }[problem]
    arguments = dict(USUAL)
    if problem == "empty":
        folder.mkdir()
    if problem in ("template", "pixels"):
        shutil.copytree(checkpoint("llava"), folder)
    if problem == "template":
        (folder / "chat_template.jinja").unlink()
    if problem == "pixels":
        arguments["max_pixels"] = 4096
    if problem == "text":
        from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

        config = Qwen2Config(
            vocab_size=64,
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=1,
            num_key_value_heads=1,
        )
        Qwen2ForCausalLM(config).save_pretrained(folder)
        AutoTokenizer.from_pretrained(checkpoint("llava")).save_pretrained(folder)
    with pytest.raises(InputError, match=said):
        list(VLLM(str(folder), **arguments).answer(rows_of(0)))


def environment() -> dict[str, str]:
    return {**ENVIRONMENT, "HF_HUB_OFFLINE": "1"}


def test_a_run_from_the_command_line_and_again(checkpoint: Checkpoint, tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree")
    engine = json.dumps(SMALL)
    words = command(
        *("run", "--model", f"vllm:{checkpoint('qwen3-vl')}", "--data", tree, "--limit", 2),
        *("--model-arg", "device=cpu", "--model-arg", "dtype=float32"),
        *("--model-arg", "max_tokens=8", "--model-arg", f"engine={engine}"),
        *("--decode", "score", "--out", tmp_path / "out", "--json"),
    )
    seconds = []
    for setting in ("vis", "all", "all"):
        began = time.monotonic()
        done = subprocess.run(
            [*words, "--setting", setting],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=300,
        )
        seconds.append(time.monotonic() - began)
        assert done.returncode == 0, (done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        json.loads(done.stdout)  # and nothing else
    lines = (tmp_path / "out" / "predictions.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == len({row["id"] for row in rows}) == 2 * 12
    assert {row["status"] for row in rows} == {"ok"}
    assert {row["text"] for row in rows} <= set(LETTERS)
    assert all(row["usage"]["image_tokens"] for row in rows)
    assert seconds[2] < seconds[0] / 2  # no engine was started


def run_words(checkpoint: Checkpoint, tmp_path: Path, *more: object) -> list[str]:
    """A run on the bundled sample, of which each word of ``more`` is an argument of the adapter."""
    arguments = ["device=cpu", "dtype=float32", "max_tokens=8", *map(str, more)]
    return command(
        *("run", "--model", f"vllm:{checkpoint('qwen3-vl')}", "--data", "sample"),
        *("--out", tmp_path / "out"),
        *(word for one in arguments for word in ("--model-arg", one)),
    )


@pytest.mark.slow
def test_a_model_that_does_not_fit_is_told_in_one_line(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    small = json.dumps({**SMALL, "kv_cache_memory_bytes": 1 << 20})
    done = subprocess.run(
        run_words(checkpoint, tmp_path, "max_model_len=4096", f"engine={small}"),
        env=environment() | {"VLLM_ENABLE_V1_MULTIPROCESSING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = [one for one in done.stderr.splitlines() if "does not fit" in one]
    assert "estimated maximum model length is" in line
    assert "Lower --model-arg max_model_len=" in line


@pytest.mark.slow
def test_an_engine_process_that_is_killed_stops_the_run(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    words = run_words(checkpoint, tmp_path, "chunk=2", f"engine={json.dumps(SMALL)}")
    process = subprocess.Popen(
        words,
        env=environment() | {"VLLM_ENABLE_V1_MULTIPROCESSING": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    answers = tmp_path / "out" / "predictions.jsonl"
    for _ in range(1200):
        if process.poll() is not None or (answers.exists() and answers.stat().st_size):
            break
        time.sleep(0.1)
    engine = next(one for one in children_of(process.pid) if "EngineCore" in one[1])
    os.kill(engine[0], signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 4, errors
    assert "vLLM's engine died (its process is gone and left no word)" in " ".join(errors.split())


def children_of(process: int) -> list[tuple[int, str]]:
    """Ids and titles of the processes that one started."""
    found = []
    for tasks in Path(f"/proc/{process}/task").glob("*/children"):
        for word in tasks.read_text().split():
            title = Path(f"/proc/{word}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            found.append((int(word), title))
    return found

"""How fast finished runs are explained, compared and reported, and a grid of cells is asked.

Two finished runs of 2,000 questions × 3 settings × 4 rotations are made in a temporary folder, one
of single letters and one of texts that all differ; then whole commands are timed. The grid is 12
cells (four marker shapes, three prompts) of 50 questions against a server on the loopback, once by
``ablate`` and once by twelve ``run`` commands, which is the obvious way.

Run: ``python benchmarks/analysis.py [--questions 2000] [--runs 3] [--reported 20]``
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from prepare import make_tree
from processes import measured

COMMAND = [sys.executable, "-m", "lvlm_eval"]
SHAPES = {
    "arrow": "red-arrow",
    "circle": "red-circle",
    "cross": "red-cross",
    "square": "red-square",
}
PROMPTS = ("soco", "short", "reason")


def wordy(source: Path, target: Path) -> None:
    """Copy a run, each of its answers in a sentence of its own."""
    shutil.copytree(source, target)
    lines = (source / "predictions.jsonl").read_text().splitlines()
    with (target / "predictions.jsonl").open("w") as out:
        for number, line in enumerate(lines):
            one = json.loads(line)
            thought = f"Photo {number} shows a thing whose parts I look at one by one. " * 9
            out.write(json.dumps({**one, "text": f"{thought}The answer is {one['text']}."}) + "\n")


def finished(folder: Path, questions: int, runs: int, reported: int) -> None:
    """Time what is done with answers that are there."""
    make_tree(folder / "tree", questions)
    for model, out in (("random++", "letters"), ("random", "other")):
        words = ["run", "--model", model, "--data", str(folder / "tree")]
        more = ["--pairs-per-category", str(questions), "--out", str(folder / out)]
        measured([*COMMAND, *words, *more])
    wordy(folder / "letters", folder / "texts")
    many = folder / "many"
    for number in range(reported):
        shutil.copytree(folder / ("letters" if number % 2 else "other"), many / f"run-{number}")
    page = folder / "report.html"
    for what, words in (
        ("explain, single letters", ["explain", str(folder / "letters")]),
        ("explain, texts that all differ", ["explain", str(folder / "texts")]),
        ("compare two runs", ["compare", str(folder / "letters"), str(folder / "other")]),
        (f"report of {reported} runs", ["report", str(many), "--out", str(page)]),
    ):
        took = [measured([*COMMAND, *words]) for _ in range(runs)]
        seconds = statistics.median(one.seconds for one in took)
        peak = max(one.peak_mib for one in took)
        print(f"{what}: {seconds:.1f} s, at most {peak:.0f} MiB", flush=True)
    print(f"the page: {page.stat().st_size / 1e6:.2f} MB")


def grid(folder: Path, runs: int) -> None:
    """Time a grid of twelve cells both ways; answers and pictures start from nothing each time."""
    server = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("api_throughput.py"), "--serve", "0.02"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
        usual = ["--model", "openai:m", "--base-url", url, "--data", "sample"]
        usual += ["--setting", "vis", "--limit", "50"]
        ours, obvious = [], []
        for number in range(runs):
            out = folder / f"grid-{number}"
            varied = ["--vary", f"marker.shape={','.join(SHAPES)}"]
            varied += ["--vary", f"prompt={','.join(PROMPTS)}", "--out", str(out)]
            ours.append(measured([*COMMAND, "ablate", *usual, *varied]).seconds)
            total = 0.0
            for renderer in SHAPES.values():
                for prompt in PROMPTS:
                    cell = ["--renderer", renderer, "--prompt", prompt]
                    place = ["--out", str(folder / f"cell-{number}-{renderer}-{prompt}")]
                    total += measured([*COMMAND, "run", *usual, *cell, *place]).seconds
            obvious.append(total)
        first, second = statistics.median(ours), statistics.median(obvious)
        print(f"12 cells × 50 questions: ablate {first:.1f} s, 12 × run {second:.1f} s, "
              f"ratio {second / first:.1f}")  # fmt: skip
    finally:
        server.kill()
        server.wait()


def main() -> None:
    """Print the medians of whole commands."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--reported", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        finished(Path(name), given.questions, given.runs, given.reported)
        grid(Path(name), given.runs)


if __name__ == "__main__":
    main()

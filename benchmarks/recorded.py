"""How fast 24,000 recorded answers are scored, and a finished run of that size resumed.

Makes a SOCOv1 tree of 2,000 questions and a finished run on it (2,000 questions × 3 settings × 4
rotations) in a temporary folder, then times the commands as whole processes. As the obvious way the
same answers are put into the public toolkit's spreadsheets and scored from there, with both parsers
and all breakdowns, too, so that the difference is what the spreadsheets cost.

Run: ``python benchmarks/recorded.py [--questions 2000] [--runs 5]``
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from openpyxl import Workbook  # type: ignore[import-untyped]  # ships no types
from prepare import make_tree
from processes import measured

COMMAND = [sys.executable, "-m", "lvlm_eval"]
FILES = {"vis": "img", "vis+desc": "imgtxt", "desc": "txt"}


def write_workbooks(run: Path, folder: Path) -> None:
    """Write a run's answers as the public toolkit would have."""
    folder.mkdir(parents=True)
    lines = (run / "predictions.jsonl").read_text().splitlines()
    predictions = [json.loads(line) for line in lines]
    for setting, name in FILES.items():
        book = Workbook(write_only=True)
        sheet = book.create_sheet()
        columns = ["index", "g_index", "category", "A", "B", "C", "D", "answer", "prediction"]
        sheet.append(columns)
        for place, one in enumerate(p for p in predictions if p["setting"] == setting):
            options = [f"Point {one['options'][letter]}" for letter in "ABCD"]
            cells = [place, one["question"], "thing", *options, one["answer"], one["text"]]
            sheet.append(cells)
        book.save(folder / f"random_soco_lvlm_{name}_c.xlsx")


def main() -> None:
    """Print the medians of whole commands."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_tree(folder / "tree", given.questions)
        run = [
            *(*COMMAND, "run", "--model", "random++", "--data", str(folder / "tree")),
            *("--pairs-per-category", str(given.questions), "--out", str(folder / "run")),
        ]
        first = measured(run)
        write_workbooks(folder / "run", folder / "outputs" / "random" / "T20260101_0")
        print(f"{12 * given.questions} answers; the run itself took {first.seconds:.1f} s")
        for what, words in (
            ("resume a finished run", run),
            ("score a run", [*COMMAND, "score", str(folder / "run")]),
            ("score workbooks", [*COMMAND, "score", str(folder / "outputs")]),
        ):
            runs = [measured(words) for _ in range(given.runs)]
            seconds = statistics.median(one.seconds for one in runs)
            print(f"{what}: {seconds:.2f} s, at most {max(o.peak_mib for o in runs):.0f} MiB")


if __name__ == "__main__":
    main()

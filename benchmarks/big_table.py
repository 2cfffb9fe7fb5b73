"""A SOCO-LVLM table of several GB, read end to end: every row's text and every image decoded.

Makes a table of the release's size (2,000 questions of four rows, two JPEGs a row, about 3.2 GB) in
a temporary folder and reads it in two ways:

- ours: the way that `run` goes, an index of one pass over the file and the rows fetched one by one;
- the obvious way: pandas reads the whole table, then each cell is decoded.

Run: ``python benchmarks/big_table.py [--questions 2000] [--runs 1]`` (the obvious way needs pandas
and three times the table's size in memory; without pandas it is left out)
"""

import argparse
import ast
import base64
import importlib.util
import io
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from processes import measured, python

from lvlm_eval.requests import WrittenRequests
from lvlm_eval.runs import DrawingChoices, open_source

JPEG_BYTES = 150_000
"""Of the release: 3.24 GB over 8,000 rows of two images, three quarters of it once decoded."""


def make_table(path: Path, questions: int) -> None:
    """Write a table in the official columns, row by row."""
    random = np.random.default_rng(0)
    letters = "ABCD"
    with path.open("w", encoding="utf-8") as table:
        table.write(
            "question\timage\timage_path\tanswer\tindex\tg_index\tqid\tcategory\tA\tB\tC\tD\n"
        )
        for question in range(questions):
            images = [_photo(random) for _ in range(2)]
            cell = repr(images)
            for rotation in range(4):
                options = letters[rotation:] + letters[:rotation]
                answer = letters[options.index(letters[question % 4])]
                cells = (
                    *("Which point is the REF point?", cell, "[]", answer),
                    *(str(4 * question + rotation), str(question), f"q{question}", "car"),
                    *(f"Point {letter}" for letter in options),
                )
                table.write("\t".join(cells) + "\n")


def _photo(random: np.random.Generator) -> str:
    """A JPEG of the release's size as base64."""
    noise = random.integers(0, 256, (300, 400, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "JPEG", quality=88)
    data = stream.getvalue()
    padding = max(0, JPEG_BYTES - len(data))
    return base64.b64encode(data + bytes(padding)).decode()


def read_ours(path: Path) -> int:
    """Every request's text and pictures, in the order of a run; gives the rows."""
    source = open_source(str(path), DrawingChoices(), None)
    assert isinstance(source, WrittenRequests)
    count = 0
    for question in source.questions:
        for ask in source.asks(question, "vis"):
            request = source.request(ask)
            assert request.text
            assert len(request.pictures) == 2
            count += 1
    return count


def read_obvious(path: Path) -> int:
    """The same with the table in memory; gives the rows."""
    import pandas as pd  # type: ignore[import-untyped,import-not-found,unused-ignore]  # optional

    table = pd.read_csv(path, sep="\t")
    for row in table.itertuples():
        for text in ast.literal_eval(row.image):
            with Image.open(io.BytesIO(base64.b64decode(text))) as image:
                image.load()
    return len(table)


def main() -> None:
    """Print both ways' time and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--part", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part:
        path, way = Path(given.part[0]), given.part[1]
        began = time.perf_counter()
        rows = read_ours(path) if way == "ours" else read_obvious(path)
        print(json.dumps({"rows": rows, "seconds": time.perf_counter() - began}))
        return
    ways = ["ours"]
    if importlib.util.find_spec("pandas"):
        ways.append("obvious")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "soco_lvlm_img.tsv"
        make_table(path, given.questions)
        print(f"{path.stat().st_size / 1e9:.2f} GB, {4 * given.questions} rows")
        for way in ways:
            runs = [measured(python(__file__, "--part", path, way)) for _ in range(given.runs)]
            seconds = statistics.median(one.said["seconds"] for one in runs)
            peak = max(one.peak_mib for one in runs)
            print(f"{way + ':':9}{seconds:6.1f} s, at most {peak:.0f} MiB")


if __name__ == "__main__":
    main()

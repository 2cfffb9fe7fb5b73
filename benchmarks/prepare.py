"""How fast requests are prepared: each distinct picture made once, against once a request.

Makes a SOCOv1 tree of photo-like images of 500×375 px, one pair a question and each photo used
once, as in the release's 2,000 LVLM questions; then prepares all requests (three settings, four
rotations) of its questions, text and encoded pictures, in two ways:

- ours: the way that `run` goes, four questions at a time, the pictures drawn by
  processes, each decoded, drawn and encoded once;
- the obvious way: the same code with nothing shared and nothing at the same time, so that every
  request decodes, marks and encodes for itself.

Each run is a process of its own, so that its peak memory and the time to its first request can be
told. Ours is run on all questions; the obvious way on the first so many, since it takes as long for
each of them.

Run: ``python benchmarks/prepare.py [--questions 2000] [--obvious 60] [--runs 3]``
"""

import argparse
import itertools
import json
import statistics
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter
from processes import Measured, measured, python

from lvlm_eval.records import SETTINGS, Ask
from lvlm_eval.requests import DrawnRequests
from lvlm_eval.runs import DrawingChoices, open_source

WIDTH, HEIGHT, KEYPOINTS = 500, 375, 12
PICTURES_OF_REQUESTS = 20
"""Pictures in the twelve requests of a question; two of them are distinct."""
THREADS = 4


def make_tree(root: Path, questions: int) -> None:
    """Write one pair a question, each photo used once."""
    random = np.random.default_rng(0)
    images, pairs = root / "Images" / "thing", root / "PairAnnotations" / "intra" / "thing"
    images.mkdir(parents=True)
    pairs.mkdir(parents=True)
    grain = random.normal(0, 6, (HEIGHT, WIDTH, 3))
    for number in range(2 * questions):
        coarse = random.integers(0, 256, (HEIGHT // 25, WIDTH // 25, 3), dtype=np.uint8)
        photo = Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        shifted = np.roll(grain, int(random.integers(WIDTH)), axis=1)
        noisy = np.clip(np.asarray(photo) + shifted, 0, 255).astype(np.uint8)
        photo = Image.fromarray(noisy).filter(ImageFilter.GaussianBlur(0.7))
        photo.save(images / f"thing_{number}.JPEG", quality=90)
    for number in range(questions):
        points = [
            {"name": f"p{i}", "pos": [float(x), float(y)], "concept_name": "p"}
            for i, (x, y) in enumerate(random.uniform((20, 20), (480, 355), (KEYPOINTS, 2)))
        ]
        pair = {
            "category": "thing",
            "src_image": f"thing_{2 * number}.JPEG",
            "trg_image": f"thing_{2 * number + 1}.JPEG",
            "src_imsize": [WIDTH, HEIGHT],
            "trg_imsize": [WIDTH, HEIGHT],
            "src_keypoints": points,
            "trg_keypoints": points,
            "semantic_overlap": [point["name"] for point in points],
            "concept_matches": [],
        }
        (pairs / f"{number:05d}.json").write_text(json.dumps(pair))


def prepare(root: Path, questions: int, shared: bool) -> dict[str, float]:
    """Have every request's text and encoded pictures once, as the process that is measured.

    Returns:
        Seconds from the start of this process's work to the first request and to the last, and how
        many distinct pictures were handed over.
    """
    began = time.perf_counter()
    choices = DrawingChoices(pairs_per_category=10**6)
    source = open_source(str(root), choices, None)
    assert isinstance(source, DrawnRequests)
    chosen = source.questions[:questions]
    asks = [ask for one in chosen for setting in SETTINGS for ask in source.asks(one, setting)]
    first, pictures = 0.0, Counter[str]()

    def ready(ask: Ask) -> list[str]:
        if not shared:
            vars(source).pop("_maker", None)  # forgets every picture
        request = source.request(ask)
        assert request.text
        return [picture.sha256 for picture in request.pictures]

    if shared:
        groups = [tuple(rows) for _, rows in itertools.groupby(asks, key=lambda ask: ask.question)]
        with source.working(asks), ThreadPoolExecutor(THREADS) as pool:
            for all_rows in pool.map(lambda rows: [ready(ask) for ask in rows], groups):
                first = first or time.perf_counter() - began
                for digests in all_rows:
                    pictures.update(digests)
    else:
        for ask in asks:
            pictures.update(ready(ask))
            first = first or time.perf_counter() - began
    assert pictures.total() == questions * PICTURES_OF_REQUESTS
    return {
        "first": first,
        "seconds": time.perf_counter() - began,
        "distinct": len(pictures),
        "questions": questions,
    }


def _rate(one: Measured) -> float:
    return float(one.said["questions"] / one.said["seconds"])


def main() -> None:
    """Print both ways' medians and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--obvious", type=int, default=60)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--part", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part:
        root, questions, way = given.part
        print(json.dumps(prepare(Path(root), int(questions), way == "ours")))
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "tree"
        make_tree(root, given.questions)
        ours, obvious = [], []
        for _ in range(given.runs):
            ours.append(measured(python(__file__, "--part", root, given.questions, "ours")))
            obvious.append(measured(python(__file__, "--part", root, given.obvious, "obvious")))
    for name, runs in (("ours", ours), ("obvious", obvious)):
        rate = statistics.median(map(_rate, runs))
        said = runs[0].said
        print(
            f"{name + ':':9}{rate:6.1f} questions/s ({12 * rate:.0f} requests/s), "
            f"first request after {statistics.median(one.said['first'] for one in runs):.2f} s, "
            f"at most {max(one.peak_mib for one in runs):.0f} MiB; "
            f"{said['questions']} questions, {said['distinct']} distinct pictures"
        )
    ratios = [_rate(a) / _rate(b) for a, b in zip(ours, obvious, strict=True)]
    print(f"ratio:   {statistics.median(ratios):.1f} (median of {given.runs})")


if __name__ == "__main__":
    main()

"""How fast requests are prepared: each distinct photo once, against once a request.

Makes a SOCOv1 tree of photo-like images of 500×375 px in a temporary folder, then prepares all
requests (three settings, four rotations) of its questions in two ways, in turn, three times:

- ours: through DrawnRequests, which decodes, marks and encodes each distinct photo once;
- the obvious way: the same code with nothing shared, so every request decodes, marks and encodes.

Run: ``python benchmarks/prepare.py [--questions 60]``
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from lvlm_eval.records import SETTINGS
from lvlm_eval.requests import DrawnRequests
from lvlm_eval.runs import DrawingChoices, open_source

WIDTH, HEIGHT, KEYPOINTS = 500, 375, 12


def make_tree(root: Path, questions: int) -> None:
    """Write one pair a question, each photo used once, as in the release's LVLM questions."""
    random = np.random.default_rng(0)
    images, pairs = root / "Images" / "thing", root / "PairAnnotations" / "intra" / "thing"
    images.mkdir(parents=True)
    pairs.mkdir(parents=True)
    for number in range(2 * questions):
        coarse = random.integers(0, 256, (HEIGHT // 25, WIDTH // 25, 3), dtype=np.uint8)
        photo = Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        grain = random.normal(0, 6, (HEIGHT, WIDTH, 3))
        noisy = np.clip(np.asarray(photo) + grain, 0, 255).astype(np.uint8)
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


def prepared(root: Path, questions: int, shared: bool) -> float:
    """Seconds to have every request's text and encoded pictures once."""
    began = time.perf_counter()
    choices = DrawingChoices(pairs_per_category=questions)
    source = open_source(str(root), choices, None)
    assert isinstance(source, DrawnRequests)
    count = 0
    for question in source.questions:
        for setting in SETTINGS:
            for ask in source.asks(question, setting):
                if not shared:
                    vars(source).pop("_drawings", None)  # forgets every picture
                count += len(source.request(ask).pictures)
    assert count == questions * 20
    return time.perf_counter() - began


def main() -> None:
    """Print both ways' medians and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=60)
    questions = parser.parse_args().questions
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "tree"
        make_tree(root, questions)
        times: dict[bool, list[float]] = {True: [], False: []}
        for _ in range(3):
            for shared in (True, False):
                times[shared].append(prepared(root, questions, shared))
    ours, obvious = (statistics.median(times[shared]) for shared in (True, False))
    ratios = [b / a for a, b in zip(times[True], times[False], strict=True)]
    print(f"ours:    {questions / ours:6.1f} questions/s ({12 * questions / ours:.0f} requests/s)")
    print(f"obvious: {questions / obvious:6.1f} questions/s")
    print(f"ratio:   {statistics.median(ratios):.1f} (median of three)")


if __name__ == "__main__":
    main()

"""How long the dense-feature path takes, against encoding two photos for every pair.

    python benchmarks/vision_speed.py --model tiny --size 224       # 400 photos, 8,000 pairs
    python benchmarks/vision_speed.py --model vit-s --size 798 --photos 40 --pairs 400
    python benchmarks/vision_speed.py --matching                     # matching alone
    python benchmarks/vision_speed.py --release --precision float32  # 4,000 photos, 40,000 pairs

Both ways use the same backbone (a DINOv2 with random weights) and the same data. The obvious way
takes the first so many pairs, one after the other: both photos are read, padded, resized and
encoded, and matched with torch. Its predictions must be those of the fast way. ``--release`` is
the size of the whole release, ViT-B/14 at 798 px, and wants a GPU.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from vision_trees import make_dinov2, make_tree

from lvlm_eval.datasets import SocoTree
from lvlm_eval.vision.backbones.registry import build_backbone
from lvlm_eval.vision.encoding import EncodingPlan
from lvlm_eval.vision.evaluation import Evaluation, Measures
from lvlm_eval.vision.job import CacheChoice, VisionJob, run_vision
from lvlm_eval.vision.matching import find
from lvlm_eval.vision.tasks import tasks_for


class Quiet:
    """A watcher that keeps the plan."""

    plan: EncodingPlan | None = None

    def planned(self, plan: EncodingPlan) -> None:
        """Keep it."""
        self.plan = plan

    def encoded(self, photos: int, again: bool) -> None:
        """Nothing."""

    def note(self, line: str) -> None:
        """Pass it on."""
        print(line)


@contextmanager
def clock(name: str, found: dict[str, float]) -> Iterator[None]:
    """Seconds of a block."""
    began = time.perf_counter()
    yield
    found[name] = time.perf_counter() - began


def ours(
    folder: Path, tree: Path, given: argparse.Namespace, precision: str
) -> tuple[Evaluation, Quiet, int]:
    """The command's own way, figures and intervals included."""
    arguments = {"pos_embed": "hub", "precision": precision}
    built = build_backbone(f"hf:{folder}", arguments)
    dataset = SocoTree(tree, "tree")
    watcher = Quiet()
    budget = None if given.cache_gb is None else int(given.cache_gb * 1e9)
    job = VisionJob(
        dataset,
        built,
        tasks_for(dataset, None),
        Measures(image_size=given.size),
        CacheChoice(budget=budget),
        given.batch,
    )
    result = run_vision(job, watcher)
    assert result.evaluation is not None
    return result.evaluation, watcher, result.passes


def pair_at_a_time(
    folder: Path, tree: Path, given: argparse.Namespace, precision: str, pairs: list[Path]
) -> Any:
    """Two forward passes a pair; (split, pair, name) → predicted cell."""
    import torch
    import torch.nn.functional as F  # noqa: N812  # as everyone calls it

    backbone = build_backbone(f"hf:{folder}", {"pos_embed": "hub", "precision": precision}).backbone
    side = given.size // 14 * 14
    found = {}
    for path in pairs:
        pair = json.loads(path.read_text())
        maps = []
        for end in ("src", "trg"):
            photo_file = tree / "Images" / pair[f"{end}_category"] / pair[f"{end}_image"]
            photo = Image.open(photo_file).convert("RGB")
            square = Image.new("RGB", (max(photo.size),) * 2, (255, 255, 255))
            square.paste(photo)
            pixels = np.array(square.resize((side, side), Image.Resampling.BICUBIC))
            maps.append(F.normalize(torch.as_tensor(backbone.encode(pixels[None])), dim=-1))
        source, target = maps
        points = torch.tensor(
            [[int(int(v) * side / 500) / side for v in one["pos"]] for one in pair["src_keypoints"]]
        ).to(source)
        grid = (2 * points - 1)[None, None]
        query = F.grid_sample(source.permute(0, 3, 1, 2), grid, align_corners=True)[0, :, 0].T
        nearest = (query @ target[0].flatten(0, 1).T).argmax(1)
        for one, cell in zip(pair["src_keypoints"], nearest.tolist(), strict=True):
            found[path.parent.parent.name, f"{path.parent.name}/{path.stem}", one["name"]] = cell
    return found


def compare(given: argparse.Namespace, work: Path) -> None:
    """Both ways on one tree."""
    photos, pairs = (4000, 20_000) if given.release else (given.photos, given.pairs)
    model = "vit-b" if given.release else given.model
    seconds: dict[str, float] = {}
    with clock("tree", seconds):
        make_tree(work / "tree", photos, pairs)
        make_dinov2(work / "model", model)
    files = sorted((work / "tree" / "PairAnnotations").glob("*/*/*.json"))
    some = files[:: max(1, len(files) // given.obvious)][: given.obvious]
    for precision in given.precision.split(","):
        pair_at_a_time(work / "model", work / "tree", given, precision, some[:1])  # warms up
        with clock("obvious", seconds):
            wanted = pair_at_a_time(work / "model", work / "tree", given, precision, some)
        with clock("ours", seconds):
            done, watcher, passes = ours(work / "model", work / "tree", given, precision)
        same, total = agreement(done, wanted)
        all_obvious = seconds["obvious"] / len(some) * len(files)
        plan = watcher.plan
        assert plan is not None
        print(
            f"{model}, {given.size} px, {precision}, {device()}: {photos} photos, "
            f"{len(files)} pairs; making them took {seconds['tree']:.0f} s\n"
            f"ours:    {seconds['ours']:8.1f} s in all, {passes} forward passes, {memory()}; "
            f"at most {plan.waiting} maps of {plan.map_bytes / 1e6:.1f} MB wait, "
            f"{plan.twice} photos are encoded twice\n"
            f"obvious: {all_obvious:8.1f} s for all, from {len(some)} pairs in "
            f"{seconds['obvious']:.1f} s\n"
            f"ratio:   {all_obvious / seconds['ours']:8.1f}; "
            f"{same} of {total} predictions the same",
            flush=True,
        )


def agreement(done: Evaluation, wanted: dict[tuple[str, str, str], int]) -> tuple[int, int]:
    """Predictions that are the same both ways, and all that were compared."""
    same = total = 0
    for row, name in enumerate(done.work.rows.names):
        pair = done.work.pairs[int(done.work.rows.pair[row])]
        cell = wanted.get((pair.split, pair.key, name))
        if cell is not None:
            total += 1
            same += cell == int(done.found.cells[row])
    return same, total


def device() -> str:
    """What it runs on."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def memory() -> str:
    """The most that was taken."""
    import torch

    words = f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB of memory"
    if torch.cuda.is_available():
        words += f", {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB of the GPU's"
    return words


def matching(given: argparse.Namespace) -> None:
    """Matching alone: pairs of ten keypoints on a 57×57×768 grid, ten pairs a target."""
    import torch
    import torch.nn.functional as F  # noqa: N812  # as everyone calls it

    device = "cuda" if torch.cuda.is_available() else "cpu"
    targets = 200 if device == "cuda" else 40
    generator = torch.Generator(device).manual_seed(0)
    maps = [
        F.normalize(torch.randn(57, 57, 768, generator=generator, device=device), dim=-1)
        for _ in range(8)
    ]
    random = np.random.default_rng(0)
    queries = random.normal(size=(100, 768)).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    candidates = random.integers(0, 57 * 57, size=(100, 2))
    candidates.sort(axis=1)
    find(maps[0], queries, (candidates,))
    began = time.perf_counter()
    for one in range(targets):
        find(maps[one % 8], queries, (candidates,))
    rate = 10 * targets / (time.perf_counter() - began)
    began = time.perf_counter()
    few = 40
    for one in range(few):
        target = maps[one % 8]
        query = torch.from_numpy(queries[:10]).to(device)
        (query @ target.flatten(0, 1).T).argmax(1).tolist()
    plain = few / (time.perf_counter() - began)
    print(
        f"matching on {device}: {rate:.0f} pairs/s (nearest, soft, and among candidates), 40,000 "
        f"pairs in {40_000 / rate:.0f} s; pair by pair, nearest alone, {plain:.0f} pairs/s",
        flush=True,
    )


def main() -> None:
    """Print one comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=("tiny", "vit-s", "vit-b"), default="tiny")
    parser.add_argument("--size", type=int, default=798)
    parser.add_argument("--photos", type=int, default=400)
    parser.add_argument("--pairs", type=int, default=4000, help="of each of the two splits")
    parser.add_argument("--obvious", type=int, default=40, help="pairs that go one at a time")
    parser.add_argument("--batch", type=int, default=None)
    parser.add_argument("--cache-gb", type=float, default=None)
    parser.add_argument("--precision", default="float32", help="several with commas")
    parser.add_argument("--matching", action="store_true")
    parser.add_argument("--release", action="store_true")
    given = parser.parse_args()
    if given.matching:
        matching(given)
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(given, Path(folder))


if __name__ == "__main__":
    main()

"""One call of ``lvlm-eval vision``: features, figures, and the record that repeats them."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lvlm_eval import __version__
from lvlm_eval.datasets.pair_dataset import PairDataset
from lvlm_eval.vision.backbones.registry import BuiltBackbone
from lvlm_eval.vision.correspondences import correspond
from lvlm_eval.vision.document import document
from lvlm_eval.vision.encoder import Encoder
from lvlm_eval.vision.encoding import EncodingWatcher
from lvlm_eval.vision.evaluation import Evaluation, Means, Measures, evaluate
from lvlm_eval.vision.grid import photo_side
from lvlm_eval.vision.loading import PhotoLoader
from lvlm_eval.vision.pck import threshold_name
from lvlm_eval.vision.probe import Probe, Training, train_probe, training_record
from lvlm_eval.vision.selection import select
from lvlm_eval.vision.stores import CacheKind, DiskStore, NoStore, RamStore, Store
from lvlm_eval.vision.tasks import Task, only, splits_for


def default_cache_folder() -> Path:
    """Where maps on disk lie unless another folder is given."""
    return Path.home() / ".cache" / "lvlm-eval" / "features"


@dataclass(frozen=True, slots=True)
class CacheChoice:
    """Where feature maps are kept.

    Attributes:
        kind: ``ram`` (or the GPU's memory), ``disk`` or ``none``.
        budget: bytes; None takes half of the free memory, or all of the free disk.
        half: maps are kept as float16 numbers.
        folder: of maps on disk.
    """

    kind: CacheKind = "ram"
    budget: int | None = None
    half: bool = False
    folder: Path = field(default_factory=default_cache_folder)


@dataclass(frozen=True, slots=True)
class VisionJob:
    """What is measured, and how.

    Attributes:
        dataset: pairs and photos.
        built: the backbone.
        tasks: what is measured.
        measures: how.
        cache: where maps are kept.
        batch: photos in one call of the backbone; None takes the backbone's own.
        skip_broken: leave out photos and pairs that are broken, and say so.
    """

    dataset: PairDataset
    built: BuiltBackbone
    tasks: tuple[Task, ...]
    measures: Measures = field(default_factory=Measures)
    cache: CacheChoice = field(default_factory=CacheChoice)
    batch: int | None = None
    skip_broken: bool = False


@dataclass(frozen=True, slots=True)
class VisionResult:
    """What came of it.

    Attributes:
        document: the figures, JSON-able, the same bytes for the same features.
        evaluation: of the plain features; None if the probe alone was asked for.
        passes: photos that went through the backbone, second times counted.
    """

    document: dict[str, Any]
    evaluation: Evaluation | None
    passes: int


def run_vision(job: VisionJob, watcher: EncodingWatcher) -> VisionResult:
    """Measure everything that was asked for, each photo encoded once where there is room.

    Raises:
        InputError: the data, the backbone's features or the room for them cannot be used.
        StoppedError: the disk of the cache is full.
    """
    splits, ceiling = splits_for(job.tasks), "ceiling" in job.tasks
    made: dict[str, Any] = {}
    evaluation, passes = None, 0
    fingerprints = {}
    if splits or ceiling:
        evaluation = evaluate(
            job.dataset,
            job.built.backbone,
            splits,
            job.measures,
            Means(_batch(job), _store(job), job.skip_broken),
            watcher,
            ceiling=ceiling,
        )
        own = job.dataset.supercategories()
        made = only(document(evaluation, splits, job.measures, own), job.tasks)
        fingerprints["plain"] = evaluation.fingerprint
        passes += evaluation.encoded.passes
    if "linear" in job.tasks:
        linear, probed = _linear(job, watcher)
        made["linear"] = linear
        fingerprints["linear"] = probed.fingerprint
        passes += probed.encoded.passes
        evaluation = evaluation or probed
    assert evaluation is not None  # there is no call without a task
    made["config"] = _config(job, evaluation, fingerprints)
    return VisionResult(made, evaluation, passes)


def _linear(job: VisionJob, watcher: EncodingWatcher) -> tuple[dict[str, Any], Evaluation]:
    """Train on the train split, score the test split."""
    patch = job.built.backbone.patch
    selected = select(job.dataset, ("train",), False, job.measures.seed, job.skip_broken)
    side = photo_side(job.measures.image_size, patch)
    work = correspond(selected.pairs, (), selected.sizes.__getitem__, side)
    loader = PhotoLoader(job.dataset, work.photos, side, job.skip_broken)
    encoder = Encoder(job.built.backbone, loader, _store(job), _batch(job), work.photos)
    training = Training(seed=job.measures.seed)
    watcher.note(f"probe: {len(work.pairs)} pairs to train on, {len(work.photos)} photos")
    probe = train_probe(work, encoder, training, watcher)
    watcher.note("probe: the test split without it, then with it")
    plain = _test(job, watcher, None)
    probed = _test(job, watcher, probe)
    before = document(plain, ("test",), job.measures, job.dataset.supercategories())["test"]
    after = document(probed, ("test",), job.measures, job.dataset.supercategories())["test"]
    wanted = ("cc", "soc", "soc_soft", "categories")
    return {
        **{name: after[name] for name in wanted},
        "without_probe": {name: before[name] for name in ("cc", "soc", "soc_soft")},
        "training": {"pairs": len(work.pairs), **training_record(training, probe)},
    }, probed


def _test(job: VisionJob, watcher: EncodingWatcher, probe: Probe | None) -> Evaluation:
    means = Means(_batch(job), _store(job), job.skip_broken, probe)
    return evaluate(job.dataset, job.built.backbone, ("test",), job.measures, means, watcher)


def _batch(job: VisionJob) -> int:
    return job.batch or job.built.backbone.batch


def _store(job: VisionJob) -> Store:
    cache = job.cache
    if cache.kind == "none":
        return NoStore(cache.half)
    if cache.kind == "ram":
        return RamStore(cache.budget, cache.half)
    side = photo_side(job.measures.image_size, job.built.backbone.patch)
    identity = {"backbone": dict(job.built.identity), "side": side, "format": 1}
    return DiskStore(cache.folder, identity, cache.budget, cache.half)


def wanted_config(job: VisionJob) -> dict[str, Any]:
    """What of the ``config`` is known before the work, and must stay in a folder of figures."""
    measures = job.measures
    return {
        "backbone": job.built.name,
        "dataset": job.dataset.name,
        "identity": dict(job.built.identity),
        "tasks": list(job.tasks),
        "image_size": measures.image_size,
        "thresholds": [threshold_name(one) for one in measures.thresholds],
        "cell_point": "centre" if measures.centre else "corner",
        "map_type": "float16" if job.cache.half else "float32",
        "seed": measures.seed,
    }


def _config(
    job: VisionJob, evaluation: Evaluation, fingerprints: Mapping[str, str]
) -> dict[str, Any]:
    """Everything that decides the figures."""
    measures, patch = job.measures, job.built.backbone.patch
    rows, columns, channels = evaluation.encoded.grid
    selected, broken = evaluation.selected, evaluation.encoded.broken
    of_broken = sum(
        not broken.keys().isdisjoint((p.source, p.target)) for p in evaluation.work.pairs
    )
    return {
        **wanted_config(job),
        "title": job.built.title,
        "deviations": list(job.built.deviations),
        "side": photo_side(measures.image_size, patch),
        "patch": patch,
        "grid": [rows, columns, channels],
        "data": {
            "fingerprint": dict(fingerprints),
            "photos": len(evaluation.work.photos) - len(broken),
            "pairs": len(evaluation.work.pairs) - of_broken,
            "questions": len(evaluation.work.choices.ids),
            "skipped_pairs": len(selected.skipped) + of_broken,
            "skipped_photos": len(selected.missing) + len(broken),
            "photos_of_another_size": len(selected.resized),
        },
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Of the program and of the libraries that the figures come from."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"lvlm-eval": __version__, "python": platform.python_version(), "numpy": np.__version__}
    for name in ("pillow", "torch", "transformers", "timm", "diffusers", "scikit-image"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found

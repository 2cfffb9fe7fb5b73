"""The whole way of the dense-feature path: pairs → features, once → matches → errors."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lvlm_eval.datasets.pair_dataset import PairDataset
from lvlm_eval.errors import InputError
from lvlm_eval.vision import memory
from lvlm_eval.vision.backbones.backbone import Backbone, Maps
from lvlm_eval.vision.correspondences import Correspondences, correspond
from lvlm_eval.vision.encoder import Encoded, Encoder
from lvlm_eval.vision.encoding import EncodingWatcher, encode_and_find
from lvlm_eval.vision.grid import IMAGE_SIZE, photo_side
from lvlm_eval.vision.loading import PhotoLoader, photos_ahead
from lvlm_eval.vision.pck import THRESHOLDS
from lvlm_eval.vision.row_errors import RowErrors, row_errors
from lvlm_eval.vision.search import UNKNOWN, Findings, Search
from lvlm_eval.vision.selection import Selected, select
from lvlm_eval.vision.stores import Store


@dataclass(frozen=True, slots=True)
class Measures:
    """How things are measured; the defaults are the published protocol.

    Attributes:
        image_size: side in px that photos are resized to, before it is rounded to whole cells.
        thresholds: from 0 to 1, in the order in which they are shown.
        centre: cells count as their centres, not as their top-left corners.
        seed: of the questions for the ceiling, of intervals and of the probe.
    """

    image_size: int = IMAGE_SIZE
    thresholds: tuple[float, ...] = THRESHOLDS
    centre: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Means:
    """How features are come by; nothing here changes a figure.

    Attributes:
        batch: photos in one call of the backbone.
        store: where maps are kept.
        skip_broken: leave out photos and pairs that are broken, and say so.
        transform: applied to each map; None takes it as it is.
    """

    batch: int
    store: Store
    skip_broken: bool = False
    transform: Callable[[Maps], Maps] | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that figures are made of.

    Attributes:
        work: pairs, queries, rows and questions.
        found: what the backbone found.
        errors: of each row.
        selected: what was scored, and what was left out.
        encoded: how the features were come by.
    """

    work: Correspondences
    found: Findings
    errors: RowErrors
    selected: Selected
    encoded: Encoded

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that was scored: photos by content, points, boxes, groups."""
        digest = hashlib.sha256()
        work = self.work
        for number, photo in enumerate(work.photos):
            digest.update(f"{photo}\0{self.encoded.contents.get(number)}\n".encode())
        for pair in work.pairs:
            digest.update(f"{pair.split}\0{pair.key}\0{pair.group}\0{pair.turn}\n".encode())
        rows, choices = work.rows, work.choices
        digest.update("\n".join((*rows.names, *choices.ids)).encode())
        for array in (
            work.query_point, rows.pair, rows.right, rows.reach, rows.same, choices.points,
        ):  # fmt: skip
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def evaluate(
    dataset: PairDataset,
    backbone: Backbone,
    splits: tuple[str, ...],
    measures: Measures,
    means: Means,
    watcher: EncodingWatcher,
    *,
    ceiling: bool = False,
) -> Evaluation:
    """Find every keypoint of some splits, and answer the four-choice questions.

    Args:
        dataset: pairs and photos.
        backbone: makes the features.
        splits: whose pairs are scored.
        measures: how things are measured.
        means: how features are come by.
        watcher: told of the plan and of the progress.
        ceiling: whether the questions are answered.

    Raises:
        InputError: the data or the backbone's features cannot be used.
        StoppedError: the disk of the cache is full.
    """
    selected = select(dataset, splits, ceiling, measures.seed, means.skip_broken)
    side = photo_side(measures.image_size, backbone.patch)
    work = correspond(selected.pairs, selected.questions, selected.sizes.__getitem__, side)
    if not len(work.rows) and not work.choices.ids:
        raise InputError(
            f"the pairs of '{dataset.name}' have no keypoint in common, so nothing can be scored."
        )
    _tell_what_is_odd(selected, watcher)
    _check_room(side, means.batch)
    loader = PhotoLoader(dataset, work.photos, side, means.skip_broken)
    encoder = Encoder(
        backbone, loader, means.store, means.batch, work.photos, transform=means.transform
    )
    search = Search(work)
    encode_and_find(work, encoder, search, watcher)
    for number, trouble in encoder.done.broken.items():
        watcher.note(f"left out: {work.photos[number]}: {trouble}")
    if (search.found.cells == UNKNOWN).all() and (search.found.chosen == UNKNOWN).all():
        raise InputError(f"no photo of '{dataset.name}' can be decoded, so nothing can be scored.")
    errors = row_errors(work.rows, search.found, measures.thresholds, measures.centre)
    return Evaluation(work, search.found, errors, selected, encoder.done)


def _check_room(side: int, batch: int) -> None:
    """Photos that are decoded ahead, and a batch in float32, must fit in memory.

    Raises:
        InputError: they do not.
    """
    of_photo = 3 * side * side
    wanted = of_photo * (photos_ahead(batch) + 4 * batch)
    free = memory.available(None)
    if wanted > free:
        raise InputError(
            f"photos of {side}x{side} px take {wanted / memory.GB:.1f} GB in batches of {batch}, "
            f"and {free / memory.GB:.1f} GB of memory are free. Give a smaller --image-size or "
            "--batch-size."
        )


def _tell_what_is_odd(selected: Selected, watcher: EncodingWatcher) -> None:
    for line in selected.skipped[:5]:
        watcher.note(f"left out: {line}")
    if len(selected.skipped) > 5:
        watcher.note(f"left out: {len(selected.skipped) - 5} more pairs")
    if selected.questionless:
        watcher.note(
            f"{len(selected.questionless)} pairs gave no question: {selected.questionless[0]}"
        )
    if selected.resized:
        watcher.note(
            f"{len(selected.resized)} photos have another size than their annotation says "
            f"({selected.resized[0]}): points are scaled by the file's size, thresholds by the "
            "recorded one"
        )
    if selected.passed_over:
        watcher.note(
            f"{selected.passed_over} names in the annotations were passed over; lvlm-eval validate "
            "lists them"
        )

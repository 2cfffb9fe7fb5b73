"""Reads pairs of other layouts in batches: what is wrong in each, and what is compared later."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from lvlm_eval.datasets.correspondence.pair_folder import PairFolder
from lvlm_eval.datasets.pair_dataset import PairFile
from lvlm_eval.errors import InputError
from lvlm_eval.records import Pair
from lvlm_eval.validation.findings import Finding, finding, printable
from lvlm_eval.validation.kinds import Kind
from lvlm_eval.validation.tree.pair_files import (
    BATCH,
    PairBatch,
    ReadBatch,
    SeenPair,
    Spot,
    add_spots,
    passed_over,
    refused_pair,
    seen_view,
)


@dataclass(frozen=True, slots=True)
class FolderBatch:
    """Pairs of one category in one split.

    Attributes:
        dataset: reads them.
        split: the list that they are in.
        category: folder of the pairs.
        files: in their order.
    """

    dataset: PairFolder
    split: str
    category: str
    files: tuple[PairFile, ...]


def folder_batches(dataset: PairFolder, split: str) -> tuple[FolderBatch, ...]:
    """Cut a split into batches that do not depend on the number of workers.

    Raises:
        InputError: the split is empty, or its list cannot be read.
    """
    return tuple(
        FolderBatch(dataset, split, category, files[start : start + BATCH])
        for category, files in dataset.pair_files(split).items()
        for start in range(0, len(files), BATCH)
    )


def read_folder_batch(batch: FolderBatch) -> ReadBatch:
    """Read every pair of a batch once."""
    pairs: list[SeenPair] = []
    findings: list[Finding] = []
    spots: dict[str, dict[str, tuple[Spot, ...]]] = {}
    for file in batch.files:
        where = printable(batch.dataset.where(file))
        try:
            pair, defects = batch.dataset.read_pair(file)
        except InputError as error:
            findings.append(_of_row(file, refused_pair(where, str(error))))
            continue
        for defect in defects:
            # A photo's own annotation may be what is odd.
            place = where if defect.file == batch.dataset.where(file) else printable(defect.file)
            findings.append(_of_row(file, passed_over(place, defect)))
        findings += (_of_row(file, one) for one in _left_out(where, pair, batch))
        pairs.append(SeenPair(where, None, seen_view(pair.source), seen_view(pair.target)))
        add_spots(spots, where, pair)
    return ReadBatch(
        PairBatch(batch.dataset.root, batch.split, batch.category, ()),
        tuple(pairs),
        len(batch.files) - len(pairs),
        tuple(findings),
        spots,
    )


def _of_row(file: PairFile, found: Finding) -> Finding:
    """Name the table and the row where a pair is one."""
    if file.row is None or found.file != printable(f"{file.path.name} row {file.row}"):
        return found
    return replace(found, file=printable(file.path.name), row=file.row)


def _left_out(where: str, pair: Pair, batch: FolderBatch) -> Iterator[Finding]:
    """What a sound pair lacks, so that it is passed over or scored in another way."""
    bare = [view for view in (pair.source, pair.target) if not view.keypoints]
    for view in bare:
        message = f"{view.image} has no keypoint here: the pair is not scored."
        yield finding(Kind.NO_KEYPOINTS, where, "", message)
    if not bare and not pair.overlap:
        message = "no keypoint that both views have: not scored."
        yield finding(Kind.NO_OVERLAP, where, "", message)
    if batch.dataset.has_boxes and pair.target.box is None:
        message = "the target has no box: errors in PCK are relative to the whole photo."
        yield finding(Kind.NO_BOX, where, "", message)
    categories = pair.source.category, pair.target.category
    if "cross" not in batch.split and categories[0] != categories[1]:
        message = f"'{categories[0]}' and '{categories[1]}' in one pair, outside the cross list."
        yield finding(Kind.CATEGORIES_DIFFER, where, "", message)

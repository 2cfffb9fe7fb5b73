"""Reads pair annotations in batches: what is wrong in each, and what is compared later."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lvlm_eval.datasets.pair_annotation import Origin, parse_pair
from lvlm_eval.datasets.soco_tree import PairFile, SocoTree, Split
from lvlm_eval.errors import InputError
from lvlm_eval.records import Defect, Pair, View
from lvlm_eval.validation.findings import Finding, finding, printable
from lvlm_eval.validation.kinds import Kind

BATCH = 200
"""Pair files a batch: some tenths of a second of work."""

# The parser names the identity of a pair by its file, so the field itself is only looked up here.
_PAIR_ID = re.compile(rb'"pair_id"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*)')

# The parser's own words for what it passes over, and the kind of finding that each is.
_PASSED_OVER: tuple[tuple[str, str, Kind], ...] = (
    (r"((src|trg)_keypoints|kps_ids)\[\d+\]", "stands there twice", Kind.KEYPOINT_DOUBLED),
    (r".*", "outside the padded square", Kind.POINT_OUTSIDE),
    (r"(src|trg)_(category|imsize)", "absent", Kind.FIELD_ABSENT),
    (r"semantic_overlap|concept_matches\[.*", "stands there twice", Kind.NAME_DOUBLED),
    (r"semantic_overlap|concept_matches\[.*", "is ignored", Kind.NAME_UNKNOWN),
)
_FIELD = re.compile(r"([^\s:]+): (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PairBatch:
    """Files of one folder of one split.

    Attributes:
        root: of the dataset.
        split: the list they belong to.
        folder: name of their folder; empty if they lie directly in the split.
        files: in the order of their names.
    """

    root: Path
    split: str
    folder: str
    files: tuple[PairFile, ...]


@dataclass(frozen=True, slots=True)
class SeenView:
    """One side of a pair: what is compared with the image file and with other pairs."""

    image: str
    category: str
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class SeenPair:
    """A pair that can be used.

    Attributes:
        file: path below the root, printable.
        pair_id: as written in the file; None where there is none.
        source: the photo that holds the query.
        target: the photo that holds the candidates.
    """

    file: str
    pair_id: str | None
    source: SeenView
    target: SeenView


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a keypoint of an image lies, in px, and the first file that says so."""

    x: float
    y: float
    file: str


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """What a batch holds.

    Attributes:
        batch: the batch, without its files.
        pairs: those that can be used.
        refused: how many cannot.
        findings: what is wrong in single files.
        spots: image → keypoint name → places that lie apart from each other.
    """

    batch: PairBatch
    pairs: tuple[SeenPair, ...]
    refused: int
    findings: tuple[Finding, ...]
    spots: Mapping[str, Mapping[str, tuple[Spot, ...]]] = field(repr=False)


def batches(tree: SocoTree, split: Split) -> tuple[PairBatch, ...]:
    """Cut a split into batches that do not depend on the number of workers.

    Raises:
        InputError: the split is absent or empty.
    """
    return tuple(
        PairBatch(tree.root, split, folder, files[start : start + BATCH])
        for folder, files in tree.pair_files(split).items()
        for start in range(0, len(files), BATCH)
    )


def read_batch(batch: PairBatch) -> ReadBatch:
    """Read every file of a batch once."""
    tree = SocoTree(batch.root, "")
    pairs: list[SeenPair] = []
    findings: list[Finding] = []
    spots: dict[str, dict[str, tuple[Spot, ...]]] = {}
    for file in batch.files:
        where = printable(file.path.relative_to(batch.root).as_posix())
        try:
            content = file.path.read_bytes()
        except OSError as error:
            findings.append(
                finding(Kind.PAIR_JSON, where, "", f"cannot be read ({error.strerror}).")
            )
            continue
        origin = Origin(where, file.key, file.folder, batch.split == "cross", tree.image_size)
        try:
            pair, defects = parse_pair(content, origin)
        except InputError as error:
            findings.append(refused_pair(where, str(error)))
            continue
        findings += (passed_over(where, defect) for defect in defects)
        findings += _left_out(where, pair, batch)
        pairs.append(_seen(where, pair, content))
        add_spots(spots, where, pair)
    return ReadBatch(
        PairBatch(batch.root, batch.split, batch.folder, ()),
        tuple(pairs),
        len(batch.files) - len(pairs),
        tuple(findings),
        spots,
    )


def add_spots(spots: dict[str, dict[str, tuple[Spot, ...]]], where: str, pair: Pair) -> None:
    """Take in where the keypoints of a pair lie.

    Args:
        spots: image → keypoint name → places; grows.
        where: the pair's file.
        pair: as it was read.
    """
    for view in (pair.source, pair.target):
        of_image = spots.setdefault(view.image, {})
        for point in view.keypoints:
            known = of_image.get(point.name, ())
            # Nearly always the same place again: this loop is a tenth of the work.
            if not known or known[0].x != point.x or known[0].y != point.y:
                own = (Spot(point.x, point.y, where),)
                of_image[point.name] = distinct(known, own)


def distinct(known: tuple[Spot, ...], more: Sequence[Spot]) -> tuple[Spot, ...]:
    """Add the spots that lie more than 1 px from each that is known: files round differently."""
    for spot in more:
        if all(max(abs(spot.x - one.x), abs(spot.y - one.y)) > 1 for one in known):
            known = (*known, spot)
    return known


def _seen(where: str, pair: Pair, content: bytes) -> SeenPair:
    found = _PAIR_ID.search(content)
    pair_id = found[1].decode("utf-8", "replace") if found else None
    return SeenPair(where, pair_id, seen_view(pair.source), seen_view(pair.target))


def seen_view(view: View) -> SeenView:
    """What is compared of one side of a pair."""
    return SeenView(view.image, view.category, view.size)


def refused_pair(where: str, error: str) -> Finding:
    """A pair that cannot be used, and which field is the reason."""
    message = error.removeprefix(f"{where}: ")
    found = _FIELD.fullmatch(message)
    if not found:
        # Messages about the whole file have blanks before any colon.
        return finding(Kind.PAIR_JSON, where, "", message)
    name, reason = found.groups()
    is_area = "no area" in reason and (name.endswith("_bndbox") or "bbox: " in reason)
    return finding(Kind.PAIR_BOX if is_area else Kind.PAIR_FIELD, where, name, reason)


def passed_over(where: str, defect: Defect) -> Finding:
    """What was worked around in a pair that can be used."""
    for name, words, kind in _PASSED_OVER:
        if re.fullmatch(name, defect.field) and words in defect.message:
            return finding(kind, where, defect.field, defect.message)
    return finding(Kind.PAIR_OTHER, where, defect.field, defect.message)


def _left_out(where: str, pair: Pair, batch: PairBatch) -> list[Finding]:
    """What a sound file lacks, so that a metric passes it over."""
    found = []
    bare = [
        (side, view)
        for side, view in (("src", pair.source), ("trg", pair.target))
        if not view.keypoints
    ]
    for side, view in bare:
        message = f"{view.image} has no keypoint here: the pair is not scored."
        found.append(finding(Kind.NO_KEYPOINTS, where, f"{side}_keypoints", message))
    if not bare and not pair.overlap:
        message = "no name that both views have: left out of SOC."
        found.append(finding(Kind.NO_OVERLAP, where, "semantic_overlap", message))
    if not bare and not pair.concepts:
        message = "no concept group: left out of CC."
        found.append(finding(Kind.NO_CONCEPTS, where, "concept_matches", message))
    for place, group in enumerate(pair.concepts if not bare else ()):
        path = f"concept_matches[{place}]"
        if not group.target:
            message = f"'{group.concept}' has no target keypoint: not scored."
            found.append(finding(Kind.CONCEPT_NO_TARGET, where, f"{path}.trg_keypoints", message))
        elif not group.source:
            message = f"'{group.concept}' has no source keypoint: nothing is asked."
            found.append(finding(Kind.CONCEPT_NO_SOURCE, where, f"{path}.src_keypoints", message))
    if pair.target.box is None:
        message = "absent: errors in PCK are relative to the whole photo."
        found.append(finding(Kind.NO_BOX, where, "trg_bndbox", message))
    folder, categories = batch.folder, (pair.source.category, pair.target.category)
    if batch.split != "cross" and categories[0] != categories[1]:
        message = f"'{categories[0]}' and '{categories[1]}' in one pair, outside the cross list."
        found.append(finding(Kind.CATEGORIES_DIFFER, where, "src_category", message))
    # Groups of related categories are also named after both of them.
    if folder and pair.group != folder and not (batch.split == "cross" and folder in pair.group):
        message = f"'{pair.group}' in the folder '{folder}': the field holds."
        found.append(finding(Kind.GROUP_UNLIKE_FOLDER, where, "pair_group", message))
    return found

"""The dense-feature protocol a second time: one pair after the other, in plain arithmetic.

A reference for tests, which shares nothing with the package and is written to be read, not to be
fast. Two photos are encoded for every pair. PCK goes from 0 to 1.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from vision.naive_pairs import Pair, RefusedPairError, read_pair
from vision.naive_steps import (
    Floats,
    Patch,
    Pck,
    Point,
    box_share,
    corner,
    error_of,
    grid_point,
    margin_of,
    mean,
    multiple_of_patch,
    nearest_patch,
    open_rgb,
    pad_and_resize,
    patch_of,
    pck,
    sample_bilinear,
    similarities,
    soft_point,
    unit_map,
)

ALPHAS = (0.10, 0.05, 0.02)
SPLITS = ("intra", "cross")
REDUCTIONS = ("pair", "keypoint")
VARIANTS = ("all", "multi")
METRICS = ("cc", "soc", "soc_soft", "soc_geo_all", "soc_geo_multi")
CONFUSION_ALPHA = 0.10

NO_COUNTERPART = "no SOC counterpart"
FEWER_THAN_TWO = "fewer than two candidate keypoints"
NO_CANDIDATES = "no candidates"
COUNTERPART_NOT_CANDIDATE = "counterpart not among the candidates"

Key = tuple[str, str, str]
"""Split, pair as ``<folder>/<stem of the pair file>``, name of the source keypoint."""
Encode = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
"""Photos (N, S, S, 3) to feature maps (N, H, W, C)."""


# One keypoint


@dataclass(frozen=True)
class Geo:
    """SOC-geo of a keypoint: ``skipped`` says for each variant why it does not count, or None.

    Where the variant ``all`` counts it, ``chosen``, ``error`` and ``chance`` (by alpha, the share
    of the candidates' distinct patches that would be right) are there.
    """

    candidates: dict[str, Patch]
    skipped: dict[str, str | None]
    chosen: Patch | None = None
    error: float | None = None
    chance: dict[float, float] | None = None

    def right(self, variant: str, alpha: float) -> bool | None:
        """Whether it is right, or None where the variant does not count it."""
        return None if self.skipped[variant] or self.error is None else self.error < alpha


@dataclass(frozen=True)
class Found:
    """What was predicted for one source keypoint; None where it is no part of that metric.

    ``soft_error`` is that of SOC with the soft point, ``other_error`` that of the nearest target
    of the concept under another name, ``margin`` how much more similar ``patch`` is than any other.
    """

    query: Point
    patch: Patch
    point: Point
    soft: Point
    margin: float
    cc_error: float | None
    soc_error: float | None
    soft_error: float | None
    other_error: float | None
    geo: Geo | None

    def error(self, metric: str) -> float | None:
        """Its error in one of ``METRICS``, or None if it does not count there."""
        plain = {"cc": self.cc_error, "soc": self.soc_error, "soc_soft": self.soft_error}
        if metric in plain:
            return plain[metric]
        variant = metric.removeprefix("soc_geo_")
        return self.geo.error if self.geo and self.geo.skipped[variant] is None else None


def skip_reason(name: str, overlap: Iterable[str], candidates: Sequence[str], variant: str) -> str:
    """Why SOC-geo leaves a keypoint out; the first reason counts, empty if there is none."""
    if name not in overlap:
        return NO_COUNTERPART
    if variant == "multi" and len(candidates) < 2:
        return FEWER_THAN_TWO
    if not candidates:
        return NO_CANDIDATES
    return "" if name in candidates else COUNTERPART_NOT_CANDIDATE


def find(pair: Pair, source: Floats, target: Floats, side: int) -> dict[str, Found]:
    """Match every keypoint of the concept groups and the overlap, in this order.

    Args:
        pair: the annotation.
        source: (H, W, C), features of length 1.
        target: as ``source``.
        side: S, the side of the square photos in px.
    """
    share = box_share(pair.target.box, pair.target.recorded)
    longer = max(pair.target.size)
    right = {name: grid_point(at, longer, side) for name, at in pair.target.points.items()}
    found = {}
    for name in dict.fromkeys([*pair.targets, *pair.overlap]):
        query = grid_point(pair.source.points[name], max(pair.source.size), side)
        similar = similarities(target, sample_bilinear(source, query))
        patch = nearest_patch(similar)
        point, soft = corner(patch, target), soft_point(similar, patch)
        same = {n: error_of(point, right[n], share) for n in pair.targets.get(name, ())}
        geo = None
        if name in pair.targets:
            geo = _geo(name, pair, similar, right, share)
        counts = name in pair.overlap
        found[name] = Found(
            query=query,
            patch=patch,
            point=point,
            soft=soft,
            margin=margin_of(similar, patch),
            cc_error=min(same.values(), default=None),
            soc_error=error_of(point, right[name], share) if counts else None,
            soft_error=error_of(soft, right[name], share) if counts else None,
            other_error=min((e for n, e in same.items() if n != name), default=None),
            geo=geo,
        )
    return found


def _geo(name: str, pair: Pair, similar: Floats, right: dict[str, Point], share: float) -> Geo:
    candidates = {other: patch_of(right[other], similar) for other in pair.targets[name]}
    reasons = {v: skip_reason(name, pair.overlap, list(candidates), v) or None for v in VARIANTS}
    if reasons["all"]:
        return Geo(candidates, reasons)
    patches = sorted(set(candidates.values()))
    chosen = patches[0]
    for patch in patches:
        if similar[patch] > similar[chosen]:
            chosen = patch
    errors = {p: error_of(corner(p, similar), right[name], share) for p in patches}
    chance = {a: mean([float(error < a) for error in errors.values()]) for a in ALPHAS}
    return Geo(candidates, reasons, chosen, errors[chosen], chance)


# A whole split


@dataclass(frozen=True)
class Confusion:
    """Of ``wrong`` SOC predictions, ``confused`` ones hit another keypoint of the concept."""

    wrong: int
    confused: int

    @property
    def share(self) -> float | None:
        """None where nothing is wrong."""
        return self.confused / self.wrong if self.wrong else None


@dataclass(frozen=True)
class Split:
    """All that is found in one split; pairs that were refused are in ``refused`` alone."""

    groups: dict[str, str]
    """Pair to its group, every pair that was read."""
    refused: dict[str, str]
    """Pair to what is wrong with it."""
    found: dict[Key, Found]

    def errors(self, metric: str) -> list[tuple[str, list[float]]]:
        """Group and errors of each pair, with pairs that have none."""
        by_pair: dict[str, list[float]] = {pair: [] for pair in self.groups}
        for (_, pair, _), found in self.found.items():
            error = found.error(metric)
            if error is not None:
                by_pair[pair].append(error)
        return [(self.groups[pair], errors) for pair, errors in by_pair.items()]

    def pck(self, metric: str, alpha: float, reduction: str) -> Pck:
        return pck(self.errors(metric), alpha, reduction)

    def keypoints(self, group: str | None = None) -> list[Found]:
        """What was found for every keypoint, or for those of one group."""
        return [f for key, f in self.found.items() if group in (None, self.groups[key[1]])]

    def confusion(self, group: str | None = None, alpha: float = CONFUSION_ALPHA) -> Confusion:
        """Over all keypoints together, or those of one group."""
        scored = self.keypoints(group)
        wrong = [f for f in scored if f.soc_error is not None and f.soc_error >= alpha]
        confused = [f for f in wrong if f.other_error is not None and f.other_error < alpha]
        return Confusion(len(wrong), len(confused))

    def skipped(self, variant: str, group: str | None = None) -> Counter[str]:
        """How many keypoints SOC-geo leaves out, by reason."""
        geos = [found.geo for found in self.keypoints(group) if found.geo]
        return Counter(reason for geo in geos if (reason := geo.skipped[variant]))

    def chance(self, variant: str, alpha: float, group: str | None = None) -> float | None:
        """SOC-geo's chance level: the mean over all counted keypoints together."""
        geos = [found.geo for found in self.keypoints(group) if found.geo]
        shares = [geo.chance[alpha] for geo in geos if geo.chance and not geo.skipped[variant]]
        return mean(shares) if shares else None


def evaluate(root: Path, patch: int, encode: Encode, image_size: int = 800) -> dict[str, Split]:
    """Match every pair of both splits of a SOCOv1 tree: two photos are encoded for each pair."""
    side = multiple_of_patch(image_size, patch)
    return {split: _evaluate_split(root, split, side, encode) for split in SPLITS}


def _evaluate_split(root: Path, split: str, side: int, encode: Encode) -> Split:
    groups: dict[str, str] = {}
    refused: dict[str, str] = {}
    everything: dict[Key, Found] = {}
    for path in sorted((root / "PairAnnotations" / split).glob("*/*.json")):
        try:
            pair = read_pair(root, path)
        except RefusedPairError as error:
            refused[f"{path.parent.name}/{path.stem}"] = str(error)
            continue
        groups[pair.key] = pair.group
        maps = []
        for view in (pair.source, pair.target):
            photo = pad_and_resize(open_rgb(view.photo), side)
            maps.append(unit_map(encode(photo[np.newaxis])[0]))
        for name, found in find(pair, maps[0], maps[1], side).items():
            everything[split, pair.key, name] = found
    return Split(groups, refused, everything)

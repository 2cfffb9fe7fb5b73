"""Runs the fast path and the naive reference over one tree, and compares all that both say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from vision import naive

from lvlm_eval.datasets import SocoTree
from lvlm_eval.vision.backbones.backbone import Backbone, Maps, Photos
from lvlm_eval.vision.encoding import EncodingPlan
from lvlm_eval.vision.evaluation import Evaluation, Means, Measures, evaluate
from lvlm_eval.vision.figures import METRICS, SplitFigures, split_figures
from lvlm_eval.vision.stores import RamStore, Store

Encode = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]


class Wrapped(Backbone):
    """A function as a backbone; counts the photos that it is given."""

    def __init__(self, encode: Callable[[Photos], Maps], patch: int) -> None:
        self._encode, self.patch = encode, patch
        self.photos = 0

    def encode(self, photos: Photos) -> Maps:
        self.photos += len(photos)
        return self._encode(photos)


@dataclass
class Silent:
    """A watcher that remembers."""

    plans: list[EncodingPlan] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    photos: int = 0

    def planned(self, plan: EncodingPlan) -> None:
        self.plans.append(plan)

    def encoded(self, photos: int, again: bool) -> None:
        self.photos += photos

    def note(self, line: str) -> None:
        self.lines.append(line)


def fast(
    root: Path,
    backbone: Backbone,
    image_size: int,
    store: Store | None = None,
    batch: int = 3,
    **more: Any,
) -> Evaluation:
    measures = Measures(image_size=image_size, thresholds=naive.ALPHAS)
    means = Means(batch, store or RamStore(1 << 30))
    splits = ("intra", "cross")
    tree = SocoTree(root, "tree")
    return evaluate(tree, backbone, splits, measures, means, Silent(), **more)


def assert_same(
    ours: Evaluation, theirs: Mapping[str, naive.Split], least_margin: float = 0.0
) -> int:
    """Compare row by row, then every figure; gives the number of predictions compared.

    Args:
        ours: of the fast path.
        theirs: of the reference, by split.
        least_margin: a prediction whose best cell leads by less, and by more than nothing, is left
            out, since the maps of both sides differ by rounding.
    """
    compared = 0
    work, errors = ours.work, ours.errors
    _, width = ours.found.grid
    seen = set()
    for row, name in enumerate(work.rows.names):
        pair = work.pairs[work.rows.pair[row]]
        found = theirs[pair.split].found[pair.split, pair.key, name]
        seen.add((pair.split, pair.key, name))
        if 0 < found.margin < least_margin:
            continue
        compared += 1
        cell = divmod(int(ours.found.cells[row]), width)
        assert cell == tuple(found.patch), (pair.key, name)
        assert np.allclose(errors.points[row], found.point, rtol=0, atol=1e-12)
        assert np.allclose(ours.found.soft[row], found.soft, rtol=0, atol=1e-5)
        for metric, own in (("cc", errors.cc), ("soc", errors.soc), ("soc_soft", errors.soft)):
            _same_error(own[row], found.error(metric), 1e-4 if metric == "soc_soft" else 1e-12)
        if found.geo is not None:
            for variant in naive.VARIANTS:
                why = found.geo.skipped[variant]
                code = int(errors.skipped[variant][row])
                assert (why is None) == (code == -1), (pair.key, name, why, code)
            if found.geo.chosen is not None:
                assert divmod(int(ours.found.geo[row]), width) == tuple(found.geo.chosen)
    for split, reference in theirs.items():
        of_split = {key for key in seen if key[0] == split}
        assert of_split == {
            key for key, one in reference.found.items()
            if one.cc_error is not None or one.soc_error is not None
        }  # fmt: skip
    return compared


def _same_error(own: float, theirs: float | None, tolerance: float) -> None:
    if theirs is None:
        assert np.isnan(own)
    else:
        assert abs(own - theirs) <= tolerance


def assert_same_figures(ours: Evaluation, theirs: Mapping[str, naive.Split]) -> None:
    """Compare PCK of every metric, group, reduction and threshold; confusion; chance; skips."""
    for split, reference in theirs.items():
        figures = split_figures(ours, split, naive.ALPHAS)
        assert figures is not None
        for name in METRICS:
            for reduction in naive.REDUCTIONS:
                _same_pck(figures, reference, name, reduction)
        confusion = reference.confusion()
        assert (figures.confusion.wrong, figures.confusion.other) == (
            confusion.wrong,
            confusion.confused,
        )
        for variant in naive.VARIANTS:
            _same_chance(figures, reference, variant)
            counts = reference.skipped(variant)
            # Keypoints that no list names are counted by the package alone.
            ours_by_reason = list(figures.skipped[variant].values())
            assert ours_by_reason[1] >= counts[naive.FEWER_THAN_TWO]
            assert ours_by_reason[3] == counts[naive.COUNTERPART_NOT_CANDIDATE]


def _same_pck(figures: SplitFigures, reference: naive.Split, name: str, reduction: str) -> None:
    own = figures.metrics[name]
    overall = own.overall(reduction)
    of_groups = own.by_pair if reduction == "pair" else own.by_keypoint
    for place, alpha in enumerate(naive.ALPHAS):
        wanted = reference.pck(name, alpha, reduction)
        if wanted.overall is None:
            assert np.isnan(overall[place])
            continue
        assert abs(overall[place] - wanted.overall) < 1e-12, (name, alpha, reduction)
        for number, group in enumerate(figures.layout.groups):
            if group in wanted.groups:
                assert abs(of_groups[number, place] - wanted.groups[group]) < 1e-12
            else:
                assert not own.pairs[number]


def _same_chance(figures: SplitFigures, reference: naive.Split, variant: str) -> None:
    own = figures.chance[variant]
    for place, alpha in enumerate(naive.ALPHAS):
        for number, group in enumerate(figures.layout.groups):
            wanted = reference.chance(variant, alpha, group)
            found = own.by_keypoint[number, place]
            assert np.isnan(found) if wanted is None else abs(found - wanted) < 1e-12

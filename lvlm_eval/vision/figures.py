"""Errors of rows → the figures of a split: PCK by metric, confusion, chance, skipped keypoints."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lvlm_eval.vision.evaluation import Evaluation
from lvlm_eval.vision.grid import Floats, Integers
from lvlm_eval.vision.pck import Layout, Pck, pck, shares
from lvlm_eval.vision.row_errors import SKIPPED, RowErrors
from lvlm_eval.vision.search import UNKNOWN

METRICS = ("cc", "soc", "soc_soft", "soc_geo_all", "soc_geo_multi")
VARIANTS = ("all", "multi")
CONFUSION_THRESHOLD = 0.10
_BIN = 30


@dataclass(frozen=True, slots=True)
class Confusion:
    """Repeated parts taken for each other: right concept, wrong instance.

    Attributes:
        wrong: SOC predictions that are wrong at a threshold of 0.10.
        other: of these, those within 0.10 of another instance of the concept.
        known: whether any concept has another instance at all.
    """

    wrong: int
    other: int
    known: bool

    @property
    def share(self) -> float | None:
        """Percent of the wrong ones; None if none is wrong, or there is no other instance."""
        return 100 * self.other / self.wrong if self.wrong and self.known else None


@dataclass(frozen=True, slots=True)
class Turn:
    """Pairs whose cameras differ by some angle.

    Attributes:
        low: degrees of azimuth, at least.
        high: and below this (the last bin includes 180).
        metrics: ``cc`` and ``soc`` → (thresholds,), means over the pairs.
        pairs: metric → how many have a keypoint.
    """

    low: int
    high: int
    metrics: Mapping[str, Floats]
    pairs: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class SplitFigures:
    """All figures of one split; shares go from 0 to 1.

    Attributes:
        pairs: numbers of its pairs.
        layout: which of its rows and pairs belong together.
        metrics: see `METRICS`; SOC-geo in both variants.
        confusion: over all keypoints.
        confusion_of: group → the same.
        chance: variant of SOC-geo → what a cell drawn among the candidates would reach.
        naming: variant → what a keypoint drawn among the candidates would reach by name.
        skipped: variant → reason → keypoints that are left out.
        turns: by difference of azimuth; empty without poses.
    """

    pairs: Integers
    layout: Layout
    metrics: Mapping[str, Pck]
    confusion: Confusion
    confusion_of: Mapping[str, Confusion]
    chance: Mapping[str, Pck]
    naming: Mapping[str, Pck]
    skipped: Mapping[str, Mapping[str, int]]
    turns: tuple[Turn, ...]


def split_figures(
    done: Evaluation, split: str, thresholds: tuple[float, ...]
) -> SplitFigures | None:
    """Reduce the errors of one split; None if it has no pair.

    Pairs whose photos were left out are none of it.

    Args:
        done: all splits.
        split: name of the one that is wanted.
        thresholds: those that the evaluation was made with.
    """
    left_out = np.array(sorted(done.encoded.broken), dtype=np.int64)
    pairs = np.array(
        [
            number
            for number, pair in enumerate(done.work.pairs)
            if pair.split == split and not {pair.source, pair.target} & set(left_out.tolist())
        ],
        dtype=np.int64,
    )
    if not pairs.size:
        return None
    infos = [done.work.pairs[number] for number in pairs]
    groups = sorted({pair.group for pair in infos})
    number_of = {group: number for number, group in enumerate(groups)}
    rows = np.flatnonzero(np.isin(done.work.rows.pair, pairs))
    layout = Layout(
        np.searchsorted(pairs, done.work.rows.pair[rows]),
        np.array([number_of[pair.group] for pair in infos], dtype=np.int64),
        tuple(groups),
    )
    errors = done.errors
    counted = {one: errors.skipped[one][rows] == UNKNOWN for one in VARIANTS}
    by_metric = {"cc": errors.cc[rows], "soc": errors.soc[rows], "soc_soft": errors.soft[rows]}
    for variant in VARIANTS:
        by_metric[f"soc_geo_{variant}"] = np.where(counted[variant], errors.geo[rows], np.nan)
    metrics = {name: pck(own, layout, thresholds) for name, own in by_metric.items()}
    of_group = layout.group[layout.pair]
    chance = np.stack([errors.chance[one][rows] for one in thresholds], axis=1)
    naming = np.tile(1 / np.maximum(errors.candidates[rows], 1)[:, None], len(thresholds))
    unnamed = sum(pair.keypoints for pair in infos) - len(rows)
    return SplitFigures(
        pairs,
        layout,
        metrics,
        _confusion(errors, rows),
        {group: _confusion(errors, rows[of_group == one]) for group, one in number_of.items()},
        {one: shares(chance, counted[one], layout, thresholds) for one in VARIANTS},
        {one: shares(naming, counted[one], layout, thresholds) for one in VARIANTS},
        {one: _skips(errors.skipped[one][rows], unnamed) for one in VARIANTS},
        _turns([pair.turn for pair in infos], metrics),
    )


def _confusion(errors: RowErrors, rows: Integers) -> Confusion:
    wrong = errors.soc[rows] >= CONFUSION_THRESHOLD
    other = errors.other[rows]
    known = bool((~np.isnan(other)).any())
    return Confusion(int(wrong.sum()), int((wrong & (other < CONFUSION_THRESHOLD)).sum()), known)


def _skips(codes: Integers, unnamed: int) -> dict[str, int]:
    """Reason → keypoints; those that no list of the pair names have no counterpart either."""
    counts = np.bincount(codes[codes >= 0], minlength=len(SKIPPED))
    counts[0] += unnamed
    return dict(zip(SKIPPED, counts.tolist(), strict=True))


def _turns(turns: list[float | None], metrics: Mapping[str, Pck]) -> tuple[Turn, ...]:
    known = np.array([np.nan if one is None else one for one in turns])
    found = []
    for low in range(0, 180, _BIN):
        inside = (known >= low) & ((known < low + _BIN) | ((low + _BIN == 180) & (known == 180)))
        of_metric = {}
        for name in ("cc", "soc"):
            own = metrics[name].of_pairs[inside]
            of_metric[name] = own[~np.isnan(own[:, 0])]
        if any(map(len, of_metric.values())):
            means = {name: own.mean(axis=0) for name, own in of_metric.items() if len(own)}
            pairs = {name: len(own) for name, own in of_metric.items()}
            found.append(Turn(low, low + _BIN, means, pairs))
    return tuple(found)

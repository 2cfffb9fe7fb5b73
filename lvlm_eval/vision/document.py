"""Figures as one JSON document: percent, and null where there is nothing to tell."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lvlm_eval.intervals import wilson
from lvlm_eval.reference import supercategory_of
from lvlm_eval.vision.bootstrap import PhotoBootstrap, interval
from lvlm_eval.vision.evaluation import Evaluation, Measures
from lvlm_eval.vision.figures import METRICS, VARIANTS, Confusion, SplitFigures, split_figures
from lvlm_eval.vision.grid import Floats
from lvlm_eval.vision.pck import Pck, by_supercategory, threshold_name

REDUCTIONS = ("pair", "keypoint")
_GEO = tuple(f"soc_geo_{one}" for one in VARIANTS)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Split:
    """A split's figures with its intervals: metric → (resamples, thresholds)."""

    figures: SplitFigures
    drawn: Mapping[str, Floats]
    thresholds: tuple[float, ...]

    def percents(self, shares: Floats) -> Json:
        return {
            threshold_name(one): _percent(share)
            for one, share in zip(self.thresholds, shares, strict=True)
        }

    def metric(self, name: str) -> Json:
        pck = self.figures.metrics[name]
        ci95 = {
            threshold_name(one): interval(self.drawn[name][:, place])
            for place, one in enumerate(self.thresholds)
        }
        return {
            **{one: self.percents(pck.overall(one)) for one in REDUCTIONS},
            "ci95": ci95,
            "counts": _counts(pck),
        }

    def geo(self, variant: str) -> Json:
        """SOC-geo has the keypoint reduction alone, and so has its interval."""
        name = f"soc_geo_{variant}"
        whole = self.metric(name)
        naming = self.figures.naming[variant].overall("keypoint")
        return {
            "keypoint": whole["keypoint"],
            "ci95": whole["ci95"],
            "counts": {**whole["counts"], "skipped": dict(self.figures.skipped[variant])},
            "chance": self.percents(self.figures.chance[variant].overall("keypoint")),
            "chance_of_naming": _percent(naming[0]) if naming.size else None,
        }


def document(
    done: Evaluation, splits: tuple[str, ...], measures: Measures, own_groups: Mapping[str, str]
) -> Json:
    """The figures of all splits that were scored.

    Args:
        done: what was found.
        splits: those that were scored.
        measures: how.
        own_groups: category → super-category, as far as the dataset itself tells.

    Returns:
        ``intra``, ``cross`` and the like, ``supercategories``, ``drops``, ``average``, ``ceiling``;
        without ``config``.
    """
    parts = {split: part for split in splits if (part := _split(done, split, measures)) is not None}
    made: Json = {split: _of_split(part) for split, part in parts.items()}
    made["supercategories"] = _supercategories(done, parts, own_groups)
    made |= _drops(parts, measures.thresholds)
    if done.work.choices.ids:
        made["ceiling"] = _ceiling(done)
    return made


def _split(done: Evaluation, split: str, measures: Measures) -> _Split | None:
    figures = split_figures(done, split, measures.thresholds)
    if figures is None:
        return None
    pairs = [done.work.pairs[number] for number in figures.pairs]
    source = np.array([pair.source for pair in pairs])
    target = np.array([pair.target for pair in pairs])
    bootstrap = PhotoBootstrap(done.work.categories, measures.seed)
    geo_weights = {name: _keypoints_of_pairs(done, figures, name) for name in _GEO}
    drawn = bootstrap.means(
        {name: pck.of_pairs for name, pck in figures.metrics.items()},
        figures.layout,
        source,
        target,
        geo_weights,
    )
    return _Split(figures, drawn, measures.thresholds)


def _keypoints_of_pairs(
    done: Evaluation, figures: SplitFigures, metric: str
) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    rows = np.flatnonzero(np.isin(done.work.rows.pair, figures.pairs))
    skipped = done.errors.skipped[metric.removeprefix("soc_geo_")][rows]
    counted = (skipped < 0) & ~np.isnan(done.errors.geo[rows])
    return np.bincount(figures.layout.pair[counted], minlength=len(figures.pairs))


def _of_split(part: _Split) -> Json:
    figures = part.figures
    return {
        **{name: part.metric(name) for name in METRICS if name not in _GEO},
        "soc_geo": {one: part.geo(one) for one in VARIANTS},
        "confusion": _confusion(figures.confusion),
        "azimuth": [
            {
                "degrees": [turn.low, turn.high],
                **{
                    name: {"pair": part.percents(shares), "pairs": turn.pairs[name]}
                    for name, shares in turn.metrics.items()
                },
            }
            for turn in figures.turns
        ],
        "categories": {
            group: _of_group(part, number, group)
            for number, group in enumerate(figures.layout.groups)
        },
    }


def _of_group(part: _Split, number: int, group: str) -> Json:
    made: Json = {}
    for name in METRICS:
        pck = part.figures.metrics[name]
        if not pck.pairs[number]:
            continue
        reductions = {"pair": pck.by_pair, "keypoint": pck.by_keypoint}
        wanted = ("keypoint",) if name in _GEO else REDUCTIONS
        made[name] = {
            **{one: part.percents(reductions[one][number]) for one in wanted},
            "counts": {
                "pairs": int(pck.pairs[number]),
                "keypoints": int(pck.keypoints[number]),
            },
        }
    made["confusion"] = _confusion(part.figures.confusion_of[group])
    return made


def _supercategories(done: Evaluation, parts: Mapping[str, _Split], own: Mapping[str, str]) -> Json:
    made: Json = {}
    for split, name, key in (
        ("intra", "cc", "cc"), ("intra", "soc", "soc"), ("cross", "soc", "cross_soc"),
    ):  # fmt: skip
        part = parts.get(split)
        if part is None:
            continue
        pck = part.figures.metrics[name]
        known = {
            group: pck.by_pair[number]
            for number, group in enumerate(part.figures.layout.groups)
            if pck.pairs[number]
        }
        above = {group: found for group in known if (found := _above(done, part, group, own))}
        members = {one: sum(above[g] == one for g in above) for one in above.values()}
        for one, shares in by_supercategory(known, above).items():
            entry = {"pair": part.percents(shares), "categories": members[one]}
            made.setdefault(one, {})[key] = entry
    return dict(sorted(made.items()))


def _above(done: Evaluation, part: _Split, group: str, own: Mapping[str, str]) -> str | None:
    """Super-category of a group: by its name, or by the target's category of its pairs."""
    number = part.figures.layout.groups.index(group)
    first = int(np.flatnonzero(part.figures.layout.group == number)[0])
    category = done.work.pairs[part.figures.pairs[first]].category
    for name in (group, category):
        found = own.get(name) or supercategory_of(name)
        if found:
            return found
    return None


def _drops(parts: Mapping[str, _Split], thresholds: tuple[float, ...]) -> Json:
    """What is lost from CC to SOC to Cross-SOC, in points, and the mean of the three."""
    intra, cross = parts.get("intra"), parts.get("cross")
    if intra is None or cross is None:
        return {}
    cc, soc = (intra.figures.metrics[name].overall("pair") for name in ("cc", "soc"))
    across = cross.figures.metrics["soc"].overall("pair")
    return {
        "drops": {
            "cc_to_soc": intra.percents(cc - soc),
            "soc_to_cross_soc": intra.percents(soc - across),
        },
        "average": intra.percents((cc + soc + across) / 3),
    }


def _ceiling(done: Evaluation) -> Json:
    answered = done.found.chosen >= 0
    right = int((done.found.chosen == done.work.choices.right)[answered].sum())
    number = int(answered.sum())
    return {
        "accuracy": 100 * right / number if number else None,
        "ci95": wilson(right, number),
        "counts": {"questions": number, "right": right, "left_out": len(answered) - number},
    }


def _confusion(confusion: Confusion) -> Json:
    return {"share": confusion.share, "other": confusion.other, "wrong": confusion.wrong}


def _counts(pck: Pck) -> Json:
    return {
        "groups": int((pck.pairs > 0).sum()),
        "pairs": int(pck.pairs.sum()),
        "keypoints": int(pck.keypoints.sum()),
    }


def _percent(share: float) -> float | None:
    return None if math.isnan(share) else 100 * float(share)

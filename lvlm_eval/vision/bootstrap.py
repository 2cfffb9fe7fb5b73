"""95 % intervals of PCK figures: the photos of each category are drawn anew, with replacement.

Pairs share photos, so pairs are not independent. A pair counts as often as its source was drawn,
times as often as its target was (A. B. Owen, Ann. Appl. Stat. 1, 2007, p. 386): if anything, such
intervals are too wide.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from lvlm_eval.vision.grid import Floats, Integers
from lvlm_eval.vision.pck import Layout

RESAMPLES = 1000


class PhotoBootstrap:
    """Draws photos once, so that the intervals of all metrics rest on the same draws.

    Args:
        categories: of each photo.
        used: numbers of the photos that pairs are made of.
        seed: of the draws.
        resamples: how many.
    """

    def __init__(
        self, categories: Sequence[str], used: Integers, seed: int, resamples: int = RESAMPLES
    ) -> None:
        generator = np.random.default_rng(seed)
        self._times = np.zeros((resamples, len(categories)), dtype=np.float32)
        members: dict[str, list[int]] = {}
        for photo in np.unique(used).tolist():
            members.setdefault(categories[photo], []).append(photo)
        for _, photos in sorted(members.items()):
            size = len(photos)
            self._times[:, photos] = generator.multinomial(size, np.full(size, 1 / size), resamples)

    def means(
        self,
        of_pairs: Mapping[str, Floats],
        layout: Layout,
        source: Integers,
        target: Integers,
        weights: Mapping[str, Integers],
    ) -> dict[str, Floats]:
        """Each metric's mean over groups, in every resample.

        Args:
            of_pairs: metric → (pairs, thresholds); NaN of pairs that are none of it.
            layout: which pairs belong together.
            source: (pairs,), number of the source photo.
            target: (pairs,), number of the target photo.
            weights: metric → (pairs,), how much a pair counts in its group; 1 for absent metrics.

        Returns:
            Metric → (resamples, thresholds). A group none of whose pairs was drawn is left out of
            that resample; without any group it is NaN.
        """
        totals: dict[str, Floats] = {}
        filled: dict[str, Floats] = {}
        for group in range(len(layout.groups)):
            pairs = np.flatnonzero(layout.group == group)
            times = (self._times[:, source[pairs]] * self._times[:, target[pairs]]).astype(
                np.float64
            )
            for name, figures in of_pairs.items():
                known = ~np.isnan(figures[pairs, 0])
                own = pairs[known]
                counts = (
                    times[:, known] * weights[name][own] if name in weights else times[:, known]
                )
                weight = counts.sum(axis=1)
                drawn = weight > 0
                mean = np.zeros((len(weight), figures.shape[1]))
                mean[drawn] = (counts @ figures[own])[drawn] / weight[drawn, None]
                totals[name] = totals.get(name, 0) + mean
                filled[name] = filled.get(name, 0) + drawn
        with np.errstate(invalid="ignore"):
            return {name: total / filled[name][:, None] for name, total in totals.items()}


def interval(means: Floats) -> tuple[float, float] | None:
    """2.5 and 97.5 % quantiles of resampled figures, in percent; None without any.

    Args:
        means: (resamples,), from 0 to 1.
    """
    known = means[~np.isnan(means)]
    if not known.size:
        return None
    low, high = np.quantile(known, (0.025, 0.975))
    return 100 * float(low), 100 * float(high)

"""95 % intervals of PCK figures: the photos of each category are weighted anew at random.

Pairs share photos, so pairs are not independent. A pair counts with the product of its photos'
weights (A. B. Owen, Ann. Appl. Stat. 1, 2007, p. 386), which are exponential (the Bayesian
bootstrap: D. B. Rubin, Ann. Stat. 9, 1981, p. 130): unlike photos that are drawn, none goes missing
altogether, so that a category of few pairs stays in. Of one pair a category nothing can be told
about its spread.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from lvlm_eval.ranking import rank
from lvlm_eval.vision.grid import Floats, Integers
from lvlm_eval.vision.pck import Layout

RESAMPLES = 1000


class PhotoBootstrap:
    """Weights photos once, so that the intervals of all metrics rest on the same weights.

    Args:
        categories: of each photo.
        seed: of the draws.
        resamples: how many.
    """

    def __init__(self, categories: Sequence[str], seed: int, resamples: int = RESAMPLES) -> None:
        members: dict[str, list[int]] = {}
        for photo, category in enumerate(categories):
            members.setdefault(category, []).append(photo)
        self._weights = np.empty((resamples, len(categories)))
        for category, photos in members.items():
            # By its name, so that it does not depend on which other categories are measured.
            own = int.from_bytes(rank(seed, "weights", category)[:8], "big")
            drawn = np.random.default_rng(own).exponential(size=(resamples, len(photos)))
            self._weights[:, photos] = drawn

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
            Metric → (resamples, thresholds); NaN without any group.
        """
        totals: dict[str, Floats] = {}
        filled: dict[str, int] = {}
        for group in range(len(layout.groups)):
            pairs = np.flatnonzero(layout.group == group)
            times = self._weights[:, source[pairs]] * self._weights[:, target[pairs]]
            for name, figures in of_pairs.items():
                known = ~np.isnan(figures[pairs, 0])
                own = pairs[known]
                counts = (
                    times[:, known] * weights[name][own] if name in weights else times[:, known]
                )
                if own.size:
                    mean = counts @ figures[own] / counts.sum(axis=1)[:, None]
                    totals[name] = totals.get(name, 0) + mean
                    filled[name] = filled.get(name, 0) + 1
        return {
            name: totals[name] / filled[name]
            if name in totals
            else np.full((len(self._weights), figures.shape[1]), np.nan)
            for name, figures in of_pairs.items()
        }


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

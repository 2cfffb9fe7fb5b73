"""How far one metric of vision models tells another: Pearson and Spearman r with their uncertainty.

The models are the sample: intervals come from drawing models again with replacement, and leaving
each one out shows what hangs on a single model.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

LEAST_MODELS = 3
"""Two points always lie on a line."""

RESAMPLES = 10_000
"""As published."""

_TAILS = (2.5, 97.5)
_NUMBERS_AT_ONCE = 4_000_000
"""Values that are worked on at a time, so that many models do not need much memory."""


@dataclass(frozen=True, slots=True)
class LeaveOneOut:
    """A coefficient without one model at a time.

    Attributes:
        low: the least of them.
        high: the greatest.
        model: place of the model whose removal moves the coefficient most; the first of several.
        without: the coefficient without that model.
    """

    low: float
    high: float
    model: int
    without: float


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A coefficient of correlation.

    Attributes:
        r: from -1 to 1; None where it is undefined.
        ci95: 95 % percentile interval of the bootstrap; None without a usable resample.
        degenerate: resamples that left r undefined, as all their models agree in one of the two
            metrics. They are left out of the interval.
        leave_one_out: None where fewer than three models would be left, or r is undefined.
    """

    r: float | None
    ci95: tuple[float, float] | None = None
    degenerate: int = 0
    leave_one_out: LeaveOneOut | None = None


@dataclass(frozen=True, slots=True)
class Correlation:
    """Two metrics across the models that have both.

    Attributes:
        predictor: column of the first metric.
        target: column of the second one.
        models: places of the models that have both, in the order of the table.
        pearson: of the values.
        spearman: of their ranks; equal values share the mean of their ranks.
        undefined: why there is no coefficient; empty where there is one.
    """

    predictor: int
    target: int
    models: tuple[int, ...]
    pearson: Coefficient
    spearman: Coefficient
    undefined: str = ""


def correlate(
    values: Floats,
    predictors: Sequence[int],
    targets: Sequence[int],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[Correlation, ...]:
    """Correlate every predictor with every target, target by target.

    Missing values are left out by pair of metrics. The resamples depend on the seed and on the
    number of models alone, so that they are the same for all pairs with the same models.

    Args:
        values: (models, columns); NaN where a value is missing.
        predictors: columns.
        targets: columns.
        resamples: of the models, with replacement, each of their number.
        seed: of the resamples.
    """
    wanted = [(predictor, target) for target in targets for predictor in predictors]
    known = np.isfinite(values)
    by_models: dict[bytes, list[tuple[int, int]]] = {}
    for pair in wanted:
        by_models.setdefault((known[:, pair[0]] & known[:, pair[1]]).tobytes(), []).append(pair)
    found = {
        (one.predictor, one.target): one
        for key, pairs in by_models.items()
        for one in _of_same_models(
            values, np.flatnonzero(np.frombuffer(key, dtype=bool)), pairs, resamples, seed
        )
    }
    return tuple(found[pair] for pair in wanted)


def _of_same_models(
    values: Floats, models: Indices, pairs: list[tuple[int, int]], resamples: int, seed: int
) -> Iterator[Correlation]:
    """Correlate pairs of metrics that the same models have."""
    places = tuple(int(model) for model in models)
    count = len(places)
    nothing = Coefficient(None)
    if count < LEAST_MODELS:
        has = "model has" if count == 1 else "models have"
        reason = f"{count} {has} both, at least {LEAST_MODELS} are needed"
        for predictor, target in pairs:
            yield Correlation(predictor, target, places, nothing, nothing, reason)
        return
    used = sorted({column for pair in pairs for column in pair})
    place_of = {column: place for place, column in enumerate(used)}
    sides = np.array([[place_of[one], place_of[other]] for one, other in pairs])
    columns = _comparable(values[np.ix_(models, np.array(used))].T)
    draws = np.random.default_rng((seed, count)).integers(0, count, (resamples, count))
    whole = _coefficients(columns, np.arange(count)[None], sides)[:, :, 0]
    drawn = _coefficients(columns, draws, sides)
    fewer = _coefficients(columns, _each_left_out(count), sides) if count > LEAST_MODELS else None
    for place, (predictor, target) in enumerate(pairs):
        constant = [
            side
            for side, column in (("first", predictor), ("second", target))
            if np.ptp(values[models, column]) == 0
        ]
        if constant:
            reason = f"the {count} models that have both all agree in the {constant[0]} metric"
            yield Correlation(predictor, target, places, nothing, nothing, reason)
            continue
        pearson, spearman = (
            _coefficient(
                float(whole[kind, place]),
                drawn[kind, place],
                None if fewer is None else fewer[kind, place],
                places,
            )
            for kind in (0, 1)
        )
        yield Correlation(predictor, target, places, pearson, spearman)


def _coefficient(
    r: float, drawn: Floats, fewer: Floats | None, models: tuple[int, ...]
) -> Coefficient:
    usable = drawn[~np.isnan(drawn)]
    ci95 = None
    if usable.size:
        low, high = np.percentile(usable, _TAILS)
        ci95 = float(low), float(high)
    left_out = None
    if fewer is not None and not np.all(np.isnan(fewer)):
        most = int(np.nanargmax(np.abs(fewer - r)))
        left_out = LeaveOneOut(
            float(np.nanmin(fewer)), float(np.nanmax(fewer)), models[most], float(fewer[most])
        )
    return Coefficient(r, ci95, int(drawn.size - usable.size), left_out)


def _comparable(columns: Floats) -> Floats:
    """Columns in a range where squares neither overflow nor vanish; r does not depend on it."""
    largest = np.abs(columns).max(axis=1, keepdims=True)
    columns = columns / np.where(largest > 0, largest, 1)
    columns = columns - columns.mean(axis=1, keepdims=True)
    largest = np.abs(columns).max(axis=1, keepdims=True)
    scaled: Floats = columns / np.where(largest > 0, largest, 1)
    return scaled


def _each_left_out(count: int) -> Indices:
    """(count, count - 1): every sample that lacks one."""
    every = np.arange(count)
    return np.array([np.delete(every, place) for place in every])


def _coefficients(columns: Floats, samples: Indices, sides: Indices) -> Floats:
    """Pearson and Spearman r of pairs of columns in many samples.

    Args:
        columns: (columns, models).
        samples: (samples, size), places of models, which may stand there several times.
        sides: (pairs, 2), places of columns.

    Returns:
        (2, pairs, samples), Pearson first; NaN where a column is constant in a sample.
    """
    found = np.empty((2, len(sides), len(samples)))
    step = max(1, _NUMBERS_AT_ONCE // (len(columns) * samples.shape[1]))
    for start in range(0, len(samples), step):
        some = samples[start : start + step]
        for kind, chosen in enumerate((columns[:, some], _ranks(columns, some))):
            units = _units(chosen)
            for place, (one, other) in enumerate(sides):
                products = np.einsum("sm,sm->s", units[one], units[other])
                found[kind, place, start : start + step] = np.clip(products, -1, 1)
    return found


def _units(chosen: Floats) -> Floats:
    """Sum zero and length one along the last axis; NaN where all values are the same."""
    constant = chosen.max(axis=-1) == chosen.min(axis=-1)
    centred = chosen - chosen.mean(axis=-1, keepdims=True)
    length = np.sqrt(np.einsum("csm,csm->cs", centred, centred))
    units: Floats = centred / np.where(constant, np.nan, length)[:, :, None]
    return units


def _ranks(columns: Floats, samples: Indices) -> Floats:
    """Ranks of the values of each sample from 1; equal values share the mean of their ranks.

    Args:
        columns: (columns, models).
        samples: (samples, size).

    Returns:
        (columns, samples, size).
    """
    count, _ = samples.shape
    ranks = np.empty((len(columns), *samples.shape))
    rows = np.arange(count)[:, None]
    for place, column in enumerate(columns):
        distinct, codes = np.unique(column, return_inverse=True)
        chosen = codes[samples]
        cells = (rows * len(distinct) + chosen).ravel()
        often = np.bincount(cells, minlength=count * len(distinct)).reshape(count, -1)
        below = np.cumsum(often, axis=1) - often
        ranks[place] = (below + (often + 1) / 2)[rows, chosen]
    return ranks

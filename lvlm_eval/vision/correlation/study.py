"""The correlation study: which metrics are compared, what comes out, and how that is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lvlm_eval.datasets.refusals import refusal, shown
from lvlm_eval.errors import InputError
from lvlm_eval.records import plain
from lvlm_eval.vision.correlation.coefficients import (
    LEAST_MODELS,
    RESAMPLES,
    Coefficient,
    Correlation,
    correlate,
)
from lvlm_eval.vision.correlation.csv_table import read_table
from lvlm_eval.vision.correlation.metric_names import PREDICTORS
from lvlm_eval.vision.correlation.metric_table import MetricTable, join
from lvlm_eval.vision.correlation.published import (
    PUBLISHED_MODELS,
    PublishedCorrelation,
    published_correlation,
    published_table,
)


@dataclass(frozen=True, slots=True)
class StudyChoices:
    """What a user may decide.

    Attributes:
        predictors: columns; empty takes those with a known name.
        downstream: columns; empty takes all the others.
        with_published: whether the published models come in.
        resamples: of the bootstrap.
        seed: of the resamples.
    """

    predictors: tuple[str, ...] = ()
    downstream: tuple[str, ...] = ()
    with_published: bool = False
    resamples: int = RESAMPLES
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Study:
    """A table with all correlations that were asked for.

    Attributes:
        table: models and metrics.
        predictors: names of the columns.
        downstream: names of the columns.
        correlations: downstream metric by downstream metric.
        missing: column → how many of the models lack it; only columns that some lack.
        choices: what was asked for.
    """

    table: MetricTable
    predictors: tuple[str, ...]
    downstream: tuple[str, ...]
    correlations: tuple[Correlation, ...]
    missing: dict[str, int]
    choices: StudyChoices

    def names(self, one: Correlation) -> tuple[str, str]:
        """The columns that a correlation is of."""
        return self.table.columns[one.predictor], self.table.columns[one.target]

    def published(self, one: Correlation) -> PublishedCorrelation | None:
        """The paper's coefficient of the same two metrics, over other models."""
        return published_correlation(*self.names(one))

    def to_json(self) -> dict[str, Any]:
        """One JSON document; the same table and choices give the same document."""
        return {
            "table": self.table.name,
            "models": list(self.table.models),
            "published_models": [
                name
                for name, known in zip(self.table.models, self.table.published, strict=True)
                if known
            ],
            "predictors": list(self.predictors),
            "downstream": list(self.downstream),
            "missing": self.missing,
            "resamples": self.choices.resamples,
            "seed": self.choices.seed,
            "interval": "95 % percentile bootstrap over models; degenerate resamples left out",
            "correlations": [self._entry(one) for one in self.correlations],
        }

    def _entry(self, one: Correlation) -> dict[str, Any]:
        predictor, target = self.names(one)
        published = self.published(one)
        return {
            "predictor": predictor,
            "downstream": target,
            "n": len(one.models),
            "left_out": [
                name for place, name in enumerate(self.table.models) if place not in one.models
            ],
            "pearson": self._coefficient(one.pearson),
            "spearman": self._coefficient(one.spearman),
            "undefined": one.undefined or None,
            "published": published
            and {"pearson": plain(published), "models": PUBLISHED_MODELS, "same_models": False},
        }

    def _coefficient(self, one: Coefficient) -> dict[str, Any] | None:
        if one.r is None:
            return None
        left_out = one.leave_one_out
        return {
            "r": one.r,
            "ci95": one.ci95 and list(one.ci95),
            "degenerate_resamples": one.degenerate,
            "leave_one_out": left_out
            and {
                "low": left_out.low,
                "high": left_out.high,
                "model": self.table.models[left_out.model],
                "without_it": left_out.without,
            },
        }


def make_study(path: Path | None, choices: StudyChoices) -> Study:
    """Read the table, choose the columns, and correlate.

    Args:
        path: the user's CSV; None takes the published table.
        choices: what was asked for.

    Raises:
        InputError: the table is wrong, a column is unknown or constant, or models are too few.
    """
    table = published_table()
    if path is not None:
        own = read_table(path)
        table = join(own, table) if choices.with_published else own
    if len(table.models) < LEAST_MODELS:
        many = "1 model" if len(table.models) == 1 else f"{len(table.models)} models"
        raise refusal(table.name, "", f"has {many}; a correlation needs at least {LEAST_MODELS}.")
    predictors, downstream = _columns(table, choices)
    used = sorted({*predictors, *downstream})
    values = table.values(used)
    for place in used:
        known = values[np.isfinite(values[:, place]), place]
        if known.size < LEAST_MODELS:
            reason = f"has {known.size} values; a correlation needs at least {LEAST_MODELS}."
        elif np.ptp(known) == 0:
            reason = f"is {known[0]:g} for all models, so that nothing can correlate with it."
        else:
            continue
        hint = "Name the columns that you want with --predictors and --downstream."
        raise refusal(table.name, f"column {shown(table.columns[place])}", f"{reason} {hint}")
    lacking = (~np.isfinite(values)).sum(axis=0)
    return Study(
        table=table,
        predictors=tuple(table.columns[place] for place in predictors),
        downstream=tuple(table.columns[place] for place in downstream),
        correlations=correlate(values, predictors, downstream, choices.resamples, choices.seed),
        missing={table.columns[place]: int(lacking[place]) for place in used if lacking[place]},
        choices=choices,
    )


def _columns(table: MetricTable, choices: StudyChoices) -> tuple[list[int], list[int]]:
    """Places of the predictors and of the downstream metrics."""
    predictors = _places(table, choices.predictors)
    downstream = _places(table, choices.downstream)
    both = [table.columns[place] for place in predictors if place in downstream]
    if both:
        raise InputError(f"column {shown(both[0])} is both in --predictors and in --downstream.")
    if not predictors:
        known = [table.columns.index(name) for name in PREDICTORS if name in table.columns]
        predictors = [place for place in known if place not in downstream]
    if not predictors:
        raise refusal(
            table.name,
            "",
            f"has none of the columns {', '.join(PREDICTORS)}. Name yours with --predictors; "
            f"columns found: {', '.join(table.columns[:8])}.",
        )
    if not downstream:
        taken = {*predictors, *(_known(table) if not choices.predictors else ())}
        downstream = [place for place in range(len(table.columns)) if place not in taken]
    if not downstream:
        raise refusal(table.name, "", "has no column beside the predictors to correlate with.")
    return predictors, downstream


def _known(table: MetricTable) -> Sequence[int]:
    return [table.columns.index(name) for name in PREDICTORS if name in table.columns]


def _places(table: MetricTable, names: tuple[str, ...]) -> list[int]:
    """Each column once, in the order in which they were named."""
    return list(dict.fromkeys(table.place(name) for name in names))

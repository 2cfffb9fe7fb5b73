"""The paper's downstream figures, and its correlations with them, as tables."""

from dataclasses import dataclass

from lvlm_eval.reference import published
from lvlm_eval.vision.correlation.metric_table import MetricTable

PUBLISHED_MODELS = 37
"""Models that the published coefficients are of."""


@dataclass(frozen=True, slots=True)
class PublishedCorrelation:
    """A published coefficient.

    Attributes:
        r: Pearson's.
        ci95: 95 % bootstrap interval.
    """

    r: float
    ci95: tuple[float, float]


def published_table() -> MetricTable:
    """The 13 models of which the paper gives both correspondence and downstream figures."""
    document = published()
    own, downstream = document["vision_main"]["rows"], document["downstream"]["rows"]
    from_main = ("soc", "cc", "cross_soc")
    rows = {
        model: {**{name: own[model][name] for name in from_main}, **row}
        for model, row in downstream.items()
        if model in own
    }
    columns = tuple(dict.fromkeys(name for row in rows.values() for name in row))
    cells = tuple(
        tuple("" if row.get(name) is None else repr(row[name]) for name in columns)
        for row in rows.values()
    )
    return MetricTable("the published table", tuple(rows), columns, cells, (True,) * len(rows))


def published_correlation(predictor: str, target: str) -> PublishedCorrelation | None:
    """The published Pearson r of two columns; None where the paper gives none."""
    name = {"soc": "soco", "imagenet_knn_top1": "imagenet_knn"}.get(predictor, "")
    found = published()["downstream_correlation"]["rows"].get(target, {}).get(name)
    if found is None:
        return None
    low, high = found["ci95"]
    return PublishedCorrelation(found["r"], (low, high))

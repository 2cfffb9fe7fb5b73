"""What ``lvlm-eval correlate`` shows: each downstream metric with its predictors."""

from collections.abc import Iterator

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from lvlm_eval.vision.correlation.coefficients import Coefficient, Correlation
from lvlm_eval.vision.correlation.metric_names import title_of
from lvlm_eval.vision.correlation.published import PUBLISHED_MODELS
from lvlm_eval.vision.correlation.study import Study

_NONE = "    –"
_HEAD = ("", " n", "    r [95 % interval]", "leave-1-out", "moved by", "paper*")
_NAME, _PAPER = 4, 5
_SHORTEST_NAME = 8
"""Cells of a model's name that are shown at least, however narrow the terminal is."""


def print_study(study: Study, console: Console) -> None:
    """Print a table for each of the two coefficients, then what a reader has to know.

    Args:
        study: the correlations.
        console: where to.
    """
    for title, is_pearson in (("Pearson r", True), ("Spearman r", False)):
        for line in _table(study, title, is_pearson, console.width):
            console.print(line, soft_wrap=True)
        console.print()
    for remark in _remarks(study):
        console.print(remark, style="dim", markup=False)


def _table(study: Study, title: str, is_pearson: bool, width: int) -> Iterator[Text]:
    """The lines of a table: a metric's name, then its predictors with aligned figures."""
    rows = [(one, _cells(study, one, is_pearson)) for one in study.correlations]
    compared = is_pearson and any(study.published(one) for one in study.correlations)
    columns = list(zip(_HEAD, *(cells for _, cells in rows), strict=True))
    if not compared:
        columns = columns[:_PAPER]
    widths = [max(map(cell_len, column)) for column in columns]
    # Names of models are the users' own, and may have any length.
    taken = sum(widths) - widths[_NAME] + len(widths) - 1
    widths[_NAME] = max(_SHORTEST_NAME, min(widths[_NAME], width - taken))
    yield Text(f"{title} across models", style="bold")
    yield _line(_HEAD, widths, "dim")
    last = ""
    for one, cells in rows:
        _, target = study.names(one)
        if target != last:
            yield Text(title_of(target), style="bold")
            last = target
        yield _line(cells, widths, "")


def _line(cells: tuple[str, ...], widths: list[int], style: str) -> Text:
    fitted = [
        cell if cell_len(cell) <= width else f"{set_cell_size(cell, width - 1)}…"
        for cell, width in zip(cells[: len(widths)], widths, strict=True)
    ]
    padded = (set_cell_size(cell, width) for cell, width in zip(fitted, widths, strict=True))
    return Text(" ".join(padded).rstrip(), style=style)


def _cells(study: Study, one: Correlation, is_pearson: bool) -> tuple[str, ...]:
    coefficient = one.pearson if is_pearson else one.spearman
    predictor, _ = study.names(one)
    published = study.published(one)
    return (
        f" {title_of(predictor)}",
        f"{len(one.models):2}",
        _figure(coefficient.r, coefficient.ci95),
        *_left_out(study, coefficient),
        _NONE if published is None else _figure(published.r, published.ci95),
    )


def _figure(r: float | None, interval: tuple[float, float] | None) -> str:
    if r is None:
        return _NONE
    if interval is None:
        return f"{r:5.2f}"
    return f"{r:5.2f} [{interval[0]:5.2f},{interval[1]:5.2f}]"


def _left_out(study: Study, coefficient: Coefficient) -> tuple[str, str]:
    one = coefficient.leave_one_out
    if one is None:
        return _NONE, "–"
    return f"{one.low:5.2f},{one.high:5.2f}", study.table.models[one.model]


def _remarks(study: Study) -> Iterator[str]:
    known = sum(study.table.published)
    own = len(study.table.models) - known
    of = " and ".join(
        words
        for words, count in ((f"{known} published", known), (f"{own} of your table", own))
        if count
    )
    yield (
        f"Models: {of}. Interval: bootstrap over models, {study.choices.resamples:,} resamples, "
        f"seed {study.choices.seed}, percentiles. Leave-1-out: least and greatest r when one model "
        "is left out; moved by: the model that moves it most. ↓: less is better."
    )
    if any(study.published(one) for one in study.correlations):
        yield (
            f"* Pearson r in the paper, over {PUBLISHED_MODELS} models. Their figures are not "
            "published one by one: r here is over other models, so that the two need not agree."
        )
    if study.missing:
        lacking = ", ".join(f"{title_of(name)} {count}" for name, count in study.missing.items())
        yield (f"Missing values: {lacking}. Each pair of metrics uses the n models that have both.")
    degenerate = max(
        coefficient.degenerate
        for one in study.correlations
        for coefficient in (one.pearson, one.spearman)
    )
    if degenerate:
        yield (
            f"Up to {degenerate:,} resamples of a pair leave r undefined, as all their models "
            "agree in a metric: they are left out of the interval."
        )
    for one in study.correlations:
        if one.undefined:
            predictor, target = study.names(one)
            yield f"{title_of(predictor)} and {title_of(target)}: {one.undefined}."

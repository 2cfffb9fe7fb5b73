"""How far SOC and ImageNet kNN tell downstream metrics: coefficients with their intervals."""

from functools import cache

from lvlm_eval.reference import published
from lvlm_eval.report.page.figures.spec import Bar, Bars, Figure
from lvlm_eval.report.page.tables.table import Column, Row, Table, count, decimal, number, words
from lvlm_eval.vision.correlation.metric_names import title_of
from lvlm_eval.vision.correlation.published import PUBLISHED_MODELS
from lvlm_eval.vision.correlation.study import StudyChoices, make_study

_LANES: tuple[str, ...] = ("soc", "imagenet_knn_top1")


def _downstream() -> tuple[str, ...]:
    """The paper's downstream metrics, in its order."""
    return tuple(published()["downstream_correlation"]["rows"])


@cache
def correlation_table(first_style: int = 0) -> tuple[Table, Figure]:
    """Pearson r across the published models, worked out anew, and as the paper has it.

    Args:
        first_style: number of the style of the first predictor.
    """
    study = make_study(None, StudyChoices(predictors=_LANES, downstream=_downstream()))
    rows, bars = [], []
    for one in study.correlations:
        predictor, target = study.names(one)
        lane = _LANES.index(predictor)
        paper = study.published(one)
        paper_r, paper_ci95 = (paper.r, paper.ci95) if paper else (None, None)
        mine = one.pearson
        left_out = mine.leave_one_out
        cells = (
            words(title_of(target)),
            words(title_of(predictor)),
            number(mine.r, mine.ci95, digits=3),
            count(len(one.models)),
            number(left_out.low if left_out else None, digits=3),
            number(left_out.high if left_out else None, digits=3),
            number(paper_r, paper_ci95, digits=3),
        )
        rows.append(Row(cells, f"r{lane}"))
        group = study.downstream.index(target)
        for shift, r, interval, of in (
            (0, mine.r, mine.ci95, f"{len(one.models)} published models"),
            (2, paper_r, paper_ci95, f"the paper's {PUBLISHED_MODELS} models"),
        ):
            if r is None:
                continue
            tip = f"{title_of(target)}, {title_of(predictor)}, {of}: {decimal(r, 3)}"
            if interval:
                tip += f" [{decimal(interval[0], 3)}, {decimal(interval[1], 3)}]"
            bars.append(
                Bar(
                    group,
                    lane + shift,
                    0.0,
                    r,
                    f"r{lane}",
                    first_style + lane,
                    tip,
                    interval,
                    pale=shift > 0,
                )
            )
    table = Table(
        "correlations",
        "Correlation with downstream metrics",
        "Pearson r across models with its 95 % bootstrap interval "
        f"({study.choices.resamples:,} resamples). r: over the models whose figures are published "
        f"one by one; paper: over {PUBLISHED_MODELS} models, Tab. r9. Left out: least and greatest "
        "r without one of the models. ↓: less is better. Runs of yours have no downstream figures "
        "and are not in it; see 'lvlm-eval correlate'.",
        (
            Column("downstream", "Downstream metric", numeric=False),
            Column("predictor", "Predictor", numeric=False),
            Column("r", "r"),
            Column("models", "n", hint="Models"),
            Column("left_out_low", "Left out, least"),
            Column("left_out_high", "Left out, greatest"),
            Column("paper_r", "Paper r"),
        ),
        tuple(rows),
    )
    figure = Figure(
        "correlations-bars",
        "Correlation with downstream metrics",
        "Pearson r with 95 % bootstrap intervals; of each metric first the published models, SOC "
        f"and ImageNet kNN, then, paler, the paper's {PUBLISHED_MODELS} models",
        Bars(
            tuple(title_of(name) for name in study.downstream),
            ("SOC", "ImageNet kNN", "SOC, paper", "ImageNet kNN, paper"),
            "Pearson r",
            (-1.05, 1.15),
            tuple(bars),
            (0.0, ""),
        ),
        legend=tuple(
            (f"r{lane}", title_of(name), first_style + lane) for lane, name in enumerate(_LANES)
        ),
    )
    return table, figure

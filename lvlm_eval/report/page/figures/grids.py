"""Draws lying bars and heat maps."""

from typing import TYPE_CHECKING

from lvlm_eval.report.page.figures.canvas import SIZE, SMALL, bare, label
from lvlm_eval.report.page.figures.marking import Marks
from lvlm_eval.report.page.figures.spec import Bars, HeatMap
from lvlm_eval.report.page.figures.style import GRID, INK, MUTED, PALETTE, style_of
from lvlm_eval.report.page.tables.table import decimal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH, _ROW = 7.4, 0.155
_STRONGEST = 0.62
"""Opacity of 100 percent: text on it can still be read, in the light and in the dark."""

_WITH_FIGURES = 12
"""Columns up to which cells show their figures."""


def draw_bars(chart: Bars, marks: Marks) -> "Figure":
    """Draw lying bars in groups.

    Args:
        chart: what to draw.
        marks: told what each artist is.
    """
    from matplotlib.figure import Figure

    lanes = len(chart.lanes)
    unit = lanes + 0.8
    height = 0.9 + _ROW * unit * len(chart.groups)
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    axes = figure.add_subplot()
    bare(axes)
    axes.set_xlim(*chart.limits)
    axes.set_ylim(unit * len(chart.groups) - 0.4, -0.9)
    middles = [unit * place + (lanes - 1) / 2 for place in range(len(chart.groups))]
    axes.set_yticks(middles, [label(one) for one in chart.groups], fontsize=SMALL + 0.5, color=INK)
    axes.set_xlabel(chart.unit, fontsize=SMALL)
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    for bar in chart.bars:
        style = style_of(bar.style)
        y = unit * bar.group + bar.lane
        (drawn,) = axes.barh(
            [y],
            [bar.end - bar.start],
            left=[bar.start],
            height=0.78,
            facecolor=style.hex,
            alpha=0.4 if bar.pale else 0.9,
            edgecolor=style.hex,
            linewidth=1.4 if bar.own else 0.7,
        )
        marks.series(drawn, bar.id, bar.tip)
        if bar.interval is not None:
            (line,) = axes.plot(bar.interval, [y, y], color=INK, linewidth=0.9)
            marks.series(line, bar.id, bar.tip)
            (ends,) = axes.plot(
                bar.interval, [y, y], color=INK, marker="|", markersize=4, linestyle="none"
            )
            marks.series(ends, bar.id)
        edges = (bar.start, bar.end, *(bar.interval or ()))
        leftward = bar.end < bar.start
        text = axes.annotate(
            decimal(bar.end, 1 if chart.limits[1] > 2 else 2),
            (min(edges) if leftward else max(edges), y),
            xytext=(-4 if leftward else 4, 0),
            textcoords="offset points",
            ha="right" if leftward else "left",
            va="center",
            fontsize=SMALL - 1.5,
            color=INK if bar.own else MUTED,
        )
        marks.series(text, bar.id)
    if chart.reference is not None:
        value, name = chart.reference
        axes.axvline(value, color=INK, linewidth=0.9, linestyle=(0, (4, 2)))
        axes.annotate(
            name,
            (value, -0.9),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=SMALL,
            color=INK,
        )
    return figure


def draw_heat(heat: HeatMap, marks: Marks) -> "Figure":
    """Draw percents in a grid, the darker the more.

    Args:
        heat: what to draw.
        marks: told what each artist is.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    gaps = [sum(one <= place for one in heat.breaks) * 0.6 for place in range(len(heat.rows))]
    tall = len(heat.rows) + (gaps[-1] if gaps else 0)
    figure = Figure(figsize=(_WIDTH, 1.5 + 0.165 * tall), layout="constrained")
    axes = figure.add_subplot()
    bare(axes)
    axes.set_xlim(0, max(len(heat.columns), 1))
    axes.set_ylim(tall, 0)
    axes.xaxis.tick_top()
    many = len(heat.columns) > 4
    axes.set_xticks(
        [place + 0.5 for place in range(len(heat.columns))],
        [label(one) for one in heat.columns],
        fontsize=SMALL,
        color=INK,
        rotation=40 if many else 0,
        ha="left" if many else "center",
    )
    axes.set_yticks(
        [place + gap + 0.5 for place, gap in enumerate(gaps)],
        [label(one) for one in heat.rows],
        fontsize=SMALL,
        color=INK,
    )
    for row, (name, gap) in enumerate(zip(heat.rows, gaps, strict=True)):
        for place, value in enumerate(heat.values[row]):
            if value is None:
                continue
            cell = Rectangle(
                (place + 0.01, row + gap + 0.04),
                0.98,
                0.92,
                facecolor=PALETTE[0],
                alpha=max(0.0, min(_STRONGEST, _STRONGEST * value / 100)),
                linewidth=0,
            )
            axes.add_patch(cell)
            tip = f"{heat.columns[place]}, {name}: {decimal(value)}"
            marks.series(cell, heat.ids[place], tip)
            if len(heat.columns) <= _WITH_FIGURES:
                text = axes.text(
                    place + 0.5,
                    row + gap + 0.52,
                    decimal(value),
                    ha="center",
                    va="center",
                    fontsize=SIZE - 2.5,
                    color=INK,
                )
                marks.series(text, heat.ids[place], tip)
    return figure

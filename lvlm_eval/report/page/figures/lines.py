"""Draws line charts and radars."""

import math
from typing import TYPE_CHECKING, Any

from lvlm_eval.report.page.figures.canvas import SIZE, SMALL, apart, bare, label
from lvlm_eval.report.page.figures.marking import Marks
from lvlm_eval.report.page.figures.spec import LineChart, Radar, Series
from lvlm_eval.report.page.figures.style import GRID, INK, MUTED, style_of
from lvlm_eval.report.page.tables.table import decimal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH, _LINE = 7.4, 0.175
_STEP = 20


def draw_lines(chart: LineChart, marks: Marks) -> "Figure":
    """Draw series over named places, each labelled at its end.

    Args:
        chart: what to draw.
        marks: told what each artist is.
    """
    from matplotlib.figure import Figure

    height = max(3.4, 0.9 + _LINE * len(chart.series))
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    axes = figure.add_subplot()
    bare(axes)
    last = len(chart.places) - 1
    known = [value for one in chart.series for value in one.values if value is not None]
    top = _top(known)
    axes.set_ylim(-0.02 * top, 1.02 * top)
    axes.set_xlim(-0.12, last + 0.95)
    axes.set_xticks(range(last + 1), chart.places, fontsize=SIZE, color=INK)
    axes.set_yticks(range(0, top + 1, _STEP))
    axes.set_ylabel(chart.unit, fontsize=SMALL)
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    drawn = [one for one in chart.series if any(value is not None for value in one.values)]
    # Published lines lie behind the user's own.
    for one in sorted(drawn, key=lambda one: one.own):
        _line(axes, one, last, marks)
    ends = [next(v for v in reversed(one.values) if v is not None) for one in drawn]
    gap = _LINE * 1.04 * top / (height - 0.75)
    moved = apart(ends, gap)
    low, high = axes.get_ylim()
    axes.set_ylim(
        min([low, *(one - gap / 2 for one in moved)]),
        max([high, *(one + gap / 2 for one in moved)]),
    )
    for one, end, place in zip(drawn, ends, moved, strict=True):
        _end_label(axes, one, last, end, place, marks)
    return figure


def _top(percents: list[float]) -> int:
    """End of an axis of percents, a whole number of steps; at most 100, whatever a file says."""
    return _STEP * math.ceil(min(100, max([*percents, 1])) / _STEP)


def _line(axes: Any, one: Series, last: int, marks: Marks) -> None:
    style = style_of(one.style)
    known = [(x, value) for x, value in enumerate(one.values) if value is not None]
    front = 4 if one.own else 3
    if len(known) == 1:
        artist = axes.plot(
            [0, last],
            [known[0][1]] * 2,
            color=style.hex,
            linewidth=0.9,
            linestyle=(0, (1, 2)),
            zorder=front,
        )
    else:
        artist = axes.plot(
            [x for x, _ in known],
            [value for _, value in known],
            color=style.hex,
            linewidth=2.0 if one.own else 1.1,
            linestyle=(0, style.dashes) if style.dashes else "-",
            zorder=front,
            solid_capstyle="round",
        )
    marks.series(artist[0], one.id)
    for x, value in known:
        interval = one.intervals[x] if one.intervals else None
        if interval is not None:
            (bar,) = axes.plot(
                [x, x], interval, color=style.hex, linewidth=1.1, alpha=0.7, zorder=front
            )
            marks.series(bar, one.id)
        (point,) = axes.plot(
            [x],
            [value],
            color=style.hex,
            marker=style.marker,
            markersize=6 if one.own else 4.5,
            markeredgewidth=0.8,
            linestyle="none",
            zorder=front + 1,
        )
        shown = f"{one.name}, {axes.get_xticklabels()[x].get_text()}: {decimal(value)}"
        if interval is not None:
            shown += f" [{decimal(interval[0])}, {decimal(interval[1])}]"
        marks.series(point, one.id, shown)


def _end_label(axes: Any, one: Series, last: int, end: float, place: float, marks: Marks) -> None:
    style = style_of(one.style)
    x = max(x for x, value in enumerate(one.values) if value is not None)
    start = x if x == last else last
    (leader,) = axes.plot(
        [start + 0.04, last + 0.1],
        [end, place],
        color=style.hex,
        linewidth=0.6,
        alpha=0.6,
        clip_on=False,
    )
    marks.series(leader, one.id)
    text = axes.text(
        last + 0.12,
        place,
        f"{label(one.name)}  {decimal(end)}",
        fontsize=SMALL,
        va="center",
        color=INK if one.own else MUTED,
        fontweight="bold" if one.own else "normal",
    )
    marks.series(text, one.id)


def draw_radar(radar: Radar, marks: Marks) -> "Figure":
    """Draw series round a circle; the names of series are the rows of the table beside it.

    Args:
        radar: what to draw.
        marks: told what each artist is.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.4, 4.6), layout="constrained")
    axes: Any = figure.add_subplot(projection="polar")
    axes.set_theta_offset(math.pi / 2)
    axes.set_theta_direction(-1)
    count = len(radar.places)
    angles = [2 * math.pi * place / count for place in range(count)]
    axes.set_xticks(angles, radar.places, fontsize=SIZE, color=INK)
    axes.tick_params(pad=8)
    whole = [one for one in radar.series if all(value is not None for value in one.values)]
    known = [value for one in whole for value in one.values if value is not None]
    top = _top(known)
    axes.set_ylim(0, top)
    steps = range(_STEP, top + 1, _STEP)
    axes.set_yticks(steps, [str(one) for one in steps], fontsize=SMALL - 1, color=MUTED)
    axes.set_rlabel_position(180 / count)
    axes.grid(color=GRID, linewidth=0.6)
    axes.spines["polar"].set_visible(False)
    for one in sorted(whole, key=lambda one: one.own):
        style = style_of(one.style)
        values = [value for value in one.values if value is not None]
        (line,) = axes.plot(
            [*angles, angles[0]],
            [*values, values[0]],
            color=style.hex,
            linewidth=2.0 if one.own else 1.0,
            linestyle=(0, style.dashes) if style.dashes else "-",
            clip_on=False,
        )
        marks.series(line, one.id)
        for angle, value, place in zip(angles, values, radar.places, strict=True):
            (point,) = axes.plot(
                [angle],
                [value],
                color=style.hex,
                marker=style.marker,
                markersize=6 if one.own else 4,
                linestyle="none",
                clip_on=False,
            )
            marks.series(point, one.id, f"{one.name}, {place}: {decimal(value)}")
    return figure

"""What figures show, without how: exact values in the unit of their axis."""

from dataclasses import dataclass

from lvlm_eval.intervals import Interval


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart.

    Attributes:
        id: which rows of tables toggle it.
        name: its label.
        values: at each place of the axis; None where there is none.
        style: number of its style, see `style_of`.
        own: of the user's, and drawn in front.
        intervals: 95 %, one a value.
    """

    id: str
    name: str
    values: tuple[float | None, ...]
    style: int
    own: bool = False
    intervals: tuple[Interval | None, ...] = ()


@dataclass(frozen=True, slots=True)
class LineChart:
    """Series over named places.

    Attributes:
        places: names along the axis.
        unit: of the upright axis.
        series: in the order of their labels.
    """

    places: tuple[str, ...]
    unit: str
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Radar:
    """Series round a circle, from 0 in the middle.

    Attributes:
        places: names of the spokes.
        unit: of the radius.
        series: those with a gap are not drawn.
    """

    places: tuple[str, ...]
    unit: str
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar from ``start`` to ``end``.

    Attributes:
        group: place of its group, from the top.
        lane: place within its group.
        start: where it begins.
        end: where it ends: the value.
        id: what toggles it.
        style: number of its style.
        tip: what it says.
        interval: 95 % of the value.
        own: of the user's.
        pale: drawn paler than the others.
    """

    group: int
    lane: int
    start: float
    end: float
    id: str
    style: int
    tip: str
    interval: Interval | None = None
    own: bool = False
    pale: bool = False


@dataclass(frozen=True, slots=True)
class Bars:
    """Lying bars in groups.

    Attributes:
        groups: their names, from the top.
        lanes: what each bar of a group is of.
        unit: of the axis.
        limits: of the axis.
        bars: all of them.
        reference: a value with its name, drawn as an upright line.
    """

    groups: tuple[str, ...]
    lanes: tuple[str, ...]
    unit: str
    limits: tuple[float, float]
    bars: tuple[Bar, ...]
    reference: tuple[float, str] | None = None


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Percents in a grid, the darker the more.

    Attributes:
        rows: their names.
        columns: their names.
        ids: what toggles each column.
        values: row by row.
        breaks: places of rows before which a gap is left.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    ids: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    breaks: tuple[int, ...] = ()


Content = LineChart | Radar | Bars | HeatMap


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure.

    Attributes:
        id: unique in the page, also the name of its files.
        title: what it shows, for those who do not see it, too.
        note: how it is to be read.
        content: what is in it.
        legend: toggles that stand with the figure itself: id, name and style.
    """

    id: str
    title: str
    note: str
    content: Content
    legend: tuple[tuple[str, str, int], ...] = ()

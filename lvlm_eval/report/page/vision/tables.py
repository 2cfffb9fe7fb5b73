"""Tables and figures of backbones: main table, super-categories, SOC-geo, thresholds."""

from collections.abc import Sequence

from lvlm_eval.intervals import Interval
from lvlm_eval.reference import published, source
from lvlm_eval.report.page.figures.spec import Bar, Bars, Figure, LineChart, Radar, Series
from lvlm_eval.report.page.tables.table import Cell, Column, Table, count, decimal, number, words
from lvlm_eval.report.page.vision.backbones import (
    MAIN,
    SUPERCATEGORIES,
    THRESHOLDS,
    Backbone,
    measured_cell,
)

Figured = tuple[float | None, Interval | None]
Made = tuple[Table, Figure]

_BACKBONE = Column("backbone", "Backbone", numeric=False)


def main_figures(one: Backbone) -> tuple[Figured, Figured, Figured]:
    """CC, SOC and Cross-SOC at 0.10 in percent, mean over pairs, then over categories."""
    if one.own:
        return one.pck("intra", ["cc"]), one.pck("intra", ["soc"]), one.pck("cross", ["soc"])
    cc, soc, cross = (one.published("vision_main", key) for key in ("cc", "soc", "cross_soc"))
    return (cc, None), (soc, None), (cross, None)


def main_table(found: Sequence[Backbone]) -> Made:
    """CC → SOC → Cross-SOC with what is lost on the way; a slope chart."""
    rows, series = [], []
    for one in found:
        figures = main_figures(one)
        cc, soc, cross = (value for value, _ in figures)
        mean = one.figure("average", MAIN) if one.own else one.published("vision_main", "avg")
        groups = [_supercategory(one, name, "soc", "vision_main") for name in SUPERCATEGORIES]
        pairs = [one.count(split, "soc", "counts", "pairs") for split in ("intra", "cross")]
        cells = (
            *(measured_cell(figure) for figure in figures),
            number(mean),
            _difference(soc, cc),
            _difference(cross, soc),
            *(number(value) for value in groups),
            *(count(value) for value in pairs),
            words(_reason(one)),
        )
        rows.append(one.row(cells))
        values = (cc, soc, cross)
        bounds = tuple(interval for _, interval in figures)
        series.append(Series(one.id, one.name, values, one.style, one.own, bounds))
    table = Table(
        "vision-main",
        "CC, SOC and Cross-SOC",
        "PCK@0.10 in percent with 95 % intervals, mean over pairs, then over categories. CC: the "
        "right concept; SOC: the right instance of it; Cross-SOC: in another category. Lost: "
        f"percentage points from one to the next. Published rows: {source()}, Tab. 2.",
        (
            _BACKBONE,
            Column("cc", "CC", hint="Concept correspondence"),
            Column("soc", "SOC", hint="Semantic object correspondence"),
            Column("cross_soc", "Cross-SOC", hint="SOC between two categories"),
            Column("mean", "Mean", hint="Mean of the three"),
            Column("cc_to_soc", "CC→SOC", hint="SOC minus CC, percentage points"),
            Column("soc_to_cross_soc", "SOC→Cross", hint="Cross-SOC minus SOC, points"),
            *(
                Column(f"soc_{name}", title, hint=f"SOC, {title.lower()}")
                for name, title in SUPERCATEGORIES.items()
            ),
            Column("pairs", "Pairs", hint="Pairs within a category"),
            Column("cross_pairs", "Cross pairs", hint="Pairs across categories"),
            Column("remarks", "Remarks", numeric=False, aside=True),
        ),
        tuple(rows),
        sorted_by="soc",
    )
    figure = Figure(
        "vision-slope",
        "What is lost from CC to SOC to Cross-SOC",
        "PCK@0.10 in percent; bold: yours",
        LineChart(("CC", "SOC", "Cross-SOC"), "PCK@0.10, percent", tuple(series)),
    )
    return table, figure


def supercategory_table(found: Sequence[Backbone]) -> Made:
    """SOC and CC by super-category; a radar of SOC."""
    rows, series = [], []
    for one in found:
        soc, cc = (
            tuple(_supercategory(one, name, metric, "supercategories") for name in SUPERCATEGORIES)
            for metric in ("soc", "cc")
        )
        rows.append(one.row([number(value, digits=2) for value in (*soc, *cc)]))
        series.append(Series(one.id, one.name, soc, one.style, one.own))
    table = Table(
        "supercategories",
        "Super-categories",
        "PCK@0.10 in percent, mean over the categories of each. Published rows: Tab. r1.",
        (
            _BACKBONE,
            *(
                Column(f"{metric}_{name}", f"{metric.upper()} {title}")
                for metric in ("soc", "cc")
                for name, title in SUPERCATEGORIES.items()
            ),
        ),
        tuple(rows),
    )
    figure = Figure(
        "supercategories-radar",
        "SOC by super-category",
        "PCK@0.10 in percent, from 0 in the middle; rows that lack one are not drawn",
        Radar(tuple(SUPERCATEGORIES.values()), "PCK@0.10, percent", tuple(series)),
    )
    return table, figure


def protocol_table(found: Sequence[Backbone]) -> Made:
    """SOC by other protocols, and SOC-geo from its random level; bars."""
    level = float(published()["protocols"]["soc_geo_random"])
    rows, bars = [], []
    for place, one in enumerate(found):
        if one.own:
            soc = one.pck("intra", ["soc"])
            soft = one.pck("intra", ["soc_soft"])
            linear = one.pck("linear", ["soc"])
            geo = one.pck("intra", ["soc_geo", "all"], "keypoint")
            chance = one.figure("intra", "soc_geo", "all", "chance", MAIN)
        else:
            soc = one.published("thresholds", "pair_soc_0.10"), None
            soft, linear, geo = (
                (one.published("protocols", key), None)
                for key in ("soc_soft_eval", "soc_linear", "soc_geo")
            )
            chance = level
        above = None if geo[0] is None or chance is None else geo[0] - chance
        cells = [measured_cell(each, 2) for each in (soc, soft, linear, geo)]
        cells += [number(chance, digits=2), number(above, digits=2, signed=True)]
        rows.append(one.row(cells))
        for lane, (title, (value, interval), start) in enumerate(
            (("SOC", soc, 0.0), ("SOC-geo", geo, chance))
        ):
            if value is not None and start is not None:
                tip = f"{one.name}, {title}: {decimal(value, 2)}"
                tip += f", random level {decimal(start, 2)}" if lane else ""
                bars.append(
                    Bar(
                        place,
                        lane,
                        start,
                        value,
                        one.id,
                        one.style,
                        tip,
                        interval,
                        one.own,
                        pale=lane == 1,
                    )
                )
    table = Table(
        "soc-geo",
        "SOC by protocol, and SOC-geo",
        "PCK@0.10 in percent. Soft: expectation over a window instead of the best patch; linear: "
        "with a trained linear map; SOC-geo: the best of the patches that hold a point of the same "
        f"concept, all points; random level of SOC-geo on the release: {level}. "
        "Published rows: Tab. r2 and r3.",
        (
            _BACKBONE,
            Column("soc", "SOC"),
            Column("soc_soft", "SOC soft"),
            Column("soc_linear", "SOC linear"),
            Column("soc_geo", "SOC-geo"),
            Column("random_level", "Random", hint="SOC-geo of a random candidate"),
            Column("above_random", "Above random", hint="Percentage points"),
        ),
        tuple(rows),
    )
    figure = Figure(
        "soc-geo-bars",
        "SOC against SOC-geo",
        f"PCK@0.10 in percent. Upper bar of a row: SOC; lower, paler bar: SOC-geo, from the random "
        f"level, {level} on the release",
        Bars(
            tuple(one.name for one in found),
            ("SOC", "SOC-geo"),
            "PCK@0.10, percent",
            (0.0, 100.0),
            tuple(bars),
            (level, f"random level of SOC-geo, {level}"),
        ),
    )
    return table, figure


def threshold_table(found: Sequence[Backbone]) -> Made:
    """SOC and CC at three thresholds; lines of SOC."""
    rows, series = [], []
    for one in found:
        figures: dict[str, tuple[Figured, ...]] = {}
        for metric in ("soc", "cc"):
            if one.own:
                figures[metric] = tuple(
                    one.pck("intra", [metric], threshold=each) for each in THRESHOLDS
                )
            else:
                figures[metric] = tuple(
                    (one.published("thresholds", f"pair_{metric}_{each}"), None)
                    for each in THRESHOLDS
                )
        flat = (*figures["soc"], *figures["cc"])
        rows.append(one.row([measured_cell(each, 2) for each in flat]))
        values = tuple(value for value, _ in figures["soc"])
        bounds = tuple(interval for _, interval in figures["soc"])
        series.append(Series(one.id, one.name, values, one.style, one.own, bounds))
    table = Table(
        "thresholds",
        "Thresholds",
        "PCK in percent at three thresholds (parts of the longer side of the object's box), mean "
        "over pairs, then over categories. Published rows: Tab. r3.",
        (
            _BACKBONE,
            *(
                Column(f"{metric}_{each}", f"{metric.upper()}@{each}")
                for metric in ("soc", "cc")
                for each in THRESHOLDS
            ),
        ),
        tuple(rows),
    )
    figure = Figure(
        "thresholds-chart",
        "SOC by threshold",
        "PCK in percent; bold: yours",
        LineChart(tuple(f"@{one}" for one in THRESHOLDS), "SOC, percent", tuple(series)),
    )
    return table, figure


def _supercategory(one: Backbone, name: str, metric: str, table: str) -> float | None:
    if one.own:
        return one.figure("supercategories", name, metric, "pair", MAIN)
    key = f"soc_{name}" if table == "vision_main" else f"{name}_{metric}"
    return one.published(table, key)


def _difference(value: float | None, before: float | None) -> Cell:
    missing = value is None or before is None
    return number(None if missing else value - before, signed=True)  # type: ignore[operator]


def _reason(one: Backbone) -> str:
    reason = one.run.not_comparable_because if one.run else ""
    return f"Not comparable with the published rows: {reason}" if reason else ""

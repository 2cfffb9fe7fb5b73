"""The tables of ``lvlm-eval vision``: the backbone among the published rows, then its figures."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lvlm_eval.reference import VisionRow, category_names, lvlm_rows, same_category, vision_rows
from lvlm_eval.report.table import OWN_STYLE, figure, plain_table

_PUBLISHED = "0.10"
_COLUMNS = {
    "cc": "CC",
    "soc": "SOC",
    "cross_soc": "Cross",
    "average": "mean",
    "transportation": "transp",
    "hand_held": "hand",
    "furniture": "furn",
    "animals": "anim",
}
_SUPERCATEGORIES = ("transportation", "hand_held", "furniture", "animals")
_RELEASE_PAIRS = 20_000
_RELEASE_SIZE = 800

Json = Mapping[str, Any]


def print_vision(document: Json, console: Console, place: str = "") -> None:
    """Print the figures of one backbone beside the published ones.

    Args:
        document: as ``--json`` gives it.
        console: where to.
        place: folder that the figures were written to; empty if they were not.
    """
    config = document["config"]
    if any(one is not None for one in own_figures(document).values()):
        console.print(_leaderboard(document))
        console.print(
            "CC, SOC and Cross-SOC with their mean; SOC by super-category: transportation, "
            "hand-held, furniture, animals",
            style="dim",
        )
        reason = unlike_published(document)
        if reason:
            console.print(
                f"▶ {config['backbone']} on {config['dataset']}: not comparable with the "
                f"published rows ({reason})",
                style="yellow",
                markup=False,
            )
        console.print()
    console.print(_details(document))
    for line in _remarks(document):
        console.print(line, markup=False, soft_wrap=True)
    if place:
        console.print(f"results: {place}", style="dim", markup=False, soft_wrap=True)


def unlike_published(document: Json) -> str:
    """Why figures do not compare with the published ones; empty if they do."""
    config = document["config"]
    own = {
        name
        for split in ("intra", "cross")
        for name in document.get(split, {}).get("categories", {})
    }
    if not own:
        return "no PCK of the main table was asked for"
    if {name for name in category_names() if any(same_category(name, one) for one in own)} != set(
        category_names()
    ):
        return "its categories are not those of SOCO"
    for split in ("intra", "cross"):
        pairs = document.get(split, {}).get("soc", {}).get("counts", {}).get("pairs", 0)
        if split in document and abs(pairs - _RELEASE_PAIRS) > _RELEASE_PAIRS // 20:
            return f"{pairs} {split} pairs are scored, SOCO has {_RELEASE_PAIRS}"
    if config["image_size"] != _RELEASE_SIZE:
        return f"photos are resized to {config['side']} px, the published ones to {_RELEASE_SIZE}"
    if config["cell_point"] != "corner":
        return "cells count as their centres"
    if config["deviations"]:
        return "other settings than those of the published row: " + ", ".join(config["deviations"])
    return ""


def _leaderboard(document: Json) -> Table:
    table = plain_table("PCK@0.10 in percent, mean over pairs, then over categories")
    table.add_column("backbone", no_wrap=True)
    for title in _COLUMNS.values():
        table.add_column(title, justify="right", no_wrap=True)
    lines: list[tuple[str, Mapping[str, float | None], bool]] = [
        (row.name, _published_figures(row), False) for row in vision_rows()
    ]
    lines.append((document["config"]["backbone"], own_figures(document), True))
    for name, figures, own in sorted(lines, key=lambda line: _rank(line[1])):
        cells = [figure(figures.get(column)).strip() for column in _COLUMNS]
        shown = f"▶ {name}" if own else f"  {name}"
        table.add_row(Text(shown), *cells, style=OWN_STYLE if own else "")
    return table


def _rank(figures: Mapping[str, float | None]) -> tuple[float, ...]:
    order = ("soc", "cc", "cross_soc")
    return tuple(-1.0 if figures.get(one) is None else figures[one] or 0.0 for one in order)


def _published_figures(row: VisionRow) -> dict[str, float | None]:
    return dict(row.figures)


def own_figures(document: Json) -> dict[str, float | None]:
    """The columns of the main table; those that were not measured are absent."""
    found: dict[str, float | None] = {}
    for column, split, name in (
        ("cc", "intra", "cc"),
        ("soc", "intra", "soc"),
        ("cross_soc", "cross", "soc"),
    ):
        metric = document.get(split, {}).get(name)
        if metric:
            found[column] = metric["pair"].get(_PUBLISHED)
    if "average" in document:
        found["average"] = document["average"].get(_PUBLISHED)
    for one in _SUPERCATEGORIES:
        figures = document.get("supercategories", {}).get(one, {}).get("soc")
        if figures:
            found[one] = figures["pair"].get(_PUBLISHED)
    return found


def _details(document: Json) -> Table:
    config = document["config"]
    thresholds: Sequence[str] = config["thresholds"]
    table = plain_table(f"{config['backbone']} on {config['dataset']}, percent [95 % interval]")
    table.add_column("", no_wrap=True)
    for one in thresholds:
        table.add_column(f"PCK@{one}", no_wrap=True)
    table.add_column("points", justify="right", no_wrap=True)
    intra, cross = document.get("intra", {}), document.get("cross", {})
    for name, metric in (
        ("CC", intra.get("cc")),
        ("SOC", intra.get("soc")),
        ("SOC soft", intra.get("soc_soft")),
        ("Cross-SOC", cross.get("soc")),
        ("Cross-SOC soft", cross.get("soc_soft")),
        ("Cross-CC", cross.get("cc")),
        ("SOC linear", document.get("linear", {}).get("soc")),
        ("  no probe", document.get("linear", {}).get("without_probe", {}).get("soc")),
    ):
        if metric:
            _add(table, name, metric, "pair", thresholds)
    geo = intra.get("soc_geo", {})
    for variant, words in (("all", "SOC-geo"), ("multi", "SOC-geo multi")):
        if variant in geo and geo[variant]["counts"]["keypoints"]:
            _add(table, words, geo[variant], "keypoint", thresholds)
            chance = [figure(geo[variant]["chance"].get(one)) for one in thresholds]
            table.add_row("  chance", *chance, "", style="dim")
    return table


def _add(table: Table, name: str, metric: Json, reduction: str, thresholds: Sequence[str]) -> None:
    cells = []
    for one in thresholds:
        interval = metric["ci95"].get(one)
        cells.append(figure(metric[reduction].get(one), tuple(interval) if interval else None))
    table.add_row(name, *cells, str(metric["counts"]["keypoints"]))


def _remarks(document: Json) -> list[str]:
    data = document["config"]["data"]
    lines = [f"pairs: {data['pairs']}, photos: {data['photos']}"] if data["pairs"] else []
    if "soc_geo" in document.get("intra", {}):
        lines.append("SOC-geo is over all points; multi: over those with two candidates or more")
    left_out = {what: data[f"skipped_{what}"] for what in ("pairs", "photos")}
    lines += [f"broken {what} left out: {count}" for what, count in left_out.items() if count]
    if "drops" in document:
        drops = document["drops"]
        first, second = (drops[one].get(_PUBLISHED) for one in ("cc_to_soc", "soc_to_cross_soc"))
        if first is not None and second is not None:
            lines.append(
                f"lost from CC to SOC {first:.1f} points, from SOC to Cross-SOC {second:.1f}"
            )
    confusion = document.get("intra", {}).get("confusion")
    if confusion and confusion["share"] is not None:
        lines.append(
            f"repeated parts: {confusion['share']:.1f} % of the {confusion['wrong']} wrong SOC "
            "predictions hit another instance of the concept"
        )
    turns = [one for one in document.get("intra", {}).get("azimuth", []) if "soc" in one]
    if turns:
        figures = ", ".join(
            f"{one['degrees'][0]}–{one['degrees'][1]}°: "
            f"{figure(one['soc']['pair'].get(_PUBLISHED)).strip()} ({one['soc']['pairs']})"
            for one in turns
        )
        lines.append(f"SOC by the angle between the cameras (pairs): {figures}")
    if "ceiling" in document:
        lines.append(_ceiling(document["ceiling"]))
    return lines


def _ceiling(ceiling: Json) -> str:
    published = next(row for row in lvlm_rows() if "ceiling" in row.name)
    own = figure(ceiling["accuracy"], tuple(ceiling["ci95"]) if ceiling["ci95"] else None)
    return (
        f"four-choice ceiling: {own.strip()} % of {ceiling['counts']['questions']} questions "
        f"(published, {published.name.partition(' (')[0]}: {published.vis})"
    )

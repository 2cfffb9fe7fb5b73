"""SOC by category: the user's backbones beside the paper's DINOv2; table and heat map."""

from collections.abc import Sequence

from lvlm_eval.reference import published, supercategory_of
from lvlm_eval.report.page.figures.spec import Figure, HeatMap
from lvlm_eval.report.page.tables.table import Column, Row, Table, number, words
from lvlm_eval.report.page.vision.backbones import MAIN, SUPERCATEGORIES, Backbone

_REFERENCE = "DINOv2"


def category_table(found: Sequence[Backbone]) -> tuple[Table, Figure] | None:
    """SOC of each category that a run of the user's has; None without such a run.

    Args:
        found: the user's backbones and the published ones.
    """
    own = [one for one in found if one.categories]
    if not own:
        return None
    names = {name for one in own for name in one.categories}
    ordered = sorted(names, key=lambda name: (_place(name), name))
    reference = next((one for one in found if one.name == _REFERENCE and not one.own), None)
    paper = published()["dinov2_b14_per_category"]["rows"]
    columns = [*own, *([reference] if reference else [])]
    values = [
        tuple(
            one.figure("intra", "categories", name, "soc", "pair", MAIN)
            if one.own
            else paper.get(name.replace("_", " "), {}).get("soc_0.10")
            for one in columns
        )
        for name in ordered
    ]
    groups = [_place(name) for name in ordered]
    titles = list(SUPERCATEGORIES.values())
    table = Table(
        "categories",
        "SOC by category",
        "PCK@0.10 in percent, mean over pairs, grouped by super-category. Published column: "
        "Tab. r6.",
        (
            Column("category", "Category", numeric=False),
            Column("supercategory", "Super-category", numeric=False),
            *(Column(f"soc_{one.id}", _column(one)) for one in columns),
        ),
        tuple(
            Row(
                (
                    words(name),
                    words(titles[group] if group < len(titles) else ""),
                    *(number(value) for value in row),
                )
            )
            for name, group, row in zip(ordered, groups, values, strict=True)
        ),
    )
    figure = Figure(
        "categories-heat",
        "SOC by category",
        "PCK@0.10 in percent, the darker the more; groups: "
        + ", ".join(titles).lower()
        + ", others",
        HeatMap(
            tuple(ordered),
            tuple(_column(one) for one in columns),
            tuple(one.id for one in columns),
            tuple(values),
            tuple(n for n in range(1, len(groups)) if groups[n] != groups[n - 1]),
        ),
    )
    return table, figure


def _place(category: str) -> int:
    """Place of a category's super-category; those of none come last."""
    above = supercategory_of(category)
    return list(SUPERCATEGORIES).index(above) if above else len(SUPERCATEGORIES)


def _column(one: Backbone) -> str:
    return one.name if one.own else f"{one.name} (published)"

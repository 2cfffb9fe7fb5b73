"""An ablation as tables for files: its cells, effects, ranks and tests in all settings."""

from collections.abc import Mapping, Sequence
from typing import Any

from lvlm_eval.ablation.document import AVERAGE, CIRCULAR, MEAN, known_figure
from lvlm_eval.ablation.factors import MODEL, cell_words, level_text
from lvlm_eval.intervals import Interval
from lvlm_eval.records import SETTINGS
from lvlm_eval.report.ablating import DEFAULT
from lvlm_eval.report.page.tables.table import (
    Cell,
    Column,
    Row,
    Table,
    count,
    number,
    probability,
    words,
)
from lvlm_eval.report.table import title_of

_CELL = Column("cell", "Cell", numeric=False)
_MODEL = Column("model", "Model", numeric=False)
_SETTING = Column("setting", "Setting", numeric=False)
_QUESTIONS = Column("questions", "n", hint="Questions")


def document_tables(document: Mapping[str, Any], id: str, title: str) -> tuple[Table, ...]:
    """Those with a row at least.

    Args:
        document: of ``ablation.json``.
        id: what the tables' own begin with.
        title: of the ablation.
    """
    made = (
        _cells(document, f"{id}-cells", f"{title}: every cell"),
        _effects(document, f"{id}-effects", f"{title}: main effects"),
        _ranks(document, f"{id}-ranks", f"{title}: ranks of the models"),
        _tests(document, f"{id}-tests", f"{title}: cells against the default"),
    )
    return tuple(table for table in made if table.rows)


def _cells(document: Mapping[str, Any], id: str, title: str) -> Table:
    rows = [
        (
            words(cell_words(one["levels"]) or DEFAULT),
            words(str(one["model"])),
            words(title_of(setting)),
            words("yes" if one["default"] else "no"),
            number(known_figure(figures, CIRCULAR), _ends(figures["circular_ci95"])),
            number(figures[AVERAGE], _ends(figures["average_ci95"])),
            count(figures["groups"]),
            words("yes" if figures["complete"] else "no"),
        )
        for setting in SETTINGS
        for one in document["cells"]
        if (figures := one["settings"].get(setting)) is not None
    ]
    columns = (
        *(_CELL, _MODEL, _SETTING, Column("default", "Default", numeric=False)),
        *(Column("circular", "Circular"), Column("average", "Average"), _QUESTIONS),
        Column("complete", "Complete", numeric=False),
    )
    return _table(id, title, "Percent with 95 % intervals.", columns, rows)


def _effects(document: Mapping[str, Any], id: str, title: str) -> Table:
    figures = ("circular", "average")
    rows = [
        (
            words(str(factor)),
            words(str(one["level"]) if factor == MODEL else level_text(one["level"])),
            words("mean" if setting == MEAN else title_of(setting)),
            *(
                number((one[name] or {}).get(figure))
                for name in figures
                for figure in ("mean", "least", "most")
            ),
            count((one["average"] or one["circular"] or {}).get("cells", 0)),
            count(one["incomplete"]),
        )
        for setting, factors in document["main_effects"].items()
        for factor, levels in factors.items()
        for one in levels
    ]
    columns = (
        Column("factor", "Factor", numeric=False),
        Column("level", "Level", numeric=False),
        _SETTING,
        *(
            Column(f"{name}_{figure}", f"{name.capitalize()}, {figure}")
            for name in figures
            for figure in ("mean", "least", "most")
        ),
        Column("cells", "Cells"),
        Column("incomplete", "Incomplete", hint="Cells that lack answers"),
    )
    note = "Percent: mean, least and most over the cells of a level."
    return _table(id, title, note, columns, rows)


def _ranks(document: Mapping[str, Any], id: str, title: str) -> Table:
    rows = [
        (
            words(cell_words(one["levels"]) or DEFAULT),
            words(str(model)),
            words(title_of(setting)),
            words(figure),
            number(rank),
            number(one["tau"], digits=2),
            count(one["swaps"]),
            count(one["pairs"]),
        )
        for setting, by_figure in document["rankings"].items()
        for figure, conditions in by_figure.items()
        for one in conditions
        for model, rank in one["ranks"].items()
    ]
    columns = (
        *(Column("condition", "Condition", numeric=False), _MODEL, _SETTING),
        *(Column("accuracy", "Accuracy", numeric=False), Column("rank", "Rank")),
        *(Column("tau", "tau"), Column("swaps", "Swaps"), Column("pairs", "Pairs")),
    )
    note = (
        "Ranks of the models in each condition, 1 the best. tau and swaps (of so many pairs): "
        "against the order in the first condition."
    )
    return _table(id, title, note, columns, rows)


def _tests(document: Mapping[str, Any], id: str, title: str) -> Table:
    # Several cells may be one run: the first of those that ask in a setting stands for it.
    cells = {
        (one["folder"], setting): one
        for one in reversed(document["cells"])
        for setting in one["settings"]
    }
    rows = [
        (
            words(cell_words(one["levels"]) or DEFAULT),
            words(str(cells[one["cell"], setting]["model"])),
            words(_against(cells[one["against"], setting])),
            words(title_of(setting)),
            count(one["questions"]),
            number(one["circular_difference"], _ends(one["circular_ci95"]), signed=True),
            probability(one["mcnemar_p"]),
            probability(one["mcnemar_p_holm"]),
            number(one["average_difference"], _ends(one["average_ci95"]), signed=True),
            probability(one["average_p"]),
            probability(one["average_p_holm"]),
        )
        for setting, records in document["comparisons"].items()
        for one in records
    ]
    columns = (
        *(_CELL, _MODEL, Column("against", "Against", numeric=False), _SETTING, _QUESTIONS),
        *(Column("circular_difference", "Circular"), Column("mcnemar_p", "McNemar p")),
        Column("mcnemar_p_holm", "McNemar p (Holm)"),
        *(Column("average_difference", "Average"), Column("average_p", "p")),
        Column("average_p_holm", "p (Holm)"),
    )
    note = (
        "Differences in percentage points with 95 % intervals; p with and without correction after "
        "Holm for the comparisons of a setting."
    )
    return _table(id, title, note, columns, rows)


def _against(cell: Mapping[str, Any]) -> str:
    return f"{cell['model']} {cell_words(cell['levels']) or DEFAULT}"


def _ends(interval: Sequence[float] | None) -> Interval | None:
    return None if interval is None else (interval[0], interval[1])


def _table(
    id: str, title: str, note: str, columns: tuple[Column, ...], rows: Sequence[tuple[Cell, ...]]
) -> Table:
    return Table(id, title, note, columns, tuple(Row(cells, own=True) for cells in rows))

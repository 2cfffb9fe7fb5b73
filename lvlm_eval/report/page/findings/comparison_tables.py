"""Comparisons as a table for files."""

from collections.abc import Sequence

from lvlm_eval.comparing import Comparison, PairedFigures
from lvlm_eval.records import SETTINGS
from lvlm_eval.report.page.leaderboard import marks_of
from lvlm_eval.report.page.runs import LvlmRun
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
from lvlm_eval.report.table import TITLES

_COLUMNS = (
    Column("model", "Run", numeric=False),
    Column("against", "Against", numeric=False),
    Column("setting", "Setting", numeric=False),
    Column("questions", "n", hint="Questions"),
    Column("circular_against", "Circular, against"),
    Column("circular", "Circular"),
    Column("circular_difference", "Circular difference"),
    Column("circular_p", "Circular p"),
    Column("circular_p_holm", "Circular p (Holm)"),
    Column("average_against", "Average, against"),
    Column("average", "Average"),
    Column("average_difference", "Average difference"),
    Column("average_p", "Average p"),
    Column("average_p_holm", "Average p (Holm)"),
    Column("both_right", "Both right"),
    Column("only_against", "Only against"),
    Column("only_run", "Only run"),
    Column("neither", "Neither"),
    Column("mcnemar_p", "McNemar p"),
    Column("mcnemar_p_holm", "McNemar p (Holm)"),
    Column("least_shown", "Least shown"),
    Column("same_point", "Same point"),
    Column("kappa", "kappa"),
)


def comparison_tables(found: Sequence[tuple[Sequence[LvlmRun], Comparison]]) -> tuple[Table, ...]:
    """One table of every run against the first of its group, as the page has it; or none.

    Args:
        found: runs, and the comparison of them.
    """
    rows = [
        _row(runs[pair.b], runs[pair.a], pair.settings[setting])
        for runs, comparison in found
        for pair in comparison.with_baseline
        for setting in SETTINGS
        if setting in pair.settings
    ]
    if not rows:
        return ()
    note = (
        "Differences: run minus the one that it is set against, percentage points, with 95 % "
        "intervals; p after Holm are corrected for the comparisons with one run in a setting. "
        "McNemar: exact test on the questions that one run alone has right. Least shown: least "
        "true difference in circular accuracy that such data show at 5 % in 80 % of cases. Same "
        "point: percent of rows in which both chose the same candidate."
    )
    return (Table("comparisons", "Runs over the same questions", note, _COLUMNS, tuple(rows)),)


def _row(run: LvlmRun, against: LvlmRun, figures: PairedFigures) -> Row:
    counts = figures.right_wrong
    kappa = figures.agreement.kappa
    cells: tuple[Cell, ...] = (
        words(run.label),
        words(against.label),
        words(TITLES[figures.setting]),
        count(figures.questions),
        number(figures.circular_a),
        number(figures.circular_b),
        number(figures.circular_difference, figures.circular_ci95, signed=True),
        probability(figures.circular_p),
        probability(figures.holm.get("circular_p")),
        number(figures.average_a),
        number(figures.average_b),
        number(figures.average_difference, figures.average_ci95, signed=True),
        probability(figures.average_p),
        probability(figures.holm.get("average_p")),
        count(counts.both_right),
        count(counts.only_a),
        count(counts.only_b),
        count(counts.both_wrong),
        probability(figures.mcnemar_p),
        probability(figures.holm.get("mcnemar_p")),
        number(figures.smallest_difference),
        number(figures.agreement.same),
        number(kappa, digits=2),
    )
    return Row(cells, run.id, own=True, marks=marks_of(run))

"""Compares the tables of a dataset with each other, and each with the release."""

from collections.abc import Iterator, Sequence

from lvlm_eval.reference import unlike_release
from lvlm_eval.validation.findings import Finding, finding
from lvlm_eval.validation.kinds import Kind
from lvlm_eval.validation.tables.groups import groups_of
from lvlm_eval.validation.tables.rows import CheckedRow, CheckedTable


def compare_settings(tables: Sequence[CheckedTable]) -> Iterator[Finding]:
    """Questions that one table lacks, and what two tables say of one question.

    A run takes a question's category from the first table that has it, and each row's answer from
    the row itself.

    Args:
        tables: in the order of the settings, read.
    """
    first_rows: dict[str, tuple[CheckedTable, CheckedRow]] = {}
    own = {
        table.name: {group: rows[0] for group, rows in groups_of(table).items()} for table in tables
    }
    for table in tables:
        for group, first_row in own[table.name].items():
            first_rows.setdefault(group, (table, first_row))
    for table in tables:
        if not own[table.name]:
            continue
        for group, (first, other) in first_rows.items():
            row = own[table.name].get(group)
            name = f"question '{group[:40]}'"
            if row is None:
                message = f"lacks {name}, which {first.name} has in row {other.number}."
                yield finding(Kind.SETTING_LACKS, table.name, "g_index", message)
                continue
            place = f"in row {other.number} of {first.name}"
            if row.category != other.category:
                message = f"{row.category!r} for {name}, and {other.category!r} {place}."
                yield finding(Kind.SETTING_CATEGORY, table.name, "category", message, row.number)
            if None not in (row.right, other.right) and row.right != other.right:
                message = (
                    f"{row.options[row.answer][:40]!r} is right for {name}, and "
                    f"{other.options[other.answer][:40]!r} {place}."
                )
                yield finding(Kind.SETTING_ANSWER, table.name, "answer", message, row.number)


def compare_with_release(table: CheckedTable) -> Iterator[Finding]:
    """Why figures on a table do not compare with the published ones."""
    groups = groups_of(table)
    categories = (row.category for row in table.rows)
    reason = unlike_release(categories, [len(rows) for rows in groups.values()])
    if reason and groups:
        message = f"figures do not compare with the published ones: {reason}."
        yield finding(Kind.NOT_THE_RELEASE, table.name, "", message)

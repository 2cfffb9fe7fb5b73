"""Doubtful questions of SOCO-LVLM tables."""

from collections.abc import Iterator, Mapping, Sequence

from lvlm_eval.validation.doubts import Doubt, Reason
from lvlm_eval.validation.likeness import differing_cells
from lvlm_eval.validation.tables.groups import groups_of
from lvlm_eval.validation.tables.pictures import ReadPicture
from lvlm_eval.validation.tables.rows import CheckedRow, CheckedTable


def table_doubts(
    tables: Sequence[CheckedTable],
    shown: Mapping[str, Mapping[int, tuple[str, ...]]],
    pictures: Mapping[str, ReadPicture],
) -> tuple[Doubt, ...]:
    """Look at the first row of every question of every table.

    Args:
        tables: read.
        shown: name of the table → row number → keys of the row's pictures.
        pictures: key → picture.

    Returns:
        The doubts, table by table.
    """
    return tuple(
        doubt for table in tables for doubt in _of_table(table, shown[table.name], pictures)
    )


def _of_table(
    table: CheckedTable,
    shown: Mapping[int, tuple[str, ...]],
    pictures: Mapping[str, ReadPicture],
) -> Iterator[Doubt]:
    asked: dict[tuple[bytes, ...], CheckedRow] = {}
    for group, rows in groups_of(table).items():
        row = rows[0]
        keys = shown.get(row.number)
        if keys is None:
            continue
        place = f"{table.name} row {row.number}"
        facts = [facts for key in keys if (facts := pictures[key].facts) is not None]
        pixels = tuple(one.pixels for one in facts)
        if len(facts) == 2:
            yield from _same_photo(group, place, pixels, facts[0].thumbnail, facts[1].thumbnail)
        first = asked.setdefault((row.text, *pixels), row)
        if first.group != group and None not in (row.right, first.right):
            same = row.right == first.right
            reason = Reason.QUESTION_TWICE if same else Reason.CONTRADICTION
            answers = "the same answer" if same else f"'{first.right}' is right there"
            message = (
                f"{place}: the images and the text of question '{first.group}' in row "
                f"{first.number}; {answers}."
            )
            yield Doubt(group, reason, message)


def _same_photo(
    group: str, place: str, pixels: tuple[bytes, ...], source: bytes, target: bytes
) -> Iterator[Doubt]:
    if pixels[0] == pixels[1]:
        message = f"{place}: source and target have the same pixels."
        yield Doubt(group, Reason.SAME_PHOTO, message, {"differing_cells_percent": 0.0})
        return
    differing = differing_cells(source, target)
    if differing is not None:
        message = (
            f"{place}: source and target are nearly the same: {100 * differing:.0f} % of the cells "
            "of 32x32 differ."
        )
        figures = {"differing_cells_percent": round(100 * differing, 2)}
        yield Doubt(group, Reason.SAME_PHOTO, message, figures)

"""Checks the rows of a table against each other: rotations, right options, other rows' images."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from lvlm_eval.records import Setting
from lvlm_eval.reference import RELEASE_ROWS
from lvlm_eval.validation.kinds import Kind
from lvlm_eval.validation.tables.pictures import ReadPicture
from lvlm_eval.validation.tables.rows import CheckedRow, CheckedTable, Reference

IMAGES_OF_SETTING: Mapping[Setting, int] = {"vis": 2, "vis+desc": 2, "desc": 1}
"""Images of a row in the release: source and target, or the target alone."""


def groups_of(table: CheckedTable) -> dict[str, list[CheckedRow]]:
    """Group → its rows, both in the order of the file."""
    groups: dict[str, list[CheckedRow]] = {}
    for row in table.rows:
        groups.setdefault(row.group, []).append(row)
    return groups


def check_groups(table: CheckedTable) -> None:
    """Note what is wrong with the groups of a table."""
    if table.has_groups:
        for group, rows in groups_of(table).items():
            _check_group(table, group, rows)


def _check_group(table: CheckedTable, group: str, rows: Sequence[CheckedRow]) -> None:
    first = rows[0]
    name = f"question '{group[:40]}'"
    if len(rows) != RELEASE_ROWS:
        message = f"{name} has {len(rows)} row{'s' * (len(rows) > 1)}, not {RELEASE_ROWS}."
        table.add(Kind.GROUP_SIZE, first.number, "g_index", message)
    turned = _rotations(first)
    known = {tuple(first.options.values()): first.number}
    for row in rows[1:]:
        for column, one, other in (
            ("question", row.text, first.text),
            ("category", row.category, first.category),
            (row.column, row.shown, first.shown),
        ):
            if one != other:
                message = f"differs from that of row {first.number} of the same {name}."
                table.add(Kind.GROUP_MIXED, row.number, column, message)
        if None not in (row.right, first.right) and row.right != first.right:
            message = (
                f"the right option is {row.options[row.answer][:40]!r}, and "
                f"{first.options[first.answer][:40]!r} in row {first.number} of {name}."
            )
            table.add(Kind.RIGHT_OPTION, row.number, "answer", message)
        options = tuple(row.options.values())
        same = known.setdefault(options, row.number)
        if Counter(options) != Counter(first.options.values()):
            message = f"other options than in row {first.number} of {name}."
            table.add(Kind.OPTIONS_DIFFER, row.number, "A", message)
        elif options not in turned:
            message = f"the options of row {first.number} of {name}, but not rotated."
            table.add(Kind.NOT_ROTATED, row.number, "A", message)
        elif same != row.number:
            message = f"the same rotation of {name} as in row {same}."
            table.add(Kind.ROTATION_DOUBLED, row.number, "A", message)


def _rotations(row: CheckedRow) -> set[tuple[str, ...]]:
    options = tuple(row.options.values())
    return {options[turn:] + options[:turn] for turn in range(len(options) or 1)}


def pictures_of(table: CheckedTable, row: CheckedRow) -> tuple[str, ...] | str:
    """The keys of a row's pictures, those of other rows included, or why they cannot be had."""
    keys: list[str] = []
    for entry in row.shown:
        if isinstance(entry, str):
            keys.append(entry)
            continue
        others = _of_other_row(table, entry)
        if isinstance(others, str):
            return others
        if len(row.shown) > 1 and len(others) != 1:
            return f"'{entry.index}' in a list names a row of {len(others)} images."
        keys += others
    return tuple(keys)


def _of_other_row(table: CheckedTable, reference: Reference) -> tuple[str, ...] | str:
    place = table.places.get(reference.index)
    if place is None:
        return f"refers to index '{reference.index}', which no readable row of the table has."
    other = table.rows[place]
    keys = tuple(entry for entry in other.shown if isinstance(entry, str))
    if other.column != "image" or not other.shown or len(keys) < len(other.shown):
        what = "no image" if other.column != "image" or not other.shown else "another reference"
        return f"refers to index '{reference.index}' (row {other.number}), which has {what} itself."
    return keys


def check_images(
    table: CheckedTable, pictures: Mapping[str, ReadPicture]
) -> dict[int, tuple[str, ...]]:
    """Note every row whose images cannot be had, and rows with an unusual number of them.

    Returns:
        Row number → keys of its pictures, of rows whose pictures can all be had.
    """
    shown: dict[int, tuple[str, ...]] = {}
    for row in table.rows:
        if not row.shown:
            continue  # noted when the cell was read
        keys = pictures_of(table, row)
        if isinstance(keys, str):
            table.add(Kind.ROW_IMAGE, row.number, row.column, keys)
            continue
        refusals = [*_refusals(keys, pictures)]
        for message in refusals:
            table.add(Kind.ROW_IMAGE, row.number, row.column, message)
        if not refusals:
            shown[row.number] = keys
    _check_counts(table, {number: len(keys) for number, keys in shown.items()})
    return shown


def _refusals(keys: Sequence[str], pictures: Mapping[str, ReadPicture]) -> Iterator[str]:
    for place, key in enumerate(keys, start=1):
        refusal = pictures[key].refusal
        if refusal:
            yield refusal if len(keys) == 1 else f"image {place} of {len(keys)}: {refusal}"


def _check_counts(table: CheckedTable, counts: Mapping[int, int]) -> None:
    if not counts:
        return
    usual, _ = Counter(counts.values()).most_common(1)[0]
    expected = IMAGES_OF_SETTING[table.setting] if table.setting else usual
    if usual != expected:
        message = f"{usual} image(s) a row; tables in '{table.setting}' usually have {expected}."
        table.add(Kind.TABLE_IMAGES, None, "image", message)
    for number, count in counts.items():
        if count != usual:
            message = f"{count} image(s); the rows of this table usually have {usual}."
            table.add(Kind.ROW_IMAGE_COUNT, number, "image", message)

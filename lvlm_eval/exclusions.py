"""Questions that a user wants left out, as ``validate --questions --out`` writes them."""

import json
from collections.abc import Collection
from pathlib import Path

from lvlm_eval.errors import InputError
from lvlm_eval.user_files import said


def read_ids(file: Path) -> frozenset[str]:
    """The ids in a file.

    Args:
        file: one question a line, as JSON with its ``id`` or as the id alone; blank lines and those
            that begin with ``#`` say nothing.

    Raises:
        InputError: it cannot be read, a line is no id, or there is none.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"--exclude '{file}' cannot be read: {said(error)}.") from None
    ids = frozenset(
        _id(line.strip(), f"--exclude '{file}' line {number}")
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.strip().startswith("#")
    )
    if not ids:
        raise InputError(f"--exclude '{file}' names no question. Leave it out, then.")
    return ids


def _id(line: str, where: str) -> str:
    if not line.startswith("{"):
        return line
    try:
        id = json.loads(line)["id"]
    except (ValueError, LookupError, RecursionError):
        raise InputError(f'{where} is no JSON with an "id".') from None
    if not isinstance(id, str):
        raise InputError(f"{where}: id is {id!r}, expected a text.")
    return id


def left_out_note(excluded: Collection[str], known: Collection[str]) -> str:
    """How many questions are left out, and how many ids of the list are no question.

    Args:
        excluded: ids that are to be left out.
        known: the ids of all questions.
    """
    out = len(set(excluded) & set(known))
    strangers = len(excluded) - out
    more = f"; {strangers} of its {len(excluded)} ids are no question here" if strangers else ""
    return f"--exclude leaves out {out} of {len(known)} questions{more}"


def check_known(excluded: Collection[str], known: Collection[str], file: Path) -> None:
    """See that a file is of these questions, and leaves some of them.

    Args:
        excluded: ids that are to be left out.
        known: the ids of all questions.
        file: where they came from.

    Raises:
        InputError: none is known, or all are left out.
    """
    there = set(known)
    if there.isdisjoint(excluded):
        raise InputError(
            f"--exclude '{file}': none of its {len(excluded)} ids is a question here; the first is "
            f"'{min(excluded)}', a question's id is like '{min(there)}'."
        )
    if there <= set(excluded):
        raise InputError(f"--exclude '{file}' leaves no question.")

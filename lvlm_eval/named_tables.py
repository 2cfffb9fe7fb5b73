"""Reads a TOML file of named tables, one a model or a backbone, and says what is wrong with it."""

import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from lvlm_eval.errors import InputError, nearest_names

Table = TypeVar("Table", bound=BaseModel)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
"""What can be a short name."""


@dataclass(frozen=True, slots=True)
class Named(Generic[Table]):
    """What a short name can mean here.

    Attributes:
        name: the short name.
        table: what it stands for.
        file: where the table is.
        hides: True if it is the user's and hides a different built-in one.
    """

    name: str
    table: Table
    file: Path
    hides: bool = False


def named(
    builtin: Path, users: Path | None, kind: type[Table], noun: str, reserved: Collection[str]
) -> dict[str, Named[Table]]:
    """All tables that a short name can mean, by name; the user's come last.

    Args:
        builtin: the package's file.
        users: file of the user's, which need not be there; None for the package's alone.
        kind: see `read_tables`.
        noun: see `read_tables`.
        reserved: see `read_tables`.

    Raises:
        InputError: a file is wrong.
    """
    tables = read_tables(builtin, kind, noun, reserved)
    found = {name: Named(name, table, builtin) for name, table in tables.items()}
    if users is not None and users.is_file():
        for name, own in read_tables(users, kind, noun, reserved).items():
            hides = name in tables and tables[name] != own
            found[name] = Named(name, own, users, hides)
    return found


def read_tables(
    path: Path, kind: type[Table], noun: str, reserved: Collection[str]
) -> dict[str, Table]:
    """All tables of a file by name.

    Args:
        path: of the file.
        kind: of every table.
        noun: what a table stands for, also the flag that names it: ``model``.
        reserved: names with a meaning of their own to the flag.

    Raises:
        InputError: it is not TOML, or a field is wrong; one line with the file and the field.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: this is not TOML: {error}. Correct the file.") from error
    for name in content:
        if not NAME.fullmatch(name) or name.endswith(".py"):
            raise InputError(
                f"{path}: '{name}' cannot be a {noun}'s name: letters, digits and . _ + - only, "
                "and no .py at the end."
            )
        if name in reserved:
            raise InputError(
                f"{path}: '{name}' means something else to --{noun}; give the {noun} another name."
            )
    try:
        return TypeAdapter(dict[str, kind]).validate_python(content)  # type: ignore[valid-type]  # at run time
    except ValidationError as error:
        # A mistyped field is also a missing one: the former tells more.
        errors = error.errors(include_url=False)
        errors.sort(key=lambda one: one["type"] != "extra_forbidden")
        raise InputError(f"{path}: {_one_line(errors[0], kind)}") from error


def _one_line(error: ErrorDetails, kind: type[BaseModel]) -> str:
    name, *rest = [str(part) for part in error["loc"]]
    field = ".".join(rest)
    reason = error["msg"].removeprefix("Value error, ")
    if not rest and error["type"] == "value_error":
        return f'["{name}"] {reason}{"" if reason.endswith(("?", ".")) else "."}'
    if not rest:
        return f"'{name}' must be a table: write [\"{name}\"] above its fields."
    place = f'["{name}"] '
    if error["type"] == "extra_forbidden":
        return f"{place}field '{field}' is unknown. {nearest_names(field, kind.model_fields)}"
    if error["type"] == "missing":
        return f"{place}field '{field}' is missing. Add it."
    if error["type"] == "literal_error":
        shown = error["input"]
        hint = nearest_names(str(shown), _literals(kind.model_fields[field].annotation))
        return f"{place}{field} = {shown!r} is unknown. {hint}"
    return f"{place}{field} = {error['input']!r}: {reason[0].lower()}{reason[1:].rstrip('.')}."


def _literals(annotation: Any) -> list[str]:
    """The words of a literal, also within a union."""
    words: list[str] = []
    for one in get_args(annotation):
        words += [one] if isinstance(one, str) else _literals(one)
    return words

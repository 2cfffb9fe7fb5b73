"""Words the one line that says which file and which field of a dataset cannot be used."""

from lvlm_eval.errors import InputError

_LONGEST = 80


def refusal(where: object, field: str, message: str) -> InputError:
    """Build the error for something that a dataset must not contain.

    Args:
        where: the file, and the row if it is a table.
        field: the field or column; empty where the whole file is meant.
        message: what was found and what was expected.

    Returns:
        An error of one line, whatever the three parts contain.
    """
    parts = (str(where), field, message.strip())
    return InputError(" ".join(": ".join(part for part in parts if part).splitlines()))


def shown(value: object) -> str:
    """Quote a value from a file so that it stays short and on one line."""
    try:
        text = repr(value)
    except RecursionError:
        text = f"a deeply nested {type(value).__name__}"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

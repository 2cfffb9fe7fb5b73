"""The errors that end a command with one clear line, and the exit status each one means."""

import difflib
from collections.abc import Iterable


class InputError(Exception):
    """Wrong usage or bad input: exit status 2.

    The message is one line: what was found, what was expected, what to do next.
    """


class StoppedError(Exception):
    """The run stopped early and can be resumed (signal, full disk, budget): exit status 4."""


def nearest_names(name: str, known: Iterable[str]) -> str:
    """Say which known names are closest to a mistyped one.

    Args:
        name: what the user wrote.
        known: the names that would have been understood.

    Returns:
        ``"Did you mean 'a' or 'b'?"``, or the list of all known names when none is close.
    """
    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=2, cutoff=0.5)
    if close:
        return "Did you mean " + " or ".join(f"'{one}'" for one in close) + "?"
    return "Known: " + ", ".join(names) + "." if names else "None is known."

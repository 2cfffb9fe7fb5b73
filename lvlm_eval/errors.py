"""The errors that end a command with one clear line, and the exit status each one means."""

import difflib
from collections.abc import Iterable

LONGEST_LINE = 1_600
"""Characters of a message; no one reads more."""


class _OneLineError(Exception):
    """Holds its message to one line that every terminal can show, whatever a file put into it."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class InputError(_OneLineError):
    """Wrong usage or bad input: exit status 2.

    The message is one line: what was found, what was expected, what to do next.
    """


class StoppedError(_OneLineError):
    """The run stopped early and can be resumed (signal, full disk, budget): exit status 4."""


def one_line(text: str) -> str:
    """Write a text on one line: line ends become blanks, other unprintable signs their escapes.

    Names of files and fields come from users' data, where they may hold terminal commands or halves
    of characters, and no end.

    Args:
        text: any text, also one that cannot be encoded. Of a very long one the middle is left out.
    """
    text = _shortened(text)
    if text.isprintable():
        return text
    return _shortened(
        "".join(
            sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii")
            for sign in " ".join(text.splitlines())
        )
    )


def _shortened(text: str) -> str:
    half = LONGEST_LINE // 2
    return text if len(text) <= LONGEST_LINE else f"{text[:half]} … {text[-half:]}"


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

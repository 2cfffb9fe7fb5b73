"""Writes recorded command lines so that a shell reads the same words again."""

import shlex


def repeatable(command: str) -> str:
    """A recorded command line, safe to look at and to paste into bash.

    Words with line ends, control signs, signs that turn the direction of writing, or bytes that
    are no UTF-8 are written as ``$'…'`` with escapes; all others as `shlex.join` writes them.

    Args:
        command: as `shlex.join` wrote it; any other text is shown with such signs escaped.
    """
    try:
        words = shlex.split(command)
    except ValueError:  # an open quote: nobody knows what the words were
        return _ansi(command)
    return " ".join(_word(one) for one in words)


def _word(word: str) -> str:
    return shlex.quote(word) if word.isprintable() else _ansi(word)


def _ansi(word: str) -> str:
    return "$'" + "".join(map(_sign, word)) + "'"


def _sign(sign: str) -> str:
    if sign in "\\'":
        return f"\\{sign}"
    if sign.isprintable():
        return sign
    # Names of files come in with bytes that are no UTF-8 as halves of characters.
    data = sign.encode("utf-8", "surrogateescape" if "\udc80" <= sign <= "\udcff" else "replace")
    return "".join(f"\\x{one:02x}" for one in data)

"""Texts of models, cut and made visible, each once."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

LONGEST = 20_000
"""Characters of a text that are shown at most."""

LENGTHS = (LONGEST, 8_000, 3_000, 1_000, 300)
"""What texts are cut to in turn, until all of them have room in the page."""

_NOT_PLAIN = re.compile(r"[^ -~]")
_FREE = {"\n": "\n", "\t": "\t", "\u00a0": "\u00a0", "\u200d": "\u200d", "\ufe0f": "\ufe0f"}


@dataclass(frozen=True, slots=True)
class Kept:
    """As much of a text as the page can ever show.

    Attributes:
        start: its first `LONGEST` characters.
        end: of a longer one its last quarter of `LONGEST`.
        length: of the whole, in characters.
    """

    start: str
    end: str
    length: int

    @classmethod
    def of(cls, text: str) -> "Kept":
        """What is kept of a text."""
        end = text[-(LONGEST // 4) :] if len(text) > LONGEST else ""
        return cls(text[:LONGEST], end, len(text))

    def shown(self, most: int = LONGEST) -> str:
        r"""The text as the page shows it: whole lines, in which what is not seen is an escape.

        Of a longer text the middle is left out and its length told. Signs that turn the direction
        of writing, halves of characters, zeros and the like become ``\u202e``, ``\udc80``,
        ``\x00``.

        Args:
            most: characters that are kept, at most `LONGEST`.
        """
        if self.length <= most:
            return visible(self.start)
        tail = most // 4
        head = most - tail
        end = (self.end or self.start)[-tail:]
        left_out = f"[… {self.length - most:,} characters left out …]"
        return f"{visible(self.start[:head])}\n{left_out}\n{visible(end)}"


def visible(text: str) -> str:
    """A text in which every sign is seen, but for line ends, tabs and joiners."""
    return _NOT_PLAIN.sub(_seen, text.replace("\r\n", "\n"))


def _seen(found: re.Match[str]) -> str:
    sign = found[0]
    return sign if sign.isprintable() else _FREE.get(sign) or ascii(sign)[1:-1]


def length_that_fits(texts: Iterable[Kept], room: int) -> int:
    """The longest of `LENGTHS` at which texts take no more than so many bytes of the page.

    Args:
        texts: each once.
        room: bytes, of which a character counts as two, about what escapes make of most texts.
            The shortest is given where none fits.
    """
    lengths = [one.length for one in texts]
    for length in LENGTHS:
        if 2 * sum(min(one, length) for one in lengths) <= room:
            return length
    return LENGTHS[-1]


class TextTable:
    """Numbers for texts, the same one for the same text; 0 is the empty one.

    Args:
        most: characters that are kept of each.
    """

    def __init__(self, most: int = LONGEST) -> None:
        self._most = most
        self._numbers: dict[str, int] = {}
        self._of_kept: dict[Kept, int] = {}
        self.texts: list[str] = []
        self.add("")

    def add(self, text: str | Kept | None) -> int:
        """The number of a text; that of None is 0."""
        if isinstance(text, Kept):
            number = self._of_kept.get(text)
            if number is None:
                number = self._of_kept[text] = self._number(text.shown(self._most))
            return number
        return self._number(visible(text or ""))

    def lines(self, text: str | None) -> list[int]:
        """The numbers of a text's lines: rotations of a prompt share most of theirs."""
        if text is None:
            return []
        return [self._number(line) for line in Kept.of(text).shown().split("\n")]

    def _number(self, made: str) -> int:
        number = self._numbers.setdefault(made, len(self.texts))
        if number == len(self.texts):
            self.texts.append(made)
        return number

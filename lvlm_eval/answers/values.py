"""What a letter, a drawn label or both together say about the option that is meant.

An option letter and the label drawn in the photo are different things: with the published prompt,
option A may read "Point C". A lone "C" is the option letter, "Point C" is the drawn label.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from lvlm_eval.answers.wording import OPTION_WORDS, POINT_WORDS
from lvlm_eval.records import LETTERS

FLAGS = re.IGNORECASE | re.VERBOSE
WRAP = r"""(?:[\s*_`~"'«»「」『』【】\[({<$] | \\[(\[]
    | \\(?:text|textbf|textit|textrm|mathrm|mathbf|mathsf|bf|rm)\b\s?\{? ){0,24}+"""
CLOSE = r"""[\s*_`~"'»」』】\])}>$]{0,12}+"""
_WORDLIKE = r"0-9A-Za-zÀ-ɏͰ-ԯ"
BEFORE = rf"(?<![{_WORDLIKE}&°])(?<![0-9A-Za-z]['\-.])(?<!\b[Nn]/)"
AFTER = rf"(?![{_WORDLIKE}])(?!['\-][A-Za-z])(?!\.[A-Za-z]\.)"
_BETWEEN = r"""[\s*_`"')\]}]{0,8}+[.:,;)\]=–—\-]?[\s*_`"'(\[{]{0,8}+"""

_AFTER_LETTER_A = re.compile(
    r"(?:because|since|as|is|and|or|but|for|so|due|with|would|seems?|looks?|match(?:es)?|was|has"
    r"|corresponds?|appears?|represents?|not|rather|over|in|on)\b"
)


def either(words: Iterable[str]) -> str:
    """A verbose pattern for any of the words, the longest first."""
    ordered = sorted(set(words), key=lambda word: (-len(word), word))
    return "(?:" + "|".join(re.escape(word) for word in ordered) + ")" if ordered else "(?!)"


def either_word(words: Iterable[str]) -> str:
    """The same for whole words; scripts that write without blanks have no word borders."""
    every = set(words)
    spaced = {word for word in every if re.match(f"[{_WORDLIKE}]", word)}
    return rf"(?:(?<![{_WORDLIKE}]){either(spaced)}(?![{_WORDLIKE}])|{either(every - spaced)})"


_OPTION = either_word(OPTION_WORDS)
_POINT = either_word(POINT_WORDS)


@dataclass(frozen=True, slots=True)
class Claim:
    """An option that a stretch of text names.

    Attributes:
        start: where the stretch begins.
        end: where it ends.
        letter: the option letter, or None where the label is no option's.
        kind: ``letter``, ``letter-point``, ``point``, ``number`` or ``contradiction``.
        bare: True for a letter with nothing before it that says what it is.
    """

    start: int
    end: int
    letter: str | None
    kind: str
    bare: bool = False


class Choices:
    """The options of one row: reads values and says which option each one means."""

    def __init__(self, drawn: Mapping[str, str]) -> None:
        """Take option letter → what is drawn there; may be empty where that is unknown."""
        self._drawn = {letter.upper(): label.strip().upper() for letter, label in drawn.items()}
        self._letters = frozenset(self._drawn or LETTERS)
        labels = list(self._drawn.values())
        self._letter_of = {
            label: letter for letter, label in self._drawn.items() if labels.count(label) == 1
        }
        numbers = bool(labels) and all(re.fullmatch(r"[0-9]+", label) for label in labels)
        label = rf"(?:{either({*filter(None, labels), *LETTERS})}|[0-9]{{1,3}})"
        self.value = value = rf"""(?:(?P<option>(?:the\s)?{_OPTION}){WRAP}:?{WRAP})?
            (?: {BEFORE}(?P<letter>{either(self._letters)}){AFTER}
                (?:{_BETWEEN}{_POINT}{WRAP}(?P<with>{label}){AFTER})?
              | (?P<word>(?:the\s)?{_POINT}){WRAP}(?:[:#]|is\b)?{WRAP}(?P<point>{label}){AFTER}
              | {BEFORE}(?P<number>{"[0-9]{1,3}" if numbers else "(?!)"}){AFTER} )"""
        # The border fails at once within words, where nothing can begin.
        self.values = re.compile(rf"(?:(?<![{_WORDLIKE}])|(?![ -~])){value}", FLAGS)
        self.whole = re.compile(
            rf"""[\s>\#•–—-]{{0,12}}+{WRAP}{value}[\s.!;:,。*_`~"'»」』】\])}}>$]{{0,24}}+""", FLAGS
        )
        self.alternative = re.compile(
            rf"""{CLOSE}\s?(?:[,;/|、]\s?)?(?:\b(?:and|or|oder|und|ou|et|o|y|e|или|и)\b
            |[,/|、&+]|或|和|または|또는){WRAP}{value}(?!{CLOSE}\s?(?:is|are|was|were|does|do|has|can|
            could|would|looks?|lies|seems?|shows?|marks?|points?|refers?|corresponds?)\b)""",
            FLAGS,
        )

    def drawn_claim(self, claim: Claim, label: str) -> Claim:
        """The same stretch of text, with its letter taken for a drawn label."""
        return Claim(claim.start, claim.end, self._letter_of.get(label.upper()), "point")

    def claim(self, match: re.Match[str]) -> Claim | None:
        """Say which option a match of ``value`` means.

        Returns:
            The claim, or None where the letter is no answer at all but the article "a" or a small
            letter within running text.
        """
        start, end = match.start(), match.end()
        letter, point, number = match["letter"], match["point"], match["number"]
        if point or number:
            if (number or point == "a") and _runs_on(match.string, end):
                return None
            kind = "point" if point else "number"
            return Claim(start, end, self._letter_of.get((point or number).upper()), kind)
        said = letter.upper()
        if match["with"]:
            label = match["with"].upper()
            kind = "letter-point"
            if self._drawn and self._drawn.get(said) != label:
                return Claim(start, end, None, "contradiction")
            return Claim(start, end, said, kind)
        if not match["option"] and _is_word(match, letter):
            return None
        return Claim(start, end, said, "letter", bare=not match["option"])


def _is_word(match: re.Match[str], letter: str) -> bool:
    text, end = match.string, match.end("letter")
    if letter in "aA" and _runs_on(text, end):
        return True
    following = text[end : end + 16]
    return letter.islower() and following[:1].isspace() and following.lstrip(" \t")[:1].isalnum()


def _runs_on(text: str, end: int) -> bool:
    """Whether a noun may follow, as after the article "a"."""
    following = text[end : end + 16]
    word = following.lstrip(" \t")
    if not word[1:2].strip():  # a single letter, as in "A B", is no noun
        return False
    return word != following and word[:2].isalpha() and not _AFTER_LETTER_A.match(word)


@lru_cache(maxsize=512)
def _choices(drawn: tuple[tuple[str, str], ...]) -> Choices:
    return Choices(dict(drawn))


def choices_of(drawn: Mapping[str, str]) -> Choices:
    """The options of a row; rows of one layout share their compiled patterns."""
    return _choices(tuple(sorted(drawn.items())))

"""Reads the options that a text merely mentions: as a line of their own, or within sentences."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lvlm_eval.answers.statements import unreal_after, unreal_before
from lvlm_eval.answers.values import Choices, Claim

_LIST_LINE = re.compile(
    r"[\s>*_•–—-]{0,8}+(?:option\s)?[(\[]?\*{0,2}([A-Z])\*{0,2}(?:[)\].:、]|\s[-–—]\s)[*)\]\s]{0,4}+\S",
    re.IGNORECASE,
)
_CHAIN = re.compile(
    r"[\s*_`\"'()]{0,6}(?:,|/|、|\b(?:or|nor|and|oder|noch|ou|ni|und|et)\b|[\s,&]){1,4}"
)
_ELSEWHERE = re.compile(
    r"(?:\b(?:image|figure|fig\.?|panel|picture|photo|view|step|part|type|category|class|vitamin|grade"
    r"|plan|appendix|section)|[&°])\s?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Unlisted:
    """A text without repeated options, and whether any were taken out."""

    text: str
    had_options: bool


def without_options(text: str) -> Unlisted:
    """Take out lists of options: neighbouring lines that begin with different option letters."""
    lines = text.split("\n")
    starts = [_LIST_LINE.match(line) for line in lines]
    kept: list[str] = []
    removed = False
    place = 0
    while place < len(lines):
        end, letters = place, set[str]()
        ahead = place
        while ahead < len(lines) and (starts[ahead] or not lines[ahead].strip()):
            if found := starts[ahead]:
                letters.add(found[1].upper())
                end = ahead + 1
            elif end == place:
                break
            ahead += 1
        if len(letters) > 1:
            kept.append("")
            removed = True
            place = end
        else:
            step = max(end, place + 1)
            kept.extend(lines[place:step])
            place = step
    return Unlisted("\n".join(kept), removed)


def whole_line_claims(text: str, choices: Choices) -> list[Claim]:
    """Claims of the lines that hold nothing but an answer, such as ``**B**`` or ``B. Point C``."""
    return [claim for line in text.split("\n") if (claim := whole_claim(line, choices))]


def whole_claim(text: str, choices: Choices) -> Claim | None:
    """The claim of a text that is nothing but one answer."""
    match = choices.whole.fullmatch(text) if len(text) < 200 else None
    return choices.claim(match) if match else None


def mentioned(text: str, choices: Choices, values: Sequence[re.Match[str]]) -> Iterator[Claim]:
    """The options that a text names and does not deny, suppose or ask about, in order.

    What is strung together shares its fate ("neither B nor C", "A and C are wrong"), and so does
    the word "points" ("points A and C" are drawn labels both). Bare numbers are no mentions.
    """
    chain: list[Claim] = []
    unreal = False
    for match in values:
        claim = choices.claim(match)
        if claim is None or claim.kind == "number" or _named_elsewhere(text, claim.start):
            continue
        if chain and claim.bare and _CHAIN.fullmatch(text, chain[-1].end, claim.start):
            if chain[-1].kind == "point":
                claim = choices.drawn_claim(claim, match["letter"])
        else:
            yield from _held(text, chain, unreal)
            chain, unreal = [], unreal_before(text, claim.start)
        chain.append(claim)
    yield from _held(text, chain, unreal)


def _held(text: str, chain: list[Claim], unreal: bool) -> list[Claim]:
    return [] if not chain or unreal or unreal_after(text, chain[-1].end) else chain


def _named_elsewhere(text: str, start: int) -> bool:
    return bool(_ELSEWHERE.search(text[max(0, start - 12) : start]))

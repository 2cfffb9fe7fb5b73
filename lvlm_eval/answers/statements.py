r"""Finds the places where a text states its answer, in descending order of how plainly it does.

``announced`` are explicit answers ("Answer: B", ``\boxed{B}``), ``chosen`` are choices in the
model's own voice ("I'd go with B"), the verdicts are verdicts on an option ("B is correct").
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from lvlm_eval.answers.values import CLOSE, FLAGS, WRAP, Choices, Claim, either_word
from lvlm_eval.answers.wording import ANSWER_WORDS, HYPOTHETICALS, LINKS, NEGATIONS, POINT_WORDS

_BOX = r"\\(?:boxed|fbox)\s{0,8}+\{"
_TAG = r"(?:<\s?(?:final_?)?(?:answer|choice|solution)\s?>|<\|begin_of_(?:box|solution|answer)\|>)"
_KEY = r"""["'](?:\w{1,20}_)?(?:answer|choice|option|selection|selected|letter|prediction
    |result|label|(?P<point_key>point))(?:_\w{1,20})?["']\s{0,8}:"""
_FILLER = r"""(?:[\s,*_:]{0,6}+\b(?:that|it\sis|it's|is|most|likely|probably|clearly
    |definitely|indeed|therefore|thus|simply|still|just|actually|either|c'est|la|le|die|der|das)\b){0,4}"""
_GAP = r"(?P<gap>(?:[\s,*_]{1,6}[^\W\d_]{2,20}){0,8}?|(?:(?!答)[぀-ヿ一-鿿가-힣]){0,8}?)"
_ASIDE = r"(?:\s?\([^()\n]{1,40}\))?"

_CHOOSE = r"""\b(?:I(?:'d|'ll|'m|\s(?:would|will|must|have\sto|am\sgoing\sto|can))?\s(?:\w{2,12}\s)?
      (?:say|choose|pick|select|go\swith|go\sfor|going\swith|opt\sfor|vote\sfor|guess|answer
      |conclude|believe|think|lean\stowards?)(?:\s(?:that\s)?(?:it\sis|it's|it\smust\sbe))?
    | (?:selected|chosen|select|choose|pick)\b
    | (?:therefore|thus|hence|so|my\sguess\sis|my\spick\sis)\b,?
    | (?:ich\s(?:wähle|nehme)|je\schoisis|elijo|scelgo|escolho|выбираю)\b )[\s:]"""
_JUDGE = r"""\b(?:(?:it|this|that|which|there)\s(?:must|should|has\sto|would|will|can\sonly)\sbe
    | (?:it|this|that)(?:\sis|'s) | correspond(?:s|ing)?\s(?:\w+\s){0,6}?(?:to|with|is)
    | match(?:es|ing)?\s(?:\w+\s){0,6}?(?:is|with|to) | matches)\b[\s:]"""
_GOOD = r"""\s?(?:is|are|seems(?:\sto\sbe)?|looks|must\sbe|appears\sto\sbe|would\sbe|ist|est|es
    |è|é)\s
    (?:(?:clearly|definitely|indeed|most|likely|probably|therefore|thus)\s){0,2}
    (?:the\s|la\s|die\s|der\s)?(?:\w{3,12}\s)?(?:correct|right|best|answer|closest|matching|match
    |richtig\w{0,2}|correcte?|correct[ao])\b
    |\s?(?:matches|corresponds\sto|best\smatches|clearly\smatches)\b"""

_APPROVED = re.compile(rf"{CLOSE}(?:{_GOOD})", FLAGS)
_CLAUSE_BORDER = re.compile(
    r"[.,;:!?\n。]|\b(?:but|and|so|therefore|then|hence|thus|aber|mais|pero|но)\b",
    re.IGNORECASE,
)
_NEGATED = re.compile(rf"(?:{either_word(NEGATIONS)}|n't\b|cannot|不|非|没|沒)", FLAGS)
_HYPOTHETICAL = re.compile(either_word(HYPOTHETICALS), FLAGS)
_DENIED = re.compile(
    rf"""{CLOSE}\s?(?:is|are|was|were|does|do|can|could|would|should)?\s?(?:not\b|n't\b|cannot\b
    |(?:is|are|seems?|looks?)\s(?:\w+\s)?(?:incorrect|wrong|ruled\sout|eliminated|unlikely|out\b)
    |では?(?:ない|ありません)|じゃない|[이가]\s?아)""",
    FLAGS,
)
_POINT_WORD = re.compile(either_word(POINT_WORDS), FLAGS)
_QUESTION = re.compile(rf"{CLOSE}\s?[?]")
_END_OF_CLAUSE = re.compile(r"""[ \t*_`"')\]}$.!。]{0,12}+(?:\n|\Z)""")
_MARKED_RULES = ("boxed", "answer-tag", "json")
CONTEXT = 100
"""Characters of the same clause that are looked at before a statement."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One stated answer: what it claims, by which rule, and whether another was named as well."""

    claim: Claim
    rule: str
    ambiguous: bool
    closed: bool


@lru_cache(maxsize=4096)
def _announcing(choices: Choices, words: tuple[str, ...]) -> re.Pattern[str]:
    link = rf"""(?:{CLOSE}(?:[:=→➡>]|-{{1,3}}|[–—])|[\s*_]{{0,6}}{either_word(LINKS)})"""
    start = rf"{either_word(words)}(?:'s)?{_ASIDE}{_GAP}"
    return re.compile(
        rf"(?P<announce>{start}(?:{link}(?P<linked>){_FILLER}:?|(?=[\s*(\[B-D])|(?<=[^ -~])))"
        rf"{WRAP}{choices.value}",
        FLAGS,
    )


@lru_cache(maxsize=4096)
def _marked(choices: Choices) -> re.Pattern[str]:
    return re.compile(
        rf"(?:(?P<box>{_BOX})|(?P<tag>{_TAG})|(?P<key>{_KEY})){_FILLER}{WRAP}{choices.value}", FLAGS
    )


@lru_cache(maxsize=4096)
def _voiced(choices: Choices) -> re.Pattern[str]:
    return re.compile(
        rf"(?:(?P<choose>{_CHOOSE})|(?P<judge>{_JUDGE})){_FILLER}{WRAP}{choices.value}", FLAGS
    )


def announced(text: str, choices: Choices) -> list[Statement]:
    """Explicit answers, in the order of the text."""
    found: list[Statement] = []
    if "\\" in text or "<" in text or '":' in text or "'" in text or '" :' in text:
        for match in _marked(choices).finditer(text):
            rule = "boxed" if match["box"] else "answer-tag" if match["tag"] else "json"
            claim = choices.claim(match)
            if claim and match["point_key"] and claim.kind == "letter":
                claim = choices.drawn_claim(claim, match["letter"])
            if claim:
                found.append(_statement(match, claim, rule, choices))
    lowered = text.lower()
    words = tuple(word for word in ANSWER_WORDS if word in lowered)
    if words:
        for match in _announcing(choices, words).finditer(text):
            claim = choices.claim(match)
            if claim is None or _NEGATED.search(match["gap"]) or _HYPOTHETICAL.search(match["gap"]):
                continue
            if match["linked"] is None and not _END_OF_CLAUSE.match(text, match.end()):
                continue
            if not _unreal(match):
                found.append(_statement(match, claim, "answer-statement", choices))
    return sorted(
        found, key=lambda statement: (statement.claim.end, statement.rule in _MARKED_RULES)
    )


def chosen(
    text: str, choices: Choices, values: Sequence[re.Match[str]]
) -> tuple[list[Statement], list[Statement]]:
    """Choices in the model's own voice, and verdicts on an option.

    Args:
        text: the text without reasoning and repeated options.
        choices: the row's options.
        values: every match of ``choices.values`` in the text.

    Returns:
        The choices, in order of the text, and the verdicts.
    """
    own: list[Statement] = []
    verdicts: list[Statement] = []
    for match in _voiced(choices).finditer(text):
        claim = choices.claim(match)
        if claim and claim.bare and match["judge"] and _POINT_WORD.search(match["judge"]):
            claim = choices.drawn_claim(claim, match["letter"])
        if claim and not _unreal(match):
            if match["choose"]:
                own.append(_statement(match, claim, "choice", choices))
            else:
                verdicts.append(_statement(match, claim, "verdict", choices))
    for match in values:
        if not _APPROVED.match(text, match.end()):
            continue
        claim = choices.claim(match)
        if claim and not _unreal(match):
            verdicts.append(_statement(match, claim, "verdict", choices))
    return own, verdicts


def unreal_before(text: str, start: int) -> bool:
    """Whether the clause that leads up to a place denies what comes, or only supposes it."""
    clause = _clause(text, start)
    return bool(_NEGATED.search(clause) or _HYPOTHETICAL.search(clause))


def unreal_after(text: str, end: int) -> bool:
    """Whether what follows says that the thing just named is not it, or asks whether it is."""
    return bool(_QUESTION.match(text, end) or _DENIED.match(text, end))


def _clause(text: str, start: int) -> str:
    before = text[max(0, start - CONTEXT) : start]
    border = 0
    for match in _CLAUSE_BORDER.finditer(before):
        border = match.end()
    return before[border:]


def _unreal(match: re.Match[str]) -> bool:
    text = match.string
    return unreal_before(text, match.start()) or unreal_after(text, match.end())


def _statement(match: re.Match[str], claim: Claim, rule: str, choices: Choices) -> Statement:
    text = match.string
    following = choices.alternative.match(text, match.end())
    other = choices.claim(following) if following else None
    ambiguous = other is not None and other.letter != claim.letter
    return Statement(claim, rule, ambiguous, closed=match.end() < len(text))

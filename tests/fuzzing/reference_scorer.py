"""The public scorer's six rules, written a second time, without regular expressions.

It follows the wording of the rules and shares nothing with the package. Letters are compared as
Python compares them when case is ignored: the long s is an s, the dotless and the dotted i are an
i, and the sign of the kelvin is a k.
"""

_FOLDED = str.maketrans(
    {"ſ": "s", "ı": "i", "İ": "i", "\u212a": "k"}
    | {chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)}
)
_LETTERS = "abcd"
_WORDLIKE = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")


def reference_reading(text: str) -> str | None:
    """The letter that the first rule with a match gives, from its last match."""
    folded = text.translate(_FOLDED)
    for rule in (_boxed, _final_answer, _alone, _letter_point, _correct_answer_is, _at_the_start):
        letter = rule(folded)
        if letter:
            return letter.upper()
    return None


def _boxed(text: str) -> str | None:
    found = None
    for start in _places(text, "\\boxed"):
        brace = _skip(text, start + len("\\boxed"))
        letter = _skip(text, brace + 1)
        end = _skip(text, letter + 1)
        if text[brace : brace + 1] == "{" and _is_letter(text, letter) and text[end:][:1] == "}":
            found = text[letter]
    return found


def _final_answer(text: str) -> str | None:
    found = None
    for start in _places(text, "final"):
        at = _words(text, start, "final", "answer")
        if at is None:
            continue
        at = _skip(text, at)
        for link in ("is", ":"):
            if text.startswith(link, at):
                at = _skip(text, at + len(link))
                break
        if text.startswith("$", at):
            at = _skip(text, at + 1)
        if _is_letter(text, at) and not _is_wordlike(text, at + 1):
            found = text[at]
    return found


def _alone(text: str) -> str | None:
    found = {
        sign
        for at, sign in enumerate(text)
        if sign in _LETTERS and not _is_wordlike(text, at - 1) and not _is_wordlike(text, at + 1)
    }
    return found.pop() if len(found) == 1 else None


def _letter_point(text: str) -> str | None:
    found, at = None, 0
    while at < len(text):
        end = _end_of_letter_point(text, at)
        if end:  # what one match has taken, the next one cannot use
            found, at = text[at], end
        else:
            at += 1
    return found


def _end_of_letter_point(text: str, at: int) -> int | None:
    if not _is_letter(text, at):
        return None
    sign = _skip(text, at + 1)
    if text[sign : sign + 1] not in (".", ":") or not text[sign:]:
        return None
    word = _skip(text, sign + 1)
    second = _skip(text, word + len("point"))
    return second + 1 if text.startswith("point", word) and _is_letter(text, second) else None


def _correct_answer_is(text: str) -> str | None:
    found = None
    for start in _places(text, "the"):
        at = _words(text, start, "the", "correct", "answer", "is")
        if at is not None:
            letter = _skip(text, at)
            found = text[letter] if _is_letter(text, letter) else found
    return found


def _at_the_start(text: str) -> str | None:
    at = _skip(text, 0)
    return text[at] if _is_letter(text, at) and not _is_wordlike(text, at + 1) else None


def _places(text: str, word: str) -> list[int]:
    return [at for at in range(len(text)) if text.startswith(word, at)]


def _words(text: str, at: int, *words: str) -> int | None:
    """Where these words end, with at least one blank between each two."""
    for place, word in enumerate(words):
        start = _skip(text, at) if place else at
        if (place and start == at) or not text.startswith(word, start):
            return None
        at = start + len(word)
    return at


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _is_letter(text: str, at: int) -> bool:
    return 0 <= at < len(text) and text[at] in _LETTERS


def _is_wordlike(text: str, at: int) -> bool:
    return 0 <= at < len(text) and text[at] in _WORDLIKE

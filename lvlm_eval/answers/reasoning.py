"""Takes a model's reasoning out of its text, so that only the answer is read."""

import re
from dataclasses import dataclass

_NAMES = r"think(?:ing)?|thoughts?|reason(?:ing)?|reflection|analysis|scratchpad|seed:think"
_TAG = re.compile(
    rf"""
      <\s?(?P<close_xml>/?)\s?(?:{_NAMES})\s?>
    | <\|(?P<word>begin|end)_of_(?:thought|thinking|reasoning)\|>
    | [\[◁](?P<close_other>/?)(?:think)[\]▷]
    | <\|channel\|>(?P<channel>analysis|commentary|final)<\|message\|>
    """,
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Visible:
    """What a reader of the answer sees.

    Attributes:
        text: the text without reasoning.
        unfinished: True if the text ends inside reasoning, so that no answer was ever given.
    """

    text: str
    unfinished: bool


def without_reasoning(text: str) -> Visible:
    """Remove reasoning between tags.

    An opening tag inside reasoning opens nothing new. A closing tag without an opening one means
    that the chat template had opened it: all that precedes it is reasoning.

    Args:
        text: the model's answer as recorded.

    Returns:
        The rest, and whether the reasoning was never closed.
    """
    kept: list[str] = []
    start: int | None = 0
    for tag in _TAG.finditer(text):
        if _opens(tag):
            if start is not None:
                kept.append(text[start : tag.start()])
            start = None
        else:
            if start is not None:
                kept.clear()
            start = tag.end()
    if start is None:
        return Visible("", unfinished=True)
    return Visible("\n".join((*kept, text[start:])) if kept else text[start:], unfinished=False)


def _opens(tag: re.Match[str]) -> bool:
    if tag["channel"]:
        return tag["channel"].lower() != "final"
    if tag["word"]:
        return tag["word"].lower() == "begin"
    return not (tag["close_xml"] or tag["close_other"])

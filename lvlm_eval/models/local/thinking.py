"""Keeps a model's reasoning apart from its answer."""

from dataclasses import dataclass

OPENED, CLOSED = "<think>", "</think>"
"""What Qwen3-VL Thinking, InternVL3.5 and most others write round their reasoning."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A generated text in its two parts.

    Attributes:
        reasoning: what stands between the tags; None if the model does not reason.
        answer: what follows, without surrounding blanks; empty while the model still reasons.
        finished: False if the reasoning was never closed.
    """

    reasoning: str | None
    answer: str
    finished: bool


def opens_reasoning(prompt: str) -> bool:
    """Whether a chat template has already opened the reasoning at the end of the prompt."""
    return prompt.rstrip().endswith(OPENED)


def parts_of(text: str, opened: bool) -> Parts:
    """Take a generated text apart.

    Args:
        text: what the model generated, special tokens left out.
        opened: from `opens_reasoning`.
    """
    start = text.lstrip()
    if not opened and not start.startswith(OPENED):
        return Parts(None, text.strip(), finished=True)
    body = start.removeprefix(OPENED)
    if CLOSED not in body:
        return Parts(body.strip() or None, "", finished=False)
    # The last tag counts, as for whoever reads the answer later on.
    reasoning, _, answer = body.rpartition(CLOSED)
    return Parts(reasoning.strip() or None, answer.strip(), finished=True)

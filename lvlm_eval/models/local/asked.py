"""A request as tokens, and which requests begin alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from lvlm_eval.models.local.messages import messages_of
from lvlm_eval.models.local.thinking import opens_reasoning
from lvlm_eval.models.local.vision import Shown
from lvlm_eval.records import Picture, Request

WORTH_SHARING = 8
"""Tokens; a beginning that is longer than another one by fewer is not computed for itself."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, ready for the language model.

    Attributes:
        request: what is asked.
        ids: all tokens of its prompt.
        pictures: in order.
        shown: the pictures as the model sees them.
        text_from: how many tokens there are up to the end of the last picture.
        reasons: whether the prompt ends with an opened reasoning.
    """

    request: Request
    ids: tuple[int, ...]
    pictures: tuple[Picture, ...]
    shown: Shown
    text_from: int
    reasons: bool


def chat_text(processor: Any, request: Request) -> str:
    """The whole prompt as the model's own chat template writes it, pictures as placeholders."""
    text = processor.apply_chat_template(
        messages_of(request), tokenize=False, add_generation_prompt=True
    )
    return str(text)


def asked(processor: Any, request: Request, shown: Shown, picture_token: int) -> Asked:
    """Write a request's tokens.

    Args:
        processor: of the model.
        request: what is asked.
        shown: its pictures.
        picture_token: the token that stands for a piece of a picture.
    """
    text = chat_text(processor, request)
    ((whole, *_), *_) = processor.get_text_with_replacements([text], list(shown.places))
    ids = tuple(processor.tokenizer(whole).input_ids)
    last = max((place for place, id in enumerate(ids) if id == picture_token), default=-1)
    return Asked(request, ids, request.pictures, shown, last + 1, opens_reasoning(text))


@dataclass(frozen=True, slots=True)
class Branch:
    """Requests that begin alike.

    Attributes:
        length: number of tokens that they share.
        members: the requests.
        branches: those of them that share still more.
    """

    length: int
    members: tuple[Asked, ...]
    branches: tuple["Branch", ...] = ()


def branches_of(requests: Sequence[Asked]) -> list[Branch]:
    """Tell which requests share pictures, and which of these share most of their text.

    The rotations of a question in one setting differ at the end of the text alone; its settings
    with both pictures share at least these.

    Args:
        requests: in any order.

    Returns:
        Branches of at least two requests; requests that share nothing are in none.
    """
    found = []
    for members in _grouped(requests, lambda one: one.shown.keys):
        length = _shared(members)
        if length < max(one.text_from for one in members):
            continue  # it would end within a picture
        inner = []
        for part in _grouped(members, lambda one: (one.request.question, one.request.setting)):
            own = _shared(part)
            if own >= length + WORTH_SHARING:
                inner.append(Branch(own, part))
        found.append(Branch(length, members, tuple(inner)))
    return found


def _grouped(requests: Sequence[Asked], key: Any) -> list[tuple[Asked, ...]]:
    ordered = sorted(requests, key=key)
    groups = (tuple(group) for _, group in groupby(ordered, key=key))
    return [group for group in groups if len(group) > 1]


def _shared(requests: Sequence[Asked]) -> int:
    """How many tokens all prompts begin with alike; at least one is left for each."""
    first, last = min(one.ids for one in requests), max(one.ids for one in requests)
    most = min(len(one.ids) for one in requests) - 1
    for place, (one, other) in enumerate(zip(first, last, strict=False)):
        if one != other or place == most:
            return place
    return most


def parts_of_size(requests: Sequence[Asked], size: int) -> list[tuple[Asked, ...]]:
    """Cut requests into parts, but no question unless it is larger than a part.

    Args:
        requests: those of a question next to each other.
        size: requests in a part, at most.
    """
    parts: list[list[Asked]] = [[]]
    for _, group in groupby(requests, key=lambda one: one.request.question):
        rows = list(group)
        if parts[-1] and len(parts[-1]) + len(rows) > size:
            parts.append([])
        while len(rows) > size:
            parts[-1] += rows[:size]
            del rows[:size]
            parts.append([])
        parts[-1] += rows
    return [tuple(part) for part in parts if part]

"""What a server's errors mean: try again, and when, or give up."""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import openai
from tenacity import RetryCallState
from tenacity.wait import wait_random_exponential

from lvlm_eval.models.chat_answers import GarbledAnswerError
from lvlm_eval.models.secrets import hidden

LONGEST_PAUSE = 60.0
"""Seconds between two tries, where the server does not say."""

LONGEST_RETRY_AFTER = 300.0
"""Seconds; a server that asks for more is not waited for."""


_FILTER_CODES = frozenset(
    {
        *("content_filter", "content_policy_violation", "moderation_blocked"),
        *("ResponsibleAIPolicyViolation", "invalid_prompt"),
    }
)


def is_temporary(error: BaseException) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(error, openai.APIStatusError):
        if (retry_after(error) or 0) > LONGEST_RETRY_AFTER or error.code == "insufficient_quota":
            return False
        return error.status_code in (408, 409, 429) or error.status_code >= 500
    return isinstance(error, openai.APIConnectionError | GarbledAnswerError)


def broken_connection(error: BaseException) -> aiohttp.ClientConnectionError | None:
    """The refused or broken connection behind an error that the client calls a time-out."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, aiohttp.ClientConnectionError):
            return None if isinstance(cause, TimeoutError) else cause
        cause = cause.__cause__
    return None


def pause(state: RetryCallState) -> float:
    """Seconds until the next try, random and growing.

    Where the server says when, all requests wait together (`Pacing.hold`), and the first try after
    that waits for nothing else.
    """
    error = state.outcome.exception() if state.outcome else None
    told = isinstance(error, openai.APIStatusError) and retry_after(error) is not None
    if told and state.attempt_number == 1:
        return 0.0
    return wait_random_exponential(multiplier=0.5, max=LONGEST_PAUSE)(state)


def is_filtered(error: openai.APIStatusError) -> bool:
    """Whether the server would not answer because of what is in the request."""
    body = error.body if isinstance(error.body, dict) else {}
    return says_filtered({**body, "code": error.code})


def says_filtered(problem: Mapping[str, Any]) -> bool:
    """Whether an error's code or type, or those within it, mean the same."""
    inner = problem.get("innererror")
    inner_code = inner.get("code") if isinstance(inner, Mapping) else None
    codes = (problem.get("code"), problem.get("type"), inner_code)
    return not _FILTER_CODES.isdisjoint(map(str, codes))


def retry_after(error: openai.APIStatusError) -> float | None:
    """Seconds that the server asks to wait, as a number or as a date; None if it does not."""
    headers = error.response.headers
    try:
        seconds = float(headers.get("retry-after-ms", "")) / 1000
    except ValueError:
        seconds = _seconds(headers.get("retry-after", ""))
    return None if math.isnan(seconds) else max(0.0, seconds)


def _seconds(asked: str) -> float:
    """Seconds from now; NaN if the text is neither a number nor a date."""
    try:
        return float(asked)
    except ValueError:
        pass
    try:
        return (parsedate_to_datetime(asked) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError):
        return math.nan


def one_line(error: BaseException, secrets: Iterable[str] = ()) -> str:
    """The error and, where it says little, what caused it; without the key."""
    text = " ".join(str(error).split())
    cause = error.__cause__
    if isinstance(error, openai.APIConnectionError) and cause is not None:
        text += f" ({type(cause).__name__}: {' '.join(str(cause).split())})"
    return f"{type(error).__name__}: {hidden(text, secrets)[:400]}"

"""What a server's errors mean: try again, and when, or give up."""

import math
import os
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import openai
from tenacity import RetryCallState
from tenacity.wait import wait_random_exponential

from lvlm_eval.models.chat_answers import GarbledAnswerError
from lvlm_eval.models.secrets import SHORTEST_SECRET

LONGEST_PAUSE = 60.0
"""Seconds between two tries, where the server does not say."""

LONGEST_RETRY_AFTER = 300.0
"""Seconds; a server that asks for more is not waited for."""


def is_temporary(error: BaseException) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(error, openai.APIStatusError):
        if (_retry_after(error) or 0) > LONGEST_RETRY_AFTER or error.code == "insufficient_quota":
            return False
        return error.status_code in (408, 409, 429) or error.status_code >= 500
    return isinstance(error, openai.APIConnectionError | GarbledAnswerError)


def pause(state: RetryCallState) -> float:
    """Seconds until the next try: what the server asks for, else random and growing."""
    error = state.outcome.exception() if state.outcome else None
    asked = _retry_after(error) if isinstance(error, openai.APIStatusError) else None
    return (
        asked
        if asked is not None
        else wait_random_exponential(multiplier=0.5, max=LONGEST_PAUSE)(state)
    )


def _retry_after(error: openai.APIStatusError) -> float | None:
    """Seconds that the server asks to wait, as a number or as a date; None if it does not."""
    asked = error.response.headers.get("retry-after", "")
    try:
        seconds = float(asked)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(asked) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):
            return None
    return None if math.isnan(seconds) else max(0.0, seconds)


def one_line(error: BaseException) -> str:
    """The error and, where it says little, what caused it; without the key."""
    text = " ".join(str(error).split())
    cause = error.__cause__
    if isinstance(error, openai.APIConnectionError) and cause is not None:
        text += f" ({type(cause).__name__}: {' '.join(str(cause).split())})"
    key = os.environ.get("OPENAI_API_KEY", "")
    if len(key) >= SHORTEST_SECRET:
        text = text.replace(key, "(key)")
    return f"{type(error).__name__}: {text[:400]}"

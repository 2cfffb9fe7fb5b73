"""Reads chat completions, which servers fill in in many ways, into responses."""

from typing import Any

from openai.types.chat import ChatCompletion

from lvlm_eval.records import Response, Status

_REFUSALS = frozenset(
    {"content_filter", "refusal", "safety", "recitation", "blocklist", "prohibited_content"}
)
"""Finish reasons, in lower case, with which servers say that they will not answer."""


class GarbledAnswerError(Exception):
    """The server answered with something that is no chat completion, or not in time."""


class SilenceError(GarbledAnswerError):
    """The server did not answer in time."""


def response_of(id: str, completion: ChatCompletion) -> Response:
    """Read a completion, whatever its server makes of the format.

    Raises:
        GarbledAnswerError: it holds no answer, or the notice of an error.
    """
    notice = (getattr(completion, "model_extra", None) or {}).get("error")
    choices = getattr(completion, "choices", None)
    if not choices:
        raise GarbledAnswerError(f"no answer, but: {notice}" if notice else "no choices in it")
    choice = choices[0]
    message = choice.message
    failure = (choice.model_extra or {}).get("error")
    if failure or choice.finish_reason == "error":
        raise GarbledAnswerError(f"the server failed while answering: {failure or notice}")
    extra = message.model_extra or {}
    reasoning = extra.get("reasoning_content") or extra.get("reasoning")
    if not isinstance(reasoning, str):
        reasoning = _joined(message.content, "thinking")
    status: Status = "ok"
    if message.refusal or str(choice.finish_reason).lower() in _REFUSALS:
        status = "refused"
    elif choice.finish_reason == "length":
        status = "truncated"
    elif message.content is None and not reasoning and not choice.finish_reason:
        raise GarbledAnswerError("an answer without content and without a reason for its end")
    usage = completion.usage
    return Response(
        id=id,
        text=_text_of(message.content),
        reasoning=reasoning or None,
        finish_reason=str(choice.finish_reason) if choice.finish_reason else None,
        status=status,
        error=str(message.refusal) if message.refusal else None,
        usage=usage.model_dump(mode="json", exclude_none=True) if usage else None,
        served_model=completion.model if isinstance(completion.model, str) else None,
    )


def tokens_of(response: Response) -> float | None:
    """Tokens of the prompt and the answer together, where the server says so."""
    total = (response.usage or {}).get("total_tokens")
    return float(total) if isinstance(total, int | float) and total >= 0 else None


def _text_of(content: Any) -> str:
    """The text of a message: a string, or a list of parts of which some are text."""
    return content if isinstance(content, str) else _joined(content, "text")


def _joined(content: Any, kind: str) -> str:
    """What parts of one kind hold, in a message of several parts; parts may hold parts."""
    if not isinstance(content, list):
        return ""
    held = [one.get(kind) for one in content if isinstance(one, dict)]
    return "".join(one if isinstance(one, str) else _joined(one, "text") for one in held)

"""Reads chat completions, which servers fill in in many ways, into responses."""

from typing import Any

from openai.types.chat import ChatCompletion

from lvlm_eval.records import Response, Status


class GarbledAnswerError(Exception):
    """The server answered with something that is no chat completion, or not in time."""


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
    status: Status = "ok"
    if message.refusal or choice.finish_reason == "content_filter":
        status = "refused"
    elif choice.finish_reason == "length":
        status = "truncated"
    usage = completion.usage
    return Response(
        id=id,
        text=_text_of(message.content),
        reasoning=reasoning if isinstance(reasoning, str) else None,
        finish_reason=str(choice.finish_reason) if choice.finish_reason else None,
        status=status,
        error=str(message.refusal) if message.refusal else None,
        usage=usage.model_dump(mode="json", exclude_none=True) if usage else None,
        served_model=completion.model if isinstance(completion.model, str) else None,
    )


def _text_of(content: Any) -> str:
    """The text of a message: a string, or a list of parts of which some are text."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [one.get("text") for one in content if isinstance(one, dict)]
        return "".join(part for part in parts if isinstance(part, str))
    return ""

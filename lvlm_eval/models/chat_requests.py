"""What is sent to a chat server for a request, and how its completion is read.

One place for all ways to send it: a request's body is the same whether it goes alone or in a batch.
"""

import base64
import functools
from collections.abc import Callable, Mapping
from typing import Any

from openai.types.chat import ChatCompletion
from pydantic_core import PydanticSerializationError, to_json

from lvlm_eval.errors import InputError
from lvlm_eval.models.argument_checks import check_number, check_whole
from lvlm_eval.models.chat_answers import GarbledAnswerError, response_of
from lvlm_eval.models.letter_scores import LetterScores
from lvlm_eval.models.local.decoding import Decode, check_decode
from lvlm_eval.records import Picture, Request, Response


class ChatRequests:
    """Makes the bodies of chat completions for one model, and reads what comes back.

    Args:
        model: the name that the server knows it by.
        decode: how the model is to answer.
        temperature: None leaves the server's default.
        max_tokens: bound on the answer; None leaves the server's default.
        max_completion_tokens: sent instead of max_tokens, for models that want that name.
        detail: ``low``, ``high`` or ``auto`` image detail; None sends none.
        logprobs: keep the letters' log-probabilities also where they decide nothing.
        extra: more fields of the body; they win over the others.

    Raises:
        InputError: a value is impossible.
    """

    def __init__(
        self,
        model: str,
        decode: Decode,
        temperature: float | None,
        max_tokens: int | None,
        max_completion_tokens: int | None,
        detail: str | None,
        logprobs: bool,
        extra: Mapping[str, Any] | None,
    ) -> None:
        check_decode(decode)
        check_whole("max_tokens", max_tokens, 1, or_null=True)
        check_whole("max_completion_tokens", max_completion_tokens, 1, or_null=True)
        check_number("temperature", temperature)
        if detail not in (None, "low", "high", "auto"):
            raise InputError(f"detail is {detail!r}, expected low, high or auto.")
        if not isinstance(logprobs, bool):
            raise InputError(f"logprobs is {logprobs!r}, expected true or false.")
        if extra is not None and not isinstance(extra, Mapping):
            raise InputError(f"extra is {extra!r}, expected a JSON object.")
        self._model = model
        self._detail = detail
        body: dict[str, Any] = {"temperature": temperature, "max_tokens": max_tokens}
        if max_completion_tokens is not None:
            body["max_completion_tokens"] = max_completion_tokens
        self._letters = LetterScores(decode, logprobs)
        newer = max_completion_tokens is not None
        body |= self._letters.fields("max_completion_tokens" if newer else "max_tokens")
        body |= extra or {}
        if "max_completion_tokens" in body and "max_tokens" not in (extra or {}):
            del body["max_tokens"]
        self._fields = {name: value for name, value in body.items() if value is not None}

    def body(self, request: Request) -> bytes:
        """The whole body, as JSON.

        Raises:
            InputError: a picture of the request cannot be drawn, or its text is no Unicode.
        """
        try:
            return to_json(self._content(request))
        except PydanticSerializationError as error:
            problem = " ".join(str(error).split())
            raise InputError(f"the request cannot be written as JSON: {problem}") from error

    def _content(self, request: Request) -> dict[str, Any]:
        return {
            "model": self._model,
            "messages": self._messages(request),
            **self._letters.fields_of(request.options),
            **self._fields,
        }

    def read(
        self, request: Request, completion: ChatCompletion, tell: Callable[[str], None]
    ) -> Response:
        """Read the completion that came for a request.

        Args:
            request: what was asked.
            completion: what the client made of the server's answer.
            tell: told once if the server does not do what it was asked for.

        Raises:
            GarbledAnswerError: it is no completion, or the notice of an error.
        """
        try:
            response = response_of(request.id, completion)
            return self._letters.read(response, completion, request.options, tell)
        except GarbledAnswerError:
            raise
        except Exception as error:
            # Servers leave out or retype any field; the client does not check.
            raise GarbledAnswerError("the server's answer is no chat completion") from error

    def _messages(self, request: Request) -> list[dict[str, Any]]:
        content: list[dict[str, Any]] = []
        for picture in request.pictures:
            image: dict[str, Any] = {"url": _data_url(picture)}
            if self._detail is not None:
                image["detail"] = self._detail
            content.append({"type": "image_url", "image_url": image})
        content.append({"type": "text", "text": request.text})
        messages: list[dict[str, Any]] = [{"role": "user", "content": content}]
        if request.system is not None:
            messages.insert(0, {"role": "system", "content": request.system})
        return messages


@functools.lru_cache(maxsize=64)
def _data_url(picture: Picture) -> str:
    return f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode('ascii')}"

"""Checks that a response can be written down and read back as it is."""

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from lvlm_eval.errors import InputError
from lvlm_eval.records import Response

_RESPONSE = TypeAdapter(Response)


def recordable(response: Response) -> Response:
    """The response with nothing in it that JSON cannot hold.

    Half surrogate pairs become the replacement character; a log probability that is not finite is
    left out.

    Raises:
        InputError: a field has another type than Response says.
    """
    try:
        plain = {one.name: _plain(getattr(response, one.name)) for one in fields(Response)}
        if plain["logprobs"]:
            plain["logprobs"] = {k: p for k, p in plain["logprobs"].items() if p is not None}
        return _RESPONSE.validate_python(plain)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        message = f"{place}: {problem['msg']}, found {problem['input']!r:.60}"
    except (TypeError, AttributeError) as error:
        message = str(error)
    raise InputError(f"the model's answer to '{response.id}' cannot be recorded: {message}.")


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode() if not value.isascii() else str(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return _plain(value.item())  # a number of numpy or torch
    raise TypeError(f"{type(value).__name__} is nothing that JSON can hold")

"""Keeps keys and passwords out of everything that is written down."""

import json
import re
from collections.abc import Mapping
from typing import Any

NOT_RECORDED = "(not recorded)"
_SECRET_NAME = re.compile(r"(?:.*[_-])?(?:api)?(?:key|token|secret|password|authorization)", re.I)
_ARGUMENT = re.compile(r"(?P<before>(?:--[\w-]+=)?)(?P<name>\w+)=(?P<value>.*)", re.DOTALL)
_USER_OF_URL = re.compile(r"(?<=://)[^/@\s]*@")
_SECRETS_OF_URL = re.compile(r"([?&][^=&\s]*(?:key|token|secret|password)[^=&\s]*=)[^&\s]*", re.I)


def without_secrets(value: Any, name: str = "") -> Any:
    """A copy of a JSON-like value in which secrets are blotted out.

    A text under a name that sounds like a secret is one; so are the user and password of an
    address, and such parameters in its query.
    """
    if isinstance(value, Mapping):
        return {key: without_secrets(one, str(key)) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(one, name) for one in value]
    if isinstance(value, str):
        if _SECRET_NAME.fullmatch(name):
            return NOT_RECORDED
        return _SECRETS_OF_URL.sub(rf"\1{NOT_RECORDED}", _USER_OF_URL.sub("", value))
    return value


def word_without_secrets(word: str) -> str:
    """One word of a command line blotted: ``api_key=…``, ``extra={"key": "…"}``, an address."""
    found = _ARGUMENT.fullmatch(word)
    if found is None:
        return str(without_secrets(word))
    value = found["value"]
    try:
        inner = json.loads(value)
    except ValueError:
        inner = None
    if isinstance(inner, dict | list):
        value = json.dumps(without_secrets(inner, found["name"]))
    return f"{found['before']}{found['name']}={without_secrets(value, found['name'])}"

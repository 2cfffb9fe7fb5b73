"""Keeps keys and passwords out of everything that is written down."""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

NOT_RECORDED = "(not recorded)"

_SECRET_WORD = (
    r"(?i:keys?|apikeys?|tokens?|secrets?|passwords?|passwd|pwd|passphrase|pass|credentials?|jwt"
    r"|cookies?|bearer|auth|authorization|sig|signature)(?:[._-]?\d+)?"
)
# "api_key", "apiKey", "hf-token", but not "max_tokens", which is a number to keep.
_SECRET_NAME = re.compile(rf"(?!max_)(?:.*(?:[._-]|(?<=[a-z])(?=[A-Z])))?{_SECRET_WORD}")
_ARGUMENT = re.compile(r"(?P<before>(?:--[\w-]+=)?)(?P<name>[\w-]+)=(?P<value>.*)", re.DOTALL)
_USER_OF_URL = re.compile(r"(?<=://)\S*@")
_SECRETS_OF_URL = re.compile(rf"([?&#;][\w-]*{_SECRET_WORD}=)[^&#;\s]*")
_QUOTED = re.compile(rf"""(['"](?:[\w.-]*[._-])?{_SECRET_WORD}['"]\s*:\s*['"])[^'"]*""")
_BEARER = re.compile(r"\b(Bearer|Basic)\s+[^\s'\"]+", re.I)

SHORTEST_SECRET = 8
"""Characters; a shorter value would be found inside ordinary words."""

SHOWN_OF_SECRET = 5
"""Characters; so much of a key's beginning tells a masked key (``sk-ab***``) from other words."""


def without_secrets(value: Any, name: str = "") -> Any:
    """A copy of a JSON-like value in which secrets are blotted out.

    A text under a name that sounds like a secret is one; so are the user and password of an
    address, such parameters in its query, and what follows "Bearer".
    """
    if isinstance(value, Mapping):
        secret = _SECRET_NAME.fullmatch(name) is not None
        return {
            key: without_secrets(one, name if secret else str(key)) for key, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [without_secrets(one, name) for one in value]
    if isinstance(value, str):
        if _SECRET_NAME.fullmatch(name):
            return NOT_RECORDED
        text = _SECRETS_OF_URL.sub(rf"\1{NOT_RECORDED}", _USER_OF_URL.sub("", value))
        text = _QUOTED.sub(rf"\1{NOT_RECORDED}", text)
        return _BEARER.sub(rf"\1 {NOT_RECORDED}", text)
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


def secret_values(value: Any, name: str = "") -> tuple[str, ...]:
    """The texts in a JSON-like value that stand under the name of a secret."""
    if isinstance(value, Mapping):
        secret = _SECRET_NAME.fullmatch(name) is not None
        names = ((key, name if secret else str(key)) for key in value)
        return tuple(one for key, known in names for one in secret_values(value[key], known))
    if isinstance(value, list | tuple):
        return tuple(one for inner in value for one in secret_values(inner, name))
    known = isinstance(value, str) and _SECRET_NAME.fullmatch(name)
    return (value,) if known and len(value) >= SHORTEST_SECRET else ()


def hidden(text: str, secrets: Iterable[str]) -> str:
    """A text with these values blotted out, also where a server shows only their beginning.

    Values shorter than SHORTEST_SECRET stay: they would be found inside ordinary words.
    """
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, NOT_RECORDED)
            text = re.sub(
                rf"{re.escape(secret[:SHOWN_OF_SECRET])}[\w-]*[*.…]{{2,}}[\w-]*", NOT_RECORDED, text
            )
    return text


def without_values(value: Any, secrets: Collection[str]) -> Any:
    """A copy of a JSON-like value with these values blotted out of every text in it."""
    if isinstance(value, str):
        return hidden(value, secrets)
    if isinstance(value, Mapping):
        return {without_values(k, secrets): without_values(v, secrets) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [without_values(one, secrets) for one in value]
    return value

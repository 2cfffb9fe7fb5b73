"""Where a server is and with which key it is spoken to."""

import os
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

from lvlm_eval.errors import InputError
from lvlm_eval.models.argument_checks import read_key
from lvlm_eval.models.secrets import without_secrets

OPENAI_KEY = "OPENAI_API_KEY"


@dataclass(frozen=True, slots=True)
class ServerAccess:
    """An address and a key.

    Attributes:
        base_url: None for OpenAI's own server.
        key_env: the environment variable that holds the key.
        key: empty if the server needs none; written nowhere.
        login: ``user:password`` of the address, where it has them; written nowhere.
    """

    base_url: str | None
    key_env: str
    key: str = field(repr=False)
    login: str = field(default="", repr=False)

    @classmethod
    def of(cls, base_url: str | None, key_env: str) -> "ServerAccess":
        """Read the key, and the address if it is not given, from the environment.

        Raises:
            InputError: no key for OpenAI's own server, or the address is none.
        """
        base_url = base_url or os.environ.get("OPENAI_BASE_URL")
        key = read_key(key_env, needed=not base_url or key_env != OPENAI_KEY)
        if base_url and not base_url.startswith(("http://", "https://")):
            shown = without_secrets(base_url)
            raise InputError(f"--base-url '{shown}' does not begin with http:// or https://.")
        if base_url is None:
            return cls(base_url, key_env, key)
        address = urlsplit(base_url)
        login, _, host = address.netloc.rpartition("@")
        return cls(urlunsplit(address._replace(netloc=host)), key_env, key, unquote(login))

    @property
    def headers(self) -> Mapping[str, str]:
        """What goes with each request, beside what the client itself sends."""
        if not self.login:
            return {}
        # A server behind a login gets that instead of the key.
        return {"Authorization": f"Basic {b64encode(self.login.encode()).decode()}"}

    @property
    def where(self) -> str:
        """The server's name in messages and records, without user and password."""
        return str(without_secrets(self.base_url) or "the OpenAI server")

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be written anywhere."""
        password = self.login.partition(":")[2]
        return tuple(one for one in (self.key, password) if one)

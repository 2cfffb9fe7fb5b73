"""A secret does not survive, wherever in the arguments of a model it stands."""

import json
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st
from mutations import fuzzing

from lvlm_eval.models.secrets import (
    NOT_RECORDED,
    hidden,
    secret_values,
    without_secrets,
    word_without_secrets,
)

SECRETS = st.text("abcXYZ0189-_.~+", min_size=12, max_size=30).map("sk-{}".format)
NAMES = st.builds(
    "{}{}".format,
    st.sampled_from(["", "x-", "X_", "openai_", "OPENAI_API_", "client-", "my_own_"]),
    st.sampled_from(
        (
            *("key", "KEY", "api_key", "apiKey", "apikey", "token", "hfToken", "secret"),
            *("password", "Authorization", "auth", "credentials", "cookie", "bearer", "signature"),
        )
    ),
)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
PLAIN_NAMES = st.sampled_from(["a", "extra", "headers", "n", "max_tokens", "temperature"])


def _hides(secret: str) -> st.SearchStrategy[Any]:
    """A value that holds a secret in a place where one is known to be."""
    known = (
        st.builds(lambda name: {name: secret}, NAMES)
        | st.builds(lambda name: {name: ["x", secret]}, NAMES)
        | st.builds(f"{{}} {secret}".format, st.sampled_from(["Bearer", "bearer", "Basic"]))
        | st.builds(f"https://user:{secret}@host/{{}}".format, st.sampled_from(["", "v1?a=b"]))
        | st.builds(f"https://host/v1?a=b&{{}}={secret}&c=d".format, NAMES)
    )
    return st.recursive(
        known,
        lambda inner: (
            st.builds(lambda name, one, other: {name: one, "z": other}, PLAIN_NAMES, inner, PLAIN)
            | st.builds(lambda one, other: [other, one], inner, PLAIN)
        ),
        max_leaves=1,
    )


@st.composite
def hiding(draw: st.DrawFn) -> tuple[str, Any]:
    secret = draw(SECRETS)
    return secret, draw(_hides(secret))


@fuzzing(100)
@given(hiding())
def test_values(hidden_in: tuple[str, Any]) -> None:
    secret, value = hidden_in
    assert secret not in json.dumps(without_secrets(value))
    for found in secret_values(value):
        assert secret not in hidden(f"an error said {secret}, no {found}", [found])


@fuzzing(70)
@given(hiding(), st.sampled_from(["", "--model-arg="]))
def test_words_of_the_command_line(hidden_in: tuple[str, Any], before: str) -> None:
    secret, value = hidden_in
    assert secret not in word_without_secrets(f"{before}extra={json.dumps(value)}")


@fuzzing(70)
@given(NAMES, SECRETS, st.sampled_from(["", "--model-arg="]))
def test_arguments(name: str, secret: str, before: str) -> None:
    assert word_without_secrets(f"{before}{name}={secret}") == f"{before}{name}={NOT_RECORDED}"


@fuzzing(70)
@given(st.recursive(PLAIN, lambda inner: st.dictionaries(PLAIN_NAMES, inner), max_leaves=6))
def test_what_is_no_secret_stays(value: Any) -> None:
    text = json.dumps(value)
    assume("@" not in text)
    assert json.dumps(without_secrets(value)) == text
    assert secret_values(value) == ()

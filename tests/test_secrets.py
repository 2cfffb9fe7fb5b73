"""What sounds like a secret is blotted out, and nothing else is."""

from typing import Any

import pytest

from lvlm_eval.models.secrets import hidden, secret_values, without_secrets, word_without_secrets

OUT = "(not recorded)"


@pytest.mark.parametrize(
    "name",
    [
        "api_key",
        "apiKey",
        "API_KEY",
        "hf-token",
        "api.key",
        "api_key_2",
        "pwd",
        "jwt",
        "passphrase",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert without_secrets({name: "abcdefgh"}) == {name: OUT}
    assert without_secrets({name: {"inner": ["abcdefgh"]}}) == {name: {"inner": [OUT]}}
    assert secret_values({name: {"inner": ["abcdefgh"]}}) == ("abcdefgh",)
    assert word_without_secrets(f"extra={{'{name}': 'abcdefgh'}}") == f"extra={{'{name}': '{OUT}'}}"


@pytest.mark.parametrize("name", ["monkey", "tokenizer", "max_tokens", "keypoints", "bypass_mode"])
def test_other_names(name: str) -> None:
    assert without_secrets({name: "abcdefgh"}) == {name: "abcdefgh"}
    assert secret_values({name: "abcdefgh"}) == ()


@pytest.mark.parametrize(
    ("text", "blotted"),
    [
        ("http://user:pw@host/v1", "http://host/v1"),
        ("http://host/v1?a=1&token=abc&b=2", f"http://host/v1?a=1&token={OUT}&b=2"),
        ("http://host/v1;token=abc;b=2", f"http://host/v1;token={OUT};b=2"),
        ("sent Bearer abc.def to it", f"sent Bearer {OUT} to it"),
        ("nothing in it", "nothing in it"),
    ],
)
def test_texts(text: str, blotted: str) -> None:
    assert without_secrets(text) == blotted


@pytest.mark.parametrize(
    ("text", "blotted"),
    [
        ("key sk-canary-123 here", f"key {OUT} here"),
        ("key sk-can*****123 here", f"key {OUT} here"),
        ("key sk-canary...23 here", f"key {OUT} here"),
        ("a sk-canoe, whole", "a sk-canoe, whole"),
    ],
)
def test_values_whole_and_masked(text: str, blotted: str) -> None:
    assert hidden(text, ["sk-canary-123"]) == blotted
    short: list[Any] = ["sk-1"]
    assert hidden("a sk-1 b", short) == "a sk-1 b"

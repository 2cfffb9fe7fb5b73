"""Pair annotations, descriptions, prompts and marker styles, whatever the files hold."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from making import pair_json
from mutations import changed_json, damaged, fuzzing
from rule import check_pair, check_prompt, check_style, check_words

ROOT = Path(__file__).resolve().parents[2]
STYLE = (ROOT / "renderers" / "red-arrow.toml").read_bytes()
PROMPT = (ROOT / "prompts" / "soco.toml").read_bytes()
WORDS = {"car": {"wheel_front_left": "front left wheel", "lamp": "left lamp"}, "nose": "tip"}
WORDS_TOML = b'nose = "tip"\n[car]\nlamp = "left lamp"\nwheel = "front left wheel"\n'


def test_whole_files_are_read(tmp_path: Path) -> None:
    assert check_pair(json.dumps(pair_json()).encode())
    assert check_style(STYLE, tmp_path)
    assert check_prompt(PROMPT, tmp_path)
    assert check_words(json.dumps(WORDS).encode(), tmp_path, ".json")
    assert check_words(WORDS_TOML, tmp_path, ".toml")


@fuzzing(250)
@given(changed_json(pair_json()))
def test_pairs(content: bytes) -> None:
    check_pair(content)


@fuzzing(100)
@given(changed_json(WORDS))
def test_descriptions(tmp_path: Path, content: bytes) -> None:
    check_words(content, tmp_path, ".json")


@fuzzing(100)
@given(damaged(WORDS_TOML))
def test_descriptions_in_toml(tmp_path: Path, content: bytes) -> None:
    check_words(content, tmp_path, ".toml")


def _lines(content: bytes) -> st.SearchStrategy[bytes]:
    """The lines of a TOML file, some with another value or name, some left out or twice."""
    lines = content.splitlines(keepends=True)
    odd = st.sampled_from(ODD_TOML)
    return st.lists(
        st.tuples(st.integers(0, len(lines) - 1), st.sampled_from(["value", "name", "line"]), odd),
        max_size=3,
    ).map(lambda changes: _changed(lines, changes))


def _changed(lines: list[bytes], changes: list[tuple[int, str, bytes]]) -> bytes:
    lines = list(lines)
    for place, kind, odd in changes:
        name, sign, value = lines[place].partition(b"=")
        if kind == "line" or not sign:
            lines[place] = odd + b"\n"
        else:
            lines[place] = (name + b"= " + odd if kind == "value" else odd + b" = " + value) + b"\n"
    return b"".join(lines)


ODD_TOML = (
    *(b"", b"1", b"-1", b"0.1", b"inf", b"nan", b"1e308", b"9" * 5_000, b"true", b'""', b'"x"'),
    *(b'"\\u001b[31m"', b'"\\n"', b'"a\\u2028b"', b"[]", b"{}", b"[" * 2_000, b"[marker.x]"),
    *(b'"#ff000"', b'"arrow"', b"'''\n'''", b"1979-05-27", b'"{{ label }}"', b'"{{ nothing }}"'),
    *(b'"{{ 1 / 0 }}"', b'"{% for a in b %}"', b'"{{ ' + b"(" * 1_000 + b'"', b'"a\\nb"', b"[[a]]"),
    *(b'"' + b"{% for one in labels %}" * 30 + b"x" + b"{% endfor %}" * 30 + b'"', b"\xef\xbb\xbf"),
    *(b"\"{{ '\\ud800' }}\"", b'"{{ options }} \\\\ud800"', b"[templates]", b"[marker]", b"\xff"),
)


@fuzzing(120)
@given(_lines(STYLE) | damaged(STYLE))
def test_styles(tmp_path: Path, content: bytes) -> None:
    check_style(content, tmp_path)


@fuzzing(100)
@given(_lines(PROMPT) | damaged(PROMPT))
def test_prompts(tmp_path: Path, content: bytes) -> None:
    check_prompt(content, tmp_path)

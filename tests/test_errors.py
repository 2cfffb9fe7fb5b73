"""Messages that stay one line, whatever users' files put into them."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.errors import LONGEST_LINE, InputError, StoppedError, one_line


@pytest.mark.parametrize("kind", [InputError, StoppedError])
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a plain line, with é and 漢", "a plain line, with é and 漢"),
        ("two\nlines\r\nand \u2028more", "two lines and  more"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("half \ud83d a sign", "half \\ud83d a sign"),
        ("tab\there, \u202edetrevni", "tab\\there, \\u202edetrevni"),
        ("", ""),
    ],
)
def test_a_message_is_one_printable_line(kind, text: str, line: str) -> None:
    assert str(kind(text)) == line
    assert str(pickle.loads(pickle.dumps(kind(text)))) == line


def test_the_middle_of_an_endless_message_is_left_out() -> None:
    message = str(InputError("first " + "x" * 100_000 + " last"))
    assert len(message) < LONGEST_LINE + 10
    assert message.startswith("first x")
    assert " … " in message
    assert message.endswith("x last")


@given(st.text() | st.text("\x1b\ud800\n\u2028\x00"))
def test_any_text_fits_on_a_line(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert line.encode().decode() == line
    assert len(line) <= LONGEST_LINE + 3
    assert one_line(line) == line

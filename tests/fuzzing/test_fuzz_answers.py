"""Both parsers on any text: one against an independent scorer, the other against common sense."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mutations import fuzzing
from reference_scorer import reference_reading
from rule import check_answer

from lvlm_eval.answers import PARSERS, official, strict
from lvlm_eval.answers.wording import (
    ANSWER_WORDS,
    HYPOTHETICALS,
    LINKS,
    NEGATIONS,
    OPTION_WORDS,
    POINT_WORDS,
)

TURNED = {"A": "C", "B": "D", "C": "A", "D": "B"}
NUMBERS = {"A": "2", "B": "3", "C": "4", "D": "1"}
ODD = {"A": "", "B": "(", "C": "same", "Z": "same", "": "x", "ab": "\\d+"}
OPTIONS = st.sampled_from([TURNED, NUMBERS, ODD, {}])

# What the official rules are made of, with every sign that could matter at their edges.
OFFICIAL_WORDS = (
    *(
        "A",
        "b",
        "C",
        "d",
        "E",
        "\\boxed",
        "{",
        "}",
        "final",
        "answer",
        "is",
        ":",
        ".",
        "$",
        "point",
    ),
    *("the", "correct", " ", "  ", "\n", "\u00a0", "\u2003", "1", "z", "_", "é", "ſ", "ı", "İ"),
    *(
        "\u212a",
        "\\BOXED{A}",
        "Final Answer: ",
        "The correct answer is ",
        "B. Point C",
        "A: point ",
    ),
    *(
        "pointd",
        "FINAL\tANSWER",
        "f\u0131nal",
        "i\u017f",
        "(B)",
        "a",
        "D: Point A. Point B",
        "\x1f",
    ),
)
STRICT_WORDS = (
    *(*ANSWER_WORDS, *LINKS, *POINT_WORDS, *OPTION_WORDS, *NEGATIONS, *HYPOTHETICALS),
    *("A", "B", "C ", "d", " a ", "1", "2 ", "34", "(", ")", "[", "]", "**", "_", "`", '"', "'"),
    *(" ", "\n", ". ", ", ", ": ", "? ", "- ", "\\boxed{", "\\text{", "}", "<answer>", "</answer>"),
    *(
        "<think>",
        "</think>",
        "A. Point B\n",
        "B) x\n",
        '{"answer": "',
        "I choose ",
        "so, ",
        "Ⓑ",
        "\uff22",
    ),
    *(
        "matches ",
        "is correct",
        "or ",
        "and ",
        "/",
        "→",
        "答案\uff1a",
        "Failed to obtain answer via API",
    ),
)


def texts(words: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(words) | st.text(max_size=3), max_size=12).map("".join)


def test_the_reference_knows_the_rules() -> None:
    assert reference_reading("\\boxed{ b } final answer: C") == "B"
    assert reference_reading("final answer is $C$, D") == "C"
    assert reference_reading("I cannot find a match") == "A"
    assert reference_reading("Selected: Point A (not B)") == "D"
    assert reference_reading("the correct answer is clearly B or A") == "C"
    assert reference_reading("\n B, not A") == "B"
    assert reference_reading("I'd say B") is None


@fuzzing(700)
@given(texts(OFFICIAL_WORDS))
def test_the_official_parser_agrees_with_an_independent_one(text: str) -> None:
    assert official(text).letter == reference_reading(text)


@fuzzing(200)
@given(texts(STRICT_WORDS) | texts(OFFICIAL_WORDS), OPTIONS)
def test_both_parsers(text: str, drawn: dict[str, str]) -> None:
    check_answer(text, drawn)


@fuzzing(100)
@given(texts(STRICT_WORDS), OPTIONS)
@example("0:Z", ODD)
def test_the_strict_parser_sees_no_difference_in_outer_blanks(
    text: str, drawn: dict[str, str]
) -> None:
    readings = [strict(one, drawn, truncated=False) for one in (text.strip(), f"\n\n{text} \n")]
    assert readings[0].letter == readings[1].letter


# Repeated so often that work which grows faster than the square of a text would not end.
PUMPS = (
    *("A", "A ", "a b _", "(a) ", "[", "*", "_ ", "`", '"', "\\boxed{", "\\text{", "{", "<think>"),
    *(
        "</think>",
        "answer ",
        "answer: ",
        "the answer is ",
        "is ",
        "option ",
        "point ",
        "point a ",
        "1 ",
    ),
    *(
        "not ",
        "if ",
        "or A ",
        "B/C/",
        "A, ",
        "I would say ",
        "correspond a b ",
        "matches the ",
        "\n",
    ),
    *(
        "A. x\n",
        "- B\n",
        "\n \n",
        '"answer": ',
        '"x_',
        "答",
        "選択肢 a b ",
        "A点",
        "é",
        "ſ",
        ": ",
        "? ",
    ),
    *("final ", "final answer ", "the correct answer is ", "a. point ", "\\boxed ", "\t", "\u3000"),
)


@pytest.mark.parametrize("pump", PUMPS)
def test_long_answers_come_to_an_end(pump: str) -> None:
    text = "I think " + pump * (25_000 // len(pump)) + " B"
    for reading in (
        official(text),
        strict(text, TURNED, truncated=False),
        strict(text, NUMBERS, truncated=True),
    ):
        assert reading.letter in (None, *"ABCD")
    assert PARSERS == ("official", "strict")

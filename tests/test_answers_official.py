"""The public scorer's six rules, one by one, with the quirks that published figures rest on."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvlm_eval.answers import official

CASES = [
    # nothing there
    ("", None, "empty"),
    (None, None, "empty"),
    (" \n", None, "none"),
    ("no idea", None, "none"),
    # rule 1: boxed, the last one
    ("\\boxed{B}", "B", "boxed"),
    ("\\boxed {\n b }", "B", "boxed"),
    ("\\BOXED{c}", "C", "boxed"),
    ("\\boxed{A} and then \\boxed{D}", "D", "boxed"),
    ("\\boxed{B}, so the final answer is C", "B", "boxed"),
    ("\\boxed{\\text{B}}", "B", "lone-letter"),
    ("\\boxed{E}", None, "none"),
    # rule 2: final answer
    ("final answer: $B$", "B", "final-answer"),
    ("Final  Answer\nis C.", "C", "final-answer"),
    ("final answer D", "D", "final-answer"),
    ("final answerB", "B", "final-answer"),
    ("final answer: A, final answer: B", "B", "final-answer"),
    ("final answer: Bus or A or C", None, "none"),
    ("final answer is: B. A was wrong", None, "none"),
    ("finalanswer: B", "B", "lone-letter"),
    # rule 3: one distinct letter that stands alone
    ("(b) and B again", "B", "lone-letter"),
    ("I cannot find a matching point", "A", "lone-letter"),
    ("a_b", "A", "leading-letter"),
    ("_B_", "B", "lone-letter"),
    ("B2", None, "none"),
    ("éB", "B", "lone-letter"),
    ("I'd say B", None, "none"),
    # rule 4: letter, colon or point, "Point", letter
    ("A. Point B or C", "A", "letter-point"),
    ("Selected: Point A (not B)", "D", "letter-point"),
    ("A. Point B\nB. Point C", "B", "letter-point"),
    ("a : pointd, b, c", "A", "letter-point"),
    # rule 5: the correct answer is, with nothing needed behind
    ("The correct answer is clearly B or A", "C", "correct-answer-is"),
    ("the correct\nanswer isB or C or D", "B", "correct-answer-is"),
    # rule 6: at the very start
    ("B, not A", "B", "leading-letter"),
    ("\n  C or D", "C", "leading-letter"),
    ("- C or D", None, "none"),
    # Unicode case folding: long s is an s, dotless i is an i; other blanks are blanks
    ("final answer i\u017f B or C", "B", "final-answer"),
    ("f\u0131nal\u00a0answer: D or A", "D", "final-answer"),
    ("\u017fB or C", "C", "lone-letter"),
    # reasoning is not removed
    ("<think>A</think>B", None, "none"),
]


@pytest.mark.parametrize(("text", "letter", "rule"), CASES)
def test_rules(text, letter, rule):
    reading = official(text)
    assert (reading.letter, reading.rule) == (letter, rule)


@settings(deadline=None)
@given(st.text())
def test_any_text_gives_a_letter_or_a_reason(text):
    reading = official(text)
    assert reading.letter in (None, *"ABCD")
    assert (reading.letter is None) == (reading.rule in ("none", "empty"))


@settings(deadline=None)
@given(st.text(alphabet="efg hij.,\n"), st.sampled_from("abcdABCD"), st.text(alphabet="xyz 123"))
def test_boxed_is_found_anywhere(before, letter, after):
    reading = official(f"{before}\\boxed{{{letter}}}{after}")
    assert (reading.letter, reading.rule) == (letter.upper(), "boxed")


@pytest.mark.parametrize("start", ["final answer", "\\boxed{", "The correct answer is", "A", "x"])
def test_a_megabyte_of_blanks_comes_to_an_end(start):
    assert official(start + " " * 1_000_000).letter in (None, "A")

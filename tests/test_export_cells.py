"""Texts for the cells of a workbook: what can stay stays, and all is read as in the run."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook as Book

from lvlm_eval.answers import read
from lvlm_eval.datasets.tsv_cells import MISSING_MARKERS
from lvlm_eval.export.cells import LONGEST, length, storable, storable_forms, text_cell
from lvlm_eval.export.fitting import UNFINISHED, fitted, letters_of
from lvlm_eval.records import Prediction
from lvlm_eval.workbooks import open_workbook


def asked(text: str, status: Any = "ok", answer: str = "B") -> Prediction:
    options = {"A": "C", "B": "D", "C": "A", "D": "B"}
    return Prediction(
        "q/vis/0", "q", "vis", 0, options, answer, text=text, status=status, drawn=options
    )


def check(prediction: Prediction) -> str:
    """The text for the workbook, read there as in the run."""
    fit = fitted(prediction, prediction.options)
    assert length(fit.text) <= LONGEST
    assert storable(fit.text) == fit.text
    stored = replace(prediction, text=fit.text, status="ok")
    assert letters_of(read(stored)) == letters_of(read(prediction)) == fit.letters
    return fit.text


@pytest.mark.parametrize("status", ["ok", "truncated", "refused"])
@pytest.mark.parametrize(
    "text",
    [
        "Answer: B" + " word" * 9_000,
        "word " * 9_000 + "Answer: B",
        "word " * 9_000 + r"\boxed{C}" + " word" * 9_000,
        "A or C? " + "word " * 9_000 + "Answer: B.",
        "\U0001f600" * 20_000 + " Final answer: D",
        "Point C " * 5_000,
        "x" * 40_000,
    ],
)
def test_long_answers_are_cut_where_it_does_not_matter(text: str, status: Any) -> None:
    prediction = asked(text, status)
    stored = check(prediction)
    if status != "refused":
        assert length(stored) > LONGEST // 2
        for part in stored.removesuffix(UNFINISHED).split("\n[…]\n"):
            assert part in text


def test_the_longest_answer_that_fits() -> None:
    text = "x" * (LONGEST - 2) + " B"
    assert fitted(asked(text), {}).text == text
    assert fitted(asked("x" + text), {}).changes == {"shortened"}


def test_the_least_is_changed() -> None:
    refusal = "I'm sorry, I can't help with a point."
    assert fitted(asked(refusal, "refused"), {}).text == ""
    assert fitted(asked("I'm sorry.", "refused"), {}).text == "I'm sorry."
    cut_off = asked("It may be B", "truncated")
    assert fitted(cut_off, cut_off.options).text == "It may be B" + UNFINISHED
    assert letters_of(read(cut_off)) == {"official": "B", "strict": None}
    for closed in ("Answer: B. It", "The wheel"):
        said = asked(closed, "truncated")
        assert fitted(said, said.options).text == closed


WORDS = st.sampled_from(
    [*"ABCD", "a", "Answer: ", "\\boxed{A}", "Point B", ". ", "\n", "<think>", "</think>", "not ",
     "is correct", "\r", "\r\n", "\x00", "\x0b", "\x1c", "\ud800", "\uffff", "final answer ",
     "or ", "the wheel "]
)  # fmt: skip


@settings(max_examples=500)
@example(text="A\rnot ", status="ok")  # a line end that decides the strict reading
@example(text=". The answer is final answer B\x0c\n- A", status="ok")
@example(text="A\x1fthe wheel C\uffff", status="ok")
@given(
    text=st.lists(WORDS | st.text(max_size=4), max_size=8).map("".join),
    status=st.sampled_from(["ok", "truncated", "refused"]),
)
def test_any_answer_is_read_as_in_the_run(text: str, status: Any) -> None:
    # What a run records has no half surrogate pairs; see lvlm_eval.runs.recordable.
    check(asked(text.encode("utf-8", "replace").decode(), status))


@settings(max_examples=60)
@given(texts=st.lists(st.text(st.characters(exclude_categories=())), min_size=1, max_size=6))
def test_any_text_comes_back_from_a_cell(
    texts: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("cells") / "m_soco_lvlm_img_c.xlsx"
    book = Book(write_only=True)
    sheet = book.create_sheet()
    sheet.append(["g_index", "answer", "prediction"])
    for text in texts:
        sheet.append([1, "A", text_cell(sheet, storable(text))])
    book.save(path)
    found = [one.text for one in open_workbook(path).predictions]
    wanted = [storable(text) for text in texts]
    assert found == ["" if text in MISSING_MARKERS else text for text in wanted]
    for text, kept in zip(texts, wanted, strict=True):
        assert storable(kept) == kept
        if text.isprintable():
            assert kept == text
        for form in storable_forms(text):
            assert storable(form) == form

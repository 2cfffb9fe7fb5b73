"""Takes the text of a request apart into the cells that a table's row has for it."""

from collections.abc import Mapping
from dataclasses import dataclass

from lvlm_eval.datasets.lvlm_tables import LvlmTable, TableRow
from lvlm_eval.datasets.tsv_cells import is_blank
from lvlm_eval.errors import InputError
from lvlm_eval.prompts import Prompt
from lvlm_eval.records import Ask, Request

_BEGIN = "Question: "
_OPTIONS = "\nOptions:\n"
_END = "\nPlease select the correct answer from the options above. \n"

BUILT_IN = "toolkit"
"""Name of the built-in prompt whose texts have the form of a row."""


@dataclass(frozen=True, slots=True)
class RowTexts:
    """The cells that a request's text is made from.

    Attributes:
        question: the column ``question``.
        options: option letter → the text of its column.
    """

    question: str
    options: Mapping[str, str]


def row_texts(request: Request, ask: Ask, prompt: Prompt) -> RowTexts:
    """Split a request's text, and make sure that a reader of the table gets the same text again.

    Args:
        request: of a question that is to be written into a table.
        ask: the row of the plan that it was made from.
        prompt: what worded it.

    Raises:
        InputError: the prompt has a system text, or words requests in another form than a row's;
            the message says what to do.
    """
    if request.system is not None:
        raise InputError(
            f"prompt '{prompt.name}' has a system text, which a table cannot carry. "
            f"Use --prompt {BUILT_IN}, or take the system text out."
        )
    found = _split(request.text)
    if found is None or _worded(found, ask) != request.text:
        raise InputError(
            f"prompt '{prompt.name}' words a request in another form than the row of a table "
            '("Question: …", "Options:", the options, "Please select the correct answer from '
            f'the options above. " and a line feed). Use --prompt {BUILT_IN}, or a copy of that '
            "prompt with your own words (a template loses the last blank)."
        )
    for letter, label in ask.drawn.items():
        if found.options.get(letter) != f"Point {label}" or label != label.strip():
            raise InputError(
                f"prompt '{prompt.name}' writes option {letter} as "
                f"'{found.options.get(letter, '')}', and a table's option has to read "
                f"'Point {label}', or its point could not be told. Use --prompt {BUILT_IN}."
            )
    if is_blank(found.question):
        raise InputError(
            f"prompt '{prompt.name}' gives '{found.question}' as the question of '{ask.question}', "
            f"which a reader of the table takes for an empty cell. Use --prompt {BUILT_IN}."
        )
    return found


def _split(text: str) -> RowTexts | None:
    if not (text.startswith(_BEGIN) and text.endswith(_END)):
        return None
    question, found, listed = text[len(_BEGIN) : -len(_END)].rpartition(_OPTIONS)
    lines = [line.partition(". ") for line in listed.split("\n")]
    if not found or not all(dot and len(letter) == 1 for letter, dot, _ in lines):
        return None
    return RowTexts(question, {letter: text for letter, _, text in lines})


def _worded(texts: RowTexts, ask: Ask) -> str:
    """The request as it is worded for a row of these cells."""
    return LvlmTable.request_text(
        TableRow(
            number=1,
            index="0",
            group="0",
            qid=ask.question,
            category="",
            question=texts.question,
            options=dict(sorted(texts.options.items())),
            answer=ask.answer,
            offset=0,
            length=0,
        )
    )

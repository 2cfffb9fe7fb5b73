"""Writes what is shown as compact JSON: lists of numbers, every text and picture once."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lvlm_eval.records import SETTINGS, Question
from lvlm_eval.report.page.browser.collecting import Answer, Shown, Taken
from lvlm_eval.report.page.browser.states import Place
from lvlm_eval.report.page.browser.texts import Kept, TextTable, length_that_fits
from lvlm_eval.report.page.browser.thumbnails import Thumbnails

TEXT_SHARE = 0.6
"""Share of the page that answers may take, before they are cut shorter."""


@dataclass(frozen=True, slots=True)
class ShownRun:
    """One run in the browser.

    Attributes:
        id: its id in the page.
        label: its label.
        control: whether it was asked under a control; such a run disagrees with none.
        states: place → bits of how it did.
        taken: its answers.
        look: place → how it was asked; runs that were asked alike share one object.
    """

    id: str
    label: str
    control: bool
    states: Mapping[Place, int]
    taken: Taken
    look: Mapping[Place, Shown]


def document(
    runs: Sequence[ShownRun], thumbnails: Thumbnails, page_bytes: int
) -> tuple[dict[str, Any], int]:
    """The data of the section, but for the pictures' addresses.

    Returns:
        The document, and the number of characters that answers are cut to. Its parts:
        ``texts``; ``questions``: ``[id, category, super-category, query's name, concept, words,
        right label, [[label, name, concept], …]]``; ``entries``: ``[question, setting, [run, …],
        [look, …]]``, a run being ``[run, state, look, [answer, …]]``, a look ``[why, [[system,
        user], …], [[picture, …], …]]`` with texts as lists of lines. An answer is ``[status, right
        letter, right label, text, reasoning, finish, error, [letter, label, rule, right], …]``.
        Numbers stand for texts, and for questions, runs and pictures by their place.
    """
    length = length_that_fits(set(_long_texts(runs)), int(TEXT_SHARE * page_bytes))
    table = TextTable(length)
    places = _places(runs)
    numbers: dict[str, int] = {}
    questions: list[Any] = []
    entries = []
    for place in places:
        if place[0] not in numbers:
            numbers[place[0]] = len(questions)
            questions.append(_question(_of(runs, place[0]), table))
        own, looks = [], list[Shown]()
        for number, run in enumerate(runs):
            if place not in run.taken.answers:
                continue
            shown = run.look[place]
            if shown not in looks:
                looks.append(shown)
            answers = [_answer(one, table) for one in run.taken.answers[place]]
            own.append([number, run.states[place], looks.index(shown), answers])
        asked = [_look(one, table, thumbnails) for one in looks]
        entries.append([numbers[place[0]], SETTINGS.index(place[2]), own, asked])
    made = {
        "settings": list(SETTINGS),
        "runs": [[one.id, one.label, int(one.control)] for one in runs],
        "questions": questions,
        "entries": entries,
        "texts": table.texts,
        "sizes": thumbnails.sizes,
    }
    return made, length


def bytes_of(value: Any) -> int:
    """What a value takes as JSON in the page."""
    return len(json.dumps(value, separators=(",", ":")))


def _long_texts(runs: Iterable[ShownRun]) -> Iterable[Kept]:
    for run in runs:
        for answers in run.taken.answers.values():
            for one in answers:
                yield from (one.text, one.reasoning, one.error)


def _places(runs: Iterable[ShownRun]) -> list[Place]:
    """Every place once, by category, question and setting."""
    category = {key: one.category for run in runs for key, one in run.taken.questions.items()}
    found = {place for run in runs for place in run.taken.answers}
    return sorted(found, key=lambda one: (category[one[0]], one[1], one[0], SETTINGS.index(one[2])))


def _of(runs: Iterable[ShownRun], key: str) -> Question:
    return next(one.taken.questions[key] for one in runs if key in one.taken.questions)


def _question(one: Question, table: TextTable) -> list[Any]:
    query = one.query
    return [
        table.add(one.id),
        table.add(one.category),
        table.add(one.supercategory),
        table.add(query.name if query else None),
        table.add(query.concept if query else None),
        table.add(one.description),
        table.add(one.answer),
        [[table.add(c.label), table.add(c.name), table.add(c.concept)] for c in one.candidates],
    ]


def _answer(one: Answer, table: TextTable) -> list[Any]:
    texts: tuple[str | Kept, ...] = (
        *(one.status, one.right_letter, one.right_label, one.text, one.reasoning, one.finish),
        one.error,
    )
    readings = [
        [table.add(letter), table.add(label), table.add(rule), int(right)]
        for letter, label, rule, right in one.readings
    ]
    return [*(table.add(text) for text in texts), *readings]


def _look(one: Shown, table: TextTable, thumbnails: Thumbnails) -> list[Any]:
    texts = [[table.lines(system), table.lines(user)] for system, user in one.texts]
    pictures = [[thumbnails.number(name) for name in names] for names in one.pictures]
    # Where the rotations turn the options, all of them show the same pictures.
    if pictures and all(names == pictures[0] for names in pictures):
        pictures = pictures[:1]
    return [table.add(one.why), texts, pictures]

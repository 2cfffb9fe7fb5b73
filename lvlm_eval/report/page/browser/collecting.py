"""Takes from a run what is shown of the chosen questions: answers, texts, pictures."""

import os
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from lvlm_eval.recorded_run import RecordedRun
from lvlm_eval.records import Prediction, Question, ScoredRow
from lvlm_eval.report.page.browser.redrawing import Look
from lvlm_eval.report.page.browser.states import Place, groups_of
from lvlm_eval.report.page.browser.texts import Kept
from lvlm_eval.report.page.browser.thumbnails import Thumbnails

MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one row.

    Attributes:
        status: as recorded, or ``missing``.
        right_letter: the option letter to name; empty where the data tells none.
        right_label: of the point behind it.
        text: the answer.
        reasoning: apart from it, if any.
        readings: of each parser, the headline one first: letter (None without one), the label
            behind it, rule, right or wrong; empty where there is nothing to read.
        finish: why the model stopped, as it said.
        error: of a request that failed or was refused.
    """

    status: str
    right_letter: str
    right_label: str
    text: Kept
    reasoning: Kept
    readings: tuple[tuple[str | None, str, str, bool], ...]
    finish: str
    error: Kept


@dataclass(frozen=True, slots=True)
class Shown:
    """How a question was asked in one setting.

    Attributes:
        texts: see `Remade`.
        pictures: of each rotation the names of its thumbnails; empty where not at hand.
        why: see `Remade`.
    """

    texts: tuple[tuple[str | None, str], ...]
    pictures: tuple[tuple[str, ...], ...]
    why: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What is shown of one run.

    Attributes:
        answers: of each place, in order of rotation.
        questions: key → question.
    """

    answers: Mapping[Place, tuple[Answer, ...]]
    questions: Mapping[str, Question]


def take(run: RecordedRun, keys: Collection[str]) -> Taken:
    """The answers of a run to some questions.

    Args:
        run: as it is recorded.
        keys: of the questions.
    """
    answers: dict[Place, tuple[Answer, ...]] = {}
    questions = {}
    for place, rows in groups_of(run).items():
        if place[0] in keys:
            questions[place[0]] = run.questions[place[1]]
            answers[place] = tuple(_answer(run.prediction(row), read) for row, read in rows)
    return Taken(answers, questions)


def _answer(said: Prediction | None, read: ScoredRow) -> Answer:
    nothing = Kept.of("")
    if said is None:
        return Answer(MISSING, "", "", nothing, nothing, (), "", nothing)
    readings = tuple(
        (one.letter, said.options.get(one.letter or "", ""), one.rule, read.correct[parser])
        for parser, one in sorted(read.readings.items())
    )
    return Answer(
        status=said.status,
        right_letter=said.answer,
        right_label=said.options.get(said.answer, ""),
        text=Kept.of(said.text),
        reasoning=Kept.of(said.reasoning or ""),
        readings=readings,
        finish=said.finish_reason or "",
        error=Kept.of(said.error or ""),
    )


def show(
    look: Look, places: Collection[Place], thumbnails: Thumbnails | None
) -> dict[Place, Shown]:
    """How a run's questions were asked, drawn on all processors.

    Args:
        look: makes the requests again.
        places: questions and settings.
        thumbnails: takes the pictures; None makes none.
    """

    def one(place: Place) -> Shown:
        made = look.remade(place[1], place[2], thumbnails is not None)
        names = () if thumbnails is None else tuple(map(thumbnails.make, made.pictures))
        return Shown(made.texts, names, made.why)

    source = look.source
    if source is None or thumbnails is None:
        return {place: one(place) for place in places}
    asks = [ask for place in places for ask in look.asks(place[1], place[2])]
    with source.working(asks), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return dict(zip(places, pool.map(one, places), strict=True))

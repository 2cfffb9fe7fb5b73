"""Models with a planted fault, and runs of them: by the project's own run, on disk, in memory."""

import functools
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lvlm_eval.models import Adapter
from lvlm_eval.models.registry import BuiltModel
from lvlm_eval.prices import Spending
from lvlm_eval.recorded_run import RecordedRun
from lvlm_eval.records import (
    LETTERS,
    Ask,
    Candidate,
    Control,
    ImageInfo,
    PlannedRow,
    Prediction,
    Query,
    Question,
    Request,
    Response,
    Setting,
)
from lvlm_eval.requests import RequestSource
from lvlm_eval.runs import Job, run
from lvlm_eval.runs.folder import (
    PREDICTIONS,
    Manifest,
    PredictionWriter,
    RecordedAnswers,
    write_manifest,
    write_questions,
)
from lvlm_eval.runs.jobs import DrawingChoices, open_source

Behaviour = Callable[[Question, Ask, str], str]
"""Question, row and seed → text of the answer."""


@functools.cache
def sample() -> RequestSource:
    return open_source("sample", DrawingChoices(), None)


# --- models -------------------------------------------------------------------------------------


def chance(*words: object) -> random.Random:
    """Random numbers that depend on nothing but these words."""
    return random.Random("/".join(map(str, words)))


def always(letter: str) -> Behaviour:
    return lambda question, ask, seed: letter


def guess(question: Question, ask: Ask, seed: str) -> str:
    return chance(seed, ask.id).choice(LETTERS)


def keep_a_guess(question: Question, ask: Ask, seed: str) -> str:
    return letter_of(ask, chance(seed, question.id, ask.setting).choice(labels_of(question)))


def keep_a_letter(question: Question, ask: Ask, seed: str) -> str:
    return chance(seed, question.id, ask.setting).choice(LETTERS)


def able(share: float, by_row: bool = False) -> Behaviour:
    """Right in a share of the questions, else at some wrong point that it keeps; or row by row."""

    def answer(question: Question, ask: Ask, seed: str) -> str:
        dice = chance(seed, ask.id if by_row else (question.id, ask.setting))
        if dice.random() < share:
            return ask.answer
        return letter_of(
            ask, dice.choice([one for one in labels_of(question) if not_it(question, one)])
        )

    return answer


def not_it(question: Question, label: str) -> bool:
    return label != question.answer


def drawn_letter(question: Question, ask: Ask, seed: str) -> str:
    """Sees the right point in nine of ten questions and says the letter that is drawn there."""
    label = ask.options[able(0.9)(question, ask, seed)]
    return next(ask.drawn[letter] for letter, one in ask.options.items() if one == label)


def mixes_up(*sides: str, otherwise: float = 0.9) -> Behaviour:
    """Takes the point whose name has the other side, where there is one; else is mostly right."""
    swap = dict(zip(sides, reversed(sides), strict=True))

    def answer(question: Question, ask: Ask, seed: str) -> str:
        assert question.query is not None
        twin = "_".join(swap.get(word, word) for word in question.query.name.split("_"))
        for one in question.candidates:
            if one.name == twin != question.query.name:
                return letter_of(ask, one.label)
        return able(otherwise)(question, ask, seed)

    return answer


def nearest_if_wrong(question: Question, ask: Ask, seed: str) -> str:
    """Right in six of ten questions, else at the point nearest to the right one."""
    letter = able(0.6)(question, ask, seed)
    if letter == ask.answer:
        return letter
    (right,) = [one for one in question.candidates if one.label == question.answer]
    others = [one for one in question.candidates if one is not right]

    def apart(one: Candidate) -> float:
        return (one.x - right.x) ** 2 + (one.y - right.y) ** 2

    return letter_of(ask, min(others, key=apart).label)


def sometimes(share: float, text: Behaviour, else_: Behaviour) -> Behaviour:
    def answer(question: Question, ask: Ask, seed: str) -> str:
        rare = chance("rare", seed, ask.id).random() < share
        return (text if rare else else_)(question, ask, seed)

    return answer


def garbage(question: Question, ask: Ask, seed: str) -> str:
    return chance(seed, ask.id, "garbage").choice(
        ("The photo shows two vehicles.", "", "I'm sorry, but", "���� ####", "Both B and C fit.")
    )


def labels_of(question: Question) -> list[str]:
    return [one.label for one in question.candidates]


def letter_of(ask: Ask, label: str) -> str:
    return next(letter for letter, one in ask.options.items() if one == label)


# --- runs ---------------------------------------------------------------------------------------


class Simulated(Adapter):
    """A real adapter: what a behaviour does, with the right answer known from the source."""

    chunk = 4096
    needs_pictures = False

    def __init__(self, source: RequestSource, behaviour: Behaviour, seed: str) -> None:
        self._questions = {one.id: one for one in source.questions}
        self._source, self._behaviour, self._seed = source, behaviour, seed

    def answer(self, requests: Sequence[Request]) -> Iterable[Response]:
        for request in requests:
            question = self._questions[request.question]
            ask = self._source.asks(question, request.setting)[request.rotation]
            yield Response(request.id, text=self._behaviour(question, ask, self._seed))


class Unwatched:
    """A Watcher that looks away."""

    def start(self, total: int, done: int) -> None: ...

    def answered(self, prediction: Prediction) -> None: ...

    def spent(self, spending: Spending) -> None: ...

    def note(self, line: str) -> None: ...


def run_on_sample(
    folder: Path, behaviour: Behaviour, seed: str, settings: tuple[Setting, ...] = ("vis",)
) -> Path:
    """A run of the project's own, on the bundled data."""
    model = BuiltModel("simulated", Simulated(sample(), behaviour, seed), {})
    call = {"data_name": "sample"}
    outcome = run(Job(sample(), model, settings, None, folder, recorded=call), Unwatched())
    assert outcome.failed == 0
    return folder


def rotations(question: Question, setting: Setting = "vis") -> tuple[Ask, ...]:
    """As the sample's, for questions that come from no dataset."""
    labels = labels_of(question)
    asks = []
    for turn in range(len(labels)):
        options = dict(zip(LETTERS, labels[turn:] + labels[:turn], strict=True))
        answer = next(letter for letter, one in options.items() if one == question.answer)
        id = f"{question.id}/{setting}/{turn}"
        asks.append(Ask(id, question.id, setting, turn, options, options, answer))
    return tuple(asks)


def recorded(
    behaviour: Behaviour,
    seed: object = 0,
    questions: Sequence[Question] | None = None,
    settings: Sequence[Setting] = ("vis",),
    control: Control | None = None,
    repeats: int = 1,
    model: str = "simulated",
    change: Callable[[Question, Prediction], Prediction | None] = lambda question, one: one,
    **identity: Any,
) -> RecordedRun:
    """A run in memory, of the sample's questions unless others are given.

    Repeats are answered with other seeds; ``change`` may alter what is recorded, or leave it out.
    """
    asked = sample().questions if questions is None else questions
    planned = {
        one.id: replace(
            one,
            rows=dict.fromkeys(settings, 4),
            control=control,
            repeats=dict.fromkeys(settings, repeats),
        )
        for one in asked
    }
    by_id: dict[str, Prediction] = {}
    for question in planned.values():
        for setting in settings:
            for ask in rotations(question, setting):
                for repeat in range(repeats):
                    again = f"{seed}" if not repeat else f"{seed} again {repeat}"
                    one = change(
                        question,
                        Prediction(
                            id=PlannedRow(question.id, setting, ask.rotation, control, repeat).id,
                            question=question.id,
                            setting=setting,
                            rotation=ask.rotation,
                            options=ask.options,
                            answer=ask.answer,
                            text=behaviour(question, ask, again),
                            drawn=ask.drawn,
                            repeat=repeat,
                        ),
                    )
                    if one is not None:
                        by_id[one.id] = one
    whole = {"protocol": "options", "model": {"name": model}, **identity}
    if control:
        whole["control"] = control
    manifest = Manifest(whole, {"calls": [{"data_name": "sample"}]})
    return RecordedRun(Path(f"{control or 'main'}"), manifest, planned, RecordedAnswers(by_id))


def written(run: RecordedRun, folder: Path) -> Path:
    """The same as a folder, written by the project's own writers."""
    folder.mkdir(parents=True)
    write_manifest(folder, run.manifest)
    write_questions(folder, list(run.questions.values()))
    writer = PredictionWriter(folder / PREDICTIONS)
    for one in run.recorded.by_id.values():
        writer.write(one)
    writer.close()
    return folder


def made_questions(number: int, seed: object = 0) -> list[Question]:
    """Questions on objects with wheels, lamps, handles and hinges, each of several instances."""
    questions = []
    names = [
        *(f"wheel_{end}_{side}" for end in ("front", "rear") for side in ("left", "right")),
        *(f"lamp_{end}_{side}" for end in ("front", "rear") for side in ("left", "right")),
        *(f"hinge_{height}_{side}" for height in ("upper", "lower") for side in ("left", "right")),
        *("roof_middle", "handle_1", "handle_2", "handle_3"),
    ]
    for place in range(number):
        dice = chance("made", seed, place)
        size = (400 + 10 * dice.randrange(20), 300)
        box = (20.0, 10.0, 100.0 + dice.randrange(280), 280.0)
        chosen = dice.sample(names, 4)
        candidates = tuple(
            Candidate(
                label, name, name.split("_")[0], dice.uniform(0, size[0]), dice.uniform(0, size[1])
            )
            for label, name in zip(LETTERS, chosen, strict=True)
        )
        right = dice.choice(candidates)
        assert right.name is not None
        questions.append(
            Question(
                id=f"made/{place}",
                pair=None,
                pair_group=None,
                category=("car", "bus", "cart")[place % 3],
                supercategory="transportation",
                source=ImageInfo("source.png", size, box),
                target=ImageInfo("target.png", size, box),
                query=Query(right.name, right.concept, 1.0, 2.0),
                candidates=candidates,
                answer=right.label,
                description=None,
                description_source=None,
            )
        )
    return questions


def placed(
    id: str, points: Sequence[tuple[str, float, float]], answer: str, box: Any = (0, 0, 60, 80)
) -> Question:
    """A question of four named points (px) on a photo of 200×100 px; concepts are first words."""
    candidates = tuple(
        Candidate(label, name, name.split("_")[0], x, y)
        for label, (name, x, y) in zip(LETTERS, points, strict=True)
    )
    right = candidates[LETTERS.index(answer)]
    assert right.name is not None
    info = ImageInfo("photo.png", (200, 100), box)
    query = Query(right.name, right.concept, 0.0, 0.0)
    return Question(
        *(id, None, None, "car", "transportation", info, info, query, candidates, answer, None),
        description_source=None,
    )


def points(told: dict[str, str]) -> Behaviour:
    """Question → the labels of the points that are chosen in its four rotations."""
    return lambda question, ask, seed: letter_of(ask, told[question.id][ask.rotation])


def letters(told: dict[str, str]) -> Behaviour:
    """Question → the letters that are answered in its four rotations; ``?`` for none."""
    return lambda question, ask, seed: told[question.id][ask.rotation].replace("?", "Hm.")

"""Runs whose questions and answers are told one by one, for tests of the browser of questions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from report_runs import call, identity

from lvlm_eval.records import LETTERS, Candidate, Prediction, Query, Question, Setting
from lvlm_eval.runs.folder import (
    PREDICTIONS,
    Manifest,
    PredictionWriter,
    write_manifest,
    write_questions,
)

CONCEPTS = ("wheel", "wheel", "lamp", "mirror")
"""Of points A to D; A is right."""


def question(
    id: str, category: str = "car", settings: Sequence[Setting] = ("vis",), rotations: int = 4
) -> Question:
    """A question for a wheel, with another wheel, a lamp and a mirror to choose from."""
    candidates = tuple(
        Candidate(label, f"{concept}_{label}", concept, 10.0 * place, 5.0)
        for place, (label, concept) in enumerate(zip(LETTERS, CONCEPTS, strict=True))
    )
    return Question(
        id, None, category, category, "transportation", None, None,
        Query("wheel_A", "wheel", 1.0, 2.0), candidates, "A", "front wheel", None,
        dict.fromkeys(settings, rotations),
    )  # fmt: skip


def options(rotation: int) -> dict[str, str]:
    return {letter: LETTERS[(place + rotation) % 4] for place, letter in enumerate(LETTERS)}


def letter_of(label: str, rotation: int) -> str:
    return next(letter for letter, one in options(rotation).items() if one == label)


def says(one: Question, labels: str, setting: Setting = "vis", **changed: Any) -> list[Prediction]:
    """Answers of a question's rotations: a label is pointed at, ``?`` says nothing to be read,
    ``!`` fails, a blank is never asked."""
    found = []
    for rotation, label in enumerate(labels):
        if label == " ":
            continue
        text = letter_of(label, rotation) if label in LETTERS else "I cannot tell."
        failed = {"status": "error", "error": "the server went away", "text": ""}
        fields: dict[str, Any] = {"text": text, **changed, **(failed if label == "!" else {})}
        found.append(
            Prediction(
                f"{one.id}/{setting}/{rotation}", one.id, setting, rotation, options(rotation),
                letter_of("A", rotation), drawn=options(rotation), **fields,
            )
        )  # fmt: skip
    return found


def write_run(
    folder: Path,
    answers: Mapping[Question, Sequence[Prediction]] | Sequence[tuple[Question, list[Prediction]]],
    model: str = "tiny",
    **changed: Any,
) -> Path:
    """Write a run of these questions with these answers."""
    listed = list(answers.items()) if isinstance(answers, Mapping) else list(answers)
    folder.mkdir(parents=True)
    write_manifest(folder, Manifest(identity(model, **changed), {"calls": [call(data="gone")]}))
    write_questions(folder, [replace(one) for one, _ in listed])
    writer = PredictionWriter(folder / PREDICTIONS)
    for _, own in listed:
        for prediction in own:
            writer.write(prediction)
    writer.close()
    return folder

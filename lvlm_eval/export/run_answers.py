"""The answers of a run by question, and which questions are answered in full."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lvlm_eval.errors import InputError
from lvlm_eval.provenance import EXPORT_RECORD
from lvlm_eval.records import SETTINGS, PlannedRow, Prediction, Question, Setting
from lvlm_eval.runs.folder import MANIFEST, read_manifest, read_predictions, read_questions


@dataclass(frozen=True, slots=True)
class Group:
    """A question in one setting with its rows, in the order of their rotations."""

    question: Question
    rows: tuple[Prediction, ...]


@dataclass(frozen=True, slots=True)
class RunAnswers:
    """What a run's folder holds.

    Attributes:
        model: its name.
        identity: everything that decided the answers.
        day: of the newest answer, UTC, ``yyyymmdd``.
        questions: all planned questions.
        complete: setting → questions of which every planned row has an answer.
        incomplete: setting → ids of the questions with a failed or missing row.
        unreadable: lines that are no answer, left alone.
    """

    model: str
    identity: Mapping[str, Any]
    day: str
    questions: tuple[Question, ...]
    complete: Mapping[Setting, tuple[Group, ...]]
    incomplete: Mapping[Setting, tuple[str, ...]]
    unreadable: int


def read_run(folder: Path) -> RunAnswers:
    """Read a run's folder.

    Raises:
        InputError: it holds no run, a part of it cannot be read, or it has no answer yet.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise InputError(f"{folder} has no {MANIFEST}: it is not the folder of a run.")
    questions = read_questions(folder)
    recorded = read_predictions(folder)
    answered = {id: one for id, one in recorded.by_id.items() if one.status != "error"}
    complete: dict[Setting, tuple[Group, ...]] = {}
    incomplete: dict[Setting, tuple[str, ...]] = {}
    for setting in SETTINGS:
        planned = [one for one in questions if one.rows.get(setting)]
        groups = [(one, _rows(one, setting, answered)) for one in planned]
        if groups:
            complete[setting] = tuple(Group(one, rows) for one, rows in groups if rows)
            incomplete[setting] = tuple(one.id for one, rows in groups if not rows)
    if not answered or not complete:
        raise InputError(f"{folder} has no answers yet. Run the command that made it again.")
    return RunAnswers(
        model=str(manifest.identity["model"]["name"]),
        identity=manifest.identity,
        day=_newest_day(answered.values(), manifest.recorded["calls"]),
        questions=questions,
        complete=complete,
        incomplete=incomplete,
        unreadable=sum(recorded.unreadable.values()),
    )


def exportable_settings(
    answers: RunAnswers, wanted: Sequence[Setting] | None, leave_out: bool
) -> tuple[tuple[Setting, ...], tuple[str, ...]]:
    """Which settings can be exported, and what a user should know about them.

    To the public scorer a missing answer is a wrong one, so a question with a failed or missing row
    is never exported.

    Args:
        answers: of a run.
        wanted: settings to export; None for all that were asked.
        leave_out: the user wants the complete questions alone.

    Returns:
        The settings that have a complete question, and lines on what is left out.

    Raises:
        InputError: a setting was not asked, questions are incomplete and not to be left out, or no
            question is complete.
    """
    asked = tuple(answers.complete)
    if missing := [one for one in wanted or () if one not in asked]:
        raise InputError(f"--setting {','.join(missing)}: the run asked {', '.join(asked)} only.")
    settings = tuple(one for one in asked if wanted is None or one in wanted)
    counts = {one: (len(answers.incomplete[one]), len(answers.complete[one])) for one in settings}
    said = ", ".join(
        f"{lacking} of {lacking + whole} in {one}"
        for one, (lacking, whole) in counts.items()
        if lacking
    )
    if said and not leave_out:
        raise InputError(
            f"questions with a failed or missing answer: {said}. The public scorer would count "
            "them as wrong. Run the same command again to ask them, or give --incomplete to leave "
            "them out."
        )
    left = tuple(one for one, (_, whole) in counts.items() if whole)
    if not left:
        raise InputError(f"no question has all its answers: {said} lack some.")
    notes = [f"left out, as an answer failed or is missing: {said} questions"] if said else []
    if control := answers.identity.get("control"):
        notes.append(
            f"these are answers under the control '{control}'; only {EXPORT_RECORD} beside them "
            "says so"
        )
    if any(one.repeats for one in answers.questions):
        notes.append("of rows that were asked several times only the first answers are exported")
    if answers.unreadable:
        notes.append(f"{answers.unreadable} unreadable lines were left alone (torn by a crash?)")
    return left, tuple(notes)


def _rows(
    question: Question, setting: Setting, answered: Mapping[str, Prediction]
) -> tuple[Prediction, ...]:
    """All planned rows of a question, or none if one has no answer."""
    rows = tuple(
        answered[id]
        for place in range(question.rows[setting])
        if (id := PlannedRow(question.id, setting, place, question.control).id) in answered
    )
    return rows if len(rows) == question.rows[setting] else ()


def _newest_day(answers: Iterable[Prediction], calls: Iterable[Mapping[str, Any]]) -> str:
    """Of the answers, or of the calls where no answer has a time."""
    times = [one.at for one in answers if one.at] or [str(one.get("at")) for one in calls]
    days = [time[:10] for time in times if re.match(r"\d{4}-\d\d-\d\d", time)]
    return max(days, default="1970-01-01").replace("-", "")

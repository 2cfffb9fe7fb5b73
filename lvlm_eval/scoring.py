"""Scores recorded answers again, offline: run folders and the public toolkit's workbooks."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lvlm_eval.answers import read
from lvlm_eval.errors import InputError
from lvlm_eval.exclusions import check_known, left_out_note, read_ids
from lvlm_eval.metrics import Metrics, score
from lvlm_eval.provenance import DRAWN_ANEW, control_exported, is_drawn_anew, was_exported
from lvlm_eval.recorded_run import RecordedRun, opened_run, read_run
from lvlm_eval.records import PlannedRow, Question, ScoredRow
from lvlm_eval.reference import unlike_release
from lvlm_eval.runs.folder import (
    ANSWERS,
    MANIFEST,
    METRICS,
    RecordedAnswers,
    write_answers,
    write_whole,
)

if TYPE_CHECKING:
    from lvlm_eval.workbooks import Workbook


@dataclass(frozen=True, slots=True)
class Scored:
    """The figures of one model on one dataset.

    Attributes:
        model: its name.
        data: the dataset's name.
        place: folder or file that the answers are in.
        not_comparable_because: why the figures do not compare with the published ones; empty if
            they do.
        metrics: the figures.
        notes: what went wrong beside the figures, a line each.
    """

    model: str
    data: str
    place: Path
    not_comparable_because: str
    metrics: Metrics
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The document that ``--json`` prints: ``metrics.json`` with a heading."""
        return {
            "model": self.model,
            "data": self.data,
            "place": str(self.place),
            "not_comparable_because": self.not_comparable_because or None,
            **self.metrics.to_json(),
        }


def score_input(path: Path, exclude: Path | None = None) -> tuple[Scored, ...]:
    """Score whatever the user names: a run, a workbook, or a folder of runs or of workbooks.

    Args:
        path: what to score.
        exclude: file with ids of questions to leave out, of runs alone; nothing is written then.

    Raises:
        InputError: it is none of these, or cannot be read.
    """
    if exclude is not None:
        if path.suffix.lower() == ".xlsx" or (path.is_dir() and not (path / MANIFEST).is_file()):
            raise InputError(f"--exclude is for runs, and {path} is none. Give a run's folder.")
        with opened_run(path) as run:
            return (_excluding(run, exclude),)
    # What reads spreadsheets takes a fifth of a second to import, and a run has no use for it.
    from lvlm_eval.workbooks import find_workbooks, open_workbook

    if path.is_file() and path.suffix.lower() == ".xlsx":
        return (_score_workbooks((open_workbook(path),), path),)
    if path.is_file() and path.suffix.lower() == ".zip":
        from lvlm_eval.runs.merging import unpacked

        with unpacked(path) as folder:
            return (replace(score_run(folder), place=path),)
    if (path / MANIFEST).is_file():
        return (score_run(path),)
    if path.is_dir():
        runs = sorted(manifest.parent for manifest in path.glob(f"*/{MANIFEST}"))
        if runs:
            return tuple(score_run(run) for run in runs)
        by_model: dict[str, list[Workbook]] = {}
        for found in find_workbooks(path):
            by_model.setdefault(found.model, []).append(open_workbook(found.path, found.setting))
        if by_model:
            return tuple(_score_workbooks(by_model[model], path) for model in sorted(by_model))
        raise InputError(
            f"{path} is neither a run (no {MANIFEST}) nor a folder of runs, nor one of the public "
            "toolkit's workbooks "
            "(<model>/T<date>_<commit>/<model>_soco_lvlm_{img,imgtxt,txt}_c.xlsx)."
        )
    what = "is no run folder and no .xlsx workbook" if path.exists() else "does not exist"
    raise InputError(
        f"{path} {what}. Give a folder below results/, an .xlsx file, or a merged run (.zip)."
    )


def score_run(folder: Path, recorded: RecordedAnswers | None = None) -> Scored:
    """Score a run's folder, and write ``answers.jsonl`` and ``metrics.json`` into it.

    Both files are derived: the same answers give the same bytes.

    Args:
        folder: the run's.
        recorded: its answers, where they have just been read.

    Raises:
        InputError: the folder holds no run, or a part of it cannot be read.
    """
    run = read_run(folder, recorded)
    scored = scored_run(run)
    try:
        lines = (_answer_line(row, own) for row, own in run.read_rows if own.status)
        write_answers(folder / ANSWERS, lines)
        text = json.dumps(scored.metrics.to_json(), indent=1, ensure_ascii=False)
        write_whole(folder / METRICS, text + "\n")
    except OSError as error:
        unwritten = f"{ANSWERS} and {METRICS} could not be written: {error}"
        return replace(scored, notes=(*scored.notes, unwritten))
    return scored


def _excluding(run: RecordedRun, file: Path) -> Scored:
    excluded = read_ids(file)
    check_known(excluded, run.questions, file)
    note = left_out_note(excluded, run.questions)
    scored = scored_run(run.without(excluded))
    return replace(scored, notes=(*scored.notes, note))


def scored_run(run: RecordedRun) -> Scored:
    """The figures of a run that has been read; nothing is written.

    Args:
        run: questions and answers.
    """
    notes = [
        f"{name}: {count} unreadable lines were left alone"
        for name, count in run.recorded.unreadable.items()
    ]
    versions = {call.get("model_code", "") for call in run.manifest.recorded["calls"]}
    if len(versions) > 1:
        notes.append(f"the answers come from {len(versions)} versions of the model's file")
    return Scored(
        model=_named(run.model, run.control),
        data=run.data,
        place=run.folder,
        not_comparable_because=_why_not_comparable(run),
        metrics=score(run.rows, run.questions, "planned"),
        notes=tuple(notes),
    )


def _score_workbooks(workbooks: Sequence["Workbook"], place: Path) -> Scored:
    """Score the workbooks of one model, one a setting, as the public scorer does."""
    rows = tuple(read(prediction) for one in workbooks for prediction in one.predictions)
    questions = {question.id: question for one in workbooks for question in one.questions}
    exported = any(was_exported(one.path.parent) for one in workbooks)
    controls = (control_exported(one.path.parent) for one in workbooks)
    control = next(filter(None, controls), None)
    return Scored(
        model=_named(workbooks[0].model, control),
        data="SOCO-LVLM workbooks",
        place=place,
        not_comparable_because=_of_control(control)
        or _not_comparable(rows, questions)
        or (DRAWN_ANEW if exported else ""),
        metrics=score(rows, questions, "found"),
    )


def _why_not_comparable(run: RecordedRun) -> str:
    """Why a run's figures do not compare with the published ones; empty if they do."""
    return (
        _of_control(run.control)
        or _not_comparable(run.rows, run.questions)
        or (DRAWN_ANEW if is_drawn_anew(run.identity) else "")
    )


def _of_control(control: str | None) -> str:
    return "" if control is None else f"it is the control '{control}'"


def _named(model: str, control: str | None) -> str:
    return model if control is None else f"{model}, control {control}"


def _not_comparable(rows: Sequence[ScoredRow], questions: Mapping[str, Question]) -> str:
    """Why the figures do not compare with the published ones; empty if those of all settings do."""
    categories = [one.category for one in questions.values()]
    sizes = Counter((row.setting, row.question) for row in rows)
    for setting in dict.fromkeys(row.setting for row in rows):
        of_setting = [count for (one, _), count in sizes.items() if one == setting]
        if why := unlike_release(categories, of_setting):
            return why
    return ""


def _answer_line(planned: PlannedRow, row: ScoredRow) -> dict[str, Any]:
    """A line of ``answers.jsonl``, the fields in the order of their names."""
    line: dict[str, Any] = {
        "answer": row.answer,
        "id": planned.id,
        "parsers": {
            name: {"correct": row.correct[name], "letter": reading.letter, "rule": reading.rule}
            for name, reading in sorted(row.readings.items())
        },
        "question": row.question,
        "rotation": row.rotation,
        "setting": row.setting,
        "status": row.status,
    }
    return line if not planned.repeat else {**line, "repeat": planned.repeat}

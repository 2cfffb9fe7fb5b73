"""Exports and reads back, and writes the folders of runs, for the tests of the export."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from lvlm_eval.export.run_answers import exportable_settings, read_run
from lvlm_eval.export.tables import WrittenTables
from lvlm_eval.export.tables import write_tables as export_tables
from lvlm_eval.export.workbooks import WrittenWorkbooks, write_workbooks
from lvlm_eval.records import SETTINGS, Ask, Prediction, Request, Response, Setting
from lvlm_eval.requests import DrawnRequests, RequestSource
from lvlm_eval.runs.folder import (
    PREDICTIONS,
    Manifest,
    PredictionWriter,
    write_manifest,
    write_questions,
)
from lvlm_eval.runs.jobs import DrawingChoices, open_source

Say = Callable[[Ask], Response | None]


def lvlm_eval(*words: object, cwd: Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "lvlm_eval", *map(str, words)],
        cwd=cwd, env={**os.environ, "COLUMNS": "100"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == status, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done


def opened(data: object, **choices: Any) -> DrawnRequests:
    source = open_source(str(data), DrawingChoices(**{"prompt": "toolkit", **choices}), None)
    assert isinstance(source, DrawnRequests)
    return source


def exported(
    source: DrawnRequests,
    folder: Path,
    limit: int | None = None,
    wanted: tuple[Setting, ...] = SETTINGS,
) -> WrittenTables:
    return export_tables(source, source.questions[:limit], wanted, folder, lambda done, total: None)


def both(
    source: DrawnRequests, folder: Path, limit: int | None = None
) -> Iterator[tuple[Ask, Request, Ask, Request]]:
    """Each row as it is asked from the tree, and as it is asked from the exported tables."""
    read: RequestSource = open_source(str(folder), DrawingChoices(), None)
    by_id = {question.id: question for question in read.questions}
    assert len(by_id) == len(source.questions[:limit])
    assert read.settings == SETTINGS
    for number, question in enumerate(source.questions[:limit]):
        other = by_id[str(number)]
        assert other.category == question.category
        assert len(other.candidates) == 4
        for setting in SETTINGS:
            there, here = source.asks(question, setting), read.asks(other, setting)
            assert len(there) == len(here) == 4
            for one, two in zip(there, here, strict=True):
                yield one, source.request(one), two, read.request(two)


def compare(source: DrawnRequests, folder: Path, limit: int | None = None) -> int:
    count = 0
    for one, request, two, again in both(source, folder, limit):
        assert again.text == request.text
        assert again.system is request.system is None
        assert [p.data for p in again.pictures] == [p.data for p in request.pictures]
        assert [p.media_type for p in again.pictures] == [p.media_type for p in request.pictures]
        assert (two.answer, two.rotation, two.setting) == (one.answer, one.rotation, one.setting)
        assert list(two.drawn.items()) == list(one.drawn.items())
        count += 1
    return count


def record(
    folder: Path,
    data: Path,
    say: Say,
    wanted: tuple[Setting, ...] = SETTINGS,
    model: str = "openai:gpt-4o",
    **choices: Any,
) -> Path:
    """Write a run's folder as a run leaves it, with the answers that a test wants."""
    source = open_source(str(data), DrawingChoices(**choices), None)
    folder.mkdir(parents=True)
    identity = {**source.identity(), "model": {"name": model, "settings": {}}, "decode": "text"}
    write_manifest(folder, Manifest(identity, {"calls": [{"at": "2026-10-01T10:00:00Z"}]}))
    asks = [a for q in source.questions for s in wanted for a in source.asks(q, s)]
    planned = [
        replace(q, rows={s: len(source.asks(q, s)) for s in wanted}) for q in source.questions
    ]
    write_questions(folder, planned)
    writer = PredictionWriter(folder / PREDICTIONS)
    for ask in asks:
        said = say(ask)
        if said is not None:
            writer.write(
                Prediction(
                    ask.id, ask.question, ask.setting, ask.rotation, ask.options, ask.answer,
                    text=said.text, status=said.status, error=said.error,
                    at="2026-10-02T23:59:59.000+00:00", drawn=ask.drawn,
                )
            )  # fmt: skip
    writer.close()
    return folder


def export(
    run: Path, out: Path, wanted: tuple[Setting, ...] | None = None, leave_out: bool = False
) -> WrittenWorkbooks:
    answers = read_run(run)
    chosen, _ = exportable_settings(answers, wanted, leave_out)
    return write_workbooks(answers, out, chosen, lambda done, total: None)

"""A run's folder read back: what was asked, what was answered, and what the parsers read."""

import contextlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from lvlm_eval.answers import missing, read
from lvlm_eval.errors import InputError
from lvlm_eval.records import (
    SETTINGS,
    Control,
    PlannedRow,
    Prediction,
    Question,
    ScoredRow,
    Setting,
)
from lvlm_eval.runs.folder import (
    MANIFEST,
    Manifest,
    RecordedAnswers,
    planned_rows,
    read_manifest,
    read_predictions,
    read_questions,
)


@dataclass(frozen=True)
class RecordedRun:
    """What the files of a run hold.

    Attributes:
        folder: of the run.
        manifest: what was asked of whom.
        questions: question id → question.
        recorded: every answer.
    """

    folder: Path
    manifest: Manifest
    questions: Mapping[str, Question]
    recorded: RecordedAnswers

    def without(self, excluded: Collection[str]) -> "RecordedRun":
        """The same run without some of its questions, by id."""
        kept = {id: one for id, one in self.questions.items() if id not in excluded}
        return replace(self, questions=kept)

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decided the answers."""
        return self.manifest.identity

    @property
    def model(self) -> str:
        """The model's name."""
        return str(self.identity["model"]["name"])

    @property
    def data(self) -> str:
        """The dataset's name."""
        return str(self.manifest.recorded["calls"][-1].get("data_name", ""))

    @property
    def control(self) -> Control | None:
        """The control that the run asked its questions under."""
        control: Control | None = self.identity.get("control")
        return control

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """The settings that rows are planned in."""
        planned = {name for one in self.questions.values() for name, n in one.rows.items() if n}
        return tuple(one for one in SETTINGS if one in planned)

    @cached_property
    def planned(self) -> tuple[PlannedRow, ...]:
        """Every planned row, repeats among them."""
        return tuple(planned_rows(self.questions.values()))

    @cached_property
    def read_rows(self) -> tuple[tuple[PlannedRow, ScoredRow], ...]:
        """Every planned row as both parsers read it, repeats among them.

        The status of one that has no record is None.
        """
        return tuple((row, self._read(row)) for row in self.planned)

    @cached_property
    def rows(self) -> tuple[ScoredRow, ...]:
        """What the figures are made from: of a row that was asked several times the first."""
        return tuple(read for row, read in self.read_rows if not row.repeat)

    def _read(self, row: PlannedRow) -> ScoredRow:
        prediction = self.prediction(row)
        return read(prediction) if prediction else missing(row.question, row.setting, row.rotation)

    def prediction(self, row: PlannedRow) -> Prediction | None:
        """The recorded answer of a row."""
        return self.recorded.by_id.get(row.id)


def read_run(folder: Path, recorded: RecordedAnswers | None = None) -> RecordedRun:
    """Read the folder of a run.

    Args:
        folder: the run's.
        recorded: its answers, where they have just been read.

    Raises:
        InputError: the folder holds no run, or a part of it cannot be read.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise InputError(f"{folder} has no {MANIFEST}: it is not the folder of a run.")
    questions = {question.id: question for question in read_questions(folder)}
    return RecordedRun(folder, manifest, questions, recorded or read_predictions(folder))


@contextlib.contextmanager
def opened_run(path: Path) -> Iterator[RecordedRun]:
    """A run's folder, or a run that was merged into one ``.zip``; its ``folder`` is that path.

    Raises:
        InputError: it is neither, or cannot be read.
    """
    if path.is_file() and path.suffix.lower() == ".zip":
        from lvlm_eval.runs.merging import unpacked  # which scores runs itself

        with unpacked(path) as folder:  # which is gone soon: what is said names the file
            yield replace(read_run(folder), folder=path)
        return
    if not path.is_dir():
        what = "is no folder" if path.exists() else "does not exist"
        raise InputError(f"{path} {what}. Give the folder of a run, or a merged run (.zip).")
    yield read_run(path)

"""A run's folder on disk: manifest, questions and answers, written so that nothing is lost.

Every answer is one whole line, flushed as it comes. A reader meets torn lines, doubled lines and
unknown fields without failing; a later line of the same id replaces an ``error``.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import jsonlines
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from lvlm_eval.errors import InputError
from lvlm_eval.records import PlannedRow, Prediction, Question, plain
from lvlm_eval.runs.shards import Shard
from lvlm_eval.user_files import said

MANIFEST = "manifest.json"
QUESTIONS = "questions.jsonl"
PREDICTIONS = "predictions.jsonl"
"""Of a run that one process writes; a shard has ``predictions-<I>-of-<N>.jsonl``."""
ANSWERS = "answers.jsonl"
METRICS = "metrics.json"

MOST_ROWS = 1_000_000
"""Rows of a question in one setting; more can only come from a damaged file."""

_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))
_PREDICTION = TypeAdapter(Prediction)
_QUESTION = TypeAdapter(Question)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a run is, and what is only recorded about it.

    Attributes:
        identity: everything that decides the answers; two runs with the same one are the same run.
        recorded: paths, versions, host, command lines: what may differ between two parts of a run.
        files: name → fingerprint of each photo or table that was to be shown. One that no answer
            depends on yet, a broken photo, may be replaced.
    """

    identity: Mapping[str, Any]
    recorded: Mapping[str, Any]
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecordedAnswers:
    """All answers of a folder, each id once.

    Attributes:
        by_id: prediction of each id; an ``error`` only where nothing better was recorded.
        unreadable: file name → number of lines that are no prediction (a torn line, say).
    """

    by_id: Mapping[str, Prediction]
    unreadable: Mapping[str, int] = field(default_factory=dict)


def canonical(value: Any) -> str:
    """JSON that is the same for the same content: sorted keys, no blanks."""
    return _CANONICAL.encode(value)


def write_whole(path: Path, text: str) -> None:
    """Replace a file in one step, so that a crash leaves the old one or the new one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files that only their owner may read; results are for sharing.
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a run, or None where there is no run.

    Raises:
        InputError: the file is there and is no manifest.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        identity, recorded = content["identity"], content["recorded"]
        files, calls = content.get("files") or {}, recorded["calls"]
        if not identity["model"]["name"] or not calls:
            raise ValueError("it names no model or no call")
        if not isinstance(calls, list) or not all(isinstance(one, dict) for one in (files, *calls)):
            raise ValueError("its calls or files have another form")
        return Manifest(identity, recorded, files)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise InputError(f"{path} is not the manifest of a run: {said(error)}.") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest in one step."""
    text = json.dumps(asdict(manifest), indent=1, sort_keys=True)
    write_whole(folder / MANIFEST, text + "\n")


def read_questions(folder: Path) -> tuple[Question, ...]:
    """The questions of a run, with the rows that are planned for each setting.

    Raises:
        InputError: the file is missing or a line is no question.
    """
    path = folder / QUESTIONS
    questions: dict[str, Question] = {}
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                question = _question(line, f"{path} line {number}")
                if questions.setdefault(question.id, question) != question:
                    raise InputError(f"{path} line {number}: '{question.id}' is there already.")
    except FileNotFoundError as error:
        raise InputError(f"{folder} has no {QUESTIONS}: it is not the folder of a run.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {said(error)}.") from error
    return tuple(questions.values())


def _question(line: bytes, where: str) -> Question:
    try:
        question = _QUESTION.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        problem = f"{field}: {first['msg']}" if field else first["msg"]
        raise InputError(f"{where} is no question ({problem}).") from None
    for setting, count in question.rows.items():
        if not 0 <= count <= MOST_ROWS:
            raise InputError(f"{where}: rows.{setting} = {count} is no number of rows.")
    for setting, count in question.repeats.items():
        if not 1 <= count <= MOST_ROWS:
            raise InputError(f"{where}: repeats.{setting} = {count} is no number of repeats.")
    return question


def planned_rows(questions: Iterable[Question]) -> Iterator[PlannedRow]:
    """Every row that is planned, in order; its repeats follow it."""
    for question in questions:
        for setting, count in question.rows.items():
            for rotation in range(count):
                for repeat in range(question.repeats.get(setting, 1)):
                    yield PlannedRow(question.id, setting, rotation, question.control, repeat)


def write_questions(folder: Path, questions: Sequence[Question]) -> None:
    """Write all questions in one step, one a line."""
    lines = "".join(canonical(plain(question)) + "\n" for question in questions)
    write_whole(folder / QUESTIONS, lines)


def predictions_file(shard: Shard | None) -> str:
    """Name of the file that answers are appended to."""
    return PREDICTIONS if shard is None else f"predictions-{shard.name}.jsonl"


def read_predictions(folder: Path) -> RecordedAnswers:
    """Read every ``predictions*.jsonl`` of a folder.

    Raises:
        InputError: one cannot be opened.
    """
    by_id: dict[str, Prediction] = {}
    unreadable: dict[str, int] = {}
    for path in sorted(folder.glob("predictions*.jsonl")):
        for line in _lines(path):
            prediction = parse_prediction(line)
            if prediction is None:
                unreadable[path.name] = unreadable.get(path.name, 0) + 1
                continue
            earlier = by_id.get(prediction.id)
            if earlier is None or earlier.status == "error":
                by_id[prediction.id] = prediction
    return RecordedAnswers(by_id, unreadable)


def parse_prediction(line: bytes) -> Prediction | None:
    """The prediction in a line; None if there is none, or its id is that of another row."""
    try:
        prediction = _PREDICTION.validate_json(line)
    except ValueError:  # what does not fit the form is one, too
        return None
    row = f"{prediction.question}/{prediction.setting}/{prediction.rotation}"
    return prediction if f"{prediction.id}/".startswith(f"{row}/") else None


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as lines:
            yield from (line for line in lines if line.strip())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}") from error


class PredictionWriter:
    """Appends answers to a file, each on disk before the next is taken."""

    def __init__(self, path: Path) -> None:
        # A line that a crash tore off must not swallow the next one.
        torn = path.exists() and path.stat().st_size > 0 and not _ends_with_line_feed(path)
        self._file = path.open("a", encoding="utf-8")
        if torn:
            self._file.write("\n")
        self._writer = jsonlines.Writer(self._file, compact=True, flush=True)

    def write(self, prediction: Prediction) -> None:
        """Append one line and hand it to the operating system."""
        self._writer.write(plain(prediction))

    def sync(self) -> None:
        """Force what was written to the disk itself."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Sync and close the file."""
        try:
            self.sync()
        finally:
            self._file.close()


def write_answers(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write the derived rows, one a line, in one step; their fields in the order that they have."""
    write_whole(path, "".join(to_json(row).decode() + "\n" for row in rows))


def _ends_with_line_feed(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"

"""How a run did on a question in one setting, in a few bits that can be filtered by."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lvlm_eval.recorded_run import RecordedRun
from lvlm_eval.records import PlannedRow, Question, ScoredRow, Setting

RIGHT = 1
"""Right in every rotation."""
SOME = 2
"""Right in some rotations and not in others."""
NONE = 4
"""Right in no rotation, though an answer came."""
FAILED = 8
"""A request failed, or was never sent."""
UNPARSED = 16
"""An answer is there, and no letter was read in it."""
SAME = 32
"""A wrong answer names another instance of the concept that was asked for."""
OTHER = 64
"""A wrong answer names a point of another concept."""

PARSER = "official"
"""Its readings decide, as they do for the headline figures."""

Place = tuple[str, str, Setting]
"""Key of the question (see `question_key`), its id, and the setting."""


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of a question in one setting.

    Attributes:
        place: question and setting.
        state: the bits above.
        right: letter of each rotation: ``1`` right, ``0`` not.
    """

    place: Place
    state: int
    right: str


def question_key(question: Question) -> str:
    """What makes questions of several runs the same one.

    Its points, if the data tells them; words and plans may differ.
    """
    if question.query is None:
        return f"{question.id}\x1f{question.category}"
    points = [(one.label, one.name, one.x, one.y) for one in question.candidates]
    query = question.query
    return repr((question.id, query.name, query.x, query.y, points, question.answer))


def groups_of(run: RecordedRun) -> Mapping[Place, list[tuple[PlannedRow, ScoredRow]]]:
    """The rows of a run by question and setting, in order of rotation; repeats are left out."""
    keys = {id: question_key(one) for id, one in run.questions.items()}
    found: dict[Place, list[tuple[PlannedRow, ScoredRow]]] = {}
    for row, read in run.read_rows:
        if not row.repeat:
            found.setdefault((keys[row.question], row.question, row.setting), []).append(
                (row, read)
            )
    return found


def states_of(run: RecordedRun) -> Iterable[Group]:
    """How a run did on each question and setting."""
    for place, rows in groups_of(run).items():
        question = run.questions[place[1]]
        state = 0
        marks = []
        for row, read in rows:
            prediction = run.prediction(row)
            options = {} if prediction is None else prediction.options
            state |= _bits(question, read, options)
            marks.append(bool(read.correct.get(PARSER)))
        answered = any(read.status not in (None, "error") for _, read in rows)
        state |= RIGHT if all(marks) else SOME if any(marks) else NONE if answered else 0
        yield Group(place, state, "".join("01"[one] for one in marks))


def _bits(question: Question, read: ScoredRow, options: Mapping[str, str]) -> int:
    if read.status in (None, "error"):
        return FAILED
    letter = read.readings[PARSER].letter
    if letter is None:
        return UNPARSED
    if read.correct[PARSER] or not read.answer:
        return 0
    return error_kind(question, options.get(letter))


def error_kind(question: Question, label: str | None) -> int:
    """`SAME` or `OTHER` for a wrong candidate; 0 where the data tells no concepts."""
    concepts = {one.label: one.concept for one in question.candidates}
    asked = question.query.concept if question.query else None
    if asked is None and question.answer is not None:
        asked = concepts.get(question.answer)
    chosen = concepts.get(label or "")
    if asked is None or chosen is None:
        return 0
    return SAME if chosen == asked else OTHER

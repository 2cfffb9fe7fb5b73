"""Pairs the questions of two runs, and refuses runs that were asked different ones."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lvlm_eval.errors import InputError
from lvlm_eval.recorded_run import RecordedRun
from lvlm_eval.records import PlannedRow, Question, ScoredRow, Setting


@dataclass(frozen=True, slots=True)
class AnsweredQuestion:
    """A question as one run answered it in one setting.

    Attributes:
        question: the question.
        rows: each planned row, in the order of the rotations.
        options: of each row, option letter → candidate label; empty where nothing is recorded.
    """

    question: Question
    rows: tuple[ScoredRow, ...]
    options: tuple[Mapping[str, str], ...]

    @property
    def complete(self) -> bool:
        """Every row is answered."""
        return all(row.status not in (None, "error") for row in self.rows)

    def right(self, parser: str) -> int:
        """Number of right rows."""
        return sum(row.correct.get(parser, False) for row in self.rows)

    def chosen(self, parser: str) -> Iterator[str | None]:
        """The label of the candidate that each row chose; None where no option was."""
        for row, options in zip(self.rows, self.options, strict=True):
            reading = row.readings.get(parser)
            yield options.get(reading.letter) if reading and reading.letter else None


@dataclass(frozen=True, slots=True)
class PairedQuestion:
    """One question as both runs answered it."""

    a: AnsweredQuestion
    b: AnsweredQuestion

    @property
    def complete(self) -> bool:
        """Every row of both runs is answered."""
        return self.a.complete and self.b.complete

    @property
    def same_candidates(self) -> bool:
        """Whether both runs offered the same points under the same labels.

        The target photo is the same, so that its points are known by their names.
        """
        first, second = (
            [(candidate.label, candidate.name) for candidate in one.question.candidates]
            for one in (self.a, self.b)
        )
        return first == second


class NothingInCommonError(InputError):
    """Two runs have no question in common."""


@dataclass(frozen=True, slots=True)
class MatchedQuestions:
    """The questions of two runs in one setting.

    Attributes:
        pairs: questions that are the same in both, in the order of their ids.
        only_a: number of questions of the first run that the second was not asked.
        only_b: the reverse.
        changed: number of ids that both have, but of another query, photo or right point; they are
            counted in ``only_a`` and in ``only_b``.
    """

    pairs: tuple[PairedQuestion, ...]
    only_a: int
    only_b: int
    changed: int

    @property
    def same(self) -> bool:
        """Both runs were asked the same questions."""
        return not self.only_a and not self.only_b


def match_questions(a: RecordedRun, b: RecordedRun, setting: Setting) -> MatchedQuestions:
    """Pair the questions of two runs by their ids and content."""
    of_a, of_b = _answered(a, setting), _answered(b, setting)
    shared = sorted(of_a.keys() & of_b.keys())
    by_name = a.control != b.control
    pairs = tuple(
        PairedQuestion(of_a[id], of_b[id])
        for id in shared
        if _is_same(of_a[id].question, of_b[id].question, by_name)
        and _same_photo(a, b, of_a[id].question)
    )
    return MatchedQuestions(
        pairs, len(of_a) - len(pairs), len(of_b) - len(pairs), len(shared) - len(pairs)
    )


def matched_or_refused(
    a: RecordedRun, b: RecordedRun, setting: Setting, names: tuple[str, str], common: bool
) -> MatchedQuestions:
    """Pair the questions of two runs, which must be the same unless ``common``.

    Args:
        a: the first run.
        b: the second run.
        setting: in which.
        names: of the two runs in a message.
        common: leave out what only one of them was asked.

    Raises:
        NothingInCommonError: they were asked no common question.
        InputError: they were asked different questions, without ``common``.
    """
    matched = match_questions(a, b, setting)
    if (matched.pairs and common) or matched.same:
        return matched
    first, second = names
    counts = (
        f"{matched.only_a} only in {first}, {matched.only_b} only in {second}, "
        f"{len(matched.pairs)} in common"
    )
    if matched.changed:
        counts += (
            f"; {matched.changed} of one id have another query, target photo or right point, as "
            "after another --seed"
        )
    advice = (
        "Give --common to compare the common ones."
        if matched.pairs
        else "Runs are compared over the same data, asked with the same --seed."
    )
    kind = InputError if matched.pairs else NothingInCommonError
    raise kind(
        f"{first} and {second} were not asked the same questions in {setting}: {counts}. {advice}"
    )


def _answered(run: RecordedRun, setting: Setting) -> dict[str, AnsweredQuestion]:
    """The questions that have rows in a setting; of a row asked several times the first answer."""
    found: dict[str, list[tuple[PlannedRow, ScoredRow]]] = defaultdict(list)
    for planned, row in run.read_rows:
        if planned.setting == setting and not planned.repeat:
            found[planned.question].append((planned, row))
    return {
        id: AnsweredQuestion(
            run.questions[id],
            tuple(row for _, row in rows),
            tuple(_options(run, planned) for planned, _ in rows),
        )
        for id, rows in found.items()
    }


def _options(run: RecordedRun, planned: PlannedRow) -> Mapping[str, str]:
    prediction = run.prediction(planned)
    return prediction.options if prediction else {}


def _is_same(a: Question, b: Question, by_name: bool) -> bool:
    """Whether two questions of one id ask for the same point of the same photo.

    A control may mirror photos or mark another source, which moves points: then (``by_name``) the
    names of the points decide, where the data tells them.
    """
    if a.category != b.category:
        return False
    if a.query is None or b.query is None or a.target is None or b.target is None:
        return a.answer == b.answer
    if a.target.path != b.target.path:
        return False
    points_a = (a.query.name, a.query.x, a.query.y), _right_point(a)
    points_b = (b.query.name, b.query.x, b.query.y), _right_point(b)
    if by_name:
        return [point[0] for point in points_a] == [point[0] for point in points_b]
    return points_a == points_b


def _right_point(question: Question) -> tuple[str | None, float | None, float | None]:
    for one in question.candidates:
        if one.label == question.answer:
            return one.name, one.x, one.y
    return None, None, None


def _same_photo(a: RecordedRun, b: RecordedRun, question: Question) -> bool:
    """Whether the target photo has the same content, as far as both manifests tell."""
    if question.target is None:
        return True
    first, second = (run.manifest.files.get(question.target.path) for run in (a, b))
    return first is None or second is None or first == second

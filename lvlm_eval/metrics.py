"""Accuracies, their intervals and breakdowns, from rows that both parsers have read.

Figures are counted over groups: the rows of one question in one setting. Everything is the same, to
the byte, whatever the order of the rows.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from lvlm_eval.answers import PARSERS
from lvlm_eval.intervals import Interval, clustered, wilson
from lvlm_eval.records import LETTERS, SETTINGS, Question, ScoredRow, Setting

GroupPolicy = Literal["planned", "found"]
"""How groups are scored.

``planned``: the rows are a plan. A group with a missing or failed row is not right and is named,
and such rows do not enter the average. ``found``: the rows are all there is (workbooks of the
public toolkit). Every group is scored with the rows it has, doubled ones included.
"""

_DIGITS = 6
_FULL_GROUP = len(LETTERS)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Both accuracies of some groups, with their counts and 95 % intervals.

    Attributes:
        groups: number of questions.
        rows: number of rows, missing and failed ones included.
        circular_accuracy: percent of the groups with every row right; None with one rotation.
        average_accuracy: percent of the answered rows that are right; None where there are none.
        circular_ci95: lower and upper end in percent.
        average_ci95: lower and upper end in percent; rows of one question belong together.
    """

    groups: int
    rows: int
    circular_accuracy: float | None
    average_accuracy: float | None
    circular_ci95: Interval | None
    average_ci95: Interval | None

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return {one.name: _plain(getattr(self, one.name)) for one in fields(self)}


@dataclass(frozen=True, slots=True)
class Place:
    """Rows whose right option stands at one letter, and the percent of them that are right."""

    rows: int
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class ParserMetrics(Accuracy):
    """All figures of one parser in one setting.

    Attributes:
        answered: rows that enter the average accuracy.
        unparsed: answered, not refused, and no letter read.
        refused: rows that the model refused.
        truncated: rows whose answer was cut off.
        errors: rows whose request failed.
        missing: rows that were planned and never asked.
        complete: no row failed or is missing.
        incomplete_groups: questions with a failed or missing row.
        right_of_group: number of right rows → number of groups.
        letters_chosen: letter read, or ``none`` → number of answered rows.
        accuracy_by_place: letter of the right option → answered rows and their accuracy.
        rules: rule, or reason why nothing was read → number of answered rows.
    """

    answered: int
    unparsed: int
    refused: int
    truncated: int
    errors: int
    missing: int
    complete: bool
    incomplete_groups: tuple[str, ...]
    right_of_group: Mapping[str, int]
    letters_chosen: Mapping[str, int]
    accuracy_by_place: Mapping[str, Place]
    rules: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Metrics:
    """What ``metrics.json`` holds.

    Attributes:
        settings: setting → parser → figures.
        categories: setting → category → parser → accuracies.
        supercategories: setting → super-category → parser → accuracies.
        warnings: what a reader of the figures should know, one line each.
    """

    settings: Mapping[Setting, Mapping[str, ParserMetrics]]
    categories: Mapping[Setting, Mapping[str, Mapping[str, Accuracy]]]
    supercategories: Mapping[Setting, Mapping[str, Mapping[str, Accuracy]]]
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The document of ``metrics.json``: the first parser's figures on top, all by parser."""
        return {
            "settings": {setting: _by_parser(one) for setting, one in self.settings.items()},
            "categories": _breakdown(self.categories),
            "supercategories": _breakdown(self.supercategories),
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, slots=True)
class _Group:
    """The rows of one question in one setting.

    Attributes:
        question: its id.
        rows: all of them.
        answered: those that count, see GroupPolicy.
        incomplete: some row failed or is missing.
        right: parser → how many of the answered rows are right.
    """

    question: str
    rows: tuple[ScoredRow, ...]
    answered: tuple[ScoredRow, ...]
    incomplete: bool
    right: Mapping[str, int]

    @classmethod
    def of(cls, question: str, rows: Sequence[ScoredRow], policy: GroupPolicy) -> "_Group":
        there = tuple(row for row in rows if row.status not in (None, "error"))
        answered = there if policy == "planned" else tuple(rows)
        right = {parser: _right(answered, parser) for parser in PARSERS}
        return cls(question, tuple(rows), answered, len(there) < len(rows), right)


def score(
    rows: Sequence[ScoredRow], questions: Mapping[str, Question], policy: GroupPolicy
) -> Metrics:
    """Compute every figure.

    Args:
        rows: read rows of any settings, in any order; with ``planned``, also those that were never
            asked (status None). Groups can have any size.
        questions: question id → question, for the breakdowns; may lack some or all.
        policy: how groups are scored.

    Returns:
        The figures of each setting that has rows.
    """
    by_setting: dict[Setting, list[ScoredRow]] = defaultdict(list)
    for row in rows:
        by_setting[row.setting].append(row)
    settings: dict[Setting, Mapping[str, ParserMetrics]] = {}
    categories: dict[Setting, Mapping[str, Mapping[str, Accuracy]]] = {}
    supercategories: dict[Setting, Mapping[str, Mapping[str, Accuracy]]] = {}
    warnings: list[str] = []
    for setting in (one for one in SETTINGS if one in by_setting):
        groups, rotations = _groups(by_setting[setting], policy)
        circular = policy == "found" or rotations > 1
        settings[setting] = {
            parser: _parser_metrics(groups, parser, policy, circular) for parser in PARSERS
        }
        for table, name_of in (
            (categories, {key: one.category for key, one in questions.items()}),
            (supercategories, {key: one.supercategory for key, one in questions.items()}),
        ):
            table[setting] = {
                name: {one: _accuracy(part, one, policy, circular) for one in PARSERS}
                for name, part in _split(groups, name_of)
            }
        warnings += (f"{setting}: {text}" for text in _warnings(groups, policy))
    return Metrics(settings, categories, supercategories, tuple(warnings))


def _groups(rows: Iterable[ScoredRow], policy: GroupPolicy) -> tuple[list[_Group], int]:
    """The groups in the order of their questions, and how many rows the longest has."""
    found: dict[str, list[ScoredRow]] = defaultdict(list)
    for row in rows:
        found[row.question].append(row)
    longest = max(len(one) for one in found.values())
    return [_Group.of(key, found[key], policy) for key in sorted(found)], longest


def _split(
    groups: Iterable[_Group], name_of: Mapping[str, str | None]
) -> list[tuple[str, list[_Group]]]:
    parts: dict[str, list[_Group]] = defaultdict(list)
    for group in groups:
        if name := name_of.get(group.question):
            parts[name].append(group)
    return sorted(parts.items())


def _right(rows: Iterable[ScoredRow], parser: str) -> int:
    return sum(row.correct.get(parser, False) for row in rows)


def _accuracy(
    groups: Sequence[_Group], parser: str, policy: GroupPolicy, circular: bool
) -> Accuracy:
    whole, clusters = 0, list[tuple[int, int]]()
    for group in groups:
        right = group.right[parser]
        clusters.append((right, len(group.answered)))
        spoilt = policy == "planned" and group.incomplete
        whole += right == len(group.answered) and not spoilt
    return Accuracy(
        groups=len(groups),
        rows=sum(len(group.rows) for group in groups),
        circular_accuracy=_percent(whole, len(groups)) if circular else None,
        average_accuracy=_percent(sum(one for one, _ in clusters), sum(one for _, one in clusters)),
        circular_ci95=_rounded(wilson(whole, len(groups))) if circular else None,
        average_ci95=_rounded(clustered(clusters)),
    )


def _parser_metrics(
    groups: Sequence[_Group], parser: str, policy: GroupPolicy, circular: bool
) -> ParserMetrics:
    base = _accuracy(groups, parser, policy, circular)
    rows = [row for group in groups for row in group.rows]
    statuses = Counter(row.status for row in rows)
    answered = [row for group in groups for row in group.answered]
    read = [(row, row.readings[parser]) for row in answered if parser in row.readings]
    letters = Counter(reading.letter or "none" for _, reading in read)
    sizes = Counter(group.right[parser] for group in groups)
    most = max(_FULL_GROUP, *(len(group.rows) for group in groups))
    incomplete = tuple(group.question for group in groups if group.incomplete)
    return ParserMetrics(
        **{one.name: getattr(base, one.name) for one in fields(Accuracy)},
        answered=len(answered),
        unparsed=sum(row.status != "refused" and one.letter is None for row, one in read),
        refused=statuses["refused"],
        truncated=statuses["truncated"],
        errors=statuses["error"],
        missing=statuses[None],
        complete=not incomplete,
        incomplete_groups=incomplete,
        right_of_group={str(number): sizes[number] for number in range(most + 1)},
        letters_chosen={letter: letters[letter] for letter in (*LETTERS, "none")},
        accuracy_by_place=_by_place(answered, parser),
        rules=dict(sorted(Counter(reading.rule for _, reading in read).items())),
    )


def _by_place(rows: Iterable[ScoredRow], parser: str) -> dict[str, Place]:
    counts = Counter((row.answer, row.correct.get(parser, False)) for row in rows)
    right, wrong = Counter[str](), Counter[str]()
    for (answer, correct), count in counts.items():
        (right if correct else wrong)[answer.strip().upper()] += count
    return {
        letter: Place(there := right[letter] + wrong[letter], _percent(right[letter], there))
        for letter in LETTERS
    }


def _warnings(groups: Sequence[_Group], policy: GroupPolicy) -> Iterable[str]:
    answered = [row for group in groups for row in group.answered]
    incomplete = sum(group.incomplete for group in groups)
    if incomplete:
        yield (
            f"{incomplete} of {len(groups)} questions have a failed or missing row; circular "
            "accuracy counts them as not right"
            + (", average accuracy leaves such rows out" if policy == "planned" else "")
        )
    blank = [row for row in answered if not row.answer.strip()]
    if blank:
        yield (
            f"{len(blank)} rows have no right answer; the official parser counts "
            f"{_right(blank, 'official')} of them as right because it read nothing there"
        )
    failed = sum(
        reading.rule == "failed-request"
        for row in answered
        if (reading := row.readings.get("strict"))
    )
    if failed:
        yield f"{failed} rows hold the notice of a failed request and count as wrong answers"
    if policy == "found" and (odd := sum(len(group.rows) != _FULL_GROUP for group in groups)):
        yield f"{odd} of {len(groups)} questions have more or fewer than {_FULL_GROUP} rows"


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, _DIGITS) if whole else None


def _rounded(interval: Interval | None) -> Interval | None:
    return interval and (round(interval[0], _DIGITS), round(interval[1], _DIGITS))


def _plain(value: object) -> Any:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, Place):
        return {"rows": value.rows, "accuracy": value.accuracy}
    return value


def _by_parser(figures: Mapping[str, Accuracy]) -> dict[str, Any]:
    by_parser = {parser: one.to_json() for parser, one in figures.items()}
    return {**by_parser[PARSERS[0]], "parsers": by_parser}


def _breakdown(
    table: Mapping[Setting, Mapping[str, Mapping[str, Accuracy]]],
) -> dict[str, dict[str, Any]]:
    return {
        setting: {name: _by_parser(figures) for name, figures in parts.items()}
        for setting, parts in table.items()
    }

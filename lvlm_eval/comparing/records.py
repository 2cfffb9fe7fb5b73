"""What a comparison of two runs in one setting is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from lvlm_eval.intervals import Interval
from lvlm_eval.records import Setting

Cluster = Literal["question", "pair", "image"]
"""Which questions are taken to be related: none, those of one pair, those that share a photo."""

CLUSTERS: tuple[Cluster, ...] = ("question", "pair", "image")

_DIGITS = 6


@dataclass(frozen=True, slots=True)
class RightWrong:
    """The 2x2 table: number of questions by whether each run was right on all rows.

    Attributes:
        both_right: right in both runs.
        only_a: right in the first run only.
        only_b: right in the second run only.
        both_wrong: right in neither.
    """

    both_right: int
    only_a: int
    only_b: int
    both_wrong: int


@dataclass(frozen=True, slots=True)
class Flips:
    """Ids of the questions that are right on all rows in one run and not in the other, sorted.

    Attributes:
        only_a: right in the first run only.
        only_b: right in the second run only.
    """

    only_a: tuple[str, ...]
    only_b: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnswerAgreement:
    """How often two runs chose the same candidate, right or wrong.

    Attributes:
        rows: rows that were answered in both runs and offered the same candidates.
        same: percent of them in which both runs chose the same point; None without rows.
        kappa: Cohen's kappa of the chosen candidates over the rows in which both runs chose one
            (J. Cohen, Educ. Psychol. Meas. 20, 1960, p. 37), -1 to 1; None where it is undefined.
    """

    rows: int
    same: float | None
    kappa: float | None


@dataclass(frozen=True, slots=True)
class PairedFigures:
    """Two runs over the same questions in one setting.

    Differences are the second run's (b) minus the first run's (a), in percentage points. All
    figures are over the questions whose rows are all answered in both runs. A question is right
    where all of its rows are.

    Attributes:
        setting: how the query was told.
        parser: whose reading of the answers counts.
        cluster: which questions are taken to be related; ``question`` where the data does not tell
            what was asked for.
        questions: number of paired questions.
        left_out: paired questions that have a failed or missing row in a run, and so do not count.
        circular_a: percent of questions that are right in the first run; None, as all of
            ``circular_…``, if a run has one rotation only.
        circular_b: the same of the second run.
        circular_difference: percentage points.
        circular_ci95: 95 % interval of the difference, low and high, percentage points.
        circular_p: two-sided p of no difference, by the variance that the interval is made from.
        average_a: percent of rows that are right in the first run.
        average_b: the same of the second run.
        average_difference: percentage points.
        average_ci95: 95 % interval of the difference, low and high, percentage points.
        average_p: two-sided p of no difference, by the variance that the interval is made from.
        mcnemar_p: McNemar's exact test on the right and wrong questions. It takes every question
            as independent, whatever ``cluster`` is.
        right_wrong: the 2x2 table that it is computed from.
        smallest_difference: least true difference in the share of right questions that such data
            would show at 5 % in 80 % of cases, percentage points; None where there is none, or
            where the data cannot tell it: fewer than 5 questions are right in one run only, these
            are all questions, or all photos (or pairs) hang together.
        degrees_of_freedom: of Student's distribution in the intervals (circular and average).
        design_effect: how many times larger the relations make the variance of the difference in
            right questions.
        flips: the questions that are right in one run only.
        agreement: how often both chose the same candidate.
        holm: name of a p → the p corrected after Holm for the comparisons in this setting; empty
            where there is one comparison.
        notes: what a reader should know, one line each.
    """

    setting: Setting
    parser: str
    cluster: Cluster
    questions: int
    left_out: int
    circular_a: float | None
    circular_b: float | None
    circular_difference: float | None
    circular_ci95: Interval | None
    circular_p: float | None
    average_a: float
    average_b: float
    average_difference: float
    average_ci95: Interval
    average_p: float
    mcnemar_p: float
    right_wrong: RightWrong
    smallest_difference: float | None
    degrees_of_freedom: float
    design_effect: float
    flips: Flips
    agreement: AnswerAgreement
    holm: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The fields by name; numbers rounded to 6 digits."""
        return {one.name: _plain(getattr(self, one.name)) for one in fields(self)}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DIGITS)
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, RightWrong | Flips | AnswerAgreement):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    return value

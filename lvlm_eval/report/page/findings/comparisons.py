"""The section of comparisons: how runs over the same questions differ, and on which."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from lvlm_eval.comparing import Comparison, compare_runs
from lvlm_eval.errors import InputError
from lvlm_eval.recorded_run import opened_run
from lvlm_eval.records import SETTINGS, Setting
from lvlm_eval.report.comparing import explanations_of, tables_of
from lvlm_eval.report.page.content import Content
from lvlm_eval.report.page.findings.comparison_tables import comparison_tables
from lvlm_eval.report.page.findings.plain import Piece, pieces
from lvlm_eval.report.page.inputs import Input
from lvlm_eval.report.page.runs import LvlmRun
from lvlm_eval.report.page.section import Section
from lvlm_eval.report.page.templates import asset, template
from lvlm_eval.report.table import TITLES

ID = "comparisons"
MOST = 6
"""Runs of one group that are compared; of more, each pair takes its time."""

_OTHER_QUESTIONS = (
    "the other runs on the same data were asked other questions. 'lvlm-eval compare --common' "
    "compares what two runs share."
)

MOST_FLIPS = 40
"""Questions that are named, each way."""


@dataclass(frozen=True, slots=True)
class FlippedQuestions:
    """Questions that one run alone has right.

    Attributes:
        title: how many, and in which run.
        links: id and address of each that is named.
        more: number of the others.
    """

    title: str
    links: tuple[tuple[str, str], ...]
    more: int


@dataclass(frozen=True, slots=True)
class ComparedSetting:
    """One setting: its name, its tables, and the questions that flip."""

    title: str
    pieces: tuple[Piece, ...]
    flips: tuple[FlippedQuestions, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Runs over the same questions.

    Attributes:
        runs: letter, label, and in what it differs from the first.
        settings: what was found.
        notes: what a reader should know, a line each.
        left_out: what is not compared, and why, a line each.
    """

    runs: tuple[tuple[str, str, str], ...]
    settings: tuple[ComparedSetting, ...]
    notes: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparisons:
    """A `SectionMaker`, and a `ContentMaker`.

    Attributes:
        links: whether the page has a browser of questions to lead to.
    """

    links: bool = True

    def section(self, read: Input) -> Section | None:
        """The section; None where no data has two runs or more.

        Raises:
            InputError: a run that was read before cannot be read again.
        """
        all_groups = _groups(read)
        groups = [self._group(runs) for runs in all_groups if len(runs) > 1]
        alone = list(_alone(all_groups))
        if not groups and not alone:
            return None
        html = template("comparisons.html").render(groups=groups, alone=alone)
        return Section(ID, "Comparisons", html, style=asset("findings.css"))

    def content(self, read: Input) -> Content:
        """The figures of the section as a table."""
        groups = _groups(read)
        compared = [_compared(runs) for runs in groups if len(runs) > 1]
        left_out = [f"comparison: {line}" for one in compared for line in one.left_out]
        left_out += [f"comparison of {one}: {_OTHER_QUESTIONS}" for one in _alone(groups)]
        found = [(one.runs, one.found) for one in compared if one.found is not None]
        return Content(comparison_tables(found), left_out=tuple(left_out))

    def _group(self, runs: Sequence[LvlmRun]) -> Group:
        compared = _compared(runs)
        found, chosen = compared.found, compared.runs
        labels = [one.label for one in chosen]
        if found is None:
            return Group(tuple(("", one, "") for one in labels), (), (), compared.left_out)
        differs = {pair.b: "; ".join(pair.differs) for pair in found.with_baseline}
        headed = tuple(
            (chr(ord("A") + place), label, differs.get(place, ""))
            for place, label in enumerate(labels)
        )
        settings = tuple(
            ComparedSetting(
                TITLES[setting],
                pieces(tables_of(found, setting)),
                tuple(self._flips(found, setting, chosen)),
            )
            for setting in SETTINGS
            if any(setting in pair.settings for pair in found.with_baseline)
        )
        return Group(headed, settings, tuple(explanations_of(found)), compared.left_out)

    def _flips(
        self, found: Comparison, setting: Setting, runs: Sequence[LvlmRun]
    ) -> list[FlippedQuestions]:
        listed = []
        for pair in found.with_baseline:
            if setting not in pair.settings:
                continue
            flips = pair.settings[setting].flips
            a, b = chr(ord("A") + pair.a), chr(ord("A") + pair.b)
            for right, wrong, ids, missed in (
                (a, b, flips.only_a, runs[pair.b]),
                (b, a, flips.only_b, runs[pair.a]),
            ):
                if ids:
                    listed.append(
                        FlippedQuestions(
                            f"{len(ids)} right in {right}, not in {wrong}",
                            tuple((id, self._link(setting, id, missed)) for id in ids[:MOST_FLIPS]),
                            max(0, len(ids) - MOST_FLIPS),
                        )
                    )
        return listed

    def _link(self, setting: Setting, id: str, missed: LvlmRun) -> str:
        if not self.links:
            return ""
        wanted = {"setting": setting, "differ": "1", "run": missed.id, "state": "missed"}
        return f"#questions?{urlencode({**wanted, 'at': f'{setting} {id}'}, errors='replace')}"


def _groups(read: Input) -> list[list[LvlmRun]]:
    """Runs over the same questions; a run may stand alone."""
    by_questions: dict[tuple[str, str], list[LvlmRun]] = {}
    for one in read.lvlm:
        if not one.control:
            key = (str(one.identity.get("dataset")), one.asked)
            by_questions.setdefault(key, []).append(one)
    return list(by_questions.values())


def _alone(groups: Sequence[Sequence[LvlmRun]]) -> Iterator[str]:
    """Labels of runs that others on the same data were asked other questions than."""
    on_data = Counter(str(runs[0].identity.get("dataset")) for runs in groups)
    for runs in groups:
        if len(runs) == 1 and on_data[str(runs[0].identity.get("dataset"))] > 1:
            yield runs[0].label


@dataclass(frozen=True, slots=True)
class _Compared:
    """Runs over the same questions.

    Attributes:
        runs: those that are compared; all of them if none is.
        found: how they differ; None if they cannot be compared.
        left_out: which others are not, and why, a line each.
    """

    runs: Sequence[LvlmRun]
    found: Comparison | None
    left_out: tuple[str, ...]


def _compared(runs: Sequence[LvlmRun]) -> _Compared:
    """Compare the first runs of a group, without those that cannot be compared with the first."""
    chosen, left_out = list(runs[:MOST]), list[str]()
    if len(runs) > len(chosen):
        left_out.append(
            f"{len(runs) - len(chosen)} more runs over these questions are left out here: "
            "lvlm-eval compare takes any number."
        )
    try:
        return _Compared(chosen, _comparison(chosen), tuple(left_out))
    except InputError as error:
        whole = str(error)
    if len(chosen) == 2:
        return _Compared(chosen, None, (*left_out, whole))
    answered = [one for one in chosen if set(one.statuses) - {"missing", "error"}]
    left_out += [f"{one.label} has no answers yet." for one in chosen if one not in answered]
    first, *others = answered or chosen
    fit = [first]
    for other in others:
        try:
            _comparison([first, other])
            fit.append(other)
        except InputError as error:
            left_out.append(str(error))
    left_out = list(dict.fromkeys(left_out))
    if len(fit) < 2:
        return _Compared(chosen, None, tuple(left_out))
    return _Compared(fit, _comparison(fit), tuple(left_out))


def _comparison(runs: Sequence[LvlmRun]) -> Comparison:
    with contextlib.ExitStack() as opened:
        recorded = [opened.enter_context(opened_run(one.place)) for one in runs]
        return compare_runs(recorded, names=[one.label for one in runs], each_with_each=False)

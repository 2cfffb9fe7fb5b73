"""The section of diagnoses: what the answers of each run look like, and what they rest on."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from lvlm_eval.diagnosis import Diagnosis, explain
from lvlm_eval.errors import InputError
from lvlm_eval.recorded_run import RecordedRun, opened_run
from lvlm_eval.report.explaining import figures_of
from lvlm_eval.report.page.content import Content
from lvlm_eval.report.page.findings.diagnosis_tables import OfRun, diagnosis_tables
from lvlm_eval.report.page.findings.plain import Piece, pieces
from lvlm_eval.report.page.inputs import Input
from lvlm_eval.report.page.runs import LvlmRun
from lvlm_eval.report.page.section import Section
from lvlm_eval.report.page.templates import asset, template
from lvlm_eval.report.table import TITLES

ID = "diagnosis"
MOST = 20
"""Runs that are diagnosed in one page."""


@dataclass(frozen=True, slots=True)
class DiagnosedSetting:
    """One setting of a run.

    Attributes:
        title: its name in tables.
        findings: code and sentence of each.
        missed: address of the questions that the run missed; empty where none are shown.
        pieces: the figures.
    """

    title: str
    findings: tuple[tuple[str, str], ...]
    missed: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """A run in the section.

    Attributes:
        label: its label in the page.
        controls: its controls, as words.
        settings: what was found.
        notes: what a reader should know, a line each.
    """

    label: str
    controls: str
    settings: tuple[DiagnosedSetting, ...]
    notes: tuple[str, ...]


Explained = tuple[Diagnosis | None, str]
"""What was found out about a run by itself, or why nothing was."""


@dataclass(frozen=True, slots=True)
class Diagnoses:
    """A `SectionMaker`, a `ContentMaker` and a `Looker`, which must have looked before.

    Attributes:
        links: whether the page has a browser of questions to lead to.
    """

    links: bool = True
    _alone: list[Explained] = field(default_factory=list, init=False)

    @staticmethod
    def look(run: RecordedRun, summary: LvlmRun) -> Explained:
        """Diagnose a run by itself."""
        if summary.control:
            return None, ""
        try:
            return explain(run), ""
        except InputError as error:
            return None, str(error)

    def keep(self, found: Explained) -> None:
        """Take the next run's diagnosis."""
        self._alone.append(found)

    def section(self, read: Input) -> Section | None:
        """The section; None without a run.

        Raises:
            InputError: a run that was read before cannot be read again.
        """
        runs = self._runs(read)
        if not runs:
            return None
        found = [self._diagnosed(*one, _controls_of(one[0], read.lvlm)) for one in runs[:MOST]]
        html = template("diagnosis.html").render(runs=found, left_out=len(runs) - len(found))
        return Section(ID, "Diagnosis", html, style=asset("findings.css"))

    def content(self, read: Input) -> Content:
        """The figures of the section, and those that it leaves out, as tables; of all runs."""
        diagnosed, left_out = [], []
        for summary, alone in self._runs(read):
            found, _, notes = _explained(summary, alone, _controls_of(summary, read.lvlm))
            if found is not None:
                diagnosed.append(OfRun(summary, found))
            what = "diagnosis" if found is None else "controls"
            left_out += [f"{what} of {summary.label}: {note}" for note in notes]
        return Content(diagnosis_tables(diagnosed), left_out=tuple(left_out))

    def _runs(self, read: Input) -> list[tuple[LvlmRun, Explained]]:
        pairs = zip(read.lvlm, self._alone, strict=True)
        return [(summary, alone) for summary, alone in pairs if not summary.control]

    def _diagnosed(
        self, summary: LvlmRun, alone: Explained, controls: Sequence[LvlmRun]
    ) -> Diagnosed:
        found, used, notes = _explained(summary, alone, controls)
        names = ", ".join(used)
        if found is None:
            return Diagnosed(summary.label, names, (), notes)
        settings = tuple(
            DiagnosedSetting(
                TITLES[setting],
                tuple((finding.code, finding.text) for finding in one.verdict),
                self._missed(summary, setting),
                pieces(figures_of(one)),
            )
            for setting, one in found.settings.items()
        )
        return Diagnosed(summary.label, names, settings, (*notes, *found.notes))

    def _missed(self, run: LvlmRun, setting: str) -> str:
        if not self.links:
            return ""
        return f"#questions?{urlencode({'run': run.id, 'setting': setting, 'state': 'missed'})}"


def _explained(
    summary: LvlmRun, alone: Explained, controls: Sequence[LvlmRun]
) -> tuple[Diagnosis | None, tuple[str, ...], tuple[str, ...]]:
    """A run's diagnosis, if there is one, the controls that it rests on, and what is wrong."""
    found, trouble = alone
    if found is None or not controls:
        return found, (), (trouble,) if trouble else ()
    with contextlib.ExitStack() as opened:
        run, *beside = (opened.enter_context(opened_run(one.place)) for one in (summary, *controls))
        with contextlib.suppress(InputError):
            return explain(run, beside), _names(beside), ()
        fit, notes = [], []
        for one in beside:
            try:
                explain(run, [one])
                fit.append(one)
            except InputError as error:
                notes.append(str(error))
        return explain(run, fit), _names(fit), tuple(notes)


def _names(controls: Sequence[RecordedRun]) -> tuple[str, ...]:
    return tuple(str(one.control) for one in controls)


def _controls_of(run: LvlmRun, runs: Sequence[LvlmRun]) -> list[LvlmRun]:
    """Runs of the same model and data under a control, the first of each control."""
    found: dict[str, LvlmRun] = {}
    for one in runs:
        if (
            one.control
            and one.identity["model"] == run.identity["model"]
            and one.scored.data == run.scored.data
        ):
            found.setdefault(one.control, one)
    return list(found.values())

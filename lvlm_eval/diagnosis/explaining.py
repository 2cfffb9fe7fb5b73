"""The whole diagnosis of a run, by setting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lvlm_eval.answers import PARSERS
from lvlm_eval.diagnosis.answers import Absent, Answers, accuracy_of, answers_of, as_json, share_of
from lvlm_eval.diagnosis.parts.binding import Binding, binding_of
from lvlm_eval.diagnosis.parts.breakdown import Breakdown, breakdowns_of
from lvlm_eval.diagnosis.parts.confusion import Confusion, confusion_of
from lvlm_eval.diagnosis.parts.controls import ControlPanel, Controls, check_controls, unlike
from lvlm_eval.diagnosis.parts.noise import Noise, noise_of
from lvlm_eval.diagnosis.parts.position import Position, position_of
from lvlm_eval.diagnosis.parts.scores import Scores, scores_of
from lvlm_eval.diagnosis.parts.texts import Texts, texts_of
from lvlm_eval.diagnosis.verdict import Finding, Parts, verdict_of
from lvlm_eval.errors import InputError, nearest_names
from lvlm_eval.metrics import Accuracy
from lvlm_eval.recorded_run import RecordedRun
from lvlm_eval.records import Control, Setting

UNITS = (
    "Accuracies, shares, probabilities and the ends of 95 % intervals (ci95) are in percent, their "
    "differences in percentage points, distances as fractions of what their name says, lengths in "
    "characters. A figure that the run does not give is an object with the one field 'absent', "
    "which says why."
)


@dataclass(frozen=True, slots=True)
class SettingDiagnosis:
    """Everything that was found out about one setting.

    Attributes:
        accuracy: over all questions.
        position: letters, places, and whether one point is kept.
        binding: option letters and drawn letters.
        confusion: what wrong answers choose.
        breakdowns: name → accuracies by what is asked for.
        texts: form of the answers and the two parsers.
        noise: between repeats.
        scores: of the letters' probabilities.
        controls: beside the run.
        verdict: what it looks like.
    """

    accuracy: Accuracy
    position: Position
    binding: Binding | Absent
    confusion: Confusion | Absent
    breakdowns: Mapping[str, Breakdown]
    texts: Texts
    noise: Noise | Absent
    scores: Scores | Absent
    controls: ControlPanel | Absent
    verdict: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What ``explain`` gives.

    Attributes:
        model: name of the model.
        data: name of the dataset.
        place: folder or file of the run.
        control: that the run itself was asked under, if any.
        protocol: what its rotations turned.
        parser: whose readings the figures are made from.
        settings: setting → figures, of the settings with answers.
        notes: what a reader should know, a line each.
    """

    model: str
    data: str
    place: Path
    control: Control | None
    protocol: str
    parser: str
    settings: Mapping[Setting, SettingDiagnosis]
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> tuple[Finding, ...]:
        """The findings of all settings."""
        return tuple(finding for one in self.settings.values() for finding in one.verdict)

    def to_json(self) -> dict[str, Any]:
        """One document: heading, verdict of all settings, then all figures by setting."""
        document: dict[str, Any] = as_json(
            {
                "model": self.model,
                "data": self.data,
                "place": str(self.place),
                "control": self.control,
                "protocol": self.protocol,
                "parser": self.parser,
                "units": UNITS,
                "notes": self.notes,
                "verdict": self.verdict,
                "settings": self.settings,
            }
        )
        return document


def explain(
    run: RecordedRun, controls: Sequence[RecordedRun] = (), parser: str = PARSERS[0]
) -> Diagnosis:
    """Say what a run's answers look like, and what they rest on.

    Args:
        run: read back from its folder.
        controls: runs of the same model and questions, each under another control.
        parser: whose readings the figures are made from, ``official`` or ``strict``.

    Raises:
        InputError: the parser is not known, the run has no answers, or a control does not fit.
    """
    if parser not in PARSERS:
        raise InputError(f"--parser '{parser}' is not known. {nearest_names(parser, PARSERS)}")
    check_controls(run, controls)
    for one in (run, *controls):
        if not any(read.status not in (None, "error") for read in one.rows):
            raise InputError(
                f"{one.folder} has no answers yet ({len(one.planned)} rows are planned). "
                "Go on with lvlm-eval run first."
            )
    protocol = str(run.identity.get("protocol", "options"))
    beside = Controls(controls, parser)
    settings: dict[Setting, SettingDiagnosis] = {}
    notes = [
        f"{name}: {count} unreadable lines were left alone"
        for name, count in run.recorded.unreadable.items()
    ]
    notes += unlike(run, controls)
    for setting, answers in answers_of(run, parser).items():
        if answers.answered.any():
            settings[setting] = _of_setting(answers, protocol, beside)
        else:
            notes.append(f"{setting}: no answers yet")
    return Diagnosis(
        model=run.model,
        data=run.data,
        place=run.folder,
        control=run.control,
        protocol=protocol,
        parser=parser,
        settings=settings,
        notes=tuple(notes),
    )


def _of_setting(every: Answers, protocol: str, beside: Controls) -> SettingDiagnosis:
    answers = every.where(every.repeat == 0)
    accuracy = accuracy_of(answers)
    parts = Parts(
        setting=answers.setting,
        accuracy=accuracy,
        read=share_of(answers, answers.correct, answers.answered & (answers.letter >= 0)),
        position=position_of(answers),
        binding=binding_of(answers, protocol),
        confusion=confusion_of(answers),
        texts=texts_of(answers),
        noise=noise_of(every),
        controls=beside.panel(answers),
    )
    return SettingDiagnosis(
        accuracy=accuracy,
        position=parts.position,
        binding=parts.binding,
        confusion=parts.confusion,
        breakdowns=breakdowns_of(answers),
        texts=parts.texts,
        noise=parts.noise,
        scores=scores_of(answers),
        controls=parts.controls,
        verdict=verdict_of(parts),
    )

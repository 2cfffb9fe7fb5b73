"""A sentence of the verdict, what the rules look at, and the bounds that they share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lvlm_eval.diagnosis.answers import Absent, Share
from lvlm_eval.diagnosis.parts.binding import Binding
from lvlm_eval.diagnosis.parts.confusion import Confusion
from lvlm_eval.diagnosis.parts.controls import ControlPanel
from lvlm_eval.diagnosis.parts.noise import Noise
from lvlm_eval.diagnosis.parts.position import Position
from lvlm_eval.diagnosis.parts.texts import Texts
from lvlm_eval.metrics import Accuracy
from lvlm_eval.records import Setting

SURE = 0.001
"""Bound on p values: three settings with a dozen rules stay well below one false alarm in 100."""

ENOUGH = 50
"""Questions; with fewer, chance is as large as what is looked for."""

MOSTLY = 50.0
"""Percent of wrong answers of one kind; equal chances give 33.3."""

FREQUENT = 5.0
"""Percent of all answers that a kind of wrong answers must at least make up."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence of the verdict.

    Attributes:
        setting: that it is about.
        code: short name that never changes.
        text: the sentence, figures included.
        evidence: name → figure that it rests on.
    """

    setting: Setting
    code: str
    text: str
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a verdict looks at, all of one setting."""

    setting: Setting
    accuracy: Accuracy
    read: Share
    position: Position
    binding: Binding | Absent
    confusion: Confusion | Absent
    texts: Texts
    noise: Noise | Absent
    controls: ControlPanel | Absent

    def finding(self, code: str, text: str, **evidence: Any) -> Finding:
        """A finding about this setting."""
        return Finding(self.setting, code, text, evidence)


def amount(share: Share) -> float:
    """The share in percent; 0 of nothing."""
    return share.percent or 0.0


def percent(value: float | None) -> str:
    """A figure as it stands in a sentence."""
    return "–" if value is None else f"{value:.1f} %"

"""Rows of the vision tables: published backbones, and the user's among them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lvlm_eval.intervals import Interval
from lvlm_eval.reference import main_vision_rows, published
from lvlm_eval.report.page.inputs import Input
from lvlm_eval.report.page.runs import VisionRun
from lvlm_eval.report.page.tables.table import Cell, Row, number, words

SUPERCATEGORIES: Mapping[str, str] = {
    "transportation": "Transportation",
    "hand_held": "Hand-held",
    "furniture": "Furniture",
    "animals": "Animals",
}
THRESHOLDS = ("0.10", "0.05", "0.02")
MAIN = THRESHOLDS[0]
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Backbone:
    """A row of the vision tables.

    Attributes:
        id: toggles it.
        name: its label.
        style: number of its style.
        run: the user's run; None for a published row.
    """

    id: str
    name: str
    style: int
    run: VisionRun | None = None

    @property
    def own(self) -> bool:
        """It is of the user's."""
        return self.run is not None

    @property
    def marks(self) -> tuple[str, ...]:
        """Short words that a reader must see beside its name."""
        if self.run is None:
            return ("published",)
        return ("not comparable",) if self.run.not_comparable_because else ()

    def row(self, cells: Sequence[Cell]) -> Row:
        """A row of a table, its name first."""
        below = str(self.run.document["config"].get("dataset", "")) if self.run else ""
        return Row((words(self.name), *cells), self.id, self.own, self.marks, below)

    def published(self, table: str, key: str) -> float | None:
        """A figure of the paper; None for the user's rows, and where there is none."""
        value = None if self.own else published()[table]["rows"].get(self.name, {}).get(key)
        return None if value is None else float(value)

    def measured(self, *path: str) -> Any:
        """What the user's document holds at a path; None where it does not go on."""
        found: Any = self.run.document if self.run else None
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    def pck(
        self, split: str, metric: Sequence[str], reduction: str = "pair", threshold: str = MAIN
    ) -> tuple[float | None, Interval | None]:
        """A measured figure with its interval, in percent.

        Args:
            split: ``intra``, ``cross`` or ``linear``.
            metric: where the metric is in it.
            reduction: ``pair`` or ``keypoint``.
            threshold: as it is written in the document.
        """
        value = self.figure(split, *metric, reduction, threshold)
        # SOC-geo has its interval for the keypoint reduction, all others for the pair reduction.
        if reduction != "pair" and metric[0] != "soc_geo":
            return value, None
        ends = self.measured(split, *metric, "ci95", threshold)
        if not isinstance(ends, list) or len(ends) != 2:
            return value, None
        low, high = (_percentage(one) for one in ends)
        return value, None if low is None or high is None else (low, high)

    def figure(self, *path: str) -> float | None:
        """A percentage of the user's document; None where none stands there."""
        return _percentage(self.measured(*path))

    def count(self, *path: str) -> int | None:
        """A count of the user's document; None where there is none."""
        found = _number(self.measured(*path))
        return None if found is None else int(found)

    @property
    def categories(self) -> tuple[str, ...]:
        """Categories that the user's run has figures of."""
        found = self.measured("intra", "categories")
        return tuple(found) if isinstance(found, Mapping) else ()


def backbones(read: Input) -> tuple[Backbone, ...]:
    """The user's backbones, then those of the paper's main table."""
    own = [Backbone(run.id, run.label, place, run) for place, run in enumerate(read.vision)]
    rest = [
        Backbone(f"vp{place}", name, len(own) + place)
        for place, name in enumerate(main_vision_rows())
    ]
    return (*own, *rest)


def sorted_by_soc(
    found: Sequence[tuple[Backbone, float | None]],
) -> list[Backbone]:
    """The best first; those without a figure last."""
    return [
        one for one, _ in sorted(found, key=lambda pair: -1.0 if pair[1] is None else pair[1])[::-1]
    ]


def measured_cell(found: tuple[float | None, Interval | None], digits: int = 1) -> Cell:
    """A cell of a measured figure."""
    return number(*found, digits=digits)


def _number(value: Any) -> float | None:
    """A finite number of a document; None for anything else that stands there."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _percentage(value: Any) -> float | None:
    found = _number(value)
    return found if found is not None and -_ROUNDING <= found <= 100 + _ROUNDING else None

"""Rows of the vision tables: published backbones, and the user's among them."""

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
        value = self.measured(split, *metric, reduction, threshold)
        # SOC-geo has its interval for the keypoint reduction, all others for the pair reduction.
        bounds = self.measured(split, *metric, "ci95", threshold) if reduction == "pair" or (
            metric[0] == "soc_geo"
        ) else None
        return _float(value), (float(bounds[0]), float(bounds[1])) if bounds else None


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
        one
        for one, _ in sorted(found, key=lambda pair: -1.0 if pair[1] is None else pair[1])[::-1]
    ]


def measured_cell(found: tuple[float | None, Interval | None], digits: int = 1) -> Cell:
    """A cell of a measured figure."""
    return number(*found, digits=digits)


def _float(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None

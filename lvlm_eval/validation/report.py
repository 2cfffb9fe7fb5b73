"""What a check of a dataset gives: counts, findings, doubtful questions."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from lvlm_eval.questions import QuestionPolicy
from lvlm_eval.validation.doubts import REASONS, Doubt, by_question
from lvlm_eval.validation.findings import Finding, count_severities

Watch = Callable[[str, int, int], None]
"""Told of progress: what is being read, how much of it is done, and of how much."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look at, and how questions are drawn.

    Attributes:
        doubts: whether to look for doubtful questions.
        policy: of the questions that a run would draw from a tree.
        descriptions: JSON or TOML file of the user's own words.
    """

    doubts: bool = False
    policy: QuestionPolicy = field(default_factory=QuestionPolicy)
    descriptions: Path | None = None


class Counts(Protocol):
    """How much there is, whatever the kind of dataset."""

    def lines(self) -> tuple[tuple[str, str, str], ...]:
        """What is counted, the figure, and a remark: the rows of a table."""
        ...

    def to_json(self) -> dict[str, Any]:
        """The counts as they stand in a JSON document."""
        ...


@dataclass(frozen=True, slots=True)
class Report:
    """All that is known of a dataset after it was read.

    Attributes:
        name: of the dataset.
        layout: ``SOCOv1`` or ``SOCO-LVLM``.
        place: path of the folder or file.
        counts: how much there is.
        findings: the worst first.
        questions: how many questions were looked at; None where no one asked for it.
        doubts: reasons to doubt single questions.
    """

    name: str
    layout: str
    place: str
    counts: Counts
    findings: tuple[Finding, ...]
    questions: int | None = None
    doubts: tuple[Doubt, ...] = ()

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return count_severities(self.findings)["error"]

    def to_json(self) -> dict[str, Any]:
        """One JSON document; the same data gives the same document."""
        document: dict[str, Any] = {
            "name": self.name,
            "layout": self.layout,
            "place": self.place,
            "counts": self.counts.to_json(),
            "severities": count_severities(self.findings),
            "kinds": _kinds(self.findings),
            "defects": [one.to_json() for one in self.findings],
        }
        if self.questions is not None:
            reasons = dict.fromkeys(REASONS, 0)
            for doubt in self.doubts:
                reasons[doubt.reason] += 1
            document["questions"] = {
                "drawn": self.questions,
                "doubtful": len(by_question(self.doubts)),
                "reasons": {reason.label: n for reason, n in reasons.items() if n},
                "doubts": [one.to_json() for one in self.doubts],
            }
        return document


def _kinds(findings: tuple[Finding, ...]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in findings:
        counts[one.kind.label] = counts.get(one.kind.label, 0) + 1
    return counts


@dataclass(frozen=True, slots=True)
class TreeCounts:
    """How much a SOCOv1 tree holds.

    Attributes:
        categories: of both sides of all pairs that can be used.
        supercategories: super-category → how many of the categories; ``none`` for the rest.
        images: that pairs use.
        images_unused: that lie in the folder and no pair uses.
        keypoints: each name once an image.
        pairs: split → pairs that can be used.
        pairs_refused: split → pairs that cannot.
        questions: that a run would draw.
        policy: how.
    """

    categories: int
    supercategories: Mapping[str, int]
    images: int
    images_unused: int
    keypoints: int
    pairs: Mapping[str, int]
    pairs_refused: Mapping[str, int]
    questions: int
    policy: QuestionPolicy

    def lines(self) -> tuple[tuple[str, str, str], ...]:
        """What is counted, the figure, and a remark."""
        groups = ", ".join(
            f"{n:,} {'other' if name == 'none' else name.replace('_', '-')}"
            for name, n in self.supercategories.items()
        )
        unused = f"{self.images_unused:,} more that no pair uses" if self.images_unused else ""
        lines = [
            ("categories", f"{self.categories:,}", groups),
            ("images", f"{self.images:,}", unused),
            ("keypoints", f"{self.keypoints:,}", "each once an image"),
        ]
        for split, count in self.pairs.items():
            refused = self.pairs_refused.get(split, 0)
            remark = f"{refused:,} more that cannot be used" if refused else ""
            lines.append((f"pairs, {split}", f"{count:,}", remark))
        drawn = f"drawn by 'run' ({self.policy.pairs_per_category} a category)"
        lines.append(("questions", f"{self.questions:,}", drawn))
        return tuple(lines)

    def to_json(self) -> dict[str, Any]:
        """The counts as they stand in a JSON document."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class TableCounts:
    """How much one SOCO-LVLM table holds.

    Attributes:
        file: name of the table.
        setting: that it is in; None where nothing tells.
        rows: that can be read.
        rows_refused: that cannot.
        groups: questions.
        group_sizes: rows of a group → how many groups.
        images_a_row: images of a row → how many rows.
        images: distinct ones.
        categories: distinct ones.
        bytes: of the file.
    """

    file: str
    setting: str | None
    rows: int
    rows_refused: int
    groups: int
    group_sizes: Mapping[int, int]
    images_a_row: Mapping[int, int]
    images: int
    categories: int
    bytes: int


@dataclass(frozen=True, slots=True)
class TablesCounts:
    """How much all tables of a dataset hold."""

    tables: tuple[TableCounts, ...]

    def lines(self) -> tuple[tuple[str, str, str], ...]:
        """What is counted, the figure, and a remark; a block of lines a table."""
        lines: list[tuple[str, str, str]] = []
        for one in self.tables:
            refused = f"{one.rows_refused:,} more that cannot be read" if one.rows_refused else ""
            lines += [
                (one.file, one.setting or "?", f"{one.bytes / 1e6:,.1f} MB"),
                ("  rows", f"{one.rows:,}", refused),
                ("  questions", f"{one.groups:,}", _spread(one.group_sizes, "rows each")),
                ("  images", f"{one.images:,}", _spread(one.images_a_row, "a row")),
                ("  categories", f"{one.categories:,}", ""),
            ]
        return tuple(lines)

    def to_json(self) -> dict[str, Any]:
        """The counts as they stand in a JSON document."""
        return asdict(self)


def _spread(sizes: Mapping[int, int], words: str) -> str:
    """``4 rows each``, or how many there are of each size."""
    if len(sizes) == 1:
        return f"{next(iter(sizes))} {words}"
    commonest = sorted(sizes.items(), key=lambda one: (-one[1], one[0]))
    more = ", …" if len(commonest) > 3 else ""
    return ", ".join(f"{size} {words}: {n:,}" for size, n in commonest[:3]) + more

"""One thing that a check of a dataset found."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lvlm_eval.validation.kinds import KINDS, SEVERITIES, Kind, Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """Something worth saying about one place of a dataset.

    Attributes:
        kind: what it is, which also says how bad it is.
        file: path below the dataset's root, or name of the table; printable.
        field: field or column; empty where the whole file is meant.
        message: what was found and what is done about it, one line.
        row: of a table, from 1; None in other files.
    """

    kind: Kind
    file: str
    field: str
    message: str
    row: int | None = None

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return self.kind.severity

    def line(self) -> str:
        """``file row: field: message``."""
        place = self.file if self.row is None else f"{self.file} row {self.row}"
        return ": ".join(part for part in (place, self.field, self.message) if part)

    def to_json(self) -> dict[str, Any]:
        """The finding as it stands in a JSON document."""
        row = {} if self.row is None else {"row": self.row}
        return {
            "severity": self.severity,
            "kind": self.kind.label,
            "file": self.file,
            **row,
            "field": self.field,
            "message": self.message,
        }


def finding(
    kind: Kind, file: str, field: str = "", message: str = "", row: int | None = None
) -> Finding:
    """Build a finding of one printable line, whatever the file's name and content are."""
    return Finding(kind, printable(file), field, printable(" ".join(message.split())), row)


def printable(text: str) -> str:
    """Escape what a terminal or a JSON reader could stumble over: half characters, control signs.

    Args:
        text: a file name or a message.
    """
    if text.isprintable():
        return text
    escaped = (one if one.isprintable() else ascii(one)[1:-1] for one in text)
    return "".join(escaped)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The worst first, one kind after the other, else as they were found; doubled ones once."""
    place = {kind: number for number, kind in enumerate(KINDS)}
    return tuple(sorted(dict.fromkeys(findings), key=lambda one: place[one.kind]))


def count_severities(findings: Iterable[Finding]) -> dict[Severity, int]:
    """How many findings there are of each severity, the worst first."""
    counts = Counter(one.severity for one in findings)
    return {severity: counts[severity] for severity in SEVERITIES}

"""What a section shows, before it is HTML or a file."""

from collections.abc import Iterable
from dataclasses import dataclass

from lvlm_eval.report.page.figures.spec import Figure
from lvlm_eval.report.page.tables.table import Table


@dataclass(frozen=True, slots=True)
class Content:
    """Tables and figures, each once.

    Attributes:
        tables: in the order of the page.
        figures: in the order of the page.
        left_out: what could not be made, a line each.
    """

    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    left_out: tuple[str, ...] = ()

    @classmethod
    def joined(cls, parts: Iterable["Content"]) -> "Content":
        """Several, one after the other."""
        parts = tuple(parts)
        return cls(
            tuple(table for part in parts for table in part.tables),
            tuple(figure for part in parts for figure in part.figures),
            tuple(line for part in parts for line in part.left_out),
        )

    def table(self, id: str) -> Table | None:
        """A table by its id; None if there is none."""
        return next((one for one in self.tables if one.id == id), None)

    def figure(self, id: str) -> Figure | None:
        """A figure by its id; None if there is none."""
        return next((one for one in self.figures if one.id == id), None)

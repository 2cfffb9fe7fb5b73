"""Remembers what each artist of a drawing is, so that its SVG can say so."""

from dataclasses import dataclass, field
from typing import Any

PREFIX = "mark-"


@dataclass(frozen=True, slots=True)
class Mark:
    """What an artist belongs to.

    Attributes:
        series: id that toggles it.
        tip: what it says when it is pointed at; empty for nothing.
    """

    series: str
    tip: str = ""


@dataclass(slots=True)
class Marks:
    """Ids of the groups of an SVG → what they are. It is filled while a figure is drawn."""

    by_group: dict[str, Mark] = field(default_factory=dict)

    def series(self, artist: Any, series: str, tip: str = "") -> None:
        """Say what an artist is.

        Args:
            artist: of Matplotlib.
            series: id that toggles it.
            tip: what it says when it is pointed at.
        """
        group = f"{PREFIX}{len(self.by_group)}"
        self.by_group[group] = Mark(series, tip)
        artist.set_gid(group)

"""Colours, markers and dashes of series, safe for the colour-blind.

Colours are those of M. Okabe and K. Ito, Color Universal Design (2008), without its yellow, which
is hardly seen on white. Series differ by marker and dash, too, so that none needs its colour.
"""

from dataclasses import dataclass

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#5b4b8a")
INK, MUTED, GRID, PAPER = "#1a1c1f", "#5c6168", "#dcdfe3", "#ffffff"

CLASSES = {
    **{colour: f"c{place}" for place, colour in enumerate(PALETTE)},
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    PAPER: "paper",
}
"""Colour → the word for it in the page's classes, which the dark mode changes."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
DASHES: tuple[tuple[float, ...], ...] = ((), (5, 2), (1.5, 1.5), (6, 2, 1.5, 2))
_SHAPES = {
    "o": "M-3.5,0a3.5,3.5 0 1,0 7,0a3.5,3.5 0 1,0 -7,0z",
    "s": "M-3.2,-3.2h6.4v6.4h-6.4z",
    "^": "M0,-4L4,3.2H-4z",
    "v": "M0,4L4,-3.2H-4z",
    "<": "M-4,0L3.2,-4V4z",
    ">": "M4,0L-3.2,-4V4z",
    "D": "M0,-4.4L4.4,0L0,4.4L-4.4,0z",
    "P": "M-1.4,-4h2.8v2.6h2.6v2.8h-2.6v2.6h-2.8v-2.6h-2.6v-2.8h2.6z",
    "X": "M-4,-2.2L-2.2,-4L0,-1.8L2.2,-4L4,-2.2L1.8,0L4,2.2L2.2,4L0,1.8L-2.2,4L-4,2.2L-1.8,0z",
}


@dataclass(frozen=True, slots=True)
class SeriesStyle:
    """How a series is drawn.

    Attributes:
        colour: its place in the palette.
        marker: in Matplotlib's letters.
        dashes: lengths of strokes and gaps in widths of the line; empty for a whole line.
    """

    colour: int
    marker: str
    dashes: tuple[float, ...]

    @property
    def hex(self) -> str:
        """The colour on paper."""
        return PALETTE[self.colour]

    @property
    def shape(self) -> str:
        """The marker as an SVG path round the origin, 8 px wide."""
        return _SHAPES[self.marker]


def style_of(place: int) -> SeriesStyle:
    """The style of the series at a place; the first 252 all differ.

    Args:
        place: from 0.
    """
    return SeriesStyle(
        place % len(PALETTE),
        MARKERS[place % len(MARKERS)],
        DASHES[(place // len(PALETTE)) % len(DASHES)],
    )

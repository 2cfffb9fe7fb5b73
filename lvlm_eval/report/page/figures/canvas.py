"""What all drawings share: Matplotlib with our settings, and texts that it does not interpret."""

import contextlib
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lvlm_eval.errors import InputError
from lvlm_eval.report.page.figures.style import GRID, INK, MUTED
from lvlm_eval.report.page.templates import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE, SMALL = 8.5, 7.5
"""Sizes of text in points."""

LONGEST_LABEL = 32

_SETTINGS: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": SIZE,
    "svg.fonttype": "none",
    "svg.hashsalt": "lvlm-eval",
    "svg.id": None,
    "text.usetex": False,
    "text.parse_math": False,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
}


@contextlib.contextmanager
def drawing() -> Iterator[None]:
    """Draw with our settings, whatever the user's own are.

    Raises:
        InputError: Matplotlib is not there.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise InputError(
            "the figures of a report need Matplotlib. Install it: pip install 'lvlm-eval[report]'"
        ) from error
    known = {name: one for name, one in _SETTINGS.items() if name in matplotlib.rcParamsDefault}
    with warnings.catch_warnings(), matplotlib.rc_context():
        # A name may hold signs that the font of the drawing lacks; the reader's own has them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(known)
        yield


def label(text: str) -> str:
    """A name as it fits beside a line; the page's tables have all of it."""
    shown = visible(text)
    return shown if len(shown) <= LONGEST_LABEL else f"{shown[: LONGEST_LABEL - 1].rstrip()}…"


def bare(axes: "Axes") -> None:
    """No frame and no ticks: the grid is enough."""
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, pad=5)
    axes.set_axisbelow(True)


def apart(places: list[float], gap: float) -> list[float]:
    """Places moved as little as needed for a gap between neighbours, their order kept.

    Solved exactly: with the gaps taken off, this is isotonic regression, done by pooling adjacent
    violators.

    Args:
        places: in any order.
        gap: least distance.

    Returns:
        The new places in the order of the old ones.
    """
    order = sorted(range(len(places)), key=lambda one: places[one])
    pools: list[tuple[float, int]] = []
    for rank, one in enumerate(order):
        total, size = places[one] - rank * gap, 1
        while pools and pools[-1][0] / pools[-1][1] >= total / size:
            before, many = pools.pop()
            total, size = total + before, size + many
        pools.append((total, size))
    moved = [total / size for total, size in pools for _ in range(size)]
    found = [0.0] * len(places)
    for rank, one in enumerate(order):
        found[one] = moved[rank] + rank * gap
    return found

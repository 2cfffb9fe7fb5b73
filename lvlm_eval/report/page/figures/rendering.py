"""Draws a figure, for the page or into a file."""

import io
from functools import lru_cache

from lvlm_eval.report.page.figures.canvas import drawing
from lvlm_eval.report.page.figures.grids import draw_bars, draw_heat
from lvlm_eval.report.page.figures.lines import draw_lines, draw_radar
from lvlm_eval.report.page.figures.marking import Marks
from lvlm_eval.report.page.figures.spec import Bars, Figure, HeatMap, LineChart, Radar
from lvlm_eval.report.page.figures.svg import for_page

PIXELS_PER_INCH = 300
"""Of PNG files: what journals ask for."""


@lru_cache(maxsize=32)
def page_svg(figure: Figure) -> str:
    """Markup of an ``svg`` element; equal figures of one process are drawn once.

    Raises:
        InputError: Matplotlib is not there.
    """
    marks = Marks()
    text = _drawn(figure, "svg", marks).decode()
    return for_page(text, figure.id, f"{figure.title}. {figure.note}", marks.by_group)


def figure_file(figure: Figure, kind: str) -> bytes:
    """The bytes of a file.

    Args:
        figure: what to draw.
        kind: ``svg`` or ``png``.

    Raises:
        InputError: Matplotlib is not there.
    """
    return _drawn(figure, kind, Marks())


def _drawn(figure: Figure, kind: str, marks: Marks) -> bytes:
    with drawing():
        content = figure.content
        if isinstance(content, LineChart):
            made = draw_lines(content, marks)
        elif isinstance(content, Radar):
            made = draw_radar(content, marks)
        elif isinstance(content, Bars):
            made = draw_bars(content, marks)
        else:
            assert isinstance(content, HeatMap)
            made = draw_heat(content, marks)
        stream = io.BytesIO()
        # Without a date the same figures give the same bytes.
        metadata = {"Date": None} if kind == "svg" else {}
        made.savefig(
            stream, format=kind, dpi=PIXELS_PER_INCH if kind == "png" else 72, metadata=metadata
        )
    return stream.getvalue()

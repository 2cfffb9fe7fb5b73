"""Draws a style's markers and labels onto a photo."""

from collections.abc import Sequence

from PIL import Image

from lvlm_eval.drawing.layout import Layout, Placement, arrange
from lvlm_eval.drawing.lettering import write
from lvlm_eval.drawing.mark import Mark
from lvlm_eval.drawing.shapes import Shape, arrow, centred, fill
from lvlm_eval.drawing.style import Style


def paint(photo: Image.Image, marks: Sequence[Mark], style: Style) -> Image.Image:
    """Draw markers onto a copy of a photo.

    Rims come first, then the markers, then the labels, so that where markers meet no rim hides
    another's colour and nothing hides a letter.

    Args:
        photo: RGB at final size; not modified.
        marks: in px of this photo.
        style: how they look.
    """
    layout = arrange(style, photo.size, marks)
    drawn = photo.copy()
    if layout.sizes.rim:
        for placement in layout.placements:
            fill(drawn, _shape(style, layout, placement, layout.sizes.rim), style.marker.outline)
    for placement in layout.placements:
        fill(drawn, _shape(style, layout, placement, 0.0), style.marker.colour)
    for placement in layout.placements:
        if placement.corner is not None:
            write(
                drawn,
                placement.mark.label,
                placement.corner,
                layout.box,
                size=layout.sizes.font,
                halo=layout.sizes.halo,
                colours=(style.label_colour, style.label.halo),
            )
    return drawn


def _shape(style: Style, layout: Layout, placement: Placement, rim: float) -> Shape:
    point = (placement.mark.x, placement.mark.y)
    if style.marker.shape == "arrow":
        return arrow(point, placement.tail, layout.sizes, rim)
    return centred(style.marker.shape, point, layout.sizes, rim)

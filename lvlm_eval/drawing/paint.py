"""Draws a style's markers and labels onto a photo."""

from collections.abc import Sequence

from PIL import Image

from lvlm_eval.drawing.layout import Layout, Placement, arrange
from lvlm_eval.drawing.lettering import write
from lvlm_eval.drawing.mark import Mark
from lvlm_eval.drawing.shapes import arrow, centred, fill, leader
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
            _draw_marker(drawn, style, layout, placement, layout.sizes.rim)
    for placement in layout.placements:
        _draw_marker(drawn, style, layout, placement, 0.0)
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


def _draw_marker(
    image: Image.Image, style: Style, layout: Layout, placement: Placement, rim: float
) -> None:
    """Draw a marker's rim, or with a rim of 0 px the marker itself."""
    colour = style.marker.outline if rim else style.marker.colour
    point, tail, sizes = (placement.mark.x, placement.mark.y), placement.tail, layout.sizes
    if style.marker.shape == "arrow":
        fill(image, arrow(point, tail, sizes, rim), colour)
        return
    if tail != point and not rim:
        fill(image, leader(point, tail, sizes), colour)
    fill(image, centred(style.marker.shape, point, sizes, rim), colour)

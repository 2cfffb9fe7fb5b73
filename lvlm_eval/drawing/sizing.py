"""From a style's fractions to px on one picture."""

import math
from dataclasses import dataclass

from lvlm_eval.drawing.style import Style

HEAD_LENGTH = 3.4
"""Length of an arrow's head, in shaft widths."""
HEAD_HALF = 1.75
"""Half the width of an arrow's head, in shaft widths."""
SHORTEST_HEAD = 0.5
"""At most this part of an arrow is head."""
LEAST_LINE, LEAST_RIM, LEAST_HALO = 1.0, 1.25, 2.0
"""Px below which a line, a marker's rim and a text's rim no longer show."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Px of everything that is drawn at one keypoint.

    Attributes:
        length: from tip to tail of an arrow; 0 for shapes centred on the keypoint.
        line: half the width of the shaft or line, without rim.
        head_length: of an arrow, along it.
        head_half: half the width of the head, without rim.
        radius: half the diameter or side of a centred shape, without rim; 0 for arrows.
        reach: radius of the disc that holds a centred shape with its rim; 0 for arrows.
        leader: half the width of the line that ties a label to a centred shape far from it.
        rim: width of the rim.
        gap: free space between a marker and its label.
        font: size of the label's font.
        halo: width of the rim round the text.
    """

    length: float
    line: float
    head_length: float
    head_half: float
    radius: float
    reach: float
    leader: float
    rim: float
    gap: float
    font: int
    halo: int


def sizes_of(style: Style, picture: tuple[int, int], scale: float) -> Sizes:
    """Work out the px of a style.

    Args:
        style: the marker style.
        picture: width and height in px of the picture as it is sent.
        scale: 1 unless the layout had to shrink the markers to fit them in.
    """
    marker, label = style.marker, style.label
    unit = math.sqrt(picture[0] * picture[1])
    size = max(marker.min_size, marker.size * unit) * scale
    width = max(LEAST_LINE, max(marker.min_width, marker.width * unit) * scale)
    rim = max(LEAST_RIM, marker.outline_width * unit) * scale if marker.outline_width else 0.0
    font = max(1, round(max(label.min_size, label.size * unit) * scale))
    halo = (
        max(1, round(max(LEAST_HALO, label.halo_width * unit) * scale)) if label.halo_width else 0
    )
    gap = max(1.0, 0.09 * font)
    if marker.shape == "arrow":
        head = min(HEAD_LENGTH * width, SHORTEST_HEAD * size)
        half = min(HEAD_HALF * width, 0.6 * head)
        return Sizes(size, width / 2, head, half, 0.0, 0.0, 0.0, rim, gap, font, halo)
    radius = size / 2
    corner = math.sqrt(2) if marker.shape == "square" else 1.0
    reach = (radius + rim) * corner
    leader = max(LEAST_LINE / 2, 0.3 * width)
    return Sizes(0.0, width / 2, 0.0, 0.0, radius, reach, leader, rim, gap, font, halo)

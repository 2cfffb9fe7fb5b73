"""Tells, from the size of a picture alone, whether the letters of its markers can be read.

The bounds were measured with a program that reads letters, on every built-in renderer, the bundled
sample and real photographs (``benchmarks/legibility.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lvlm_eval.drawing.encoding import size_within
from lvlm_eval.drawing.layout import Layout
from lvlm_eval.drawing.sizing import LEAST_HALO, sizes_of
from lvlm_eval.drawing.style import Style

LEAST_FONT = 10
"""Px of the font. All letters of 10 px and more were read, four in five of 8 to 9, few of 6."""

ROOM = 5.4
"""Side of a picture, √(width · height), in font sizes. At 100×75 px with the built-in floor of
16 px (5.4) all letters were read. Nearer together four markers have to be drawn smaller, or lose
their letters: at 80×60 px (4.3) up to a third was lost, at 60×45 px (3.2) most were."""

CAPITAL = 0.71
"""Height of the letters A to D in font sizes."""


@dataclass(frozen=True, slots=True)
class Legibility:
    """What becomes of the letters in a picture.

    Attributes:
        letter: height of a letter in px, before markers that do not fit are drawn smaller.
        legible: all can be read.
        least_side: √(width · height) in px from which they can be read; None if the style's letters
            are too small on any picture of this size policy.
    """

    letter: float
    legible: bool
    least_side: float | None


def legibility(style: Style, photo: tuple[int, int]) -> Legibility:
    """Whether the letters of four markers can be read on a photo.

    Args:
        style: the marker style.
        photo: width and height in px, before the style's own shrinking.
    """
    picture = size_within(photo, style.image.max_side)
    side = (picture[0] * picture[1]) ** 0.5
    font = sizes_of(style, picture, 1.0).font
    floor = max(LEAST_FONT, round(style.label.min_size))
    # Letters above the floor may be drawn smaller where there is no room, and are large still.
    legible = font >= LEAST_FONT and side >= ROOM * min(font, floor)
    grown = 0.0 if style.label.min_size >= LEAST_FONT else LEAST_FONT / style.label.size
    least = max(ROOM * floor, grown)
    reached = style.image.max_side is None or style.image.max_side >= least
    return Legibility(CAPITAL * font, legible, least if reached else None)


def drawn_legibly(layout: Layout) -> bool:
    """Whether the letters of a picture can be read, after all the shrinking that it took.

    What `legibility` foresees from the size alone, this says of the points that there are: markers
    in a crowd may have to be smaller. Letters with a rim of one px run into the photo.

    Args:
        layout: of the picture; where a rule is broken, a letter is hidden or left out.
    """
    halo, font = layout.sizes.halo, layout.sizes.font
    return layout.broken == 0 and font >= LEAST_FONT and not 0 < halo < LEAST_HALO


def shrunk_note(style: Style, sent: tuple[int, int], seen: tuple[int, int]) -> str | None:
    """One line for the user if a model shrinks pictures so far that the letters cannot be read.

    Args:
        style: the marker style.
        sent: width and height in px of a picture with its markers.
        seen: the same after the model's own resizing.
    """
    font = sizes_of(style, sent, 1.0).font
    scale = (seen[0] * seen[1] / (sent[0] * sent[1])) ** 0.5
    if font * scale >= LEAST_FONT or scale >= 1:
        return None
    return (
        f"the model shrinks pictures of {sent[0]}×{sent[1]} px to {seen[0]}×{seen[1]} px: the "
        f"letters at their markers are {CAPITAL * font * scale:.0f} px high then, and from "
        f"{CAPITAL * LEAST_FONT:.0f} px on they can be read. Give a larger pixel budget "
        "(max_pixels), or a renderer with larger letters"
    )


def illegible_note(style: Style, photos: Sequence[tuple[int, int]]) -> str | None:
    """One line for the user about photos whose markers have letters that cannot be read.

    Args:
        style: the marker style.
        photos: width and height in px of each photo.
    """
    found = [(size, legibility(style, size)) for size in dict.fromkeys(photos)]
    bad = {size: one for size, one in found if not one.legible}
    if not bad:
        return None
    count = sum(size in bad for size in photos)
    (width, height), worst = min(bad.items(), key=lambda one: one[0][0] * one[0][1])
    if worst.least_side is None:
        advice = "raise max_side, size or min_size in the renderer"
    else:
        least = round(worst.least_side * (4 / 3) ** 0.5), round(worst.least_side * (3 / 4) ** 0.5)
        advice = (
            f"from about {least[0]}×{least[1]} px on they can. Give larger photos, or a renderer "
            "with other sizes"
        )
    return (
        f"{count} of {len(photos)} photos are so small that the letters at their markers cannot be "
        f"read reliably, by a program at least: the smallest is {width}×{height} px, its letters "
        f"at most {worst.letter:.0f} px high; {advice}"
    )

"""Labels: the font that ships with the package, how large a label is, and its drawing."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from lvlm_eval.resources import data_folder

FONT_FILE = "Roboto-Bold.ttf"


@dataclass(frozen=True, slots=True)
class LabelBox:
    """The common size of the labels of one picture, halo included.

    One size for all, so that the markers stay where they are when letters change places.

    Attributes:
        width: px.
        height: px.
        baseline: px from the box's top down to the line that the letters stand on.
    """

    width: int
    height: int
    baseline: int


def label_box(labels: Sequence[str], size: int, halo: int) -> LabelBox:
    """The smallest box that holds any one of the labels.

    Args:
        labels: texts; without any the box is empty.
        size: font size in px.
        halo: px.
    """
    inks = [_ink(label, size, halo) for label in labels if label]
    if not inks:
        return LabelBox(0, 0, 0)
    top, bottom = min(ink[1] for ink in inks), max(ink[3] for ink in inks)
    return LabelBox(max(ink[2] - ink[0] for ink in inks), bottom - top, -top)


def write(
    image: Image.Image,
    label: str,
    corner: tuple[int, int],
    box: LabelBox,
    *,
    size: int,
    halo: int,
    colours: tuple[str, str],
) -> None:
    """Draw one label onto an image, centred in its box.

    Args:
        image: RGB; drawn on.
        label: the text.
        corner: left and top of the box, px.
        box: from ``label_box`` of all labels.
        size: font size in px.
        halo: px.
        colours: of the text and of the halo.
    """
    left, _, right, _ = _ink(label, size, halo)
    x = corner[0] + (box.width - (right - left)) // 2 - left
    ImageDraw.Draw(image).text(
        (x, corner[1] + box.baseline),
        label,
        fill=colours[0],
        font=_font(size),
        anchor="ls",
        stroke_width=halo,
        stroke_fill=colours[1],
    )


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    # Basic layout: the same pixels with and without the optional text shaping library.
    path = data_folder() / "fonts" / FONT_FILE
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=1024)
def _ink(label: str, size: int, halo: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the drawn px, from the start of the baseline."""
    left, top, right, bottom = _font(size).getbbox(label, stroke_width=halo, anchor="ls")
    return int(left), int(top), int(right), int(bottom)

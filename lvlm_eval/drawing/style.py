"""The marker style: what a ``renderers/*.toml`` file may say, and its exact checking.

Every length is a fraction of sqrt(width * height) of the picture as it is sent, so that a style
looks the same on every photo. ``min_*`` are floors in px: below them a letter can no longer be
read, however small the photo. Markers go below their floors only where they do not fit otherwise.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Literal, get_args

from PIL import ImageColor
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from lvlm_eval.errors import InputError, nearest_names

MarkerShape = Literal["arrow", "circle", "cross", "square", "dot"]
LabelSet = Literal["letters", "numbers"]
ImageFormat = Literal["png", "jpeg"]

LABELS: dict[LabelSet, tuple[str, ...]] = {
    "letters": ("A", "B", "C", "D"),
    "numbers": ("1", "2", "3", "4"),
}
JPEG_QUALITY = 95
MOST_PX = 1000
"""Greatest floor; far above it no font can be drawn."""


def _known_colour(value: str) -> str:
    name = value.lower()
    digits = name.removeprefix("#")
    is_hex = name != digits and len(digits) == 6 and set(digits) <= set("0123456789abcdef")
    if not is_hex and name not in ImageColor.colormap:
        raise ValueError(
            f"is no CSS colour name and not #rrggbb. {nearest_names(name, ImageColor.colormap)}"
        )
    return name


Colour = Annotated[str, AfterValidator(_known_colour)]
Fraction = Annotated[float, Field(gt=0, le=0.5)]
FractionOrNone = Annotated[float, Field(ge=0, le=0.5)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class MarkerStyle(_Table):
    """The ``[marker]`` table.

    Attributes:
        shape: what is drawn; an arrow's tip, or the centre of any other shape, is the keypoint.
        colour: CSS name or ``#rrggbb``.
        size: length of the arrow, diameter or side of the rest.
        min_size: floor of ``size``, px.
        width: width of an arrow's shaft or of a line.
        min_width: floor of ``width``, px.
        outline: colour of the rim round the shape.
        outline_width: width of the rim; 0 for none.
        words: what a prompt calls the marker; made from colour and shape if absent.
    """

    shape: MarkerShape
    colour: Colour
    size: Fraction
    min_size: Annotated[float, Field(ge=2, le=MOST_PX)] = 22.0
    width: Fraction = 0.0125
    min_width: Annotated[float, Field(ge=1, le=MOST_PX)] = 3.0
    outline: Colour = "white"
    outline_width: FractionOrNone = 0.004
    words: str | None = None


class LabelStyle(_Table):
    """The ``[label]`` table.

    Attributes:
        set: the labels of four candidates: A to D, or 1 to 4.
        size: font size.
        min_size: floor of ``size``, px.
        colour: the marker's if absent.
        halo: colour of the rim round the text.
        halo_width: width of the rim; 0 for none.
    """

    set: LabelSet = "letters"
    size: Fraction = 0.066
    min_size: Annotated[float, Field(ge=6, le=MOST_PX)] = 16.0
    colour: Colour | None = None
    halo: Colour = "white"
    halo_width: FractionOrNone = 0.0065


class SourceStyle(_Table):
    """The ``[source]`` table: the text beside the query's marker."""

    label: str = "REF"


class ImagePolicy(_Table):
    """The ``[image]`` table: the size and the encoding of the picture that is sent.

    Attributes:
        max_side: px of the longer side that larger photos are shrunk to; smaller ones are never
            enlarged; the original size if absent.
        format: ``png`` (exact) or ``jpeg`` (4:4:4, so that coloured markers stay sharp).
        quality: of JPEG, 1 to 100; 95 if absent.
    """

    max_side: Annotated[int, Field(ge=1)] | None = None
    format: ImageFormat = "png"
    quality: Annotated[int, Field(ge=1, le=100)] | None = None

    @model_validator(mode="after")
    def _quality_is_of_jpeg(self) -> "ImagePolicy":
        if self.quality is not None and self.format != "jpeg":
            raise ValueError('quality means something with format = "jpeg" only')
        return self


class Style(_Table):
    """A whole ``renderers/*.toml`` file."""

    description: str
    marker: MarkerStyle
    label: LabelStyle = LabelStyle()
    source: SourceStyle = SourceStyle()
    image: ImagePolicy = ImagePolicy()

    @property
    def labels(self) -> tuple[str, ...]:
        """The drawn labels of four candidates, in order."""
        return LABELS[self.label.set]

    @property
    def marker_words(self) -> str:
        """What a prompt calls the marker, such as ``red arrow``."""
        return self.marker.words or f"{_colour_word(self.marker.colour)} {self.marker.shape}"

    @property
    def label_colour(self) -> str:
        """Colour of the label's text."""
        return self.label.colour or self.marker.colour


def read_style(path: Path) -> Style:
    """Read a marker style.

    Args:
        path: a ``.toml`` file.

    Raises:
        InputError: it is not TOML, or a field is unknown, missing or out of range; one line that
            names the file, the field and what would have been right.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: this is not TOML: {error}. Correct the file.") from error
    return checked_style(content, str(path))


def checked_style(content: object, where: str) -> Style:
    """The style that the tables of a file, or of something like one, describe.

    Args:
        content: table → field → value.
        where: what to call it in an error.

    Raises:
        InputError: a field is unknown, missing or out of range; see `read_style`.
    """
    try:
        return Style.model_validate(content)
    except ValidationError as error:
        # A mistyped field is also a missing one: the former tells more.
        errors = error.errors(include_url=False)
        errors.sort(key=lambda one: one["type"] != "extra_forbidden")
        raise InputError(f"{where}: {_one_line(errors[0])}") from error


def _one_line(error: ErrorDetails) -> str:
    *tables, last = [str(part) for part in error["loc"]] or [""]
    table: type[BaseModel] = Style
    for name in tables:
        inner = table.model_fields[name].annotation
        table = inner if isinstance(inner, type) and issubclass(inner, BaseModel) else table
    place = f"[{'.'.join(tables)}] " if tables else ""
    if error["type"] == "extra_forbidden":
        return f"{place}field '{last}' is unknown. {nearest_names(last, table.model_fields)}"
    if error["type"] == "missing":
        return f"{place}field '{last}' is missing. Add it."
    if error["type"] == "literal_error":
        choices = get_args(table.model_fields[last].annotation)
        return f"{place}{last} = {error['input']!r} is unknown. " + nearest_names(
            str(error["input"]), (str(choice) for choice in choices)
        )
    if error["type"] in ("model_type", "model_attributes_type"):
        return f"{place}'{last}' must be a table: write [{last}] above its fields."
    if error["type"] == "value_error" and last in Style.model_fields:
        return f"[{last}] {error['msg'].removeprefix('Value error, ')}."
    reason = error["msg"].removeprefix("Value error, ")
    return f"{place}{last} = {error['input']!r}: {reason[0].lower()}{reason[1:].rstrip('.')}."


def _colour_word(colour: str) -> str:
    """Name a ``#rrggbb`` by the nearest plain colour; a CSS name is its own word."""
    if not colour.startswith("#"):
        return colour
    plain = "red orange yellow green lime blue purple magenta cyan pink brown white grey black"
    wanted = ImageColor.getrgb(colour)

    def distance(name: str) -> int:
        rgb = ImageColor.getrgb(name)
        return sum((a - b) ** 2 for a, b in zip(wanted[:3], rgb[:3], strict=True))

    return min(plain.split(), key=distance)

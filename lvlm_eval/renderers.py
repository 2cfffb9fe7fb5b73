"""Renderers: marker styles (``renderers/*.toml``) and drawing functions (``.py``) of the user.

A ``.py`` renderer has one function ``draw(photo, marks)`` that gets the photo as an RGB image
of its original size and a list of `Mark`, and returns the drawn image. Optional module constants:
``LABELS`` (texts for four candidates), ``SOURCE_LABEL``, ``MARKER_WORDS`` (what a prompt calls the
marker) and ``DESCRIPTION``. Its picture is sent as PNG.
"""

import copy
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from lvlm_eval.drawing.encoding import encoded, shrunk
from lvlm_eval.drawing.mark import Mark, moved_to
from lvlm_eval.drawing.paint import paint
from lvlm_eval.drawing.style import LABELS, ImagePolicy, SourceStyle, Style, read_style
from lvlm_eval.errors import InputError
from lvlm_eval.records import Picture
from lvlm_eval.resources import find
from lvlm_eval.user_files import load_user_file, said

__all__ = ["Mark", "Renderer", "load_renderer", "renderer_of_style"]

DRAWING_REVISION = 1
"""Raised whenever the same style begins to give other pixels: runs must not mix the two."""

Draw = Callable[[Image.Image, Sequence[Mark]], Image.Image]


@dataclass(frozen=True, slots=True)
class Renderer:
    """Draws markers onto photos and encodes the result.

    Attributes:
        name: file name without its suffix.
        description: what it is for, one line.
        shadows: True if a local file hides a different built-in one of the same name.
        labels: the texts drawn at four candidates, in order.
        source_label: the text drawn at the query.
        marker_words: what a prompt calls the marker, such as ``red arrow``.
        image: size and encoding of the pictures.
        style: what a ``.toml`` file says; None where a ``.py`` file draws.
    """

    name: str
    description: str
    shadows: bool
    labels: tuple[str, ...]
    source_label: str
    marker_words: str
    image: ImagePolicy
    style: Style | None
    _draw: Draw = field(repr=False)
    _definition: Mapping[str, object] = field(repr=False)

    def definition(self) -> dict[str, object]:
        """All that decides how a picture looks, fit for JSON; part of a run's identity.

        Name and description are not in it: a renamed style draws the same.
        """
        return copy.deepcopy(dict(self._definition))

    def render(self, photo: Image.Image, marks: Sequence[Mark]) -> Picture:
        """Draw marks onto a photo and encode it; the same input gives the same bytes.

        Args:
            photo: RGB; not modified.
            marks: in px of this photo; any number. A point outside is marked at the nearest place
                of the border.

        Raises:
            InputError: a mark is not drawable, or a ``.py`` renderer failed.
        """
        canvas = shrunk(photo, self.image.max_side)
        return encoded(self._draw(canvas, moved_to(marks, photo.size, canvas.size)), self.image)


def load_renderer(name: str) -> Renderer:
    """Load a renderer.

    Args:
        name: a path to a ``.toml`` or ``.py`` file, or a bare name that is looked up in
            ``./renderers`` and then among the built-in ones.

    Raises:
        InputError: there is none of that name, or the file is wrong; one line.
    """
    found = find("renderers", name)
    load = _from_python if found.path.suffix == ".py" else _from_toml
    return load(found.name, found.path, found.shadows)


def _from_toml(name: str, path: Path, shadows: bool) -> Renderer:
    style = read_style(path)
    _check_source_label(path, style.labels, style.source.label)
    return renderer_of_style(style, name, shadows)


def renderer_of_style(style: Style, name: str = "", shadows: bool = False) -> Renderer:
    """The renderer that draws in a style.

    Args:
        style: what the file says.
        name: file name without its suffix.
        shadows: True if the file hides a different built-in one of the same name.
    """
    return Renderer(
        name=name,
        description=style.description,
        shadows=shadows,
        labels=style.labels,
        source_label=style.source.label,
        marker_words=style.marker_words,
        image=style.image,
        style=style,
        _draw=lambda photo, marks: paint(photo, marks, style),
        _definition={
            "drawing_revision": DRAWING_REVISION,
            "style": style.model_dump(mode="json", exclude={"description"}),
            "marker_words": style.marker_words,
        },
    )


def renderer_of_definition(definition: Mapping[str, Any], name: str = "") -> Renderer:
    """The renderer of a ``.toml`` file as a run's identity holds it.

    Args:
        definition: `Renderer.definition`; that of a Python file is never run from a record.
        name: of the renderer.

    Raises:
        InputError: it is none of a ``.toml`` file.
    """
    try:
        style = Style.model_validate({"description": "", **definition["style"]})
    except (ValueError, LookupError, TypeError) as error:
        raise InputError(f"recorded renderer '{name}' is no marker style: {said(error)}.") from None
    return renderer_of_style(style, name)


def _from_python(name: str, path: Path, shadows: bool) -> Renderer:
    loaded = load_user_file(path)
    module = loaded.module
    draw = getattr(module, "draw", None)
    if not callable(draw):
        raise InputError(f"{path}: has no function draw(photo, marks). Define it.")
    labels = getattr(module, "LABELS", LABELS["letters"])
    if (
        not isinstance(labels, (tuple, list))
        or not all(isinstance(label, str) and label for label in labels)
        or len(set(labels)) != 4
        or len(labels) != 4
    ):
        raise InputError(f"{path}: LABELS = {labels!r} must be four different texts.")
    source_label = _text(path, module, "SOURCE_LABEL", SourceStyle().label)
    marker_words = _text(path, module, "MARKER_WORDS", "marker")
    _check_source_label(path, labels, source_label)
    renderer = Renderer(
        name=name,
        description=_text(path, module, "DESCRIPTION", f"Drawn by {path.name}."),
        shadows=shadows,
        labels=tuple(labels),
        source_label=source_label,
        marker_words=marker_words,
        image=ImagePolicy(),
        style=None,
        _draw=lambda photo, marks: _checked_draw(path, draw, photo, marks),
        _definition={
            "source": loaded.source,
            "labels": list(labels),
            "source_label": source_label,
            "marker_words": marker_words,
        },
    )
    # A mistake in the function shows here, before a run asks anything.
    corners = ((8, 8), (56, 8), (8, 40), (56, 40))
    marks = [Mark(label, x, y) for label, (x, y) in zip(renderer.labels, corners, strict=True)]
    renderer.render(Image.new("RGB", (64, 48), "gray"), marks)
    return renderer


def _check_source_label(path: Path, labels: Sequence[str], source_label: str) -> None:
    if not source_label.strip() or source_label in labels:
        raise InputError(
            f"{path}: the source label is '{source_label}'; expected a text that is not blank and "
            f"none of {', '.join(labels)}."
        )


def _text(path: Path, module: types.ModuleType, constant: str, default: str) -> str:
    value = getattr(module, constant, default)
    if not isinstance(value, str):
        raise InputError(f"{path}: {constant} = {value!r} must be a text.")
    return value


def _checked_draw(
    path: Path, draw: Callable[..., object], photo: Image.Image, marks: Sequence[Mark]
) -> Image.Image:
    try:
        drawn = draw(photo, list(marks))
    except (Exception, SystemExit) as error:
        raise InputError(f"{path}: draw() failed: {said(error)}. Correct the file.") from error
    if not isinstance(drawn, Image.Image):
        raise InputError(
            f"{path}: draw() returned {type(drawn).__name__}, not a PIL image. "
            "Return the drawn photo."
        )
    return shrunk(drawn, None)

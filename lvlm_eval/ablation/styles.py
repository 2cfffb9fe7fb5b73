"""A renderer with single fields of its style changed, and what such a change brings with it."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import ImageColor

from lvlm_eval.ablation.factors import Level, cell_words
from lvlm_eval.drawing.style import Style, checked_style, read_style
from lvlm_eval.errors import InputError
from lvlm_eval.renderers import Renderer, renderer_of_style
from lvlm_eval.resources import available, builtin_folder
from lvlm_eval.runs.folder import write_whole

FAINT = 1.5
"""Contrast below which a rim no longer sets a marker off from what is behind it."""

_MEASURES = ("size", "min_size", "width", "min_width")
_STYLE_OF_SHAPE = {
    "arrow": "red-arrow",
    "circle": "red-circle",
    "cross": "red-cross",
    "square": "red-square",
    "dot": "numbered-dots",
}


def restyled(base: Renderer, changes: Mapping[str, Level]) -> Renderer:
    """The renderer with some fields of its style changed.

    A shape brings the measures of the built-in style of that shape (an arrow is long, a circle
    round a point small), unless they are changed themselves. A colour is also that of labels that
    had the marker's, and white rims become black, or black ones white, where they would hardly
    show (contrast below `FAINT`). What a prompt calls the marker follows. If what comes out is a
    style that has a name, it has that name, so that ``lvlm-eval run --renderer`` finds the same.

    Args:
        base: the renderer.
        changes: ``<table>.<field>`` → value.

    Raises:
        InputError: the renderer is a Python file, or the fields do not go together.
    """
    if not changes:
        return base
    named = ", ".join(sorted(changes))
    if base.style is None:
        raise InputError(
            f"renderer '{base.name}' is a Python file, which has no {named}. Take a .toml one, or "
            "leave these factors out."
        )
    told = told_changes(base.style, changes)
    if not told:
        return base
    words = re.sub(r"[^A-Za-z0-9.+_=-]+", "-", cell_words(told).replace(" ", "--"))
    name = f"{base.name}--{words}"
    style = checked_style(_changed(base.style, changes), f"renderer '{base.name}' with {named}")
    known = _known_as(style)
    if known is not None:
        return known
    described = style.model_copy(update={"description": f"{base.name} with {cell_words(told)}"})
    return renderer_of_style(described, name, base.shadows)


def told_changes(style: Style, changes: Mapping[str, Level]) -> dict[str, Level]:
    """Those changes without which something would be drawn in another way.

    A field that is set to what it is counts only where another change would have brought another
    value with it, as a shape brings its size.

    Args:
        style: before the changes.
        changes: ``<table>.<field>`` → value.
    """
    told = {name: one for name, one in changes.items() if one != field_of(style, name)}
    without_rest = _changed(style, told)
    for name, value in changes.items():
        table, _, field = name.partition(".")
        if without_rest[table][field] != value:
            told[name] = value
    return told


def field_of(style: Style, factor: str) -> Level:
    """The value of ``<table>.<field>`` in a style."""
    table, _, field = factor.partition(".")
    level: Level = getattr(getattr(style, table), field)
    return level


def write_style(folder: Path, renderer: Renderer) -> Path:
    """Write a renderer's style as a file that gives the same renderer, named after it.

    Args:
        folder: made if it is not there.
        renderer: one with a style.

    Returns:
        The file.
    """
    assert renderer.style is not None
    tables = renderer.style.model_dump(mode="json", exclude_none=True)
    lines = [f"description = {json.dumps(tables.pop('description'))}"]
    for table, fields in tables.items():
        lines += [
            "",
            f"[{table}]",
            *(f"{name} = {json.dumps(one)}" for name, one in fields.items()),
        ]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{renderer.name}.toml"
    write_whole(path, "\n".join(lines) + "\n")
    return path


def _changed(style: Style, changes: Mapping[str, Level]) -> dict[str, Any]:
    content: dict[str, Any] = style.model_dump()
    shape, colour = changes.get("marker.shape"), changes.get("marker.colour")
    shape = None if shape == style.marker.shape else shape
    colour = None if colour == style.marker.colour else colour
    if shape is not None:
        own = read_style(builtin_folder("renderers") / f"{_STYLE_OF_SHAPE[str(shape)]}.toml")
        content["marker"] |= {name: getattr(own.marker, name) for name in _MEASURES}
    if colour is not None and style.label.colour == style.marker.colour:
        content["label"]["colour"] = colour
    if shape is not None or colour is not None:
        content["marker"]["words"] = None
    if changes.get("image.format") == "png" and "image.quality" not in changes:
        content["image"]["quality"] = None
    for name, value in changes.items():
        table, _, field = name.partition(".")
        content[table][field] = value
    if colour is not None:
        marker, label = content["marker"], content["label"]
        for table, rim, inner in (
            (marker, "outline", marker["colour"]),
            (label, "halo", label["colour"] or marker["colour"]),
        ):
            kind = "marker" if table is marker else "label"
            if f"{kind}.{rim}" not in changes:
                table[rim] = _rim(table[rim], inner)
    return content


def _rim(rim: str, inner: str) -> str:
    if contrast(rim, inner) >= FAINT:
        return rim
    return max(("white", "black"), key=lambda one: contrast(one, inner))


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio").

    Args:
        one: CSS name or ``#rrggbb``.
        other: the same.
    """
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    """Relative luminance, 0 to 1, of an sRGB colour (WCAG 2.2, "relative luminance")."""
    parts = [value / 255 for value in ImageColor.getrgb(colour)[:3]]
    red, green, blue = (
        one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _known_as(style: Style) -> Renderer | None:
    """The renderer of that style that a name stands for here."""
    for found in available("renderers"):
        if found.path.suffix != ".toml":
            continue
        try:
            other = read_style(found.path)
        except InputError:
            continue  # a broken file of the user's that nobody asked for
        if style.model_copy(update={"description": other.description}) == other:
            return renderer_of_style(other, found.name, found.shadows)
    return None

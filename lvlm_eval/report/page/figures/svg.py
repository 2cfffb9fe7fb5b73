"""Turns Matplotlib's SVG into SVG for the page.

The page forbids ``style`` attributes, so that they become presentation attributes; colours become
classes, which the dark mode changes; fonts are left to the page; groups say which series they are
of; points say their figure. Ids are only kept where something refers to them.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping

from lvlm_eval.report.page.figures.marking import Mark
from lvlm_eval.report.page.figures.style import CLASSES
from lvlm_eval.report.page.templates import visible

_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_FONT = re.compile(r"(?:(bold|\d{3})\s+)?([\d.]+px)")
_DROPPED = {"font-family", "font-style", "font-stretch", "font-variant"}
_PAINTS = ("fill", "stroke")
_HREF = "{http://www.w3.org/1999/xlink}href"


def for_page(text: str, figure: str, title: str, marks: Mapping[str, Mark]) -> str:
    """Markup of an ``svg`` element that can stand in the page.

    Args:
        text: Matplotlib's SVG, made with ``svg.fonttype`` ``none``.
        figure: id of the figure, which ids in the SVG begin with.
        title: what those are told who do not see it.
        marks: id of a group → what it is.
    """
    root = ET.fromstring(text)
    used = set(_references(root))
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in ("metadata", "style") or _is_background(parent, child):
                parent.remove(child)
    for element in root.iter():
        _restyle(element)
        _rename(element, figure, used, marks)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("role", "img")
    root.set("aria-label", visible(title))
    return ET.tostring(root, encoding="unicode")


def _references(root: ET.Element) -> Iterable[str]:
    for element in root.iter():
        for name, value in element.attrib.items():
            if name in (_HREF, "href"):
                yield value.removeprefix("#")
            yield from _REFERENCE.findall(value)


def _is_background(parent: ET.Element, child: ET.Element) -> bool:
    """The white sheet that Matplotlib draws behind a figure and behind its axes."""
    identity = child.get("id", "")
    return child.tag == "g" and (
        (parent.get("id") == "figure_1" and identity == "patch_1")
        or (parent.get("id") == "axes_1" and identity == "patch_2")
    )


def _restyle(element: ET.Element) -> None:
    style = element.attrib.pop("style", "")
    classes: list[str] = []
    for part in style.split(";"):
        name, _, value = (piece.strip() for piece in part.partition(":"))
        if not name or name in _DROPPED:
            continue
        if name == "font":
            if found := _FONT.search(value):
                weight, size = found.groups()
                element.set("font-size", size)
                if weight:
                    element.set("font-weight", weight)
        elif name in _PAINTS and value.lower() in CLASSES:
            classes.append(f"{name[0]}-{CLASSES[value.lower()]}")
        else:
            element.set(name, value)
    if element.tag == "text" and not any(one.startswith("f-") for one in classes):
        classes.append("f-ink")
    if classes:
        element.set("class", " ".join(classes))


def _rename(element: ET.Element, figure: str, used: set[str], marks: Mapping[str, Mark]) -> None:
    identity = element.attrib.pop("id", "")
    if identity in marks:
        mark = marks[identity]
        element.set("data-series", mark.series)
        if mark.tip:
            tip = ET.Element("title")
            tip.text = visible(mark.tip)
            element.insert(0, tip)
    elif identity in used:
        element.set("id", f"{figure}-{identity}")
    for name, value in list(element.attrib.items()):
        if name in (_HREF, "href"):
            del element.attrib[name]
            element.set("href", f"#{figure}-{value.removeprefix('#')}")
        elif "url(#" in value:
            element.set(name, _REFERENCE.sub(rf"url(#{figure}-\1)", value))

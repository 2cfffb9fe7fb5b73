"""Makes HTML from templates in which every text of a user is escaped and visible."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from lvlm_eval.errors import one_line
from lvlm_eval.resources import data_folder

_LONGEST_NAME = 80


def visible(text: str) -> str:
    r"""A text on one line that shows what it is made of.

    Line ends become blanks; signs that are not seen, turn the direction of writing or are halves
    of characters become their escapes (``\u202e``). Of a very long text the middle is left out.
    """
    return one_line(text)


def template(name: str) -> jinja2.Template:
    """A template of the page's own folder, autoescaped.

    What ``{{ }}`` writes goes through `visible` first, unless it is markup already; an undefined
    name is an error. Filters: ``block`` keeps line ends (for ``pre``), ``short`` shortens names.
    """
    return environment().get_template(name)


@cache
def environment() -> jinja2.Environment:
    """The environment of all templates; other sections may take strings through it."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder()),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["block"] = block
    made.filters["short"] = short
    return made


def folder() -> Path:
    """Where templates, style and script are."""
    return data_folder() / "page"


def asset(name: str) -> str:
    """The text of ``page.css`` or ``page.js``."""
    return (folder() / name).read_text(encoding="utf-8")


def short(name: str) -> str:
    """A name that a table can hold: of one longer than 80 signs the middle is left out."""
    shown = visible(name)
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[:52]} … {shown[-24:]}"


def block(text: str) -> Markup:
    """A text of several lines, each of them visible, escaped."""
    return Markup("\n").join(_spelt_out(line) for line in text.split("\n"))


def _spelt_out(line: str) -> str:
    """A line of any length, with tabs, in which all other signs that are not seen are escapes."""
    if line.isprintable():
        return line
    escape = "unicode_escape"
    return "".join(
        sign if sign.isprintable() or sign == "\t" else sign.encode(escape).decode()
        for sign in line
    )


def json_element(value: Any) -> str:
    """A value as JSON that can stand inside a ``script`` element.

    Only ASCII comes out (U+2028 and halves of characters as escapes), without ``<``, ``>`` and
    ``&``, so that no parser of HTML finds the end of the element, or a comment, in it.

    Raises:
        ValueError: a number is not finite, or the value is no JSON.
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _finalize(value: Any) -> Any:
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return visible(value)
    return value

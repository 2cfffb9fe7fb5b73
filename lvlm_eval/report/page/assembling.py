"""Puts sections together to one HTML document that needs nothing else."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from lvlm_eval import __version__
from lvlm_eval.report.page.content import Content
from lvlm_eval.report.page.figures.rendering import page_svg
from lvlm_eval.report.page.figures.style import style_of
from lvlm_eval.report.page.inputs import Input
from lvlm_eval.report.page.leaderboard import leaderboard
from lvlm_eval.report.page.provenance import citation, provenance, records
from lvlm_eval.report.page.section import Section
from lvlm_eval.report.page.templates import asset, json_element, template
from lvlm_eval.report.page.vision.content import vision_content

TITLE = "SOCO report"


@dataclass(frozen=True, slots=True)
class Contents:
    """Tables and figures of the three built-in sections."""

    leaderboard: Content
    vision: Content
    provenance: Content

    @classmethod
    def of(cls, read: Input) -> "Contents":
        """Those of the user's runs."""
        return cls(leaderboard(read), vision_content(read), provenance(read))

    def whole(self) -> Content:
        """All of them, in the order of the page."""
        return Content.joined((self.leaderboard, self.vision, self.provenance))


def page(
    read: Input, more: Sequence[Section] = (), title: str = TITLE, reload: float | None = None
) -> str:
    """The HTML document.

    Args:
        read: the user's runs.
        more: sections between the vision section and the provenance.
        title: of the document, plain text.
        reload: seconds after which a browser loads the page again; None for never.

    Raises:
        InputError: Matplotlib is not there.
        ValueError: two sections have one id.
    """
    contents = Contents.of(read)
    sections = [
        _of_content("leaderboard", "Leaderboard", contents.leaderboard, read, contents),
        _of_content("vision", "Vision", contents.vision, read, contents),
        *more,
        Section(
            "provenance",
            "Provenance",
            template("provenance.html").render(records=records(read), citation=citation()),
        ),
    ]
    return assemble(sections, title, read, reload)


def assemble(
    sections: Sequence[Section], title: str, read: Input, reload: float | None = None
) -> str:
    """Put sections below each other, with a navigation, and forbid all that is not of the page.

    The policy allows the page's own style and scripts by their SHA-256, images that are inside the
    page (``data:``) or, if a section has files, beside it, and nothing else: no network, no forms,
    no frames, no other script.

    Raises:
        ValueError: two sections have one id.
    """
    ids = [one.id for one in sections]
    if len(set(ids)) < len(ids):
        raise ValueError(f"two sections have the same id: {', '.join(ids)}")
    style = _lines("\n".join([asset("page.css"), *dict.fromkeys(one.style for one in sections)]))
    scripts = [asset("page.js")]
    scripts += [_lines(f"(() => {{\n{one.script}\n}})();") for one in sections if one.script]
    policy = "; ".join(
        [
            "default-src 'none'",
            f"style-src {_hash(style)}",
            f"script-src {' '.join(map(_hash, scripts))}",
            # Browsers differ in what 'self' is for a page that lies on the disk.
            "img-src data: 'self' file:" if any(one.files for one in sections) else "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    text = template("page.html").render(
        title=title,
        policy=Markup(policy),
        style=Markup(style),
        scripts=[Markup(one) for one in scripts],
        sections=[(one, Markup(one.html)) for one in sections],
        data=[(one.id, Markup(json_element(one.data))) for one in sections if one.data is not None],
        read=read,
        reload=reload,
        beside=next((name.split("/")[0] for one in sections for name in one.files), ""),
        version=__version__,
    )
    # Halves of characters in the markup of a section would stop it from being written.
    return text.encode("utf-8", "backslashreplace").decode()


def _of_content(id: str, title: str, content: Content, read: Input, contents: Contents) -> Section:
    drawn = {one.id: Markup(page_svg(one)) for one in content.figures}
    styles = {
        series.id: style_of(series.style)
        for part in (contents.leaderboard, contents.vision)
        for figure in part.figures
        for series in getattr(figure.content, "series", ())
    }
    legends = {one.id: [(*s[:2], style_of(s[2])) for s in one.legend] for one in content.figures}
    html = template(f"{id}.html").render(
        content=content, svg=drawn, styles=styles, legends=legends, read=read
    )
    return Section(id, title, html)


def _lines(text: str) -> str:
    """A text as a browser reads it: its hash is that of these line ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"

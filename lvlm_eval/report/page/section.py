"""A part of the page: its heading in the navigation, its HTML, and what that needs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_ID = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the page, which puts them below each other in the order in which they come.

    The page forbids whatever it does not know by its hash: neither ``style="…"`` attributes, nor
    ``onclick="…"`` and the like, nor elements ``style`` and ``script`` in ``html`` have any effect.
    Use classes, presentation attributes in SVG, and the fields below.

    Attributes:
        id: of the section's element, lower-case words with hyphens; ids and classes of its own
            begin with it, so that they are the page's only ones.
        title: heading and name in the navigation, plain text.
        html: trusted markup; every text of a user in it has gone through autoescape (see
            `lvlm_eval.report.page.templates.template`) or `markupsafe.escape`.
        style: CSS, added to the page's. Colours are there as ``var(--ink)``, ``var(--muted)``,
            ``var(--line)``, ``var(--paper)``, ``var(--panel)``, ``var(--accent)``,
            ``var(--c0)`` … ``var(--c6)``, in the light and the dark mode.
        script: JavaScript, run at the end of the page in a function of its own.
        data: what ``JSON.parse(document.getElementById("data-<id>").textContent)`` gives; None
            writes no such element.
        files: what the section needs beside the page, images alone: path relative to the page's
            folder, with forward slashes → content.
    """

    id: str
    title: str
    html: str
    style: str = ""
    script: str = ""
    data: Any = None
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Check what would break the page.

        Raises:
            ValueError: the id is no such word, or style or script end their own element.
        """
        if not _ID.fullmatch(self.id):
            raise ValueError(f"section id {self.id!r} is not of lower-case letters, digits and -")
        if "</style" in self.style.lower() or "<!--" in self.style:
            raise ValueError(f"section {self.id}: the style holds the end of its own element")
        if "</script" in self.script.lower() or "<!--" in self.script:
            raise ValueError(f"section {self.id}: the script holds the end of its own element")

"""The section of ablations: what varying a part of the questions does to accuracy."""

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lvlm_eval.ablation.document import ABLATION, AVERAGE, CIRCULAR, known_figure
from lvlm_eval.ablation.factors import cell_words, level_text
from lvlm_eval.records import SETTINGS
from lvlm_eval.report.ablating import DEFAULT, ablation_tables
from lvlm_eval.report.page.content import Content
from lvlm_eval.report.page.figures.rendering import page_svg
from lvlm_eval.report.page.figures.spec import Figure, HeatMap
from lvlm_eval.report.page.findings.ablation_tables import document_tables
from lvlm_eval.report.page.findings.plain import Piece, pieces
from lvlm_eval.report.page.inputs import Input
from lvlm_eval.report.page.section import Section
from lvlm_eval.report.page.templates import asset, template
from lvlm_eval.report.table import title_of
from lvlm_eval.user_files import said

ID = "ablation"
MOST_OF_ID = 60
"""Characters that a folder's name may give to the names of files."""

MOST_ROWS = 60
"""Rows of a heat map; of more, the tables alone are shown."""

_ODD = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What reading a document raises that is not what it should be."""


@dataclass(frozen=True, slots=True)
class ShownAblation:
    """One ablation in the section.

    Attributes:
        title: name of its plan, or of its folder.
        facts: design, models, factors with their levels: name and words.
        figures: heat map and its drawing.
        pieces: the tables.
        trouble: why nothing can be shown; empty if something is.
    """

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    figures: tuple[tuple[Figure, Markup], ...] = ()
    pieces: tuple[Piece, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Ablations:
    """A `SectionMaker`, and a `ContentMaker`.

    Attributes:
        folders: what the user named; those that ``ablate --out`` wrote are shown.
    """

    folders: Sequence[Path]

    def section(self, read: Input) -> Section | None:
        """The section; None where no folder is an ablation's.

        Raises:
            InputError: Matplotlib is not there.
        """
        places = self._places()
        if not places:
            return None
        shown = [_shown(one, id) for id, one in places.items()]
        html = template("ablation.html").render(ablations=shown)
        return Section(ID, "Ablation", html, style=asset("findings.css"))

    def content(self, read: Input) -> Content:
        """Tables and heat maps of the section."""
        return Content.joined(_content(one, id) for id, one in self._places().items())

    def _places(self) -> dict[str, Path]:
        """Id in the page → folder of each ablation that is named."""
        found: dict[str, Path] = {}
        for place in dict.fromkeys(one for one in self.folders if (one / ABLATION).is_file()):
            words = re.findall("[a-z0-9]+", place.resolve().name.lower())
            id = "-".join([ID, *words])[:MOST_OF_ID]
            same = sum(one == id or one.startswith(f"{id}--") for one in found)
            found[f"{id}--{same + 1}" if same else id] = place
        return found


def _content(folder: Path, id: str) -> Content:
    try:
        document, title = _read(folder)
        return Content(document_tables(document, id, title), heat_maps(document, id))
    except _ODD as error:
        return Content(left_out=(f"the ablation {folder}: {_odd(error)}",))


def _read(folder: Path) -> tuple[Any, str]:
    """An ablation's document, and its title."""
    document = json.loads((folder / ABLATION).read_text(encoding="utf-8"))
    return document, str(document["plan"]["name"] or folder.resolve().name)


def _odd(error: Exception) -> str:
    return f"its {ABLATION} is not what 'lvlm-eval ablate' writes: {said(error)}."


def _shown(folder: Path, id: str) -> ShownAblation:
    try:
        document, title = _read(folder)
        plan = document["plan"]
        facts = (
            ("design", str(plan["design"])),
            ("data", str(plan["data"])),
            ("models", ", ".join(map(str, plan["models"]))),
            *(
                (str(factor), ", ".join(map(level_text, levels)))
                for factor, levels in plan["grid"].items()
            ),
        )
        figures = tuple((one, Markup(page_svg(one))) for one in heat_maps(document, id))
        tables = pieces((*ablation_tables(document), *map(str, document["notes"])))
        return ShownAblation(title, facts, figures, tables)
    except _ODD as error:
        return ShownAblation(folder.resolve().name, trouble=f"Left out: {_odd(error)}")


def heat_maps(document: Mapping[str, Any], id: str) -> tuple[Figure, ...]:
    """One of each setting that can have one; see `heat_map`."""
    made = (heat_map(document, setting, id) for setting in SETTINGS)
    return tuple(one for one in made if one is not None)


def heat_map(document: Mapping[str, Any], setting: str, id: str) -> Figure | None:
    """The accuracy of every cell in one setting: models, or the last factor's levels, as columns.

    Circular accuracy, or the average where a cell has no circular one.

    Args:
        document: of ``ablation.json``.
        setting: in which cells were asked.
        id: unique in the page.

    Returns:
        The figure; None where fewer than two cells have the setting, or there are too many.
    """
    cells = [one for one in document["cells"] if setting in one["settings"]]
    whole = all(one["settings"][setting][CIRCULAR] is not None for one in cells)
    several = len({one["model"] for one in cells}) > 1
    factors = [one for one in document["plan"]["grid"] if one != "setting"]
    across = None if several or not factors else factors[-1]
    values: dict[tuple[str, str], float | None] = {}
    for one in cells:
        levels = {name: level for name, level in one["levels"].items() if name != "setting"}
        column = str(one["model"]) if across is None else level_text(levels.get(across))
        rest = {name: level for name, level in levels.items() if name != across}
        row = cell_words(rest) or DEFAULT
        name = CIRCULAR if whole else AVERAGE
        values[row, column] = known_figure(one["settings"][setting], name)
    rows = tuple(dict.fromkeys(row for row, _ in values))
    columns = tuple(dict.fromkeys(column for _, column in values))
    if len(values) < 2 or len(rows) > MOST_ROWS:
        return None
    name = "Circular" if whole else "Average"
    kind = "model" if across is None else across
    safe = setting.replace("+", "-")
    return Figure(
        f"{id}-{safe}-heat",
        f"{title_of(setting)}: {name.lower()} accuracy by cell",
        f"{name} accuracy in percent, the darker the more; a column is a {kind}",
        HeatMap(
            rows,
            columns,
            tuple(f"{id}-{safe}-{place}" for place in range(len(columns))),
            tuple(tuple(values.get(place) for place in line) for line in _grid(rows, columns)),
        ),
    )


def _grid(rows: Sequence[str], columns: Sequence[str]) -> list[list[tuple[str, str]]]:
    places = itertools.product(rows, columns)
    return [list(itertools.islice(places, len(columns))) for _ in rows]

"""The published figures and the categories of the release, as data."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from lvlm_eval.records import Setting
from lvlm_eval.resources import data_folder


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """Circular accuracy of one published row, in percent; None where it was not published.

    Attributes:
        name: as printed in the paper.
        vis: marked source photo.
        vis_desc: marked source photo and description.
        desc: description alone.
    """

    name: str
    vis: float | None
    vis_desc: float | None
    desc: float | None

    def circular_accuracy(self, setting: Setting) -> float | None:
        """The figure of one setting, in percent."""
        return {"vis": self.vis, "vis+desc": self.vis_desc, "desc": self.desc}[setting]


@cache
def published() -> Mapping[str, Any]:
    """All published figures, table by table, as the package has them."""
    with (data_folder() / "published.json").open(encoding="utf-8") as file:
        document: dict[str, Any] = json.load(file)
    return document


@cache
def lvlm_rows() -> tuple[PublishedRow, ...]:
    """The LVLM table of the paper, in its order: baselines, the dense-feature ceiling, models."""
    return tuple(
        PublishedRow(name, row["vis"], row["vis_desc"], row["desc"])
        for name, row in published()["lvlm"]["rows"].items()
    )


@dataclass(frozen=True, slots=True)
class VisionRow:
    """PCK@0.10 of one published backbone, in percent.

    Attributes:
        name: as printed in the paper.
        figures: ``cc``, ``soc``, ``cross_soc``, ``average``, and SOC by super-category.
    """

    name: str
    figures: Mapping[str, float]


@cache
def vision_rows() -> tuple[VisionRow, ...]:
    """The main table of vision backbones, in the paper's order."""
    rows = published()["vision_main"]["rows"]
    return tuple(
        VisionRow(
            name,
            {
                "average" if key == "avg" else key.removeprefix("soc_"): figure
                for key, figure in row.items()
            },
        )
        for name, row in rows.items()
    )


@cache
def main_vision_rows() -> tuple[str, ...]:
    """The names in the main table of vision models, as printed."""
    return tuple(published()["vision_main"]["rows"])


@cache
def vision_row_names() -> tuple[str, ...]:
    """The names in the main table of vision models, then in that of all evaluated ones."""
    return (*main_vision_rows(), *published()["more_backbones"]["rows"])


def source() -> str:
    """Where the figures were published, as a citation."""
    return str(published()["source"])


@cache
def category_names() -> tuple[str, ...]:
    """The 100 categories of the release as its folders are named, in alphabetical order."""
    return tuple(sorted(published()["supercategory_of"]["rows"]))


RELEASE_QUESTIONS = 2000
"""Questions in each table of SOCO-LVLM: 20 pairs of each of the 100 categories."""

RELEASE_ROWS = 4
"""Rows of each question: its four rotations."""


def unlike_release(categories: Iterable[str], rows_of_questions: Sequence[int]) -> str:
    """Why figures on some data do not compare with the published ones; empty if they do.

    Args:
        categories: of all questions, in any spelling.
        rows_of_questions: the number of rows of each question that the figures are of.
    """
    questions = len(rows_of_questions)
    own, released = ({_key(one) for one in names} for names in (categories, category_names()))
    if not own <= released or not own:
        return "its categories are not those of SOCO-LVLM"
    if questions != RELEASE_QUESTIONS:
        return f"{questions} questions are scored, SOCO-LVLM has {RELEASE_QUESTIONS}"
    if set(rows_of_questions) != {RELEASE_ROWS}:
        return f"not all of its questions have {RELEASE_ROWS} rows"
    if own != released:
        return f"it has {len(own)} of SOCO-LVLM's {len(released)} categories"
    return ""


@cache
def _supercategories() -> Mapping[str, str]:
    rows: Mapping[str, str] = published()["supercategory_of"]["rows"]
    return {_key(category): supercategory for category, supercategory in rows.items()}


def supercategory_of(category: str) -> str | None:
    """The super-category of a category of the release.

    Args:
        category: in any case, with blanks, underscores or hyphens between the words.

    Returns:
        ``transportation``, ``hand_held``, ``furniture`` or ``animals``; None for other categories.
    """
    return _supercategories().get(_key(category))


def same_category(one: str, other: str) -> bool:
    """Whether two spellings mean one category."""
    return _key(one) == _key(other)


def _key(category: str) -> str:
    return re.sub(r"[\s_-]+", "", category).lower()

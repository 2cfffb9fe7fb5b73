"""Whether markers can be found and their letters read: from px alone, in rendered pictures.

Draws the candidates (and the query, with REF) of real questions on their photos, resized to
several sizes, through every built-in renderer. Then finds every tip or centre again by colour and
shape (``marker_finding``), finds the labels, pairs each with a marker and has tesseract read it
(``letter_reading``): those modules say what they know. A letter counts as read if the marker was
found within 2 px of the keypoint and the label beside it was read right. The same is tried on the
unmarked photos, where nothing may be found. Last, letters of 3 to 20 px are drawn on large photos,
which tells from which height they are read.

Needs Debian's ``tesseract-ocr``. Run: ``python benchmarks/legibility.py [--photos FOLDER]``
"""

import argparse
import math
import multiprocessing
import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from letter_reading import CAPITAL, FoundLabel, find_labels, pair_up, read_labels
from marker_finding import FoundMarker, find_markers
from PIL import Image

from lvlm_eval.datasets.images import read_rgb
from lvlm_eval.drawing.layout import arrange
from lvlm_eval.drawing.legibility import drawn_legibly
from lvlm_eval.renderers import Mark, Renderer, load_renderer, renderer_of_style
from lvlm_eval.requests import DrawnRequests
from lvlm_eval.resources import available
from lvlm_eval.runs import DrawingChoices, open_source

SIZES = ((200, 150), (320, 240), (500, 375), (640, 480), (800, 600), (1200, 900), (1600, 1200))
SMALL_SIZES = ((40, 30), (48, 36), (60, 45), (80, 60), (100, 75), (120, 90), (160, 120))
FONTS = (*range(3, 13), 14, 16, 20)
FONT_STYLES, FONT_SIZE = ("red-arrow", "yellow-arrow", "numbered-dots"), (500, 375)
NEAR = 2.0
"""Px between a keypoint and a marker that counts as found."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One photo and what is to be marked on it.

    Attributes:
        photo: the file.
        points: the four candidates, or the query alone; px of the photo.
    """

    photo: Path
    points: tuple[tuple[float, float], ...]

    def resized(self, size: tuple[int, int]) -> tuple[Image.Image, list[tuple[float, float]]]:
        """The photo with as many px as a picture of that size, in its own proportions."""
        photo = read_rgb(self.photo, self.photo)
        factor = math.sqrt(size[0] * size[1] / (photo.width * photo.height))
        width, height = (max(1, round(side * factor)) for side in photo.size)
        small = photo.resize((width, height), Image.Resampling.LANCZOS)
        x, y = width / photo.width, height / photo.height
        places = [(min(max(a * x, 0), width), min(max(b * y, 0), height)) for a, b in self.points]
        return small, places


@dataclass
class Cell:
    """What became of the markers of one renderer at one size.

    Attributes:
        errors: px from each keypoint to the nearest marker found; infinite where there is none.
        read: labels read right, beside a marker that was found.
        legible: labels in pictures that ``drawn_legibly`` calls legible.
        legible_read: of those.
        references: REF labels among the markers.
        references_read: of those.
        extra: markers and labels found beyond those that were drawn.
        false: unmarked photos where a marker or label was found.
        unmarked: photos looked at without markers.
    """

    errors: list[float] = field(default_factory=list)
    read: int = 0
    legible: int = 0
    legible_read: int = 0
    references: int = 0
    references_read: int = 0
    extra: int = 0
    false: int = 0
    unmarked: int = 0

    @property
    def found(self) -> int:
        """Markers found within 2 px."""
        return sum(error <= NEAR for error in self.errors)

    def __str__(self) -> str:
        """Percent found, worst px of those found, percent read; one number where they are 100."""
        near = [error for error in self.errors if error <= NEAR]
        worst = f"{max(near):.1f}" if near else "–"
        return f"{percent(self.found, len(self.errors))} · {worst} · " + percent(
            self.read, len(self.errors)
        )


def percent(part: int, whole: int) -> str:
    """Whole percent, and 100 only where nothing is missing."""
    return f"{math.floor(100 * part / whole)}" if whole else "–"


def scenes_of(data: str, questions: int) -> tuple[list[Scene], list[Scene]]:
    """Target and source photos of a data set's first questions."""
    source = open_source(data, DrawingChoices(), None)
    assert isinstance(source, DrawnRequests)
    targets, queries = [], []
    for one in source.questions[:questions]:
        assert one.target is not None and one.source is not None and one.query is not None
        places = tuple((c.x or 0.0, c.y or 0.0) for c in one.candidates)
        targets.append(Scene(source.dataset.image_path(one.target.path), places))
        query = (one.query.x, one.query.y)
        queries.append(Scene(source.dataset.image_path(one.source.path), (query,)))
    return targets, queries


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found in a picture, as seen from one keypoint that was marked.

    Attributes:
        label: what was drawn.
        error: px to the nearest marker found.
        shown: the label that was found beside that marker, if any.
    """

    label: str
    error: float
    shown: FoundLabel | None


def look(renderer: Renderer, photo: Image.Image, marks: Sequence[Mark]) -> tuple[list[Seen], int]:
    """Draw marks, and find them again; also how much was found that was not drawn."""
    assert renderer.style is not None
    picture = renderer.render(photo, marks).image()
    markers, labels = find_in(renderer, picture)
    pairs = pair_up(markers, labels)
    seen = []
    for mark in marks:
        away = [math.dist(one.point, (mark.x, mark.y)) for one in markers]
        nearest = min(range(len(away)), key=away.__getitem__, default=-1)
        error = away[nearest] if away else math.inf
        shown = labels[pairs[nearest]] if error <= NEAR and nearest in pairs else None
        seen.append(Seen(mark.label, error, shown))
    extra = max(0, len(markers) - len(marks)) + max(0, len(labels) - len(marks))
    return seen, extra


def find_in(renderer: Renderer, picture: Image.Image) -> tuple[list[FoundMarker], list[FoundLabel]]:
    """The markers and the labels in a picture."""
    assert renderer.style is not None
    markers = find_markers(picture, renderer.style)
    return markers, find_labels(picture, renderer.style, markers)


@dataclass(frozen=True, slots=True)
class Work:
    """One cell to fill; ``font`` draws letters of another size than the style has."""

    renderer: str
    size: tuple[int, int]
    scenes: tuple[Scene, ...]
    queries: tuple[Scene, ...] = ()
    font: int | None = None


def fill(work: Work) -> Cell:
    """Draw, find and read all scenes of a cell."""
    renderer = load_renderer(work.renderer)
    if work.font is not None:
        assert renderer.style is not None
        label = renderer.style.label.model_copy(update={"size": 1e-6, "min_size": work.font})
        renderer = renderer_of_style(renderer.style.model_copy(update={"label": label}))
    assert renderer.style is not None
    cell = Cell()
    crops: dict[str, list[tuple[str, bool, Image.Image]]]
    crops = {"".join(renderer.labels): [], "REF": []}
    groups = ((work.scenes, renderer.labels), (work.queries, (renderer.source_label,)))
    for characters, (scenes, labels) in zip(crops, groups, strict=True):
        for scene in scenes:
            photo, places = scene.resized(work.size)
            marks = [Mark(label, x, y) for label, (x, y) in zip(labels, places, strict=True)]
            cell.unmarked += 1
            cell.false += any(find_in(renderer, photo))
            seen, extra = look(renderer, photo, marks)
            cell.extra += extra
            cell.errors += [one.error for one in seen]
            legible = drawn_legibly(arrange(renderer.style, photo.size, marks))
            cell.legible += len(seen) if legible else 0
            found = [(one.label, legible, one.shown.crop) for one in seen if one.shown]
            crops[characters] += found
    cell.references = len(work.queries)
    for characters, drawn in crops.items():
        texts = read_labels([crop for *_, crop in drawn], characters)
        right = [
            legible for text, (label, legible, _) in zip(texts, drawn, strict=True) if text == label
        ]
        cell.read += len(right)
        cell.legible_read += sum(right)
        cell.references_read += len(right) if characters == "REF" else 0
    return cell


def table(head: str, sizes: Sequence[str], rows: Mapping[str, Sequence[object]]) -> Iterator[str]:
    """A Markdown table."""
    yield f"| {head} | {' | '.join(sizes)} |"
    yield f"|---{'|---' * len(sizes)}|"
    for name, cells in rows.items():
        yield f"| {name} | {' | '.join(map(str, cells))} |"


def report_sizes(
    pool: ProcessPoolExecutor,
    data: dict[str, str],
    questions: int,
    sizes: Sequence[tuple[int, int]],
) -> None:
    """Print a table of found · worst px · read for each data set."""
    renderers = [found.name for found in available("renderers")]
    for title, place in data.items():
        scenes, queries = map(tuple, scenes_of(place, questions))
        ways = list(product(renderers, sizes))
        work = [Work(name, size, scenes, queries) for name, size in ways]
        cells = dict(zip(ways, pool.map(fill, work), strict=True))
        names = [f"{width}×{height}" for width, height in sizes]
        rows = {name: [cells[name, size] for size in sizes] for name in renderers}
        print(f"\n{title}: {len(scenes)} questions\n")
        print(*table("renderer", names, rows), sep="\n")
        print("\n" + summary(list(cells.values())), flush=True)


def summary(cells: Sequence[Cell]) -> str:
    """All cells in one sentence."""
    near = [error for cell in cells for error in cell.errors if error <= NEAR]

    def total(name: str) -> int:
        return sum(getattr(cell, name) for cell in cells)

    return (
        f"{sum(len(cell.errors) for cell in cells)} markers; within 2 px {len(near)}, median error "
        f"{statistics.median(near):.2f} px; labels read {total('read')}, of these "
        f"{total('references_read')} of {total('references')} REF, and {total('legible_read')} of "
        f"{total('legible')} in layouts that are called legible; {total('extra')} markers or "
        f"labels found that were not drawn; {total('unmarked')} unmarked photos, something found "
        f"in {total('false')}"
    )


def report_fonts(pool: ProcessPoolExecutor, data: dict[str, str], questions: int) -> None:
    """Print how many letters of each height are read where there is room for the markers."""
    scenes = tuple(scene for place in data.values() for scene in scenes_of(place, questions)[0])
    ways = list(product(FONT_STYLES, FONTS))
    work = [Work(name, FONT_SIZE, scenes, font=font) for name, font in ways]
    cells = dict(zip(ways, pool.map(fill, work), strict=True))
    rows = {
        name: [percent(cells[name, font].read, len(cells[name, font].errors)) for font in FONTS]
        for name in FONT_STYLES
    }
    print(f"\nletters read, percent, by font size (capitals are {CAPITAL} of it), px\n")
    print(*table("font", [str(font) for font in FONTS], rows), sep="\n", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", help="a folder of real photographs in SOCOv1 layout")
    parser.add_argument("--questions", type=int, default=12, help="of each data set")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    given = parser.parse_args()
    data = {"sample": "sample"} | ({"real photographs": given.photos} if given.photos else {})
    # Each process is to use one core: the arrays are small, more threads only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with ProcessPoolExecutor(given.jobs, multiprocessing.get_context("spawn")) as pool:
        report_fonts(pool, data, given.questions)
        report_sizes(pool, data, given.questions, SMALL_SIZES)
        report_sizes(pool, data, given.questions, SIZES)


if __name__ == "__main__":
    main()

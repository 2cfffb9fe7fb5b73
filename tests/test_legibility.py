"""Markers are found and letters read again from the pixels; where not, a run says so."""

import math
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from commands import lvlm_eval
from making import write_tree

from lvlm_eval.drawing.layout import Layout, arrange
from lvlm_eval.drawing.legibility import ROOM, drawn_legibly, illegible_note, legibility
from lvlm_eval.drawing.sizing import sizes_of
from lvlm_eval.drawing.style import Style
from lvlm_eval.renderers import Mark, load_renderer
from lvlm_eval.resources import available

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
from legibility import Cell, Work, fill, scenes_of

reads = pytest.mark.skipif(shutil.which("tesseract") is None, reason="needs tesseract-ocr")


def cell(renderer: str, size: tuple[int, int], data: str = "sample", questions: int = 3) -> Cell:
    scenes, queries = map(tuple, scenes_of(data, questions))
    return fill(Work(renderer, size, scenes, queries))


@reads
@pytest.mark.parametrize(
    ("renderer", "size"),
    [
        ("red-arrow", (200, 150)),
        ("red-arrow", (500, 375)),
        ("red-arrow", (1600, 1200)),
        ("numbered-dots", (200, 150)),
        ("yellow-arrow", (640, 480)),
        ("red-circle", (320, 240)),
        ("red-cross", (500, 375)),
        ("red-square", (800, 600)),
    ],
)
def test_tips_and_letters_are_found_again(renderer: str, size: tuple[int, int]) -> None:
    """Three questions: twelve candidates and three queries, found by colour and read by a program.

    Nothing is found on the same photos without markers.
    """
    found = cell(renderer, size)
    assert len(found.errors) == 15
    assert max(found.errors) <= 2
    assert found.read == 15
    assert (found.unmarked, found.false, found.extra) == (6, 0, 0)


@reads
@pytest.mark.parametrize("size", [(200, 150), (640, 480)])
def test_the_same_on_real_photographs(size: tuple[int, int], real_photos: Path) -> None:
    found = cell("red-arrow", size, str(real_photos))
    assert max(found.errors) <= 2
    assert found.read == len(found.errors) == 15
    assert found.false == 0


@reads
def test_letters_that_are_called_illegible_are(tmp_path: Path) -> None:
    """The check is not one that cannot fail: on tiny pictures most letters are lost."""
    found = cell("red-arrow", (40, 30))
    assert found.read < 8


def style(**label: float) -> Style:
    return Style.model_validate(
        {"description": "", "marker": {"shape": "arrow", "colour": "red", "size": 0.1},
         "label": label}
    )  # fmt: skip


@pytest.mark.parametrize("found", available("renderers"), ids=lambda found: found.name)
def test_the_built_in_renderers_are_legible_from_100_by_75_on(found: object) -> None:
    built_in = load_renderer(found.name).style  # type: ignore[attr-defined]  # of available()
    assert built_in is not None
    for size in ((100, 75), (75, 100), (200, 150), (500, 375), (1600, 1200)):
        assert legibility(built_in, size).legible, size
    for size in ((80, 60), (40, 30), (300, 10), (1, 1)):
        assert not legibility(built_in, size).legible, size


@pytest.mark.parametrize(
    ("label", "size", "legible", "least_side"),
    [
        # A font of 0.05 · √(400 · 225) = 15 px, floor 10 px: room is 300 / 15 = 20 fonts.
        ({"size": 0.05, "min_size": 10}, (400, 225), True, 54.0),
        # 0.01 · 300 = 3 px and a floor of 6: never large enough below 10 / 0.01 = 1000 px.
        ({"size": 0.01, "min_size": 6}, (400, 225), False, 1000.0),
        ({"size": 0.01, "min_size": 6}, (1000, 1000), True, 1000.0),
        # A floor of 40 px needs 216 px.
        ({"size": 0.05, "min_size": 40}, (200, 200), False, 216.0),
        ({"size": 0.05, "min_size": 40}, (216, 216), True, 216.0),
        # 0.3 · 300 = 90 px, for which there is no room; half as large they are large still.
        ({"size": 0.3, "min_size": 16}, (400, 225), True, 86.4),
        ({"size": 0.3, "min_size": 6}, (53, 53), False, 54.0),
    ],
)
def test_bounds_by_hand(
    label: dict[str, float], size: tuple[int, int], legible: bool, least_side: float
) -> None:
    found = legibility(style(**label), size)
    assert found.legible is legible
    assert found.least_side == pytest.approx(least_side)


CORNER = [(3, 3), (9, 4), (4, 9), (8, 8)]
SPREAD = [(30, 30), (170, 30), (30, 120), (170, 120)]


def layout(style: Style, size: tuple[int, int], places: list[tuple[int, int]]) -> Layout:
    return arrange(style, size, [Mark(a, x, y) for a, (x, y) in zip("ABCD", places, strict=True)])


@pytest.mark.parametrize("found", available("renderers"), ids=lambda found: found.name)
def test_what_was_drawn_is_judged_by_its_last_sizes(found: object) -> None:
    built_in = load_renderer(found.name).style  # type: ignore[attr-defined]  # of available()
    assert built_in is not None
    assert drawn_legibly(layout(built_in, (200, 150), SPREAD))
    tiny = layout(built_in, (48, 36), [(x // 5, y // 5) for x, y in SPREAD])
    assert tiny.sizes.font < sizes_of(built_in, (48, 36), 1.0).font
    assert not drawn_legibly(tiny)


def test_letters_left_out_low_letters_and_thin_rims_are_not_legible() -> None:
    red = load_renderer("red-arrow").style
    assert red is not None
    good = layout(red, (200, 150), SPREAD)
    assert good.sizes.font == 16
    for broken in (1, 4):
        assert not drawn_legibly(replace(good, broken=broken))
    for changed, legible in (
        ({"font": 10}, True),
        ({"font": 9}, False),
        ({"halo": 2}, True),
        ({"halo": 1}, False),
        ({"halo": 0}, True),  # a style without rims has none to lose
    ):
        sizes = replace(good.sizes, **changed)
        assert drawn_legibly(replace(good, sizes=sizes)) is legible, changed


@pytest.mark.parametrize("name", ["red-arrow", "red-square", "numbered-dots"])
def test_what_is_foreseen_as_legible_is_drawn_so(name: str) -> None:
    """The quick look promises nothing that the layout does not keep, on the sample's questions."""
    built_in = load_renderer(name).style
    assert built_in is not None
    for scene in scenes_of("sample", 10)[0]:
        photo, places = scene.resized((100, 75))
        marks = [Mark(a, x, y) for a, (x, y) in zip("ABCD", places, strict=True)]
        assert legibility(built_in, (100, 75)).legible
        assert drawn_legibly(arrange(built_in, photo.size, marks))


def test_points_in_a_corner_of_a_small_photo_are_told_apart_from_spread_ones() -> None:
    """Not foreseen from the size: the same photo, with points that leave no room."""
    red = load_renderer("red-arrow").style
    assert red is not None
    assert legibility(red, (100, 75)).legible
    assert drawn_legibly(layout(red, (100, 75), [(x // 2, y // 2) for x, y in SPREAD]))
    assert not drawn_legibly(layout(red, (100, 75), CORNER))


def test_shrinking_before_drawing_counts() -> None:
    """A photo of 4000×3000 px that is sent as 80×60 px is as bad as one of 80×60."""
    small = load_renderer("red-arrow").style
    assert small is not None
    image = small.image.model_copy(update={"max_side": 80})
    shrinking = small.model_copy(update={"image": image})
    assert legibility(small, (4000, 3000)).legible
    found = legibility(shrinking, (4000, 3000))
    assert not found.legible
    assert found.least_side is None
    assert "raise max_side" in (illegible_note(shrinking, [(4000, 3000)]) or "")


def test_the_note_names_how_many_and_the_smallest() -> None:
    red = load_renderer("red-arrow").style
    assert red is not None
    sizes = [(500, 375), (60, 45), (40, 30), (40, 30)]
    note = illegible_note(red, sizes)
    assert note is not None
    assert note.startswith("3 of 4 photos are so small")
    assert "the smallest is 40×30 px, its letters at most 11 px high" in note
    assert "from about 100×75 px on" in note
    assert illegible_note(red, [(500, 375)]) is None
    assert math.isclose(ROOM * 16, (100 * 75) ** 0.5, rel_tol=0.01)


def test_a_run_on_tiny_photos_says_so_and_one_on_the_sample_does_not(tmp_path: Path) -> None:
    write_tree(tmp_path / "tree", images=2)  # photos of 80×60 px
    words = ("run", "--model", "random", "--setting", "vis")
    done = lvlm_eval(*words, "--data", "tree", cwd=tmp_path)
    assert "4 of 4 photos are so small that the letters" in done.stderr
    done = lvlm_eval(*words, "--data", "sample", "--limit", 5, cwd=tmp_path)
    assert "so small" not in done.stderr

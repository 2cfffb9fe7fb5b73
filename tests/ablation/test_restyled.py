"""Changes of single fields of a marker style, and what comes with them."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.ablation.cells import cells_of
from lvlm_eval.ablation.plan import load_plan
from lvlm_eval.ablation.styles import contrast, restyled, write_style
from lvlm_eval.errors import InputError
from lvlm_eval.renderers import load_renderer
from lvlm_eval.resources import builtin_folder

RED = load_renderer("red-arrow")


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"marker.shape": "circle"}, "red-circle"),
        ({"marker.shape": "cross"}, "red-cross"),
        ({"marker.shape": "square"}, "red-square"),
        ({"marker.colour": "blue"}, "blue-arrow"),
        ({"marker.colour": "yellow"}, "yellow-arrow"),
        ({"marker.colour": "purple"}, "purple-arrow"),
        ({"marker.colour": "green"}, "green-arrow"),
        ({"marker.shape": "arrow", "marker.colour": "red"}, "red-arrow"),
    ],
)
def test_the_published_markers_come_out_as_the_built_in_ones(
    changes: dict[str, str], name: str
) -> None:
    made, shipped = restyled(RED, changes), load_renderer(name)
    assert made.name == name
    assert made.definition() == shipped.definition()
    assert made.marker_words == name.replace("-", " ")


def test_the_marker_study_is_those_eight() -> None:
    plan = load_plan("marker-study").varied("model", ("random",))
    names = [
        restyled(
            load_renderer(str(one.given["renderer"])),
            {key: level for key, level in one.given.items() if key.startswith("marker.")},
        ).name
        for one in cells_of(plan)
    ]
    assert names == [
        *("red-arrow", "red-circle", "red-cross", "red-square"),
        *("blue-arrow", "yellow-arrow", "purple-arrow", "green-arrow"),
    ]
    assert plan.limit == 233


def test_what_is_changed_itself_is_not_changed_by_something_else() -> None:
    made = restyled(
        RED,
        {
            "marker.shape": "circle",
            "marker.size": 0.2,
            "marker.colour": "#ffffff",
            "label.colour": "lime",
            "marker.outline": "white",
        },
    )
    style = made.style
    assert style is not None
    assert (style.marker.shape, style.marker.size, style.marker.width) == ("circle", 0.2, 0.009)
    assert (style.marker.outline, style.label.colour, style.label.halo) == (
        *("white", "lime"),
        "black",  # lime on white would hardly show
    )
    assert made.marker_words == "white circle"
    assert made.name.startswith("red-arrow--label.colour=lime--marker.colour=-ffffff--")


def test_a_measure_is_told_where_a_shape_would_bring_another() -> None:
    """The arrow's own size, set for a circle, is not the circle's."""
    made = restyled(RED, {"marker.shape": "circle", "marker.size": 0.125})
    assert made.style is not None
    assert made.style.marker.size == 0.125
    assert made.name == "red-arrow--marker.shape=circle--marker.size=0.125"
    assert restyled(RED, {"marker.shape": "circle", "marker.size": 0.062}).name == "red-circle"


def test_labels_of_another_colour_keep_it() -> None:
    style = restyled(load_renderer("numbered-dots"), {"marker.colour": "blue"}).style
    assert style is not None
    assert (style.label.colour, style.label.halo, style.marker.words) == ("white", "black", None)


def test_a_size_alone_changes_nothing_else(tmp_path: Path) -> None:
    made = restyled(RED, {"marker.size": 0.2, "image.max_side": 512})
    assert made.style is not None and RED.style is not None
    assert made.name == "red-arrow--image.max_side=512--marker.size=0.2"
    before, after = RED.style.model_dump(), made.style.model_dump()
    assert after["marker"] == before["marker"] | {"size": 0.2}
    assert after["image"]["max_side"] == made.image.max_side == 512
    again = load_renderer(str(write_style(tmp_path / "styles", made)))
    assert (again.name, again.definition()) == (made.name, made.definition())


def test_no_change_is_the_renderer_itself() -> None:
    assert restyled(RED, {}) is RED
    assert restyled(RED, {"marker.shape": "arrow", "label.size": 0.068}) is RED


def test_a_local_style_of_that_look_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "renderers").mkdir()
    text = (builtin_folder("renderers") / "red-arrow.toml").read_text()
    (tmp_path / "renderers" / "big.toml").write_text(text.replace("0.125", "0.2"))
    (tmp_path / "renderers" / "broken.toml").write_text("[")
    shutil.copy(builtin_folder("renderers") / "red-arrow.toml", tmp_path / "renderers" / "z.toml")
    monkeypatch.chdir(tmp_path)
    assert restyled(RED, {"marker.size": 0.2}).name == "big"


def test_a_python_file_has_no_fields(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("def draw(photo, marks):\n    return photo\n")
    renderer = load_renderer(str(tmp_path / "own.py"))
    with pytest.raises(InputError, match=r"'own' is a Python file, which has no marker.size"):
        restyled(renderer, {"marker.size": 0.2})


def test_fields_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(InputError, match="quality means something with"):
        restyled(RED, {"image.quality": 80})
    both = restyled(RED, {"image.quality": 80, "image.format": "jpeg"})
    assert both.image.quality == 80
    assert restyled(both, {"image.format": "png"}).definition() == RED.definition()


def test_contrast_is_that_of_the_guideline() -> None:
    assert contrast("black", "white") == pytest.approx(21)
    assert contrast("red", "white") == pytest.approx(3.998, abs=1e-3)  # published example
    assert contrast("#767676", "white") == pytest.approx(4.54, abs=0.01)  # the greyest that passes


@given(st.tuples(*[st.integers(0, 255)] * 3), st.tuples(*[st.integers(0, 255)] * 3))
def test_contrast_is_symmetric_and_bounded(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    a, b = ("#{:02x}{:02x}{:02x}".format(*rgb) for rgb in (one, other))
    assert contrast(a, b) == contrast(b, a)
    assert 1 <= contrast(a, b) <= 21.001
    assert contrast(a, a) == 1

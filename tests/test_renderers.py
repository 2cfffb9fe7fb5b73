"""Renderer files: loading, what they say wrong, and the pictures they give."""

import hashlib
import io
import json

import numpy as np
import pytest
from PIL import Image

from lvlm_eval.errors import InputError
from lvlm_eval.renderers import Mark, load_renderer
from lvlm_eval.resources import available, builtin_folder

LETTERS, NUMBERS = ("A", "B", "C", "D"), ("1", "2", "3", "4")
BUILTIN = {
    "red-arrow": (LETTERS, "red arrow"),
    "red-circle": (LETTERS, "red circle"),
    "red-cross": (LETTERS, "red cross"),
    "red-square": (LETTERS, "red square"),
    "blue-arrow": (LETTERS, "blue arrow"),
    "yellow-arrow": (LETTERS, "yellow arrow"),
    "purple-arrow": (LETTERS, "purple arrow"),
    "green-arrow": (LETTERS, "green arrow"),
    "numbered-dots": (NUMBERS, "red dot"),
}
MINIMAL = """
description = "A test style."
[marker]
shape = "arrow"
colour = "#10a020"
size = 0.1
"""
MARKS = [Mark("A", 60, 50), Mark("B", 150, 60), Mark("C", 80, 120), Mark("D", 160, 140)]


def photo(size=(220, 180)):
    noise = np.random.default_rng(1).integers(0, 200, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(noise)


def style_file(folder, text=MINIMAL):
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def python_file(folder, text):
    path = folder / "mine.py"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_built_in_renderers_are_these():
    assert {found.name for found in available("renderers")} >= set(BUILTIN)
    assert {path.stem for path in builtin_folder("renderers").glob("*.toml")} == set(BUILTIN)


@pytest.mark.parametrize("name", BUILTIN)
def test_built_in_renderers_load_and_draw(name):
    renderer = load_renderer(name)
    assert (renderer.labels, renderer.marker_words) == BUILTIN[name]
    assert renderer.name == name
    assert renderer.description.endswith(".")
    assert renderer.source_label == "REF"
    assert not renderer.shadows
    picture = renderer.render(photo(), [Mark(renderer.source_label, 100, 90)])
    assert (picture.media_type, picture.size) == ("image/png", (220, 180))
    assert picture.sha256 == hashlib.sha256(picture.data).hexdigest()
    assert picture.image().tobytes() != photo().tobytes()


@pytest.mark.parametrize("name", BUILTIN)
def test_the_same_input_gives_the_same_bytes(name):
    before = photo()
    first = load_renderer(name).render(before, MARKS)
    assert before.tobytes() == photo().tobytes()
    assert load_renderer(name).render(photo(), MARKS) == first


def test_only_the_pixels_of_a_photo_count():
    tagged = photo()
    tagged.info.update(icc_profile=b"profile", dpi=(72, 72), comment=b"text")
    renderer = load_renderer("red-arrow")
    assert renderer.render(tagged, MARKS) == renderer.render(photo(), MARKS)
    assert tagged.info["comment"] == b"text"


def test_definitions_are_json_and_tell_styles_apart(tmp_path):
    definitions = [json.dumps(load_renderer(name).definition()) for name in BUILTIN]
    assert len(set(definitions)) == len(BUILTIN)
    renamed = MINIMAL.replace("A test style.", "Other words.")
    one = load_renderer(style_file(tmp_path)).definition()
    assert load_renderer(style_file(tmp_path, renamed)).definition() == one
    thicker = load_renderer(style_file(tmp_path, MINIMAL + "width = 0.02\n")).definition()
    assert thicker != one
    assert one["style"]["marker"]["colour"] == "#10a020"
    assert one["style"]["image"] == {"max_side": None, "format": "png", "quality": None}


def test_a_definition_cannot_be_changed_from_outside():
    renderer = load_renderer("red-arrow")
    renderer.definition()["style"]["marker"]["colour"] = "blue"
    assert renderer.definition()["style"]["marker"]["colour"] == "red"


@pytest.mark.parametrize(
    ("colour", "shape", "words"),
    [
        ("#ff0000", "arrow", "red arrow"),
        ("#f80808", "cross", "red cross"),
        ("Orange", "dot", "orange dot"),
        ("#101010", "circle", "black circle"),
    ],
)
def test_marker_words_come_from_colour_and_shape(tmp_path, colour, shape, words):
    text = MINIMAL.replace("#10a020", colour).replace("arrow", shape)
    assert load_renderer(style_file(tmp_path, text)).marker_words == words


def test_a_local_file_shadows_a_built_in_one(tmp_path, monkeypatch):
    (tmp_path / "renderers").mkdir()
    (tmp_path / "renderers" / "red-arrow.toml").write_text(MINIMAL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    renderer = load_renderer("red-arrow")
    assert renderer.shadows
    assert renderer.description == "A test style."


def test_size_policy_shrinks_first_and_draws_at_final_size(tmp_path):
    text = MINIMAL.replace("#10a020", "red") + "[image]\nmax_side = 200\n"
    renderer = load_renderer(style_file(tmp_path, text))
    white = Image.new("RGB", (800, 600), "white")
    picture = renderer.render(white, [Mark("", 400, 200)])
    assert picture.size == (200, 150)
    pixels = np.asarray(picture.image())
    rows, columns = np.nonzero((pixels == (255, 0, 0)).all(axis=2))
    assert np.hypot(columns + 0.5 - 100, rows + 0.5 - 50).min() <= 2
    assert renderer.render(white.resize((100, 80)), []).size == (100, 80)


def test_jpeg_keeps_coloured_markers(tmp_path):
    text = MINIMAL.replace("#10a020", "red")
    sizes = {}
    for quality in (40, 95):
        policy = f'[image]\nformat = "jpeg"\nquality = {quality}\n'
        renderer = load_renderer(style_file(tmp_path, text + policy))
        picture = renderer.render(Image.new("RGB", (400, 300), "white"), MARKS)
        assert picture.media_type == "image/jpeg"
        with Image.open(io.BytesIO(picture.data)) as opened:
            assert opened.format == "JPEG"
        sizes[quality] = len(picture.data)
    assert sizes[40] < sizes[95]
    pixels = np.asarray(picture.image()).astype(int)
    assert (np.abs(pixels - (255, 0, 0)).max(axis=2) < 12).sum() > 100


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("size = 0.1", "size = 0.1\ncolor = 'red'"), ("[marker] field 'color'", "'colour'")),
        (("[marker]", "[markr]"), ("field 'markr' is unknown", "'marker'")),
        (("#10a020", "redd"), ("[marker] colour = 'redd'", "Did you mean 'red'")),
        (("#10a020", "#12345"), ("[marker] colour = '#12345'", "#rrggbb")),
        (('"arrow"', '"arow"'), ("[marker] shape = 'arow'", "Did you mean 'arrow'")),
        (('shape = "arrow"', ""), ("[marker] field 'shape' is missing",)),
        (("size = 0.1", "size = 7"), ("[marker] size = 7", "less than or equal to 0.5")),
        (("size = 0.1", 'size = "big"'), ("[marker] size = 'big'", "number")),
        (("size = 0.1", "size = nan"), ("[marker] size = nan", "finite")),
        (("size = 0.1", "size = 0.1\n[label]\nset = 'romans'"), ("[label] set", "letters")),
        (("size = 0.1", "size = 0.1\n[image]\nformat = 'bmp'"), ("[image] format", "png")),
        (("size = 0.1", "size = 0.1\n[image]\nquality = 80"), ("[image]", "jpeg")),
        (("size = 0.1", "size = 0.1\n[image]\nmax_side = 0"), ("[image] max_side = 0",)),
        (("[marker]", "label = 3\n[marker]"), ("'label' must be a table",)),
        (("size = 0.1", "size = "), ("not TOML",)),
    ],
)
def test_wrong_styles_are_told_in_one_line(tmp_path, change, says):
    path = style_file(tmp_path, MINIMAL.replace(*change))
    with pytest.raises(InputError) as caught:
        load_renderer(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    for part in says:
        assert part in message


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'red-arrow'"):
        load_renderer("red-arow")


CROSSHAIR = """
from PIL import ImageDraw
LABELS = ("W", "X", "Y", "Z")
SOURCE_LABEL = "Q"
MARKER_WORDS = "small dot"
DESCRIPTION = "One black pixel."

def draw(photo, marks):
    for mark in marks:
        ImageDraw.Draw(photo).point((mark.x, mark.y), "black")
    return photo
"""


def test_a_python_renderer_draws(tmp_path):
    renderer = load_renderer(python_file(tmp_path, CROSSHAIR))
    assert renderer.labels == ("W", "X", "Y", "Z")
    assert (renderer.source_label, renderer.marker_words) == ("Q", "small dot")
    assert (renderer.name, renderer.description) == ("mine", "One black pixel.")
    white = Image.new("RGB", (9, 7), "white")
    drawn = renderer.render(white, [Mark("W", 3, 2)]).image()
    assert drawn.getpixel((3, 2)) == (0, 0, 0)
    assert white.getpixel((3, 2)) == (255, 255, 255)
    assert renderer.definition()["source"] == CROSSHAIR
    json.dumps(renderer.definition())
    assert not (tmp_path / "__pycache__").exists()


def test_a_python_renderer_needs_only_draw(tmp_path):
    text = "def draw(photo, marks):\n    return photo.convert('L')\n"
    renderer = load_renderer(python_file(tmp_path, text))
    assert (renderer.labels, renderer.source_label) == (LETTERS, "REF")
    assert renderer.marker_words == "marker"
    assert renderer.render(photo(), []).image().mode == "RGB"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1\n", "has no function draw"),
        ("draw = 3\n", "has no function draw"),
        ("def draw(:\n", "SyntaxError"),
        ("import nowhere_to_be_found\n", "ModuleNotFoundError"),
        ("LABELS = ('A', 'B')\ndef draw(photo, marks): ...\n", "four different texts"),
        ("LABELS = 'ABCD'\ndef draw(photo, marks): ...\n", "four different texts"),
        ("SOURCE_LABEL = 5\ndef draw(photo, marks): ...\n", "SOURCE_LABEL = 5"),
    ],
)
def test_wrong_python_files_are_told_in_one_line(tmp_path, text, says):
    with pytest.raises(InputError) as caught:
        load_renderer(python_file(tmp_path, text))
    assert says in str(caught.value)
    assert "mine.py" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("return None", "returned NoneType, not a PIL image"),
        ("return photo.tobytes()", "returned bytes, not a PIL image"),
        ("raise ValueError('no room')", "draw() failed: ValueError: no room"),
    ],
)
def test_wrong_drawing_is_told_in_one_line(tmp_path, body, says):
    path = python_file(tmp_path, f"def draw(photo, marks):\n    {body}\n")
    with pytest.raises(InputError) as caught:
        load_renderer(path).render(photo(), MARKS)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)

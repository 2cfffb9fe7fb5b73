"""A dataset with every kind of photo that users have, through the real command line."""

import base64
import json
import os
import struct
import subprocess
import sys
from ast import literal_eval
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from making import (
    WHEELS,
    Point,
    encoded_image,
    pair_json,
    table_row,
    write_image,
    write_pair,
    write_table,
)
from PIL import Image

from lvlm_eval.renderers import Mark, load_renderer
from lvlm_eval.resources import available

SIZE = (80, 60)
PHOTO = Image.open(BytesIO(encoded_image(SIZE, kind="PNG"))).convert("RGB")
GREY_16 = Image.fromarray(np.asarray(PHOTO.convert("L")).astype(np.uint16) * 257)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def rotated() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(PHOTO, "JPEG", exif=exif)


def claiming(width: int, height: int) -> bytes:
    content = bytearray(saved(PHOTO, "JPEG"))
    struct.pack_into(">HH", content, content.index(b"\xff\xc0") + 5, height, width)
    return bytes(content)


TWO = {"save_all": True, "append_images": [Image.new("RGB", SIZE, "blue")]}
FINE = {
    "grey16.png": saved(GREY_16, "PNG"),
    "grey16.tiff": saved(GREY_16, "TIFF"),
    "cmyk.jpg": saved(PHOTO.convert("CMYK"), "JPEG"),
    "palette.png": saved(PHOTO.quantize(8), "PNG"),
    "palette_transparent.png": saved(PHOTO.quantize(8), "PNG", transparency=b"\x00\x80\xff"),
    "rgba.png": saved(PHOTO.convert("RGBA"), "PNG"),
    "la.png": saved(PHOTO.convert("LA"), "PNG"),
    "rotated.jpg": rotated(),
    "torn_exif.jpg": saved(PHOTO, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0"),
    "animated.gif": saved(PHOTO, "GIF", **TWO),
    "animated.webp": saved(PHOTO, "WEBP", **TWO),
    "animated.png": saved(PHOTO, "PNG", **TWO),
    "two_pictures.mpo": saved(PHOTO, "MPO", **TWO),
    "progressive.jpg": saved(PHOTO, "JPEG", progressive=True),
    "png_in_truth.jpg": saved(PHOTO, "PNG"),
    "blank\u202fof\u00a0screenshots.png": saved(PHOTO, "PNG"),
}
TINY = {(1, 1): "1x1.png", (2, 2): "2x2.png", (1, 90): "1x90.png", (90, 1): "90x1.png"}
BROKEN: dict[str, tuple[bytes, str]] = {
    "cut.jpg": (saved(PHOTO, "JPEG")[:-200], "cannot be decoded as an image"),
    "cut.png": (saved(PHOTO, "PNG")[:90], "cannot be decoded as an image"),
    "cut.webp": (saved(PHOTO, "WEBP")[:-20], "cannot be decoded as an image"),
    "huge.jpg": (claiming(20_000, 20_000), "20000x20000 px is too large to decode"),
    "large.jpg": (claiming(10_000, 9_000), "10000x9000 px is too large to decode"),
    "empty.jpg": (b"", "it is empty"),
    "page.jpg": (b"<html>404</html>", "not an image in a known format"),
    "pointer.jpg": (b"version https://git-lfs.github.com/spec/v1\n", "it is a Git LFS pointer"),
    "float.tiff": (saved(Image.new("F", SIZE, 0.5), "TIFF"), "floating-point pixels"),
    "other_size.png": (saved(PHOTO.resize((30, 20)), "PNG"), "is 30×20 px, its annotation says"),
}
ADAPTER = """
import warnings
from lvlm_eval.records import Response
warnings.simplefilter("always")
class Looks:
    def answer(self, requests):
        for request in requests:
            sizes = [image.size for image in request.images]
            yield Response(request.id, text=f"Answer: A {sizes}")
"""


def within(size: tuple[int, int]) -> list[Point]:
    """The keypoints of a photo of another size, in the same places of it."""
    return [(name, x * size[0] / 81, y * size[1] / 61) for name, x, y in WHEELS]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    write_image(root, "car", 1)
    folder = root / "Images" / "car"
    for name, content in FINE.items():
        (folder / name).write_bytes(content)
    for name, (content, _) in BROKEN.items():
        (folder / name).write_bytes(content)
    for size, name in TINY.items():
        (folder / name).write_bytes(saved(Image.new("RGB", size, "grey"), "PNG"))
    (folder / "folder.jpg").mkdir()
    os.mkfifo(folder / "pipe.jpg")
    sizes = {name: size for size, name in TINY.items()}
    names = [*FINE, *BROKEN, *sizes, "folder.jpg", "pipe.jpg", "missing.jpg"]
    for number, name in enumerate(names):
        size = sizes.get(name, SIZE)
        content = pair_json(
            trg_image=name, trg_imsize=list(size), target_points=within(size), trg_bndbox=None
        )
        write_pair(root / f"PairAnnotations/intra/car/{number:05d}.json", content)
    return root


def test_fine_photos_are_asked_and_broken_ones_are_errors_of_their_rows(tree: Path) -> None:
    (tree.parent / "looks.py").write_text(ADAPTER)
    words = ("run", "--model", "looks.py", "--data", "tree", "--setting", "vis", "--out", "out")
    words += ("--pairs-per-category", "99", "--json")
    done = subprocess.run(
        [sys.executable, "-m", "lvlm_eval", *words],
        cwd=tree.parent,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
    by_photo = _rows_by_photo(tree.parent / "out")
    assert len(by_photo) == len(FINE) + len(BROKEN) + len(TINY) + 3
    sizes = {**dict.fromkeys(FINE, SIZE), **{name: size for size, name in TINY.items()}}
    for name, size in sizes.items():
        assert [row["status"] for row in by_photo[name]] == ["ok"] * 4, (name, by_photo[name])
        assert all(row["text"] == f"Answer: A [(80, 60), {size}]" for row in by_photo[name])
    reasons = {name: said for name, (_, said) in BROKEN.items()}
    reasons |= {"folder.jpg": "it is a folder", "pipe.jpg": "it is no file"}
    reasons |= {"missing.jpg": "does not exist"}
    for name, said in reasons.items():
        assert [row["status"] for row in by_photo[name]] == ["error"] * 4
        for row in by_photo[name]:
            assert name in row["error"]
            assert said in row["error"]
            assert row["error"].isprintable()
    figures = json.loads(done.stdout)["settings"]["vis"]
    assert (figures["rows"], figures["errors"]) == (4 * len(by_photo), 4 * len(reasons))
    assert f"{4 * len(reasons)} of {4 * len(by_photo)} requests failed" in done.stderr


def _rows_by_photo(folder: Path) -> dict[str, list[dict[str, Any]]]:
    def lines(name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (folder / name).read_text("utf-8").splitlines()]

    photo = {one["id"]: Path(one["target"]["path"]).name for one in lines("questions.jsonl")}
    by_photo: dict[str, list[dict[str, Any]]] = {name: [] for name in photo.values()}
    for row in lines("predictions.jsonl"):
        by_photo[photo[row["question"]]].append(row)
    return by_photo


@pytest.mark.parametrize("name", [one.name for one in available("renderers")])
def test_photos_too_small_for_markers_are_drawn_on_all_the_same(name: str) -> None:
    """No letter fits on them: the marker's own pixels are all that is left."""
    renderer = load_renderer(name)
    places: list[Callable[[float, int], float]] = [lambda share, side: 0, lambda share, side: share]
    for width, height in ((1, 1), (2, 2), (1, 60), (60, 1), (8, 8)):
        for place in places:
            marks = [
                Mark(label, place(width * n / 4, width), place(height * n / 4, height))
                for n, label in enumerate(renderer.labels)
            ]
            picture = renderer.render(Image.new("RGB", (width, height), "grey"), marks)
            assert picture.size == (width, height)
            assert picture.image().size == (width, height)


def test_a_photo_of_one_pixel_takes_the_colour_of_its_marker() -> None:
    marks = [Mark(label, 0, 0) for label in "ABCD"]
    drawn = load_renderer("red-arrow").render(Image.new("RGB", (1, 1), "grey"), marks).image()
    red, green, blue = drawn.getpixel((0, 0))
    assert red > green + 60
    assert red > blue + 60


def test_pictures_of_a_table_are_seen_as_they_are(tmp_path: Path) -> None:
    """Sixteen bits are scaled, what shows through lies on white, and nobody is warned."""
    broken = {name: content for name, (content, _) in BROKEN.items() if len(content) > 48}
    del broken["other_size.png"]
    contents = {**FINE, **broken}
    rows = [
        table_row(index=f"i{n}", g_index=str(n), image=base64.b64encode(content).decode())
        for n, content in enumerate(contents.values())
    ]
    write_table(tmp_path / "t_txt.tsv", rows)
    (tmp_path / "looks.py").write_text(ADAPTER.replace("image.size", "image.getpixel((70, 50))"))
    done = subprocess.run(
        [sys.executable, "-m", "lvlm_eval", "run", "--model", "looks.py", "--data", "t_txt.tsv"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
    (path,) = tmp_path.glob("results/*/predictions.jsonl")
    lines = path.read_text("utf-8").splitlines()
    by_group = {row["question"]: row for row in map(json.loads, lines)}
    for number, name in enumerate(contents):
        row = by_group[str(number)]
        if name in BROKEN:
            assert row["status"] == "error"
            assert BROKEN[name][1] in row["error"]
            assert f"t_txt.tsv row {number + 1}: image: " in row["error"]
            continue
        (seen,) = literal_eval(row["text"].removeprefix("Answer: A "))
        # The photo's own colour, its grey by 0.299, 0.587 and 0.114, or nothing but white.
        expected = {
            **dict.fromkeys(("grey16.png", "grey16.tiff", "la.png"), (114, 114, 114)),
            "palette_transparent.png": (255, 255, 255),
        }.get(name, (90, 120, 150))
        assert np.abs(np.subtract(seen, expected)).max() <= 8, (name, row["text"])

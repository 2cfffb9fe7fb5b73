"""Images of SOCO-LVLM tables: as text, of other rows, in files, and never all in memory."""

import base64
import json
import os
import tracemalloc
from pathlib import Path

import pytest
from making import COLUMNS, base64_image, encoded_image, write_table
from making import table_row as row

from lvlm_eval.datasets.lvlm_tables import LvlmTable
from lvlm_eval.errors import InputError

RED, BLUE = (200, 10, 10), (10, 10, 200)


def table(folder: Path, *rows: dict[str, str], columns=None) -> LvlmTable:
    return LvlmTable(write_table(folder / "t_txt.tsv", rows or None, columns), "desc")


def refused(action, *said: str) -> None:
    with pytest.raises(InputError) as caught:
        action()
    for part in said:
        assert part in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("image_list", [repr, json.dumps])
def test_lists_of_images(tmp_path, image_list):
    texts = [base64_image(colour=RED), base64_image(colour=BLUE)]
    tsv = table(tmp_path, row(image=image_list(texts)))
    pictures = tsv.pictures(tsv.rows()[0])
    assert [one.data for one in pictures] == [base64.b64decode(text) for text in texts]


@pytest.mark.parametrize("kind", ["line feeds", "data uri", "no padding"])
def test_variants_of_base64(tmp_path, kind):
    data = encoded_image(kind="PNG")
    text = base64.b64encode(data).decode()
    written = {
        "line feeds": base64.encodebytes(data).decode(),
        "data uri": f"data:image/png;base64,{text}",
        "no padding": text.rstrip("="),
    }[kind]
    tsv = table(tmp_path, row(image=written))
    (picture,) = tsv.pictures(tsv.rows()[0])
    assert (picture.data, picture.media_type) == (data, "image/png")


@pytest.mark.parametrize("reference", ["7", "7.0", " 7", "7 "])
@pytest.mark.parametrize("index", ["7", "7.0", " 7"])
def test_an_image_of_another_row(tmp_path, reference, index):
    tsv = table(tmp_path, row(index="1", image=reference), row(index=index))
    (picture,) = tsv.pictures(tsv.rows()[0])
    assert picture == tsv.pictures(tsv.rows()[1])[0]


def test_a_reference_stands_for_all_images_of_the_other_row(tmp_path):
    texts = [base64_image(colour=RED), base64_image(colour=BLUE)]
    tsv = table(tmp_path, row(index="1", image=repr(texts)), row(index="2", image="1"))
    assert tsv.pictures(tsv.rows()[1]) == tsv.pictures(tsv.rows()[0])
    assert len(tsv.pictures(tsv.rows()[1])) == 2


def test_a_list_may_hold_references(tmp_path):
    texts = [base64_image(colour=RED), base64_image(colour=BLUE)]
    tsv = table(
        tmp_path,
        row(index="1", image=texts[0]),
        row(index="2", image=repr(["1", texts[1]])),
        row(index="3", image=f"[1, '{texts[1]}']"),
        row(index="4", image=repr(["2", texts[1]])),
        row(index="5", image=repr(texts)),
        row(index="6", image=repr(["5", "1"])),
    )
    one, two, three, four, _, six = tsv.rows()
    assert [tsv.pictures(two)[0]] == list(tsv.pictures(one))
    assert tsv.pictures(two) == tsv.pictures(three)
    refused(lambda: tsv.pictures(four), "row 4: image", "index '2' (row 2)", "another reference")
    refused(lambda: tsv.pictures(six), "row 6: image", "a row of 2 images")


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("9", "refers to index '9', which no row of the table has"),
        ("1", "refers to index '1' (row 1), which has another reference itself"),
        ("3", "refers to index '3' (row 3), which has no image itself"),
        ("['']", "refers to index ''"),
        ("[]", "is an empty list"),
        ("[None]", "is a list of something else"),
        ("", "is empty, and so is image_path"),
        ("nan", "is empty, and so is image_path"),
        ("x" * 65 + "$", "is not base64"),
        ("a" * 100, "not an image in a known format"),
        (base64.b64encode(encoded_image()[:400]).decode(), "cannot be decoded as an image"),
    ],
)
def test_an_unusable_image_is_refused_with_file_row_and_column(tmp_path, image, said):
    tsv = table(tmp_path, row(index="1", image=image), row(index="2"), row(index="3", image=""))
    refused(lambda: tsv.pictures(tsv.rows()[0]), f"{tsv.path} row 1: image: ", said)
    assert len(tsv.pictures(tsv.rows()[1])) == 1


@pytest.mark.parametrize("folder", [".", "images", "images/car", "car"])
@pytest.mark.parametrize("image", ["", "NA", None])
def test_images_in_files(tmp_path, folder, image):
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for name, colour in (("a.jpg", RED), ("b.jpg", BLUE)):
        (tmp_path / folder / name).write_bytes(encoded_image(colour=colour))
    below = folder.removeprefix("images").strip("/.")
    names = [f"{below}/{name}".strip("/") for name in ("a.jpg", "b.jpg")]
    columns = [name for name in COLUMNS if image is not None or name != "image"]
    tsv = table(
        tmp_path,
        row(image=image or "", image_path=repr(names)),
        row(image=image or "", image_path=names[1]),
        columns=columns,
    )
    both, last = (tsv.pictures(one) for one in tsv.rows())
    assert [one.data for one in both] == [encoded_image(colour=c) for c in (RED, BLUE)]
    assert last == both[1:]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("gone.jpg", "exists"),
        ("a" * 5000, "cannot be read (File name too long)"),
        ("a\0b", "exists"),
        ("../secret.jpg", "leads out of the table's folder"),
        ("/etc/passwd", "leads out of the table's folder"),
        ("C:\\secret.jpg", "leads out of the table's folder"),
        ("a\\..\\..\\b.jpg", "leads out of the table's folder"),
        ("t_txt.tsv", "cannot be decoded as an image"),
    ],
)
def test_an_unusable_image_file_is_refused(tmp_path, path, said):
    (tmp_path.parent / "secret.jpg").write_bytes(encoded_image())
    tsv = table(tmp_path, row(image="", image_path=path))
    refused(lambda: tsv.pictures(tsv.rows()[0]), f"{tsv.path} row 1: image_path: ", said)


def test_a_file_that_changed_under_way_is_refused(tmp_path):
    tsv = table(tmp_path, row(index="1", question="first"), row(index="2"))
    rows = tsv.rows()
    table(tmp_path, row(index="1", question="other"), row(index="2"))
    refused(lambda: tsv.pictures(rows[0]), "has changed since it was opened")
    tsv.path.write_bytes(b"")
    refused(lambda: tsv.pictures(rows[1]), "has changed since it was opened")


def test_images_stay_on_disk(tmp_path):
    """A file of 30 MB, in rows of 1 MB: no more than a few rows are ever in memory."""
    noise = encoded_image() + os.urandom(375_000)  # decoders pass over what follows the image
    image = repr([base64.b64encode(noise).decode()] * 2)
    rows = [row(index=str(n), g_index=str(n // 4), image=image) for n in range(30)]
    tsv = LvlmTable(write_table(tmp_path / "t_img.tsv", rows), "vis")
    size = tsv.path.stat().st_size
    del rows, image
    assert size > 30_000_000
    tracemalloc.start()
    try:
        found = tsv.rows()
        indexing = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        for one in found:
            assert len(tsv.pictures(one)) == 2
        fetching = tracemalloc.get_traced_memory()[1]
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    row_bytes = size // 30
    assert indexing < 5 * row_bytes
    assert fetching < 12 * row_bytes
    assert kept < 300_000

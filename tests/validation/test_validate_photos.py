"""What is found in the photos of a tree and in the files beside them."""

import json
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from making import write_pair
from PIL import Image
from sound_data import (
    PAIRS,
    SIZE,
    encoded,
    found,
    only,
    pair_path,
    photo,
    places,
    sound_pair,
    sound_tree,
)

from lvlm_eval.validation.kinds import Kind

CAR_1 = "Images/car/car_1.JPEG"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return sound_tree(tmp_path / "tree")


def use_one_photo(tree: Path, name: str, content: bytes) -> None:
    """Let the first pair of cars begin with a photo of its own."""
    (tree / "Images/car" / name).write_bytes(content)
    write_pair(pair_path(tree), sound_pair(src_image=name))


def test_a_missing_photo_is_named_once_with_its_users(tree):
    (tree / CAR_1).unlink()
    one = only(found(tree), Kind.IMAGE_MISSING)
    assert one.file == CAR_1
    # of car_1-car_2, car_3-car_1 and bus_1-car_1; lists in their order
    assert f"{PAIRS}/00001-car_1-car_2.json and 2 more" in one.message


def test_a_photo_of_another_case_is_pointed_out(tree):
    (tree / CAR_1).rename(tree / "Images/car/car_1.jpeg")
    missing, unused = found(tree)
    assert (missing.kind, missing.file) == (Kind.IMAGE_MISSING, CAR_1)
    assert "There is Images/car/car_1.jpeg: case matters." in missing.message
    assert (unused.kind, unused.file) == (Kind.IMAGE_UNUSED, "Images/car/car_1.jpeg")


@pytest.mark.parametrize("kept", [0.5, 0.9, 0.995])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_cut_photo(tree, kind, kept):
    noise = np.random.default_rng(0).integers(0, 256, (*SIZE[::-1], 3), dtype=np.uint8)
    content = encoded(Image.fromarray(noise), kind)
    name = "cut.JPEG" if kind == "JPEG" else "cut.png"
    use_one_photo(tree, name, content[: int(kept * len(content))])
    one = only(found(tree), Kind.IMAGE_BROKEN)
    assert one.file == f"Images/car/{name}"
    assert "cannot be decoded" in one.message


@pytest.mark.parametrize("content", [b"", b"no image", b"version https://git-lfs.github.com\n"])
def test_what_is_no_image(tree, content):
    (tree / CAR_1).write_bytes(content)
    assert only(found(tree), Kind.IMAGE_BROKEN).file == CAR_1


def test_a_photo_too_large_to_decode_is_refused_by_its_header(tree):
    header = struct.pack(">IIBBBBB", 30_000, 29_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")))
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    use_one_photo(tree, "bomb.png", b"\x89PNG\r\n\x1a\n" + body)
    one = only(found(tree), Kind.IMAGE_TOO_LARGE)
    assert "30000x29000 px" in one.message


def test_a_recorded_size_unlike_the_file_is_named_for_each_pair(tree):
    (tree / CAR_1).write_bytes(encoded(photo(1, (150, 120)), quality=95))
    assert places(found(tree)) == [
        ("image-size", f"{PAIRS}/00001-car_1-car_2.json", None, "src_imsize"),
        ("image-size", f"{PAIRS}/00003-car_3-car_1.json", None, "trg_imsize"),
        ("image-size", "PairAnnotations/cross/car/00001-bus_1-car_1.json", None, "trg_imsize"),
    ]
    assert found(tree)[0].message == f"[160, 120] is recorded, {CAR_1} is 150x120 px."


def turned(number: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = number
    return exif


def wide() -> bytes:
    grey = np.asarray(photo(90).convert("L"), dtype=np.uint16) * 257
    return encoded(Image.fromarray(grey), "PNG")


FRAMES = {"save_all": True, "append_images": [photo(91), photo(92)]}
ODD = [
    ("a.JPEG", encoded(photo(90), exif=turned(6)), Kind.ORIENTATION, "orientation 6: ignored"),
    ("a.JPEG", encoded(photo(90), exif=turned(1)), None, ""),
    ("a.JPEG", encoded(photo(90).convert("CMYK")), Kind.CMYK, "converted to RGB"),
    ("a.JPEG", encoded(photo(90).convert("L")), None, ""),
    ("a.JPG", encoded(photo(90)), None, ""),
    ("a.JPEG", encoded(photo(90), "PNG"), Kind.FORMAT_UNLIKE_NAME, "is PNG, its name says JPEG"),
    ("a.png", encoded(photo(90)), Kind.FORMAT_UNLIKE_NAME, "is JPEG, its name says PNG"),
    ("a", encoded(photo(90)), Kind.FORMAT_UNLIKE_NAME, "is JPEG, its name tells no format"),
    ("a.png", wide(), Kind.WIDE_CHANNELS, "scaled to 8 bits"),
    ("a.png", encoded(photo(90).quantize(64), "PNG"), Kind.PALETTE, "converted to RGB"),
    ("a.png", encoded(photo(90).convert("RGBA"), "PNG"), None, ""),
    ("a.webp", encoded(photo(90), "WEBP", lossless=True, **FRAMES), Kind.ANIMATED, "3 frames"),
    ("a.tif", encoded(photo(90), "TIFF", **FRAMES), Kind.ANIMATED, "3 frames"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "kind", "said"), ODD)
def test_an_odd_photo_is_noted_with_what_becomes_of_it(tree, name, content, kind, said):
    use_one_photo(tree, name, content)
    findings = found(tree)
    if kind is None:
        assert findings == []
        return
    one = only(findings, kind)
    assert (one.file, one.severity) == (f"Images/car/{name}", "note")
    assert said in one.message


def test_transparency_counts_where_a_pixel_has_it(tree):
    image = photo(90).convert("RGBA")
    image.putpixel((3, 3), (1, 2, 3, 254))
    use_one_photo(tree, "a.png", encoded(image, "PNG"))
    assert only(found(tree), Kind.TRANSPARENT).file == "Images/car/a.png"


@pytest.mark.parametrize(("size", "tiny"), [((1, 1), True), ((90, 47), True), ((48, 90), False)])
def test_a_tiny_photo(tree, size, tiny):
    (tree / "Images/car/a.png").write_bytes(encoded(photo(90, size), "PNG"))
    write_pair(
        pair_path(tree),
        sound_pair(
            src_image="a.png",
            src_imsize=size,
            src_keypoints=[],
            semantic_overlap=[],
            concept_matches=[],
        ),
    )
    kinds = [one.kind for one in found(tree)]
    assert kinds.count(Kind.IMAGE_TINY) == tiny


def test_photos_that_no_pair_uses_are_not_looked_at(tree):
    (tree / "Images/car/car_8.JPEG").write_bytes(b"broken")
    (tree / "Images/car/Thumbs.db").write_bytes(b"no image")
    (tree / "Images/car/._car_1.JPEG").write_bytes(b"left by a Mac")
    assert only(found(tree), Kind.IMAGE_UNUSED).file == "Images/car/car_8.JPEG"


def test_two_names_for_one_picture(tree):
    content = (tree / CAR_1).read_bytes()
    use_one_photo(tree, "copy.JPEG", content)
    one = only(found(tree), Kind.IMAGE_DOUBLED)
    assert (one.file, one.message) == ("Images/car/copy.JPEG", f"the same file as {CAR_1}.")
    with Image.open(tree / CAR_1) as image:
        use_one_photo(tree, "copy.png", encoded(image.convert("RGB"), "PNG"))
    (tree / "Images/car/copy.JPEG").unlink()
    one = only(found(tree), Kind.IMAGE_DOUBLED)
    assert (one.file, "the same pixels" in one.message) == ("Images/car/copy.png", True)


def test_names_that_differ_only_in_case(tree):
    (tree / "Images/car/CAR_1.jpeg").write_bytes(b"")
    findings = found(tree)
    assert [one.kind for one in findings] == [Kind.CASE_COLLISION, Kind.IMAGE_UNUSED]
    assert CAR_1 in findings[0].line()
    assert "Images/car/CAR_1.jpeg" in findings[0].line()


@pytest.mark.parametrize(
    ("path", "content", "kind"),
    [
        ("KeypointAnnotations/car/car_1.json", "{", Kind.METADATA_JSON),
        ("Metadata/filename_mapping.json", "[1,", Kind.METADATA_JSON),
        ("Metadata/new.json", "\ud800".encode("utf-8", "surrogatepass"), Kind.METADATA_JSON),
        # names that are known by key, by value, beside each other, by path, or not at all
        ("Metadata/new.json", {"n9.JPEG": "car_1.JPEG", "car_2.JPEG": "n8.JPEG"}, None),
        ("Metadata/new.json", [{"from": "n9.JPEG", "to": "car_1.JPEG"}], None),
        ("Metadata/new.json", {"car": {"car_1.JPEG": {"source": "n9.JPEG"}}}, None),
        ("Metadata/new.json", {"car/car_1.JPEG": "n9.JPEG"}, None),
        ("Metadata/new.json", {"all": "foreign.JPEG"}, None),
        ("Metadata/new.json", {"car_1.JPEG": 1, "car_77.JPEG": 2}, Kind.NAMES_NO_IMAGE),
        ("KeypointAnnotations/car/car_2.json", {"image": "foreign.JPEG"}, None),
        ("KeypointAnnotations/car/x.json", {"image": "car_2.JPEG"}, None),
        ("KeypointAnnotations/car/x.json", {"image": "car_77.JPEG"}, Kind.NAMES_NO_IMAGE),
        ("KeypointAnnotations/car/car_77.json", {"points": []}, Kind.NAMES_NO_IMAGE),
        ("PairAnnotations/intra/car/note.txt", "", Kind.FILE_IGNORED),
        ("PairAnnotations/intra/car/deep/1.json", "{}", Kind.FILE_IGNORED),
        ("PairAnnotations/Intra/car/1.json", "{}", Kind.FILE_IGNORED),
        ("PairAnnotations/.DS_Store", "", None),
    ],
)  # fmt: skip
def test_the_files_beside(tree, path, content, kind):
    (tree / path).parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(content, bytes):
        content = (content if isinstance(content, str) else json.dumps(content)).encode()
    (tree / path).write_bytes(content)
    findings = found(tree)
    if kind is None:
        assert findings == []
    else:
        assert only(findings, kind).file == path


def test_what_is_no_file_is_not_read(tree):
    os.mkfifo(tree / "Metadata/never.json")  # reading it would never end
    (tree / "KeypointAnnotations/gone.json").symlink_to(tree / "nowhere.json")
    assert places(found(tree)) == [
        ("metadata-json", "KeypointAnnotations/gone.json", None, ""),
        ("metadata-json", "Metadata/never.json", None, ""),
    ]


def test_a_taxonomy_that_is_no_json_stops_runs(tree):
    (tree / "Metadata/keypoint_taxonomy.json").write_text("{")
    findings = found(tree)
    assert [one.kind for one in findings] == [Kind.NO_QUESTIONS, Kind.TAXONOMY]
    assert findings[1].file == "Metadata/keypoint_taxonomy.json"


def test_a_photo_is_decoded_once_however_many_pairs_show_it(tree, monkeypatch):
    from lvlm_eval.validation.tree import photos

    seen = []
    real = photos.inspect

    def counting(source, where):
        seen.append(source)
        return real(source, where)

    monkeypatch.setattr(photos, "inspect", counting)
    assert found(tree, doubts=True) == []
    assert len(seen) == len(set(seen)) == 6

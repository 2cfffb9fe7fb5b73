"""Images as users have them: odd depths, colours and frames, lies about the size, and no images.

Expected pixels are worked out by hand; files that no writer makes are put together byte by byte.
"""

import io
import os
import stat
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from lvlm_eval.datasets.images import identify, read_rgb, read_size
from lvlm_eval.errors import InputError
from lvlm_eval.silence import silenced

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
FUNCTIONS = (read_rgb, read_size, identify)


def saved(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def plain(colour: object, mode: str = "RGB", size: tuple[int, int] = (16, 16)) -> Image.Image:
    return Image.new(mode, size, colour)


def pixels(content: bytes) -> list[tuple[int, ...]]:
    image = read_rgb(content, "it")
    assert image.mode == "RGB"
    assert image.size == read_size(content, "it") == identify(content, "it")[1]
    return [image.getpixel((x, y)) for y in range(image.height) for x in range(image.width)]


def png(width: int, height: int, depth: int, colour_type: int, rows: bytes, *more: bytes) -> bytes:
    """A PNG of unfiltered rows; ``more`` chunks stand before the pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    size = len(rows) // height if height else 0
    lines = b"".join(b"\0" + rows[at : at + size] for at in range(0, len(rows), size or 1))
    body = (chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join((*more, *body))


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def tiff(
    size: tuple[int, int],
    bits: tuple[int, ...],
    photometric: int,
    data: bytes,
    order: str = "<",
    **tags: int,
) -> bytes:
    """An uncompressed TIFF of one strip."""
    entries = {
        256: (3, size[0]),
        257: (3, size[1]),
        259: (3, 1),
        262: (3, photometric),
        274: (3, tags.get("orientation", 1)),
        277: (3, len(bits)),
        278: (3, size[1]),
        279: (4, len(data)),
        339: (3, tags.get("sample_format", 1)),
    }
    directory = 10 + 12 * (len(entries) + 2) + 4
    bits_at, data_at = directory, directory + 2 * len(bits)
    entries[273] = (4, data_at)
    listed = {**entries, 258: (3, bits[0])}
    content = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8)
    content += struct.pack(f"{order}H", len(listed))
    for tag, (kind, value) in sorted(listed.items()):
        if tag == 258 and len(bits) > 2:
            content += struct.pack(f"{order}HHII", tag, 3, len(bits), bits_at)
        elif kind == 3:
            content += struct.pack(f"{order}HHIHH", tag, kind, 1, value, 0)
        else:
            content += struct.pack(f"{order}HHII", tag, kind, 1, value)
    content += struct.pack(f"{order}I", 0)
    assert len(content) == directory
    return content + struct.pack(f"{order}{len(bits)}H", *bits) + data


def big(*values: int) -> bytes:
    return struct.pack(f">{len(values)}H", *values)


def little(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}H", *values)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # 16-bit grey, to the nearest: 4660 / 257 = 18.13, 4863 / 257 = 18.92, 65535 / 257 = 255
        (png(3, 1, 16, 0, big(4660, 4863, 65535)), [18, 19, 255]),
        (tiff((3, 1), (16,), 1, little(4660, 4863, 65535)), [18, 19, 255]),
        (tiff((3, 1), (16,), 1, big(4660, 4863, 65535), ">"), [18, 19, 255]),
        # with an alpha channel, the pixels over white: all of the first, nothing of the second
        (png(2, 1, 16, 4, big(0x4000, 0xFFFF, 0x4000, 0)), [64, 255]),
        # 8, 4, 2 and 1 bits of grey: 0xB7 is 11 and 7 of 15, 0xC0 is 3 and 0 of 3
        (png(2, 1, 8, 0, bytes([7, 200])), [7, 200]),
        (png(2, 1, 4, 0, b"\xb7"), [187, 119]),
        (png(2, 1, 2, 0, b"\xc0"), [255, 0]),
        (png(2, 1, 1, 0, b"\x40"), [0, 255]),
        # the photographer's negative: 0 is white
        (tiff((2, 1), (8,), 0, bytes([0, 200])), [255, 55]),
        # 32 bits, which hold no more than 16
        (tiff((2, 1), (32,), 1, struct.pack("<2I", 1000, 65535)), [4, 255]),
    ],
)
def test_grey(content: bytes, expected: list[int]) -> None:
    assert pixels(content) == [(value, value, value) for value in expected]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # of 16-bit colours the upper eight bits count
        (png(1, 1, 16, 2, big(0x1234, 0x80FF, 0xFFFF)), (0x12, 0x80, 0xFF)),
        (tiff((1, 1), (16, 16, 16), 2, little(0x1234, 0x80FF, 0xFFFF)), (0x12, 0x80, 0xFF)),
        (tiff((1, 1), (16, 16, 16), 2, big(0x1234, 0x80FF, 0xFFFF), ">"), (0x12, 0x80, 0xFF)),
        (png(1, 1, 16, 6, big(0x1234, 0x80FF, 0, 0xFFFF)), (0x12, 0x80, 0)),
        # half seen through, over white: c * 128 / 255 + 255 * 127 / 255 = c * 0.502 + 127
        (saved(plain((200, 10, 20, 128), "RGBA")), (227, 132, 137)),
        (saved(plain((100, 128), "LA")), (177, 177, 177)),
        (saved(plain((100, 0), "LA")), WHITE),
        # ink: 255 - c - k + c * k / 255; with 60 of black, 255 - 60 = 195 of each colour is left
        (saved(plain((0, 255, 255, 0), "CMYK"), "TIFF"), RED),
        (saved(plain((0, 0, 0, 60), "CMYK"), "TIFF"), (195, 195, 195)),
        (saved(plain((255, 0, 0, 60), "CMYK"), "TIFF"), (0, 195, 195)),
    ],
)
def test_colours(content: bytes, expected: tuple[int, int, int]) -> None:
    for found in pixels(content):
        assert np.abs(np.subtract(found, expected)).max() <= 1, found


def without_adobe_marker(content: bytes) -> bytes:
    at = content.index(b"\xff\xee")
    (length,) = struct.unpack_from(">H", content, at + 2)
    assert content[at + 4 : at + 9] == b"Adobe"
    return content[:at] + content[at + 2 + length :]


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize(
    ("ink", "expected"),
    [((0, 255, 255, 0), RED), ((0, 0, 0, 0), WHITE), ((0, 0, 0, 60), (195, 195, 195))],
)
def test_ink_in_jpeg_is_stored_inverted(ink, expected, marked) -> None:
    """As Adobe's programs write it, and as the image library takes it without their marker, too."""
    content = saved(plain(ink, "CMYK"), "JPEG", quality=100)
    if not marked:
        content = without_adobe_marker(content)
    for found in pixels(content):
        assert np.abs(np.subtract(found, expected)).max() <= 2, found


def test_palettes() -> None:
    image = plain(0, "P", (3, 1))
    image.putpalette([200, 10, 20, 0, 0, 255, 0, 255, 0])
    for x in range(3):
        image.putpixel((x, 0), x)
    assert pixels(saved(image)) == [(200, 10, 20), BLUE, GREEN]
    assert pixels(saved(image, "GIF")) == [(200, 10, 20), BLUE, GREEN]
    assert pixels(saved(image, transparency=1)) == [(200, 10, 20), WHITE, GREEN]
    assert pixels(saved(image, "GIF", transparency=1)) == [(200, 10, 20), WHITE, GREEN]
    first, *others = pixels(saved(image, transparency=bytes([128, 255, 0])))
    assert np.abs(np.subtract(first, (227, 132, 137))).max() <= 1
    assert others == [BLUE, WHITE]


def quarters(mode: str = "RGB") -> Image.Image:
    """Red, green over blue, white: no turn of it looks like another."""
    image = Image.new("RGB", (32, 16))
    for place, colour in enumerate((RED, GREEN, BLUE, WHITE)):
        left, top = place % 2 * 16, place // 2 * 8
        image.paste(colour, (left, top, left + 16, top + 8))
    return image.convert(mode)


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    right, bottom = image.width - 1, image.height - 1
    found = [image.getpixel(place) for place in ((0, 0), (right, 0), (0, bottom), (right, bottom))]
    return [tuple(255 * (value > 127) for value in one) for one in found]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_orientation_is_not_applied(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(quarters(), kind, exif=exif, quality=95)
    image = read_rgb(content, "it")
    assert image.size == read_size(content, "it") == identify(content, "it")[1] == (32, 16)
    assert corners(image) == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_neither_is_that_of_a_tiff(compression: str | None, orientation: int) -> None:
    if compression:
        content = saved(quarters(), "TIFF", compression=compression, tiffinfo={274: orientation})
    else:
        content = tiff((32, 16), (8, 8, 8), 2, quarters().tobytes(), orientation=orientation)
    image = read_rgb(content, "it")
    assert image.size == read_size(content, "it") == identify(content, "it")[1] == (32, 16)
    assert corners(image) == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize(
    ("kind", "options"),
    [("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {}), ("PNG", {"default_image": True}),
     ("TIFF", {}), ("MPO", {"quality": 100})],
)  # fmt: skip
def test_the_first_frame_is_the_photo(kind: str, options: dict[str, object]) -> None:
    others = [plain(BLUE, size=(16, 16)), plain(GREEN, size=(16, 16))]
    content = saved(plain(RED), kind, save_all=True, append_images=others, **options)
    with Image.open(io.BytesIO(content)) as opened:
        assert opened.n_frames >= 2
    for found in pixels(content):
        assert np.abs(np.subtract(found, RED)).max() <= 2


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (1, 20_000), (20_000, 1)])
@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF", "PPM", "JPEG", "WEBP"])
def test_thin_images(kind: str, size: tuple[int, int]) -> None:
    if kind == "WEBP" and max(size) > 16_383:
        pytest.skip("the format has no such size")
    content = saved(plain((90, 90, 90), size=size), kind)
    image = read_rgb(content, "it")
    assert image.size == read_size(content, "it") == size
    assert abs(image.getpixel((size[0] - 1, size[1] - 1))[0] - 90) <= 2


def test_progressive_jpeg_is_read_like_any_other() -> None:
    assert corners(read_rgb(saved(quarters(), "JPEG", progressive=True), "it")) == [
        RED,
        GREEN,
        BLUE,
        WHITE,
    ]


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "BMP", "TIFF"])
def test_the_content_counts_and_not_the_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "photo.JPEG"
    path.write_bytes(saved(quarters(), kind))
    assert corners(read_rgb(path, path)) == [RED, GREEN, BLUE, WHITE]


def test_a_float_image_is_refused_with_what_to_do() -> None:
    content = tiff((1, 1), (32,), 1, struct.pack("<f", 0.5), sample_format=3)
    for function in (read_rgb, identify):
        with pytest.raises(InputError, match=r"^depth: .*store 8 bits a channel"):
            function(content, "depth")


# ------------------------------------------------------------------------------- too large


def png_of(width: int, height: int) -> bytes:
    return png(width, height, 8, 2, b"")


def jpeg_of(width: int, height: int) -> bytes:
    content = bytearray(saved(quarters(), "JPEG"))
    struct.pack_into(">HH", content, content.index(b"\xff\xc0") + 5, height, width)
    return bytes(content)


def gif_of(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0) + gif_frame(1, 1)


def gif_with_frame_of(width: int, height: int) -> bytes:
    """The screen is small, and the frame reaches beyond it."""
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0, 0, 0) + gif_frame(width, height)


def gif_frame(width: int, height: int) -> bytes:
    return b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x44\x01\x00;"


def bmp_of(width: int, height: int) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header


def tiff_of(width: int, height: int) -> bytes:
    return tiff((width, height), (8, 8, 8), 2, b"")


def ppm_of(width: int, height: int) -> bytes:
    return f"P6 {width} {height} 255\n".encode()


def webp_of(width: int, height: int) -> bytes:
    bits = (width - 1) | (height - 1) << 14
    body = b"\x2f" + struct.pack("<I", bits) + bytes(200)
    body = b"VP8L" + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


HEADERS: dict[str, Callable[[int, int], bytes]] = {
    "png": png_of,
    "jpeg": jpeg_of,
    "gif": gif_of,
    "gif frame": gif_with_frame_of,
    "bmp": bmp_of,
    "tiff": tiff_of,
    "ppm": ppm_of,
    "webp": webp_of,
}


@pytest.mark.parametrize(
    "size", [(20_000, 20_000), (16_000, 16_000), (10_000, 9_000), (20_001, 10), (1, 30_000)]
)
@pytest.mark.parametrize("name", HEADERS)
def test_a_size_that_cannot_be_decoded_is_named(name: str, size: tuple[int, int]) -> None:
    """Beyond the limit of 89,478,485 px, and beyond twice as many, where Pillow steps in first."""
    if name == "webp" and max(size) > 16_383:
        pytest.skip("the format has no such size")
    content = HEADERS[name](*size)
    for function in FUNCTIONS:
        with pytest.raises(InputError) as caught:
            function(content, "photo")
        assert str(caught.value) == (
            f"photo: {size[0]}x{size[1]} px is too large to decode "
            "(limit 20000 px a side and 89478485 px in all)."
        )


def bomb(kind: bytes, size: int) -> bytes:
    """A PNG with a chunk that unpacks to so many bytes."""
    packer = zlib.compressobj()
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()
    head = {b"zTXt": b"Comment\0\0", b"iTXt": b"Comment\0\1\0\0\0", b"iCCP": b"profile\0\0"}[kind]
    return png(1, 1, 8, 2, bytes(3), chunk(kind, head + packed))


BOMBS = {
    **{f"{name} header": make(20_000, 20_000) for name, make in HEADERS.items() if name != "webp"},
    "webp header": webp_of(16_383, 16_383),
    "webp below the limit of the library": webp_of(13_000, 13_000),
    "zTXt": bomb(b"zTXt", 512 << 20),
    "iTXt": bomb(b"iTXt", 512 << 20),
    "iCCP": bomb(b"iCCP", 512 << 20),
    "many zTXt": png(
        1, 1, 8, 2, bytes(3), *[chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 20)))] * 400
    ),
}
_MEASURE = """
import resource, sys
from pathlib import Path
from lvlm_eval.datasets.images import identify, read_rgb, read_size
from lvlm_eval.errors import InputError
read_rgb(Path("small.png"), "small")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for name in sys.argv[1:]:
    for function in (read_rgb, read_size):
        try:
            function(Path(name), name)
        except InputError as error:
            print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted in another unit elsewhere")
def test_a_bomb_is_refused_before_it_takes_memory(tmp_path: Path) -> None:
    """Decoded they would take 1.2 GB, or 0.5 GB, each; none takes more than 80 MB."""
    (tmp_path / "small.png").write_bytes(saved(quarters()))
    for name, content in BOMBS.items():
        (tmp_path / name).write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, *BOMBS],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    *refusals, kilobytes = done.stdout.splitlines()
    assert len(refusals) == 2 * len(BOMBS)
    assert sum("20000x20000 px is too large" in line for line in refusals) == 2 * 7
    assert int(kilobytes) < 80_000
    assert done.stderr == ""


def test_a_short_text_in_a_png_is_no_bomb() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "x" * 100_000, zip=True)
    assert pixels(saved(plain(RED), pnginfo=info))[0] == RED


# ------------------------------------------------------------------------------- no image


@pytest.mark.parametrize("function", [read_rgb, read_size])
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "the image file does not exist."),
        (Path.touch, "cannot be decoded as an image (it is empty)."),
        (Path.mkdir, "cannot be decoded as an image (it is a folder)."),
        (os.mkfifo, "cannot be decoded as an image (it is no file)."),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
        (lambda path: path.symlink_to("gone"), "the image file does not exist."),
        (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"), "Git LFS"),
        (lambda path: path.write_text("<html>404</html>"), "not an image in a known format"),
    ],
)
def test_what_is_no_image_file_is_named(tmp_path: Path, function, make, said: str) -> None:
    path = tmp_path / "photo.jpg"
    make(path)
    with pytest.raises(InputError) as caught:
        function(path, path)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)


@contextmanager
def without_rights(path: Path) -> Iterator[None]:
    """Nobody may read a file: neither by its mode, nor as the user that may everything."""
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65_534)
    try:
        yield
    finally:
        if user == 0:
            os.seteuid(0)
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="rights are another matter there")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(saved(plain(RED)))
    with without_rights(path), pytest.raises(InputError, match="Permission denied") as caught:
        read_rgb(path, path)
    assert str(caught.value) == f"{path}: cannot be decoded as an image (Permission denied)."


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="File name too long"):
        read_rgb(tmp_path / ("a" * 300), "photo")


# ------------------------------------------------------------------------------- silence


def test_decoders_keep_their_remarks_to_themselves() -> None:
    palette = plain(0, "P", (1, 1))
    palette.putpalette([200, 10, 20])
    torn_exif = saved(quarters(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pixels(saved(palette, transparency=b"\x80"))
        pixels(torn_exif)
        with pytest.raises(InputError):
            read_rgb(png_of(10_000, 9_000), "it")


def test_silence_ends_when_the_last_thread_leaves_it() -> None:
    """The first to enter leaves first: by itself each would restore what it found."""
    entered, leave = [threading.Event() for _ in range(2)], [threading.Event() for _ in range(2)]

    def decode(number: int) -> None:
        with silenced():
            entered[number].set()
            leave[number].wait(30)

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        threads = [threading.Thread(target=decode, args=(number,)) for number in range(2)]
        for number, thread in enumerate(threads):
            thread.start()
            assert entered[number].wait(30)
        warnings.warn("while both are inside", stacklevel=1)
        for number, thread in enumerate(threads):
            leave[number].set()
            thread.join(30)
            warnings.warn(f"{number} has left", stacklevel=1)
        assert [str(one.message) for one in heard] == ["1 has left"]
        assert warnings.filters == before


def test_an_error_ends_the_silence() -> None:
    before = list(warnings.filters)
    with pytest.raises(ValueError, match="inside"), silenced():
        raise ValueError("inside")
    assert warnings.filters == before

"""What an archive may hold, and that nothing of it lands elsewhere, whatever its members are."""

import io
import stat
import struct
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hub_releases import Notes, files_below
from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.download.file_names import is_safe_path
from lvlm_eval.download.record import HubFile, Unpacked
from lvlm_eval.download.unpacking import unpack_archive
from lvlm_eval.errors import InputError

Change = Callable[[zipfile.ZipInfo], None]


def written(
    members: Iterable[tuple[str, bytes]],
    change: Change = lambda info: None,
    compressed: bool = True,
) -> bytes:
    """A zip with these names exactly, which the zipfile module would otherwise tidy up."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number, (name, content) in enumerate(members):
            info = zipfile.ZipInfo(f"{number}")
            info.filename = name
            info.compress_type = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
            change(info)
            archive.writestr(info, content)
    return stream.getvalue()


def unpack(folder: Path, content: bytes) -> Unpacked:
    path = folder / "Images.zip"
    path.write_bytes(content)
    return unpack_archive(path, HubFile("Images.zip", len(content)), False, Notes())


GOOD = ("Images/car/car_1.JPEG", b"photo")


@pytest.mark.parametrize(
    "name",
    [
        "../evil", "Images/../../evil", "Images/car/..", "/evil", "//host/evil", "C:/evil",
        "C:evil", "Images/a:stream",
        "Images\\car\\evil", "..\\evil", "Images//evil", "Images/./evil", "./evil",
        "Images/\x00evil", "Images/car\x00/../../evil", "Images/line\nfeed", "Images/con",
        "Images/Con.txt", "Images/lpt1 .json", "Images/end.", "Images/end ", "Images/" + "x" * 300,
        "../evil/", "Images/\u202egpj.exe",
    ],
)  # fmt: skip
def test_a_name_that_means_another_place_refuses_the_archive(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"Images\.zip: holds '.*no plain path") as refused:
        unpack(tmp_path, written([GOOD, (name, b"out")]))
    assert "\n" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["Images.zip"]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (stat.S_IFLNK, "a link or a device"),
        (stat.S_IFCHR, "a link or a device"),
        (stat.S_IFBLK, "a link or a device"),
        (stat.S_IFIFO, "a link or a device"),
        (stat.S_IFSOCK, "a link or a device"),
        (stat.S_IFDIR, "a link or a device"),
    ],
)
def test_only_plain_files_come_out(tmp_path: Path, kind: int, said: str) -> None:
    def change(info: zipfile.ZipInfo) -> None:
        info.create_system = 3
        info.external_attr = (kind | 0o777) << 16

    with pytest.raises(InputError, match=said):
        unpack(tmp_path, written([("Images/link", b"/etc/passwd")], change))


def test_modes_of_plain_files_are_those_of_new_files_here(tmp_path: Path) -> None:
    def change(info: zipfile.ZipInfo) -> None:
        info.external_attr = (stat.S_IFREG | stat.S_ISUID | 0o777) << 16

    unpack(tmp_path, written([GOOD], change))
    (tmp_path / "new").touch()
    made = (tmp_path / GOOD[0]).stat().st_mode
    assert made == (tmp_path / "new").stat().st_mode


def test_encrypted_members_are_refused(tmp_path: Path) -> None:
    content = bytearray(written([GOOD]))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    with pytest.raises(InputError, match="encrypted"):
        unpack(tmp_path, bytes(content))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("Images/a/b", "Images/a/b", "twice"),
        ("Images/a/b", "SOCOv1/Images/a/b", "twice"),
        ("Images/a/b.jpg", "Images/A/B.JPG", "twice"),
        ("Images/\u00e9", "Images/e\u0301", "twice"),
        ("Images/a", "Images/a/b", "as a file and as a folder"),
        ("Images/a/b/c", "Images/A", "as a file and as a folder"),
    ],
)
def test_no_file_hides_another(tmp_path: Path, one: str, other: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        unpack(tmp_path, written([(one, b"1"), (other, b"2")]))
    assert [path.name for path in tmp_path.iterdir()] == ["Images.zip"]


def test_an_archive_that_grows_too_much_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"would grow from \d+ to 73400320 bytes"):
        unpack(tmp_path, written([("Images/zeros", bytes(70 * 1024 * 1024))]))
    assert [path.name for path in tmp_path.iterdir()] == ["Images.zip"]


@pytest.mark.parametrize("stated", [10, 5000])
@pytest.mark.parametrize("compressed", [True, False])
def test_a_stated_size_that_is_a_lie_ends_in_one_line(
    tmp_path: Path, stated: int, compressed: bool
) -> None:
    content = bytearray(written([("Images/liar", b"x" * 1000)], compressed=compressed))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<L", content, content.index(signature) + offset, stated)
    with pytest.raises(InputError, match=r"Images\.zip: is broken at Images/liar.*Delete it"):
        unpack(tmp_path, bytes(content))
    assert not (tmp_path / "Images").exists()
    sizes = [path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()]
    assert max(sizes) <= max(stated, len(content))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_one_wrong_byte_is_found(tmp_path: Path, method: int) -> None:
    def change(info: zipfile.ZipInfo) -> None:
        info.compress_type = method

    content = bytearray(written([("Images/one", bytes(range(256)) * 4)], change))
    content[len("Images/one") + 30 + 60] ^= 0xFF
    with pytest.raises(InputError, match=r"is broken at Images/one"):
        unpack(tmp_path, bytes(content))
    assert not (tmp_path / "Images").exists()


@pytest.mark.parametrize("keep", [0, 10, 60, -1, -30])
def test_an_archive_that_was_cut_off_is_one_line(tmp_path: Path, keep: int) -> None:
    with pytest.raises(InputError, match=r"is broken at its directory \(BadZipFile") as refused:
        unpack(tmp_path, written([GOOD])[:keep])
    assert "\n" not in str(refused.value)


def test_names_that_are_not_text_are_one_line(tmp_path: Path) -> None:
    content = written([("Images/\u00e9", b"1")]).replace("\u00e9".encode(), b"\xff\xfe")
    with pytest.raises(InputError, match="is broken at its directory"):
        unpack(tmp_path, content)


def test_nothing_but_folders_is_no_data(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no files"):
        unpack(tmp_path, written([("Images/", b""), ("Images/car/", b""), (".DS_Store", b"1")]))


def test_what_lies_beside_the_named_folder_is_left_out(tmp_path: Path) -> None:
    members = [GOOD, ("README.txt", b"1"), ("Other/x", b"2"), ("__MACOSX/../../x", b"3")]
    assert unpack(tmp_path, written(members)) == Unpacked(files=1, size=5)
    assert files_below(tmp_path / "Images") == {"car/car_1.JPEG": b"photo"}


def test_a_folder_by_hand_with_the_same_files_is_taken(tmp_path: Path) -> None:
    path = tmp_path / GOOD[0]
    path.parent.mkdir(parents=True)
    path.write_bytes(GOOD[1])
    inode = path.stat().st_ino
    assert unpack(tmp_path, written([GOOD])) == Unpacked(files=1, size=5)
    assert path.stat().st_ino == inode


_PART = st.one_of(
    st.sampled_from(
        ["..", ".", "", "Images", "SOCOv1", "car", "CAR", "a.b", "C:", "a\\b", "\0", "nul", "._x",
         "__MACOSX", ".DS_Store", "x ", "x.", "\u00e9", "e\u0301", "\n", "~", "-rf", "%2e%2e"]
    ),
    st.text(max_size=5),
)  # fmt: skip
_NAME = st.builds(
    lambda before, parts, after: before + "/".join(parts) + after,
    st.sampled_from(["", "/", "Images/", "SOCOv1/Images/"]),
    st.lists(_PART, min_size=1, max_size=4),
    st.sampled_from(["", "/"]),
)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@given(st.lists(st.tuples(_NAME, st.binary(max_size=20)), max_size=5))
def test_whatever_the_members_nothing_lands_outside(
    tmp_path_factory: pytest.TempPathFactory, members: list[tuple[str, bytes]]
) -> None:
    around = tmp_path_factory.mktemp("around")
    folder = around / "deep" / "data"
    folder.mkdir(parents=True)
    try:
        whole = unpack(folder, written(members))
    except InputError as refused:
        assert "\n" not in str(refused)
        assert {path.name for path in folder.iterdir()} <= {"Images.zip"}
        whole = Unpacked(0, 0)
    assert {path.name for path in around.iterdir()} == {"deep"}
    assert {path.name for path in (around / "deep").iterdir()} == {"data"}
    there = files_below(folder)
    del there["Images.zip"]
    assert all(name.startswith("Images/") for name in there)
    assert len(there) == whole.files
    assert sum(map(len, there.values())) == whole.size
    contents = [content for _, content in members]
    assert all(content in contents for content in there.values())
    assert not any(path.is_symlink() for path in around.rglob("*"))


@given(st.lists(_PART, min_size=1, max_size=5).map("/".join))
def test_a_safe_path_stays_below_and_is_one_place(path: str) -> None:
    if is_safe_path(path):
        parts = path.split("/")
        assert Path("/root/folder", path).resolve().is_relative_to("/root/folder")
        assert list(Path(path).parts) == parts
        assert not {"", ".", ".."} & set(parts)
        assert not any(sign in path for sign in "\\:\0\n")

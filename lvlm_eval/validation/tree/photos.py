"""Decodes the photos of a tree, each once, and words what is odd about them."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from lvlm_eval.datasets.images import ImageFacts, inspect
from lvlm_eval.datasets.soco_tree import SocoTree
from lvlm_eval.errors import InputError
from lvlm_eval.validation.findings import Finding, finding, printable
from lvlm_eval.validation.kinds import Kind
from lvlm_eval.validation.tree.file_listing import files_below
from lvlm_eval.validation.tree.pair_lists import folded

BATCH = 16
"""Photos a batch: about a tenth of a second of work at the release's image size."""

TINY = 48
"""Px of the shorter side: twice the least length of the usual arrow. Below, a marker in the middle
has no side on which it fits."""

_FORMAT_OF_SUFFIX: Mapping[str, str] = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    **dict.fromkeys((".ppm", ".pgm", ".pbm", ".pnm"), "PPM"),
    ".png": "PNG",
    ".webp": "WEBP",
    ".gif": "GIF",
    ".bmp": "BMP",
}


@dataclass(frozen=True, slots=True)
class PhotoBatch:
    """Photos of a tree, as in ``View.image``."""

    root: Path
    images: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo that was looked at.

    Attributes:
        image: as in ``View.image``.
        facts: what it is; None where it cannot be decoded.
        content: SHA-256 of the file, 32 bytes; empty where it cannot be decoded.
        refusal: why it cannot be decoded; empty where it can.
        missing: whether there is no such file.
    """

    image: str
    facts: ImageFacts | None
    content: bytes = field(default=b"", repr=False)
    refusal: str = ""
    missing: bool = False


def batches(root: Path, images: Sequence[str]) -> Iterator[PhotoBatch]:
    """Cut a list of photos into batches that do not depend on the number of workers."""
    for start in range(0, len(images), BATCH):
        yield PhotoBatch(root, tuple(images[start : start + BATCH]))


def read_photos(batch: PhotoBatch) -> tuple[Photo, ...]:
    """Decode the photos of a batch."""
    tree = SocoTree(batch.root, "")
    return tuple(_read(tree, image) for image in batch.images)


def _read(tree: SocoTree, image: str) -> Photo:
    path = tree.image_path(image)
    try:
        facts = inspect(path, "")
        with path.open("rb") as stream:
            return Photo(image, facts, hashlib.file_digest(stream, "sha256").digest())
    except InputError as error:
        return Photo(image, None, refusal=str(error), missing=not path.exists())
    except OSError as error:
        return Photo(image, None, refusal=f"cannot be read ({error.strerror}).")


def list_images(root: Path) -> tuple[str, ...]:
    """Every file in ``Images`` whose name is that of an image, as in ``View.image``, sorted."""
    return tuple(path for path in files_below(root, "Images") if is_image_name(path))


def is_image_name(name: str) -> bool:
    """Tell whether a file's name ends as images' names do."""
    return PurePosixPath(name.lower()).suffix in _FORMAT_OF_SUFFIX


def photo_findings(
    photos: Sequence[Photo], users: Mapping[str, Sequence[str]], listed: Sequence[str]
) -> Iterator[Finding]:
    """What is wrong or odd with each photo, and which are the same picture.

    Args:
        photos: in order of their names.
        users: image → files that use it, each once.
        listed: every image in the folder.
    """
    other_case = {folded(path): path for path in listed}
    for photo in photos:
        if photo.facts is None:
            yield _refused(photo, users.get(photo.image, ()), other_case)
        else:
            yield from _oddities(photo.image, photo.facts)
    yield from _doubles(photos)
    used = {photo.image for photo in photos}
    for image in listed:
        if image not in used:
            yield finding(Kind.IMAGE_UNUSED, image, "", "no readable pair uses it: not looked at.")


def _refused(photo: Photo, users: Sequence[str], other_case: Mapping[str, str]) -> Finding:
    used = f" Used by {_named(users)}."
    if photo.missing:
        similar = other_case.get(folded(photo.image))
        hint = f" There is {printable(similar)}: case matters." if similar else ""
        return finding(Kind.IMAGE_MISSING, photo.image, "", f"does not exist.{hint}{used}")
    too_large = "too large" in photo.refusal
    kind = Kind.IMAGE_TOO_LARGE if too_large else Kind.IMAGE_BROKEN
    return finding(kind, photo.image, "", photo.refusal + used)


def _named(users: Sequence[str]) -> str:
    if len(users) <= 1:
        return "".join(users)
    return f"{users[0]} and {len(users) - 1} more"


def _oddities(image: str, facts: ImageFacts) -> Iterator[Finding]:
    width, height = facts.size
    if min(facts.size) < TINY:
        message = f"{width}x{height} px: markers need {TINY} px on the shorter side."
        yield finding(Kind.IMAGE_TINY, image, "", message)
    if facts.orientation != 1:
        turned = "ignored, as the protocol says: points are in the stored frame."
        if facts.kind == "TIFF":
            turned = "a TIFF is turned by the decoder: points have to be in the turned frame."
        yield finding(Kind.ORIENTATION, image, "", f"orientation {facts.orientation}: {turned}")
    for kind, applies, message in (
        (Kind.ANIMATED, facts.frames > 1, f"{facts.frames} frames: the first is used."),
        (Kind.WIDE_CHANNELS, facts.bits > 8, "scaled to 8 bits a channel."),
        (Kind.CMYK, facts.mode == "CMYK", "converted to RGB without a colour profile."),
        (Kind.PALETTE, facts.mode in {"P", "PA"}, "converted to RGB."),
        (Kind.TRANSPARENT, facts.transparent, "laid on white."),
    ):
        if applies:
            yield finding(kind, image, "", message)
    named = _FORMAT_OF_SUFFIX.get(PurePosixPath(image.lower()).suffix)
    stored = "JPEG" if facts.kind == "MPO" else facts.kind
    if named != stored:
        name = f"its name says {named}" if named else "its name tells no format"
        message = f"the content is {stored}, {name}: the content counts."
        yield finding(Kind.FORMAT_UNLIKE_NAME, image, "", message)


def _doubles(photos: Sequence[Photo]) -> Iterator[Finding]:
    contents: dict[bytes, str] = {}
    pixels: dict[bytes, str] = {}
    for photo in photos:
        if photo.facts is None:
            continue
        same_file = contents.setdefault(photo.content, photo.image)
        same_pixels = pixels.setdefault(photo.facts.pixels, photo.image)
        if same_file != photo.image:
            yield finding(Kind.IMAGE_DOUBLED, photo.image, "", f"the same file as {same_file}.")
        elif same_pixels != photo.image:
            message = f"the same pixels as {same_pixels}, in another file."
            yield finding(Kind.IMAGE_DOUBLED, photo.image, "", message)

"""Decodes the images of tables, each distinct one once."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

from lvlm_eval.datasets.images import ImageFacts, inspect
from lvlm_eval.datasets.refusals import shown
from lvlm_eval.datasets.tsv_cells import decode_image_text
from lvlm_eval.errors import InputError
from lvlm_eval.validation.findings import Finding, finding
from lvlm_eval.validation.kinds import Kind
from lvlm_eval.validation.tree.photos import TINY

BATCH_CHARACTERS = 2_000_000
BATCH_PICTURES = 64
"""A batch is full at about 2 MB of base64 or 64 images, whichever comes first."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """An image as base64 text.

    Attributes:
        key: of the image within all tables.
        text: the base64.
    """

    key: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Named:
    """An image that a table names by its path.

    Attributes:
        key: of the image within all tables.
        folder: of the table.
        name: below that folder, or below ``images`` in it.
    """

    key: str
    folder: Path
    name: str


Picture = Embedded | Named


@dataclass(frozen=True, slots=True)
class ReadPicture:
    """An image that was looked at.

    Attributes:
        key: of the image.
        facts: what it is; None where it cannot be had.
        refusal: why it cannot; empty where it can.
    """

    key: str
    facts: ImageFacts | None
    refusal: str = ""


def embedded(text: str) -> Embedded:
    """An image whose key is its text."""
    return Embedded(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(), text)


def named(table: Path, name: str) -> Named:
    """An image whose key is its path."""
    return Named(f"{table.parent}/{name}", table.parent, name)


def batches(pictures: Iterable[Picture]) -> Iterator[tuple[Picture, ...]]:
    """Gather pictures into batches that do not depend on the number of workers."""
    batch: list[Picture] = []
    length = 0
    for picture in pictures:
        batch.append(picture)
        length += len(picture.text) if isinstance(picture, Embedded) else 0
        if length >= BATCH_CHARACTERS or len(batch) >= BATCH_PICTURES:
            yield tuple(batch)
            batch, length = [], 0
    if batch:
        yield tuple(batch)


def read_pictures(batch: tuple[Picture, ...]) -> tuple[ReadPicture, ...]:
    """Decode the pictures of a batch."""
    return tuple(map(_read, batch))


def _read(picture: Picture) -> ReadPicture:
    try:
        source = (
            decode_image_text(picture.text)
            if isinstance(picture, Embedded)
            else _content(picture.folder, picture.name)
        )
        return ReadPicture(picture.key, inspect(source, ""))
    except ValueError as error:
        return ReadPicture(picture.key, None, f"{error}.")
    except InputError as error:
        return ReadPicture(picture.key, None, str(error))


def _content(folder: Path, name: str) -> bytes:
    windows = PureWindowsPath(name)
    absolute = windows.drive or windows.root or PurePosixPath(name).is_absolute()
    if not name or absolute or ".." in windows.parts:
        raise InputError(
            f"{shown(name)} leads out of the table's folder; expected a path below it."
        )
    try:
        for place in (folder / name, folder / "images" / name):
            if place.is_file():
                return place.read_bytes()
    except OSError as error:
        raise InputError(f"{shown(name)} cannot be read ({error.strerror}).") from None
    raise InputError(f"neither {shown(name)} nor {shown(f'images/{name}')} exists.")


def picture_oddities(facts: ImageFacts, table: str, row: int) -> Iterator[Finding]:
    """What is odd about a picture that is sent byte for byte.

    Args:
        facts: of the picture.
        table: name of the table.
        row: the first that shows it.
    """
    width, height = facts.size
    if min(facts.size) < TINY:
        message = f"{width}x{height} px: nothing can be told at that size."
        yield finding(Kind.IMAGE_TINY, table, "image", message, row)
    sent = "it is sent as it stands, and models may read it in their own way."
    for kind, applies, what in (
        (Kind.ORIENTATION, facts.orientation != 1, f"EXIF orientation {facts.orientation}"),
        (Kind.ANIMATED, facts.frames > 1, f"{facts.frames} frames"),
        (Kind.WIDE_CHANNELS, facts.bits > 8, "16 bits a channel"),
        (Kind.CMYK, facts.mode == "CMYK", "CMYK"),
        (Kind.PALETTE, facts.mode in {"P", "PA"}, "a palette"),
        (Kind.TRANSPARENT, facts.transparent, "transparency"),
    ):
        if applies:
            yield finding(kind, table, "image", f"{what}: {sent}", row)

"""Small copies of the pictures that a model saw, inside the page or in a folder beside it."""

import base64
import io
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal

from lvlm_eval.records import Picture

SIDE = 320
"""Longest side of a thumbnail, in px."""

QUALITY = 75

Photos = Literal["auto", "inside", "beside", "none"]
"""Where they go; ``auto`` puts them inside as long as there is room, and the others beside."""

HEAD = "data:image/jpeg;base64,"

_Made = tuple[bytes, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Placed:
    """Where thumbnails went.

    Attributes:
        addresses: of each, as an ``img`` takes it, in the order of the numbers.
        files: path relative to the page's folder → content, of those beside.
        inside: number of those inside.
    """

    addresses: tuple[str, ...]
    files: Mapping[str, bytes]
    inside: int


class Thumbnails:
    """Numbers for pictures, the same one for the same picture; threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[str, Future[_Made]] = {}
        self._numbers: dict[str, int] = {}

    def make(self, pictures: Iterable[Picture]) -> tuple[str, ...]:
        """Make what is not there yet; gives the names to ask `number` for."""
        names = []
        for picture in pictures:
            with self._lock:
                is_new = picture.sha256 not in self._made
                made = self._made.setdefault(picture.sha256, Future())
            if is_new:
                try:
                    made.set_result(thumbnail(picture))
                except BaseException as error:
                    made.set_exception(error)
            made.result()  # of another thread, maybe
            names.append(picture.sha256)
        return tuple(names)

    def number(self, name: str) -> int:
        """The number of a picture, from 0 in the order in which they are asked for."""
        return self._numbers.setdefault(name, len(self._numbers))

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Width and height in px of each."""
        return [self._made[name].result()[1] for name in self._numbers]

    def placed(self, photos: Photos, room: int, folder: str) -> Placed:
        """Put each of them inside or beside.

        Args:
            photos: where.
            room: bytes inside the page, as ``auto`` keeps to them.
            folder: name of the folder beside the page.
        """
        addresses: list[str] = []
        files: dict[str, bytes] = {}
        for name in self._numbers:
            data = self._made[name].result()[0]
            # Base64 makes four signs of three bytes; quotes and a comma come to it.
            cost = len(HEAD) + 4 * ((len(data) + 2) // 3) + 3
            if photos == "inside" or (photos == "auto" and cost <= room):
                room -= cost
                addresses.append(HEAD + base64.b64encode(data).decode())
            else:
                path = f"{folder}/{name[:32]}.jpg"
                files[path] = data
                addresses.append(path)
        return Placed(tuple(addresses), files, len(addresses) - len(files))


def thumbnail(picture: Picture) -> _Made:
    """A JPEG of a picture, no side longer than `SIDE`, and its size in px."""
    image = picture.image()
    image.thumbnail((SIDE, SIDE))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=QUALITY, optimize=True)
    return stream.getvalue(), image.size

"""Drawn pictures on disk, found by what they show, for several runs that show the same.

A picture is known by the photo's content, the marks, and all that decides how they are drawn, so
whoever wants the same picture finds it, whatever the run, the prompt or the model. A file appears
in one step and is checked when it is read: a kill or a full disk leaves no half picture behind.
"""

import contextlib
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from lvlm_eval.pictures.task import PictureTask
from lvlm_eval.records import Picture
from lvlm_eval.renderers import Renderer

BYTES_LEFT_FREE = 256 * 1024**2
"""Pictures leave so much of the disk to answers, which cannot be made again for nothing."""

_LOCKS = 1024
"""Keys that share one wait for each other, which so many make rare."""

_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=True, separators=(",", ":"))


class PictureStore:
    """Pictures in a folder; safe to use from any thread. One process at a time may write.

    Args:
        folder: where they are; made with the first picture.
        most_bytes: bound on the files' bytes together. What does not fit any more is not kept.

    Attributes:
        full: whether a picture was not kept because of the bound, or because the disk is nearly
            full.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._making = tuple(threading.Lock() for _ in range(_LOCKS))
        self._numbers = count()
        self._photos: dict[Path, str | None] = {}
        self._looks: dict[int, tuple[Renderer, str]] = {}
        self._bytes: int | None = None
        self.full = False

    def keys(self, task: PictureTask, renderer: Renderer) -> tuple[str | None, ...]:
        """The key of each variant of a task; None where the photo cannot be read."""
        photo = self._photo(task.path)
        if photo is None:
            return (None,) * len(task.variants)
        head = f"{photo}\0{self._look(renderer)}\0" + "mirrored" * task.mirrored
        return tuple(
            hashlib.sha256(
                (head + repr([(mark.label, mark.x, mark.y) for mark in marks])).encode()
            ).hexdigest()
            for marks in task.variants
        )

    def has(self, key: str) -> bool:
        """Whether there is a picture of that key."""
        return self._path(key).exists()

    def get(self, key: str) -> Picture | None:
        """The picture of a key; None if there is none, or its file is damaged."""
        try:
            head, _, data = self._path(key).read_bytes().partition(b"\n")
            facts = json.loads(head)
            picture = Picture(data, facts["media_type"], tuple(facts["size"]), facts["sha256"])
        except (OSError, ValueError, LookupError, TypeError):
            return None
        return picture if hashlib.sha256(data).hexdigest() == picture.sha256 else None

    @contextlib.contextmanager
    def making(self, keys: Iterable[str]) -> Iterator[None]:
        """While entered, nobody else makes pictures of these keys.

        Two photos of the same content are two tasks, which different threads may come to at once.
        """
        with contextlib.ExitStack() as stack:
            # All in the same order, so that no two threads wait for each other.
            for place in sorted({int(key[:8], 16) % _LOCKS for key in keys}):
                stack.enter_context(self._making[place])
            yield

    def put(self, key: str, picture: Picture) -> None:
        """Keep a picture, if there is room; a disk that is full of other things is no error."""
        facts = {
            "media_type": picture.media_type,
            "size": picture.size,
            "sha256": picture.sha256,
        }
        content = json.dumps(facts).encode() + b"\n" + picture.data
        with self._lock:
            if self._bytes is None:
                self._bytes = self.bytes_there()
            if self._bytes + len(content) > self._most_bytes:
                self.full = True
                return
            self._bytes += len(content)
        path = self._path(key)
        temporary = self._folder / f".{os.getpid()}-{next(self._numbers)}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(self._folder).free < BYTES_LEFT_FREE:
                self.full = True
                return
            temporary.write_bytes(content)
            temporary.replace(path)
        except OSError:
            self.full = True
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def drop(self, keys: Iterable[str]) -> None:
        """Remove the pictures of these keys."""
        with self._lock:
            for key in keys:
                with contextlib.suppress(OSError):
                    self._path(key).unlink()
            self._bytes = None

    def bytes_there(self) -> int:
        """Bytes of all files that are there, what earlier processes left half-done among them."""
        total = 0
        for path in self._folder.rglob("*"):
            with contextlib.suppress(OSError):
                total += path.stat().st_size if path.is_file() else 0
        return total

    def remove(self) -> None:
        """Remove the folder and all that is in it."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._bytes = None

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / key[2:]

    def _photo(self, path: Path) -> str | None:
        """Hex digest of a photo's content; read once."""
        if path not in self._photos:
            try:
                with path.open("rb") as stream:
                    self._photos[path] = hashlib.file_digest(stream, "sha256").hexdigest()
            except OSError:
                self._photos[path] = None
        return self._photos[path]

    def _look(self, renderer: Renderer) -> str:
        known = self._looks.get(id(renderer))
        if known is None:  # the renderer is held, so that its id stays its own
            known = self._looks[id(renderer)] = (renderer, look(renderer))
        return known[1]


def look(renderer: Renderer) -> str:
    """All that decides how a renderer's pictures look, as one text.

    It is the renderer's definition without the words that a prompt has for the marker.
    """
    return _CANONICAL.encode(_without_words(renderer.definition()))


def _without_words(definition: dict[str, Any]) -> dict[str, Any]:
    left = {name: one for name, one in definition.items() if name != "marker_words"}
    style = left.get("style")
    if isinstance(style, dict) and isinstance(style.get("marker"), dict):
        marker = {name: one for name, one in style["marker"].items() if name != "words"}
        left["style"] = {**style, "marker": marker}
    return left

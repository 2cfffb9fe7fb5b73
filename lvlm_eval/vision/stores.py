"""Where feature maps are kept until they are needed: in memory, on disk, or nowhere."""

import contextlib
import errno
import hashlib
import json
import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.vision.arrays import as_float32, copied, halved, like, number_of_bytes, to_numpy
from lvlm_eval.vision.backbones.backbone import Maps
from lvlm_eval.vision.memory import GB, amount, available, disk_free

CacheKind = Literal["ram", "disk", "none"]
CACHES: tuple[CacheKind, ...] = ("ram", "disk", "none")


class Store(ABC):
    """Keeps maps (H, W, C) by the photo's content.

    Attributes:
        half: maps are rounded to float16 numbers, which take half the space. Then all maps are, so
            that it does not depend on the cache which of them are.
        lasting: maps outlive the run, so every one is worth keeping.
    """

    lasting = False

    def __init__(self, half: bool) -> None:
        self.half = half

    def as_kept(self, maps: Maps) -> Maps:
        """The maps as they would come back."""
        return as_float32(halved(maps)) if self.half else maps

    def kept_before(self, content: str) -> bool:
        """Whether an earlier run left the map of a photo."""
        return False

    @abstractmethod
    def room(self, map_: Maps) -> int:
        """Bytes that further maps like this one may take."""

    @abstractmethod
    def check(self, wanted: int, map_: Maps) -> None:
        """Make sure, before the work, that there is the room that was promised.

        Args:
            wanted: bytes of all maps that are not kept yet.
            map_: one of them.

        Raises:
            InputError: there is not.
        """

    @abstractmethod
    def keep(self, content: str, map_: Maps) -> bool:
        """Keep a map; False if there is no room for it."""

    @abstractmethod
    def take(self, content: str, device_of: Maps | None) -> Maps:
        """The map again, as the same kind of array as another one."""

    @abstractmethod
    def drop(self, content: str) -> None:
        """The map is not needed any more in this run."""


class NoStore(Store):
    """Keeps nothing."""

    def room(self, map_: Maps) -> int:
        """None."""
        return 0

    def check(self, wanted: int, map_: Maps) -> None:
        """Nothing is promised."""

    def keep(self, content: str, map_: Maps) -> bool:
        """Never."""
        return False

    def take(self, content: str, device_of: Maps | None) -> Maps:
        """Nothing is ever there."""
        raise KeyError(content)

    def drop(self, content: str) -> None:
        """Nothing to do."""


class RamStore(Store):
    """Keeps maps where they were made: in memory, or in the GPU's.

    Args:
        budget: bytes; None takes half of what is free when the first map is there.
        half: see `Store`.
    """

    def __init__(self, budget: int | None = None, half: bool = False) -> None:
        super().__init__(half)
        self._budget = budget
        self._maps: dict[str, Any] = {}
        self._used = 0

    def room(self, map_: Maps) -> int:
        """The budget."""
        if self._budget is None:
            self._budget = available(map_) // 2
        return self._budget

    def check(self, wanted: int, map_: Maps) -> None:
        """A budget that was given must be free, as far as it can be needed.

        Raises:
            InputError: it is not.
        """
        free = available(map_)
        if self._budget is not None and min(self._budget, wanted) > free:
            raise InputError(
                f"--cache-gb {self._budget / GB:g}: {amount(free)} of memory are free. Give "
                "less (photos are then encoded twice), or --cache disk."
            )

    def keep(self, content: str, map_: Any) -> bool:
        """Keep a map if it fits beside the others."""
        size = number_of_bytes(map_) // (2 if self.half else 1)
        if content not in self._maps:
            if self._used + size > self.room(map_):
                return False
            # A copy, since a map is a part of what was made of a whole batch of photos.
            self._maps[content] = halved(map_) if self.half else copied(map_)
            self._used += size
        return True

    def take(self, content: str, device_of: Maps | None) -> Maps:
        """The map itself, which stays."""
        map_: Maps = self._maps[content]
        return as_float32(map_) if self.half else map_

    def drop(self, content: str) -> None:
        """Free its memory."""
        map_ = self._maps.pop(content, None)
        if map_ is not None:
            self._used -= number_of_bytes(map_)


class DiskStore(Store):
    """Keeps maps in files, one a photo, for this run and for later ones.

    They lie in a folder of their own for everything that decides them, which is written down in its
    ``features.json``. Several processes may use one folder: a file appears whole or not at all.

    Args:
        root: folder of all such caches.
        identity: everything that decides a map beside the photo; JSON-able.
        budget: bytes that all maps of this folder may take; None sets no bound.
        half: see `Store`.

    Raises:
        InputError: the folder cannot be made.
    """

    lasting = True

    def __init__(
        self, root: Path, identity: Mapping[str, Any], budget: int | None = None, half: bool = False
    ) -> None:
        super().__init__(half)
        text = json.dumps({**identity, "half": half}, sort_keys=True, indent=1)
        self.folder = root / hashlib.sha256(text.encode()).hexdigest()[:24]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / "features.json").write_text(text + "\n")
        except OSError as error:
            raise InputError(
                f"the feature cache {self.folder} cannot be made: {error.strerror}. "
                "Give another --cache-dir."
            ) from None
        self.budget = budget
        self._used = sum(one.stat().st_size for one in self.folder.glob("*.npy"))

    def room(self, map_: Maps) -> int:
        """What is left of the budget, or free on the disk."""
        free = disk_free(self.folder)
        return free if self.budget is None else max(0, min(self.budget - self._used, free))

    def check(self, wanted: int, map_: Maps) -> None:
        """Without a budget all maps are to be kept, so they must fit on the disk.

        Raises:
            InputError: they do not.
        """
        free = disk_free(self.folder)
        if self.budget is None and wanted > free:
            raise InputError(
                f"the feature maps take {amount(wanted)}, and {amount(free)} are free on "
                f"the disk of {self.folder}. Give --cache-gb, --cache-type float16, another "
                "--cache-dir, or --cache ram."
            )

    def kept_before(self, content: str) -> bool:
        """Whether there is a file, whole and of the right kind."""
        return self._read(content) is not None

    def keep(self, content: str, map_: Maps) -> bool:
        """Write it to a file.

        Raises:
            StoppedError: the disk is full.
        """
        if self.kept_before(content):
            return True
        numbers = to_numpy(map_)
        if self.half:
            numbers = numbers.astype(np.float16)
        if self.budget is not None and self._used + numbers.nbytes > self.budget:
            return False
        try:
            with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".part", delete=False) as file:
                try:
                    np.save(file, numbers)
                except BaseException:
                    with contextlib.suppress(OSError):
                        Path(file.name).unlink()
                    raise
            Path(file.name).replace(self._path(content))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StoppedError(
                    f"the disk of the feature cache {self.folder} is full. Free some space, or "
                    "give --cache-gb or another --cache-dir"
                ) from None
            raise
        self._used += numbers.nbytes
        return True

    def take(self, content: str, device_of: Maps | None) -> Maps:
        """Read it, mapped into memory where it can stay there."""
        numbers = self._read(content)
        if numbers is None:
            raise KeyError(content)
        whole: Maps = np.asarray(numbers, dtype=np.float32)
        return whole if device_of is None else like(np.array(whole), device_of)

    def drop(self, content: str) -> None:
        """Files stay for later runs."""

    def _path(self, content: str) -> Path:
        return self.folder / f"{content}.npy"

    def _read(self, content: str) -> Any:
        path = self._path(content)
        if not os.path.exists(path):  # noqa: PTH110  # a hundred times a second
            return None
        try:
            numbers = np.load(path, mmap_mode="r")
        except (OSError, ValueError, EOFError):
            return None  # torn by something else; it is made again
        wanted = np.float16 if self.half else np.float32
        return numbers if numbers.ndim == 3 and numbers.dtype == wanted else None

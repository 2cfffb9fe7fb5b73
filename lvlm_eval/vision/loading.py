"""Reads, pads and resizes photos on all processors, ahead of the backbone."""

import hashlib
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from lvlm_eval.datasets.images import read_rgb
from lvlm_eval.datasets.pair_dataset import PairDataset
from lvlm_eval.errors import InputError
from lvlm_eval.vision.backbones.backbone import Photos
from lvlm_eval.vision.photos import squared


def photos_ahead(batch: int) -> int:
    """Most photos that are decoded before they are asked for, in batches of this size."""
    return 2 * batch + (os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class LoadedPhoto:
    """A photo as a backbone gets it.

    Attributes:
        number: of the photo.
        content: SHA-256 of its file.
        square: (1, S, S, 3); None of a photo that cannot be decoded.
        trouble: why it cannot, one line.
    """

    number: int
    content: str
    square: Photos | None
    trouble: str = ""


class PhotoLoader:
    """Decodes photos in threads: decoders and resizing let other threads go on meanwhile.

    Args:
        dataset: where they are.
        names: paths of all photos, by number.
        side: of the squares, in px.
        skip_broken: a photo that cannot be decoded is told and not raised.
    """

    def __init__(
        self, dataset: PairDataset, names: Sequence[str], side: int, skip_broken: bool = False
    ) -> None:
        self._dataset, self._names, self._side = dataset, names, side
        self._skip_broken = skip_broken
        self._threads = os.cpu_count() or 1

    def content(self, number: int) -> str:
        """SHA-256 of a photo's file.

        Raises:
            InputError: it cannot be read.
        """
        return hashlib.sha256(self._bytes(number)).hexdigest()

    def load(self, numbers: Sequence[int], batch: int) -> Iterator[LoadedPhoto]:
        """Photos in the order given, those of the next batches decoded meanwhile.

        Raises:
            InputError: one is missing, broken or too large; it is named.
        """
        with ThreadPoolExecutor(self._threads, thread_name_prefix="photos") as pool:
            waiting: deque[Future[LoadedPhoto]] = deque()
            try:
                for number in numbers:
                    waiting.append(pool.submit(self._load, number))
                    if len(waiting) > photos_ahead(batch):
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for one in waiting:
                    one.cancel()

    def _load(self, number: int) -> LoadedPhoto:
        data = self._bytes(number)
        path = self._dataset.image_path(self._names[number])
        content = hashlib.sha256(data).hexdigest()
        try:
            return LoadedPhoto(number, content, squared(read_rgb(data, path), self._side))
        except InputError as error:
            if not self._skip_broken:
                raise InputError(f"{error} Mend it; --skip-broken leaves it out.") from None
            return LoadedPhoto(number, content, None, str(error))

    def _bytes(self, number: int) -> bytes:
        path = self._dataset.image_path(self._names[number])
        try:
            return path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}).") from None

"""Runs a backbone over photos, a batch at a time, and keeps its maps."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from lvlm_eval.errors import InputError
from lvlm_eval.user_files import said
from lvlm_eval.vision.arrays import finite, joined, normalised
from lvlm_eval.vision.backbones.backbone import Backbone, Maps, Photos
from lvlm_eval.vision.loading import LoadedPhoto, PhotoLoader
from lvlm_eval.vision.stores import Store


@dataclass(slots=True)
class Encoded:
    """What was done.

    Attributes:
        grid: rows, columns and channels of a map.
        passes: photos that went through the backbone, second times counted.
        twice: photos that were encoded a second time.
        read: maps that an earlier run had left.
        contents: photo → SHA-256 of its file.
        broken: photo → why it could not be decoded.
    """

    grid: tuple[int, int, int] = (0, 0, 0)
    passes: int = 0
    twice: int = 0
    read: int = 0
    contents: dict[int, str] = field(default_factory=dict)
    broken: dict[int, str] = field(default_factory=dict)


class Encoder:
    """Runs a backbone over photos, or reads what an earlier run left of them.

    Attributes:
        left: photos, of those asked for last, whose maps an earlier run left.

    Args:
        backbone: makes the maps.
        loader: decodes the photos.
        store: where maps are kept.
        batch: photos in one call of the backbone.
        names: of the photos, for errors.
        transform: applied to each normalised map (H, W, C), such as a learned probe; the result is
            normalised again. The store holds maps without it.
    """

    def __init__(
        self,
        backbone: Backbone,
        loader: PhotoLoader,
        store: Store,
        batch: int,
        names: Sequence[str],
        transform: Callable[[Maps], Maps] | None = None,
    ) -> None:
        self._backbone, self._loader, self.store = backbone, loader, store
        self._batch, self._names, self._transform = batch, names, transform
        self.done = Encoded()
        self._example: Maps | None = None
        self._last: tuple[int, Maps] | None = None
        self.left: frozenset[int] = frozenset()

    def maps(self, numbers: Sequence[int]) -> Iterator[tuple[int, Maps | None]]:
        """The normalised maps of photos, in the order given; None of one that is broken.

        Raises:
            InputError: a photo is broken and may not be skipped, or its features are no numbers.
        """
        left = self.left = self._left_before(numbers)
        made = self._made([number for number in numbers if number not in left])
        for number in numbers:
            if number not in left:
                yield next(made)
                continue
            self.done.read += 1
            yield number, self.take(number)

    def take(self, number: int) -> Maps:
        """A map that the store holds, as it is searched."""
        return self._searched(self.store.take(self.done.contents[number], self._example))

    def _searched(self, map_: Maps) -> Maps:
        height, width, channels = map_.shape
        self.done.grid = (height, width, channels)
        return map_ if self._transform is None else normalised(self._transform(map_)[None])[0]

    def keep(self, number: int) -> bool:
        """Keep the map that was given last for `take`; False if there is no room."""
        content = self.done.contents[number]
        if self.store.lasting:
            return self.store.kept_before(content)
        assert self._last is not None and self._last[0] == number
        return self.store.keep(content, self._last[1])

    def drop(self, number: int) -> None:
        """The map will not be taken any more."""
        self.store.drop(self.done.contents[number])

    def _left_before(self, numbers: Sequence[int]) -> frozenset[int]:
        if not self.store.lasting:
            return frozenset()
        for number in numbers:
            if number not in self.done.contents:
                self.done.contents[number] = self._loader.content(number)
        contents = self.done.contents
        return frozenset(one for one in numbers if self.store.kept_before(contents[one]))

    def _made(self, numbers: Sequence[int]) -> Iterator[tuple[int, Maps | None]]:
        for photos in _batches(self._loader.load(numbers, self._batch), self._batch):
            whole = [one for one in photos if one.square is not None]
            maps = self._encode(whole) if whole else ()
            of_number = {one.number: map_ for one, map_ in zip(whole, maps, strict=True)}
            for photo in photos:
                self.done.contents[photo.number] = photo.content
                map_ = of_number.get(photo.number)
                if map_ is None:
                    self.done.broken[photo.number] = photo.trouble
                    yield photo.number, None
                    continue
                if self.store.lasting:
                    self.store.keep(photo.content, map_)
                self._last = photo.number, map_
                yield photo.number, self._searched(map_)

    def _encode(self, photos: Sequence[LoadedPhoto]) -> Maps:
        squares = [one.square for one in photos if one.square is not None]
        maps = self._run(np.concatenate(squares))
        for photo, whole in zip(photos, finite(maps), strict=True):
            if not whole:
                raise InputError(
                    f"{self._names[photo.number]}: the backbone's features of this photo are not "
                    "all numbers (NaN or infinite). A lower precision may be why: give "
                    "--precision float32."
                )
        self.done.passes += len(photos)
        maps = self.store.as_kept(normalised(maps))
        self._example = maps[:1]
        return maps

    def _run(self, squares: Photos) -> Maps:
        """What the backbone makes of some photos; of fewer at a time where memory runs out.

        Raises:
            InputError: the backbone failed, or gave something else than maps.
        """
        count = min(self._batch, len(squares))
        if count < len(squares):
            parts = [
                self._run(squares[start : start + count]) for start in range(0, len(squares), count)
            ]
            return joined(parts)
        try:
            maps = self._backbone.encode(squares)
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            if not _is_out_of_memory(error):
                raise InputError(f"the backbone failed: {said(error)}.") from error
            if count == 1:
                raise InputError(
                    "there is not enough memory to encode a single photo. Give a smaller "
                    "--image-size, or --precision bfloat16."
                ) from None
            self._batch = count // 2
            self._backbone.tell(
                f"not enough memory for {count} photos at a time: going on with {self._batch} "
                f"(--batch-size {self._batch} does so from the start)"
            )
        else:
            check_maps(maps, len(squares))
            return maps
        return self._run(squares)


def check_maps(maps: Maps, photos: int) -> None:
    """Make sure that a backbone gave maps of so many photos.

    Raises:
        InputError: it gave something else.
    """
    # Photos are square, so their maps are: others are most likely in another order of axes.
    shape: tuple[int, ...] = tuple(getattr(maps, "shape", ()))
    if len(shape) != 4 or len(maps) != photos or shape[1] != shape[2]:
        found = "x".join(map(str, shape)) or type(maps).__name__
        raise InputError(
            f"the backbone gave {found} for {photos} photos; encode() must give an array of "
            "(photos, rows, columns, channels), with as many rows as columns."
        )


def _is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


def _batches(photos: Iterable[LoadedPhoto], size: int) -> Iterator[list[LoadedPhoto]]:
    batch: list[LoadedPhoto] = []
    for photo in photos:
        batch.append(photo)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch

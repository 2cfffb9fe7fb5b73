"""Photos → maps → what is found in them, each photo encoded once, or twice if it must be.

A photo plays two parts. As a source it gives features at a few points, which are small and are all
kept. As a target its whole map is searched with the queries of all its sources, so the map is
needed until the last of these has been encoded. Photos come category by category, so that few maps
wait at a time. A map for which there is no room is made again at the end, when all queries are
known: hence never more than two encodings of a photo, whatever the memory.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from lvlm_eval.vision.backbones.backbone import Maps
from lvlm_eval.vision.correspondences import Correspondences
from lvlm_eval.vision.encoder import Encoder
from lvlm_eval.vision.grid import places_of
from lvlm_eval.vision.order import in_order, steps, waiting, without_room
from lvlm_eval.vision.sampling import sampled

Finder = Callable[[int, Maps, npt.NDArray[np.float32]], None]
"""Told of a target once: its number, its map (H, W, C), and all queries (queries, C) so far."""


class EncodingWatcher(Protocol):
    """Told how the encoding goes."""

    def planned(self, plan: "EncodingPlan") -> None:
        """What is to be done, once the first photos have told how large a map is."""
        ...

    def encoded(self, photos: int, again: bool) -> None:
        """So many more photos are done, in the first pass or in the second."""
        ...

    def note(self, line: str) -> None:
        """Something that the user should read."""
        ...


@dataclass(frozen=True, slots=True)
class EncodingPlan:
    """What encoding will take.

    Attributes:
        photos: distinct ones.
        kept_before: of these, whose maps an earlier run left.
        grid: rows, columns and channels of a map.
        map_bytes: of one map as it is kept.
        room: bytes that maps may take.
        lasting: whether all maps are kept for later runs.
        waiting: most maps that are kept for their queries at one time.
        twice: photos that are encoded a second time, since there is no room for their maps.
    """

    photos: int
    kept_before: int
    grid: tuple[int, int, int]
    map_bytes: int
    room: int
    lasting: bool
    waiting: int
    twice: int


def encode_and_find(
    work: Correspondences, encoder: Encoder, finder: Finder, watcher: EncodingWatcher
) -> None:
    """Encode all photos and search every target once, when all its queries are known.

    Args:
        work: photos, queries, and which target is searched with which.
        encoder: makes the maps.
        finder: searches.
        watcher: told of the progress.

    Raises:
        InputError: a photo is broken, or its features are no numbers.
        StoppedError: the disk of the cache is full.
    """
    queries_of = places_of(work.query_photo)
    queries: npt.NDArray[np.float32] | None = None
    held: set[int] = set()
    dropped: list[int] = []
    for (number, map_), step in zip(encoder.maps(in_order(work)), steps(work), strict=True):
        if map_ is not None and queries is None:
            queries = np.full((len(work.query_photo), map_.shape[-1]), np.nan, dtype=np.float32)
            watcher.planned(_plan(work, encoder, map_))
        if map_ is not None and number in queries_of:
            assert queries is not None
            own = queries_of[number]
            queries[own] = sampled(map_, work.query_point[own])
        for target in held.intersection(step.ready):
            finder(target, encoder.take(target), _known(queries))
            encoder.drop(target)
            held.discard(target)
        if map_ is not None and step.searched:
            if not step.waits:
                finder(number, map_, _known(queries))
            elif encoder.keep(number):
                held.add(number)
            else:
                dropped.append(number)
        watcher.encoded(1, again=False)
    for number, map_ in encoder.maps(dropped):
        assert map_ is not None  # it could be decoded before
        finder(number, map_, _known(queries))
        encoder.done.twice += 1
        watcher.encoded(1, again=True)


def _plan(work: Correspondences, encoder: Encoder, map_: Maps) -> EncodingPlan:
    photos = in_order(work)
    store = encoder.store
    height, width, channels = map_.shape
    size = height * width * channels * (2 if store.half else 4)
    left = encoder.left
    wanted = (len(photos) - len(left)) * size
    store.check(wanted, map_)
    room = store.room(map_)
    found = waiting(work, len(photos) if store.lasting else room // size)
    twice = without_room(work, left, room // size) if store.lasting else found.dropped
    grid = height, width, channels
    return EncodingPlan(len(photos), len(left), grid, size, room, store.lasting, found.most, twice)


def _known(queries: npt.NDArray[np.float32] | None) -> npt.NDArray[np.float32]:
    assert queries is not None  # a map was there, so its channels are known
    return queries

"""In which order photos are encoded, so that few maps wait for their queries at a time."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from lvlm_eval.vision.correspondences import Correspondences


def _sources_of_targets(work: Correspondences) -> dict[int, list[int]]:
    """Target → the photos that its queries are points of."""
    targets = np.concatenate([work.rows.target, work.choices.target])
    queries = np.concatenate([work.rows.query, work.choices.query])
    both = np.unique(np.stack([targets, work.query_photo[queries]], axis=1), axis=0)
    found: dict[int, list[int]] = {}
    for target, source in both.tolist():
        found.setdefault(target, []).append(source)
    return found


@dataclass(frozen=True, slots=True)
class Waiting:
    """What becomes of maps that wait for their queries.

    Attributes:
        most: that are kept at one time.
        dropped: for which there is no room, so that their photos are encoded again.
    """

    most: int
    dropped: int


def waiting(work: Correspondences, room: int) -> Waiting:
    """Go through the photos in order, as the encoding will with maps that are let go.

    Args:
        work: photos and queries.
        room: maps that can be kept at one time.
    """
    held: set[int] = set()
    most = dropped = 0
    for step in steps(work):
        held.difference_update(step.ready)
        if step.waits and len(held) < room:
            held.add(step.photo)
            most = max(most, len(held))
        elif step.waits:
            dropped += 1
    return Waiting(most, dropped)


def without_room(work: Correspondences, there: Collection[int], room: int) -> int:
    """Photos that are encoded again where maps are kept as they come and none is let go.

    Args:
        work: photos and queries.
        there: photos whose maps are kept already.
        room: maps that can be kept beside these.
    """
    fresh = dropped = 0
    for step in steps(work):
        if step.photo in there:
            continue
        fresh += 1
        dropped += step.waits and fresh > room
    return dropped


@dataclass(frozen=True, slots=True)
class Step:
    """What the turn of one photo means.

    Attributes:
        photo: its number.
        searched: whether it is a target at all.
        waits: whether queries of its are still to come, so that its map must wait.
        ready: targets, itself perhaps among them, that now have all their queries.
    """

    photo: int
    searched: bool
    waits: bool
    ready: tuple[int, ...]


def steps(work: Correspondences) -> Iterator[Step]:
    """Photo by photo, in the order of encoding."""
    sources_of = _sources_of_targets(work)
    targets_of: dict[int, list[int]] = {}
    for target, sources in sources_of.items():
        for source in sources:
            targets_of.setdefault(source, []).append(target)
    missing = {target: len(sources) for target, sources in sources_of.items()}
    for photo in in_order(work):
        ready = []
        for target in targets_of.get(photo, ()):
            missing[target] -= 1
            if missing[target] == 0:
                ready.append(target)
        yield Step(photo, photo in missing, missing.get(photo, 0) > 0, tuple(ready))


def in_order(work: Correspondences) -> list[int]:
    """Photos in the order of encoding: by category, those next to each other that share pairs."""
    rank = {category: place for place, category in enumerate(_categories_in_order(work))}
    needed = {*work.query_photo.tolist(), *work.rows.target.tolist(), *work.choices.target.tolist()}
    return sorted(needed, key=lambda photo: (rank[work.categories[photo]], work.photos[photo]))


def _categories_in_order(work: Correspondences) -> list[str]:
    """Breadth first from the category with the fewest partners (Cuthill and McKee, 1969)."""
    partners: dict[str, set[str]] = {category: set() for category in work.categories}
    for pair in work.pairs:
        source, target = work.categories[pair.source], work.categories[pair.target]
        if source != target:
            partners[source].add(target)
            partners[target].add(source)

    def few_first(category: str) -> tuple[int, str]:
        return len(partners[category]), category

    order: dict[str, None] = {}
    for start in sorted(partners, key=few_first):
        line = [start]
        while line:
            category = line.pop(0)
            if category not in order:
                order[category] = None
                line += sorted(partners[category] - order.keys(), key=few_first)
    return list(order)

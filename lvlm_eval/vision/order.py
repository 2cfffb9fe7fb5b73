"""In which order photos are encoded, so that few maps wait for their queries at a time."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lvlm_eval.vision.correspondences import Correspondences


def sources_of_targets(work: Correspondences) -> dict[int, list[int]]:
    """Target → the photos that its queries are points of."""
    targets = np.concatenate([work.rows.target, work.choices.target])
    queries = np.concatenate([work.rows.query, work.choices.query])
    both = np.unique(np.stack([targets, work.query_photo[queries]], axis=1), axis=0)
    found: dict[int, list[int]] = {}
    for target, source in both.tolist():
        found.setdefault(target, []).append(source)
    return found


def targets_of_sources(sources_of: Mapping[int, Sequence[int]]) -> dict[int, list[int]]:
    """Photo → the targets that wait for its queries."""
    targets_of: dict[int, list[int]] = {}
    for target, sources in sources_of.items():
        for source in sources:
            targets_of.setdefault(source, []).append(target)
    return targets_of


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
    for number, is_open, ready in _steps(work):
        held.difference_update(ready)
        if is_open and len(held) < room:
            held.add(number)
            most = max(most, len(held))
        elif is_open:
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
    for number, is_open, _ in _steps(work):
        if number in there:
            continue
        fresh += 1
        dropped += is_open and fresh > room
    return dropped


def _steps(work: Correspondences) -> Iterator[tuple[int, bool, list[int]]]:
    """Photo by photo: whether its map must wait, and the targets whose queries are then known."""
    sources_of = sources_of_targets(work)
    targets_of = targets_of_sources(sources_of)
    missing = {target: len(sources) for target, sources in sources_of.items()}
    for number in in_order(work):
        ready = []
        for target in targets_of.get(number, ()):
            missing[target] -= 1
            if missing[target] == 0:
                ready.append(target)
        yield number, missing.get(number, 0) > 0, ready


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

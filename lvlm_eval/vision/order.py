"""In which order photos are encoded, so that few maps wait for their queries at a time."""

from collections.abc import Mapping, Sequence

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


def most_waiting(work: Correspondences) -> int:
    """How many maps wait for their queries at one time, at most, if all are kept."""
    sources_of = sources_of_targets(work)
    targets_of = targets_of_sources(sources_of)
    waiting = {target: len(sources) for target, sources in sources_of.items()}
    held: set[int] = set()
    most = 0
    for number in in_order(work):
        for target in targets_of.get(number, ()):
            waiting[target] -= 1
            if waiting[target] == 0:
                held.discard(target)
        if waiting.get(number):
            held.add(number)
            most = max(most, len(held))
    return most


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

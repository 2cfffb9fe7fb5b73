"""Pairs of views: which to take, and what two views have in common."""

from dataclasses import dataclass
from itertools import permutations, product

from numpy.random import Generator

from lvlm_eval.synthetic.names import concept_of
from lvlm_eval.synthetic.views import View

MINIMUM_TARGETS = 4


@dataclass(frozen=True)
class ConceptGroup:
    """The keypoints of one concept in both views of a pair, by name."""

    concept: str
    source: tuple[str, ...]
    target: tuple[str, ...]


def overlap(source: View, target: View) -> tuple[str, ...]:
    """Names of the keypoints seen in both views, sorted."""
    return tuple(sorted({k.name for k in source.keypoints} & {k.name for k in target.keypoints}))


def concept_groups(source: View, target: View) -> tuple[ConceptGroup, ...]:
    """For each concept seen in both views, its keypoints in either, sorted by concept."""
    here = [(concept_of(k.name), k.name) for k in source.keypoints]
    there = [(concept_of(k.name), k.name) for k in target.keypoints]
    return tuple(
        ConceptGroup(
            concept,
            tuple(name for own, name in here if own == concept),
            tuple(name for own, name in there if own == concept),
        )
        for concept in sorted({own for own, _ in here} & {own for own, _ in there})
    )


def usable(source: View, target: View) -> bool:
    """Whether a question can be asked: a name in common, and at least four target keypoints."""
    return len(target.keypoints) >= MINIMUM_TARGETS and bool(overlap(source, target))


def _drawn(
    candidates: list[tuple[View, View]], count: int, rng: Generator
) -> list[tuple[View, View]]:
    kept = [pair for pair in candidates if usable(*pair)]
    chosen = sorted(rng.permutation(len(kept))[:count].tolist())
    return [kept[i] for i in chosen]


def within(views: list[View], count: int, rng: Generator) -> list[tuple[View, View]]:
    """At most ``count`` usable ordered pairs of different views, drawn at random."""
    return _drawn(list(permutations(views, 2)), count, rng)


def across(
    sources: list[View], targets: list[View], count: int, rng: Generator
) -> list[tuple[View, View]]:
    """At most ``count`` usable pairs from one category to another, drawn at random."""
    return _drawn(list(product(sources, targets)), count, rng)

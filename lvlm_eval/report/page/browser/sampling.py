"""Which questions are shown, if not all can be: what is worth a look first, the rest by lot."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lvlm_eval.ranking import rank
from lvlm_eval.report.page.browser.states import FAILED, RIGHT

DIFFER, MISSED, REST = 0, 1, 2
"""Runs differ on it; else some run did not have it right throughout; else neither."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The questions that are shown.

    Attributes:
        chosen: their keys, in the order of choice.
        shown: number of them that are of each kind (`DIFFER`, `MISSED`, `REST`).
        there: number of questions of each kind in the runs.
    """

    chosen: tuple[str, ...]
    shown: tuple[int, int, int]
    there: tuple[int, int, int]

    def sentence(self, seed: int) -> str:
        """What was chosen, and how."""
        total = sum(self.there)
        if len(self.chosen) == total:
            return f"All {total:,} questions are shown." if total != 1 else "One question is shown."
        parts = [
            f"{shown:,} of the {there:,} {what}"
            for shown, there, what in zip(self.shown, self.there, _WORDS, strict=True)
            if there
        ]
        return (
            f"{len(self.chosen):,} of {total:,} questions are shown, chosen in this order: "
            f"{', '.join(parts)}; in each part the categories take turns, and the seed {seed} "
            "decides within a category. So shares counted here are not those of the runs. "
            "More: --samples."
        )


_WORDS = (
    "on which runs differ",
    "others that a run did not answer rightly in all rotations",
    "remaining ones",
)


def kind_of(states: Iterable[Mapping[int, int]]) -> int:
    """The kind of a question.

    Args:
        states: of each setting, run → state.
    """
    states = tuple(states)
    if any(differ(one.values()) for one in states):
        return DIFFER
    missed = any(not state & RIGHT or state & FAILED for one in states for state in one.values())
    return MISSED if missed else REST


def differ(states: Iterable[int]) -> bool:
    """Whether one run is right in all rotations and another is not."""
    right = {bool(state & RIGHT) for state in states}
    return len(right) > 1


def choose(kinds: Mapping[str, int], categories: Mapping[str, str], most: int, seed: int) -> Sample:
    """Choose questions: those on which runs differ, then those that were missed, then the rest.

    Within a kind the categories take turns, in order of their names; within a category a hash of
    the seed and the question decides, so that the same runs give the same choice.

    Args:
        kinds: key of a question → its kind.
        categories: key → category.
        most: number of questions.
        seed: of the lot.
    """
    chosen: list[str] = []
    for kind in (DIFFER, MISSED, REST):
        by_category: dict[str, list[str]] = {}
        for key, own in kinds.items():
            if own == kind:
                by_category.setdefault(categories[key], []).append(key)
        turns = []
        for category in sorted(by_category):
            ranked = sorted(by_category[category], key=lambda key: rank(seed, "browser", key))
            turns += [(place, category, key) for place, key in enumerate(ranked)]
        chosen += [key for _, _, key in sorted(turns)]
    kept = tuple(chosen[:most])
    shown = [kinds[key] for key in kept]
    there = list(kinds.values())
    return Sample(
        kept,
        (shown.count(DIFFER), shown.count(MISSED), shown.count(REST)),
        (there.count(DIFFER), there.count(MISSED), there.count(REST)),
    )

"""Splits a run by question, so that several processes or machines share its folder.

The rows of a question stay together. Questions are dealt out in an order that looks random and
depends on their ids alone, so that shards are of equal size to within one question, each has some
of every category, and the same questions always fall to the same shard. What was answered counts
whichever shard answered it: the number of shards may change on a half-done run.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lvlm_eval.errors import InputError
from lvlm_eval.ranking import rank
from lvlm_eval.records import Question

MOST_SHARDS = 100_000


@dataclass(frozen=True, slots=True)
class Shard:
    """One part of a run.

    Attributes:
        number: from 1.
        count: of all parts.
    """

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def name(self) -> str:
        """As part of file names: ``3-of-8``."""
        return f"{self.number}-of-{self.count}"

    def of(self, questions: Sequence[Question]) -> list[Question]:
        """Its questions, in the order that they have."""
        dealt = sorted(
            range(len(questions)), key=lambda place: rank(0, "shard", questions[place].id)
        )
        own = set(dealt[self.number - 1 :: self.count])
        return [one for place, one in enumerate(questions) if place in own]


def shard_of_file(name: str) -> Shard | None:
    """The shard whose answers a file of this name holds; None for a run that one process writes."""
    found = re.fullmatch(r"predictions-(\d{1,9})-of-(\d{1,9})\.jsonl", name)
    return Shard(int(found[1]), int(found[2])) if found else None


def parse_shard(text: str) -> Shard:
    """Read ``I/N``.

    Raises:
        InputError: it is no such pair of numbers.
    """
    found = re.fullmatch(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*", text)
    if found:
        number, count = int(found[1]), int(found[2])
        if 1 <= number <= count <= MOST_SHARDS:
            return Shard(number, count)
    raise InputError(f"--shard '{text}' is not possible: write I/N, from 1/N to N/N, such as 3/8.")

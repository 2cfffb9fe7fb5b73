"""Which pairs and questions of a dataset are scored, and what is wrong with the others."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lvlm_eval.datasets.pair_dataset import PairDataset, PairFile
from lvlm_eval.datasets.soco_tree import SocoTree
from lvlm_eval.descriptions import make_describer
from lvlm_eval.errors import InputError
from lvlm_eval.questions import QuestionPolicy, make_questions
from lvlm_eval.records import Pair, Question
from lvlm_eval.workers import Workers, available_cores


@dataclass(frozen=True, slots=True)
class Selected:
    """What is scored.

    Attributes:
        pairs: split and pair, in the order of the files.
        questions: four-choice questions drawn from the intra pairs.
        questionless: pairs that were looked at for a question and gave none, a line each.
        sizes: photo → width and height in px of its file.
        skipped: pairs that were left out, and why, a line each.
        missing: photos that cannot be opened.
        passed_over: slips in annotations that were worked around.
        resized: photos whose recorded size is not that of the file.
    """

    pairs: tuple[tuple[str, Pair], ...]
    questions: tuple[Question, ...]
    questionless: tuple[str, ...]
    sizes: dict[str, tuple[int, int]]
    skipped: tuple[str, ...]
    missing: tuple[str, ...]
    passed_over: int
    resized: tuple[str, ...]


def select(
    dataset: PairDataset, splits: Sequence[str], ceiling: bool, seed: int, skip_broken: bool
) -> Selected:
    """Read the pairs of some splits, and measure the photos that they name.

    Args:
        dataset: where they are.
        splits: names of the splits.
        ceiling: whether questions are wanted.
        seed: of the questions.
        skip_broken: leave out a pair that is refused, or whose photo is missing, and say so.

    Raises:
        InputError: a split is missing, or a pair or photo is broken and may not be skipped.
    """
    reader = _Reader(dataset, skip_broken)
    files = [one for split in splits for of in dataset.pair_files(split).values() for one in of]
    parts = ((dataset, files[i : i + _PART]) for i in range(0, len(files), _PART))
    pairs = []
    with Workers(available_cores()) as workers:
        for file, found in zip(
            files, itertools.chain.from_iterable(workers.each(_read, parts)), strict=True
        ):
            pair = reader.taken(file, found)
            if pair is not None:
                pairs.append((file.split, pair))
    if splits and not pairs:
        raise InputError(
            f"no pair of '{dataset.name}' can be scored. The first reason: {reader.skipped[0]}"
        )
    questions: tuple[Question, ...] = ()
    questionless: tuple[str, ...] = ()
    if ceiling and isinstance(dataset, SocoTree):
        drawn = make_questions(dataset, QuestionPolicy(seed=seed), make_describer(None))
        questionless = tuple(f"{one.file}: {one.message}" for one in drawn.skipped)
        questions = tuple(
            one
            for one in drawn.questions
            if reader.missing.keys().isdisjoint(_photos(one))
            and reader.measured(one.id, _photos(one))
        )
    return Selected(
        tuple(pairs),
        questions,
        questionless,
        reader.sizes,
        tuple(reader.skipped),
        tuple(reader.missing),
        reader.passed_over,
        tuple(reader.resized),
    )


_PART = 400
"""Pairs that a process reads at a time."""

_Found = tuple[Pair, int] | str
"""A pair and how many slips in it were passed over, or what is wrong with it."""


def _read(part: tuple[PairDataset, Sequence[PairFile]]) -> list[_Found]:
    dataset, files = part
    found: list[_Found] = []
    # A photo looks the same in nearly all of its pairs: it is handed over once, not in each.
    known: dict[Any, Any] = {}
    for file in files:
        try:
            pair, defects = dataset.read_pair(file)
            shared = {
                name: known.setdefault(value := getattr(pair, name), value)
                for name in ("source", "target", "overlap", "concepts")
            }
            found.append((replace(pair, **shared), len(defects)))
        except InputError as error:
            found.append(str(error))
    return found


class _Reader:
    """Reads pairs, and the size of each photo once."""

    def __init__(self, dataset: PairDataset, skip_broken: bool) -> None:
        self._dataset, self._skip_broken = dataset, skip_broken
        self.sizes: dict[str, tuple[int, int]] = {}
        self.skipped: list[str] = []
        self.missing: dict[str, None] = {}
        self.resized: dict[str, None] = {}
        self.passed_over = 0

    def taken(self, file: PairFile, found: _Found) -> Pair | None:
        """A pair that was read; None if it is left out."""
        if isinstance(found, str):
            self._leave_out(found)
            return None
        pair, defects = found
        views = (pair.source, pair.target)
        if not self.measured(file.key, [view.image for view in views]):
            return None
        self.passed_over += defects
        for view in views:
            if self.sizes[view.image] != tuple(view.size):
                self.resized[view.image] = None
        return pair

    def measured(self, whose: str, photos: Iterable[str]) -> bool:
        """Read the sizes of photos; False if one cannot be, and its pair is left out."""
        for photo in photos:
            if photo in self.sizes:
                continue
            try:
                self.sizes[photo] = self._dataset.image_size(photo)
            except InputError as error:
                self._leave_out(f"{whose}: {error}")
                self.missing[photo] = None
                return False
        return True

    def _leave_out(self, trouble: str) -> None:
        if not self._skip_broken:
            raise InputError(f"{trouble} Mend or remove it; --skip-broken leaves such pairs out.")
        self.skipped.append(trouble)


def _photos(question: Question) -> Iterator[str]:
    for one in (question.source, question.target):
        assert one is not None  # questions that are drawn from pairs have both
        yield one.path

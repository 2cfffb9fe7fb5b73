"""Pairs become questions: one query, the right candidate and three distractors each.

Every random choice is a ranking by hash (see ``ranking``), so it depends on the data and the seed
alone, and a pair added or removed leaves the questions of all other pairs as they were.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from lvlm_eval.datasets.pair_dataset import PairSource
from lvlm_eval.descriptions import Describer
from lvlm_eval.errors import InputError
from lvlm_eval.ranking import rank
from lvlm_eval.records import (
    LETTERS,
    Candidate,
    Defect,
    ImageInfo,
    Keypoint,
    Pair,
    Query,
    Question,
    View,
)
from lvlm_eval.reference import supercategory_of

DistractorPolicy = Literal["random", "same-concept", "nearest"]
DISTRACTOR_POLICIES: tuple[DistractorPolicy, ...] = ("random", "same-concept", "nearest")


@dataclass(frozen=True, slots=True)
class QuestionPolicy:
    """How questions are drawn from pairs.

    Attributes:
        pairs_per_category: questions wanted of each category; the published protocol has 20.
        distractors: ``random`` among the target's other keypoints (published), ``same-concept``
            first among other instances of the query's concept, or ``nearest`` to the right point.
        min_distance: least distance between any two candidates, as a fraction of the target's
            longer side; 0 sets no bound (published).
        seed: of every choice.
    """

    pairs_per_category: int = 20
    distractors: DistractorPolicy = "random"
    min_distance: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """The questions of a dataset, and what stood in the way of more.

    Attributes:
        questions: one a pair, the categories taking turns, so that any first part is balanced.
        skipped: pairs that were looked at and gave no question, with the reason.
        defects: annotation defects met on the way in pairs that did.
        notes: what a user should know of them, such as words of his own that fit no keypoint.
    """

    questions: tuple[Question, ...]
    skipped: tuple[Defect, ...]
    defects: tuple[Defect, ...]
    notes: tuple[str, ...] = ()


def make_questions(
    dataset: PairSource, policy: QuestionPolicy, describer: Describer
) -> QuestionSet:
    """Draw up to ``pairs_per_category`` questions from each folder of intra pairs.

    Args:
        dataset: where the pairs are; only as many pair files are read as are needed.
        policy: how to choose.
        describer: gives the words for the query point.

    Returns:
        The questions, the pairs that could not give one, and the defects that were met.

    Raises:
        InputError: the dataset has no pair that gives four candidates.
    """
    skipped: list[Defect] = []
    defects: list[Defect] = []
    own_supercategories = dataset.supercategories()
    by_folder: list[list[Question]] = []
    keypoints: dict[str, set[str]] = {}
    for folder, files in dataset.pair_files("intra").items():
        of_folder: list[Question] = []
        ranked = sorted(files, key=lambda file: rank(policy.seed, "pair", _shown(file.key)))
        for file in ranked:
            if len(of_folder) == policy.pairs_per_category and folder:
                break
            try:
                if not _is_unicode(file.key):
                    raise _NoQuestionError("its name is not Unicode; rename the file")
                pair, found = dataset.read_pair(file)
                chosen = _choose(pair, policy)
            except (InputError, _NoQuestionError) as error:
                skipped.append(Defect(_shown(file.key), "pair", _shown(str(error))))
                continue
            defects.extend(found)
            category = pair.target.category
            supercategory = own_supercategories.get(category) or supercategory_of(category)
            known = keypoints.setdefault(pair.target.category, set())
            for view in (pair.source, pair.target):
                known.update(point.name for point in view.keypoints)
            of_folder.append(_question(pair, chosen, describer, supercategory, policy.seed))
        by_folder.extend(_quota(of_folder, policy.pairs_per_category))
    questions = tuple(
        question for row in itertools.zip_longest(*by_folder) for question in row if question
    )
    if not questions:
        reason = f" The first reason: {skipped[0].file}: {skipped[0].message}" if skipped else ""
        raise InputError(
            f"no pair of '{dataset.name}' gives a question with four candidates.{reason}"
        )
    return QuestionSet(questions, tuple(skipped), tuple(defects), describer.unknown(keypoints))


@dataclass(frozen=True, slots=True)
class _Chosen:
    query: Keypoint
    right: Keypoint
    distractors: tuple[Keypoint, ...]


class _NoQuestionError(Exception):
    """The pair cannot give a question; says why."""


def _is_unicode(name: str) -> bool:
    return name == _shown(name)


def _shown(name: str) -> str:
    """A file name that any terminal and any JSON can hold."""
    return name.encode("utf-8", "backslashreplace").decode()


def _quota(questions: Sequence[Question], per_category: int) -> list[list[Question]]:
    """Cut a flat folder of pairs into its categories, each with its own quota."""
    categories: dict[str, list[Question]] = {}
    for question in questions:
        categories.setdefault(question.pair_group or question.category, []).append(question)
    if len(categories) <= 1:
        return [list(questions)[:per_category]]
    return [categories[name][:per_category] for name in sorted(categories)]


def _inside(view: View) -> dict[str, Keypoint]:
    """The keypoints on the photo itself: a marker cannot point at anything else."""
    width, height = view.size
    return {k.name: k for k in view.keypoints if 0 <= k.x < width and 0 <= k.y < height}


def _choose(pair: Pair, policy: QuestionPolicy) -> _Chosen:
    sources, targets = _inside(pair.source), _inside(pair.target)
    names = [name for name in pair.overlap if name in sources and name in targets]
    if not names:
        raise _NoQuestionError("no keypoint is visible in both photos")
    if len(targets) < len(LETTERS):
        raise _NoQuestionError(
            f"the target shows {len(targets)} keypoints and four candidates are needed"
        )
    # The query does not depend on the distractor policy: runs that differ only in that policy
    # ask for the same points and can be compared question by question.
    for name in sorted(names, key=lambda name: rank(policy.seed, "query", pair.key, name)):
        right = targets[name]
        others = [point for point in targets.values() if point.name != name]
        distractors = _distractors(pair, right, others, policy)
        if len(distractors) == len(LETTERS) - 1:
            return _Chosen(sources[name], right, distractors)
    raise _NoQuestionError(
        f"no four candidates are {policy.min_distance:g} of the longer side apart from each other"
    )


def _distractors(
    pair: Pair, right: Keypoint, others: Iterable[Keypoint], policy: QuestionPolicy
) -> tuple[Keypoint, ...]:
    def chance(point: Keypoint) -> bytes:
        return rank(policy.seed, "distractor", pair.key, right.name, point.name)

    def preference(point: Keypoint) -> float:
        match policy.distractors:
            case "random":
                return 0.0
            case "same-concept":
                return 0.0 if point.concept is not None and point.concept == right.concept else 1.0
            case "nearest":
                return math.dist((point.x, point.y), (right.x, right.y))

    least = policy.min_distance * max(pair.target.size)
    taken = [right]
    for point in sorted(others, key=lambda point: (preference(point), chance(point))):
        if all(math.dist((point.x, point.y), (one.x, one.y)) >= least for one in taken):
            taken.append(point)
        if len(taken) == len(LETTERS):
            break
    return tuple(taken[1:])


def _question(
    pair: Pair, chosen: _Chosen, describer: Describer, supercategory: str | None, seed: int
) -> Question:
    points = sorted(
        (chosen.right, *chosen.distractors),
        key=lambda point: rank(seed, "label", pair.key, chosen.right.name, point.name),
    )
    candidates = tuple(
        Candidate(label, point.name, point.concept, point.x, point.y)
        for label, point in zip(LETTERS, points, strict=True)
    )
    description = describer.describe(pair.target.category, chosen.query)
    return Question(
        id=pair.key,
        pair=pair.key,
        pair_group=pair.group,
        category=pair.target.category,
        supercategory=supercategory,
        source=ImageInfo(pair.source.image, pair.source.size, pair.source.box),
        target=ImageInfo(pair.target.image, pair.target.size, pair.target.box),
        query=Query(chosen.query.name, chosen.query.concept, chosen.query.x, chosen.query.y),
        candidates=candidates,
        answer=next(c.label for c in candidates if c.name == chosen.right.name),
        description=description.text,
        description_source=description.source,
    )

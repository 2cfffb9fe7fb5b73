"""Draws the questions of pairs exactly as a run does, and keeps what a check of them needs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lvlm_eval.datasets.pair_dataset import PairDataset, PairFile
from lvlm_eval.descriptions import Describer, make_describer
from lvlm_eval.errors import InputError
from lvlm_eval.questions import QuestionPolicy, make_questions
from lvlm_eval.records import Defect, Pair, Question
from lvlm_eval.validation.findings import Finding, finding
from lvlm_eval.validation.kinds import Kind


@dataclass(frozen=True, slots=True)
class DrawnQuestions:
    """What a run would ask.

    Attributes:
        questions: in the order of a run.
        words: question id → candidate label → description of that candidate.
        findings: pairs that gave no question, or why there is none at all.
    """

    questions: tuple[Question, ...] = ()
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    findings: tuple[Finding, ...] = ()


def draw_questions(
    dataset: PairDataset,
    policy: QuestionPolicy,
    descriptions: Path | None,
    place: str,
    file_of: Callable[[str], str],
) -> DrawnQuestions:
    """Draw the questions of a run.

    Args:
        dataset: gives the pairs.
        policy: how to choose.
        descriptions: the user's own words, if any.
        place: where pairs are that questions are drawn from, as errors begin that name one.
        file_of: gives the file of a pair, below the root, for its key.

    Raises:
        InputError: the user's own words cannot be used. What is wrong with the dataset itself is
            a finding.
    """
    keeping = _Keeping(dataset)
    try:
        taxonomy = dataset.taxonomy()
    except InputError:
        taxonomy = None  # a finding of its own, and no question can be drawn
        make_describer(None, descriptions)
        message = "the keypoint taxonomy is not readable."
        return DrawnQuestions(findings=(finding(Kind.NO_QUESTIONS, place, "", message),))
    describer = make_describer(taxonomy, descriptions)
    try:
        drawn = make_questions(keeping, policy, describer)
    except InputError as error:
        return DrawnQuestions(findings=(finding(Kind.NO_QUESTIONS, place, "", str(error)),))
    found = [
        finding(Kind.NO_QUESTION, file_of(one.file), "", f"{one.message}.")
        for one in drawn.skipped
        if not one.message.startswith(place)  # refused, which is a finding of its own
    ]
    name = descriptions.name if descriptions is not None else ""
    found += [
        finding(Kind.WORDS_UNUSED, name, "", line.removeprefix(f"{name}: ")) for line in drawn.notes
    ]
    words = {
        question.id: _words(question, keeping.pairs[question.id], describer)
        for question in drawn.questions
    }
    return DrawnQuestions(drawn.questions, words, tuple(found))


class _Keeping:
    """Keeps the pairs that questions are drawn from."""

    def __init__(self, dataset: PairDataset) -> None:
        self._dataset = dataset
        self.pairs: dict[str, Pair] = {}

    @property
    def name(self) -> str:
        return self._dataset.name

    def pair_files(self, split: str) -> Mapping[str, tuple[PairFile, ...]]:
        return self._dataset.pair_files(split)

    def read_pair(self, file: PairFile) -> tuple[Pair, tuple[Defect, ...]]:
        pair, defects = self._dataset.read_pair(file)
        self.pairs[pair.key] = pair
        return pair, defects

    def supercategories(self) -> Mapping[str, str]:
        return self._dataset.supercategories()


def _words(question: Question, pair: Pair, describer: Describer) -> dict[str, str]:
    points = {point.name: point for point in pair.target.keypoints}
    return {
        one.label: describer.describe(pair.target.category, points[one.name]).text
        for one in question.candidates
        if one.name in points
    }

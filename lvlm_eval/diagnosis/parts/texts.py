"""The form of the answers: length, what could not be read, and where the parsers differ."""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from lvlm_eval.answers import PARSERS
from lvlm_eval.diagnosis.answers import Answers, Bools, Share, accuracy_of, share_of
from lvlm_eval.errors import one_line
from lvlm_eval.metrics import Accuracy

EXAMPLES = 3
EXAMPLE_LENGTH = 100
"""Characters of an example; the middle of a longer one is left out."""

OFFICIAL, STRICT = "official", "strict"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Answers of one kind of trouble.

    Attributes:
        answers: share of all answers.
        examples: up to three of their texts, shortened and printable.
    """

    answers: Share
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ParserDifference:
    """The two parsers on the same answers.

    Attributes:
        differing: answers that they read differently.
        by_rule: ``official <rule> → strict <rule>`` → number of these.
        official: accuracies by the official parser.
        strict: accuracies by the strict parser.
        circular_difference: strict less official, percentage points.
        average_difference: strict less official, percentage points.
    """

    differing: Share
    by_rule: Mapping[str, int]
    official: Accuracy
    strict: Accuracy
    circular_difference: float | None
    average_difference: float | None


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts of the answers.

    Attributes:
        answers: how many.
        median_length: characters.
        longest: characters.
        unparsed: parser → answers that it read no letter from, refused ones left out.
        truncated: answers that were cut off.
        refused: answers that the model refused to give.
        trouble: answers with any of these, or that the parsers read as two different letters.
        parsers: how both read the answers.
    """

    answers: int
    median_length: float | None
    longest: int | None
    unparsed: Mapping[str, Trouble]
    truncated: Trouble
    refused: Trouble
    trouble: Share
    parsers: ParserDifference


def texts_of(answers: Answers) -> Texts:
    """Figures of one setting.

    Args:
        answers: each row asked once.
    """
    given = answers.answered
    texts = [one.text for one in answers.predictions if one is not None and one.status != "error"]
    lengths = [len(text) for text in texts]
    status = np.array([read.status or "" for read in answers.read])
    refused, truncated = given & (status == "refused"), given & (status == "truncated")
    unread = {parser: given & ~refused & ~_read_by(answers, parser) for parser in PARSERS}
    differing = given & _marked(
        len({reading.letter for reading in read.readings.values()}) > 1 for read in answers.read
    )
    both = _read_by(answers, OFFICIAL) & _read_by(answers, STRICT)
    trouble = unread[OFFICIAL] | unread[STRICT] | refused | truncated | (differing & both)
    return Texts(
        answers=len(texts),
        median_length=float(statistics.median(lengths)) if lengths else None,
        longest=max(lengths, default=None),
        unparsed={parser: _trouble(answers, unread[parser]) for parser in PARSERS},
        truncated=_trouble(answers, truncated),
        refused=_trouble(answers, refused),
        trouble=share_of(answers, trouble, given),
        parsers=_difference(answers, differing),
    )


def _marked(marks: Iterable[bool]) -> Bools:
    return np.fromiter(marks, bool)


def _read_by(answers: Answers, parser: str) -> Bools:
    return _marked(
        parser in read.readings and read.readings[parser].letter is not None
        for read in answers.read
    )


def _trouble(answers: Answers, of: Bools) -> Trouble:
    texts: dict[str, None] = {}
    for place in np.flatnonzero(of):
        one = answers.predictions[place]
        if one is not None:
            texts.setdefault(_shortened(one.text or one.error or ""))
        if len(texts) == EXAMPLES:
            break
    return Trouble(share_of(answers, of, answers.answered), tuple(texts))


def _shortened(text: str) -> str:
    shown = one_line(text.strip())
    half = EXAMPLE_LENGTH // 2
    return shown if len(shown) <= EXAMPLE_LENGTH else f"{shown[:half]} … {shown[-half:]}"


def _difference(answers: Answers, differing: Bools) -> ParserDifference:
    rules = Counter(
        " → ".join(f"{parser} {read.readings[parser].rule}" for parser in PARSERS)
        for place in np.flatnonzero(differing)
        if (read := answers.read[place])
    )
    accuracies = {
        parser: accuracy_of(
            answers, correct=_marked(read.correct.get(parser, False) for read in answers.read)
        )
        for parser in PARSERS
    }
    official, strict = accuracies[OFFICIAL], accuracies[STRICT]
    return ParserDifference(
        differing=share_of(answers, differing, answers.answered),
        by_rule=dict(sorted(rules.items(), key=lambda one: (-one[1], one[0]))),
        official=official,
        strict=strict,
        circular_difference=_less(strict.circular_accuracy, official.circular_accuracy),
        average_difference=_less(strict.average_accuracy, official.average_accuracy),
    )


def _less(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other

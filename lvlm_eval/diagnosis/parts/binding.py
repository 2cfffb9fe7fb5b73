"""Seeing and naming told apart: is the letter in the photo answered, not the option's letter?"""

from dataclasses import dataclass

import numpy as np

from lvlm_eval.diagnosis.answers import Absent, Answers, Bools, Share, accuracy_of, share_of
from lvlm_eval.diagnosis.chance import together_tail
from lvlm_eval.metrics import Accuracy

_OTHERS = 3
"""Letters that a wrong answer can be."""


@dataclass(frozen=True, slots=True)
class Binding:
    """Rows in which the right option has another letter than the one drawn at its point.

    Attributes:
        answered_drawn: how often the answer is the letter drawn at the right point; a guess 25 %.
        answered_option: how often it is the right option's letter.
        wrong_drawn: how often it is the drawn one among the wrong answers; by chance 33.3 %.
        p: probability of so many of them by chance, the answers of a question going together.
        read_as_drawn: accuracies over all rows if every answer is read as the point that the letter
            is drawn at.
    """

    answered_drawn: Share
    answered_option: Share
    wrong_drawn: Share
    p: float
    read_as_drawn: Accuracy


def binding_of(answers: Answers, protocol: str) -> Binding | Absent:
    """Figures of one setting.

    Args:
        answers: each row asked once.
        protocol: what the rotations turned, as the run's identity says it.
    """
    if protocol == "markers":
        return Absent("the letters drawn are those of the options in the markers protocol")
    lettered = answers.answered & (answers.drawn >= 0) & (answers.right >= 0)
    if not lettered.any():
        return Absent("what is drawn at the right point is no option letter (or not known)")
    apart = lettered & (answers.drawn != answers.right)
    if not apart.any():
        return Absent("the letter drawn at the right point is always its option's")
    as_drawn = lettered & (answers.letter == answers.drawn)
    wrong = apart & (answers.letter >= 0) & (answers.letter != answers.right)
    return Binding(
        answered_drawn=share_of(answers, as_drawn, apart),
        answered_option=share_of(answers, answers.letter == answers.right, apart),
        wrong_drawn=share_of(answers, as_drawn, wrong),
        p=_p(answers, as_drawn, wrong),
        read_as_drawn=accuracy_of(answers, correct=as_drawn),
    )


def _p(answers: Answers, as_drawn: Bools, wrong: Bools) -> float:
    sizes = answers.count(wrong)
    sizes = sizes[sizes > 0]
    chances = np.full(len(sizes), 1 / _OTHERS)
    return together_tail(sizes, chances, int((as_drawn & wrong).sum()))

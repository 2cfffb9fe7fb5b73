"""What is left to ask, handed out in small pieces, and again when a piece is lost."""

import itertools
from collections import Counter, deque
from collections.abc import Iterable, Sequence

from lvlm_eval.records import Ask

PIECES_A_WORKER = 3
"""The pieces become smaller towards the end: each worker would get so many of the present size."""

TRIES = 3
"""Workers that a question may take with it, none of them giving an answer, until it fails."""


class Pieces:
    """Rows by question; those of one question, which share text and pictures, stay together.

    Args:
        asks: in the order in which they are to be asked.
        most_rows: of a piece; one question may have more.
    """

    def __init__(self, asks: Sequence[Ask], most_rows: int) -> None:
        self._most = most_rows
        self._groups = deque(
            tuple(rows) for _, rows in itertools.groupby(asks, key=lambda ask: ask.question)
        )
        self._lost = Counter[str]()
        self.rows = len(asks)
        """Rows that nobody has at present."""

    def take(self, workers: int) -> tuple[Ask, ...]:
        """The next piece; empty if nothing is left.

        Args:
            workers: that share what is left.
        """
        wanted = min(self._most, self.rows // (PIECES_A_WORKER * workers))
        piece: list[Ask] = []
        while self._groups and (not piece or len(piece) + len(self._groups[0]) <= wanted):
            suspect = self._lost[self._groups[0][0].question] > 0
            if suspect and piece:
                break
            piece += self._groups.popleft()
            if suspect:
                break  # alone, so that it takes no other question with it again
        self.rows -= len(piece)
        return tuple(piece)

    def give_back(self, asks: Iterable[Ask], suspected: bool) -> list[Ask]:
        """Put rows back to be handed out next.

        Args:
            asks: the rows of a piece that were not answered.
            suspected: whether one of them may be what ended the worker.

        Returns:
            The rows of questions that have ended too many workers; they are not handed out again.
        """
        given_up: list[Ask] = []
        groups = [tuple(rows) for _, rows in itertools.groupby(asks, key=lambda ask: ask.question)]
        for rows in reversed(groups):
            question = rows[0].question
            self._lost[question] += suspected
            if self._lost[question] >= TRIES:
                given_up += rows
            else:
                self._groups.appendleft(rows)
                self.rows += len(rows)
        return given_up

"""Follows what other processes append to a run, and counts it."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from lvlm_eval.prices import Spending
from lvlm_eval.records import Prediction
from lvlm_eval.runs.folder import parse_prediction
from lvlm_eval.runs.run import Outcome, Watcher


class Tail:
    """The lines that are appended to a file from now on.

    Args:
        path: of a ``predictions*.jsonl``; it need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = path.stat().st_size if path.exists() else 0
        self._begun = b""

    def new(self) -> list[Prediction]:
        """The whole lines since the last call; a line that is no prediction is left out."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            content = file.read()
        self._offset += len(content)
        *lines, self._begun = (self._begun + content).split(b"\n")
        return [one for line in lines if line and (one := parse_prediction(line)) is not None]


class Tally:
    """Counts answers as a run does that records them itself.

    Args:
        watcher: told of each.
        spending: what earlier answers cost; None without a price.
    """

    def __init__(self, watcher: Watcher, spending: Spending | None) -> None:
        self.watcher = watcher
        self._spending = spending
        self._errors = Counter[str]()
        self._asked = self._empty = 0

    def take(self, predictions: Iterable[Prediction]) -> int:
        """Count these; gives how many of them are answers."""
        answers = 0
        for one in predictions:
            self._asked += 1
            if one.status == "error":
                self._errors[one.error or ""] += 1
            else:
                answers += 1
            self._empty += one.status == "ok" and not one.text.strip()
            self.watcher.answered(one)
            if self._spending is not None:
                self._spending = self._spending.plus(one)
                self.watcher.spent(self._spending)
        return answers

    def outcome(self) -> Outcome:
        """What was counted."""
        reason = self._errors.most_common(1)[0][0] if self._errors else ""
        return Outcome(0, self._asked, self._errors.total(), reason, self._empty, self._spending)

"""The two baselines of the published table: guessing a letter, and guessing a point."""

from collections.abc import Iterable, Sequence

from lvlm_eval.models.adapter import Adapter
from lvlm_eval.ranking import rank
from lvlm_eval.records import Request, Response


class Random(Adapter):
    """An independent guess a row: 25 % average, 0.25⁴ = 0.4 % circular accuracy."""

    chunk = 4096
    needs_pictures = False

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def answer(self, requests: Sequence[Request]) -> Iterable[Response]:
        """Draw an option letter for each row from the seed and the row's id."""
        for request in requests:
            letters = sorted(request.options)
            yield Response(request.id, text=letters[_draw(len(letters), self.seed, request.id)])


class RandomPlusPlus(Adapter):
    """One guessed point a question, kept through all rotations: 25 % in both accuracies."""

    chunk = 4096
    needs_pictures = False

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def answer(self, requests: Sequence[Request]) -> Iterable[Response]:
        """Draw a candidate from the seed and the question, then name the option it is."""
        for request in requests:
            labels = sorted(set(request.options.values()))
            key = f"{request.question}/{request.setting}"
            label = labels[_draw(len(labels), self.seed, key)]
            letter = next(k for k, one in sorted(request.options.items()) if one == label)
            yield Response(request.id, text=letter)


def _draw(count: int, seed: int, key: str) -> int:
    """A number below ``count``, uniform to within 2⁻⁶⁴."""
    return int.from_bytes(rank(seed, "guess", key)[:8], "big") % count

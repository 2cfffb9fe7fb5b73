"""The two baselines of the published table: guessing a letter, and guessing a point."""

from collections.abc import Iterable, Sequence

from lvlm_eval.models.adapter import Adapter
from lvlm_eval.ranking import rank
from lvlm_eval.records import Request, Response


class _Guesser(Adapter):
    """Needs nothing but the options and a seed."""

    chunk = 4096
    needs_pictures = False

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed


class Random(_Guesser):
    """An independent guess a row: 25 % average, 0.25⁴ = 0.4 % circular accuracy."""

    def answer(self, requests: Sequence[Request]) -> Iterable[Response]:
        """Draw an option letter for each row from the seed and the row's id."""
        for request in requests:
            letters = sorted(request.options)
            yield _guess(request, _draw(letters, self.seed, request.id))


class RandomPlusPlus(_Guesser):
    """One guessed point a question, kept through all rotations: 25 % in both accuracies."""

    def answer(self, requests: Sequence[Request]) -> Iterable[Response]:
        """Draw a candidate from the seed and the question, then name the option it is."""
        for request in requests:
            labels = sorted(set(request.options.values()))
            label = _draw(labels, self.seed, f"{request.question}/{request.setting}")
            letter = next((k for k, one in sorted(request.options.items()) if one == label), None)
            yield _guess(request, letter)


def _draw(choices: Sequence[str], seed: int, key: str) -> str | None:
    """One of the choices, uniform to within 2⁻⁶⁴; None if there is none."""
    number = int.from_bytes(rank(seed, "guess", key)[:8], "big")
    return choices[number % len(choices)] if choices else None


def _guess(request: Request, letter: str | None) -> Response:
    if letter is None:
        return Response(request.id, status="error", error="the row has no options to choose from")
    return Response(request.id, text=letter)

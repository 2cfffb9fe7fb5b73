"""What a chat server is asked for and read by when an answer is to be one of the option letters."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from openai.types.chat import ChatCompletion

from lvlm_eval.models.local.decoding import Decode
from lvlm_eval.records import Response, Status

TOP_TOKENS = 20
"""Likeliest tokens that are asked for: the most that OpenAI, and vLLM by default, give."""


class LetterScores:
    """The part of chat completions that ``decode`` and ``logprobs`` decide.

    Args:
        decode: how the model is to answer.
        logprobs: keep the letters' log-probabilities also where they decide nothing.
    """

    def __init__(self, decode: Decode, logprobs: bool) -> None:
        self._decode = decode
        self._wanted = logprobs or decode == "score"
        self._told = False

    def fields(self, bound: str) -> dict[str, Any]:
        """Fields of every request's body.

        Args:
            bound: the name of the field that bounds the answer's tokens on this server.
        """
        wanted = {"logprobs": True, "top_logprobs": TOP_TOKENS} if self._wanted else {}
        return {**wanted, bound: 1} if self._decode == "score" else wanted

    def fields_of(self, options: Mapping[str, str]) -> dict[str, Any]:
        """Fields of one request's body, by its option letters; that of ``choice`` is vLLM's own."""
        if self._decode != "choice":
            return {}
        return {"structured_outputs": {"choice": sorted(options)}}

    def read(
        self,
        response: Response,
        completion: ChatCompletion,
        options: Mapping[str, str],
        tell: Callable[[str], None],
    ) -> Response:
        """Fill in the letters' log-probabilities and, for ``score``, the letter that they make.

        Args:
            response: what the completion says as text.
            completion: the server's answer.
            options: option letter → candidate label.
            tell: told once if the server does not do what it was asked for.
        """
        if response.status in ("refused", "error"):
            return response
        letters = sorted(options)
        found = letter_logprobs(completion, letters) if self._wanted else {}
        response = replace(response, logprobs=found or None)
        if self._decode == "choice" and response.text.strip() not in letters:
            self._tell_once(
                tell,
                "the server does not keep to the option letters; --decode choice needs vLLM and "
                "its field structured_outputs",
            )
        if self._decode != "score":
            return response
        if not found:
            self._tell_once(
                tell,
                "the server gave no option letter among its likeliest first tokens, so the text "
                "that came stands for the answer; --decode score needs a server that gives "
                "logprobs and a model that begins with the letter",
            )
        # Its one token is all that was asked for: nothing is cut off.
        status: Status = "ok" if response.status == "truncated" else response.status
        text = max(found, key=found.__getitem__) if found else response.text
        return replace(response, text=text, status=status)

    def _tell_once(self, tell: Callable[[str], None], line: str) -> None:
        if not self._told:
            self._told = True
            tell(line)


def letter_logprobs(completion: ChatCompletion, letters: Sequence[str]) -> dict[str, float]:
    """Natural log-probability of each letter as the first token, in the order of the letters.

    Tokens count without the blanks round them, those of one letter together. A letter that the
    server did not give has no entry, for all that is known of it is that it is unlikely.
    """
    scores: dict[str, list[float]] = {letter: [] for letter in letters}
    for token, logprob in _first_tokens(completion):
        if token.strip() in scores:
            scores[token.strip()].append(logprob)
    return {letter: _sum_of_logs(several) for letter, several in scores.items() if several}


def _first_tokens(completion: ChatCompletion) -> list[tuple[str, float]]:
    """The likeliest first tokens, and the one that was taken if it is none of them."""
    tokens = _field(_field(completion.choices[0], "logprobs"), "content")
    if not isinstance(tokens, list) or not tokens:
        return []
    top = _field(tokens[0], "top_logprobs")
    known = list(_readable(top if isinstance(top, list) else ()))
    texts = {token for token, _ in known}
    return known + [one for one in _readable(tokens[:1]) if one[0] not in texts]


def _readable(tokens: Iterable[Any]) -> Iterator[tuple[str, float]]:
    """Text and log-probability of those tokens that have both."""
    for one in tokens:
        token, logprob = _field(one, "token"), _field(one, "logprob")
        number = isinstance(logprob, int | float) and not isinstance(logprob, bool)
        if isinstance(token, str) and number and math.isfinite(logprob):
            yield token, float(logprob)


def _sum_of_logs(logs: Sequence[float]) -> float:
    """The logarithm of the sum of the numbers that these are the logarithms of."""
    most = max(logs)
    return most + math.log(sum(math.exp(one - most) for one in logs))


def _field(one: Any, name: str) -> Any:
    """A field of an object or a mapping, which the client makes of what a server sends; or None."""
    return one.get(name) if isinstance(one, Mapping) else getattr(one, name, None)

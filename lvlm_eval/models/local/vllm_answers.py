"""What vLLM is asked to generate for a request, and what is read in what it generated."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lvlm_eval.models.local.decoding import Decoding
from lvlm_eval.models.local.letters import letter_tokens, likeliest
from lvlm_eval.models.local.thinking import CLOSED, OPENED, parts_of
from lvlm_eval.models.local.vllm_start import Started
from lvlm_eval.ranking import rank
from lvlm_eval.records import Request, Response, Status

TOKENS_BETWEEN_LOOKS = 32
"""How often a text that may have a reasoning of its own bound is looked at while it grows."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Generated tokens within their bounds.

    Attributes:
        tokens: as many as are kept.
        over: whether there were more than the bounds allow.
        answer: place of the first token of the answer; None if there is none.
    """

    tokens: Sequence[int]
    over: bool
    answer: int | None


class Answers:
    """Writes sampling parameters and reads outputs.

    Args:
        decoding: how the model is to answer.
        started: the engines' model.
        logprobs: whether the letters' log-probabilities are wanted where they decide nothing.
        served_model: recorded with each answer.

    Raises:
        InputError: letters are looked at, and one is not a single token of the model.
    """

    def __init__(
        self, decoding: Decoding, started: Started, logprobs: bool, served_model: str
    ) -> None:
        self._decoding = decoding
        self._started = started
        self._served_model = served_model
        looked_at = logprobs or decoding.decode == "score"
        self._letters = letter_tokens(started.tokenizer) if looked_at else None
        self._opening = self._token(OPENED)
        self._closing = self._token(CLOSED)
        known = self._opening is not None and self._closing is not None
        # A model may also begin to reason by itself, if it knows the words for it.
        self._may_think = decoding.decode == "text" and known
        self._may_think |= started.opened and decoding.decode == "choice" and known
        special = set(getattr(started.tokenizer, "all_special_ids", ()))
        self._skip_special = not (self._may_think and {self._opening, self._closing} & special)

    def _token(self, text: str) -> int | None:
        ids = self._started.tokenizer.encode(text, add_special_tokens=False)
        return int(ids[0]) if len(ids) == 1 else None

    def parameters(self, request: Request) -> Any:
        """What vLLM is to generate for a request."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

        decoding, letters = self._decoding, self._letters
        more: dict[str, Any] = {}
        if letters is not None:
            more["logprob_token_ids"] = [letters[one] for one in sorted(request.options)]
        if decoding.decode == "score":
            return SamplingParams(
                temperature=0.0,
                max_tokens=1,
                output_kind=RequestOutputKind.FINAL_ONLY,
                **more,
            )
        if decoding.decode == "choice":
            more["structured_outputs"] = StructuredOutputsParams(choice=sorted(request.options))
        if not decoding.greedy:
            # Of its own, so that an answer depends neither on the batch nor on the order.
            drawn = rank(decoding.seed, "sample", request.id)
            more["seed"] = int.from_bytes(drawn[:7], "big")
        most, kind = decoding.max_tokens, RequestOutputKind.FINAL_ONLY
        if self._may_think:
            most += decoding.max_reasoning_tokens + 2  # and the two tags
            kind = RequestOutputKind.CUMULATIVE
            more["stream_interval"] = TOKENS_BETWEEN_LOOKS
            if self._started.budget:
                more["thinking_token_budget"] = decoding.max_reasoning_tokens
        return SamplingParams(
            temperature=decoding.temperature,
            top_p=decoding.top_p,
            top_k=decoding.top_k,
            presence_penalty=decoding.presence_penalty,
            repetition_penalty=decoding.repetition_penalty,
            max_tokens=most,
            skip_special_tokens=self._skip_special,
            output_kind=kind,
            **more,
        )

    def cut(self, tokens: Sequence[int]) -> Cut:
        """Hold generated tokens to the bounds on reasoning and answer."""
        begins = bool(tokens) and tokens[0] == self._opening
        if not self._may_think or not (self._started.opened or begins):
            most = self._decoding.max_tokens
            return Cut(tokens[:most], len(tokens) > most, 0)
        most = self._decoding.max_reasoning_tokens + begins
        within = list(tokens[: most + 1])  # one more: it may be the tag that closes
        if self._closing not in within:
            return Cut(tokens[:most], len(tokens) > most, None)
        closed = within.index(self._closing)
        most = closed + 1 + self._decoding.max_tokens
        return Cut(tokens[:most], len(tokens) > most, closed + 1)

    def response(
        self, request: Request, output: Any, usage: Mapping[str, Any], seconds: float
    ) -> Response:
        """The response to a request.

        Args:
            request: what was asked.
            output: vLLM's ``RequestOutput``.
            usage: what is known already.
            seconds: since the engine was given the request.
        """
        made = output.outputs[0]
        cut = self.cut(made.token_ids)
        text = made.text
        if cut.over:
            text = self._started.tokenizer.decode(
                list(cut.tokens), skip_special_tokens=self._skip_special
            )
        finish = "length" if cut.over else str(made.finish_reason)
        parts = parts_of(text, self._started.opened and self._may_think)
        whole = finish != "length" and parts.finished
        status: Status = "ok" if whole else "truncated"
        logprobs = self._logprobs(request, made, cut)
        answer = parts.answer
        if self._decoding.decode == "score" and logprobs:
            # Its one token is all that was asked for: nothing is cut off.
            answer, status = likeliest(logprobs), "ok"
        return Response(
            id=request.id,
            text=answer,
            reasoning=parts.reasoning,
            finish_reason=finish,
            status=status,
            logprobs=logprobs or None,
            usage={
                "prompt_tokens": len(output.prompt_token_ids or ()),
                "completion_tokens": len(cut.tokens),
                "cached_tokens": int(output.num_cached_tokens or 0),
                **usage,
            },
            seconds=round(seconds, 3),
            served_model=self._served_model,
        )

    def _logprobs(self, request: Request, made: Any, cut: Cut) -> dict[str, float]:
        """Letter → natural log-probability at the first token of the answer that is no blank."""
        letters = self._letters
        if letters is None or not made.logprobs or cut.answer is None:
            return {}
        place = cut.answer
        if place:  # after reasoning; without, the first token is meant whatever it is
            decode = self._started.tokenizer.decode
            while place < len(cut.tokens) and not decode([cut.tokens[place]]).strip():
                place += 1
        if place >= len(made.logprobs):
            return {}
        found = made.logprobs[place]
        scores = {one: found.get(letters[one]) for one in sorted(request.options)}
        return {
            letter: round(float(score.logprob), 6)
            for letter, score in scores.items()
            if score is not None and math.isfinite(score.logprob)
        }

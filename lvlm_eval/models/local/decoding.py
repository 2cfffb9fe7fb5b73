"""How a model is to answer: freely, with one of the letters, or by the letters' probabilities."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from lvlm_eval.errors import InputError, nearest_names
from lvlm_eval.models.argument_checks import check_number, check_whole

Decode = Literal["text", "choice", "score"]
"""``text``: free text. ``choice``: the text can only be an option letter. ``score``: nothing is
generated; the answer is the letter that would most probably come first."""

DECODES: tuple[Decode, ...] = get_args(Decode)


@dataclass(frozen=True, slots=True)
class Decoding:
    """Everything that decides how a text comes out of a model's probabilities.

    Attributes:
        decode: see `Decode`.
        max_tokens: bound on the answer, without reasoning.
        max_reasoning_tokens: bound on the reasoning before it, of models that think.
        temperature: 0 is greedy, and then what follows but the penalties has no effect.
        top_p: only the likeliest tokens that have this probability together; 1 for all.
        top_k: only so many of the likeliest tokens; 0 for all.
        presence_penalty: subtracted from the logits of tokens that were generated before.
        repetition_penalty: the logits of tokens that stood in prompt or answer are divided by it.
        seed: of the sampling.
    """

    decode: Decode = "text"
    max_tokens: int = 1024
    max_reasoning_tokens: int = 16384
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    presence_penalty: float = 0.0
    repetition_penalty: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            InputError: one is impossible.
        """
        check_decode(self.decode)
        check_whole("max_tokens", self.max_tokens, 1)
        check_whole("max_reasoning_tokens", self.max_reasoning_tokens, 0)
        check_whole("top_k", self.top_k, 0)
        check_whole("seed", self.seed, 0)
        for name in ("temperature", "top_p", "presence_penalty", "repetition_penalty"):
            check_number(name, getattr(self, name))
        if self.temperature < 0:
            raise InputError(f"temperature is {self.temperature:g}, expected 0 or more.")
        if not 0 < self.top_p <= 1:
            raise InputError(f"top_p is {self.top_p:g}, expected more than 0 and at most 1.")
        if self.repetition_penalty <= 0:
            raise InputError(
                f"repetition_penalty is {self.repetition_penalty:g}, expected above 0."
            )

    @property
    def greedy(self) -> bool:
        """Whether the likeliest token is always taken."""
        return self.temperature == 0

    def to_json(self) -> dict[str, Any]:
        """As a run's identity records it; ``score`` samples nothing, so only its name counts."""
        return {"decode": "score"} if self.decode == "score" else asdict(self)


def check_decode(decode: str) -> None:
    """Refuse an unknown way to answer.

    Raises:
        InputError: it is none of `DECODES`.
    """
    if decode not in DECODES:
        raise InputError(f"unknown decode '{decode}'. {nearest_names(decode, DECODES)}")

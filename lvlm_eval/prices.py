"""What answers cost, by a price table that the user gives: prices change, so none ships.

The table is a TOML file with one table a model, in money for a million tokens:

    currency = "USD"

    ["gpt-4o"]
    input = 2.50
    cached_input = 1.25     # of prompt tokens that the server had in its cache; else as input
    output = 10.00          # reasoning included
    batch_discount = 0.5    # part that a batch costs less (openai-batch:); 0.5 if not given
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from lvlm_eval.errors import InputError, nearest_names
from lvlm_eval.records import Prediction, Response

TOKENS_OF_A_PRICE = 1_000_000

BATCH_DISCOUNT = 0.5
"""Part that OpenAI's batches cost less than the same requests sent one by one."""

BATCH_PREFIX = "openai-batch:"
"""How ``--model`` begins where answers come from batches."""


class _ModelPrices(BaseModel):
    """One model's table."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    input: Annotated[float, Field(ge=0)]
    output: Annotated[float, Field(ge=0)]
    cached_input: Annotated[float, Field(ge=0)] | None = None
    batch_discount: Annotated[float, Field(ge=0, le=1)] = BATCH_DISCOUNT


_TABLES = TypeAdapter(dict[str, _ModelPrices])


@dataclass(frozen=True, slots=True)
class Price:
    """What one model's tokens cost, in ``currency`` for a million tokens.

    Attributes:
        currency: such as ``USD``.
        input: prompt tokens.
        cached_input: prompt tokens that the server had in its cache.
        output: tokens of the answer and of its reasoning.
        discount: part of all that which is not to be paid, as in batches.
    """

    currency: str
    input: float
    cached_input: float
    output: float
    discount: float = 0.0

    def of(self, usage: Mapping[str, Any] | None) -> float | None:
        """What an answer cost, in ``currency``; None where its usage does not tell.

        Args:
            usage: as servers give it: ``prompt_tokens``, ``completion_tokens``, and of the former
                ``prompt_tokens_details.cached_tokens``.
        """
        usage = usage or {}
        prompt, answer = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
        if prompt is None or answer is None:
            return None
        details = usage.get("prompt_tokens_details")
        cached = _count(details.get("cached_tokens")) if isinstance(details, Mapping) else None
        cached = min(cached or 0, prompt)
        cost = (prompt - cached) * self.input + cached * self.cached_input + answer * self.output
        return cost * (1 - self.discount) / TOKENS_OF_A_PRICE


@dataclass(frozen=True, slots=True)
class Spending:
    """What the recorded answers cost. A failed try, for which no usage came, is not in it.

    Attributes:
        price: what it was worked out with.
        before: cost of the answers of earlier calls.
        now: cost of the answers of this call.
        unpriced: answers without token counts.
        priced: answers with them.
    """

    price: Price
    before: float = 0.0
    now: float = 0.0
    unpriced: int = 0
    priced: int = 0

    @classmethod
    def of_earlier(cls, price: Price, predictions: Iterable[Prediction]) -> "Spending":
        """The spending with which a call begins."""
        costs = [price.of(one.usage) for one in predictions if one.status != "error"]
        unpriced = costs.count(None)
        known = sum(cost or 0.0 for cost in costs)
        return cls(price, known, 0.0, unpriced, len(costs) - unpriced)

    def plus(self, answer: Prediction | Response) -> "Spending":
        """The spending with one more answer."""
        if answer.status == "error":
            return self
        cost = self.price.of(answer.usage)
        if cost is None:
            return replace(self, unpriced=self.unpriced + 1)
        return replace(self, now=self.now + cost, priced=self.priced + 1)

    @property
    def mean(self) -> float | None:
        """Mean cost of an answer; None as long as none has told its own."""
        return self.total / self.priced if self.priced else None

    @property
    def total(self) -> float:
        """Cost of all recorded answers."""
        return self.before + self.now

    def to_json(self) -> dict[str, Any]:
        """What ``run --json`` says of it."""
        return {
            "currency": self.price.currency,
            "total": round(self.total, 6),
            "this_call": round(self.now, 6),
            "answers_without_token_counts": self.unpriced,
        }

    def __str__(self) -> str:
        """``3.4567 USD``."""
        return f"{self.total:.4f} {self.price.currency}"


def price_of(path: Path, spec: str) -> Price:
    """The prices of what ``--model`` says; those of batches where it is one of them.

    Args:
        path: a TOML file.
        spec: such as ``openai:gpt-4o`` or ``openai-batch:gpt-4o``.

    Raises:
        InputError: the file is wrong, or has no such model.
    """
    return read_price(path, spec.partition(":")[2] or spec, batch=spec.startswith(BATCH_PREFIX))


def read_price(path: Path, model: str, *, batch: bool = False) -> Price:
    """Read a price table and take one model's prices from it.

    Args:
        path: a TOML file.
        model: the name after the colon of ``--model``, such as ``gpt-4o``.
        batch: the answers come from batches, which cost less.

    Raises:
        InputError: the file is wrong, or has no such model.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"price table '{path}' cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise InputError(f"price table '{path}' is not TOML: {error}.") from error
    currency = content.pop("currency", "USD")
    if not isinstance(currency, str):
        raise InputError(f"price table '{path}': currency is {currency!r}, expected a text.")
    try:
        tables = _TABLES.validate_python(content)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise InputError(
            f"price table '{path}': {place}: {problem['msg'].lower()}. Each model is a table such "
            'as ["gpt-4o"] with input, output and, if it differs, cached_input.'
        ) from error
    found = tables.get(model)
    if found is None:
        raise InputError(
            f"price table '{path}' has no model '{model}'. {nearest_names(model, tables)}"
        )
    cached = found.input if found.cached_input is None else found.cached_input
    discount = found.batch_discount if batch else 0.0
    return Price(currency, found.input, cached, found.output, discount)


def _count(tokens: object) -> int | None:
    number = isinstance(tokens, int) and not isinstance(tokens, bool) and tokens >= 0
    return tokens if number and isinstance(tokens, int) else None

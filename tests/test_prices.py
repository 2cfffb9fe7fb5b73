"""What answers cost, worked out by hand."""

from pathlib import Path
from typing import Any

import pytest

from lvlm_eval.errors import InputError
from lvlm_eval.prices import Price, Spending, price_of, read_price
from lvlm_eval.records import Prediction

TABLE = """
currency = "EUR"

["gpt-4o"]
input = 2.5
cached_input = 1.25
output = 10

[plain]
input = 1
output = 3
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(TABLE)
    return path


def prediction(usage: dict[str, Any] | None, status: str = "ok") -> Prediction:
    return Prediction("q/vis/0", "q", "vis", 0, {}, "A", usage=usage, status=status)  # type: ignore[arg-type]  # of the calls below


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"prompt_tokens": 1_000_000, "completion_tokens": 0}, 2.5),
        ({"prompt_tokens": 0, "completion_tokens": 100_000}, 1.0),
        # 800 at 2.50, 200 at 1.25, 50 at 10: 2000 + 250 + 500 millionths.
        (
            {
                "prompt_tokens": 1000,
                "completion_tokens": 50,
                "prompt_tokens_details": {"cached_tokens": 200},
            },
            0.00275,
        ),
        # More cached than there are: a server's slip, never a negative cost.
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 0,
                "prompt_tokens_details": {"cached_tokens": 900},
            },
            0.000125,
        ),
        ({"prompt_tokens": 10, "completion_tokens": 1, "prompt_tokens_details": None}, 0.000035),
        ({"prompt_tokens": 10}, None),
        ({"prompt_tokens": "10", "completion_tokens": 1}, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_cost_of_an_answer(
    table: Path, usage: dict[str, Any] | None, cost: float | None
) -> None:
    found = read_price(table, "gpt-4o").of(usage)
    assert found == (None if cost is None else pytest.approx(cost))


def test_without_a_price_of_its_own_a_cached_token_costs_what_any_does(table: Path) -> None:
    assert read_price(table, "plain") == Price("EUR", 1, 1, 3)


def test_batches_cost_half_if_the_table_does_not_say_otherwise(table: Path) -> None:
    usage = {"prompt_tokens": 1_000_000, "completion_tokens": 100_000}
    assert price_of(table, "openai:gpt-4o").of(usage) == pytest.approx(3.5)
    assert price_of(table, "openai-batch:gpt-4o").of(usage) == pytest.approx(1.75)
    assert price_of(table, "plain").discount == 0
    table.write_text(TABLE.replace("output = 10", "output = 10\nbatch_discount = 0.2"))
    assert price_of(table, "openai:gpt-4o").of(usage) == pytest.approx(3.5)
    assert price_of(table, "openai-batch:gpt-4o").of(usage) == pytest.approx(2.8)


def test_the_mean_is_of_the_answers_that_told_their_cost(table: Path) -> None:
    spending = Spending(read_price(table, "plain"))
    assert spending.mean is None
    for usage in ({"prompt_tokens": 2_000_000, "completion_tokens": 0}, None):
        spending = spending.plus(prediction(usage))
    spending = spending.plus(prediction({"prompt_tokens": 1_000_000, "completion_tokens": 0}))
    assert (spending.mean, spending.priced, spending.unpriced) == (1.5, 2, 1)


def test_spending_goes_on_from_earlier_answers(table: Path) -> None:
    price = read_price(table, "plain")
    usage = {"prompt_tokens": 500_000, "completion_tokens": 0}
    spending = Spending.of_earlier(
        price, [prediction(usage), prediction(None, "error"), prediction(None), prediction(usage)]
    )
    assert (spending.before, spending.now, spending.unpriced) == (1.0, 0.0, 1)
    spending = spending.plus(prediction(usage)).plus(prediction(None, "error"))
    spending = spending.plus(prediction(None, "refused"))
    assert (spending.before, spending.now, spending.unpriced) == (1.0, 0.5, 2)
    assert spending.total == 1.5
    assert str(spending) == "1.5000 EUR"


@pytest.mark.parametrize(
    ("content", "model", "complaint"),
    [
        (TABLE, "gpt-4", "has no model 'gpt-4'. Did you mean 'gpt-4o'"),
        ("[m]\ninput = 1\n", "m", "m.output: field required"),
        ("[m]\ninput = -1\noutput = 1\n", "m", "m.input: input should be greater"),
        ("[m]\ninput = 1\noutput = 1\nouptut = 2\n", "m", "m.ouptut: extra inputs"),
        ("m = 3\n", "m", "m: input should be"),
        ("currency = 3\n", "m", "currency is 3"),
        ("[m]\ninput = 1\noutput = 1\nbatch_discount = 50\n", "m", "m.batch_discount: input"),
        ("[m\n", "m", "is not TOML"),
    ],
)
def test_mistakes_in_the_table_are_said(
    tmp_path: Path, content: str, model: str, complaint: str
) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(content)
    with pytest.raises(InputError) as error:
        read_price(path, model)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_price(tmp_path / "no.toml", model)

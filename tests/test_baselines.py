"""The two baselines, on 5,000 simulated questions and on worked cases."""

import math

import pytest

from lvlm_eval.models import build_adapter
from lvlm_eval.records import Request


def rotations(question: int) -> list[Request]:
    requests = []
    for rotation in range(4):
        turned = "ABCD"[rotation:] + "ABCD"[:rotation]
        requests.append(
            Request(
                id=f"q{question}/vis/{rotation}",
                question=f"q{question}",
                setting="vis",
                rotation=rotation,
                text="",
                system=None,
                options=dict(zip("ABCD", turned, strict=True)),
                load_pictures=tuple,
            )
        )
    return requests


def outcome(model: str, seed: int, questions: int) -> tuple[float, float]:
    """Average and circular accuracy in percent; the right label goes round with the question."""
    adapter = build_adapter(model, {}, {"seed": seed}).adapter
    rows = circular = 0
    for question in range(questions):
        asked = {request.id: request for request in rotations(question)}
        right = [
            asked[response.id].options[response.text] == "ABCD"[question % 4]
            for response in adapter.answer(list(asked.values()))
        ]
        assert len(right) == 4
        rows += sum(right)
        circular += all(right)
    return 100 * rows / (4 * questions), 100 * circular / questions


def within(share: float, expected: float, draws: int) -> bool:
    """Within four standard errors of a binomial share, in percent."""
    error = 100 * math.sqrt(expected / 100 * (1 - expected / 100) / draws)
    return abs(share - expected) < 4 * error


@pytest.mark.parametrize("seed", [0, 1, 17])
def test_random_is_a_quarter_and_0_4_percent(seed: int) -> None:
    average, circular = outcome("random", seed, 5000)
    assert within(average, 25.0, 20_000)
    assert within(circular, 100 * 0.25**4, 5000)


@pytest.mark.parametrize("seed", [0, 1, 17])
def test_random_plus_plus_is_a_quarter_in_both(seed: int) -> None:
    average, circular = outcome("random++", seed, 5000)
    assert average == circular  # it is right in all four rows of a question or in none
    assert within(circular, 25.0, 5000)


def test_random_plus_plus_keeps_the_point_not_the_letter() -> None:
    adapter = build_adapter("random++", {}, {"seed": 3}).adapter
    asked = rotations(7)
    answers = [response.text for response in adapter.answer(asked)]
    assert len({r.options[letter] for r, letter in zip(asked, answers, strict=True)}) == 1
    assert sorted(answers) == ["A", "B", "C", "D"]


def test_guesses_are_the_same_on_every_machine() -> None:
    """Worked out with SHA-256 by hand: the first eight bytes, as a number, modulo four."""
    import hashlib

    def draw(key: str) -> str:
        digest = hashlib.sha256(f"5\x1fguess\x1f{key}".encode()).digest()
        return "ABCD"[int.from_bytes(digest[:8], "big") % 4]

    asked = rotations(1)
    random = build_adapter("random", {"seed": 5}).adapter
    assert [r.text for r in random.answer(asked)] == [draw(f"q1/vis/{i}") for i in range(4)]
    plus = build_adapter("random++", {"seed": 5}).adapter
    answered = [r.text for r in plus.answer(asked)]
    assert [a.options[x] for a, x in zip(asked, answered, strict=True)] == [draw("q1/vis")] * 4

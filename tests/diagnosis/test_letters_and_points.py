"""Letters, points and binding, worked out by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulating import (
    able,
    always,
    drawn_letter,
    guess,
    letters,
    made_questions,
    placed,
    points,
    recorded,
)

from lvlm_eval.diagnosis import Absent, SettingDiagnosis, explain
from lvlm_eval.diagnosis.answers import accuracy_of, answers_of
from lvlm_eval.diagnosis.parts.binding import Binding
from lvlm_eval.diagnosis.parts.position import GUESSED_AGREEMENT, Consistency, LetterTest
from lvlm_eval.metrics import score
from lvlm_eval.recorded_run import RecordedRun
from lvlm_eval.records import Prediction, Question

SPREAD = (("a", 0, 0), ("b", 30, 0), ("c", 0, 40), ("d", 100, 0))


def vis(run: RecordedRun, parser: str = "official") -> SettingDiagnosis:
    return explain(run, parser=parser).settings["vis"]


def test_letters_and_places_by_hand() -> None:
    """The right point B has the letters B, A, D, C in the four rotations."""
    run = recorded(letters({"q": "BACA"}), questions=[placed("q", SPREAD, "B")])
    position = vis(run).position
    assert {key: one.count for key, one in position.letters.items()} == {
        **{"A": 2, "B": 1},
        **{"C": 1, "D": 0},
    }
    right = {key: (one.count, one.of) for key, one in position.accuracy_by_place.items()}
    assert right == {"A": (1, 1), "B": (1, 1), "C": (0, 1), "D": (0, 1)}
    assert isinstance(position.test, LetterTest)
    assert (position.test.questions, position.test.chi_square) == (1, 2.0)


def test_an_unread_answer_is_no_letter_and_no_point() -> None:
    run = recorded(letters({"q": "BA??"}), questions=[placed("q", SPREAD, "B")])
    found = vis(run)
    assert found.position.letters["A"].of == 2
    consistency = found.position.consistency
    assert isinstance(consistency, Consistency)
    # Two of four agree; of the six pairs one agrees, and one (both unread) is not counted.
    assert consistency.agreement == {"0": 0, "1": 0, "2": 1, "3": 0, "4": 0}
    assert (consistency.pairwise.count, consistency.pairwise.of) == (1, 5)


def test_agreement_by_hand() -> None:
    told = {"all": "BBBB", "wrong": "CCCC", "three": "BBBA", "two": "AABC", "none": "ABCD"}
    questions = [placed(id, SPREAD, "B") for id in told]
    consistency = vis(recorded(points(told), questions=questions)).position.consistency
    assert isinstance(consistency, Consistency)
    assert consistency.agreement == {"0": 0, "1": 1, "2": 1, "3": 1, "4": 2}
    assert (consistency.same_point.count, consistency.same_point.of) == (2, 5)
    assert (consistency.same_point_right.count, consistency.same_point_right.of) == (1, 2)
    # D stands before A when the options turn: points A, B, C, D are the letters A, A, A, A.
    assert consistency.same_letter.count == 1
    assert (consistency.pairwise.count, consistency.pairwise.of) == (6 + 6 + 3 + 1 + 0, 30)


def test_agreement_of_guesses_is_that_of_four_dice() -> None:
    consistency = vis(recorded(guess, 5, made_questions(1500))).position.consistency
    assert isinstance(consistency, Consistency)
    for number, expected in GUESSED_AGREEMENT.items():
        share = 100 * consistency.agreement[number] / 1500
        assert share == pytest.approx(expected, abs=4)
    assert sum(GUESSED_AGREEMENT.values()) == 100


def test_one_rotation_has_neither_test_nor_agreement() -> None:
    def first_only(question: Question, one: Prediction) -> Prediction | None:
        return one if one.rotation == 0 else None

    position = vis(recorded(able(0.8), change=first_only)).position
    assert isinstance(position.test, Absent)
    assert isinstance(position.consistency, Absent)


def test_binding_by_hand() -> None:
    """Right is B: drawn B; the option is B, A, D, C. Three rows differ, of which two say B."""
    run = recorded(letters({"q": "BBBC"}), questions=[placed("q", SPREAD, "B")])
    binding = vis(run).binding
    assert isinstance(binding, Binding)
    assert (binding.answered_drawn.count, binding.answered_drawn.of) == (2, 3)
    assert (binding.answered_option.count, binding.answered_option.of) == (1, 3)
    assert (binding.wrong_drawn.count, binding.wrong_drawn.of) == (2, 2)
    assert binding.p == pytest.approx(1 / 3)  # one question
    assert binding.read_as_drawn.average_accuracy == 75
    assert binding.read_as_drawn.circular_accuracy == 0


def test_reading_drawn_letters_recovers_what_was_seen() -> None:
    run = recorded(drawn_letter, 1)
    found = vis(run)
    assert isinstance(found.binding, Binding)
    recovered = found.binding.read_as_drawn
    seen = sum(text == "right" for text in _seen(run))
    assert recovered.circular_accuracy == recovered.average_accuracy == 100 * seen / 200
    assert found.accuracy.average_accuracy == pytest.approx(25, abs=1.5)


def _seen(run: RecordedRun) -> list[str]:
    """Of each question whether the model points at the right one, from its first row alone."""
    first = [one for one in run.recorded.by_id.values() if one.rotation == 0]
    return ["right" if one.text == one.answer else "wrong" for one in first]


def test_binding_is_absent_where_letters_do_not_turn() -> None:
    assert isinstance(vis(recorded(guess, protocol="markers")).binding, Absent)

    def numbered(question: Question, one: Prediction) -> Prediction:
        numbers = {letter: str("ABCD".index(label) + 1) for letter, label in one.options.items()}
        return Prediction(**{**_fields(one), "drawn": numbers})

    binding = vis(recorded(guess, change=numbered)).binding
    assert isinstance(binding, Absent)
    assert "no option letter" in binding.absent


def _fields(one: Prediction) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__dataclass_fields__}


def test_always_one_letter_is_not_taken_for_drawn_letters() -> None:
    """Of 200 questions 52 are right at A: 3 wrong rows each, all drawn A; 2 of the others, none."""
    binding = vis(recorded(always("A"))).binding
    assert isinstance(binding, Binding)
    assert (binding.wrong_drawn.count, binding.wrong_drawn.of) == (3 * 52, 3 * 52 + 2 * 148)
    assert binding.p > 0.05


@settings(max_examples=25)
@given(
    st.lists(st.sampled_from("ABCD?!-"), min_size=24, max_size=24),
    st.sampled_from(("official", "strict")),
)
def test_accuracies_are_those_of_score(told: list[str], parser: str) -> None:
    """``!`` is a failed request, ``-`` a row without a line, ``?`` one that cannot be read."""
    questions = made_questions(6)
    place = {one.id: number for number, one in enumerate(questions)}

    def change(question: Question, one: Prediction) -> Prediction | None:
        sign = told[4 * place[question.id] + one.rotation]
        if sign == "-":
            return None
        status = "error" if sign == "!" else "ok"
        text = "Hm." if sign == "?" else sign
        return Prediction(**{**_fields(one), "status": status, "text": text})

    run = recorded(guess, questions=questions, change=change)
    metrics = score(run.rows, run.questions, "planned")
    ours = accuracy_of(answers_of(run, parser)["vis"])
    theirs = metrics.settings["vis"][parser]
    for name in ("groups", "rows"):
        assert getattr(ours, name) == getattr(theirs, name)
    for name in ("circular_accuracy", "average_accuracy", "circular_ci95", "average_ci95"):
        one, other = getattr(ours, name), getattr(theirs, name)
        assert one == other if other is None else one == pytest.approx(other, abs=1e-6)

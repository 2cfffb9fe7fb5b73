"""Repeats and probabilities of letters, against independent computations."""

import io
import math
import statistics
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from simulating import (
    able,
    always,
    chance,
    guess,
    letters,
    made_questions,
    placed,
    recorded,
    sometimes,
)

from lvlm_eval.diagnosis import Absent, explain
from lvlm_eval.diagnosis.answers import Share
from lvlm_eval.diagnosis.parts.noise import Agreement, Noise, Spread
from lvlm_eval.diagnosis.parts.scores import Scores
from lvlm_eval.recorded_run import RecordedRun
from lvlm_eval.records import LETTERS, Prediction, Question
from lvlm_eval.report.explaining import print_diagnosis

FOUR = (("a", 0, 0), ("b", 30, 0), ("c", 0, 40), ("d", 9, 0))


def fields(one: Prediction) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__dataclass_fields__}


# --- noise --------------------------------------------------------------------------------------


def noise(run: RecordedRun) -> Noise:
    found = explain(run).settings["vis"].noise
    assert isinstance(found, Noise)
    return found


def test_rows_asked_once_tell_nothing_of_noise() -> None:
    assert isinstance(explain(recorded(guess)).settings["vis"].noise, Absent)


def test_flips_by_hand() -> None:
    """Right letters are A, D, C, B. The second time rotation 1 says A, rotation 2 is unreadable.

    Of the three pairs of repeats two differ in rotations 1 and 2, and two in the verdict.
    """
    again = {(1, 1): "A", (2, 1): "Hm.", (3, 1): "point B", (3, 2): "B!"}

    def change(question: Question, one: Prediction) -> Prediction:
        text = again.get((one.rotation, one.repeat), "ADCB"[one.rotation])
        return Prediction(**{**fields(one), "text": text})

    found = noise(recorded(guess, questions=[placed("q", FOUR, "A")], repeats=3, change=change))
    assert found.repeats == 3
    assert found.rows == 4
    assert (found.row_flips.count, found.row_flips.of) == (4, 12)
    assert isinstance(found.question_flips, Share)
    assert (found.question_flips.count, found.question_flips.of) == (2, 3)
    # Rotations: in repeats 0 and 2 all six pairs agree, in repeat 1 those of rotations 0 and 3
    # alone, of six; read are both or one of each pair.
    assert isinstance(found.agreement, Agreement)
    assert (found.agreement.rotated.count, found.agreement.rotated.of) == (13, 18)
    assert (found.agreement.again.count, found.agreement.again.of) == (8, 12)
    assert [one.average_accuracy for one in found.accuracies] == [100, 50, 100]
    assert found.average.sd == pytest.approx(statistics.stdev([100, 50, 100]))
    # One question: the spread within it is that of its mean.
    assert found.average.sd_by_question == pytest.approx(statistics.stdev([100, 50, 100]))
    assert isinstance(found.circular, Spread)
    assert found.circular.sd == pytest.approx(statistics.stdev([100, 0, 100]))


def test_a_deterministic_model_has_no_noise() -> None:
    def same(question: Question, ask: object, seed: str) -> str:
        return able(0.6)(question, ask, "one seed")

    found = noise(recorded(same, repeats=3, questions=made_questions(50)))
    assert isinstance(found.question_flips, Share)
    assert (found.row_flips.count, found.question_flips.count) == (0, 0)
    assert (found.average.sd, found.average.difference95) == (0, 0)


def test_difference_between_runs_holds_for_95_of_100_pairs_of_runs() -> None:
    """A model whose rows vary independently: the true spread is known, √(p(1-p)/rows)."""
    questions = made_questions(300)
    found = noise(recorded(able(0.6, by_row=True), 1, questions, repeats=5))
    true = 100 * math.sqrt(0.6 * 0.4 / 1200)
    assert found.average.sd_by_question == pytest.approx(true, rel=0.1)
    assert found.average.difference95 == pytest.approx(1.96 * math.sqrt(2) * true, rel=0.1)
    assert isinstance(found.circular, Spread)
    whole = 0.6**4
    expected = 100 * math.sqrt(whole * (1 - whole) / 300)
    assert found.circular.sd_by_question == pytest.approx(expected, rel=0.1)


def test_headline_figures_come_from_the_first_repeat() -> None:
    questions = made_questions(60)
    run = recorded(able(0.6), 1, questions, repeats=3)
    once = recorded(able(0.6), 1, questions)
    assert explain(run).settings["vis"].accuracy == explain(once).settings["vis"].accuracy


def test_a_repeat_that_is_missing_leaves_the_question_out_of_the_spread() -> None:
    def change(question: Question, one: Prediction) -> Prediction | None:
        gone = question.id == "made/0" and one.repeat == 1 and one.rotation == 2
        return None if gone else one

    found = noise(recorded(able(0.6), 1, made_questions(30), repeats=2, change=change))
    assert found.rows == 4 * 30 - 1
    assert isinstance(found.question_flips, Share)
    assert found.question_flips.of == 29
    assert [one.groups for one in found.accuracies] == [30, 29]


def grown(run: RecordedRun, repeats: dict[str, int]) -> RecordedRun:
    """The same run where some questions were asked less often."""
    questions = {
        id: replace(one, repeats=dict.fromkeys(one.rows, repeats[id])) if id in repeats else one
        for id, one in run.questions.items()
    }
    return replace(run, questions=questions)


def test_questions_asked_once_are_no_noise() -> None:
    """Three questions were asked three times, two more once, always A: nothing ever changes."""
    whole = recorded(always("A"), repeats=3, questions=made_questions(5))
    found = noise(grown(whole, {"made/3": 1, "made/4": 1}))
    assert [one.groups for one in found.accuracies] == [5, 3, 3]
    assert [one.average_accuracy for one in found.accuracies] == [25, 25, 25]
    assert (found.rows, found.row_flips.count, found.row_flips.of) == (12, 0, 36)
    assert isinstance(found.circular, Spread)
    for spread in (found.average, found.circular):
        assert (spread.questions, spread.sd, spread.sd_by_question) == (3, 0, 0)
        assert spread.difference95 == 0
    assert (found.average.mean, found.circular.mean) == (25, 0)


def test_spread_by_hand_where_questions_have_two_and_three_repeats() -> None:
    """Right rows of four: q 4, 2, 0; r 4, 4 and no third time; s 4 and never again."""
    right = {"q": (4, 2, 0), "r": (4, 4, 0), "s": (4, 0, 0)}

    def change(question: Question, one: Prediction) -> Prediction:
        letter = one.answer if one.rotation < right[question.id][one.repeat] else "Hm."
        return Prediction(**{**fields(one), "text": letter})

    questions = [placed(id, FOUR, "A") for id in right]
    run = recorded(guess, questions=questions, repeats=3, change=change)
    found = noise(grown(run, {"r": 2, "s": 1}))
    assert [one.average_accuracy for one in found.accuracies] == [100, 75, 0]
    # Of q the mean is 50 and the variance 50², of r 100 and 0; q alone has all three repeats.
    assert found.average.questions == 2
    assert found.average.mean == pytest.approx(75)
    assert found.average.sd == pytest.approx(50)
    assert found.average.sd_by_question == pytest.approx(math.sqrt(50**2 + 0) / 2)
    assert isinstance(found.question_flips, Share)
    assert (found.question_flips.count, found.question_flips.of) == (2, 4)


def test_with_one_rotation_there_is_no_circular_verdict() -> None:
    def change(question: Question, one: Prediction) -> Prediction | None:
        return one if one.rotation == 0 else None

    run = recorded(able(0.5, by_row=True), repeats=2, questions=made_questions(30), change=change)
    run = replace(
        run, questions={id: replace(q, rows={"vis": 1}) for id, q in run.questions.items()}
    )
    found = noise(run)
    assert isinstance(found.question_flips, Absent)
    assert isinstance(found.circular, Absent)
    assert isinstance(found.agreement, Absent)
    stream = io.StringIO()
    print_diagnosis(explain(run), Console(width=80, file=stream), False)
    assert "asked once more" in stream.getvalue()
    assert "circular verdict" not in stream.getvalue()


def test_flips_do_not_depend_on_the_number_of_repeats() -> None:
    """Two of ten rows get a point of four by chance: two answers differ in 27 of 100.

    Both are the model's own in 0.64; one is in 0.32, and is met in a quarter; of two guesses one in
    four agree: 1 - 0.64 - 0.32/4 - 0.04/4 = 0.27. Any of six answers would differ in 0.62.
    """
    wobbling = sometimes(0.2, guess, able(1.0))
    for repeats in (2, 6):
        found = noise(recorded(wobbling, 3, made_questions(400), repeats=repeats))
        assert found.row_flips.percent == pytest.approx(27, abs=2.5)
        assert found.row_flips.of == 1600 * repeats * (repeats - 1) // 2


def test_a_rarely_changing_model_is_steady_however_often_it_is_asked() -> None:
    """Two answers differ in 1 - 0.81 - 0.18/4 - 0.01/4 = 14 of 100 cases, less than 20."""
    wobbling = sometimes(0.1, guess, able(1.0))
    found = explain(recorded(wobbling, 1, made_questions(200), repeats=8))
    assert {one.code for one in found.verdict} == {"no-fault-found"}


def test_an_unsteady_model_is_named() -> None:
    wobbling = sometimes(0.4, guess, able(1.0))
    codes = {one.code for one in explain(recorded(wobbling, 1, repeats=2)).verdict}
    assert codes == {"unsteady"}
    steady = sometimes(0.02, guess, able(1.0))
    codes = {one.code for one in explain(recorded(steady, 1, repeats=2)).verdict}
    assert codes == {"no-fault-found"}


# --- probabilities ------------------------------------------------------------------------------


def scores(run: RecordedRun) -> Scores:
    found = explain(run).settings["vis"].scores
    assert isinstance(found, Scores)
    return found


def with_logits(bias: float, skill: float, seed: int = 0, number: int = 400) -> RecordedRun:
    """Logits: noise, ``skill`` for the right letter, ``bias`` for A; the likeliest is said."""

    def change(question: Question, one: Prediction) -> Prediction:
        dice = chance("logits", seed, one.id)
        logits = {letter: dice.gauss(0, 1) - 40 for letter in LETTERS}
        logits[one.answer] += skill
        logits["A"] += bias
        best = max(logits, key=lambda letter: logits[letter])
        return Prediction(**{**fields(one), "logprobs": logits, "text": best})

    return recorded(guess, seed, made_questions(number), change=change)


def test_no_probabilities_no_scores() -> None:
    found = explain(recorded(guess)).settings["vis"].scores
    assert found == Absent("no log-probabilities of the letters are recorded")


def test_calibration_against_an_independent_computation() -> None:
    special = pytest.importorskip("scipy.special", reason="an independent implementation")
    run = with_logits(bias=0.5, skill=1.5)
    found = scores(run)
    rows = list(run.recorded.by_id.values())
    chances = special.softmax([[one.logprobs[k] for k in LETTERS] for one in rows], axis=1)
    confidence, guessed = chances.max(axis=1), chances.argmax(axis=1)
    right = np.array([LETTERS[g] == one.answer for g, one in zip(guessed, rows, strict=True)])
    expected = 0.0
    for low in np.arange(10) / 10:
        inside = (confidence > low) & (confidence <= low + 0.1 + 1e-12)
        if inside.any():
            gap = abs(right[inside].mean() - confidence[inside].mean())
            expected += inside.sum() / len(rows) * gap
    assert found.expected_calibration_error == pytest.approx(100 * expected, abs=1e-6)
    assert sum(one.rows for one in found.reliability) == found.rows == 1600
    assert found.argmax.average_accuracy == pytest.approx(100 * right.mean())
    assert found.text == found.argmax


def test_bins_and_error_by_hand() -> None:
    """Probabilities 0.65 (right), 0.65, 0.38, 0.38 (wrong): |50-65|·2/4 + |0-38|·2/4 = 26.5."""
    logs = {
        0: {"A": math.log(0.65), "B": math.log(0.15), "C": math.log(0.1), "D": math.log(0.1)},
        1: {"A": math.log(0.65), "B": math.log(0.15), "C": math.log(0.1), "D": math.log(0.1)},
        2: {"A": math.log(0.38), "B": math.log(0.32), "C": math.log(0.2), "D": math.log(0.1)},
        3: {"A": math.log(0.38), "B": math.log(0.21), "C": math.log(0.21), "D": math.log(0.2)},
    }

    def change(question: Question, one: Prediction) -> Prediction:
        return Prediction(**{**fields(one), "logprobs": logs[one.rotation]})

    run = recorded(letters({"q": "ADCB"}), questions=[placed("q", FOUR, "A")], change=change)
    found = scores(run)
    assert found.expected_calibration_error == pytest.approx(26.5)
    filled = [one for one in found.reliability if one.rows]
    assert [(one.above, one.to, one.rows) for one in filled] == [(30, 40, 2), (60, 70, 2)]
    assert [one.accuracy for one in filled] == [0, 50]
    assert found.argmax.average_accuracy == 25
    assert found.text.average_accuracy == 100
    # The right point has the letters A, D, C, B: 0.65 + 0.1 + 0.2 + 0.21 = 1.16; point b, at B, A,
    # D, C: 0.15 + 0.65 + 0.1 + 0.21 = 1.11; the others have less than 1.
    assert isinstance(found.debiased, Share)
    assert (found.debiased.count, found.debiased.of) == (1, 1)
    assert found.debiased_text == 100


def test_letters_without_log_probability_are_impossible() -> None:
    def change(question: Question, one: Prediction) -> Prediction:
        return Prediction(**{**fields(one), "logprobs": {one.answer: -9.0, "A": -math.inf}})

    found = scores(recorded(guess, questions=made_questions(20), change=change))
    assert found.argmax.average_accuracy == pytest.approx(100, abs=26)  # A may be the right one
    assert {one.to for one in found.reliability if one.rows} == {100}


def test_mean_over_rotations_takes_a_bias_for_a_letter_away() -> None:
    biased = scores(with_logits(bias=6.0, skill=2.0))
    assert biased.argmax.average_accuracy is not None
    assert biased.argmax.average_accuracy < 35
    assert isinstance(biased.debiased, Share)
    assert biased.debiased.percent is not None
    assert biased.debiased.percent > 60
    fair = scores(with_logits(bias=0.0, skill=2.0))
    assert isinstance(fair.debiased, Share)
    assert fair.debiased.percent >= fair.argmax.average_accuracy


def test_rows_without_probabilities_are_left_out() -> None:
    def change(question: Question, one: Prediction) -> Prediction:
        known = one.rotation != 2
        return Prediction(**{**fields(one), "logprobs": {one.answer: -1.0} if known else None})

    found = scores(recorded(guess, questions=made_questions(20), change=change))
    assert found.rows == 60
    assert found.argmax.average_accuracy == 100
    assert found.argmax.circular_accuracy == 0  # no question has all four
    assert isinstance(found.debiased, Absent)

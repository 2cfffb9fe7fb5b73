"""What wrong answers choose, worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulating import able, letters, made_questions, mixes_up, placed, points, recorded

from lvlm_eval.diagnosis import Absent, explain
from lvlm_eval.diagnosis.parts.confusion import Confused, Confusion, Distance
from lvlm_eval.diagnosis.sides import KINDS, difference_of
from lvlm_eval.recorded_run import RecordedRun
from lvlm_eval.records import Candidate, Question


@pytest.mark.parametrize(
    ("name", "other", "same_concept", "kind"),
    [
        ("wheel_front_left", "wheel_front_right", True, "left-right"),
        ("wheel_front_left", "wheel_rear_left", True, "front-rear"),
        ("wheel_front_left", "wheel_back_left", True, "front-rear"),
        ("wheel_front_left", "wheel_rear_right", True, "several"),
        ("window_left_top", "window_left_bottom", False, "top-bottom"),
        ("hinge_upper", "hinge_lower", True, "top-bottom"),
        ("hinge_upper", "hinge_bottom", True, "top-bottom"),
        ("lid_front_rim", "lid_left_rim", True, "other-instance"),
        ("toe_1", "toe_2", True, "other-instance"),
        ("wheel_left", "lamp_right", False, "other-part"),
        ("left_1_toe", "right_2_toe", True, "other-instance"),
        ("rear", "rear_left", False, "other-part"),
        ("Wheel Front Left", "Wheel Front Right", False, "left-right"),
        ("wheelFrontLeft", "wheelFrontRight", False, "left-right"),
        ("leftover", "rightover", False, "other-part"),
    ],
)
def test_difference_of_names(name: str, other: str, same_concept: bool, kind: str) -> None:
    assert difference_of(name, other, same_concept) == kind
    assert difference_of(other, name, same_concept) == kind


WORDS = st.lists(
    st.sampled_from(("wheel", "left", "right", "front", "rear", "top", "lower", "2")), max_size=5
).map("_".join)


@given(WORDS, WORDS, st.booleans())
def test_difference_goes_both_ways(name: str, other: str, same: bool) -> None:
    assert difference_of(name, other, same) == difference_of(other, name, same)
    assert difference_of(name, other, same) in KINDS


def confusion(run: RecordedRun) -> Confusion:
    found = explain(run).settings["vis"].confusion
    assert isinstance(found, Confusion)
    return found


WHEELS = (("wheel_left", 0, 0), ("wheel_right", 30, 40), ("roof", 0, 60), ("door", 100, 0))


def test_by_hand() -> None:
    """Three wrong answers choose the other wheel once, the roof once and the door once."""
    run = recorded(points({"q": "ABCD"}), questions=[placed("q", WHEELS, "A")])
    found = confusion(run)
    assert found.wrong == 3
    assert isinstance(found.same_concept, Confused)
    wheel = found.kinds["left-right"]
    assert (wheel.chosen.count, wheel.chosen.of, wheel.questions) == (1, 3, 1)
    assert wheel.expected_percent == pytest.approx(100 / 3)
    assert (wheel.of_answers.count, wheel.of_answers.of) == (1, 4)
    assert wheel.p == pytest.approx(1 / 3)
    assert found.same_concept == wheel
    other = found.kinds["other-part"]
    assert (other.chosen.count, other.chosen.of) == (2, 3)
    assert other.expected_percent == pytest.approx(200 / 3)
    distance = found.distance
    assert isinstance(distance, Distance)
    assert distance.answers == 2
    # 60 and 100 px; the longer side has 200 px, the box's diagonal 100.
    assert distance.mean_of_side == pytest.approx(0.4)
    assert distance.expected_of_side == pytest.approx(0.4)
    assert distance.mean_of_diagonal == pytest.approx(0.8)
    assert (distance.nearest.count, distance.nearest.of) == (1, 2)
    assert distance.expected_nearest_percent == 50


def test_expectation_counts_how_many_there_are_to_choose() -> None:
    """Two other wheels of three distractors: by chance two in three; and the farther part."""
    points_of = (("wheel_1", 0, 0), ("wheel_2", 30, 40), ("wheel_3", 0, 60), ("door", 100, 0))
    run = recorded(points({"q": "ADDD"}), questions=[placed("q", points_of, "A", box=None)])
    found = confusion(run)
    assert isinstance(found.same_concept, Confused)
    assert found.same_concept.expected_percent == pytest.approx(200 / 3)
    assert found.same_concept.chosen.count == 0
    assert found.same_concept.p == 1
    distance = found.distance
    assert isinstance(distance, Distance)
    assert distance.mean_of_diagonal is None
    assert distance.nearest.of == 0  # there is no choice among other parts


def test_right_and_unread_answers_are_no_confusion() -> None:
    run = recorded(letters({"q": "A???"}), questions=[placed("q", WHEELS, "A")])
    assert confusion(run).wrong == 0
    assert confusion(run).kinds["left-right"].expected_percent is None


def test_evenly_spread_errors_meet_the_expectation() -> None:
    found = confusion(recorded(able(0.4), 2, made_questions(1500)))
    for kind in found.kinds.values():
        assert kind.chosen.ci95 is not None
        assert kind.expected_percent is not None
        assert kind.chosen.ci95[0] - 3 < kind.expected_percent < kind.chosen.ci95[1] + 3
        assert kind.p > 0.001
    assert isinstance(found.distance, Distance)
    assert found.distance.mean_of_side == pytest.approx(found.distance.expected_of_side, rel=0.05)


def test_chance_alone_is_rarely_called_a_confusion() -> None:
    """80 runs whose wrong points are kept, so that rows go together: p is below 0.05 in few."""
    questions = made_questions(60)
    values = [
        confusion(recorded(able(0.3), seed, questions)).kinds["left-right"].p for seed in range(80)
    ]
    assert sum(p < 0.05 for p in values) <= 9


def test_mixing_up_is_all_of_the_wrong_answers() -> None:
    found = confusion(recorded(mixes_up("left", "right", otherwise=1.0), 1))
    assert found.kinds["left-right"].chosen.percent == 100
    assert found.kinds["left-right"].of_answers.percent == 100
    assert found.wrong == found.kinds["left-right"].chosen.count == 4 * 27


def _of_table(question: Question) -> Question:
    """As a table tells it: letters alone."""
    return Question(
        *(question.id, None, None, question.category, None, None, None, None),
        tuple(Candidate(one.label) for one in question.candidates),
        *(question.answer, None, None),
    )


def test_a_table_has_no_names_to_mix_up() -> None:
    questions = [_of_table(one) for one in made_questions(60)]
    run = recorded(able(0.8), 1, questions, protocol="as written")
    found = explain(run).settings["vis"]
    assert isinstance(found.confusion, Absent)
    for name in ("concept", "keypoint", "object_size", "marker_spacing", "supercategory"):
        assert isinstance(found.breakdowns[name], Absent)
    assert not isinstance(found.breakdowns["category"], Absent)
    assert not isinstance(found.binding, Absent)
    (finding,) = found.verdict
    assert finding.code == "no-fault-found"
    assert "which points are mixed up" in finding.text

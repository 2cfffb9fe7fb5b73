"""Controls beside a run: figures by hand, and what is refused."""

import pytest
from simulating import able, always, guess, made_questions, recorded, rotations

from lvlm_eval.diagnosis import Absent, SettingDiagnosis, explain
from lvlm_eval.diagnosis.parts.controls import ControlPanel, Correspondence
from lvlm_eval.errors import InputError
from lvlm_eval.recorded_run import RecordedRun

QUESTIONS = made_questions(100)
GOOD = able(0.8)


def panel(main: RecordedRun, *controls: RecordedRun, setting: str = "vis") -> ControlPanel:
    found: SettingDiagnosis = explain(main, controls).settings[setting]
    assert isinstance(found.controls, ControlPanel)
    return found.controls


def test_figures_are_those_of_the_control_run_itself() -> None:
    main = recorded(GOOD, 1, QUESTIONS)
    blind = recorded(guess, 2, QUESTIONS, control="no-image")
    letter = recorded(always("A"), 2, QUESTIONS, control="letter")
    found = panel(main, letter, blind)
    assert [one.control for one in found.controls] == ["no-image", "letter"]
    assert found.main == explain(main).settings["vis"].accuracy
    first, second = found.controls
    assert first.accuracy == explain(blind).settings["vis"].accuracy
    assert (first.expected_average, first.blind) == (25, True)
    assert (second.accuracy.average_accuracy, second.expected_average) == (25, 100)
    assert not second.blind
    difference = first.main_less_control
    assert found.main.average_accuracy is not None
    assert first.accuracy.average_accuracy is not None
    assert difference.points == pytest.approx(
        found.main.average_accuracy - first.accuracy.average_accuracy
    )
    assert difference.ci95[0] < difference.points < difference.ci95[1]
    assert difference.questions == 100


def test_correspondence_is_what_no_blind_control_reaches() -> None:
    main = recorded(GOOD, 1, QUESTIONS)
    controls = [
        recorded(able(0.4), 2, QUESTIONS, control="target-only"),
        recorded(guess, 3, QUESTIONS, control="no-image"),
        recorded(able(0.99), 4, QUESTIONS, control="identity"),
    ]
    found = panel(main, *controls)
    assert isinstance(found.correspondence, Correspondence)
    assert found.correspondence.best_blind_control == "target-only"
    target_only = found.named("target-only")
    assert target_only is not None
    assert found.correspondence.part == target_only.main_less_control


def test_only_common_questions_are_compared() -> None:
    main = recorded(always("A"), 1, QUESTIONS)
    right = recorded(able(1.0), 1, QUESTIONS[:60], control="other-source")
    found = panel(main, right).controls[0].main_less_control
    assert found.questions == 60
    assert found.points == pytest.approx(25 - 100)


@pytest.mark.parametrize("control", ["other-source", "target-only"])
@pytest.mark.parametrize("setting", ["vis+desc", "desc"])
def test_words_can_stand_for_the_source(control: str, setting: str) -> None:
    """With a description nothing of the source is needed: no blind control, and no fault."""
    main = recorded(GOOD, 1, settings=(setting,))
    beside = recorded(GOOD, 1, settings=(setting,), control=control)
    found = panel(main, beside, setting=setting)
    assert not found.controls[0].blind
    assert found.controls[0].expected_average == found.main.average_accuracy
    assert isinstance(found.correspondence, Absent)
    assert {one.code for one in explain(main, [beside]).verdict} == {"no-fault-found"}


def test_a_control_without_the_setting_is_left_out() -> None:
    main = recorded(GOOD, 1, QUESTIONS, settings=("vis", "desc"))
    beside = recorded(guess, 1, QUESTIONS, settings=("vis",), control="no-image")
    settings = explain(main, [beside]).settings
    assert isinstance(settings["vis"].controls, ControlPanel)
    assert isinstance(settings["desc"].controls, Absent)


def test_without_controls_it_is_said_how_to_give_them() -> None:
    found = explain(recorded(GOOD, 1, QUESTIONS)).settings["vis"].controls
    assert isinstance(found, Absent)
    assert "--controls" in found.absent


def test_ids_of_control_rows_name_the_control() -> None:
    run = recorded(guess, 1, QUESTIONS[:1], control="mirror")
    assert list(run.recorded.by_id) == [f"{ask.id}/mirror" for ask in rotations(QUESTIONS[0])]
    assert explain(run).control == "mirror"


def test_a_control_that_was_run_otherwise_is_noted() -> None:
    main = recorded(GOOD, 1, QUESTIONS, decode="text")
    same = recorded(guess, 1, QUESTIONS, control="letter", decode="text", prompt="another")
    other = recorded(guess, 1, QUESTIONS, control="mirror", decode="choice", rotations=1)
    found = explain(main, [same, other])
    assert found.notes == ("control 'mirror' differs from the run in: decode, rotations",)


def test_a_run_without_control_is_refused() -> None:
    with pytest.raises(InputError, match="was run without a control"):
        explain(recorded(GOOD, 1, QUESTIONS), [recorded(GOOD, 2, QUESTIONS)])


def test_a_control_of_another_model_is_refused() -> None:
    other = recorded(GOOD, 1, QUESTIONS, control="mirror", model="other")
    with pytest.raises(InputError, match="of model 'other', the run of 'simulated'"):
        explain(recorded(GOOD, 1, QUESTIONS), [other])


def test_a_control_of_other_questions_is_refused() -> None:
    other = recorded(GOOD, 1, control="mirror")
    with pytest.raises(InputError, match="has no question of"):
        explain(recorded(GOOD, 1, QUESTIONS), [other])


def test_a_control_that_stands_twice_is_refused() -> None:
    two = [recorded(GOOD, seed, QUESTIONS, control="mirror") for seed in (1, 2)]
    with pytest.raises(InputError, match="'mirror' is given twice"):
        explain(recorded(GOOD, 1, QUESTIONS), two)


def test_controls_of_a_control_are_refused() -> None:
    one = recorded(GOOD, 1, QUESTIONS, control="mirror")
    with pytest.raises(InputError, match="itself the control 'mirror'"):
        explain(one, [recorded(GOOD, 1, QUESTIONS, control="letter")])


def test_an_unanswered_control_is_refused() -> None:
    empty = recorded(GOOD, 1, QUESTIONS, control="mirror", change=lambda *_: None)
    with pytest.raises(InputError, match="no answers yet"):
        explain(recorded(GOOD, 1, QUESTIONS), [empty])

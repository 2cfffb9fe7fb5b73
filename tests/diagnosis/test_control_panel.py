"""Controls beside a run: figures by hand, and what is refused."""

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console
from simulating import able, always, guess, made_questions, recorded, rotations

from lvlm_eval.diagnosis import Absent, SettingDiagnosis, explain
from lvlm_eval.diagnosis.parts.controls import ControlPanel, Correspondence
from lvlm_eval.errors import InputError
from lvlm_eval.recorded_run import RecordedRun
from lvlm_eval.records import Ask, Control, Prediction, Question
from lvlm_eval.report.explaining import print_diagnosis
from lvlm_eval.runs.folder import Manifest

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


POLICY = {"seed": 0, "distractors": "random", "min_distance": 0.0, "pairs_per_category": 20}
IDENTITY = {
    "dataset": "a" * 64,
    "questions": POLICY,
    "renderer": {"name": "red-arrow", "style": {"size": 1, "words": "w" * 40}},
    "prompt": {"name": "soco", "answer": "Answer with one letter."},
    "decode": "text",
    "rotations": 4,
}


def identified(control: Control | None = None, **changed: Any) -> RecordedRun:
    """A run with all fields that decide its answers, some of them changed."""
    one = recorded(GOOD, 1, QUESTIONS[:3], control=control)
    identity = {**one.identity, **IDENTITY, **changed}
    return replace(one, manifest=replace(one.manifest, identity=identity))


@pytest.mark.parametrize(
    ("control", "changed", "said"),
    [
        ("no-image", {}, None),
        ("no-image", {"decode": "choice"}, 'decode ("choice", the run "text")'),
        ("no-image", {"rotations": 1}, "rotations (1, the run 4)"),
        ("no-image", {"dataset": "b" * 64}, "dataset"),
        ("no-image", {"questions": {**POLICY, "seed": 7}}, "questions.seed (7, the run 0)"),
        ("no-image", {"protocol": "markers"}, 'protocol ("markers", the run "options")'),
        ("no-image", {"prompt": {"name": "short"}}, 'prompt ("short", the run "soco")'),
        ("no-image", {"prompt": {"name": "soco", "answer": "x" * 50}}, "prompt.answer"),
        ("no-image", {"renderer": {"name": "dot"}}, 'renderer ("dot", the run "red-arrow")'),
        # Questions that are drawn anew have another fingerprint, but the same policy.
        ("mirror", {"dataset": "b" * 64}, None),
        ("mirror", {"questions": {**POLICY, "seed": 7}}, "questions.seed (7, the run 0)"),
        ("mirror", {"prompt": {"name": "short"}}, 'prompt ("short", the run "soco")'),
        # Which letter stands there is another question, put in other words.
        ("letter", {"prompt": {"name": "which-letter"}, "protocol": "markers"}, None),
        ("letter", {"dataset": "b" * 64}, "dataset"),
        ("letter", {"decode": "score"}, 'decode ("score", the run "text")'),
    ],
)
def test_what_else_differs_is_noted(
    control: Control, changed: dict[str, Any], said: str | None
) -> None:
    expected = () if said is None else (f"control '{control}' differs from the run in: {said}",)
    assert explain(identified(), [identified(control, **changed)]).notes == expected


def test_several_fields_and_other_files_are_noted() -> None:
    main = identified()
    main = replace(main, manifest=replace(main.manifest, files={"a.png": "1", "b.png": "2"}))
    other = identified("mirror", rotations=2)
    manifest = Manifest(
        other.manifest.identity, {"calls": [{"data_name": "elsewhere"}]}, {"a.png": "3"}
    )
    (line,) = explain(main, [replace(other, manifest=manifest)]).notes
    assert line == (
        "control 'mirror' differs from the run in: rotations (2, the run 4), "
        'data ("elsewhere", the run "sample"), the content of 1 file'
    )


def test_an_incomplete_control_is_marked() -> None:
    """Of 400 rows of the control, those of 20 questions are missing, and one row of 10 failed."""
    gone = {one.id for one in QUESTIONS[:20]}
    failing = {one.id for one in QUESTIONS[20:30]}

    def change(question: Question, one: Prediction) -> Prediction | None:
        if question.id in gone:
            return None
        if question.id in failing and one.rotation == 0:
            return replace(one, status="error", text=None)
        return one

    main = recorded(able(1.0), 1, QUESTIONS)
    control = recorded(guess, 2, QUESTIONS, control="no-image", change=change)
    whole = recorded(guess, 3, QUESTIONS, control="other-source")
    found = explain(main, [control, whole])
    one, other = found.to_json()["settings"]["vis"]["controls"]["controls"]
    assert (one["complete"], one["answered"], one["planned"]) == (False, 310, 400)
    assert (other["complete"], other["answered"], other["planned"]) == (True, 400, 400)
    assert one["main_less_control"]["questions"] == 80
    stream = io.StringIO()
    print_diagnosis(found, Console(width=80, file=stream), False)
    shown = stream.getvalue()
    assert shown.count("INCOMPLETE") == 2  # in the table, and below it
    assert "INCOMPLETE no-image: 310 of 400 rows answered" in shown


def test_figures_of_the_table_and_the_verdict_are_over_common_questions() -> None:
    """The run is right in the first 60 questions and wrong after, the control asked these alone."""
    first = {one.id for one in QUESTIONS[:60]}

    def behaviour(question: Question, ask: Ask, seed: str) -> str:
        return able(1.0 if question.id in first else 0.0)(question, ask, seed)

    main = recorded(behaviour, 1, QUESTIONS)
    found = explain(main, [recorded(able(1.0), 1, QUESTIONS[:60], control="no-markers")])
    controls = found.settings["vis"].controls
    assert isinstance(controls, ControlPanel)
    (one,) = controls.controls
    assert controls.main.average_accuracy == 60
    assert (one.main_common.average_accuracy, one.main_common.groups) == (100, 60)
    assert (one.common.average_accuracy, one.common.groups) == (100, 60)
    assert (one.main_less_control.points, one.main_less_control.questions) == (0, 60)
    finding = next(one for one in found.verdict if one.code == "blind-to-markers")
    assert "100.0 % against 100.0 % over 60 questions, +0.0 points" in finding.text
    stream = io.StringIO()
    print_diagnosis(found, Console(width=80, file=stream), False)
    (line,) = [line for line in stream.getvalue().splitlines() if "(run, same n)" in line]
    assert line.split()[3:5] == ["60", "100.0"]


@pytest.mark.parametrize(("number", "sure"), [(60, False), (1000, True)])
def test_no_better_is_said_only_where_much_better_is_excluded(number: int, sure: bool) -> None:
    """Two runs that are right in half of the questions, each in its own: what differs is chance."""
    questions = made_questions(number)
    main = recorded(able(0.5), 1, questions)
    found = explain(main, [recorded(able(0.5), 2, questions, control="no-markers")])
    controls = found.settings["vis"].controls
    assert isinstance(controls, ControlPanel)
    low, high = controls.controls[0].main_less_control.ci95
    assert low <= 0
    assert (high < 10) == sure
    (finding,) = found.verdict
    assert finding.code == ("blind-to-markers" if sure else "no-fault-found")
    if not sure:
        assert "cannot be told whether the run is better than its control" in finding.text


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

"""Breakdowns against score and pandas; texts by hand."""

import pytest
from simulating import able, garbage, made_questions, placed, recorded, sample, sometimes

from lvlm_eval.diagnosis import Absent, SettingDiagnosis, explain
from lvlm_eval.diagnosis.parts.breakdown import Slice
from lvlm_eval.metrics import Accuracy, score
from lvlm_eval.recorded_run import RecordedRun
from lvlm_eval.records import Prediction, Question

GOOD = able(0.7, by_row=True)


def vis(run: RecordedRun, parser: str = "official") -> SettingDiagnosis:
    return explain(run, parser=parser).settings["vis"]


def slices(found: SettingDiagnosis, name: str) -> dict[str, Accuracy]:
    parts = found.breakdowns[name]
    assert not isinstance(parts, Absent)
    return {one.name: one.accuracy for one in parts}


def test_categories_and_supercategories_are_those_of_score() -> None:
    run = recorded(GOOD, 1)
    metrics = score(run.rows, run.questions, "planned")
    for name, theirs in (
        ("category", metrics.categories["vis"]),
        ("supercategory", metrics.supercategories["vis"]),
    ):
        ours = slices(vis(run), name)
        assert list(ours) == list(theirs)
        for key, one in ours.items():
            other = theirs[key]["official"]
            assert (one.groups, one.rows) == (other.groups, other.rows)
            assert one.circular_accuracy == pytest.approx(other.circular_accuracy)
            assert one.average_accuracy == pytest.approx(other.average_accuracy)
            assert one.average_ci95 == pytest.approx(other.average_ci95, abs=1e-5)


def test_every_question_is_in_one_slice_of_each_breakdown() -> None:
    for name, parts in vis(recorded(GOOD, 1)).breakdowns.items():
        assert not isinstance(parts, Absent), name
        assert sum(one.accuracy.groups for one in parts) == 200


def test_concepts_keypoints_and_their_number_by_hand() -> None:
    wheels = (("wheel_left", 0, 0), ("wheel_right", 30, 0), ("roof", 0, 40), ("wheel_rear", 9, 0))
    questions = [placed("p", wheels, "A"), placed("q", wheels, "B"), placed("r", wheels, "C")]
    found = vis(recorded(able(1.0), questions=questions))
    assert {k: v.groups for k, v in slices(found, "concept").items()} == {"roof": 1, "wheel": 2}
    assert list(slices(found, "keypoint")) == ["roof", "wheel_left", "wheel_right"]
    counts = slices(found, "same_concept_candidates")
    assert {name: one.groups for name, one in counts.items()} == {"1": 1, "3": 2}
    # 9 px of 200 for all: one quarter holds everything.
    assert {k: v.groups for k, v in slices(found, "marker_spacing").items()} == {"4.5–4.5 %": 3}
    # 60·80 of 200·100 px.
    assert list(slices(found, "object_size")) == ["24.0–24.0 %"]


def test_quarters_are_those_of_pandas() -> None:
    pandas = pytest.importorskip("pandas", reason="an independent implementation")
    values = []
    for question in sample().questions:
        assert question.target is not None and question.target.box is not None
        width, height = question.target.size
        left, top, right, bottom = question.target.box
        part = (min(right, width) - max(left, 0)) * (min(bottom, height) - max(top, 0))
        values.append(part / (width * height))
    expected = pandas.Series(pandas.qcut(values, 4)).value_counts(sort=False).tolist()
    sizes = slices(vis(recorded(GOOD, 1)), "object_size").values()
    assert [one.groups for one in sizes] == expected


@pytest.mark.parametrize(
    ("box", "share"),
    [((-50, -50, 100, 400), "50.0"), ((100, 20, 900, 900), "40.0"), ((300, 0, 400, 50), "0.0")],
)
def test_a_box_beyond_the_photo_counts_as_far_as_it_shows(
    box: tuple[float, ...], share: str
) -> None:
    """The photo has 200·100 px."""
    four = (("a", 0, 0), ("b", 30, 0), ("c", 0, 40), ("d", 9, 0))
    found = vis(recorded(GOOD, questions=[placed("q", four, "A", box=box)]))
    assert list(slices(found, "object_size")) == [f"{share}–{share} %"]


def test_without_boxes_there_is_no_size() -> None:
    four = (("a", 0, 0), ("b", 30, 0), ("c", 0, 40), ("d", 9, 0))
    found = vis(recorded(GOOD, questions=[placed("q", four, "A", box=None)]))
    assert found.breakdowns["object_size"] == Absent("the data has no boxes of objects")
    assert not isinstance(found.breakdowns["marker_spacing"], Absent)


def told(*texts: str, **changed: object) -> RecordedRun:
    """One question whose rows have these texts, the right letters being A, D, C, B."""
    four = (("a", 0, 0), ("b", 30, 0), ("c", 0, 40), ("d", 9, 0))

    def change(question: Question, one: Prediction) -> Prediction:
        fields = {name: getattr(one, name) for name in one.__dataclass_fields__}
        status = changed.get(f"status{one.rotation}", "ok")
        return Prediction(**{**fields, "text": texts[one.rotation], "status": status})

    return recorded(GOOD, questions=[placed("q", four, "A")], change=change)


def test_lengths_and_unread_answers_by_hand() -> None:
    found = vis(told("A", "I see a point.", "", "\x1b[31m" + "x" * 200)).texts
    assert (found.answers, found.longest, found.median_length) == (4, 205, 7.5)
    # The official parser takes the article for A; nothing else is read.
    assert found.unparsed["official"].answers.count == 2
    assert found.unparsed["strict"].answers.count == 3
    assert found.unparsed["strict"].examples[:2] == ("I see a point.", "")
    (long,) = found.unparsed["strict"].examples[2:]
    assert len(long) == 103
    assert long.isprintable()
    assert found.trouble.count == 3


def test_parsers_that_differ_by_hand() -> None:
    """Right are A, D, C, B. Official reads A, A, C, D; strict reads A, none, C, B."""
    texts = ("A", "I see a point.", "C", "Selected: point B (not D). Answer: B")
    found = vis(told(*texts)).texts.parsers
    assert (found.differing.count, found.differing.of) == (2, 4)
    assert sum(found.by_rule.values()) == 2
    assert found.by_rule["official lone-letter → strict none"] == 1
    assert found.official.average_accuracy == 50
    assert found.strict.average_accuracy == 75
    assert found.average_difference == 25
    assert found.circular_difference == 0


def test_cut_off_and_refused_answers() -> None:
    found = vis(told("A", "So I think", "", "B", status1="truncated", status2="refused")).texts
    assert (found.truncated.answers.count, found.refused.answers.count) == (1, 1)
    assert found.truncated.examples == ("So I think",)
    assert found.unparsed["strict"].answers.count == 1  # the refused one is not among them
    assert found.trouble.count == 2


def test_a_failed_request_is_no_answer() -> None:
    found = vis(told("A", "", "C", "B", status1="error")).texts
    assert found.answers == 3
    assert found.trouble.count == 0


def test_the_parser_that_is_asked_for_makes_the_figures() -> None:
    run = recorded(sometimes(0.5, lambda *_: "I see a point.", able(1.0)), 1, made_questions(60))
    official, strict = vis(run), vis(run, "strict")
    assert official.position.letters["A"].count > strict.position.letters["A"].count
    assert strict.accuracy == strict.texts.parsers.strict
    assert official.accuracy == strict.texts.parsers.official


def test_garbage_examples_are_different_ones() -> None:
    trouble = vis(recorded(sometimes(0.2, garbage, GOOD), 1)).texts.unparsed["strict"]
    assert len(trouble.examples) == len(set(trouble.examples)) == 3


def test_a_slice_is_a_record() -> None:
    accuracy = Accuracy(1, 4, 100.0, 100.0, None, None)
    assert Slice("car", accuracy) == Slice("car", accuracy)

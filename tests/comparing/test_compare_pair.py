"""Two runs in one setting: figures worked out by hand, what is paired, and what is refused."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated_runs import question, run
from statsmodels.stats.inter_rater import cohens_kappa as reference_kappa

from lvlm_eval.comparing import CLUSTERS, AnswerAgreement, Flips, RightWrong, compare_pair
from lvlm_eval.comparing.agreement import cohens_kappa
from lvlm_eval.errors import InputError
from lvlm_eval.metrics import score
from lvlm_eval.records import Candidate, ImageInfo, Query

A = {"1": "RRRR", "2": "RRRR", "3": "RRRR", "4": "RRAC", "5": "AAAA", "6": "-RRR"}
B = {"1": "RRRR", "2": "RRRC", "3": "AAAA", "4": "RRRR", "5": "AADR", "6": "-RRR"}


def test_figures_by_hand():
    found = compare_pair(run(A), run(B, "b"), "vis", cluster="question")
    assert found.questions == 6 and found.left_out == 0
    # circular: 1, 2, 3 against 1, 4; average: 4+4+4+2+0+3 against 4+3+0+4+1+3, of 24
    assert (found.circular_a, found.circular_b) == (pytest.approx(50), pytest.approx(100 / 3))
    assert found.circular_difference == pytest.approx(-100 / 6)
    assert found.average_a == pytest.approx(100 * 17 / 24)
    assert found.average_difference == pytest.approx(100 * (15 - 17) / 24)
    assert found.right_wrong == RightWrong(both_right=1, only_a=2, only_b=1, both_wrong=2)
    assert found.flips == Flips(only_a=("2", "3"), only_b=("4",))
    assert found.mcnemar_p == 1
    # Same point in 4, 3, 0, 2, 2 and 3 rows; both unread, as in the last, is no choice.
    assert found.agreement.rows == 24
    assert found.agreement.same == pytest.approx(100 * (4 + 3 + 0 + 2 + 2 + 3) / 24)
    assert found.notes == ()


def test_figures_are_those_of_metrics_json():
    found = compare_pair(run(A), run(B, "b"), "vis")
    for marks, circular, average in (
        (A, found.circular_a, found.average_a),
        (B, found.circular_b, found.average_b),
    ):
        own = score(run(marks).rows, {}, "planned").settings["vis"]["official"]
        assert own.circular_accuracy == pytest.approx(circular, abs=1e-6)
        assert own.average_accuracy == pytest.approx(average, abs=1e-6)


def test_json_is_rounded_and_plain():
    document = compare_pair(run(A), run(B, "b"), "vis").to_json()
    assert document["circular_b"] == 33.333333
    assert document["right_wrong"] == {"both_right": 1, "only_a": 2, "only_b": 1, "both_wrong": 2}
    assert document["flips"] == {"only_a": ["2", "3"], "only_b": ["4"]}
    assert document["holm"] == {}
    assert isinstance(document["circular_ci95"], list)


def test_a_question_with_a_failed_or_missing_row_is_left_out_and_said():
    a = run(A | {"7": "RRRE"})
    b = run(B | {"7": "RRRR", "1": "RRR "}, "b", questions=a.questions)
    found = compare_pair(a, b, "vis")
    assert (found.questions, found.left_out) == (5, 2)
    assert "1" not in found.flips.only_a and found.right_wrong.both_right == 0
    assert found.notes[0].startswith("2 of 7 questions have a failed or missing row")
    assert "(1 in a, 1 in b)" in found.notes[0]


def test_nothing_answered_in_full_is_refused():
    a = run({"1": "RRRE"})
    with pytest.raises(InputError, match="no question in vis that both answered in full"):
        compare_pair(a, run({"1": "RRRR"}, "b"), "vis")


def test_one_rotation_has_no_circular_accuracy_but_its_other_figures():
    found = compare_pair(
        run({"1": "R", "2": "R", "3": "A"}), run({"1": "R", "2": "A", "3": "A"}), "vis"
    )
    circular = (found.circular_a, found.circular_b, found.circular_difference)
    assert (*circular, found.circular_ci95, found.circular_p) == (None,) * 5
    assert found.average_difference == pytest.approx(-100 / 3)
    assert found.right_wrong == RightWrong(1, 1, 0, 1)
    assert found.flips == Flips(("2",), ())
    assert any("one rotation" in note for note in found.notes)


def test_other_numbers_of_rotations_are_said():
    found = compare_pair(run({"1": "RRRA", "2": "AAAA"}), run({"1": "R", "2": "R"}, "b"), "vis")
    assert found.circular_a is None and found.average_a == pytest.approx(37.5)
    assert found.average_b == 100 and found.agreement.rows == 0
    assert any("a has 4 rows a question and b 1" in note for note in found.notes)


def test_parsers():
    a, b = run({"1": "RRRR", "2": "AAAA"}), run({"1": "RRRR", "2": "RRRR"}, "b")
    said = {
        id: replace(one, text="I cannot find a matching point") if one.question == "1" else one
        for id, one in a.recorded.by_id.items()
    }
    a = replace(a, recorded=replace(a.recorded, by_id=said))
    # official reads the article as option A, which is right in rotation 1, where A means B
    assert compare_pair(a, b, "vis").average_a == pytest.approx(12.5)
    assert compare_pair(a, b, "vis", parser="strict").average_a == 0


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ({"query": Query("wheel_left", "wheel", 10.5, 20.0)}, "query x"),
        ({"query": Query("wheel_right", "wheel", 10.0, 20.0)}, "query name"),
        ({"target": ImageInfo("other.jpg", (80, 60))}, "target"),
        ({"answer": "C"}, "right point"),
        ({"category": "bus"}, "category"),
    ],
)
def test_another_question_of_the_same_id_is_another_question(changed, part):
    a = run(dict.fromkeys("12", "RRRR"))
    asked = {"1": question("1", **changed), "2": question("2")}
    b = run(dict.fromkeys("12", "RRRR"), "b", asked)
    with pytest.raises(InputError) as refused:
        compare_pair(a, b, "vis")
    text = str(refused.value)
    assert "1 only in a, 1 only in b, 1 in common; 1 of one id" in text, part
    assert "--common" in text
    assert compare_pair(a, b, "vis", common=True).questions == 1


def test_more_questions_in_one_run():
    a, b = run(A), run({"1": "RRRR", "9": "RRRR"}, "b")
    with pytest.raises(InputError, match=r"5 only in a, 1 only in b, 1 in common. Give --common"):
        compare_pair(a, b, "vis")
    found = compare_pair(a, b, "vis", common=True)
    assert found.questions == 1
    assert "compared on the 1 common questions: 5 are only in a, 1 only in b" in found.notes[0]


@pytest.mark.parametrize("common", [False, True])
def test_nothing_in_common(common):
    with pytest.raises(InputError, match=r"1 only in a, 1 only in b, 0 in common. Runs are"):
        compare_pair(run({"1": "RRRR"}), run({"2": "RRRR"}, "b"), "vis", common=common)


def test_another_photo_under_the_same_name_is_another_question():
    a = run({"1": "RRRR"}, files={"t.jpg": "x"})
    with pytest.raises(InputError, match="0 in common"):
        compare_pair(a, run({"1": "RRRR"}, "b", files={"t.jpg": "y"}), "vis")
    for files in ({}, {"t.jpg": "x"}):
        assert compare_pair(a, run({"1": "RRRR"}, "b", files=files), "vis").questions == 1


def test_other_distractors_are_a_note():
    other = question("1").candidates
    other = (Candidate("A", "elsewhere", None, 1.0, 1.0), *other[1:])
    b = run(
        {"1": "RRRR", "2": "RRRR"}, "b", {"1": question("1", candidates=other), "2": question("2")}
    )
    found = compare_pair(run({"1": "RRRR", "2": "RRRR"}), b, "vis")
    assert found.questions == 2 and found.agreement.rows == 4
    assert any("1 of 2 questions offer other candidates" in note for note in found.notes)


def test_a_control_may_move_the_points():
    mirrored = question(
        "1",
        query=Query("wheel_left", "wheel", 70.0, 20.0),
        candidates=tuple(replace(one, x=80 - one.x) for one in question("1").candidates),
        control="mirror",
    )
    plain = run({"1": "RRRR"})
    asked = {
        f"{id}/mirror": replace(one, id=f"{id}/mirror") for id, one in plain.recorded.by_id.items()
    }
    control = run({"1": "RRRR"}, "b", {"1": mirrored}, control="mirror")
    control = replace(control, recorded=replace(control.recorded, by_id=asked))
    found = compare_pair(plain, control, "vis")
    assert found.questions == 1 and found.agreement.same == 100


def test_tables_are_paired_by_id_and_category_and_count_as_independent():
    asked = {key: question(key, None) for key in "123"}
    a = run({"1": "RRRR", "2": "AAAA", "3": "RRRR"}, "a", asked)
    b = run({"1": "RRRR", "2": "RRRR", "3": "AAAA"}, "b", asked)
    found = compare_pair(a, b, "vis")
    assert found.cluster == "question" and found.questions == 3
    assert any("does not tell the photos" in note for note in found.notes)
    other = run({"1": "RRRR"}, "b", {"1": question("1", None, category="bus")})
    with pytest.raises(InputError, match="1 of one id"):
        compare_pair(a, other, "vis")


def test_few_photos_are_said():
    found = compare_pair(run(A), run(B, "b"), "vis")  # all questions are of the same two photos
    assert found.circular_ci95 == (-100, 100)
    assert any("few photos" in note for note in found.notes)


def two_photos_a_question(count, photos):
    return {
        f"{i}": question(f"{i}", (f"s{i % photos}", f"t{i * 7 % photos}")) for i in range(count)
    }


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_what_few_discordant_questions_cannot_show_is_none(cluster):
    """An identical copy once said 36.9 points beside an interval of 9.2."""
    asked = two_photos_a_question(40, 11)
    a = run(dict.fromkeys(asked, "RRRR"), "a", asked)
    for wrong in (0, 1, 4, 5, 12):
        marks = {key: "AAAA" if int(key) < wrong else "RRRR" for key in asked}
        found = compare_pair(a, run(marks, "b", asked), "vis", cluster=cluster)
        assert found.right_wrong.only_a == wrong
        assert (found.smallest_difference is None) == (wrong < 5)
    # All questions flip the same way: nothing varies, so nothing tells what goes together.
    opposite = run(dict.fromkeys(asked, "AAAA"), "b", asked)
    assert compare_pair(a, opposite, "vis", cluster=cluster).smallest_difference is None


def test_least_shown_needs_photos_that_do_not_all_hang_together():
    asked = {f"{i}": question(f"{i}", ("s", f"t{i}")) for i in range(20)}
    a = run(dict.fromkeys(asked, "RRRR"), "a", asked)
    b = run({key: "AAAA" if int(key) % 2 else "RRRR" for key in asked}, "b", asked)
    assert compare_pair(a, b, "vis").smallest_difference is None
    assert compare_pair(a, b, "vis", cluster="question").smallest_difference > 0


def test_questions_of_one_pair_are_related():
    asked = {f"{i}": question(f"{i}", (f"s{i}", f"t{i}"), pair=f"p{i // 2}") for i in range(40)}
    marks = [
        {key: one * (int(key) % 4 < 2) or other for key in asked}
        for one, other in (("RRRR", "AAAA"), ("AAAA", "RRRR"))
    ]
    a, b = run(marks[0], "a", asked), run(marks[1], "b", asked)
    by = {cluster: compare_pair(a, b, "vis", cluster=cluster) for cluster in CLUSTERS}
    assert by["pair"].design_effect == pytest.approx(2, rel=0.06)
    assert by["image"].design_effect == by["question"].design_effect == pytest.approx(1)
    assert by["pair"].degrees_of_freedom == pytest.approx(19)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"parser": "strickt"}, "Did you mean 'strict'"),
        ({"cluster": "photo"}, "--cluster 'photo' is unknown"),
    ],
)
def test_unknown_names(changed, message):
    with pytest.raises(InputError, match=message):
        compare_pair(run(A), run(B), "vis", **changed)


def test_a_setting_that_one_lacks():
    with pytest.raises(InputError, match=r"a has no rows in desc. Its settings: vis"):
        compare_pair(run(A), run(B), "desc")


MARKS = st.text("RAC-", min_size=4, max_size=4)


@given(st.lists(st.tuples(MARKS, MARKS), min_size=1, max_size=12))
def test_rules_that_hold_for_all(marks):
    keys = [f"{place:02}" for place in range(len(marks))]
    asked = {
        key: question(key, (f"s{place % 5}", f"t{place % 3}")) for place, key in enumerate(keys)
    }
    a = run({key: one for key, (one, _) in zip(keys, marks, strict=True)}, "a", asked)
    b = run({key: one for key, (_, one) in zip(keys, marks, strict=True)}, "b", asked)
    there, back = compare_pair(a, b, "vis"), compare_pair(b, a, "vis")
    counts = there.right_wrong
    assert counts.both_right + counts.only_a + counts.only_b + counts.both_wrong == len(marks)
    assert there.circular_difference == pytest.approx(
        100 * (counts.only_b - counts.only_a) / len(marks)
    )
    assert there.circular_difference == pytest.approx(-back.circular_difference)
    assert there.mcnemar_p == back.mcnemar_p and there.average_p == pytest.approx(back.average_p)
    assert (there.flips.only_a, there.flips.only_b) == (back.flips.only_b, back.flips.only_a)
    low, high = there.average_ci95
    assert -100 <= low <= high <= 100
    itself = compare_pair(a, a, "vis")
    assert itself.average_difference == 0 and itself.average_p == 1 and itself.mcnemar_p == 1
    assert itself.flips == Flips((), ())


@given(st.lists(st.tuples(st.sampled_from("ABCD"), st.sampled_from("ABCD")), min_size=1))
def test_kappa_agrees_with_statsmodels(choices):
    table = [[sum(pair == (a, b) for pair in choices) for b in "ABCD"] for a in "ABCD"]
    ours = cohens_kappa(choices)
    if len(set(choices)) == 1 and choices[0][0] == choices[0][1]:
        assert ours is None  # chance alone would agree always
    else:
        assert ours == pytest.approx(reference_kappa(table, return_results=False))


def test_kappa_without_choices():
    assert cohens_kappa([]) is None
    found = compare_pair(run({"1": "----"}), run({"1": "----"}), "vis")
    assert found.agreement == AnswerAgreement(4, 0, None)

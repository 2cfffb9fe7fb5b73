"""Metrics of hand-worked tables of rows, and rules that hold for all."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvlm_eval.intervals import clustered, wilson
from lvlm_eval.metrics import score
from lvlm_eval.records import Question, Reading, ScoredRow


def row(question, rotation, mark, *, setting="vis", answer="A", status="ok"):
    """One row: the mark is R right, W wrong, - unread; both parsers agree."""
    if status in ("error", None):
        wrong = {"official": False, "strict": False}
        return ScoredRow(question, setting, rotation, answer, status, {}, wrong)
    letter = {"R": answer.strip().upper(), "W": "B" if answer != "B" else "C", "-": None}[mark]
    reading = Reading(letter, "none" if letter is None else "lone-letter")
    right = (letter or "") == answer.strip().upper()
    return ScoredRow(
        question,
        setting,
        rotation,
        answer,
        status,
        {"official": reading, "strict": reading},
        {"official": right, "strict": right and bool(answer.strip())},
    )


def group(question, marks, **more):
    return [row(question, place, mark, **more) for place, mark in enumerate(marks)]


def question(key, category, supercategory):
    return Question(
        key, None, None, category, supercategory, None, None, None, (), None, None, None
    )


def figures(rows, policy="planned", setting="vis", parser="official"):
    return score(rows, {}, policy).settings[setting][parser]


def test_a_complete_run():
    # 3 questions: 4, 2 and 0 rows right. Circular 1/3, average 6/12.
    found = figures([*group("1", "RRRR"), *group("2", "RWR-"), *group("3", "WWWW")])
    assert found.circular_accuracy == 33.333333
    assert found.average_accuracy == 50.0
    assert found.circular_ci95 == pytest.approx(wilson(1, 3), abs=1e-6)
    assert found.average_ci95 == pytest.approx(clustered([(4, 4), (2, 4), (0, 4)]), abs=1e-6)
    assert (found.groups, found.rows, found.answered, found.unparsed) == (3, 12, 12, 1)
    assert found.right_of_group == {"0": 1, "1": 0, "2": 1, "3": 0, "4": 1}
    assert found.letters_chosen == {"A": 6, "B": 5, "C": 0, "D": 0, "none": 1}
    assert found.rules == {"lone-letter": 11, "none": 1}
    assert found.complete and found.incomplete_groups == ()


def test_a_failed_or_missing_row_is_no_wrong_answer_but_spoils_its_group():
    rows = [
        *group("1", "RRRR"),
        *group("2", "RRR"),
        row("2", 3, "", status="error"),
        *group("3", "RW"),
        row("3", 2, "", status=None),
        row("3", 3, "", status=None),
        *group("4", "RRR"),  # three rows were planned
    ]
    found = figures(rows)
    # circular 2 of 4; average over the 4 + 3 + 2 + 3 answered rows, of which 11 are right
    assert found.circular_accuracy == 50.0
    assert found.average_accuracy == round(100 * 11 / 12, 6)
    assert (found.rows, found.answered, found.errors, found.missing) == (15, 12, 1, 2)
    assert not found.complete
    assert found.incomplete_groups == ("2", "3")
    assert any("2 of 4 questions" in text for text in score(rows, {}, "planned").warnings)


def test_a_run_without_any_answer():
    found = figures([row("1", place, "", status="error") for place in range(4)])
    assert (found.circular_accuracy, found.average_accuracy) == (0.0, None)
    assert found.average_ci95 is None


def test_found_groups_are_scored_with_the_rows_they_have():
    rows = [*group("1", "RRR"), *group("2", "RRRRR"), *group("3", "RRRW")]
    found = figures(rows, "found")
    assert found.circular_accuracy == round(200 / 3, 6)
    assert found.average_accuracy == round(100 * 11 / 12, 6)
    assert found.complete and found.missing == 0
    assert found.right_of_group["5"] == 1
    assert any("2 of 3 questions" in text for text in score(rows, {}, "found").warnings)


def test_circular_accuracy_needs_more_than_one_planned_rotation():
    rows = [*group("1", "R"), *group("2", "W")]
    planned = figures(rows)
    assert (planned.circular_accuracy, planned.circular_ci95) == (None, None)
    assert planned.average_accuracy == 50.0
    assert figures(rows, "found").circular_accuracy == 50.0


def test_statuses_are_counted():
    rows = [
        row("1", 0, "R"),
        row("1", 1, "-", status="refused"),
        row("1", 2, "R", status="truncated"),
        row("1", 3, "-", status="truncated"),
    ]
    found = figures(rows)
    assert (found.refused, found.truncated, found.unparsed) == (1, 2, 1)
    assert found.average_accuracy == 50.0


def test_a_blank_answer_is_warned_about():
    rows = group("1", "--R-", answer=" ")
    assert figures(rows).average_accuracy == 100.0
    assert figures(rows, parser="strict").average_accuracy == 0.0
    assert score(rows, {}, "found").warnings == (
        "vis: 4 rows have no right answer; the official parser counts 4 of them as right because "
        "it read nothing there",
    )


def test_accuracy_by_place():
    rows = [
        row("1", place, mark, answer=letter)
        for place, (mark, letter) in enumerate(zip("RWRR", "AABb", strict=True))
    ]
    found = figures(rows)
    assert (found.accuracy_by_place["A"].rows, found.accuracy_by_place["A"].accuracy) == (2, 50.0)
    assert (found.accuracy_by_place["B"].rows, found.accuracy_by_place["B"].accuracy) == (2, 100.0)
    assert (found.accuracy_by_place["D"].rows, found.accuracy_by_place["D"].accuracy) == (0, None)


def test_categories_and_supercategories():
    rows = [*group("1", "RRRR"), *group("2", "RRWW"), *group("3", "WWWW"), *group("4", "RRRR")]
    questions = {
        "1": question("1", "bus", "transportation"),
        "2": question("2", "car", "transportation"),
        "3": question("3", "spoon", None),
    }
    found = score(rows, questions, "planned")
    assert list(found.categories["vis"]) == ["bus", "car", "spoon"]
    assert found.categories["vis"]["car"]["strict"].average_accuracy == 50.0
    assert list(found.supercategories["vis"]) == ["transportation"]
    transportation = found.supercategories["vis"]["transportation"]["official"]
    assert (transportation.groups, transportation.rows) == (2, 8)
    assert (transportation.circular_accuracy, transportation.average_accuracy) == (50.0, 75.0)


def test_json_has_the_first_parser_on_top():
    found = score([*group("1", "RRRR"), *group("2", "RRRR", setting="desc")], {}, "planned")
    document = found.to_json()
    assert list(document["settings"]) == ["vis", "desc"]
    vis = document["settings"]["vis"]
    assert {key: one for key, one in vis.items() if key != "parsers"} == vis["parsers"]["official"]
    assert vis["parsers"]["official"].keys() == vis["parsers"]["strict"].keys()
    assert vis["circular_ci95"] == [20.654931, 100.0]  # 100 / (1 + q²), q² = 3.841459
    json.dumps(document)


MARKS = st.lists(st.text(alphabet="RW-", min_size=4, max_size=4), min_size=1, max_size=8)


@settings(deadline=None)
@given(MARKS)
def test_circular_is_never_above_average(marks):
    found = figures([one for key, text in enumerate(marks) for one in group(str(key), text)])
    assert found.circular_accuracy <= found.average_accuracy + 1e-6


@settings(deadline=None)
@given(MARKS, st.randoms(use_true_random=False), st.sampled_from(["planned", "found"]))
def test_the_order_of_rows_changes_no_byte(marks, generator: random.Random, policy):
    rows = [one for key, text in enumerate(marks) for one in group(str(key), text)]
    rows += [row("0", 9, "", status="error"), *group("x", "RWRW", setting="desc")]
    questions = {"0": question("0", "bus", "transportation"), "1": question("1", "car", None)}
    shuffled = list(rows)
    generator.shuffle(shuffled)
    before, after = (
        json.dumps(score(one, questions, policy).to_json()) for one in (rows, shuffled)
    )
    assert before == after

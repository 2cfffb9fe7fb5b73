"""What the browser of questions shows: outcomes, the choice of questions, texts, room."""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib")

from browser_runs import question, says, write_run
from hypothesis import given, settings
from hypothesis import strategies as st

from lvlm_eval.recorded_run import read_run
from lvlm_eval.report.page import read_input
from lvlm_eval.report.page.browser import Browser, BrowserChoices
from lvlm_eval.report.page.browser.sampling import DIFFER, MISSED, REST, choose, kind_of
from lvlm_eval.report.page.browser.states import (
    FAILED,
    NONE,
    OTHER,
    RIGHT,
    SAME,
    SOME,
    UNPARSED,
    states_of,
)
from lvlm_eval.report.page.browser.texts import LENGTHS, LONGEST, Kept, TextTable, length_that_fits


@pytest.mark.parametrize(
    ("labels", "state"),
    [
        ("AAAA", RIGHT),
        ("AAAB", SOME | SAME),
        ("AACD", SOME | OTHER),
        ("BBCC", NONE | SAME | OTHER),
        ("????", NONE | UNPARSED),
        ("A?A!", SOME | UNPARSED | FAILED),
        ("!!!!", FAILED),
        ("    ", FAILED),
        ("DD !", NONE | OTHER | FAILED),
    ],
)
def test_the_outcome_of_a_group(tmp_path: Path, labels: str, state: int) -> None:
    one = question("q")
    (group,) = states_of(read_run(write_run(tmp_path / "run", [(one, says(one, labels))])))
    assert (group.place[1:], group.state) == (("q", "vis"), state)
    assert group.right == "".join("1" if label == "A" else "0" for label in labels)


def test_questions_are_of_three_kinds() -> None:
    assert kind_of([{0: RIGHT, 1: RIGHT}, {0: RIGHT}]) == REST
    assert kind_of([{0: RIGHT, 1: RIGHT}, {0: SOME}]) == MISSED
    assert kind_of([{0: NONE, 1: SOME}]) == MISSED  # both missed it
    assert kind_of([{0: FAILED}]) == MISSED
    assert kind_of([{0: RIGHT, 1: RIGHT}, {0: RIGHT, 1: SOME}]) == DIFFER


questions = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=6),
    st.tuples(st.sampled_from([DIFFER, MISSED, REST]), st.sampled_from(["car", "bus", "dog"])),
    min_size=1,
    max_size=40,
)


@given(questions, st.integers(0, 50), st.integers(0, 5), st.randoms())
@settings(deadline=None)
def test_the_rule_of_the_choice(
    told: dict[str, tuple[int, str]], most: int, seed: int, shuffler: random.Random
) -> None:
    kinds = {key: kind for key, (kind, _) in told.items()}
    categories = {key: category for key, (_, category) in told.items()}
    sample = choose(kinds, categories, most, seed)
    assert len(sample.chosen) == len(set(sample.chosen)) == min(most, len(kinds))
    assert sum(sample.shown) == len(sample.chosen)
    chosen = [kinds[key] for key in sample.chosen]
    assert chosen == sorted(chosen)  # a kind comes in when the one before is there as a whole
    if chosen:
        earlier = [key for key, kind in kinds.items() if kind < chosen[-1]]
        assert set(earlier) <= set(sample.chosen)
        # Of the kind that is cut, the categories have as many as they can, but for one.
        last = [categories[key] for key in sample.chosen if kinds[key] == chosen[-1]]
        for category in set(categories.values()):
            there = sum(categories[key] == category for key in kinds if kinds[key] == chosen[-1])
            if last.count(category) < there:
                assert max(last.count(one) for one in last) - last.count(category) <= 1
    # Neither the order of the questions nor a larger choice changes anything.
    keys = list(kinds)
    shuffler.shuffle(keys)
    assert choose({key: kinds[key] for key in keys}, categories, most, seed) == sample
    assert choose(kinds, categories, most + 7, seed).chosen[: len(sample.chosen)] == sample.chosen


def test_the_choice_is_told() -> None:
    kinds = {"a": REST, "b": MISSED, "c": DIFFER, "d": REST}
    categories = dict.fromkeys(kinds, "car")
    assert choose(kinds, categories, 4, 0).sentence(0) == "All 4 questions are shown."
    sentence = choose(kinds, categories, 3, 9).sentence(9)
    assert "3 of 4 questions are shown" in sentence
    assert "1 of the 1 on which runs differ" in sentence
    assert "1 of the 2 remaining ones" in sentence
    assert "seed 9" in sentence


def test_other_seeds_choose_others() -> None:
    kinds = {f"q{one}": REST for one in range(50)}
    categories = dict.fromkeys(kinds, "car")
    assert choose(kinds, categories, 10, 0).chosen != choose(kinds, categories, 10, 1).chosen


@given(st.text(max_size=60), st.sampled_from(["", "x" * 30_000, "\u202e\x00" * 9_000]))
@settings(deadline=None)
def test_a_shown_text_has_nothing_hidden(some: str, more: str) -> None:
    shown = Kept.of(some + more + some).shown()
    assert all(one.isprintable() or one in "\n\t\u00a0\u200d\ufe0f" for one in shown)
    shown.encode()
    if not more and "\r" not in some and some.isprintable():
        assert shown == some + some


def test_a_long_text_keeps_both_ends() -> None:
    text = "a" * 500_000 + "\n" + "b" * 500_000
    shown = Kept.of(text).shown()
    assert shown.startswith("a" * 15_000 + "\n[… 980,001 characters left out …]\nb")
    assert shown.endswith("b" * 5_000)
    assert len(shown) < LONGEST + 60
    assert Kept.of(text).shown(1_000).count("b") == 250
    assert Kept.of("x" * LONGEST).shown() == "x" * LONGEST
    assert Kept.of("\ud800\udc80half\r\nline\x00").shown() == "\\ud800\\udc80half\nline\\x00"


@given(st.lists(st.text("ab\n", max_size=9), max_size=20))
def test_texts_stand_once(texts: list[str]) -> None:
    table = TextTable()
    numbers = [table.add(Kept.of(one)) for one in texts]
    assert [table.texts[number] for number in numbers] == texts
    assert len(table.texts) == len(set(table.texts) | {""})
    for one in texts:
        assert "\n".join(table.texts[number] for number in table.lines(one)) == one


def test_texts_are_cut_until_they_fit() -> None:
    texts = [Kept.of(f"{one:05}" * 4_000) for one in range(100)]
    assert length_that_fits(texts, 4_000_000) == LONGEST
    assert length_that_fits(texts, 3_999_999) == LENGTHS[1]
    assert length_that_fits(texts, 0) == LENGTHS[-1]


def data_of(folders: list[Path], **choices: Any) -> tuple[Any, str]:
    browser = Browser(Path("report.html"), BrowserChoices(**choices))
    section = browser.section(read_input(folders, makers=[browser]))
    assert section is not None
    json.dumps(section.data, allow_nan=False)
    return section.data, section.html


def test_the_document_holds_each_answer_once(tmp_path: Path) -> None:
    one, two = question("a"), question("b", "bus")
    long = "The same long words. " * 50
    runs = [
        write_run(
            tmp_path / name, [(one, says(one, "AAAA", reasoning=long)), (two, says(two, last))]
        )
        for name, last in (("x", "BBBB"), ("y", "A?!A"))
    ]
    data, html = data_of(runs)
    texts = data["texts"]
    assert sum(long in text for text in texts) == 1
    assert "All 2 questions are shown." in html
    assert "No photo is shown" in html
    assert [texts[about[0]] for about in data["questions"]] == ["b", "a"]  # by category
    (_, _, (x, y), _), _ = data["entries"]
    assert (x[1], y[1]) == (NONE | SAME, SOME | UNPARSED | FAILED)
    right, unread, failed, _ = y[3]
    assert [texts[number] for number in right[:4]] == ["ok", "A", "A", "A"]
    assert [texts[number] for number in right[7][:3]] == ["A", "A", "lone-letter"]
    assert right[7][3] == 1
    assert texts[unread[3]] == "I cannot tell."
    assert (texts[unread[7][0]], unread[7][3]) == ("", 0)
    assert [texts[number] for number in (failed[0], failed[6])] == ["error", "the server went away"]
    assert failed[7:] == []


def test_runs_over_other_questions_stand_apart(tmp_path: Path) -> None:
    one, same, other = question("a"), question("a", settings=("vis", "desc")), question("a", "bus")
    moved = [
        write_run(tmp_path / "x", [(one, says(one, "AAAA"))]),
        write_run(tmp_path / "y", [(same, says(same, "BBBB"))]),
    ]
    data, _ = data_of(moved)
    assert [len(entry[2]) for entry in data["entries"]] == [2, 1]  # vis of both, desc of one
    shifted = replace(other, query=replace(one.query, x=50.0))  # type: ignore[type-var]
    data, _ = data_of([moved[0], write_run(tmp_path / "z", [(shifted, says(shifted, "AAAA"))])])
    assert [len(entry[2]) for entry in data["entries"]] == [1, 1]


def test_a_control_disagrees_with_none(tmp_path: Path) -> None:
    plain = write_run(tmp_path / "plain", [(one := question("a"), says(one, "AAAA"))])
    blind = replace(one, control="no-image")
    answers = [replace(own, id=f"{own.id}/no-image") for own in says(one, "BCDB")]
    control = write_run(tmp_path / "blind", [(blind, answers)], control="no-image")
    more = write_run(tmp_path / "more", [(one, says(one, "AAAA")), (question("b"), [])])
    browser = Browser(Path("report.html"), BrowserChoices(samples=1))
    section = browser.section(read_input([plain, control, more], makers=[browser]))
    assert section is not None
    # "b", which was not answered, comes before "a", which only the control missed.
    assert "1 of the 1 others that a run did not answer rightly" in section.html
    assert [run[2] for run in section.data["runs"]] == [0, 1, 0]


def test_a_small_page_cuts_answers(tmp_path: Path) -> None:
    told = []
    for one in (question(f"q{number}") for number in range(12)):
        texts = [says(one, " " * turn + "A", text=f"{one.id}{turn}" * 9_000) for turn in range(4)]
        told.append((one, [prediction for own in texts for prediction in own]))
    run = write_run(tmp_path / "run", told)
    data, html = data_of([run], page_size=2.0)
    assert "Answers are cut to 3,000 characters" in html
    assert max(map(len, data["texts"])) < 3_100
    data, html = data_of([run])
    assert "Answers are cut" not in html
    data, _ = data_of([run], samples=5)
    assert len(data["entries"]) == 5


def test_no_samples_no_section(tmp_path: Path) -> None:
    one = question("a")
    run = write_run(tmp_path / "run", [(one, says(one, "AAAA"))])
    browser = Browser(Path("report.html"), BrowserChoices(samples=0))
    assert browser.section(read_input([run], makers=[browser])) is None

"""Whatever stands in a run's files, there is an explanation, and its JSON is finite."""

import json
import math
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from simulating import guess, made_questions, recorded

from lvlm_eval.diagnosis import explain
from lvlm_eval.errors import InputError
from lvlm_eval.records import Prediction, Question

LABELS = st.sampled_from(["A", "B", "C", "D", "E", "7", "", "a point"])
OPTIONS = st.dictionaries(LABELS, LABELS, max_size=5)
NUMBERS = st.floats() | st.sampled_from([-math.inf, math.nan, 0.0, -1e308, 1e308])
ODD = st.fixed_dictionaries(
    {},
    optional={
        "options": OPTIONS,
        "drawn": OPTIONS | st.none(),
        "answer": st.sampled_from(["", "A", "b ", "E"]),
        "text": st.text(max_size=20) | st.sampled_from(["A", "Point B", "Answer: C"]),
        "status": st.sampled_from(["ok", "refused", "truncated", "error"]),
        "logprobs": st.dictionaries(LABELS, NUMBERS, max_size=5) | st.none(),
    },
)
ODD_QUESTION = st.fixed_dictionaries(
    {},
    optional={
        "candidates": st.just(()),
        "answer": st.sampled_from([None, "A", "E"]),
        "query": st.none(),
        "target": st.none(),
        "supercategory": st.none(),
        "category": st.just(""),
    },
)


@settings(max_examples=60)
@given(st.data())
def test_odd_records_are_explained(data: st.DataObject) -> None:
    """Any fields of any rows and questions may be odd, and any rows may be gone."""
    questions = [replace(one, **data.draw(ODD_QUESTION)) for one in QUESTIONS]
    lost = data.draw(st.sets(st.integers(0, 11), max_size=12))
    changes = {place: data.draw(ODD) for place in data.draw(st.sets(st.integers(0, 11)))}
    repeats = data.draw(st.integers(1, 2))

    def change(question: Question, one: Prediction) -> Prediction | None:
        place = 4 * int(question.id.removeprefix("made/")) + one.rotation
        return None if place in lost else replace(one, **changes.get(place, {}))

    run = recorded(guess, questions=QUESTIONS, repeats=repeats, change=change)
    planned = {
        one.id: replace(run.questions[one.id], **{name: getattr(one, name) for name in FIELDS})
        for one in questions
    }
    run = replace(run, questions=planned)
    for parser in ("official", "strict"):
        try:
            found = explain(run, parser=parser)
        except InputError as error:
            assert "has no answers yet" in str(error)
            continue
        json.dumps(found.to_json(), allow_nan=False)
        assert len(found.verdict) >= 1


QUESTIONS = made_questions(3)
FIELDS = ("candidates", "answer", "query", "target", "supercategory", "category")

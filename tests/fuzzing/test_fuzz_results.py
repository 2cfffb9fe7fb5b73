"""Run folders, whatever became of their files."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hypothesis import given
from mutations import changed_json, changed_lines, fuzzing
from rule import check_manifest, check_predictions, check_questions

from lvlm_eval.records import Candidate, ImageInfo, Prediction, Query, Question

MANIFEST: dict[str, Any] = {
    "identity": {"format": 1, "model": {"name": "m", "settings": {"seed": 0}}, "decode": "text"},
    "recorded": {"calls": [{"at": "2026-01-01", "data_name": "sample", "incidental": {}}]},
    "files": {"Images/car/car_1.JPEG": "ab"},
}
QUESTION = asdict(
    Question(
        id="car/1",
        pair="car/1",
        pair_group="car",
        category="car",
        supercategory=None,
        source=ImageInfo("Images/car/car_1.JPEG", (80, 60), (1, 2, 3, 4)),
        target=ImageInfo("Images/car/car_2.JPEG", (80, 60)),
        query=Query("lamp_left", "lamp", 1.5, 2),
        candidates=tuple(Candidate(letter, "n", None, 1, 2) for letter in "ABCD"),
        answer="B",
        description="left lamp",
        description_source="annotation",
        rows={"vis": 4},
    )
)
PREDICTION = asdict(
    Prediction(
        id="car/1/vis/0",
        question="car/1",
        setting="vis",
        rotation=0,
        options={"A": "B", "B": "A"},
        answer="A",
        text="Answer: B",
        usage={"tokens": 3},
        logprobs={"A": -0.5},
        images=("ab", "cd"),
        drawn={"A": "B", "B": "A"},
    )
)


def test_whole_files_are_read(tmp_path: Path) -> None:
    assert check_manifest(json.dumps(MANIFEST).encode(), tmp_path)
    assert check_questions(json.dumps(QUESTION).encode(), tmp_path)
    assert check_predictions(json.dumps(PREDICTION).encode(), tmp_path)


@fuzzing(120)
@given(changed_json(MANIFEST))
def test_manifests(tmp_path: Path, content: bytes) -> None:
    check_manifest(content, tmp_path)


@fuzzing(120)
@given(changed_lines(changed_json(QUESTION, mostly_whole=9)))
def test_questions(tmp_path: Path, content: bytes) -> None:
    check_questions(content, tmp_path)


@fuzzing(120)
@given(changed_lines(changed_json(PREDICTION, mostly_whole=9)))
def test_predictions(tmp_path: Path, content: bytes) -> None:
    check_predictions(content, tmp_path)

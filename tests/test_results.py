"""The run folder: what a reader survives and what a writer keeps."""

import json
import multiprocessing
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.errors import InputError
from lvlm_eval.records import Prediction
from lvlm_eval.runs.folder import (
    Manifest,
    PredictionWriter,
    read_manifest,
    read_predictions,
    write_manifest,
)
from lvlm_eval.runs.locks import locked


def prediction(id: str = "q/vis/0", **fields: object) -> Prediction:
    question, setting, rotation = id.rsplit("/", 2)
    return Prediction(
        id=id,
        question=question,
        setting=setting,  # type: ignore[arg-type]  # written by the test
        rotation=int(rotation),
        options={"A": "B", "B": "A"},
        answer="A",
        **fields,  # type: ignore[arg-type]  # written by the test
    )


def written(folder: Path, *predictions: Prediction, name: str = "predictions.jsonl") -> Path:
    writer = PredictionWriter(folder / name)
    for one in predictions:
        writer.write(one)
    writer.close()
    return folder / name


def test_what_is_written_is_read(tmp_path: Path) -> None:
    full = prediction(
        text="Ünïcode \u2028 \x00 and \n lines",
        reasoning="r",
        logprobs={"A": -0.1},
        usage={"prompt_tokens": 3, "details": {"cached": 1}},
        images=("ab", "cd"),
        drawn={"A": "2"},
    )
    path = written(tmp_path, full, prediction("q/vis/1", status="error", error="e"))
    assert read_predictions(tmp_path).by_id["q/vis/0"] == full
    assert len(path.read_bytes().splitlines()) == 2


@given(st.text(), st.text())
def test_any_text_stays_on_one_line_and_comes_back(
    tmp_path_factory: pytest.TempPathFactory, text: str, reasoning: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    text = text.encode("utf-8", "replace").decode()
    reasoning = reasoning.encode("utf-8", "replace").decode()
    one = prediction(text=text, reasoning=reasoning)
    path = written(folder, one)
    assert path.read_bytes().count(b"\n") == 1
    assert read_predictions(folder).by_id == {"q/vis/0": one}


@pytest.mark.parametrize(
    ("statuses", "kept"),
    [
        (["error", "ok"], 1),
        (["ok", "error"], 0),
        (["ok", "ok"], 0),
        (["error", "error"], 1),
        (["refused", "ok"], 0),
        (["error", "error", "truncated", "ok"], 2),
    ],
)
def test_a_later_line_replaces_only_an_error(
    tmp_path: Path, statuses: list[str], kept: int
) -> None:
    lines = [prediction(text=str(i), status=status) for i, status in enumerate(statuses)]
    written(tmp_path, *lines)
    assert read_predictions(tmp_path).by_id["q/vis/0"].text == str(kept)


def test_several_files_are_one_run(tmp_path: Path) -> None:
    written(tmp_path, prediction("q/vis/0", status="error"), name="predictions-1.jsonl")
    written(tmp_path, prediction("q/vis/0", text="x"), name="predictions-2.jsonl")
    assert read_predictions(tmp_path).by_id["q/vis/0"].text == "x"


def test_torn_and_foreign_lines_are_left_alone_and_counted(tmp_path: Path) -> None:
    path = written(tmp_path, prediction("q/vis/0"), prediction("q/vis/1"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-30] + b'\n\n{"id": 3}\nnot json\n\xff\xfe\n')
    read = read_predictions(tmp_path)
    assert set(read.by_id) == {"q/vis/0"}
    assert read.unreadable == {"predictions.jsonl": 4}


def test_a_torn_last_line_does_not_swallow_the_next_answer(tmp_path: Path) -> None:
    path = written(tmp_path, prediction("q/vis/0"), prediction("q/vis/1"))
    path.write_bytes(path.read_bytes()[:-20])
    written(tmp_path, prediction("q/vis/2"))
    assert set(read_predictions(tmp_path).by_id) == {"q/vis/0", "q/vis/2"}


def test_unknown_fields_are_ignored(tmp_path: Path) -> None:
    line = {**asdict(prediction()), "invented_later": [1]}
    (tmp_path / "predictions.jsonl").write_text(json.dumps(line) + "\n")
    assert set(read_predictions(tmp_path).by_id) == {"q/vis/0"}


def test_every_answer_is_on_disk_before_the_next(tmp_path: Path) -> None:
    writer = PredictionWriter(tmp_path / "predictions.jsonl")
    for place in range(3):
        writer.write(prediction(f"q/vis/{place}"))
        assert len(read_predictions(tmp_path).by_id) == place + 1
    writer.close()


def _try_lock(folder: str, queue: "multiprocessing.Queue[str]") -> None:
    try:
        with locked(Path(folder)):
            queue.put("locked")
    except InputError as error:
        queue.put(str(error))


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    queue: multiprocessing.Queue[str] = context.Queue()
    with locked(tmp_path):
        process = context.Process(target=_try_lock, args=(str(tmp_path), queue))
        process.start()
        assert "another process is writing" in queue.get(timeout=60)
        process.join()
    process = context.Process(target=_try_lock, args=(str(tmp_path), queue))
    process.start()
    assert queue.get(timeout=60) == "locked"
    process.join()


def test_manifest_comes_back_and_a_broken_one_is_named(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) is None
    identity = {"model": {"name": "m"}, "data": "\udcff"}
    manifest = Manifest(identity, {"calls": [{"at": "now"}]}, {"a.jpg": "12"})
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest
    empty = '{"identity": {}, "recorded": {}}'
    for content in ("{", "[]", '{"identity": {}}', "null", empty):
        (tmp_path / "manifest.json").write_text(content)
        with pytest.raises(InputError, match="is not the manifest of a run"):
            read_manifest(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["manifest.json"]


def test_predictions_that_are_no_file_are_named(tmp_path: Path) -> None:
    (tmp_path / "predictions.jsonl").mkdir()
    with pytest.raises(InputError, match=r"predictions\.jsonl cannot be read"):
        read_predictions(tmp_path)

"""What a worker of a Ray cluster does with an order and a piece; Ray itself is not needed."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from making import write_tree

from lvlm_eval.records import Prediction
from lvlm_eval.requests import RequestSource
from lvlm_eval.runs.engines.ray_worker import Order, Parcel, Piece, Worker, identity_here
from lvlm_eval.runs.jobs import DrawingChoices
from lvlm_eval.runs.recipe import Recipe, environment_to_send

MODEL = """
from lvlm_eval.records import Response


class Fails:
    chunk = 2

    def answer(self, requests):
        for request in requests:
            if request.setting == "desc":
                raise ValueError("no words")
            self.tell("seen")
            yield Response(request.id, text="A")
"""


@pytest.fixture
def order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Order:
    monkeypatch.chdir(tmp_path)
    write_tree(tmp_path / "tree", ("car",), images=4)
    Path("fails.py").write_text(MODEL)
    recipe = Recipe("tree", DrawingChoices(), None, "fails.py", {}, "text")
    identity = identity_here(recipe.source(), recipe.built(print), "text")
    return Order(recipe, str(tmp_path), {}, identity)


def piece_of(source: RequestSource, setting: str, questions: int = 4) -> Piece:
    chosen = source.questions[:questions]
    asks = tuple(ask for one in chosen for ask in source.asks(one, setting))  # type: ignore[arg-type]
    return Piece(asks, source.files(chosen))


def test_a_piece_is_answered_with_what_is_told_meanwhile(order: Order) -> None:
    worker = Worker()
    assert not worker.start(order).wrong
    piece = piece_of(order.recipe.source(), "vis")
    parcels = list(worker.ask(piece))
    predictions = [one for parcel in parcels for one in parcel.predictions]
    assert all(isinstance(one, Prediction) and one.text == "A" for one in predictions)
    assert [one.id for one in predictions] == [ask.id for ask in piece.asks]
    assert all(len(one.images) == 2 for one in predictions)
    assert [line for parcel in parcels for line in parcel.notes] == ["seen"] * 16
    assert parcels[-1] == Parcel()


def test_failures_are_counted_over_pieces(order: Order) -> None:
    worker = Worker()
    worker.start(order)
    piece = piece_of(order.recipe.source(), "desc", 1)  # of two chunks
    assert not list(worker.ask(piece))[-1].stopped
    last = list(worker.ask(piece))[-1]
    assert "the model failed 3 times in a row without one answer" in last.stopped


def test_another_file_is_refused(order: Order) -> None:
    worker = Worker()
    worker.start(order)
    piece = piece_of(order.recipe.source(), "vis")
    name = min(piece.files)
    for files in ({**piece.files, name: "0" * 64}, {**piece.files, "more.JPEG": "0" * 64}):
        (parcel,) = worker.ask(replace(piece, files=files))
        assert "is not the file that the command sees" in parcel.wrong
    Path("tree", name).unlink()
    (parcel,) = worker.ask(piece)
    assert name in parcel.wrong


def test_another_run_is_refused(order: Order) -> None:
    for changed, said in (
        ({"lvlm-eval's version": "0.0.1"}, "version"),
        ({"the adapter's file": "0" * 64}, "adapter's file"),
        ({"dataset": "0" * 64}, "--data"),
    ):
        started = Worker().start(replace(order, identity={**order.identity, **changed}))
        assert "it sees another run than the command" in started.wrong
        assert said in started.wrong
    Path("fails.py").unlink()
    assert "model file 'fails.py' does not exist" in Worker().start(order).wrong


def test_the_environment_goes_along_where_it_makes_sense(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "of the command")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    sent = environment_to_send()
    assert sent["MY_KEY"] == "of the command"
    assert "CUDA_VISIBLE_DEVICES" not in sent
    monkeypatch.setenv("MY_KEY", "of the node")
    monkeypatch.delenv("MORE", raising=False)
    Worker().start(replace(order, environment={"MY_KEY": "of the command", "MORE": "word"}))
    assert os.environ["MY_KEY"] == "of the node"
    assert os.environ.pop("MORE") == "word"

"""What runs in a worker process of a Ray cluster: one source, one adapter, piece after piece."""

import os
import socket
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from lvlm_eval import __version__
from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.models.registry import BuiltModel
from lvlm_eval.records import Ask, ModelView, Prediction
from lvlm_eval.requests import RequestSource
from lvlm_eval.runs.asking import Failures, ask_all
from lvlm_eval.runs.differences import differences
from lvlm_eval.runs.recipe import Recipe
from lvlm_eval.runs.run import identity_of

SECONDS_OF_A_PARCEL = 0.05
"""How long an answer waits for others to travel with it."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is told when it starts.

    Attributes:
        recipe: of source and adapter.
        folder: that the command's relative paths start from.
        environment: variables that the command has; those that are set already stay.
        identity: of the run, as `identity_here` gives it.
    """

    recipe: Recipe
    folder: str
    environment: Mapping[str, str]
    identity: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Started:
    """A worker's answer to an Order.

    Attributes:
        host: name of its machine.
        wrong: why it cannot do this; empty if it can.
    """

    host: str
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """Work for a worker.

    Attributes:
        asks: the rows.
        files: fingerprints of the files that their requests are made from.
    """

    asks: tuple[Ask, ...]
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Parcel:
    """What a worker has to say since it said something last.

    Attributes:
        predictions: new ones.
        notes: lines for the user.
        view: what its model made of the pictures; at the end of a piece.
        wrong: the text of an InputError, which ends the run.
        stopped: the text of a StoppedError, after which this worker does nothing more.
    """

    predictions: tuple[Prediction, ...] = ()
    notes: tuple[str, ...] = ()
    view: ModelView | None = None
    wrong: str = ""
    stopped: str = ""


def identity_here(source: RequestSource, model: BuiltModel, decoding: str) -> dict[str, Any]:
    """What must be the same in the command and in each worker."""
    return {
        **identity_of(source, model, decoding),
        "the adapter's file": model.code,
        "lvlm-eval's version": __version__,
    }


class Worker:
    """Answers one piece at a time.

    The adapter is made and asked in a thread of its own, always the same; so what it says, and each
    answer, goes out while it works on the next one.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._said: SimpleQueue[Prediction | str | None] = SimpleQueue()
        self._failures = Failures(self._said.put)
        self._source: RequestSource
        self._model: BuiltModel

    def start(self, order: Order) -> Started:
        """Make source and adapter."""
        for name, value in order.environment.items():
            os.environ.setdefault(name, value)
        if Path(order.folder).is_dir():
            os.chdir(order.folder)
        try:
            self._thread.submit(self._make, order).result()
        except InputError as error:
            return Started(socket.gethostname(), str(error))
        return Started(socket.gethostname())

    def _make(self, order: Order) -> None:
        self._model = order.recipe.built(lambda line: None)  # the command has told it
        self._source = order.recipe.source()
        own = identity_here(self._source, self._model, order.recipe.decoding)
        other = differences(order.identity, own)
        if other:
            raise InputError(
                f"it sees another run than the command: {'; '.join(other[:3])}. Data, files and "
                "versions must be the same on every node."
            )
        self._model.adapter.tell = self._said.put

    def ask(self, piece: Piece) -> Iterator[Parcel]:
        """Answer a piece; each parcel goes out as it is yielded."""
        asked = self._thread.submit(self._ask, piece)
        asked.add_done_callback(lambda _: self._said.put(None))
        ended = False
        while not ended:
            said, ended = self._heard()
            if said:
                yield Parcel(
                    tuple(one for one in said if isinstance(one, Prediction)),
                    tuple(one for one in said if isinstance(one, str)),
                )
        try:
            asked.result()
        except InputError as error:
            yield Parcel(wrong=str(error))
        except StoppedError as error:
            yield Parcel(stopped=str(error))
        else:
            yield Parcel(view=self._model.adapter.saw())

    def _ask(self, piece: Piece) -> None:
        asked = {ask.question for ask in piece.asks}
        there = self._source.files([one for one in self._source.questions if one.id in asked])
        for name in sorted(piece.files.keys() | there.keys()):
            if there.get(name) != piece.files.get(name):
                raise InputError(
                    f"{name} is not the file that the command sees. The data must be the same on "
                    "every node."
                )
        adapter = self._model.adapter
        for prediction in ask_all(
            adapter, self._source, piece.asks, self._said.put, self._failures
        ):
            self._said.put(prediction)

    def _heard(self) -> tuple[list[Prediction | str], bool]:
        """What was said since, and whether that is all."""
        said: list[Prediction | str] = []
        one = self._said.get()
        until = time.monotonic() + SECONDS_OF_A_PARCEL
        while one is not None:
            said.append(one)
            try:
                one = self._said.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                return said, False
        return said, True

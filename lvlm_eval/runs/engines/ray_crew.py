"""The workers of one call on a Ray cluster: who has what, and what becomes of a lost one."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.records import Ask, ModelView, Prediction
from lvlm_eval.requests import RequestSource
from lvlm_eval.runs.asking import unanswered
from lvlm_eval.runs.engines.pieces import TRIES, Pieces
from lvlm_eval.runs.engines.ray_worker import Order, Parcel, Piece, Started, Worker
from lvlm_eval.stopping import StopSignals

LOST_IN_A_ROW = 5
"""Times that a worker may be lost without having answered anything before it is given up."""

SECONDS_UNTIL_TOLD = 30.0
"""After which the user is told that workers wait for room."""

_PATIENCE = 0.5
"""Seconds between two looks at what else is to be done, a signal above all."""


@dataclass(slots=True)
class _Member:
    """One worker, which may be started several times.

    Attributes:
        number: from 1.
        handle: Ray's, of the present process.
        awaited: what it is to say next: Started, or the next Parcel of a piece.
        left: unanswered rows of its piece by id.
        answered: rows that the present process has answered.
        answered_of_piece: the same of its piece.
        lost: times in a row that it was lost without an answer.
        host: name of its machine; empty until it has started.
    """

    number: int
    handle: Any = None
    awaited: Any = None
    left: dict[str, Ask] = field(default_factory=dict)
    answered: int = 0
    answered_of_piece: int = 0
    lost: int = 0
    host: str = ""

    @property
    def name(self) -> str:
        return f"worker {self.number}" + (f" on {self.host}" if self.host else "")


class Crew:
    """Hands the next piece to whoever is free.

    Args:
        ray: the package, connected.
        order: what each worker is told.
        count: of workers.
        gpus: a worker.
        pieces: what to ask.
        source: tells the files of a piece.
        note: told, a line each, what the user should read.
    """

    def __init__(
        self,
        ray: Any,
        order: Order,
        count: int,
        gpus: float,
        pieces: Pieces,
        source: RequestSource,
        note: Callable[[str], None],
    ) -> None:
        self._ray = ray
        self._order = order
        self._pieces = pieces
        self._source = source
        self._note = note
        self._remote = ray.remote(Worker).options(
            num_cpus=1, num_gpus=gpus, max_restarts=0, max_task_retries=0
        )
        self._members = [_Member(number) for number in range(1, count + 1)]
        self._questions = {one.id: one for one in source.questions}
        self._why_none = ""
        self.views: dict[Any, ModelView] = {}
        """What each process says that its model made of the pictures."""

    def answers(self) -> Iterator[Prediction]:
        """Ask everything.

        Raises:
            InputError: a worker cannot do the work at all.
            StoppedError: no worker is left.
        """
        for member in self._members:
            self._start(member)
        began, told = time.monotonic(), False
        while self._pieces.rows or any(member.left for member in self._members):
            if not self._members:
                raise StoppedError(self._why_none)
            for member in self._members:
                if member.awaited is None and self._pieces.rows:
                    self._hand_out(member)
            for member in self._ready():
                yield from self._hear(member)
            if not told and time.monotonic() - began > SECONDS_UNTIL_TOLD:
                told = True
                self._tell_who_waits()

    def end(self) -> None:
        """End every process at once, whatever it is at."""
        for member in self._members:
            self._kill(member)

    def _start(self, member: _Member) -> None:
        member.host, member.answered, member.left = "", 0, {}
        member.handle = self._remote.remote()
        member.awaited = member.handle.start.remote(self._order)

    def _hand_out(self, member: _Member) -> None:
        asks = self._pieces.take(len(self._members))
        questions = dict.fromkeys(ask.question for ask in asks)
        files = self._source.files([self._questions[id] for id in questions])
        member.left = {ask.id: ask for ask in asks}
        member.answered_of_piece = 0
        streaming = member.handle.ask.options(num_returns="streaming")
        member.awaited = streaming.remote(Piece(asks, files))

    def _ready(self) -> list[_Member]:
        awaited = {one.awaited: one for one in self._members if one.awaited is not None}
        # Ray would swallow an exception of a signal handler in here.
        with StopSignals() as signals, signals.held():
            ready, _ = self._ray.wait(list(awaited), num_returns=1, timeout=_PATIENCE)
        return [awaited[one] for one in ready]

    def _hear(self, member: _Member) -> Iterator[Prediction]:
        lost = self._ray.exceptions.RayError
        try:
            said = self._said(member)
        except self._ray.exceptions.RayTaskError as error:
            raise self._failed(member, error) from None
        except lost as error:
            yield from self._lose(member, error)
            return
        if isinstance(said, Started):
            member.host, member.awaited = said.host, None
            if said.wrong:
                raise InputError(f"{member.name}: {said.wrong}")
        elif said is None:
            member.awaited = None
            yield from self._again(member, suspected=True, why="it gave no answer")
        else:
            yield from self._take_in(member, said)

    def _said(self, member: _Member) -> Started | Parcel | None:
        """What came; None at the end of a piece."""
        if not isinstance(member.awaited, self._ray.ObjectRefGenerator):
            started: Started = self._ray.get(member.awaited)
            return started
        try:
            parcel: Parcel = self._ray.get(next(member.awaited))
        except StopIteration:
            return None
        return parcel

    def _take_in(self, member: _Member, parcel: Parcel) -> Iterator[Prediction]:
        for line in parcel.notes:
            self._note(f"{member.name}: {line}")
        for prediction in parcel.predictions:
            if member.left.pop(prediction.id, None) is not None:
                member.answered += 1
                member.answered_of_piece += 1
                member.lost = 0
                yield prediction
        if parcel.view is not None:
            self.views[member.handle] = parcel.view
        if parcel.wrong:
            raise InputError(f"{member.name}: {parcel.wrong}")
        if parcel.stopped:
            self._note(f"{member.name} does nothing more: {parcel.stopped}")
            self._pieces.give_back(member.left.values(), suspected=False)
            self._dismiss(member, parcel.stopped)

    def _lose(self, member: _Member, error: Exception) -> Iterator[Prediction]:
        if getattr(error, "actor_init_failed", False):
            raise self._failed(member, error)
        self._kill(member)  # where only the way to it is lost, it must not go on
        why = _why_lost(error)
        again = f"; {len(member.left)} open rows are handed out again" if member.left else ""
        self._note(f"{member.name} was lost ({why}){again}")
        yield from self._again(member, not member.answered_of_piece, why)
        member.lost += not member.answered
        if member.lost >= LOST_IN_A_ROW:
            self._note(f"worker {member.number} is given up")
            self._dismiss(member, f"workers are lost again and again, the last one: {why}")
        else:
            self._start(member)

    def _again(self, member: _Member, suspected: bool, why: str) -> Iterator[Prediction]:
        """What is left of a piece is handed out again, unless that was tried too often."""
        rows, member.left = tuple(member.left.values()), {}
        for ask in self._pieces.give_back(rows, suspected):
            yield unanswered(ask, f"{TRIES} workers were lost on this question ({why})")

    def _failed(self, member: _Member, error: Exception) -> Exception:
        """What a worker raised that is neither our own error nor a loss."""
        lines = [line for line in str(error).splitlines() if line.strip()]
        last = lines[-1].strip() if lines else type(error).__name__
        return InputError(
            f"{member.name} cannot work: {last.rstrip('.')}. The same lvlm-eval, with what its "
            "model needs, must be installed on every node."
        )

    def _dismiss(self, member: _Member, why: str) -> None:
        self._kill(member)
        self._members.remove(member)
        self._why_none = why

    def _kill(self, member: _Member) -> None:
        if member.handle is not None:
            with suppress(Exception):  # it may be gone, and Ray with it
                self._ray.kill(member.handle, no_restart=True)

    def _tell_who_waits(self) -> None:
        waiting = sum(not member.host for member in self._members)
        if waiting:
            free: Mapping[str, float] = self._ray.available_resources()
            self._note(
                f"{waiting} of {len(self._members)} workers still wait for room in the Ray cluster "
                f"or for their start (free: {free.get('CPU', 0):g} CPUs, "
                f"{free.get('GPU', 0):g} GPUs); they begin when there is"
            )


def _why_lost(error: Exception) -> str:
    text = str(error)
    if type(error).__name__ == "OutOfMemoryError" or "memory pressure" in text:
        return "Ray ended it for want of memory"
    if "node" in text and ("died" in text or "dead" in text) and "worker process" not in text:
        return "its node went away"
    return "its process was ended"

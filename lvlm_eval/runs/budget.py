"""Bounds what one call may send and spend; a call that meets its bound stops and can be resumed."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import overload

from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.models.adapter import Adapter, NotNowError
from lvlm_eval.prices import Spending
from lvlm_eval.records import Ask, Request, Response

MOST_OF_UNKNOWN_COST = 512
"""Requests that may be out as long as no answer has told what one costs."""

UNPRICED_AT_START = 16
"""Answers without token counts after which it is given up to know what an answer costs."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a call may use.

    Attributes:
        max_cost: money that all answers of the folder, and what was spent elsewhere, may cost
            together; None for no bound.
        max_requests: rows that this call may send; None for no bound. A row counts once, however
            often it is tried.
        elsewhere: money that answers of other folders under the same bound cost.
        pending_elsewhere: rows that these have left to ask; None where there are no such folders.
    """

    max_cost: float | None = None
    max_requests: int | None = None
    elsewhere: float = 0.0
    pending_elsewhere: int | None = None

    def first(self, pending: Sequence[Ask]) -> Sequence[Ask]:
        """The rows that this call may send."""
        return pending[: self.max_requests]

    def around(self, adapter: Adapter, spending: Spending | None, pending: int) -> Adapter:
        """The adapter, with requests that are to be had only as long as they can be paid.

        Args:
            adapter: answers.
            spending: what the folder's answers cost up to now; needed if there is a bound.
            pending: rows that are left.
        """
        if self.max_cost is None:
            return adapter
        if spending is None:
            raise InputError("--max-cost needs to know what tokens cost: give --prices FILE.")
        return _Bounded(adapter, _Purse(self, self.max_cost, spending, pending))

    def check_all_asked(self, pending: int) -> None:
        """Tell if rows are left because of the bound on requests.

        Args:
            pending: rows that were left when the call began.

        Raises:
            StoppedError: there are.
        """
        if self.max_requests is not None and pending > self.max_requests:
            raise StoppedError(
                f"--max-requests {self.max_requests} is reached: {pending - self.max_requests} "
                "requests are left"
            )


class _Purse:
    """Money, and what is expected to be spent of it; safe to use from any thread.

    A request is let go if what is recorded, what is out and itself are expected to stay within the
    bound, each at the mean cost of the answers that there are.
    """

    def __init__(self, budget: Budget, most: float, spending: Spending, pending: int) -> None:
        self._most = most
        self._elsewhere = budget.elsewhere
        self._spending = spending
        self._pending = pending + (budget.pending_elsewhere or 0)
        self._in_all = "" if budget.pending_elsewhere is None else " in all"
        self._answered = 0
        self._out: set[int] = set()
        self._places: dict[str, int] = {}
        self._lock = threading.Lock()

    def reserve(self, place: int) -> None:
        """Let the request at a place go.

        Raises:
            NotNowError: only if some that are out cost less than expected.
            StoppedError: not with this budget.
        """
        with self._lock:
            if place in self._out:
                return  # it is only looked at again
            if not self._enough_for_one():
                kind = NotNowError if self._out else StoppedError
                raise kind(self._told())
            self._out.add(place)

    def release(self, place: int) -> None:
        """Take a request back that was not made."""
        with self._lock:
            self._out.discard(place)

    def made(self, place: int, request: Request) -> None:
        """Note which request stands at a place."""
        with self._lock:
            self._places[request.id] = place

    def came(self, response: Response) -> None:
        """Count what an answer really cost."""
        with self._lock:
            self._out.discard(self._places.pop(response.id, -1))
            self._spending = self._spending.plus(response)
            self._answered += response.status != "error"

    def told(self) -> str:
        """Why nothing more goes, and what is left."""
        with self._lock:
            return self._told()

    def _enough_for_one(self) -> bool:
        mean = self._spending.mean
        if mean is None:
            if self._spending.unpriced >= UNPRICED_AT_START:
                return False
            return self._most > self._elsewhere and len(self._out) < MOST_OF_UNKNOWN_COST
        expected = (self._spending.unpriced + len(self._out) + 1) * mean
        return self._elsewhere + self._spending.total + expected <= self._most * (1 + 1e-9)

    def _told(self) -> str:
        left = f"{self._pending - self._answered} requests are left{self._in_all}"
        whole = replace(self._spending, before=self._spending.before + self._elsewhere)
        mean = self._spending.mean
        if mean is None and self._spending.unpriced:
            return (
                f"--max-cost {self._most:g} cannot be kept: {self._spending.unpriced} answers came "
                f"without token counts and none with; {left}"
            )
        one = "" if mean is None else f", one more about {mean:.4g}"
        return (
            f"--max-cost {self._most:g} {whole.price.currency} is reached: the recorded answers "
            f"cost {whole}{one}; {left}, for which it must be higher"
        )


class _Requests(Sequence[Request]):
    """Requests that are paid for when they are looked at."""

    def __init__(self, inner: Sequence[Request], purse: _Purse, places: range) -> None:
        self._inner = inner
        self._purse = purse
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Request: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Request]: ...
    def __getitem__(self, index: int | slice) -> Request | Sequence[Request]:
        if isinstance(index, slice):
            return _Requests(self._inner, self._purse, self._places[index])
        place = self._places[index]
        self._purse.reserve(place)
        try:
            request = self._inner[place]
        except BaseException:
            self._purse.release(place)
            raise
        self._purse.made(place, request)
        return request


class _Bounded(Adapter):
    """Another adapter, whose requests a purse pays for."""

    def __init__(self, inner: Adapter, purse: _Purse) -> None:
        self._inner = inner
        self._purse = purse
        self.chunk = inner.chunk
        self.needs_pictures = inner.needs_pictures

    def answer(self, requests: Sequence[Request]) -> Iterable[Response]:
        """Hand over, and count what comes back."""
        paid = _Requests(requests, self._purse, range(len(requests)))
        answers = self._inner.answer(paid)
        # What is no iterable is complained of where answers are checked.
        return answers if answers is None else self._counted(answers)

    def _counted(self, answers: Iterable[Response]) -> Iterator[Response]:
        try:
            for response in answers:
                if isinstance(response, Response):
                    self._purse.came(response)
                yield response
        except NotNowError:
            raise StoppedError(self._purse.told()) from None
        finally:
            close = getattr(answers, "close", None)
            if close is not None:
                close()  # ends what is in flight

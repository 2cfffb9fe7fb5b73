"""Waits for batches, and reads the results of those that end."""

import itertools
import time
from collections.abc import Iterator, Mapping

from openai.types import Batch

from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.models.batch_files import Results, response_to
from lvlm_eval.models.batch_ledger import Ledger
from lvlm_eval.models.batch_progress import BatchProgress
from lvlm_eval.models.batch_server import BatchServer, UnknownToServerError
from lvlm_eval.models.batch_submitting import Waiting, create
from lvlm_eval.models.chat_requests import ChatRequests
from lvlm_eval.records import Response

FIRST_POLL = 5.0
"""Seconds until batches are looked at for the second time."""

SLOWER = 1.5
"""By so much the pause grows while nothing ends."""

QUEUE_FULL = "token_limit_exceeded"
"""Code of a batch that failed since too many tokens of earlier ones still wait in line."""

QUEUE_TRIES = 10
"""Batches that may fail so although none of this call waits, until the run stops."""

_ENDED = frozenset({"completed", "expired", "cancelled", "failed"})


class Collector:
    """One call's way of collecting.

    Args:
        chat: reads completions.
        server: tells of batches and gives their results.
        ledger: remembers what was taken.
        progress: tells how batches go.
        poll: seconds between two looks, at most.
    """

    def __init__(
        self,
        chat: ChatRequests,
        server: BatchServer,
        ledger: Ledger,
        progress: BatchProgress,
        poll: float,
    ) -> None:
        self._chat = chat
        self._server = server
        self._ledger = ledger
        self._progress = progress
        self._poll = poll
        self._waiting: dict[str, Waiting] = {}
        self._queued: list[Waiting] = []
        self._queue_failures = 0

    def collect(self, waiting: Mapping[str, Waiting]) -> Iterator[Response]:
        """Wait for batches, and yield the responses of each when it ends.

        Args:
            waiting: name of the record → batch.

        Raises:
            InputError: the server refuses a whole batch.
            StoppedError: it refuses one while others go on, or does not answer.
        """
        self._waiting = dict(waiting)
        pauses = self._pauses()
        while self._waiting or self._queued:
            any_ended, refused = False, ""
            for name, one in list(self._waiting.items()):
                batch = self._look(one)
                self._progress.seen(one.submission, batch)
                if batch.status not in _ENDED:
                    continue
                del self._waiting[name]
                if batch.status != "failed":
                    any_ended = True
                    yield from self._results(one, batch)
                    # All that was yielded is on disk by now.
                    self._ledger.take(one.submission, one.requests)
                    continue
                # Not one request of it was answered or paid.
                self._ledger.take(one.submission, one.submission.requests)
                said = failure_of(batch)
                if said.startswith(QUEUE_FULL):
                    self._queue(one, said)
                else:
                    refused = said
            if refused:
                self._tell_refused(refused)
            if any_ended:
                pauses, self._queue_failures = self._pauses(), 0
            if self._waiting or self._queued:
                time.sleep(next(pauses))
            if self._queued and (any_ended or not self._waiting):
                self._submit_again(self._queued.pop(0))

    def _pauses(self) -> Iterator[float]:
        first = min(FIRST_POLL, self._poll)
        return (min(self._poll, first * SLOWER ** min(n, 40)) for n in itertools.count())

    def _look(self, one: Waiting) -> Batch:
        assert one.submission.batch_id is not None
        try:
            return self._server.look(one.submission.batch_id)
        except UnknownToServerError as error:
            raise self._unknown(one, f"batch {one.submission.batch_id}") from error

    def _results(self, one: Waiting, batch: Batch) -> Iterator[Response]:
        """The responses of an ended batch; an error for each request that has no result."""
        results = Results()
        for file_id in (batch.output_file_id, batch.error_file_id):
            if file_id:
                try:
                    results.read(self._server.fetch(file_id))
                except UnknownToServerError as error:
                    what = f"the results {file_id} of batch {one.submission.batch_id}"
                    raise self._unknown(one, what) from error
        if results.unreadable:
            self._progress.unreadable(one.submission, results.unreadable)
        for own_id, request in one.requests.items():
            line = results.lines.get(own_id)
            if line is not None:
                yield response_to(request, line, self._chat, self._progress.tell)
                continue
            said = f"the batch {batch.status} before this request was answered"
            if batch.status == "completed":
                said = "the results of the batch have no line for this request"
            yield Response(request.id, status="error", error=said)

    def _queue(self, one: Waiting, said: str) -> None:
        """Keep a batch that the server's queue has no room for until one that is in it ends."""
        self._queued.append(one)
        self._queue_failures += not self._waiting
        if self._queue_failures > QUEUE_TRIES:
            raise StoppedError(
                f"{self._server.where} has no room for a batch in its queue: {said}. Smaller ones "
                "may fit (--model-arg requests_per_file=…), or try again later"
            )

    def _submit_again(self, one: Waiting) -> None:
        file_id, requests = one.submission.file_id, dict(one.submission.requests)
        submission = create(self._server, self._ledger, self._progress, file_id, requests)
        self._waiting[submission.name] = Waiting(submission, one.requests)

    def _unknown(self, one: Waiting, what: str) -> StoppedError:
        at = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(one.submission.at))
        path = self._ledger.path_of(one.submission)
        return StoppedError(
            f"{self._server.where} does not know {what}, submitted {at}: is the key of another "
            f"project in {self._server.key_env}? Without {path} its requests are submitted, and "
            "paid, anew"
        )

    def _tell_refused(self, said: str) -> None:
        message = f"{self._server.where} refuses a batch: {said}"
        if self._waiting:
            raise StoppedError(f"{message}. {len(self._waiting)} other batches go on at the server")
        raise InputError(message)


def failure_of(batch: Batch) -> str:
    """Why a batch failed, on one line: the first of its errors."""
    problems = getattr(batch.errors, "data", None)
    if not isinstance(problems, list) or not problems:
        return "no reason given"
    first = problems[0]
    code, message = getattr(first, "code", None), getattr(first, "message", None)
    line = getattr(first, "line", None)
    said = ": ".join(str(part) for part in (code, message) if part) or "no reason given"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return " ".join(said.split())[:400] + (f" (line {line})" if line else "") + more

"""Submits requests in batches, each once, and finds those that earlier calls have submitted."""

import hashlib
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.models.batch_files import RequestFile, custom_id, line_of
from lvlm_eval.models.batch_ledger import Ledger, Submission, Submitted
from lvlm_eval.models.batch_progress import BatchProgress
from lvlm_eval.models.batch_server import BatchServer
from lvlm_eval.models.chat_requests import ChatRequests
from lvlm_eval.records import Request, Response

PREPARED_AT_A_TIME = 16
"""Requests whose pictures are waited for at a time; the drawing itself is left to processes."""


@dataclass(slots=True)
class Waiting:
    """A batch, and those of its requests that this call wants: custom id → request."""

    submission: Submission
    requests: dict[str, Request] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A request as it goes into a file; ``problem`` is why it does not."""

    place: int
    request: Request | None = None
    body: bytes = b""
    sha256: str = ""
    problem: InputError | StoppedError | None = None


class Submitter:
    """One call's way of submitting.

    Args:
        chat: makes the bodies.
        server: takes files and makes batches.
        ledger: remembers what was submitted.
        progress: tells of it.
        path: a place for one file at a time.
        most_requests: of a batch.
        most_bytes: of a file.

    Attributes:
        waiting: name of the record → batch whose results are wanted.
    """

    def __init__(
        self,
        chat: ChatRequests,
        server: BatchServer,
        ledger: Ledger,
        progress: BatchProgress,
        path: Path,
        most_requests: int,
        most_bytes: int,
    ) -> None:
        self._chat = chat
        self._server = server
        self._ledger = ledger
        self._progress = progress
        self._path = path
        self._limits = (most_requests, most_bytes)
        self._file = RequestFile(path, *self._limits)
        self._earlier = self._submitted_earlier()
        self._other_bytes = 0
        self.waiting: dict[str, Waiting] = {}

    def gather(
        self, requests: Sequence[Request], places: deque[int]
    ) -> Generator[Response, None, StoppedError | None]:
        """Submit requests until none is left or no more may be sent.

        Args:
            requests: all of them.
            places: those that are left; what may not be sent stays.

        Yields:
            Errors of requests that cannot be sent.

        Returns:
            Why no more may be sent; None if nothing is left.
        """
        stopped: StoppedError | None = None
        left: list[int] = []
        for one in self._prepared(requests, places):
            if isinstance(one.problem, StoppedError):
                stopped = one.problem
                left.append(one.place)
            elif one.request is None:
                continue  # the row's text cannot be written; the run notes why
            elif one.problem is not None:
                yield Response(one.request.id, status="error", error=str(one.problem))
            elif (problem := self._place(one.request, one)) is not None:
                yield Response(one.request.id, status="error", error=problem)
        places.extendleft(reversed(left))
        self._submit_file()
        for batch in self.waiting.values():
            self._progress.awaited(batch.submission, len(batch.requests))
        if self._other_bytes:
            self._progress.other_bytes(self._other_bytes)
            self._other_bytes = 0
        return stopped

    def take_waiting(self) -> dict[str, Waiting]:
        """The batches to collect; they are not this one's any more."""
        waiting, self.waiting = self.waiting, {}
        return waiting

    def _prepared(self, requests: Sequence[Request], places: deque[int]) -> Iterator[_Prepared]:
        """Bodies in the order of the places, several made at a time, until one may not be sent."""
        pool = ThreadPoolExecutor(PREPARED_AT_A_TIME, thread_name_prefix="batch")
        ahead: deque[Future[_Prepared]] = deque()
        stopped = False
        try:
            while ahead or (places and not stopped):
                while places and not stopped and len(ahead) < PREPARED_AT_A_TIME:
                    ahead.append(pool.submit(self._prepare, requests, places.popleft()))
                one = ahead.popleft().result()
                stopped = stopped or isinstance(one.problem, StoppedError)
                yield one
        finally:
            pool.shutdown(cancel_futures=True)

    def _prepare(self, requests: Sequence[Request], place: int) -> _Prepared:
        request = None
        try:
            request = requests[place]
            body = self._chat.body(request)
        except (InputError, StoppedError) as error:
            return _Prepared(place, request, problem=error)
        return _Prepared(place, request, body, hashlib.sha256(body).hexdigest())

    def _place(self, request: Request, one: _Prepared) -> str | None:
        """Put a request where it is waited for: with an earlier batch, or into the next file.

        Returns:
            Why that cannot be; None if it was done.
        """
        own_id = custom_id(request.id)
        earlier = self._earlier.get(own_id)
        if earlier is not None:
            # Nothing that decides the body can have changed within a run's folder.
            self._other_bytes += earlier.requests[own_id].sha256 != one.sha256
            self.waiting.setdefault(earlier.name, Waiting(earlier)).requests[own_id] = request
            return None
        line = line_of(own_id, one.body)
        if len(line) > self._file.most_bytes:
            return f"the request has {len(line)} bytes, more than the file of a batch may have"
        if not self._file.has_room(line):
            self._submit_file()
        self._file.add(own_id, request, one.sha256, line)
        return None

    def _submit_file(self) -> None:
        """Upload the file and create its batch; the record of it is there before the batch is."""
        file = self._file
        if not file.requests:
            return
        self._file = RequestFile(self._path, *self._limits)
        file_id = self._server.upload(file.path)
        file.path.unlink()  # what is killed from here on leaves nothing large behind
        requests = {
            own_id: Submitted(request.id, file.shas[own_id])
            for own_id, request in file.requests.items()
        }
        submission = create(self._server, self._ledger, self._progress, file_id, requests)
        self.waiting[submission.name] = Waiting(submission, file.requests)

    def _submitted_earlier(self) -> dict[str, Submission]:
        """Custom id → the batch of an earlier call that it is in, if that was not taken yet."""
        found: dict[str, Submission] = {}
        elsewhere: set[str] = set()
        submissions, untaken = self._ledger.open()
        here = self._server.where
        for submission in submissions:
            left = untaken[submission.name]
            if not left:
                continue
            if submission.server.rstrip("/") != here.rstrip("/"):
                elsewhere.add(submission.server)
                continue
            if submission.batch_id is None:
                # The call that wrote the record was killed: perhaps before, perhaps after.
                batch_id = self._server.find(submission)
                if batch_id is None:
                    self._ledger.take(submission, submission.requests)
                    continue
                submission = self._ledger.created(submission, batch_id)
            found |= dict.fromkeys(left, submission)
        for server in sorted(elsewhere):
            self._progress.elsewhere(server, here)
        return found


def create(
    server: BatchServer,
    ledger: Ledger,
    progress: BatchProgress,
    file_id: str,
    requests: dict[str, Submitted],
) -> Submission:
    """Create the batch of an uploaded file; it is in the ledger before and after."""
    submission = Submission.new(server.where, file_id, requests)
    ledger.write(submission)
    submission = ledger.created(submission, server.create(submission))
    progress.submitted(submission)
    return submission

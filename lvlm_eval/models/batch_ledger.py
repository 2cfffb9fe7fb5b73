"""Which requests were submitted in which batch: what a later call, anywhere, collects them by.

One JSON file a batch in the adapter's workspace, written before the batch is created, and small
files that say which of its requests were taken into the records. Nothing is ever changed in place
by two processes, so that shards of one run can share the folder.
"""

import errno
import json
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.runs.folder import write_whole

FOLDER = "batches"


@dataclass(frozen=True, slots=True)
class Submitted:
    """One request in a batch.

    Attributes:
        id: the request's.
        sha256: of the body that was sent.
    """

    id: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Submission:
    """One batch, from before it is created.

    Attributes:
        name: of this record; also sent as the batch's metadata, to find it again.
        server: its address, without secrets.
        at: seconds since 1970 when the record was written.
        file_id: the server's, of the uploaded requests.
        requests: custom id → the request.
        batch_id: the server's; None until it is known to have been created.
    """

    name: str
    server: str
    at: float
    file_id: str
    requests: Mapping[str, Submitted]
    batch_id: str | None = None

    @classmethod
    def new(cls, server: str, file_id: str, requests: Mapping[str, Submitted]) -> "Submission":
        """A record with a name of its own, of now."""
        return cls(uuid.uuid4().hex, server, time.time(), file_id, requests)


_SUBMISSION = TypeAdapter(Submission)


class Ledger:
    """The records of one run's batches.

    Args:
        workspace: the adapter's.
    """

    def __init__(self, workspace: Path) -> None:
        self._folder = workspace / FOLDER

    def open(self) -> tuple[list[Submission], dict[str, set[str]]]:
        """All submissions, oldest first, and the custom ids of each that were not taken yet.

        Raises:
            InputError: a record cannot be read: to go on without it could mean to pay twice.
        """
        submissions: list[Submission] = []
        for path in sorted(self._folder.glob("*.json")):
            try:
                submissions.append(_SUBMISSION.validate_json(path.read_bytes()))
            except (OSError, ValidationError, ValueError) as error:
                raise InputError(
                    f"{path} cannot be read ({type(error).__name__}). It says which requests were "
                    "submitted and paid; restore it, or delete it to submit and pay them anew."
                ) from error
        submissions.sort(key=lambda one: (one.at, one.name))
        return submissions, {one.name: set(one.requests) - self._taken(one) for one in submissions}

    def write(self, submission: Submission) -> None:
        """Write or replace a record.

        Raises:
            StoppedError: the disk is full.
            InputError: the folder cannot be written.
        """
        self._write(f"{submission.name}.json", asdict(submission))

    def created(self, submission: Submission, batch_id: str) -> Submission:
        """Note the id of the batch that was created."""
        submission = replace(submission, batch_id=batch_id)
        self.write(submission)
        return submission

    def take(self, submission: Submission, custom_ids: Iterable[str]) -> None:
        """Note that the results of these requests are in the records, or will never come."""
        self._write(f"{submission.name}.{uuid.uuid4().hex[:8]}.taken", sorted(custom_ids))

    def path_of(self, submission: Submission) -> Path:
        """Where a record is."""
        return self._folder / f"{submission.name}.json"

    def _taken(self, submission: Submission) -> set[str]:
        taken: set[str] = set()
        for path in self._folder.glob(f"{submission.name}.*.taken"):
            try:
                taken.update(json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError, TypeError) as error:
                raise InputError(f"{path} cannot be read ({type(error).__name__}).") from error
        return taken

    def _write(self, name: str, content: Any) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(self._folder / name, json.dumps(content) + "\n")
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StoppedError(f"the disk of {self._folder} is full") from error
            raise InputError(f"{self._folder} cannot be written: {error.strerror}.") from error

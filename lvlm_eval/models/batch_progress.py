"""Tells how batches go: not at every look, but where something has changed."""

from collections.abc import Callable

from openai.types import Batch

from lvlm_eval.models.batch_ledger import Submission

STEP = 0.1
"""Part of a batch's requests that must be done anew until it is told again."""


class BatchProgress:
    """What was told of each batch of one call.

    Args:
        tell: takes a line for the user.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.tell = tell
        self._told: dict[str | None, tuple[str, float]] = {}
        self._explained = False

    def submitted(self, submission: Submission) -> None:
        """A batch was created."""
        self._told[submission.batch_id] = "", 0.0
        explained = (
            ""
            if self._explained
            else (
                ". If this command is stopped batches go on at the server, and the same command "
                "collects them"
            )
        )
        self._explained = True
        count = len(submission.requests)
        self.tell(f"batch {submission.batch_id}: submitted with {count} requests{explained}")

    def awaited(self, submission: Submission, requests: int) -> None:
        """So many requests are waited for; told only if an earlier call submitted the batch."""
        if submission.batch_id not in self._told:
            self._told[submission.batch_id] = "", 0.0
            self.tell(
                f"batch {submission.batch_id}: submitted by an earlier call, {requests} requests "
                "are collected from it"
            )

    def seen(self, submission: Submission, batch: Batch) -> None:
        """A batch was looked at."""
        counts = batch.request_counts
        numbers = [getattr(counts, name, None) for name in ("completed", "failed", "total")]
        completed, failed, total = (one if isinstance(one, int) else 0 for one in numbers)
        part = (completed + failed) / total if total else 0.0
        status, before = self._told.get(submission.batch_id, ("", 0.0))
        if batch.status == status and part < before + STEP:
            return
        self._told[submission.batch_id] = batch.status, part
        failures = f", {failed} failed" if failed else ""
        self.tell(
            f"batch {submission.batch_id}: {batch.status}, {completed} of {total} done{failures}"
        )

    def unreadable(self, submission: Submission, lines: int) -> None:
        """Lines of a batch's results make no sense."""
        self.tell(f"batch {submission.batch_id}: {lines} lines of its results cannot be read")

    def other_bytes(self, requests: int) -> None:
        """Requests were submitted by an earlier call that would be written otherwise now."""
        self.tell(
            f"{requests} requests were submitted with other bytes than this machine would send "
            "(another version of a library that writes images?); their answers are taken"
        )

    def elsewhere(self, server: str, here: str) -> None:
        """Batches are at another server than the one that is asked now."""
        self.tell(
            f"batches that were submitted to {server} are not collected from {here}; their "
            "requests are submitted anew"
        )

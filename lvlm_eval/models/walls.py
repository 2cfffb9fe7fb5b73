"""Tells a wall from an accident: when a run against a server must stop, and with which words."""

from dataclasses import dataclass, field

from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.records import Response

# What fails at the start, without one answer yet, is no accident of a row: a wrong parameter would
# fail 24,000 times. Questions are counted, since the twelve rows of one share their photos.
QUESTIONS_REFUSED_AT_START = 8
CONNECTIONS_FAILED_AT_START = 8
SILENT_TRIES_AT_START = 4

# Later a server that is gone shows by a row of failures.
FAILURES_IN_A_ROW = 64

# And one that hangs by tries that time out, each of them some minutes long.
SILENT_ROUNDS = 3

# Recorded as the finish reason of a failed row.
BAD_REQUEST, NO_CONNECTION, UNSENT = "bad_request", "no_connection", "unsent"


@dataclass(slots=True)
class Tally:
    """How the requests went so far.

    Attributes:
        where: the server, for messages.
        concurrency: requests in flight at a time.
        any_answer: one request at least was answered.
        any_word: the server said something at least, be it an error.
        wall: why no further request should be sent; what is in flight is still waited for.
    """

    where: str
    concurrency: int
    any_answer: bool = False
    any_word: bool = False
    wall: Exception | None = None
    failures_in_a_row: int = 0
    silent_in_a_row: int = 0
    connections_failed: int = 0
    refused_questions: set[str] = field(default_factory=set)

    def stop(self, why: Exception) -> None:
        """Send nothing more; the first reason is the one that is told."""
        if self.wall is None:
            self.wall = why

    def heard(self) -> None:
        """Note a try that was answered, be it with an error."""
        self.any_word, self.silent_in_a_row = True, 0

    def silence(self, said: str) -> None:
        """Note a try that was not answered in time."""
        self.silent_in_a_row += 1
        bound = SILENT_ROUNDS * self.concurrency if self.any_answer else 0
        if self.silent_in_a_row >= max(SILENT_TRIES_AT_START, bound):
            lately = "any more" if self.any_word else "at all"
            self.stop(
                StoppedError(
                    f"{self.where} does not answer {lately}: {said}. If it is only slow, give it "
                    "longer (--model-arg timeout=600) or less at a time (--concurrency 1)"
                )
            )

    def count(self, response: Response, question: str) -> None:
        """Note how one request ended, all its tries together."""
        said = response.error
        if response.status != "error":
            self.any_answer, self.failures_in_a_row = True, 0
        elif response.finish_reason == BAD_REQUEST:
            self.refused_questions.add(question)
        elif response.finish_reason != UNSENT:
            self.failures_in_a_row += 1
            self.connections_failed += response.finish_reason == NO_CONNECTION
        if not self.any_answer and len(self.refused_questions) >= QUESTIONS_REFUSED_AT_START:
            self.stop(InputError(f"{self.where} refuses every request: {said}"))
        elif not self.any_answer and self.connections_failed >= CONNECTIONS_FAILED_AT_START:
            self.stop(StoppedError(f"{self.where} answers no request: {said}"))
        elif self.failures_in_a_row >= FAILURES_IN_A_ROW:
            self.stop(
                StoppedError(f"{self.where} failed {self.failures_in_a_row} times in a row: {said}")
            )

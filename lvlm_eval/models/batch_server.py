"""Speaks to a server's ``files`` and ``batches``, with the patience that servers need."""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import openai
from openai.types import Batch
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
)
from tenacity.stop import stop_base

from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.models.batch_files import ENDPOINT
from lvlm_eval.models.batch_ledger import Submission
from lvlm_eval.models.chat_answers import GarbledAnswerError
from lvlm_eval.models.server_access import ServerAccess
from lvlm_eval.models.server_trouble import (
    LONGEST_RETRY_AFTER,
    is_temporary,
    one_line,
    pause,
    retry_after,
)

METADATA = "lvlm_eval"
"""Under this name a batch carries the name of its record."""

UPLOAD_TIMEOUT = 1800.0
"""Seconds for one try to send or fetch a whole file, if ``timeout`` is not longer."""

PATIENCE = 3600.0
"""Seconds for which a server that has answered before is tried again while batches are waited for:
who waits for a day need not stop for an outage."""

CLOCKS_DIFFER = 86_400.0
"""Seconds; a batch that is so much older than its record is another one."""

Got = TypeVar("Got")


class UnknownToServerError(Exception):
    """The server does not know a batch or a file."""


class BatchServer:
    """A client whose calls are tried again after temporary failures.

    Args:
        access: address and key.
        timeout: seconds for one try of a short call.
        max_retries: further tries.
        tell: told when a server that is waited for does not answer.

    Attributes:
        where: the server, in messages and records.
        key_env: the environment variable with the key.
    """

    def __init__(
        self, access: ServerAccess, timeout: float, max_retries: int, tell: Callable[[str], None]
    ) -> None:
        self.where = access.where
        self.key_env = access.key_env
        self._access = access
        self._long = max(timeout, UPLOAD_TIMEOUT)
        self._max_retries = max_retries
        self._tell = tell
        self._heard = False
        self._client = openai.OpenAI(
            api_key=access.key or "none",
            base_url=access.base_url,
            default_headers=access.headers,
            timeout=timeout,
            max_retries=0,
        )

    def __enter__(self) -> "BatchServer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def upload(self, path: Path) -> str:
        """Send a file of requests; gives its id. A file costs nothing.

        Raises:
            InputError: the server refuses the key or the file, or has no Batch API.
            StoppedError: it does not answer.
        """

        def send() -> str:
            with path.open("rb") as file:
                sent = self._client.files.create(file=file, purpose="batch", timeout=self._long)
            return _text(sent.id, "the uploaded file has no id")

        return self._patiently("take the file of requests", send)

    def create(self, submission: Submission) -> str:
        """Create the batch of a new record, once, whatever happens meanwhile; gives its id.

        Raises:
            InputError: the server refuses it.
            StoppedError: it does not answer.
        """
        tried = False

        def create() -> str:
            nonlocal tried
            # A try that failed here may have been done there all the same.
            if tried and (found := self._found(submission)) is not None:
                return found
            tried = True
            batch = self._client.batches.create(
                completion_window="24h",
                endpoint=ENDPOINT,
                input_file_id=submission.file_id,
                metadata={METADATA: submission.name},
            )
            return _text(batch.id, "the batch has no id")

        return self._patiently("create the batch", create)

    def find(self, submission: Submission) -> str | None:
        """The id of the batch of a record; None if it was never created.

        Raises:
            InputError: the server does not list its batches.
            StoppedError: it does not answer.
        """
        return self._patiently("list the batches", lambda: self._found(submission))

    def look(self, batch_id: str) -> Batch:
        """The state of a batch.

        Raises:
            UnknownToServerError: the server does not know it.
            StoppedError: the server does not answer.
        """

        def look() -> Batch:
            batch = self._client.batches.retrieve(batch_id)
            _text(getattr(batch, "status", None), "the batch has no status")
            return batch

        return self._patiently("tell of the batch", look, known=batch_id, waiting=True)

    def fetch(self, file_id: str) -> bytes:
        """The content of a file of results.

        Raises:
            UnknownToServerError: the server does not know it.
            StoppedError: the server does not answer.
        """
        return self._patiently(
            "give the results",
            lambda: self._client.files.content(file_id, timeout=self._long).content,
            known=file_id,
        )

    def _found(self, submission: Submission) -> str | None:
        """The id of a record's batch, if it is there."""
        for batch in self._client.batches.list(limit=100):
            if (batch.created_at or 0) < submission.at - CLOCKS_DIFFER:
                return None  # the newest come first
            name = (batch.metadata or {}).get(METADATA)
            if name == submission.name or (
                name is None and batch.input_file_id == submission.file_id
            ):
                return batch.id
        return None

    def _patiently(
        self, doing: str, call: Callable[[], Got], *, known: str = "", waiting: bool = False
    ) -> Got:
        """Call until it succeeds, or never will.

        Args:
            doing: what the server is to do, for messages.
            call: does it.
            known: what the server must know; if it does not UnknownToServerError is raised.
            waiting: have more patience.
        """
        many: stop_base = stop_after_attempt(self._max_retries + 1)
        if waiting and self._heard:
            many = many & stop_after_delay(PATIENCE)

        def told(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            if waiting and error is not None and state.attempt_number == self._max_retries + 1:
                minutes = f"{PATIENCE / 60:.0f} minutes"
                said = f"{self.where} does not {doing}: {self._said(error)}"
                self._tell(f"{said}. It is tried again for {minutes}")

        tries = Retrying(
            retry=retry_if_exception(is_temporary),
            wait=_wait,
            stop=many,
            before_sleep=told,
            reraise=True,
        )
        try:
            got: Got = tries(self._checked, call)
        except openai.APIStatusError as error:
            if known and error.status_code == 404:
                raise UnknownToServerError(known) from error
            raise self._refused(doing, error) from error
        except (openai.OpenAIError, GarbledAnswerError) as error:
            said = f"{self._access.where} does not {doing}: {self._said(error)}"
            raise StoppedError(said) from error
        self._heard = True
        return got

    @staticmethod
    def _checked(call: Callable[[], Got]) -> Got:
        try:
            return call()
        except openai.OpenAIError:
            raise
        except (ValueError, TypeError, AttributeError) as error:
            # What came is no JSON, or has other fields than the client expects.
            raise GarbledAnswerError(f"what came cannot be read: {error}") from error

    def _refused(self, doing: str, error: openai.APIStatusError) -> Exception:
        where, said = self._access.where, self._said(error)
        if error.status_code in (401, 403):
            return InputError(f"{where} refuses the key in {self._access.key_env}: {said}")
        if error.status_code == 402 or error.code == "insufficient_quota":
            return StoppedError(f"{where}: the quota is used up: {said}")
        if (seconds := retry_after(error) or 0) > LONGEST_RETRY_AFTER:
            return StoppedError(f"{where} asks to wait {seconds / 60:.0f} minutes: {said}")
        if is_temporary(error):
            return StoppedError(f"{where} does not {doing}: {said}")
        if error.status_code in (404, 405):
            return InputError(f"{where} has no Batch API; it does not {doing}: {said}")
        return InputError(f"{where} does not {doing}: {said}")

    def _said(self, error: BaseException) -> str:
        return one_line(error, self._access.secrets)


def _text(value: object, problem: str) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(problem)
    return value


def _wait(state: RetryCallState) -> float:
    """Seconds until the next try: growing, and as long as the server asks for."""
    error = state.outcome.exception() if state.outcome else None
    told = retry_after(error) if isinstance(error, openai.APIStatusError) else None
    return max(told or 0.0, pause(state))

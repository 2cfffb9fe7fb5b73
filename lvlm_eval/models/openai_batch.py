"""The OpenAI Batch API: everything is submitted in files, answered within a day, at half the price.

The bodies are those that `openai:` sends. What was submitted is recorded in the run's folder before
the batch is created, so that a run which is stopped or killed, at any moment and on any machine,
collects it with the same command instead of submitting it again.
"""

import tempfile
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lvlm_eval.errors import InputError
from lvlm_eval.models.adapter import Adapter
from lvlm_eval.models.argument_checks import check_above_zero, check_whole
from lvlm_eval.models.batch_collecting import Collector
from lvlm_eval.models.batch_files import MOST_MEGABYTES, MOST_REQUESTS
from lvlm_eval.models.batch_ledger import Ledger
from lvlm_eval.models.batch_progress import BatchProgress
from lvlm_eval.models.batch_server import BatchServer
from lvlm_eval.models.batch_submitting import Submitter
from lvlm_eval.models.chat_requests import ChatRequests
from lvlm_eval.models.local.decoding import Decode
from lvlm_eval.models.server_access import OPENAI_KEY, ServerAccess
from lvlm_eval.records import Request, Response


class OpenAIBatch(Adapter):
    """Chat completions of one model, by batches.

    Args:
        model: the name that the server knows it by.
        decode: as for `openai:`.
        base_url: of a server with the same Batch API; OpenAI's own if not given.
        temperature: 0 is greedy; null leaves the server's default.
        max_tokens: bound on the answer; null leaves the server's default.
        max_completion_tokens: sent instead of max_tokens, for models that want that name.
        detail: ``low``, ``high`` or ``auto`` image detail.
        logprobs: record the letters' log-probabilities as the answer's first token.
        extra: more fields of the request's body, as JSON.
        requests_per_file: requests of a batch, at most.
        megabytes_per_file: million bytes of a batch's file, at most.
        poll: seconds between two looks at the batches, at most; they are looked at more often in
            the beginning.
        timeout: seconds for one try of a call to the server; uploads have longer.
        max_retries: further tries after a temporary failure.
        key_env: the environment variable that holds the key.

    Raises:
        InputError: no key for OpenAI's own server, or a value is impossible.
    """

    chunk = None
    incidental = frozenset(
        {
            *("base_url", "timeout", "max_retries", "key_env", "logprobs", "poll"),
            *("requests_per_file", "megabytes_per_file"),
        }
    )

    def __init__(
        self,
        model: str,
        decode: Decode = "text",
        base_url: str | None = None,
        temperature: float | None = 0.0,
        max_tokens: int | None = 1024,
        max_completion_tokens: int | None = None,
        detail: str | None = None,
        logprobs: bool = False,
        extra: Mapping[str, Any] | None = None,
        requests_per_file: int = MOST_REQUESTS,
        megabytes_per_file: float = MOST_MEGABYTES,
        poll: float = 120.0,
        timeout: float = 120.0,
        max_retries: int = 6,
        key_env: str = OPENAI_KEY,
    ) -> None:
        check_whole("requests_per_file", requests_per_file, 1)
        check_above_zero("megabytes_per_file", megabytes_per_file, "millions of bytes")
        check_above_zero("poll", poll, "seconds")
        check_above_zero("timeout", timeout, "seconds")
        check_whole("max_retries", max_retries, 0)
        self._chat = ChatRequests(
            *(model, decode, temperature, max_tokens, max_completion_tokens),
            *(detail, logprobs, extra),
        )
        self._access = ServerAccess.of(base_url, key_env)
        self.secrets = self._access.secrets
        self._most_requests = requests_per_file
        self._most_bytes = int(megabytes_per_file * 1_000_000)
        self._poll = poll
        self._timeout = timeout
        self._max_retries = max_retries

    def answer(self, requests: Sequence[Request]) -> Iterable[Response]:
        """Submit what was not submitted yet, wait for all batches, and yield what they give.

        Raises:
            InputError: there is no workspace, the server refuses the key or a batch.
            StoppedError: the server does not answer; what was submitted is collected later.
        """
        if self.workspace is None:
            raise InputError(
                "batches are submitted only where it can be recorded what was: in a run without "
                "workers in other processes (leave --engine out)."
            )
        ledger = Ledger(self.workspace)
        progress = BatchProgress(self.tell)
        with (
            BatchServer(self._access, self._timeout, self._max_retries, self.tell) as server,
            tempfile.TemporaryDirectory(prefix="lvlm-eval-") as folder,
        ):
            file = Path(folder) / "requests.jsonl"
            limits = (self._most_requests, self._most_bytes)
            submitter = Submitter(self._chat, server, ledger, progress, file, *limits)
            collector = Collector(self._chat, server, ledger, progress, self._poll)
            places = deque(range(len(requests)))
            while places:
                # A budget may let the rest go when these have told what they cost.
                stopped = yield from submitter.gather(requests, places)
                if stopped is not None and not submitter.waiting:
                    raise stopped
                yield from collector.collect(submitter.take_waiting())

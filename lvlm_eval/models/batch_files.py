"""The files of the OpenAI Batch API: requests that go up, and results that come back.

Both are JSON lines. A line of requests has ``custom_id``, ``method``, ``url`` and ``body``; a line
of results has the ``custom_id`` and either a ``response`` (``status_code`` and ``body``) or an
``error`` (``code`` and ``message``), in any order.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from openai.types.chat import ChatCompletion

from lvlm_eval.errors import StoppedError
from lvlm_eval.models.chat_answers import GarbledAnswerError
from lvlm_eval.models.chat_requests import ChatRequests
from lvlm_eval.models.server_trouble import says_filtered
from lvlm_eval.records import Request, Response

ENDPOINT: Final = "/v1/chat/completions"

MOST_REQUESTS = 50_000
"""Requests of a file, at most (OpenAI's documented limit)."""

MOST_MEGABYTES = 200
"""Million bytes of a file, at most (OpenAI's documented limit)."""

LONGEST_CUSTOM_ID = 64
"""Characters; nothing is documented, and no server is known to want fewer."""

LONGEST_ERROR = 400


def custom_id(id: str) -> str:
    """The id under which a request goes: its own, or a short one with a hash where that is odd."""
    plain = re.sub(r"[^A-Za-z0-9._/+-]", "_", id)
    if plain == id and len(id) <= LONGEST_CUSTOM_ID:
        return id
    digest = hashlib.sha256(id.encode("utf-8", "surrogatepass")).hexdigest()[:20]
    return f"{plain[: LONGEST_CUSTOM_ID - len(digest) - 1]}~{digest}"


def line_of(own_id: str, body: bytes) -> bytes:
    """One line of a file of requests, its line feed included."""
    head = json.dumps({"custom_id": own_id, "method": "POST", "url": ENDPOINT})
    return head[:-1].encode() + b', "body": ' + body + b"}\n"


@dataclass(slots=True)
class RequestFile:
    """A file of requests in the making.

    Attributes:
        path: where it is written.
        most_requests: that it may hold.
        most_bytes: that it may hold.
        requests: custom id → the request.
        shas: custom id → sha256 of its body.
        size: bytes up to now.
    """

    path: Path
    most_requests: int
    most_bytes: int
    requests: dict[str, Request] = field(default_factory=dict)
    shas: dict[str, str] = field(default_factory=dict)
    size: int = 0

    def has_room(self, line: bytes) -> bool:
        """Whether one more line keeps to the limits."""
        return len(self.requests) < self.most_requests and self.size + len(line) <= self.most_bytes

    def add(self, own_id: str, request: Request, sha256: str, line: bytes) -> None:
        """Append a line.

        Raises:
            StoppedError: the disk is full, say.
        """
        try:
            with self.path.open("ab" if self.requests else "wb") as file:
                file.write(line)
        except OSError as error:
            raise StoppedError(f"{self.path} cannot be written: {error.strerror}") from error
        self.requests[own_id] = request
        self.shas[own_id] = sha256
        self.size += len(line)


@dataclass(slots=True)
class Results:
    """What one or two files of results say.

    Attributes:
        lines: custom id → the line's content.
        unreadable: lines that are no results.
    """

    lines: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    unreadable: int = 0

    def read(self, content: bytes) -> None:
        """Read a file; what an earlier one said of a request stays."""
        for line in content.split(b"\n"):
            if not line.strip():
                continue
            try:
                found = json.loads(line)
                own_id = found["custom_id"]
                if not isinstance(own_id, str):
                    raise TypeError
            except (ValueError, LookupError, TypeError, RecursionError):
                self.unreadable += 1
                continue
            self.lines.setdefault(own_id, found)


def response_to(
    request: Request, line: Mapping[str, Any], chat: ChatRequests, tell: Callable[[str], None]
) -> Response:
    """The response that a line of results is.

    Args:
        request: what was asked.
        line: of the results, with the request's custom id.
        chat: reads completions.
        tell: told once if the server does not do what it was asked for.
    """
    answer = line.get("response")
    if not isinstance(answer, Mapping):
        return _error(request, _said(line.get("error")) or "neither a response nor an error came")
    body, status = answer.get("body"), answer.get("status_code")
    if status != 200:
        problem = body.get("error") if isinstance(body, Mapping) else None
        said = f"status {status}: {_said(problem) or _said(line.get('error')) or 'no reason given'}"
        if isinstance(problem, Mapping) and says_filtered(problem):
            return Response(
                request.id, status="refused", error=said, finish_reason="content_filter"
            )
        return _error(request, said)
    if not isinstance(body, Mapping):
        return _error(request, "the server's answer is no chat completion")
    try:
        completion = ChatCompletion.model_construct(**{str(name): body[name] for name in body})
        return chat.read(request, completion, tell)
    except GarbledAnswerError as error:
        return _error(request, f"{type(error).__name__}: {error}"[:LONGEST_ERROR])
    except Exception as error:  # the client's reading of fields of any type
        return _error(request, f"the server's answer cannot be read: {type(error).__name__}")


def _error(request: Request, said: str) -> Response:
    return Response(request.id, status="error", error=said)


def _said(problem: Any) -> str:
    """Code and message of an error, on one line; empty if it has neither."""
    if not isinstance(problem, Mapping):
        return ""
    parts = [str(problem[name]) for name in ("code", "message") if problem.get(name)]
    return " ".join(": ".join(parts).split())[:LONGEST_ERROR]

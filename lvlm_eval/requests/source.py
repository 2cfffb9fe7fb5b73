"""What a run needs to know of whatever makes its requests."""

import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from lvlm_eval.records import Ask, Question, Request, Setting

QUESTIONS_KEPT = 512
"""Questions of which it is remembered what is to be drawn: more than any adapter has in flight."""


class RequestSource(Protocol):
    """Where the requests of a run come from."""

    @property
    def name(self) -> str:
        """The dataset's name, for folder names and tables."""
        ...

    @property
    def questions(self) -> Sequence[Question]:
        """All questions; any first part of them is balanced over the categories."""
        ...

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The settings that this source can ask in."""
        ...

    def notes(self, questions: Sequence[Question]) -> tuple[str, ...]:
        """What a user should know before these questions are asked, a line each."""
        ...

    def identity(self) -> dict[str, Any]:
        """What decides the requests, JSON-able; the files are fingerprinted one by one."""
        ...

    def files(self, questions: Sequence[Question]) -> dict[str, str]:
        """Name → fingerprint of each file that the requests for these questions are made from."""
        ...

    def files_of(self, question: Question, setting: Setting) -> tuple[str, ...]:
        """Names of the files that a question's requests in one setting show."""
        ...

    def asks(self, question: Question, setting: Setting) -> tuple[Ask, ...]:
        """The rows of a question in one setting, in order."""
        ...

    def request(self, ask: Ask) -> Request:
        """What the model gets."""
        ...

    def shrunk_note(self, sent: tuple[int, int], seen: tuple[int, int]) -> str | None:
        """What to tell the user of a model that resizes pictures so (px); None if nothing."""
        ...

    def working(self, asks: Sequence[Ask]) -> AbstractContextManager[None]:
        """While entered, the pictures of these asks may be made by processes of their own."""
        ...


def sha256_of_prompt(request: Request) -> str:
    """Hex digest of the system text, a zero byte and the user's text."""
    return hashlib.sha256(f"{request.system or ''}\0{request.text}".encode()).hexdigest()

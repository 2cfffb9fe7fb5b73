"""The contract between the harness and a model, for built-in and users' adapters alike."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lvlm_eval.errors import StoppedError
from lvlm_eval.records import SETTINGS, ModelView, Request, Response, Setting


def _nobody(line: str) -> None:
    """Takes what is told outside of a run."""


class NotNowError(StoppedError):
    """A request may be sent later, if what is out by then costs less than is feared."""


class Adapter(ABC):
    """Runs a model. It never reads the dataset, draws, or parses an answer.

    A user's class need not inherit from this one: having ``answer`` is enough, and every other
    attribute below has the default that stands here.

    Attributes:
        chunk: how many requests are handed over at a time, their pictures drawn beforehand. None
            hands over all that are left, as a sequence that prepares each request when it is
            looked at; then ``request.pictures`` may raise InputError (a broken photo), which is to
            be answered with ``status="error"``. Looking at a request means that it will be sent:
            where a budget is used up StoppedError is raised instead, which is to be let through
            after what is in flight was answered. If it is a NotNowError the same request may be
            had after some of that has come back.
        settings: the settings that the model can answer at all.
        needs_pictures: False if the adapter never looks at the pictures, so none is drawn.
        incidental: names of constructor arguments that do not decide an answer (concurrency, a
            server's address); a run can be resumed with other values of these.
        secrets: values that must not be written anywhere, such as a key from the environment.
        workspace: set by the run to a folder inside the run's, which the adapter makes if it needs
            one; for what must outlive this process, such as what was submitted and not yet
            answered. It goes wherever the run's folder goes. Shards of one run that work at the
            same time share it. None outside of a run.
        tell: set by the run; call it with a line that the user should read ("waiting for 60 s").
    """

    chunk: int | None = 48
    settings: tuple[Setting, ...] = SETTINGS
    needs_pictures: bool = True
    incidental: frozenset[str] = frozenset()
    secrets: tuple[str, ...] = ()
    workspace: Path | None = None
    tell: Callable[[str], None] = staticmethod(_nobody)

    @abstractmethod
    def answer(self, requests: Sequence[Request]) -> Iterable[Response]:
        """Answer requests, in any order, each as soon as it is ready.

        What is yielded is on disk before the next one is asked for. Raise InputError to stop the
        run with one line (a wrong key, a model that does not exist); any other exception counts
        as an error of the requests that were handed over and not yet answered.
        """

    def identity(self) -> Mapping[str, Any]:
        """What decides an answer beside the constructor's arguments; JSON-able.

        The arguments themselves, defaults included, are recorded in any case.
        """
        return {}

    def saw(self) -> ModelView | None:
        """What the model made of the pictures up to now; None if that cannot be told.

        It is recorded with the run, and the user is told if letters became too small to read.
        """
        return None

"""A model for tests of batch jobs: it takes as long for an answer as a file says, in seconds."""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from lvlm_eval.records import Request, Response


class Slow:
    chunk = 4

    def __init__(self, pace: str, asked: str) -> None:
        self._pace, self._asked = Path(pace), Path(asked)

    def answer(self, requests: Sequence[Request]) -> Iterable[Response]:
        for request in requests:
            with self._asked.open("a") as file:
                file.write(f"{request.id}\n")
            time.sleep(float(self._pace.read_text()))
            yield Response(request.id, text=f"Answer: {'ABCD'[len(request.text) % 4]}")

"""What vLLM and the processes that it starts complain of, made into one line that helps."""

import os
import re
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from lvlm_eval.errors import InputError

LINES_KEPT = 400
"""Of what engines wrote to standard error; a traceback with those that caused it is shorter."""

# "(EngineCore pid=12) ERROR 11-26 04:00:00 [core.py:1] ValueError: too little", or a part of it.
_RAISED = re.compile(
    r"^(?:\([^)]*pid=\d+\) )?(?:ERROR \S+ \S+ \[[^\]]*\] )?"
    r"(?P<what>[\w.]*(?:Error|Exception)): (?P<said>.+)$"
)
_SECOND_HAND = (
    "Engine core initialization failed",
    "WorkerProc initialization failed",
    "EngineDead",
)

_NO_MEMORY = re.compile(
    r"out of memory|no available memory for the cache blocks|less than desired gpu memory|"
    r"kv cache is needed|larger than the (?:maximum number of tokens|available)|"
    r"failed to allocate|not enough memory|cannot allocate memory",
    re.IGNORECASE,
)
_GATED = re.compile(r"\bgated\b|\b401\b|\b403\b", re.IGNORECASE)
_MISSING = re.compile(
    r"is not a local folder|is not a valid model identifier|repository not found|\b404\b|"
    r"can't load the configuration|couldn't connect|cannot find the requested files|"
    r"locate the file on the hub|invalid repository id|no such file",
    re.IGNORECASE,
)


class Overheard:
    """What vLLM's processes write to standard error: passed on, and the last of it remembered.

    An engine runs in a process of its own. Why it failed stands in its log and nowhere else.
    """

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._held: list[bytes] | None = None
        self._lock = threading.Lock()

    @contextmanager
    def listening(self, hold: bool) -> Iterator[None]:
        """Listen to this process, and to those that it starts meanwhile as long as they live.

        Args:
            hold: pass nothing on before the end, and nothing at all if that is an exception, which
                will be told in one line.
        """
        sys.stderr.flush()
        try:
            before = os.dup(2)
        except OSError:  # there is no standard error
            yield
            return
        reading, writing = os.pipe()
        os.dup2(writing, 2)
        os.close(writing)
        passed_on = os.dup(before)
        self._held = [] if hold else None
        listener = threading.Thread(
            target=self._listen, args=(reading, passed_on), name="vllm-words", daemon=True
        )
        listener.start()
        try:
            yield
        except BaseException:
            self._restore(before, listener)
            raise
        self._restore(before, listener)
        with self._lock:
            held, self._held = self._held or (), None
            _write(before, b"".join(held))
        os.close(before)

    def _restore(self, before: int, listener: threading.Thread) -> None:
        sys.stderr.flush()
        os.dup2(before, 2)
        listener.join(0.5)  # it ends now unless a process is left that still writes

    def _listen(self, reading: int, passed_on: int) -> None:
        rest = b""
        while read := os.read(reading, 65536):
            with self._lock:
                if self._held is None:
                    _write(passed_on, read)
                else:
                    self._held.append(read)
            *lines, rest = (rest + read).split(b"\n")
            self._lines.extend(line.decode("utf-8", "replace").rstrip() for line in lines)
        os.close(reading)
        os.close(passed_on)

    def cause(self) -> str:
        """The last error that is named and not only passed on by another process; may be empty."""
        for line in reversed(tuple(self._lines)):
            found = _RAISED.match(line)
            if found and not any(one in line for one in _SECOND_HAND):
                return f"{found['what'].rpartition('.')[2]}: {found['said']}"
        return ""


def not_started(error: BaseException, model: str, overheard: str = "") -> InputError:
    """Why no engine could be started.

    Args:
        error: what vLLM raised.
        model: as the user wrote it.
        overheard: the cause that an engine's process named, if it did.
    """
    said = f"{_said(error)} {overheard}"
    shown = overheard or _said(error)
    if _NO_MEMORY.search(said):
        return InputError(
            f"'{model}' does not fit into the memory: {_shortened(shown)} Lower --model-arg "
            "max_model_len=…, max_pixels=… or, if others use the GPU too, memory=…; or spread it "
            "over several GPUs with tensor_parallel=…"
        )
    if _GATED.search(said) and not _is_validation(error):
        return InputError(
            f"'{model}' is gated on the hub: accept its terms on its page there, then log in with "
            "'hf auth login' or set HF_TOKEN."
        )
    if isinstance(error, OSError) or _MISSING.search(said):
        return InputError(
            f"'{model}' is neither a folder with a checkpoint nor one that could be had from the "
            f"hub or its cache: {_shortened(shown)}"
        )
    return InputError(f"vLLM cannot run '{model}': {_shortened(shown)}")


def _is_validation(error: BaseException) -> bool:
    return type(error).__name__ == "ValidationError"


def _write(descriptor: int, text: bytes) -> None:
    with suppress(OSError):  # whoever read it is gone
        while text:
            text = text[os.write(descriptor, text) :]


def _said(error: BaseException) -> str:
    """What an exception says; of pydantic's many lines those that do not repeat the input."""
    errors = getattr(error, "errors", None)
    if _is_validation(error) and callable(errors):
        return "; ".join(str(one["msg"]).removeprefix("Value error, ") for one in errors())
    return " ".join(str(error).split()) or type(error).__name__


def _shortened(text: str, most: int = 600) -> str:
    text = text.strip()
    text = text if len(text) <= most else f"{text[:most]} …"
    return text if text.endswith((".", "!", "…")) else text + "."

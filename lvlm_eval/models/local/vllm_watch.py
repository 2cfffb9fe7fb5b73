"""Notices that an engine's process is gone."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

SECONDS_BETWEEN_LOOKS = 0.5


@contextmanager
def watching(llms: Sequence[Any]) -> Iterator[None]:
    """While entered, whoever waits for an engine whose process was killed gets EngineDeadError.

    Of vLLM's clients only the asynchronous one does that. The one of ``LLM`` learns that the
    process is gone, for want of memory say, and still waits for its answers without end.

    Args:
        llms: vLLM's ``LLM`` objects; nothing is done about an engine in this process.
    """
    cores = [llm.llm_engine.engine_core for llm in llms]
    alive = [
        core for core in cores if hasattr(core, "resources") and hasattr(core, "outputs_queue")
    ]
    left = threading.Event()

    def watch() -> None:
        from vllm.v1.engine.exceptions import EngineDeadError

        while alive and not left.wait(SECONDS_BETWEEN_LOOKS):
            for core in [one for one in alive if one.resources.engine_dead]:
                core.outputs_queue.put_nowait(EngineDeadError())
                alive.remove(core)

    watcher = threading.Thread(target=watch, name="vllm-watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        left.set()
        watcher.join()

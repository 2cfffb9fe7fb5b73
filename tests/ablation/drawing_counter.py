"""Counts every picture that any process of a command draws, in a file."""

import hashlib
import json
from collections import Counter
from pathlib import Path

from commands import ENVIRONMENT

_HOOK = """
import os
import lvlm_eval.renderers as renderers

_render = renderers.Renderer.render


def render(self, photo, marks):
    picture = _render(self, photo, marks)
    log = os.open(os.environ["DRAWING_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(log, f"{picture.sha256}\\n".encode())
    os.close(log)
    return picture


renderers.Renderer.render = render
"""


class DrawingCounter:
    """Give ``environment`` to a command: it and all processes that it starts are counted."""

    def __init__(self, folder: Path) -> None:
        hooks = folder / "hooks"
        hooks.mkdir()
        (hooks / "sitecustomize.py").write_text(_HOOK)
        self._log = folder / "drawn.log"
        self.environment = {
            **ENVIRONMENT,
            "DRAWING_LOG": str(self._log),
            "PYTHONPATH": f"{hooks}:{Path(__file__).resolve().parents[2]}",
        }

    def drawn(self) -> Counter[str]:
        """Digest of each picture → how often it was drawn."""
        return Counter(self._log.read_text().split() if self._log.exists() else ())


def stored(folder: Path) -> set[str]:
    """Digests of the whole pictures in a store, read without the code under test."""
    found = set()
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            head, _, data = path.read_bytes().partition(b"\n")
            assert json.loads(head)["sha256"] == hashlib.sha256(data).hexdigest()
            found.add(json.loads(head)["sha256"])
    return found

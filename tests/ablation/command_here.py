"""The command line in this process, with what it says and draws."""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from commands import KEY
from PIL import Image

from lvlm_eval.drawing.mark import Mark
from lvlm_eval.records import Picture
from lvlm_eval.renderers import Renderer


@dataclass(frozen=True)
class Said:
    """What a command wrote."""

    stdout: str
    stderr: str

    @property
    def complaint(self) -> str:
        """The one line that it complains with."""
        (line,) = [one for one in self.stderr.splitlines() if one.startswith("lvlm-eval: ")]
        return line


Command = Callable[..., Said]


@pytest.fixture
def lvlm_eval_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run a command in ``tmp_path``, which must end with this status."""
    from lvlm_eval.cli import run_command_line

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("COLUMNS", "100")

    def call(*words: object, status: int = 0) -> Said:
        monkeypatch.setattr(sys, "argv", ["lvlm-eval", *map(str, words)])
        capsys.readouterr()
        ended = run_command_line()
        said = Said(*capsys.readouterr())
        assert ended == status, (said.stdout, said.stderr)
        return said

    return call


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Digest of each picture that this process draws → how often."""
    counts = Counter[str]()
    inner = Renderer.render

    def render(self: Renderer, photo: Image.Image, marks: Sequence[Mark]) -> Picture:
        picture = inner(self, photo, marks)
        counts[picture.sha256] += 1
        return picture

    monkeypatch.setattr(Renderer, "render", render)
    return counts

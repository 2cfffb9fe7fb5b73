"""Tiny checkpoints, each made once for all tests that run local models.

Everything here is skipped where torch or transformers is not installed.
"""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import ROOT

from lvlm_eval.models.tiny.names import FAMILIES

HERE = ROOT / "tests" / "local"
Checkpoint = Callable[[str], Path]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Warnings of large libraries about each other are no fault of ours."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """Gives the folder of a family's checkpoint, made when it is first asked for."""
    for package in ("torch", "transformers"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed: pip install 'lvlm-eval[hf]'")
    import torch

    from lvlm_eval.models.tiny.checkpoint import make_checkpoint

    torch.set_num_threads(1)  # so small that threads would only wait for one another
    root = tmp_path_factory.mktemp("tiny")

    def made(family: str) -> Path:
        if not (root / family).exists():
            make_checkpoint(root / family, family)
        return root / family

    return made


@pytest.fixture(params=FAMILIES)
def any_checkpoint(request: pytest.FixtureRequest, checkpoint: Checkpoint) -> Path:
    """Each family's in turn."""
    return checkpoint(request.param)

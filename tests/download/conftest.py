"""A hub that serves both releases as tests want them."""

from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from hub_releases import CANARY, soco_files, table_files
from hub_serving import Dataset, FakeHub, serving_hub

from lvlm_eval.download import fetching


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    monkeypatch.setenv("HF_TOKEN", CANARY)
    monkeypatch.setattr(fetching, "PAUSES", (0.0, 0.0, 0.0))
    with serving_hub() as served:
        yield served
        huggingface_hub.close_session()


@pytest.fixture
def soco(hub: FakeHub, tmp_path: Path) -> str:
    """Serves SOCO; the commit."""
    dataset = hub.datasets["GenIntelLab/SOCO"] = Dataset()
    return dataset.commit(soco_files(tmp_path / "original"))


@pytest.fixture
def lvlm(hub: FakeHub, tmp_path: Path) -> str:
    """Serves SOCO-LVLM; the commit."""
    dataset = hub.datasets["GenIntelLab/SOCO-LVLM"] = Dataset()
    return dataset.commit(table_files(tmp_path / "original"))

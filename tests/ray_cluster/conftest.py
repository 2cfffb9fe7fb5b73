"""A Ray cluster of two nodes on this machine; skipped where Ray is not installed."""

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from making import write_tree

HERE = ROOT / "tests" / "ray_cluster"

MODEL = """
import os, time
from lvlm_eval.records import Response


class Tells:
    '''Its answer depends on the request alone; it says which process gave it.'''

    chunk = 4
    incidental = {"seconds"}

    def __init__(self, seconds: float = 0.0):
        self.seconds = seconds

    def answer(self, requests):
        for request in requests:
            time.sleep(self.seconds)
            pictures = len(request.pictures)
            letter = "ABCD"[(sum(request.id.encode()) + pictures) % 4]
            yield Response(request.id, text=letter, served_model=str(os.getpid()))
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What Ray warns of is no fault of ours."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore"))
            if find_spec("ray") is None:
                item.add_marker(pytest.mark.skip("ray is not installed: pip install '.[ray]'"))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    """Two nodes of two processors each."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    made.add_node(num_cpus=2)
    yield made
    made.shutdown()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a dataset of sixteen questions and a model."""
    write_tree(tmp_path / "tree", ("car", "bus"), images=8)
    (tmp_path / "tells.py").write_text(MODEL)
    return tmp_path

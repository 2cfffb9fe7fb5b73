"""Places that several tests need."""

from pathlib import Path

import pytest
from command_here import drawn, lvlm_eval_here
from hypothesis import settings

__all__ = ["drawn", "lvlm_eval_here"]  # fixtures

# No test measures time: a slow or busy machine must not fail one.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

ROOT = Path(__file__).resolve().parent.parent
REAL_PHOTOS = ROOT.parent / "shared" / "real_photos"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long tests go first, so that no worker is left alone with one in the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture
def real_photos() -> Path:
    if not REAL_PHOTOS.is_dir():
        pytest.skip("the real photographs are not on this machine")
    return REAL_PHOTOS


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may depend on the developer's own key."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

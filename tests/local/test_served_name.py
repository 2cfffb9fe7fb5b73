"""What is recorded as the model that answered."""

from pathlib import Path

import pytest

pytest.importorskip("huggingface_hub")

from huggingface_hub import constants

from lvlm_eval.models.local.checkpoint import served_name


def in_cache(root: Path, commit: str, branch: str) -> None:
    repository = root / "models--some--model"
    (repository / "snapshots" / commit).mkdir(parents=True)
    (repository / "snapshots" / commit / "config.json").write_text("{}")
    (repository / "refs").mkdir(exist_ok=True)
    (repository / "refs" / branch).write_text(commit)


def test_a_folder_is_named_and_a_repository_has_the_commit_of_the_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert served_name(str(tmp_path), None) == tmp_path.name
    assert served_name("some/model", None) == "some/model"
    assert served_name("some/model", "v2") == "some/model@v2"
    first, second = "1" * 40, "2" * 40
    in_cache(tmp_path, first, "main")
    in_cache(tmp_path, second, "v2")
    assert served_name("some/model", None) == f"some/model@{first}"
    assert served_name("some/model", "v2") == f"some/model@{second}"
    assert served_name("some/model", second) == f"some/model@{second}"

"""Exported data has the form of the released one and may not pass for it."""

import json
from pathlib import Path

import pytest
from commands import lvlm_eval
from making import write_tables, write_tree

from lvlm_eval.datasets import LvlmTables
from lvlm_eval.provenance import AS_WRITTEN, EXPORT_RECORD, is_drawn_anew, was_exported
from lvlm_eval.requests import WrittenRequests


@pytest.mark.parametrize(
    ("identity", "anew"),
    [
        ({"protocol": AS_WRITTEN}, False),
        ({"protocol": AS_WRITTEN, "drawn_anew": True}, True),
        ({"protocol": "options"}, True),
        ({}, True),
        (None, True),
    ],
)
def test_only_rows_sent_as_they_stand_are_the_released_ones(identity: object, anew: bool) -> None:
    assert is_drawn_anew(identity) is anew


@pytest.mark.parametrize(
    ("content", "exported"),
    [
        ('{"identity": {"protocol": "markers"}}', True),
        ('{"identity": {"protocol": "as written"}}', False),
        ("[]", False),
        ("{", False),
        (None, False),
    ],
)
def test_the_record_beside_the_files_tells(
    tmp_path: Path, content: str | None, exported: bool
) -> None:
    if content is not None:
        (tmp_path / EXPORT_RECORD).write_text(content)
    assert was_exported(tmp_path) is exported
    write_tables(tmp_path)
    source = WrittenRequests(LvlmTables(tmp_path, "t"), ("vis",))
    assert source.identity().get("drawn_anew", False) is exported


def test_exported_questions_and_answers_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing but their origin tells them from the release."""
    write_tree(tmp_path / "tree", images=2)
    lvlm_eval("export", "tree", "--out", "tables", cwd=tmp_path)
    words = ("run", "--model", "random", "--data", "tables", "--out", "out", "--json")
    first = json.loads(lvlm_eval(*words, cwd=tmp_path).stdout)
    lvlm_eval("export", "out", "--out", "books", cwd=tmp_path)

    from lvlm_eval import scoring

    monkeypatch.setattr(scoring, "unlike_release", lambda *_: "")
    book = next((tmp_path / "books").rglob("*_img_c.xlsx"))
    for place in (tmp_path / "out", tmp_path / "books", book):
        (scored,) = scoring.score_input(place)
        assert "drawn anew" in scored.not_comparable_because
    next((tmp_path / "books").rglob(EXPORT_RECORD)).unlink()
    (scored,) = scoring.score_input(tmp_path / "books")
    assert scored.not_comparable_because == ""
    assert first["model"] == "random"

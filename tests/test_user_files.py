from pathlib import Path

import pytest

from lvlm_eval.errors import InputError
from lvlm_eval.user_files import load_user_file


def test_the_text_that_was_run_is_kept(tmp_path: Path) -> None:
    code = (
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "@dataclass\n"
        "class Point:\n"
        "    x: int\n"
    )
    path = tmp_path / "mine.py"
    path.write_text(code)
    loaded = load_user_file(path)
    assert loaded.source == code
    assert loaded.module.Point(3).x == 3
    assert loaded.module.Point.__module__ == loaded.module.__name__
    assert loaded.module.__file__ == str(path)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"x = (", "cannot be loaded: SyntaxError"),
        (b"raise ValueError('two\\nlines')", "cannot be loaded: ValueError: two lines"),
        (b"raise SystemExit(0)", "cannot be loaded: SystemExit: 0"),
        (b"x = '\xff'", "not UTF-8 text"),
        (None, "cannot be read"),
    ],
)
def test_what_cannot_be_loaded_is_said_in_one_line(
    tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    path = tmp_path / "mine.py"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=complaint) as caught:
        load_user_file(path)
    assert "\n" not in str(caught.value)

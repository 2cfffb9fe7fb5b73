"""Folders and files that ``lvlm-eval ablate`` is pointed to, and that are not there."""

from pathlib import Path

import pytest
from command_here import Command


@pytest.mark.parametrize("out", ["m_a.py", "m_a.py/grid"])
def test_a_file_in_the_place_of_the_folder_is_told_as_by_run(
    tmp_path: Path, lvlm_eval_here: Command, out: str
) -> None:
    (tmp_path / "m_a.py").write_text("x = 1\n")
    words = ("--model", "random", "--limit", 1, "--out", out)
    expected = lvlm_eval_here("run", *words, status=2).complaint
    assert "Give another --out." in expected
    for more in ((), ("--dry-run",)):
        said = lvlm_eval_here("ablate", *words, "--vary", "prompt=soco", *more, status=2)
        assert said.complaint == expected
    assert (tmp_path / "m_a.py").read_text() == "x = 1\n"


def test_a_file_in_the_place_of_a_cell_is_one_line(tmp_path: Path, lvlm_eval_here: Command) -> None:
    (tmp_path / "grid").mkdir()
    (tmp_path / "grid" / "random").touch()
    words = ("ablate", "--model", "random", "--limit", 1, "--vary", "prompt=soco", "--out", "grid")
    line = lvlm_eval_here(*words, status=2).complaint
    assert "the results folder grid/random cannot be made: File exists" in line


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("[base]\ndescriptions = 'texts.json'", "descriptions: there is no file 'texts.json'"),
        ("[base]\nprompt = 'own/short.toml'", "there is no prompt file 'own/short.toml'"),
        ("[grid]\nprompt = ['soco', 'mine.toml']", "there is no prompt file 'mine.toml'"),
        ("[grid]\nrenderer = ['own/dot.py']", "there is no renderer file 'own/dot.py'"),
        ("model = 'mine.py:Mine'\n[grid]\nseed = [0]", "there is no model file 'mine.py'"),
        ("data = 'own/photos'\n[grid]\nseed = [0]", "no dataset at 'own/photos'"),
    ],
)
def test_a_missing_file_of_a_plan_names_the_folder(
    tmp_path: Path, lvlm_eval_here: Command, line: str, missing: str
) -> None:
    """Files beside the plan are not found: what is in it is relative to the working folder."""
    (tmp_path / "plans" / "own").mkdir(parents=True)
    for name in ("texts.json", "own/short.toml", "mine.toml", "own/dot.py", "mine.py"):
        (tmp_path / "plans" / name).touch()
    (tmp_path / "plans" / "p.toml").write_text(f"limit = 1\n{line}\n")
    words = ("ablate", "plans/p.toml") + (() if "model" in line else ("--model", "random"))
    said = lvlm_eval_here(*words, "--dry-run", status=2).complaint
    assert said.startswith("lvlm-eval: plan 'plans/p.toml'")
    assert missing in said
    assert f" in the working folder, {tmp_path}" in said


def test_a_file_that_a_flag_overrides_need_not_be_there(
    tmp_path: Path, lvlm_eval_here: Command
) -> None:
    (tmp_path / "p.toml").write_text(
        "model = 'mine.py'\ndata = 'own/photos'\nlimit = 1\n[base]\nprompt = 'my/own.toml'\n"
    )
    words = ("ablate", "p.toml", "--model", "random", "--data", "sample", "--prompt", "soco")
    done = lvlm_eval_here(*words, "--vary", "seed=0", "--dry-run")
    assert "12 to ask" in done.stdout
    assert "relative to the working folder" in " ".join(
        lvlm_eval_here("ablate", "--help").stdout.split()
    )

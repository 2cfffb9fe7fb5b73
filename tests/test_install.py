"""The README's commands exactly as written, and the wheel on its own."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv*", "results", "__pycache__", ".*_cache", ".hypothesis", "*.egg-info", "build"
)


def marked(name: str) -> str:
    """The code block between ``<!-- name -->`` and ``<!-- end -->``."""
    found = re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```\n<!-- end -->", README, re.DOTALL)
    assert found is not None, name
    return found[1]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source tree as a new user has it."""
    folder = tmp_path_factory.mktemp("checkout") / "lvlm-eval"
    shutil.copytree(ROOT, folder, ignore=NOT_COPIED)
    return folder


@pytest.fixture(scope="module")
def _packages(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Fresh environments need a package index."""
    probe = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "hatchling", "-d"]
    target = str(tmp_path_factory.mktemp("probe"))
    if subprocess.run([*probe, target], capture_output=True).returncode:
        pytest.skip("no package index can be reached, so nothing can be installed")


def run(words: list[str] | str, cwd: Path, **variables: str) -> str:
    outside = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", words] if isinstance(words, str) else words,
        cwd=cwd,
        env={**outside, **variables},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout


@pytest.mark.slow
@pytest.mark.usefixtures("_packages")
def test_the_first_command_of_the_readme(checkout: Path) -> None:
    out = run(marked("run"), checkout)
    assert "▶ random++" in out
    assert "GPT4o" in out
    (folder,) = (path for path in (checkout / "results").iterdir() if path.is_dir())
    assert folder.name.startswith("random-plus-plus-sample-")
    assert "Open it with: xdg-open report.html" in out
    assert "random++" in (checkout / "report.html").read_text()


@pytest.mark.slow
def test_the_commands_that_tell_why_a_model_fails(tmp_path: Path) -> None:
    (tmp_path / "my_model.py").write_text(marked("adapter"))
    commands = marked("why").splitlines()[1:]  # what is to be installed is
    assert len(commands) == 7
    script = "lvlm-eval() { " + sys.executable + ' -m lvlm_eval "$@"; }\n' + "\n".join(commands)
    out = run(script, tmp_path, PYTHONPATH=str(ROOT))
    assert "McNemar p" in out
    assert "favours-one-letter: 55.0 % of the answers are B" in out
    assert "blind-to-markers" in out
    assert (tmp_path / "results/grid/ablation.json").is_file()


def test_ci_runs_the_second_command_of_the_readme() -> None:
    assert "/^<!-- tests -->$/" in (ROOT / ".ci" / "run").read_text()
    assert marked("tests").strip().endswith("-m pytest -n 2")


def test_the_adapter_of_the_readme_runs_as_written(tmp_path: Path) -> None:
    code = marked("adapter")
    assert len(code.splitlines()) < 25
    (tmp_path / "my_model.py").write_text(code)
    (command,) = re.findall(r"^lvlm-eval run --model my_model\.py .*=C$", README, re.MULTILINE)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    out = run(f"{command} --limit 8 --json", tmp_path, PATH=path)
    document = json.loads(out)
    assert document["model"] == "my_model.py:MyModel"
    assert document["settings"]["vis"]["rows"] == 32
    assert document["settings"]["vis"]["unparsed"] == 0
    assert document["settings"]["vis"]["letters_chosen"]["C"] > 0


@pytest.mark.slow
@pytest.mark.usefixtures("_packages")
def test_the_wheel_works_alone_from_an_empty_folder(checkout: Path, tmp_path: Path) -> None:
    run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), "."],
        checkout,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"lvlm_eval"}
    for needed in (
        "lvlm_eval/data/prompts/soco.toml",
        "lvlm_eval/data/renderers/red-arrow.toml",
        "lvlm_eval/data/published.json",
        "lvlm_eval/data/sample/Metadata/keypoint_taxonomy.json",
        "lvlm_eval/py.typed",
    ):
        assert needed in names
    assert sum(name.endswith("LICENSE") for name in names) == 1
    run([sys.executable, "-m", "venv", "env"], tmp_path)
    run(["env/bin/pip", "install", "-q", str(wheel)], tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    command = str(tmp_path / "env" / "bin" / "lvlm-eval")
    assert "soco" in run([command, "list", "prompts"], empty)
    assert "red-arrow" in run([command, "list", "renderers"], empty)
    out = run([command, "run", "--model", "random++", "--data", "sample", "--json"], empty)
    assert json.loads(out)["settings"]["desc"]["complete"]
    run([command, "show", "1", "--setting", "vis", "--out", "look"], empty)
    assert len(list((empty / "look").glob("*.png"))) == 2


def test_the_backbone_of_the_readme_runs_as_written(tmp_path: Path) -> None:
    (tmp_path / "my_backbone.py").write_text(marked("backbone"))
    words = ["vision", "--backbone", "my_backbone.py", "--data", "sample", "--json"]
    out = run([sys.executable, "-m", "lvlm_eval", *words], tmp_path)
    document = json.loads(out)
    assert document["config"]["backbone"] == "my_backbone.py:MeanColour"
    assert document["config"]["grid"] == [50, 50, 3]
    assert document["ceiling"]["counts"]["questions"] == 200

import subprocess
import sys
from pathlib import Path

import pytest

from lvlm_eval.errors import InputError
from lvlm_eval.models import Adapter, build_adapter
from lvlm_eval.models.registry import parse_arguments
from lvlm_eval.models.secrets import word_without_secrets
from lvlm_eval.records import Request

MODEL = """
from lvlm_eval.records import Response

class Mine:
    def __init__(self, letter="A", verbose=False):
        self.letter = letter

    def answer(self, requests):
        for request in requests:
            yield Response(request.id, text=self.letter)
"""


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(MODEL)
    return path


def request() -> Request:
    return Request("q/vis/0", "q", "vis", 0, "text", None, {"A": "A"}, tuple)


def test_a_users_class_gets_the_workspace_where_it_wants_it(model_file: Path) -> None:
    wanting = MODEL.replace("class Mine:", "class Mine:\n    workspace = None")
    wanting = wanting.replace("text=self.letter", "text=str(self.workspace)")
    for content, said in ((wanting, "here"), (MODEL, "A")):
        model_file.write_text(content)
        adapter = build_adapter(str(model_file), {}).adapter
        adapter.workspace = Path("here")
        assert [one.text for one in adapter.answer([request()])] == [said]


def test_a_users_class_needs_no_base_class(model_file: Path) -> None:
    built = build_adapter(str(model_file), {"letter": "C"})
    assert built.name == "mine.py:Mine"
    assert built.settings == {"letter": "C", "verbose": False}
    assert len(built.code) == 64
    assert isinstance(built.adapter, Adapter)
    assert built.adapter.chunk == Adapter.chunk
    assert [one.text for one in built.adapter.answer([request()])] == ["C"]


def test_a_class_of_several_is_named(model_file: Path) -> None:
    model_file.write_text(MODEL + MODEL.replace("class Mine", "class Other"))
    with pytest.raises(InputError, match=r"found: Mine, Other\. Name it: .*mine\.py:ClassName"):
        build_adapter(str(model_file), {})
    assert build_adapter(f"{model_file}:Other", {}).name == "mine.py:Other"
    with pytest.raises(InputError, match=r"no class 'Othr'.*Did you mean 'Other'"):
        build_adapter(f"{model_file}:Othr", {})


@pytest.mark.parametrize(
    ("spec", "arguments", "complaint"),
    [
        ("randm", {}, r"unknown model 'randm'\. Did you mean 'random'"),
        ("opneai:gpt-4o", {}, "Did you mean 'openai:<model>'"),
        ("openai:", {}, "lacks the model's own name"),
        ("random:3", {}, "unknown model 'random:3'"),
        ("random", {"sed": 3}, r"takes no argument 'sed'\. Did you mean 'seed'"),
        ("openai:gpt-4o", {}, "set OPENAI_API_KEY"),
        (
            "openai:x",
            {"base_url": "http://h", "concurrency": 0},
            "concurrency is 0, expected a whole number",
        ),
        ("openai:x", {"model": "y"}, "takes no argument 'model'"),
        ("absent.py", {}, r"model file 'absent\.py' does not exist"),
    ],
)
def test_mistakes_get_one_line(spec: str, arguments: dict[str, object], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as caught:
        build_adapter(spec, arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError"),
        ("class (", "SyntaxError"),
        ("x = 1", "found: none"),
        (MODEL.replace("self.letter = letter", "raise ValueError('no weights')"), "no weights"),
    ],
)
def test_a_users_file_that_fails_says_where(model_file: Path, code: str, complaint: str) -> None:
    model_file.write_text(code)
    with pytest.raises(InputError, match=complaint):
        build_adapter(str(model_file), {})


def test_arguments_are_json_where_they_can_be() -> None:
    assert parse_arguments(["a=1", "b=true", "c=x=y", 'd=["e"]', "f="]) == {
        "a": 1, "b": True, "c": "x=y", "d": ["e"], "f": "",
    }  # fmt: skip
    for wrong in ("a", "=1", "a b=1"):
        with pytest.raises(InputError, match="is not key=value"):
            parse_arguments([wrong])


def test_secrets_and_incidental_arguments_stay_out_of_the_settings(
    model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_file.write_text(MODEL.replace('letter="A"', 'letter="A", api_key=""'))
    assert build_adapter(str(model_file), {"api_key": "hunter2"}).settings == {
        "letter": "A",
        "api_key": "(not recorded)",
        "verbose": False,
    }
    built = build_adapter(
        "openai:m", {"base_url": "http://h/v1", "concurrency": 3, "detail": "low"}
    )
    assert built.settings == {
        "temperature": 0,
        "max_tokens": 1024,
        "max_completion_tokens": None,
        "detail": "low",
        "extra": None,
    }
    nested = build_adapter("openai:m", {"base_url": "http://h/v1", "extra": {"api_key": "sk-1"}})
    assert nested.settings["extra"] == {"api_key": "(not recorded)"}


def test_defaults_do_not_override_what_the_user_gave() -> None:
    assert build_adapter("random", {"seed": 3}, {"seed": 9}).adapter.seed == 3  # type: ignore[attr-defined]  # Random's own
    assert build_adapter("random", {}, {"seed": 9, "other": 1}).adapter.seed == 9  # type: ignore[attr-defined]  # Random's own


def test_a_missing_package_ends_in_the_pip_command() -> None:
    code = (
        "import sys; sys.modules['openai'] = None\n"
        "from lvlm_eval.errors import InputError\n"
        "from lvlm_eval.models import build_adapter\n"
        "try: build_adapter('openai:gpt-4o', {})\n"
        "except InputError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("pip install 'lvlm-eval[openai]'")


def test_the_baselines_seed_is_one_of_their_settings() -> None:
    assert build_adapter("random", {}, {"seed": 9}).settings == {"seed": 9}


def test_whatever_of_the_contract_a_plain_class_has_counts(model_file: Path) -> None:
    model_file.write_text(
        MODEL.replace('letter="A"', 'letter="A", threads=1').replace(
            "    def __init__",
            "    chunk = 7\n    settings = 'desc'\n    needs_pictures = False\n"
            "    incidental = {'threads'}\n"
            "    def identity(self):\n        return {'revision': 'abc'}\n    def __init__",
        )
    )
    built = build_adapter(str(model_file), {"threads": 4})
    assert built.settings == {"letter": "A", "verbose": False, "revision": "abc"}
    assert built.adapter.chunk == 7
    assert built.adapter.settings == ("desc",)
    assert built.adapter.needs_pictures is False


@pytest.mark.parametrize(
    "attribute", ["chunk = 'all'", "chunk = 2.5", "chunk = 0", "settings = 'viss'", "settings = ()"]
)
def test_a_contract_of_the_wrong_type_is_refused(model_file: Path, attribute: str) -> None:
    model_file.write_text(MODEL.replace("    def __init__", f"    {attribute}\n    def __init__"))
    with pytest.raises(InputError, match=attribute.split()[0]):
        build_adapter(str(model_file), {})


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("api_key=sk-1=2", "api_key=(not recorded)"),
        ("--model-arg=api_key=sk-1", "--model-arg=api_key=(not recorded)"),
        ('extra={"api_key": "sk-1", "n": 1}', 'extra={"api_key": "(not recorded)", "n": 1}'),
        ("http://user:pw@host:80/v1", "http://host:80/v1"),
        ("--base-url=http://user:pw@host/v1?api_key=x&a=1",
         "--base-url=http://host/v1?api_key=(not recorded)&a=1"),
        ("max_tokens=5", "max_tokens=5"),
        ("temperature=0.7", "temperature=0.7"),
        ("sample", "sample"),
    ],
)  # fmt: skip
def test_secrets_are_blotted_out_of_command_lines(word: str, written: str) -> None:
    assert word_without_secrets(word) == written

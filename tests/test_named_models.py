"""Models by short names, and how --decode reaches an adapter."""

import ast
import sys
import types
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import lvlm_eval
from lvlm_eval.errors import InputError
from lvlm_eval.models import Adapter, build_adapter, model_entries
from lvlm_eval.models.local.decoding import Decode
from lvlm_eval.models.named import Backend, builtin_models, named_models, resolve
from lvlm_eval.models.registry import ModelEntry
from lvlm_eval.records import Request, Response
from lvlm_eval.reference import lvlm_rows
from lvlm_eval.report.listing import list_of
from lvlm_eval.runs.jobs import default_folder

PUBLISHED = {
    "qwen3-vl-8b", "qwen3-vl-4b", "qwen2.5-vl-7b", "qwen2.5-vl-3b", "internvl3.5-8b",
    "llava-ov-7b", "gpt-4o",
}  # fmt: skip
QWEN3 = "Qwen/Qwen3-VL-8B-Instruct"


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def installed(monkeypatch: pytest.MonkeyPatch, *there: str) -> None:
    """Of vllm, transformers and torch only these seem to be installed."""

    def find(name: str) -> ModuleSpec | None:
        if name in ("vllm", "transformers", "torch"):
            return ModuleSpec(name, None) if name in there else None
        return find_spec(name)

    monkeypatch.setattr("lvlm_eval.models.named.importlib.util.find_spec", find)


class Fake(Adapter):
    """Takes what the adapters of local models take, and keeps it."""

    def __init__(
        self,
        model: str,
        decode: Decode = "text",
        dtype: str = "auto",
        temperature: float = 0.0,
        top_p: float = 1.0,
        top_k: int = 0,
        presence_penalty: float = 0.0,
        max_tokens: int = 1024,
        min_pixels: int | None = None,
        max_pixels: int | None = None,
        max_model_len: int | None = None,
        seed: int = 0,
    ) -> None:
        self.model, self.decode = model, decode

    def answer(self, requests: Sequence[Request]) -> Iterable[Response]:
        """Nothing."""
        return ()


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """``hf:`` and ``vllm:`` models that load nothing; both seem to be installed."""
    module = types.ModuleType("fake_adapters")
    module.Fake = Fake  # type: ignore[attr-defined]  # made here
    monkeypatch.setitem(sys.modules, "fake_adapters", module)
    entries = tuple(
        ModelEntry(f"{one}:<id or folder>", "", "fake_adapters:Fake", extra=one)
        for one in ("hf", "vllm")
    )
    monkeypatch.setattr("lvlm_eval.models.registry._ENTRIES", entries)
    installed(monkeypatch, "vllm", "transformers", "torch")


def told(spec: str, **arguments: Any) -> tuple[str, dict[str, Any], str, list[str]]:
    lines: list[str] = []
    found = resolve(spec, arguments, lines.append)
    return found.spec, dict(found.arguments), found.label, lines


def test_each_model_of_the_published_table_has_a_name() -> None:
    models = builtin_models()
    assert set(models) == PUBLISHED
    rows = {row.name for row in lvlm_rows()}
    baselines = {"Random", "Random++", "DINOv2 (VFM ceiling)"}
    assert {one.table.published for one in models.values()} == rows - baselines


def test_a_short_name_means_a_checkpoint_and_what_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "vllm", "transformers", "torch")
    assert told("qwen3-vl-8b") == (
        f"vllm:{QWEN3}",
        {"dtype": "bfloat16", "max_model_len": 32768},
        "vllm-qwen3-vl-8b",
        [],
    )
    assert told("hf:qwen3-vl-8b") == (
        f"hf:{QWEN3}", {"dtype": "bfloat16"}, "hf-qwen3-vl-8b", [],
    )  # fmt: skip
    assert told("gpt-4o") == ("openai:gpt-4o-2024-05-13", {}, "openai-gpt-4o", [])


@pytest.mark.parametrize(
    "spec", ["random", "openai:gpt-4o", "openai:qwen3-vl-8b", "hf:Qwen/Other", "hf:./qwen3-vl-8b"]
)
def test_other_names_stay_as_they_are(spec: str) -> None:
    assert told(spec, seed=1) == (spec, {"seed": 1}, "", [])


def test_without_vllm_hugging_face_runs_a_model_and_a_line_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed(monkeypatch, "transformers", "torch")
    spec, arguments, label, (line,) = told("qwen3-vl-8b")
    assert (spec, label) == (f"hf:{QWEN3}", "hf-qwen3-vl-8b")
    assert "max_model_len" not in arguments
    assert line.startswith("vllm is not installed, so Hugging Face transformers run 'qwen3-vl-8b'")
    assert told("vllm:qwen3-vl-8b")[0] == f"vllm:{QWEN3}"
    installed(monkeypatch, "torch")
    assert told("qwen3-vl-8b")[0] == f"vllm:{QWEN3}"


def test_the_papers_decoding_is_a_preset_that_the_user_can_overrule() -> None:
    _, arguments, label, (line,) = told("hf:qwen3-vl-8b", preset="paper", top_k=5)
    assert arguments == {
        "dtype": "bfloat16", "temperature": 0.7, "top_p": 0.8, "top_k": 5, "presence_penalty": 1.5,
        "max_tokens": 16384,
    }  # fmt: skip
    assert label == "hf-qwen3-vl-8b-paper"
    assert line.startswith("preset=paper of qwen3-vl-8b: ")
    pixels = told("hf:qwen2.5-vl-7b", preset="paper")[1]
    assert (pixels["min_pixels"], pixels["max_pixels"]) == (1280 * 28 * 28, 16384 * 28 * 28)
    assert pixels["max_tokens"] == 2048
    assert told("gpt-4o", preset="paper")[1] == {"temperature": 0, "detail": "low"}
    assert "is not known" in told("internvl3.5-8b", preset="paper")[3][-1]


@pytest.mark.parametrize(
    ("spec", "preset", "complaint"),
    [
        ("qwen3-vl-8b", "papr", "has no preset 'papr'. Did you mean 'paper'"),
        ("mine", "paper", r"its table in models.toml lacks the field 'paper'"),
        ("hf:Qwen/Other", "paper", "'hf:Qwen/Other' has no presets"),
        ("random", "paper", "'random' has no presets"),
        ("hf:gpt-4o", None, "a model of a server, which hf: cannot run"),
    ],
)
def test_what_a_model_lacks_is_said(
    spec: str, preset: str | None, complaint: str, tmp_path: Path
) -> None:
    (tmp_path / "models.toml").write_text('[mine]\nbackend = "hf"\ncheckpoint = "a/b"\n')
    with pytest.raises(InputError) as caught:
        told(spec, **({"preset": preset} if preset else {}))
    assert complaint in str(caught.value)


def test_a_models_toml_adds_and_replaces(tmp_path: Path) -> None:
    (tmp_path / "models.toml").write_text(
        '[mine]\nbackend = "openai"\nendpoint = "m"\n'
        'arguments = { base_url = "http://127.0.0.1:8000/v1" }\n'
        '["qwen3-vl-8b"]\nbackend = "hf"\ncheckpoint = "./weights"\nhf = { dtype = "float32" }\n'
    )
    assert told("mine") == (
        "openai:m", {"base_url": "http://127.0.0.1:8000/v1"}, "openai-mine", [],
    )  # fmt: skip
    assert told("qwen3-vl-8b") == (
        "hf:./weights",
        {"dtype": "float32"},
        "hf-qwen3-vl-8b",
        ["./models.toml has a 'qwen3-vl-8b' that hides the built-in model"],
    )
    assert set(named_models()) == {*PUBLISHED, "mine"}


def test_a_copy_of_the_built_in_table_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "models.toml").write_bytes(builtin_models()["gpt-4o"].file.read_bytes())
    assert told("gpt-4o")[3] == []


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[m", "models.toml: this is not TOML"),
        ("m = 3", "'m' must be a table"),
        ('[m]\nbackend = "hf"\nchekpoint = "a"', "[\"m\"] field 'chekpoint' is unknown. Did you "
         "mean 'checkpoint'"),
        ('[m]\ncheckpoint = "a"', "[\"m\"] field 'backend' is missing"),
        ('[m]\nbackend = "vlm"\ncheckpoint = "a"', "'vlm' is unknown. Did you mean 'vllm'"),
        ('[m]\nbackend = "hf"', "[\"m\"] backend = 'hf' needs a field 'checkpoint'"),
        ('[m]\nbackend = "hf"\ncheckpoint = "a"\nendpoint = "b"', "cannot have a field 'endpoint'"),
        ('[m]\nbackend = "openai"\ncheckpoint = "a"', "needs a field 'endpoint'"),
        ('[m]\nbackend = "hf"\ncheckpoint = 3', '["m"] checkpoint = 3'),
        ('[m]\nbackend = "hf"\ncheckpoint = "a"\narguments = 3', '["m"] arguments = 3'),
        ('[m]\nbackend = "hf"\ncheckpoint = "a"\nhf = { decode = "score" }', "hf cannot hold "
         "'decode': --decode gives it"),
        ('[m]\nbackend = "hf"\ncheckpoint = "a"\npublished = "GPT4"', "Did you mean 'GPT4o'"),
        ('[random]\nbackend = "hf"\ncheckpoint = "a"', "'random' means something else"),
        ('["a:b"]\nbackend = "hf"\ncheckpoint = "a"', "'a:b' cannot be a model's name"),
        ('["m.py"]\nbackend = "hf"\ncheckpoint = "a"', "'m.py' cannot be a model's name"),
    ],
)  # fmt: skip
def test_mistakes_in_a_models_toml_get_one_line(
    content: str, complaint: str, tmp_path: Path
) -> None:
    (tmp_path / "models.toml").write_text(content)
    with pytest.raises(InputError) as caught:
        named_models()
    assert complaint in str(caught.value)
    assert str(caught.value).startswith("models.toml: ")
    assert "\n" not in str(caught.value)
    list_of("models")  # shows the others all the same
    assert build_adapter("random", {}).name == "random"


def test_a_mistyped_name_gets_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Did you mean 'qwen3-vl-8b'"):
        build_adapter("qwen3vl-8b", {})
    assert told("hf:qwen3-vl-8")[3] == [
        "no model has the name 'qwen3-vl-8', so it is taken for an id on the hub: did you mean "
        "'hf:qwen3-vl-8b'?"
    ]
    (tmp_path / "qwen3-vl-8b").mkdir()
    assert told("hf:qwen3-vl-8b")[3] == [
        "hf:qwen3-vl-8b is the model of that name; for the folder write hf:./qwen3-vl-8b"
    ]


def test_what_the_tables_say_is_what_the_adapters_take() -> None:
    """Read from the source, since what the adapters import may not be installed."""
    taken = {}
    for entry in model_entries():
        prefix, _, _ = entry.name.partition(":")
        module, _, made = entry.place.partition(":")
        source = Path(lvlm_eval.__file__).parents[1] / f"{module.replace('.', '/')}.py"
        tree = ast.parse(source.read_text(encoding="utf-8"))
        (made_by,) = (
            function
            for one in ast.walk(tree)
            if isinstance(one, ast.ClassDef) and one.name in (made, "_Guesser")
            for function in one.body
            if isinstance(function, ast.FunctionDef) and function.name == "__init__"
        )
        taken[prefix] = {argument.arg for argument in made_by.args.args}
    for one in builtin_models().values():
        run_by: tuple[Backend, ...] = ("hf", "vllm") if one.table.checkpoint else ("openai",)
        for backend in run_by:
            assert set(one.table.arguments_of(backend, "paper")) <= taken[backend] - {"model"}
            assert "decode" in taken[backend]


@pytest.mark.usefixtures("fakes")
def test_the_identity_tells_what_ran_the_model() -> None:
    by_name = build_adapter("qwen3-vl-8b", {}, {"seed": 3})
    assert by_name.name == f"vllm:{QWEN3}"
    assert by_name.settings["dtype"] == "bfloat16"
    assert by_name.settings["seed"] == 3
    in_full = build_adapter(
        f"vllm:{QWEN3}", {"dtype": "bfloat16", "max_model_len": 32768}, {"seed": 3}
    )
    assert (in_full.name, in_full.settings) == (by_name.name, by_name.settings)
    other = build_adapter("hf:qwen3-vl-8b", {}, {"seed": 3})
    assert other.name == f"hf:{QWEN3}"


@pytest.mark.usefixtures("fakes")
def test_a_named_models_folder_has_its_name() -> None:
    class Source:
        name = "sample"

        def identity(self) -> dict[str, Any]:
            return {}

    def folder(spec: str, decode: Decode = "text", **arguments: Any) -> str:
        built = build_adapter(spec, arguments, decode=decode)
        return default_folder(Source(), built, decode).name  # type: ignore[arg-type]  # has what is needed

    assert folder("qwen3-vl-8b") == folder("vllm:qwen3-vl-8b")
    assert folder("qwen3-vl-8b").startswith("vllm-qwen3-vl-8b-sample-")
    assert folder("qwen3-vl-8b", preset="paper").startswith("vllm-qwen3-vl-8b-paper-sample-")
    assert folder("qwen3-vl-8b") != folder("qwen3-vl-8b", "score")


@pytest.mark.usefixtures("fakes")
def test_decode_reaches_an_adapter_that_takes_it(tmp_path: Path) -> None:
    built = build_adapter("hf:a/b", {}, decode="choice")
    assert isinstance(built.adapter, Fake)
    assert built.adapter.decode == "choice"
    assert "decode" not in built.settings  # it has a field of its own in a run's identity
    file = tmp_path / "mine.py"
    file.write_text(
        "class Mine:\n"
        "    def __init__(self, decode='text'):\n"
        "        assert decode == 'score'\n"
        "    def answer(self, requests): ...\n"
    )
    build_adapter(str(file), {}, decode="score")


def test_an_adapter_that_does_not_take_decode_answers_with_text_only(tmp_path: Path) -> None:
    build_adapter("random", {}, decode="text")
    with pytest.raises(InputError, match=r"'random' answers with text only.*--decode score out"):
        build_adapter("random", {}, decode="score")
    file = tmp_path / "mine.py"
    file.write_text(
        "class Mine:\n"
        "    def __init__(self, **anything): ...\n"
        "    def answer(self, requests): ...\n"
    )
    with pytest.raises(InputError, match=r"'mine\.py:Mine' answers with text only"):
        build_adapter(str(file), {}, decode="choice")


@pytest.mark.parametrize("where", ["the module", "the constructor"])
def test_a_missing_package_ends_in_the_pip_command_wherever_it_is_imported(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = "import nothing_of_this_name.inside"
    body = "    def __init__(self, model): ...\n    def answer(self, requests): ...\n"
    code = f"{lacking}\nclass Model:\n{body}"
    if where == "the constructor":
        code = "class Model:\n" + body.replace("...\n", f"{lacking}\n", 1)
    (tmp_path / "lacking_adapter.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "lacking_adapter", raising=False)
    entry = ModelEntry("hf:<id or folder>", "", "lacking_adapter:Model", extra="hf")
    monkeypatch.setattr("lvlm_eval.models.registry._ENTRIES", (entry,))
    with pytest.raises(InputError) as caught:
        build_adapter("hf:a/b", {})
    assert str(caught.value) == (
        "model 'hf:<id or folder>' needs the package 'nothing_of_this_name': "
        "pip install 'lvlm-eval[hf]'"
    )

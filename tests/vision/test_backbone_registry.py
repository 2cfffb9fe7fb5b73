"""Backbones by name and by file; the list of them. Needs no torch."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from lvlm_eval.cli.app import app
from lvlm_eval.cli.commands import load
from lvlm_eval.errors import InputError
from lvlm_eval.models.registry import build_adapter
from lvlm_eval.reference import main_vision_rows, vision_row_names
from lvlm_eval.report.listing import list_of
from lvlm_eval.vision.backbones.backbone import Backbone
from lvlm_eval.vision.backbones.kinds import KINDS
from lvlm_eval.vision.backbones.named import builtin_backbones, named_backbones
from lvlm_eval.vision.backbones.registry import build_backbone

BACKBONE = """
import numpy as np

class Mine:
    patch = 8

    def __init__(self, layer=3, gain=1.0, device=None):
        self.gain = gain

    def encode(self, photos):
        if self.gain < 0:
            self.tell("negative")
        side = photos.shape[1] // 8
        means = photos.reshape(len(photos), side, 8, side, 8, 3).mean((2, 4))
        return np.float32(self.gain) * means.astype(np.float32)
"""

PAPER = {
    "dinov1", "dinov2", "dinov3", "ibot", "i-jepa", "c-radio", "dune", "sd-2.1", "crocov2", "mae",
    "pixio", "clip", "pe-spatial", "qwen-l",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def file() -> Path:
    path = Path("mine.py")
    path.write_text(BACKBONE)
    return path


def listed(width: int) -> str:
    console = Console(width=width, highlight=False)
    with console.capture() as capture:
        console.print(list_of("backbones"))
    return capture.get()


def test_a_users_class_needs_no_base_class(file: Path) -> None:
    lines: list[str] = []
    built = build_backbone(str(file), {"gain": -2, "device": "cpu"}, lines.append)
    assert isinstance(built.backbone, Backbone)
    assert (built.name, built.label, built.title) == ("mine.py:Mine", "mine.py-Mine", None)
    assert (built.backbone.patch, built.backbone.batch) == (8, Backbone.batch)
    photos = np.full((2, 16, 16, 3), 7, dtype=np.uint8)
    maps = built.backbone.encode(photos)
    assert maps.shape == (2, 2, 2, 3)
    assert float(maps[1, 1, 0, 2]) == -14
    assert lines == ["negative"]


def test_the_identity_holds_all_that_decides_the_features(file: Path) -> None:
    one = build_backbone(str(file), {}).identity
    assert one["settings"] == {"layer": 3, "gain": 1}
    assert len(one["code"]) == 64
    assert build_backbone(str(file), {"device": "cuda", "layer": 3}).identity == one
    assert build_backbone(str(file), {"gain": 2}).identity != one
    file.write_text(BACKBONE + "# changed\n")
    assert build_backbone(str(file), {}).identity != one
    file.write_text(BACKBONE + "    def identity(self):\n        return {'seen': (1, 2)}\n")
    assert build_backbone(str(file), {}).identity["seen"] == [1, 2]


WITH_WEIGHTS = """
import pathlib

import numpy as np

class Mine:
    patch = 8
    incidental = {"checkpoint"}

    def __init__(self, checkpoint, layer=3):
        self.weights = pathlib.Path(checkpoint).read_text()

    def encode(self, photos):
        return np.full((len(photos), 2, 2, 1), float(self.weights), dtype=np.float32)

    def identity(self):
        return {"weights": self.weights}
"""


def test_where_a_users_weights_lie_is_not_in_the_identity(file: Path) -> None:
    file.write_text(WITH_WEIGHTS)
    for name, content in (("one", "1"), ("copy", "1"), ("other", "2")):
        Path(name).write_text(content)
    one, copy, other = (
        build_backbone(str(file), {"checkpoint": name}) for name in ("one", "copy", "other")
    )
    assert one.identity["settings"] == {"layer": 3}
    assert one.identity == copy.identity
    assert one.identity != other.identity
    assert (one.incidental, copy.incidental) == ({"checkpoint": "one"}, {"checkpoint": "copy"})
    asked = [
        build_adapter(f"dense:{file}", {"arguments": {"checkpoint": name}})
        for name in ("one", "copy", "other")
    ]
    assert asked[0].settings == asked[1].settings
    assert asked[0].settings != asked[2].settings
    assert asked[0].incidental["arguments"] == {"checkpoint": "one"}


def test_where_a_users_weights_lie_is_recorded_beside_the_figures(file: Path) -> None:
    file.write_text(WITH_WEIGHTS)
    metrics = []
    for name in ("one", "copy"):
        Path(name).write_text("1")
        words = ["vision", "--backbone", str(file), "--backbone-arg", f"checkpoint={name}"]
        data = ["--data", "sample", "--task", "ceiling", "--image-size", "16"]
        load(app, words)
        done = CliRunner().invoke(app, [*words, *data, "--out", f"of-{name}"])
        assert done.exit_code == 0, done.output
        manifest = json.loads((Path(f"of-{name}") / "manifest.json").read_text())
        assert manifest["incidental"] == {"checkpoint": name}
        metrics.append((Path(f"of-{name}") / "metrics.json").read_bytes())
    assert metrics[0] == metrics[1]


def test_a_class_of_several_is_named(file: Path) -> None:
    file.write_text(BACKBONE + BACKBONE.replace("class Mine", "class Other"))
    with pytest.raises(InputError, match=r"backbone file .* found: Mine, Other\. Name it: "):
        build_backbone(str(file), {})
    assert build_backbone("mine.py:Other", {}).name == "mine.py:Other"
    with pytest.raises(InputError, match=r"no class 'Othr'.*encode\(photos\).*'Other'"):
        build_backbone("mine.py:Othr", {})


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("patch = 8", "patch = 0"), "patch is 0, expected a whole number from 1"),
        (("patch = 8", "patch = 7.5"), "patch is 7.5, expected a whole number from 1"),
        (("patch = 8", "batch = 8"), "Mine lacks 'patch'"),
        (("patch = 8", "patch = 8; batch = True"), "batch is True"),
        (("patch = 8", "patch = 8; incidental = 'gain'"), "incidental is 'gain', expected a set"),
        (("def encode", "def encod"), "found: none"),
        (("self.gain = gain", "raise ValueError('no weights')"), "ValueError: no weights"),
        (("import numpy", "import nothing_of_this_name"), "ModuleNotFoundError"),
        (("    def encode", "    def identity(self): return 1 / 0\n    def encode"), "identity"),
    ],
)
def test_a_users_class_that_breaks_the_contract_gets_one_line(
    change: tuple[str, str], complaint: str, file: Path
) -> None:
    file.write_text(BACKBONE.replace(*change))
    with pytest.raises(InputError, match=complaint) as caught:
        build_backbone(str(file), {})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "arguments", "complaint"),
    [
        ("dinov", {}, r"unknown backbone 'dinov'\. Did you mean 'dinov[123]' or 'dinov[123]'\?"),
        ("pespatial", {}, "Did you mean 'pe-spatial'"),
        ("tim:vit", {}, "Did you mean 'timm:<name>'"),
        ("hf", {}, r"Write hf:<id or folder>\."),
        ("hf:", {}, "lacks the backbone's own name: write hf:<id or folder>"),
        ("classic:dasy", {}, "unknown backbone 'classic:dasy'. Did you mean 'daisy'"),
        ("absent.py", {}, r"backbone file 'absent\.py' does not exist"),
        ("classic:daisy", {"radus": 3}, "takes no argument 'radus'. Did you mean 'radius'"),
        ("weights", {}, "For the folder write hf:weights"),
    ],
)
def test_mistakes_get_one_line(spec: str, arguments: dict[str, object], complaint: str) -> None:
    Path("weights").mkdir()
    with pytest.raises(InputError, match=complaint) as caught:
        build_backbone(spec, arguments)
    assert "\n" not in str(caught.value)


def test_classic_daisy_is_built() -> None:
    Path("daisy").mkdir()  # a folder of that name has nothing to do with it
    built = build_backbone("classic:daisy", {})
    assert (built.name, built.label) == ("classic:daisy", "classic-daisy")
    assert built.identity["kind"] == "classic"
    assert built.identity["weights"] == "daisy"


@pytest.mark.parametrize(
    ("kind", "package", "extra"),
    [("hf:x/y", "torch", "hf"), ("dinov2", "transformers", "hf"), ("timm:vit", "timm", "timm"),
     ("diffusers:x/y", "diffusers", "diffusers"), ("torchhub:x/y:z", "torch", "hf"),
     ("research:ibot", "timm", "timm"), ("classic:daisy", "skimage", "classic")],
)  # fmt: skip
def test_a_missing_package_ends_in_the_pip_command(kind: str, package: str, extra: str) -> None:
    code = (
        f"import sys\nfor one in ('torch', {package!r}): sys.modules[one] = None\n"
        "from lvlm_eval.errors import InputError\n"
        "from lvlm_eval.vision.backbones.registry import build_backbone\n"
        f"try: build_backbone({kind!r}, {{}})\n"
        "except InputError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith(f"pip install 'lvlm-eval[{extra}]'")


def test_each_row_of_the_papers_table_has_a_backbone() -> None:
    backbones = builtin_backbones()
    assert set(backbones) >= PAPER
    rows = [backbones[name].table.published for name in backbones if name in PAPER]
    assert rows == list(main_vision_rows())
    others = {name for name in backbones if name not in PAPER}
    assert {backbones[name].table.published for name in others} <= set(vision_row_names())
    assert all(backbones[name].table.published == name for name in others)


def test_every_backbone_tells_what_is_verified_and_what_is_not() -> None:
    for name, one in builtin_backbones().items():
        assert one.table.unverified, name  # no published weights were at hand
        assert one.table.shown("patch"), name


def test_a_backbones_toml_adds_and_replaces() -> None:
    Path("backbones.toml").write_text(
        '[mine]\nuse = "classic:daisy"\narguments = { radius = 4 }\n'
        '[dinov2]\nuse = "classic:daisy"\npublished = "DINOv2"\narguments = { radius = 4 }\n'
    )
    lines: list[str] = []
    mine = build_backbone("mine", {}, lines.append)
    assert (mine.name, mine.title, lines) == ("mine", None, [])
    assert mine.identity == build_backbone("classic:daisy", {"radius": 4}).identity
    other = build_backbone("dinov2", {"radius": 5}, lines.append)
    assert (other.title, other.label) == ("DINOv2", "dinov2")
    assert other.deviations == ("radius=5 (4)",)
    assert build_backbone("dinov2", {"radius": 4}).deviations == ()
    assert build_backbone("mine", {"radius": 5}).deviations == ()  # of no published row
    assert lines == ["./backbones.toml has a 'dinov2' that hides the built-in backbone"]
    assert "yours, hides" in listed(120)


def test_what_a_table_leaves_to_the_class_can_deviate_too() -> None:
    table = '[mine]\nuse = "classic:daisy"\npublished = "DINOv2"\n'
    Path("backbones.toml").write_text(table)
    assert build_backbone("mine", {"radius": 20}).deviations == ()
    assert build_backbone("mine", {"radius": 5}).deviations == ("radius=5 (20)",)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[m", "backbones.toml: this is not TOML"),
        ("m = 3", "'m' must be a table"),
        ("[m]\nuses = 3", "[\"m\"] field 'uses' is unknown. Did you mean 'use'"),
        ("[m]\npublished = 'MAE'", "[\"m\"] field 'use' is missing"),
        ("[m]\nuse = 'hff:a'", "use = 'hff:a' is no kind and name, such as hf:me/model. Did you "
         "mean 'hf'"),
        ("[m]\nuse = 'hf'", "use = 'hf' is no kind and name"),
        ("[m]\nuse = 'hf:a'\npublished = 'DINO2'", "Did you mean 'DINOv"),
        ("[hf]\nuse = 'hf:a'", "'hf' means something else to --backbone"),
        ("['a:b']\nuse = 'hf:a'", "'a:b' cannot be a backbone's name"),
    ],
)  # fmt: skip
def test_mistakes_in_a_backbones_toml_get_one_line(content: str, complaint: str) -> None:
    Path("backbones.toml").write_text(content)
    with pytest.raises(InputError) as caught:
        named_backbones()
    assert complaint in str(caught.value)
    assert str(caught.value).startswith("backbones.toml: ")
    assert "\n" not in str(caught.value)
    assert "BROKEN: backbones.toml" in listed(120)


@pytest.mark.parametrize("width", [80, 120])
def test_the_list_shows_every_row_with_its_weights_and_state(width: int) -> None:
    text = listed(width)
    assert max(map(len, text.splitlines())) <= width
    joined = " ".join(text.split())
    for name, one in builtin_backbones().items():
        assert f" {name} " in text
        assert one.table.use in joined.replace(" ", "") or one.table.use in joined
        assert "unverified" in joined
    assert "patch 14, last block, no final norm, ImageNet, positions hub" in joined
    for kind in KINDS.values():
        assert kind.name in joined


def test_the_command_lists_backbones() -> None:
    load(app, ["list"])
    done = CliRunner().invoke(app, ["list", "backbones"])
    assert done.exit_code == 0
    assert "qwen-l" in done.stdout

"""Models of torch.hub, from a folder with a hubconf.py that is written here."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lvlm_eval.errors import InputError

torch = pytest.importorskip("torch")

from lvlm_eval.vision.backbones.normalisation import IMAGENET, RAW  # noqa: E402  # needs it
from lvlm_eval.vision.backbones.torchhub.backbone import TorchHubBackbone  # noqa: E402

HUBCONF = '''
from collections import namedtuple

import torch
from torch import nn

dependencies = ["torch"]
Output = namedtuple("Output", "summary features")


class Embed(nn.Module):
    def __init__(self, patch):
        super().__init__()
        self.proj = nn.Conv2d(3, 12, patch, patch)

    def forward(self, pixels):
        return self.proj(pixels).flatten(2).transpose(1, 2)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(12, 12)

    def forward(self, tokens):
        return tokens + self.mix(tokens) + 0.1 * tokens.mean(1, keepdim=True)


class Group(nn.ModuleList):
    def forward(self, tokens):
        for one in self:
            tokens = one(tokens)
        return tokens


class Network(nn.Module):
    def __init__(self, form, before=1, grouped=False, normed=True):
        super().__init__()
        self.form = form
        self.patch_embed = Embed(8)
        self.before = nn.Parameter(torch.randn(1, before, 12))
        blocks = [Block() for _ in range(4)]
        if grouped:
            blocks = [Group(blocks[:2]), Group([nn.Identity()] * 2 + blocks[2:])]
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(12) if normed else nn.Identity()

    def forward(self, pixels):
        rows, columns = pixels.shape[2] // 8, pixels.shape[3] // 8
        tokens = self.patch_embed(pixels)
        count = self.before.shape[1]
        tokens = torch.cat((self.before.expand(len(tokens), -1, -1), tokens), 1)
        for block in self.blocks:
            tokens = block(tokens)
        normed = self.norm(tokens)
        of_patches = normed[:, count:]
        square = of_patches.reshape(len(tokens), rows, columns, 12)
        return {
            "tokens": lambda: normed,
            "patches": lambda: of_patches,
            "dinov2": lambda: {"x_norm_clstoken": normed[:, 0], "x_norm_patchtokens": of_patches},
            "named": lambda: {"cls": normed[:, 0], "patch_tokens": of_patches},
            "radio": lambda: Output(normed[:, :count].flatten(1), of_patches),
            "adaptors": lambda: {"backbone": Output(normed[:, 0], of_patches), "clip": None},
            "maps": lambda: square.permute(0, 3, 1, 2),
            "channels last": lambda: square,
            "listed": lambda: [square.permute(0, 3, 1, 2)],
            "class": lambda: normed[:, 0],
            "odd": lambda: {"logits": normed[:, 0]},
            "triple": lambda: (normed[:, 0], of_patches, of_patches),
        }[self.form]()


class Wrapper(nn.Module):
    """As C-RADIO: the network within, and a first part that knows a precision."""

    def __init__(self, network):
        super().__init__()
        self.model = network
        self.input_conditioner = Conditioner()
        self.patch_size = 8

    @property
    def blocks(self):
        return self.model.blocks

    def forward(self, pixels):
        return self.model(self.input_conditioner(pixels))


class Conditioner(nn.Module):
    dtype = None

    def forward(self, pixels):
        return ((pixels - 0.4) / 0.3).to(self.dtype or pixels.dtype)


def network(form="tokens", seed=0, **settings):
    torch.manual_seed(seed)
    return Network(form, **settings)


def wrapped(version="", **settings):
    if version != "v3":
        raise KeyError(version)
    model = Wrapper(network("radio", before=3, **settings)).to(torch.bfloat16)
    model.input_conditioner.dtype = torch.bfloat16
    return model


def silent():
    model = network()
    model.patch_embed = nn.Sequential(model.patch_embed)
    return model


def without_blocks():
    return nn.Conv2d(3, 5, 8, 8)


def no_model():
    return {"weights": 1}


def broken():
    raise OSError("no\\nnetwork")


def _hidden():
    pass
'''

FORMS = [
    "tokens",
    "patches",
    "dinov2",
    "named",
    "radio",
    "adaptors",
    "maps",
    "channels last",
    "listed",
]
Made = Callable[..., TorchHubBackbone]
CLOSE = {"atol": 1e-5, "rtol": 1e-5}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "repository").mkdir()
    (tmp_path / "repository" / "hubconf.py").write_text(HUBCONF)
    return tmp_path / "repository"


@pytest.fixture
def made(folder: Path) -> Made:
    def make(entry: str, **arguments: Any) -> TorchHubBackbone:
        return TorchHubBackbone(f"{folder}:{entry}", device="cpu", **arguments)

    return make


def library(folder: Path, entry: str, **options: Any) -> Any:
    return torch.hub.load(str(folder), entry, source="local", **options).eval()


def photos(count: int, side: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).integers(0, 256, (count, side, side, 3))
    return values.astype(np.uint8)


def normalised(pixels: np.ndarray, known: Any = IMAGENET) -> Any:
    mean, deviation = known
    values = (pixels.astype(np.float64) / 255 - np.array(mean)) / np.array(deviation)
    return torch.from_numpy(values.astype(np.float32)).permute(0, 3, 1, 2)


def after_blocks(model: Any, pixels: Any, blocks: int, side: int) -> Any:
    """The tokens of patches after some blocks of an ungrouped network, computed step by step."""
    with torch.no_grad():
        tokens = model.patch_embed(pixels)
        before = model.before.expand(len(tokens), -1, -1)
        tokens = torch.cat((before, tokens), dim=1)
        for block in list(model.blocks)[:blocks]:
            tokens = block(tokens)
    of_patches = tokens[:, model.before.shape[1] :]
    rows = [of_patches[:, row * side : (row + 1) * side] for row in range(side)]
    return torch.stack(rows, dim=1)


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_a_models_own_output(form: str, made: Made, folder: Path) -> None:
    backbone = made("network", form=form)
    model = library(folder, "network", form=form)
    given = photos(2, 40)
    expected = model.norm(after_blocks(model, normalised(given), 4, 5)).detach()
    found = backbone.encode(given)
    assert found.shape == (2, 5, 5, 12)
    torch.testing.assert_close(found, expected, **CLOSE)
    assert backbone.patch == 8
    assert json.dumps(backbone.identity())


@pytest.mark.parametrize(("layer", "count"), [(-1, 4), (0, 1), (2, 3)])
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("final_norm", [None, False, True])
def test_the_output_of_a_block(
    layer: int, count: int, grouped: bool, final_norm: bool | None, made: Made, folder: Path
) -> None:
    options: dict[str, Any] = {"form": "class", "before": 5, "seed": 4}
    backbone = made("network", layer=layer, final_norm=final_norm, grouped=grouped, **options)
    model = library(folder, "network", **options)  # draws the same weights, without groups
    given = photos(2, 48)
    expected = after_blocks(model, normalised(given), count, 6)
    if final_norm:
        expected = model.norm(expected).detach()
    torch.testing.assert_close(backbone.encode(given), expected, **CLOSE)
    assert backbone.identity()["block"] == layer % 4


@pytest.mark.parametrize("arguments", [{}, {"layer": -1, "final_norm": True}])
@pytest.mark.parametrize("normed", [True, False])
def test_a_network_in_half_precision_within_another(
    arguments: dict[str, Any], normed: bool, made: Made, folder: Path
) -> None:
    backbone = made("wrapped", normalisation="raw", version="v3", normed=normed, **arguments)
    model = library(folder, "wrapped", version="v3", normed=normed).float().model
    given = photos(2, 40)
    pixels = (normalised(given, RAW) - 0.4) / 0.3
    expected = model.norm(after_blocks(model, pixels, 4, 5)).detach()
    torch.testing.assert_close(backbone.encode(given), expected, **CLOSE)
    assert backbone.identity()["options"] == {"version": "v3", "normed": normed}


def test_photos_do_not_depend_on_their_company(made: Made) -> None:
    backbone = made("network")
    given = photos(3, 64)
    alone = torch.cat([backbone.encode(given[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(backbone.encode(given), alone, **CLOSE)


def test_rows_come_from_the_top(made: Made) -> None:
    backbone = made("network", layer=0)
    plain = np.full((1, 40, 40, 3), 120, dtype=np.uint8)
    marked = plain.copy()
    marked[:, 8:16, 24:32] = 255
    moved = (backbone.encode(marked) - backbone.encode(plain)).norm(dim=-1)[0]
    assert divmod(int(moved.argmax()), 5) == (1, 3)


def test_the_identity_is_of_code_and_weights(made: Made, folder: Path, tmp_path: Path) -> None:
    told = made("network").identity()
    assert made("network").identity() == told
    assert made("network", seed=1).identity()["weights"] != told["weights"]
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "hubconf.py").write_text(HUBCONF)
    assert TorchHubBackbone(f"{other}:network", device="cpu").identity() == told
    (other / "hubconf.py").write_text(HUBCONF.replace("0.1 *", "0.2 *"))
    changed = TorchHubBackbone(f"{other}:network", device="cpu").identity()
    assert changed["weights"] == told["weights"]
    assert changed != told


def test_a_repository_of_github_is_trusted_and_its_branch_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    load = torch.hub.load

    def remembered(repository: str, entry: str, **more: Any) -> Any:
        asked.append((repository, entry, more))
        return load(str(folder), entry, source="local", form=more["form"])

    monkeypatch.setattr(torch.hub, "load", remembered)
    TorchHubBackbone("someone/something:main:network", device="cpu", form="maps")
    ((repository, entry, more),) = asked
    assert (repository, entry) == ("someone/something:main", "network")
    assert more["source"] == "github"
    assert more["trust_repo"]


@pytest.mark.parametrize(
    ("entry", "arguments", "message"),
    [
        ("netwrok", {}, r"no entry 'netwrok'. Did you mean 'network'"),
        ("_hidden", {}, r"gives a NoneType; expected a model of torch"),
        ("network", {"layer": 4}, r"layer 4: .* has 4 blocks. Give 0 to 3"),
        ("network", {"final_norm": True}, r"final_norm is for the output of a block. Give layer"),
        ("network", {"normalisation": "dino"}, r"unknown normalisation 'dino'"),
        ("network", {"shape": 3}, r"cannot be had: .*shape.*are the options those of the entry"),
        ("wrapped", {"version": "v9"}, r"cannot be had: .*v9"),
        ("silent", {}, r"does not tell the size of its patches. Give patch=14"),
        ("without_blocks", {"patch": 8, "layer": -1}, r"has no 'blocks'. Leave layer out"),
        ("no_model", {}, r"gives a dict; expected a model of torch"),
        ("broken", {}, r"cannot be had: no network Is there a network"),
    ],
)
def test_wrong_entries_and_arguments(
    entry: str, arguments: dict[str, Any], message: str, made: Made
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        made(entry, **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("facebookresearch/dino", r"names no entry of a repository; expected owner/repository:ent"),
        (":entry", r"names no entry"),
        ("nothing:entry", r"there is no folder 'nothing'"),
        ("./nothing/here:entry", r"there is no folder './nothing/here'"),
    ],
)
def test_places_that_are_none(place: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TorchHubBackbone(place)


def test_a_folder_without_hubconf(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be had: .*hubconf.py"):
        TorchHubBackbone(f"{tmp_path}:entry")


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("class", r"gives a tensor of shape \(1, 12\) \(one vector a photo\), .*Give layer=-1"),
        ("odd", r"gives a dictionary with logits, in which no features of 5 × 5 patches"),
        ("triple", r"gives tuple of a tensor of shape \(1, 12\)"),
    ],
)
def test_outputs_without_features_of_patches(form: str, message: str, made: Made) -> None:
    with pytest.raises(InputError, match=message):
        made("network", form=form).encode(photos(1, 40))


def test_a_wrong_size_of_patches(made: Made) -> None:
    with pytest.raises(InputError, match=r"\(1, 101, 12\), in which no features of 5 × 5 patches"):
        made("network", patch=16).encode(photos(1, 80))

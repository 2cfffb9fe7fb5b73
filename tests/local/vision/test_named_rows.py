"""Backbones by the names of the paper that are not of ``transformers``: with random weights."""

import json
from pathlib import Path
from typing import Any, NoReturn
from urllib.error import URLError

import numpy as np
import pytest

torch = pytest.importorskip("torch")
timm = pytest.importorskip("timm")
pytest.importorskip("transformers")

from local.vision import research_forwards as naive  # noqa: E402
from local.vision.research_forwards import DUNE_SCALES, dune_file  # noqa: E402
from local.vision.tiny_vits import CLIP, HALF, IMAGENET, photos, pixels_of  # noqa: E402
from lvlm_eval.vision.backbones.named import builtin_backbones  # noqa: E402
from lvlm_eval.vision.backbones.registry import build_backbone  # noqa: E402

NORMALISATIONS = {"imagenet": IMAGENET, "clip": CLIP, "half": HALF}
SMALL = {"depth": 3, "embed_dim": 96, "num_heads": 2}
OF_TIMM = {
    name: one.table.use.removeprefix("timm:")
    for name, one in builtin_backbones().items()
    if one.table.use.startswith("timm:")
}


def check_told(name: str, built: Any) -> None:
    """What a backbone says of itself is what the list shows of it."""
    table, identity = builtin_backbones()[name].table, built.backbone.identity()
    assert built.title == table.published
    assert built.deviations == ()
    assert identity["patch"] == built.backbone.patch == table.shown("patch")
    assert identity["block"] == 2  # the last of three
    assert identity["final_norm"] is table.shown("final_norm")
    assert built.backbone.normalisation == NORMALISATIONS[table.shown("normalisation")]


def without_network(*_asked: Any, **_more: Any) -> NoReturn:
    raise URLError("no network")


@pytest.mark.parametrize("name", OF_TIMM)
def test_rows_whose_architecture_is_timms(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = timm.create_model
    monkeypatch.setattr(
        timm, "create_model", lambda *names, **more: create(*names, **more, **SMALL)
    )
    own = timm.create_model(OF_TIMM[name], pretrained=False).eval()
    drawn = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for one in own.parameters():
            one.copy_(0.2 * torch.randn(one.shape, generator=drawn) + (one.ndim == 1) * 0.5)
    file = tmp_path / "weights.pth"
    torch.save(own.state_dict(), file)
    built = build_backbone(name, {"checkpoint": str(file), "device": "cpu"})
    check_told(name, built)
    side = own.pretrained_cfg["input_size"][1]  # where positions are as they are stored
    if name == "c-radio":  # its stored grid is larger than any photo's
        side = 64
        own.embeds.pos_embed_align_corners = False  # test_timm_backbones shows that this is its way
    shown = photos(1, side)
    outputs: list[Any] = []
    own.blocks[-1].register_forward_hook(lambda _module, _given, out: outputs.append(out))
    with torch.no_grad():
        own.forward_features(pixels_of(shown, built.backbone.normalisation))
    tokens = outputs[0][:, own.num_prefix_tokens :]
    grid = side // built.backbone.patch
    expected = tokens.reshape(1, grid, grid, -1)
    torch.testing.assert_close(built.backbone.encode(shown), expected, rtol=1e-3, atol=1e-3)


RESEARCH = {
    "dinov1": lambda: naive.dino_state(patch=16, side=14),
    "ibot": lambda: {"state_dict": naive.dino_state(patch=16, side=14, seed=1)},
    "dune": lambda: dune_file(naive.dino_state(patch=14, side=32, registers=4, scales=DUNE_SCALES)),
    "crocov2": naive.croco_checkpoint,
}


@pytest.mark.parametrize("name", RESEARCH)
def test_rows_that_are_files_of_research_repositories(name: str, tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    torch.save(RESEARCH[name](), file)
    built = build_backbone(name, {"checkpoint": str(file), "device": "cpu"})
    check_told(name, built)
    maps = built.backbone.encode(photos(2, 5 * built.backbone.patch))
    assert maps.shape == (2, 5, 5, naive.WIDTH)
    assert np.isfinite(maps.numpy()).all()


def test_where_a_checkpoint_lies_is_not_in_the_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    cached = tmp_path / "checkpoints" / "ibot_vitb16.pth"
    moved, other = tmp_path / "moved.pth", tmp_path / "other.pth"
    cached.parent.mkdir()
    torch.save(naive.dino_state(patch=16, side=14), cached)
    moved.write_bytes(cached.read_bytes())
    torch.save(naive.dino_state(patch=16, side=14, seed=1), other)
    first = build_backbone("ibot", {"device": "cpu"})
    second = build_backbone("ibot", {"device": "cpu", "checkpoint": str(moved)})
    assert first.identity == second.identity
    assert second.incidental == {"device": "cpu", "checkpoint": str(moved)}
    assert str(tmp_path) not in json.dumps(second.identity)
    third = build_backbone("ibot", {"device": "cpu", "checkpoint": str(other)})
    assert third.identity != first.identity


HUBCONF = """
import timm

def dune_vitsmall_14_448_encoder():
    return timm.create_model(
        "vit_small_patch14_reg4_dinov2", dynamic_img_size=True, depth=3, embed_dim=96, num_heads=2
    )

dune_vitbase_14_448_encoder = dune_vitsmall_14_448_encoder
"""


@pytest.mark.parametrize("name", ["dune_vits14", "torchhub:naver/dune:dune_vitbase_14_448_encoder"])
def test_models_of_torchs_hub_from_its_cache(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "naver_dune_main").mkdir()
    (tmp_path / "naver_dune_main" / "hubconf.py").write_text(HUBCONF)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", without_network)
    torch.manual_seed(0)
    own = timm.create_model("vit_small_patch14_reg4_dinov2", dynamic_img_size=True, **SMALL)
    torch.manual_seed(0)  # the entry draws the same weights
    table = builtin_backbones()["dune_vits14"].table
    arguments = table.arguments if ":" in name else {}
    built = build_backbone(name, {**arguments, "device": "cpu"})
    if ":" not in name:
        check_told(name, built)
    assert built.identity["code"] == "naver/dune"
    shown = photos(2, 5 * 14)
    outputs: list[Any] = []
    own.blocks[-1].register_forward_hook(lambda _module, _given, out: outputs.append(out))
    with torch.no_grad():
        own.eval().forward_features(pixels_of(shown, IMAGENET))
        expected = own.norm(outputs[0])[:, 5:].reshape(2, 5, 5, -1)
    torch.testing.assert_close(built.backbone.encode(shown), expected, rtol=1e-4, atol=1e-4)


def test_the_row_of_stable_diffusion(tmp_path: Path) -> None:
    pytest.importorskip("diffusers")
    from local.vision.tiny_diffusion import make_stable_diffusion

    make_stable_diffusion(tmp_path)
    table = builtin_backbones()["sd-2.1"].table
    built = build_backbone(f"diffusers:{tmp_path}", table.arguments)
    assert built.backbone.patch == table.shown("patch")
    told = built.backbone.identity()
    assert (told["up_block"], told["time_step"]) == (1, 1)
    assert built.backbone.normalisation == IMAGENET
    maps = built.backbone.encode(photos(1, 64))
    assert maps.shape[:3] == (1, 4, 4)
    assert np.isfinite(maps.cpu().numpy()).all()


def test_every_row_of_the_main_table_is_built_in_some_test() -> None:
    """Those of the transformers library: test_transformers_backbones and test_towers."""
    here = {*OF_TIMM, *RESEARCH, "sd-2.1"}
    of_library = {n for n, one in builtin_backbones().items() if one.table.use.startswith("hf:")}
    assert set(list(builtin_backbones())[:14]) <= here | of_library

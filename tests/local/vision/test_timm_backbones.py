"""Models of timm as backbones: equal to hooks on timm's own model, positions, weights, errors."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lvlm_eval.errors import InputError

torch = pytest.importorskip("torch")
timm = pytest.importorskip("timm")

from lvlm_eval.vision.backbones.normalisation import CLIP, HALF, IMAGENET  # noqa: E402
from lvlm_eval.vision.backbones.registry import build_backbone  # noqa: E402
from lvlm_eval.vision.backbones.timm_models.backbone import TimmBackbone  # noqa: E402  # needs both

SMALL = {"embed_dim": 48, "depth": 3, "num_heads": 2}
"""Each head has 24 channels: a multiple of 4, as rotary positions want."""

TRANSFORMERS = {
    "vit_base_patch16_224.dino": SMALL,
    "vit_base_patch14_dinov2.lvd142m": SMALL,
    "vit_base_patch14_reg4_dinov2.lvd142m": SMALL,
    "vit_base_patch16_dinov3.lvd1689m": SMALL,
    "vit_base_patch16_clip_224.openai": SMALL,
    "vit_base_patch16_224.mae": SMALL,
    "vit_huge_patch16_gap_448.in1k_ijepa": SMALL,
    "vit_base_patch16_siglip_384.webli": SMALL,
    "vit_pe_spatial_gigantic_patch14_448.fb": SMALL,
    "vit_pe_spatial_large_patch14_448.fb": SMALL,
    "eva02_base_patch14_224.mim_in22k": SMALL,
    "naflexvit_base_patch16_radio_v3.c_radio": SMALL,
    "vit_base_patch16_radio_v3.c_radio": SMALL,
}
PREFIX = {
    "vit_base_patch14_reg4_dinov2.lvd142m": 5,
    "vit_base_patch16_dinov3.lvd1689m": 5,
    "vit_huge_patch16_gap_448.in1k_ijepa": 0,
    "vit_base_patch16_siglip_384.webli": 0,
    "vit_pe_spatial_gigantic_patch14_448.fb": 0,
    "naflexvit_base_patch16_radio_v3.c_radio": 8,
    "vit_base_patch16_radio_v3.c_radio": 8,
}
"""Tokens of no patch; 1 for the others."""

Saved = Callable[[str], Path]


def photos(count: int, side: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).integers(0, 256, (count, side, side, 3))
    return values.astype(np.uint8)


def normalised(pixels: np.ndarray, known: Any) -> Any:
    mean, deviation = known
    values = (pixels.astype(np.float64) / 255 - np.array(mean)) / np.array(deviation)
    return torch.from_numpy(values.astype(np.float32)).permute(0, 3, 1, 2)


def randomised(model: Any) -> Any:
    """The model with weights that all matter: timm begins with norms of one and small scales."""
    torch.manual_seed(1)
    with torch.no_grad():
        for value in model.parameters():
            value.copy_(torch.randn_like(value) * 0.2 + (value.ndim == 1) * 0.5)
    return model.eval()


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Saved:
    """Writes weights of a small model of a name; timm makes small ones of those names only."""
    create = timm.create_model
    torch.set_num_threads(1)  # so small that threads would only wait for one another

    def small(name: str, **settings: Any) -> Any:
        return create(name, **settings, **TRANSFORMERS.get(name, {}))

    monkeypatch.setattr(timm, "create_model", small)

    def write(name: str) -> Path:
        torch.save(randomised(small(name)).state_dict(), tmp_path / "weights.pth")
        return tmp_path / "weights.pth"

    return write


def by_hook(model: Any, block: int, pixels: Any, prefix: int, side: int) -> Any:
    caught: list[Any] = []
    handle = model.blocks[block].register_forward_hook(lambda *given: caught.append(given[2]))
    with torch.no_grad():
        model.forward_features(pixels)
    handle.remove()
    tokens = caught[0][:, prefix:]
    rows = [tokens[:, row * side : (row + 1) * side] for row in range(side)]
    return torch.stack(rows, dim=1)


@pytest.mark.parametrize("name", TRANSFORMERS)
@pytest.mark.parametrize("layer", [-1, 1])
def test_features_are_those_of_a_hook_on_timms_model(name: str, layer: int, saved: Saved) -> None:
    weights = saved(name)
    backbone = TimmBackbone(name, layer=layer, checkpoint=str(weights), device="cpu")
    own = timm.create_model(name, **({} if "naflex" in name else {"dynamic_img_size": True}))
    own.load_state_dict(torch.load(weights))
    side = 5
    given = photos(3, side * backbone.patch)
    found = backbone.encode(given)
    cfg = own.pretrained_cfg
    pixels = normalised(given, (cfg["mean"], cfg["std"]))
    prefix = PREFIX.get(name, 1)
    expected = by_hook(own.eval(), range(3)[layer], pixels, prefix, side)
    assert found.shape == (3, side, side, 48)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-4)
    alone = torch.cat([backbone.encode(given[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(found, alone, atol=2e-5, rtol=1e-4)
    told = backbone.identity()
    assert (told["block"], told["dropped_tokens"]) == (range(3)[layer], prefix)
    assert not told["final_norm"]


@pytest.mark.parametrize(
    ("name", "norm"),
    [
        ("vit_base_patch14_dinov2.lvd142m", "norm"),
        ("vit_huge_patch16_gap_448.in1k_ijepa", "norm"),
        ("eva02_base_patch14_224.mim_in22k", "fc_norm"),
    ],
)
def test_final_norm_is_the_models_own(name: str, norm: str, saved: Saved) -> None:
    weights = str(saved(name))
    given = photos(1, 4 * TimmBackbone(name, checkpoint=weights).patch)
    plain = TimmBackbone(name, checkpoint=weights, device="cpu")
    normed = TimmBackbone(name, final_norm=True, checkpoint=weights, device="cpu")
    state = torch.load(weights)
    tokens = plain.encode(given)
    centred = tokens - tokens.mean(-1, keepdim=True)
    scaled = centred / (tokens.var(-1, unbiased=False, keepdim=True) + 1e-6).sqrt()
    expected = scaled * state[f"{norm}.weight"] + state[f"{norm}.bias"]
    torch.testing.assert_close(normed.encode(given), expected, atol=1e-4, rtol=1e-4)
    assert normed.identity()["final_norm"]


@pytest.mark.parametrize(
    "name", ["vit_pe_spatial_gigantic_patch14_448.fb", "naflexvit_base_patch16_radio_v3.c_radio"]
)
def test_models_without_a_final_norm(name: str, saved: Saved) -> None:
    with pytest.raises(InputError, match=f"{name}' has no final norm. Give final_norm=false"):
        TimmBackbone(name, final_norm=True, checkpoint=str(saved(name)))


def with_positions(name: str, state: dict[str, Any], positions: Any, side: int, **more: Any) -> Any:
    """A model whose own size is the photo's, so that timm has nothing to resize."""
    patch = state["patch_embed.proj.weight"].shape[-1]
    model = timm.create_model(name, img_size=side * patch, **more)
    model.load_state_dict({**state, "pos_embed": positions})
    return model.eval()


@pytest.mark.parametrize(
    ("name", "prefix", "kind"),
    [
        ("vit_base_patch16_224.dino", 1, "offset"),
        ("vit_base_patch14_dinov2.lvd142m", 1, "offset"),
        ("vit_base_patch14_reg4_dinov2.lvd142m", 0, "antialias"),
        ("vit_base_patch16_clip_224.openai", 1, "antialias"),
        ("vit_pe_spatial_gigantic_patch14_448.fb", 0, "bilinear"),
        ("vit_pe_spatial_large_patch14_448.fb", 1, "bilinear"),
    ],
)
def test_positions_as_in_the_published_runs(
    name: str, prefix: int, kind: str, saved: Saved
) -> None:
    weights = saved(name)
    state = torch.load(weights)
    stored = state["pos_embed"]
    old = round((stored.shape[1] - prefix) ** 0.5)
    side = 9
    square = stored[:, prefix:].reshape(1, old, old, -1).permute(0, 3, 1, 2)
    how: dict[str, Any] = {
        "offset": {"scale_factor": ((side + 0.1) / old,) * 2, "mode": "bicubic"},
        "antialias": {"size": (side, side), "mode": "bicubic", "antialias": True},
        "bilinear": {"size": (side, side), "mode": "bilinear"},
    }[kind]
    larger = torch.nn.functional.interpolate(square, **how).flatten(2).transpose(1, 2)
    positions = torch.cat((stored[:, :prefix], larger), dim=1)
    more = {"ref_feat_shape": (side, side)} if kind == "bilinear" else {}  # so not rescaled
    own = with_positions(name, state, positions, side, **more)
    backbone = TimmBackbone(name, pos_embed="hub", checkpoint=str(weights), device="cpu")
    patch = backbone.patch
    backbone.encode(photos(1, 4 * patch))  # another size before must leave no trace
    given = photos(2, side * patch)
    cfg = own.pretrained_cfg
    pixels = normalised(given, (cfg["mean"], cfg["std"]))
    dropped = PREFIX.get(name, 1)
    expected = by_hook(own, 2, pixels, dropped, side)
    torch.testing.assert_close(backbone.encode(given), expected, atol=2e-5, rtol=1e-4)
    library = TimmBackbone(name, checkpoint=str(weights), device="cpu")
    differ = (library.encode(given) - expected).abs().max()
    assert bool(differ > 1e-3) == (kind != "antialias")
    assert library.identity()["positions"] != backbone.identity()["positions"]


def test_positions_of_c_radio_as_its_code_on_torch_hub_resizes_them(saved: Saved) -> None:
    name = "naflexvit_base_patch16_radio_v3.c_radio"
    weights = saved(name)
    state = torch.load(weights)
    square = state["embeds.pos_embed"].permute(0, 3, 1, 2)
    resized = torch.nn.functional.interpolate(square, size=(9, 9), mode="bilinear")
    own = timm.create_model(name, pos_embed_grid_size=(9, 9))
    own.load_state_dict({**state, "embeds.pos_embed": resized.permute(0, 2, 3, 1)})
    given = photos(2, 9 * 16)
    cfg = own.pretrained_cfg
    pixels = normalised(given, (cfg["mean"], cfg["std"]))
    expected = by_hook(own.eval(), 2, pixels, 8, 9)
    backbone = TimmBackbone(name, pos_embed="hub", checkpoint=str(weights), device="cpu")
    torch.testing.assert_close(backbone.encode(given), expected, atol=2e-5, rtol=1e-4)
    library = TimmBackbone(name, checkpoint=str(weights), device="cpu")
    assert float((library.encode(given) - expected).abs().max()) > 1e-3
    assert "corners aligned" in library.identity()["positions"]
    assert "corners not aligned" in backbone.identity()["positions"]


def test_positions_at_the_stored_grid_are_left_as_they_are(saved: Saved) -> None:
    name = "vit_base_patch16_224.dino"
    weights = str(saved(name))
    hub = TimmBackbone(name, pos_embed="hub", checkpoint=weights, device="cpu")
    library = TimmBackbone(name, checkpoint=weights, device="cpu")
    given = photos(1, 224)
    torch.testing.assert_close(hub.encode(given), library.encode(given))


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("vit_base_patch16_224.dino", IMAGENET),
        ("vit_base_patch16_clip_224.openai", CLIP),
        ("vit_pe_spatial_gigantic_patch14_448.fb", HALF),
    ],
)
def test_normalisation_is_that_of_the_weights(name: str, known: Any, saved: Saved) -> None:
    weights = str(saved(name))
    assert TimmBackbone(name, checkpoint=weights).identity()["normalisation"] == known
    told = TimmBackbone(name, checkpoint=weights, normalisation="clip").identity()
    assert told["normalisation"] == CLIP


def test_rows_come_from_the_top(saved: Saved) -> None:
    name = "vit_base_patch16_224.dino"
    backbone = TimmBackbone(name, layer=0, checkpoint=str(saved(name)), device="cpu")
    plain = np.full((1, 80, 80, 3), 120, dtype=np.uint8)
    marked = plain.copy()
    marked[:, 16:32, 48:64] = 255
    moved = (backbone.encode(marked) - backbone.encode(plain)).norm(dim=-1)[0]
    assert divmod(int(moved.argmax()), 5) == (1, 3)


def test_stages_of_a_convolutional_model(saved: Saved, tmp_path: Path) -> None:
    weights = saved("test_convnext")
    own = timm.create_model("test_convnext")
    own.load_state_dict(torch.load(weights))
    own.eval()
    given = photos(2, 96)
    cfg = own.pretrained_cfg
    pixels = normalised(given, (cfg["mean"], cfg["std"]))
    for layer, stage in ((-1, 3), (1, 1)):
        backbone = TimmBackbone("test_convnext", layer=layer, checkpoint=str(weights), device="cpu")
        caught: list[Any] = []
        hook = own.stages[stage].register_forward_hook(lambda *got, at=caught: at.append(got[2]))
        with torch.no_grad():
            own(pixels)
        hook.remove()
        assert backbone.patch == 96 // caught[0].shape[-1]
        expected = caught[0].permute(0, 2, 3, 1)
        torch.testing.assert_close(backbone.encode(given), expected, atol=1e-5, rtol=1e-5)
    with pytest.raises(InputError, match="final_norm does not apply"):
        TimmBackbone("test_convnext", final_norm=True, checkpoint=str(weights))


def test_half_precision_is_near(saved: Saved) -> None:
    name = "vit_base_patch16_224.dino"
    weights = str(saved(name))
    given = photos(1, 64)
    full = TimmBackbone(name, checkpoint=weights, device="cpu").encode(given)
    half = TimmBackbone(name, checkpoint=weights, device="cpu", precision="bfloat16").encode(given)
    assert half.dtype == torch.float32
    alike = torch.nn.functional.cosine_similarity(full, half, dim=-1)
    assert float(alike.min()) > 0.99
    assert not torch.equal(full, half)


def test_the_identity_of_a_checkpoint_is_its_content(saved: Saved, tmp_path: Path) -> None:
    name = "vit_base_patch16_224.dino"
    first = saved(name)
    copy = tmp_path / "copy.pth"
    copy.write_bytes(first.read_bytes())
    told = TimmBackbone(name, checkpoint=str(first)).identity()
    assert TimmBackbone(name, checkpoint=str(copy)).identity() == told
    state = torch.load(first)
    state["cls_token"] += 1
    torch.save(state, copy)
    assert TimmBackbone(name, checkpoint=str(copy)).identity() != told


def test_a_folder_of_any_name_has_the_positions_of_its_model(tmp_path: Path) -> None:
    model = randomised(timm.create_model("vit_base_patch16_224.dino", **SMALL))
    folder = tmp_path / "mine.v2"
    timm.models.save_for_hf(model, folder, model_args=SMALL)
    backbone = TimmBackbone(f"local-dir:{folder}", pos_embed="hub", device="cpu")
    assert backbone.identity()["positions"].startswith("bicubic by the factor")
    assert backbone.identity()["model"] == "vit_base_patch16_224"


def test_the_same_weights_in_another_architecture_are_another_backbone(
    saved: Saved, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, quick = "vit_base_patch16_clip_224.openai", "vit_base_patch16_clip_quickgelu_224.openai"
    monkeypatch.setitem(TRANSFORMERS, quick, SMALL)
    arguments = {"checkpoint": str(saved(plain)), "device": "cpu"}
    first = build_backbone(f"timm:{plain}", arguments)
    second = build_backbone(f"timm:{quick}", arguments)
    given = photos(1, 48)
    assert not torch.equal(first.backbone.encode(given), second.backbone.encode(given))
    assert first.identity["weights"] == second.identity["weights"]
    assert first.identity != second.identity


def test_a_folder_as_timm_saves_it(tmp_path: Path) -> None:
    model = randomised(timm.create_model("test_vit3"))
    for folder in ("first", "second"):
        timm.models.save_for_hf(model, tmp_path / folder)
    first, second = (
        TimmBackbone(f"local-dir:{tmp_path / folder}", layer=2, device="cpu")
        for folder in ("first", "second")
    )
    given = photos(1, 64)
    cfg = model.pretrained_cfg
    pixels = normalised(given, (cfg["mean"], cfg["std"]))
    own = timm.create_model("test_vit3", dynamic_img_size=True)
    own.load_state_dict(model.state_dict())
    expected = by_hook(own.eval(), 2, pixels, own.num_prefix_tokens, 4)
    torch.testing.assert_close(first.encode(given), expected, atol=2e-5, rtol=1e-4)
    assert first.identity() == second.identity()
    built = build_backbone(f"timm:local-dir:{tmp_path / 'first'}", {"layer": 2})
    assert (built.name, built.label) == ("timm:local-dir:first", "timm-local-dir-first")
    copied = build_backbone(f"timm:local-dir:{tmp_path / 'second'}", {"layer": 2})
    assert built.identity == copied.identity
    assert str(tmp_path) not in json.dumps(built.identity)
    with pytest.raises(InputError, match=r"nowhere' cannot be had: "):
        TimmBackbone(f"local-dir:{tmp_path / 'nowhere'}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"device": "gpu"}, "device 'gpu' cannot be used here: .* Give cpu, cuda or cuda:1"),
        ({"device": "cuda:99"}, "device 'cuda:99' cannot be used here: "),
        ({"final_norm": "yes"}, "final_norm is 'yes', expected true or false"),
        ({"name": "vit_base_patch16_223"}, r"no model 'vit_base_patch16_223'. Did you mean 'vit_"),
        ({"name": "vit_base_patch16_224.dinox"}, r"Invalid pretrained tag \(dinox\)"),
        ({"layer": 3}, r"layer 3: timm model .* has 3 blocks. Give 0 to 2, or -1"),
        ({"layer": -4}, r"layer -4: "),
        ({"layer": "last"}, r"layer 'last': "),
        ({"pos_embed": "hubs"}, r"unknown pos_embed 'hubs'. Did you mean 'hub'"),
        ({"normalisation": "imagent"}, r"unknown normalisation 'imagent'. Did you mean 'imagenet'"),
        ({"precision": "float8"}, r"unknown precision 'float8'. Did you mean"),
        ({"checkpoint": "nowhere.pth"}, r"checkpoint 'nowhere.pth' is no file"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], message: str, saved: Saved) -> None:
    weights = saved("vit_base_patch16_224.dino")
    given = {"name": "vit_base_patch16_224.dino", "checkpoint": str(weights), **arguments}
    with pytest.raises(InputError, match=message) as caught:
        TimmBackbone(**given)
    assert "\n" not in str(caught.value)


def test_hub_positions_of_a_model_whose_original_code_is_not_known(saved: Saved) -> None:
    name = "vit_base_patch16_224.mae"
    with pytest.raises(
        InputError, match=r"'hub' is for DINO.*224.mae' is not known. Give pos_embed=library"
    ):
        TimmBackbone(name, pos_embed="hub", checkpoint=str(saved(name)))


def test_weights_that_do_not_fit(saved: Saved) -> None:
    weights = saved("vit_base_patch16_224.dino")
    state = torch.load(weights)
    del state["blocks.1.attn.qkv.weight"]
    torch.save(state, weights)
    with pytest.raises(InputError, match=r"cannot be had: .*blocks.1.attn.qkv.weight.*Does it"):
        TimmBackbone("vit_base_patch16_224.dino", checkpoint=str(weights))
    weights.write_bytes(b"torn")
    with pytest.raises(InputError, match="cannot be had: "):
        TimmBackbone("vit_base_patch16_224.dino", checkpoint=str(weights))


def test_weights_that_cannot_be_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError, match=r"test_vit' cannot be had: .*checkpoint=FILE") as caught:
        TimmBackbone("test_vit")
    assert "\n" not in str(caught.value)


def test_a_model_of_one_size(saved: Saved) -> None:
    weights = saved("test_maxvit")
    backbone = TimmBackbone("test_maxvit", checkpoint=str(weights), device="cpu")
    with pytest.raises(InputError, match=r"cannot take photos of 200 px"):
        backbone.encode(photos(1, 200))

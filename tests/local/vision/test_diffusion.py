"""Stable Diffusion as a backbone: equal to hooks on a whole run of the U-Net of diffusers."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lvlm_eval.errors import InputError

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from lvlm_eval.vision.backbones.huggingface.stable_diffusion import StableDiffusionBackbone  # noqa: E402
from lvlm_eval.vision.backbones.normalisation import HALF, IMAGENET  # noqa: E402

from .tiny_diffusion import make_stable_diffusion  # noqa: E402

CLOSE = {"atol": 1e-4, "rtol": 1e-4}
CHANNELS = {0: 32, 1: 24, 2: 16, 3: 8}
"""Of the four up blocks."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    torch.set_num_threads(1)  # so small that threads would only wait for one another
    folder = tmp_path_factory.mktemp("sd")
    return str(folder), make_stable_diffusion(folder)


def photos(count: int, side: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).integers(0, 256, (count, side, side, 3))
    return values.astype(np.uint8)


def by_hook(
    parts: dict[str, Any], pixels: np.ndarray, known: Any, block: int, step: int, seed: int
) -> Any:
    """A whole run of the U-Net, one photo at a time, with noise by the formula of diffusion."""
    mean, deviation = known
    values = (pixels.astype(np.float64) / 255 - np.array(mean)) / np.array(deviation)
    given = torch.from_numpy(values.astype(np.float32)).permute(0, 3, 1, 2)
    words = [0] + [1] + [3] * 7  # start, end, and what pads
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000).square()
    kept = (1 - betas).cumprod(0)[step]
    maps: list[Any] = []
    hook = parts["unet"].up_blocks[block].register_forward_hook(lambda *got: maps.append(got[2]))
    with torch.no_grad():
        prompt = parts["text_encoder"](torch.tensor([words]))[0]
        for one in given[:, None]:
            moments = parts["vae"].encode(one).latent_dist.parameters
            latents = moments[:, :4] * parts["vae"].config.scaling_factor
            drawn = torch.Generator().manual_seed(seed)
            noise = torch.randn(latents.shape, generator=drawn)
            noisy = kept.sqrt() * latents + (1 - kept).sqrt() * noise
            parts["unet"](noisy, torch.tensor(step), encoder_hidden_states=prompt)
    hook.remove()
    return torch.cat(maps)


@pytest.mark.parametrize(
    ("block", "step", "seed", "side"),
    [(1, 1, 0, 128), (1, 250, 3, 80), (2, 1, 0, 64), (3, 1, 0, 64), (0, 1, 0, 128), (1, 1, 0, 16)],
)
def test_features_are_those_of_a_hook_on_the_up_block(
    block: int, step: int, seed: int, side: int, made: tuple[str, dict[str, Any]]
) -> None:
    folder, parts = made
    backbone = StableDiffusionBackbone(
        folder, up_block=block, time_step=step, seed=seed, device="cpu"
    )
    given = photos(2, side)
    found = backbone.encode(given)
    cells = side // 16
    assert found.shape == (2, cells, cells, CHANNELS[block])
    maps = by_hook(parts, given, IMAGENET, block, step, seed)
    picked = [row * maps.shape[2] // cells for row in range(cells)]  # the nearest
    expected = maps[:, :, picked][:, :, :, picked].permute(0, 2, 3, 1)
    torch.testing.assert_close(found, expected, **CLOSE)
    if block == 1:
        assert maps.shape[2] == cells


def test_the_cell_of_the_published_block_is_16_px_at_800(
    made: tuple[str, dict[str, Any]],
) -> None:
    folder, parts = made
    backbone = StableDiffusionBackbone(folder, device="cpu")
    given = photos(1, 800)
    found = backbone.encode(given)
    assert found.shape == (1, 50, 50, 24)
    expected = by_hook(parts, given, IMAGENET, 1, 1, 0).permute(0, 2, 3, 1)
    torch.testing.assert_close(found, expected, **CLOSE)


def test_what_lies_behind_the_block_is_not_run(
    made: tuple[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = StableDiffusionBackbone(made[0], device="cpu")
    ran: list[int] = []
    for number, block in enumerate(backbone._unet.up_blocks):
        block.register_forward_hook(lambda *_, at=number: ran.append(at))
    backbone.encode(photos(1, 64))
    assert ran == [0, 1]
    assert len(backbone._unet.up_blocks[1]._forward_hooks) == 1  # the one above


def test_photos_do_not_depend_on_their_company(made: tuple[str, dict[str, Any]]) -> None:
    backbone = StableDiffusionBackbone(made[0], device="cpu")
    given = photos(3, 96)
    alone = torch.cat([backbone.encode(given[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(backbone.encode(given), alone, **CLOSE)
    again = StableDiffusionBackbone(made[0], device="cpu").encode(given)
    assert torch.equal(again, backbone.encode(given))


def test_rows_come_from_the_top(made: tuple[str, dict[str, Any]]) -> None:
    backbone = StableDiffusionBackbone(made[0], device="cpu", up_block=3)
    plain = np.full((1, 256, 256, 3), 120, dtype=np.uint8)
    marked = plain.copy()
    marked[:, 32:96, 144:208] = 255  # in rows 2 to 5, columns 9 to 12
    moved = (backbone.encode(marked) - backbone.encode(plain)).norm(dim=-1)[0]
    quarters = {
        (row, column): float(moved[8 * row :][:8, 8 * column :][:, :8].mean())
        for row in (0, 1)
        for column in (0, 1)
    }
    assert max(quarters, key=lambda at: quarters[at]) == (0, 1)


def test_settings_decide_the_features_and_the_identity(made: tuple[str, dict[str, Any]]) -> None:
    folder, parts = made
    given = photos(1, 64)
    usual = StableDiffusionBackbone(folder, device="cpu")
    for changed in ({"seed": 1}, {"time_step": 2}, {"up_block": 2}, {"normalisation": "half"}):
        other = StableDiffusionBackbone(folder, device="cpu", **changed)
        assert other.identity() != usual.identity()
        found = other.encode(given)
        assert found.shape != usual.encode(given).shape or not torch.equal(
            found, usual.encode(given)
        )
    half = StableDiffusionBackbone(folder, device="cpu", normalisation="half").encode(given)
    expected = by_hook(parts, given, HALF, 1, 1, 0).permute(0, 2, 3, 1)
    torch.testing.assert_close(half, expected, **CLOSE)
    assert usual.identity()["latents"] == "mode"


def test_the_identity_is_of_content(made: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    told = StableDiffusionBackbone(made[0], device="cpu").identity()
    copy = tmp_path / "copy"
    shutil.copytree(made[0], copy)
    assert StableDiffusionBackbone(str(copy), device="cpu").identity() == told
    (weights,) = (copy / "unet").glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x07")
    assert StableDiffusionBackbone(str(copy), device="cpu").identity() != told


def test_a_checkpoint_of_the_hub_is_told_by_its_commit(
    made: tuple[str, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = pytest.importorskip("huggingface_hub")
    commit = "0123456789" * 4
    cached = tmp_path / "models--me--sd"
    shutil.copytree(made[0], cached / "snapshots" / commit)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(commit)
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
    backbone = StableDiffusionBackbone("me/sd", device="cpu")
    assert backbone.identity()["checkpoint"] == f"me/sd@{commit}"
    given = photos(1, 64)
    expected = StableDiffusionBackbone(made[0], device="cpu").encode(given)
    assert torch.equal(backbone.encode(given), expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"up_block": 4}, r"up_block 4: '.*' has 4. Give 0 to 3"),
        ({"up_block": -1}, r"up_block -1: give a whole number from 0"),
        ({"time_step": 1000}, r"time_step 1000: '.*' has 1000. Give 0 to 999"),
        ({"time_step": 1.5}, r"time_step 1.5: give a whole number"),
        ({"seed": True}, r"seed True: give a whole number"),
        ({"normalisation": "imagenets"}, r"unknown normalisation 'imagenets'. Did you mean 'im"),
    ],
)
def test_wrong_arguments(
    arguments: dict[str, Any], message: str, made: tuple[str, dict[str, Any]]
) -> None:
    with pytest.raises(InputError, match=message):
        StableDiffusionBackbone(made[0], device="cpu", **arguments)


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder", "tokenizer", "scheduler"])
def test_a_checkpoint_that_lacks_a_part(
    part: str, made: tuple[str, dict[str, Any]], tmp_path: Path
) -> None:
    folder = tmp_path / "sd"
    shutil.copytree(made[0], folder)
    shutil.rmtree(folder / part)
    with pytest.raises(InputError, match=rf"\({part}\) cannot be had: .*Stable Diff") as caught:
        StableDiffusionBackbone(str(folder))
    assert "\n" not in str(caught.value)


def test_weights_that_cannot_be_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=r"'nobody/nothing' \(unet\) cannot be had") as caught:
        StableDiffusionBackbone("nobody/nothing")
    assert "\n" not in str(caught.value)

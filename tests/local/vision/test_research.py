"""Published files of research repositories: read as their layouts say, computed as their code."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lvlm_eval.errors import InputError

torch = pytest.importorskip("torch")
pytest.importorskip("timm")

from lvlm_eval.vision.backbones.normalisation import IMAGENET  # noqa: E402
from lvlm_eval.vision.backbones.research.backbone import PUBLISHED, ResearchBackbone  # noqa: E402  # both

from . import research_forwards as naive  # noqa: E402

IBOT_SCALES = "gamma_{}"
CLOSE = {"atol": 1e-4, "rtol": 1e-4}


def photos(count: int, side: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).integers(0, 256, (count, side, side, 3))
    return values.astype(np.uint8)


def normalised(pixels: np.ndarray) -> Any:
    mean, deviation = IMAGENET
    values = (pixels.astype(np.float64) / 255 - np.array(mean)) / np.array(deviation)
    return torch.from_numpy(values.astype(np.float32)).permute(0, 3, 1, 2)


def written(tmp_path: Path, content: Any) -> str:
    torch.save(content, tmp_path / "weights.pth")
    return str(tmp_path / "weights.pth")


def layouts(name: str) -> tuple[Any, Any, str]:
    """A file in the layout of a backbone, the plain weights, and the name of scales of layers."""
    if name == "dinov1":
        state = naive.dino_state(patch=16, side=14)
        return state, state, ""
    if name == "dinov1, whole training":
        state = naive.dino_state(patch=16, side=14)
        network = {f"module.backbone.{key}": value for key, value in state.items()}
        network["module.head.last_layer.weight_g"] = torch.zeros(4)
        student = {key: torch.zeros_like(value) for key, value in network.items()}
        return {"student": student, "teacher": network, "epoch": 3}, state, ""
    if name == "ibot":
        state = naive.dino_state(patch=16, side=14, seed=1)
        return {"state_dict": {**state, "masked_embed": torch.zeros(1, naive.WIDTH)}}, state, ""
    if name == "ibot, with scales":
        state = naive.dino_state(patch=16, side=14, scales=IBOT_SCALES, seed=1)
        return {"state_dict": state}, state, IBOT_SCALES
    state = naive.dino_state(patch=14, side=32, registers=4, scales=naive.DUNE_SCALES, seed=2)
    return naive.dune_file(state, whole="whole" in name), state, naive.DUNE_SCALES


DINO_LIKE = ["dinov1", "dinov1, whole training", "ibot", "ibot, with scales", "dune", "dune, whole"]


@pytest.mark.parametrize("name", DINO_LIKE)
@pytest.mark.parametrize("layer", [-1, 1])
def test_files_in_dinos_layout(name: str, layer: int, tmp_path: Path) -> None:
    content, state, scales = layouts(name)
    own = name.partition(",")[0]
    backbone = ResearchBackbone(
        own, layer=layer, final_norm=False, checkpoint=written(tmp_path, content), device="cpu"
    )
    given = photos(2, 5 * backbone.patch)
    expected = naive.dino_features(normalised(given), state, range(3)[layer], scales)
    found = backbone.encode(given)
    assert found.shape == (2, 5, 5, naive.WIDTH)
    torch.testing.assert_close(found, expected, **CLOSE)
    told = backbone.identity()
    assert told["dropped_tokens"] == (5 if own == "dune" else 1)
    assert told["normalisation"] == IMAGENET
    assert "offset" in told["positions"] or "0.1" in told["positions"]


def test_positions_at_the_stored_size_and_in_timms_way(tmp_path: Path) -> None:
    content, state, _ = layouts("dinov1")
    file = written(tmp_path, content)
    hub = ResearchBackbone("dinov1", checkpoint=file, device="cpu")
    library = ResearchBackbone("dinov1", pos_embed="library", checkpoint=file, device="cpu")
    stored, other = photos(1, 224), photos(1, 160)
    expected = naive.dino_features(normalised(stored), state, 2)
    torch.testing.assert_close(hub.encode(stored), expected, **CLOSE)
    torch.testing.assert_close(library.encode(stored), expected, **CLOSE)
    assert float((library.encode(other) - hub.encode(other)).abs().max()) > 0.01


@pytest.mark.parametrize("layer", [-1, 0])
def test_crocos_encoder(layer: int, tmp_path: Path) -> None:
    content = naive.croco_checkpoint()
    file = written(tmp_path, content)
    backbone = ResearchBackbone(
        "crocov2", layer=layer, final_norm=False, checkpoint=file, device="cpu"
    )
    given = photos(2, 16 * 7)
    expected = naive.croco_features(normalised(given), content["model"], range(3)[layer])
    found = backbone.encode(given)
    assert found.shape == (2, 7, 7, naive.WIDTH)
    torch.testing.assert_close(found, expected, **CLOSE)
    told = backbone.identity()
    assert (told["dropped_tokens"], told["patch"]) == (0, 16)
    assert told["positions"].startswith("rotary")


@pytest.mark.parametrize(
    ("name", "norm", "published"),
    [
        ("dinov1", "norm", False),
        ("ibot", "norm", False),
        ("dune", "norm", True),
        ("crocov2", "enc_norm", True),
    ],
)
def test_the_final_norm_is_applied_as_in_the_published_runs(
    name: str, norm: str, published: bool, tmp_path: Path
) -> None:
    if name == "crocov2":
        content = naive.croco_checkpoint()
        state = content["model"]
    else:
        content, state, _ = layouts(name)
    file = written(tmp_path, content)
    usual = ResearchBackbone(name, checkpoint=file, device="cpu")
    given = photos(1, 4 * usual.patch)
    plain = ResearchBackbone(name, final_norm=False, checkpoint=file, device="cpu").encode(given)
    normed = ResearchBackbone(name, final_norm=True, checkpoint=file, device="cpu").encode(given)
    torch.testing.assert_close(normed, naive.layer_norm(plain, state, norm), **CLOSE)
    torch.testing.assert_close(usual.encode(given), normed if published else plain, **CLOSE)
    assert usual.identity()["final_norm"] == published


@pytest.mark.parametrize("name", ["dinov1", "crocov2"])
def test_photos_do_not_depend_on_their_company(name: str, tmp_path: Path) -> None:
    content = naive.croco_checkpoint() if name == "crocov2" else layouts(name)[0]
    backbone = ResearchBackbone(name, checkpoint=written(tmp_path, content), device="cpu")
    given = photos(3, 96)
    alone = torch.cat([backbone.encode(given[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(backbone.encode(given), alone, **CLOSE)


@pytest.mark.parametrize("name", ["dinov1", "crocov2"])
def test_rows_come_from_the_top(name: str, tmp_path: Path) -> None:
    content = naive.croco_checkpoint() if name == "crocov2" else layouts(name)[0]
    file = written(tmp_path, content)
    backbone = ResearchBackbone(name, layer=0, final_norm=False, checkpoint=file, device="cpu")
    plain = np.full((1, 80, 80, 3), 120, dtype=np.uint8)
    marked = plain.copy()
    marked[:, 16:32, 48:64] = 255
    moved = (backbone.encode(marked) - backbone.encode(plain)).norm(dim=-1)[0]
    assert divmod(int(moved.argmax()), 5) == (1, 3)


def test_the_file_is_taken_from_the_cache_of_torchs_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    content, _, _ = layouts("ibot")
    cached = tmp_path / "checkpoints" / "ibot_vitb16.pth"
    cached.parent.mkdir()
    torch.save(content, cached)
    given = photos(1, 64)
    found = ResearchBackbone("ibot", device="cpu").encode(given)
    named = ResearchBackbone("ibot", checkpoint=written(tmp_path, content), device="cpu")
    assert torch.equal(found, named.encode(given))


def test_the_file_is_downloaded_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    content, _, _ = layouts("dune")
    asked: list[str] = []

    def download(url: str, file: str) -> None:
        asked.append(url)
        torch.save(content, file)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    assert ResearchBackbone("dune", device="cpu").patch == 14
    assert asked == [PUBLISHED["dune"].url]

    def offline(url: str, file: str) -> None:
        raise OSError("no route\nto host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    assert ResearchBackbone("dune", device="cpu").patch == 14  # from the cache
    with pytest.raises(InputError, match=r"no route to host Fetch https://.*checkpoint=FILE"):
        ResearchBackbone("ibot", device="cpu")


def without(content: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name != key}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("dinov1", b"torn", r"cannot be had: .*Expected the file of https://dl.fbaipublicfiles"),
        ("dinov1", [1, 2], r"cannot be read: it holds no weights by name. Expected"),
        ("dinov1", {"epoch": 3}, r"cannot be read: it holds no weights by name"),
        ("dinov1", "croco", r"cannot be read: its weights are not named as DINO's: 'blocks.0"),
        ("dinov1", "lacking", r"cannot be read: .*Missing key.*blocks.1.attn.qkv.weight"),
        ("crocov2", "dino", r"cannot be read: its positions are 'cosine', of CroCo v1"),
        (
            "crocov2",
            "v1",
            r"cannot be read: its positions are 'cosine', of CroCo v1; expected RoPE",
        ),
    ],
)
def test_files_of_another_layout(name: str, content: Any, message: str, tmp_path: Path) -> None:
    croco = naive.croco_checkpoint()
    dino = naive.dino_state(patch=16, side=14)
    named = {
        "croco": croco,
        "dino": dino,
        "lacking": without(dino, "blocks.1.attn.qkv.weight"),
        "v1": {"model": croco["model"], "croco_kwargs": {"pos_embed": "cosine"}},
    }
    if isinstance(content, bytes):
        (tmp_path / "weights.pth").write_bytes(content)
        file = str(tmp_path / "weights.pth")
    else:
        file = written(tmp_path, named[content] if isinstance(content, str) else content)
    with pytest.raises(InputError, match=message) as caught:
        ResearchBackbone(name, checkpoint=file)
    assert "\n" not in str(caught.value)


class Trap:
    """Runs code when it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("taken",))


def test_a_file_cannot_run_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, {"state_dict": Trap()})
    with pytest.raises(InputError, match="cannot be had: "):
        ResearchBackbone("ibot", checkpoint=file)
    assert "taken" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"name": "dinov"},
            r"no published file of weights is known of 'dinov'. Did you mean 'dino",
        ),
        ({"layer": 3}, r"layer 3: backbone 'dinov1' has 3 blocks"),
        ({"pos_embed": "both"}, r"unknown pos_embed 'both'"),
        ({"normalisation": "none"}, r"unknown normalisation 'none'"),
        ({"checkpoint": "nowhere"}, r"checkpoint 'nowhere' is no file; expected that of https://"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], message: str, tmp_path: Path) -> None:
    file = written(tmp_path, naive.dino_state(patch=16, side=14))
    with pytest.raises(InputError, match=message):
        ResearchBackbone(**{"name": "dinov1", "checkpoint": file, **arguments})

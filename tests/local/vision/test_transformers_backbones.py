"""Backbones of the transformers library: features equal those of the library's own models."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
lib = pytest.importorskip("transformers")

from local.vision import resizing  # noqa: E402
from local.vision.tiny_vits import (  # noqa: E402
    BLOCKS,
    CASES,
    CLIP,
    HALF,
    IMAGENET,
    RAW,
    WIDTH,
    made,
    own_features,
    photos,
    pixels_of,
    randomized,
)
from lvlm_eval.errors import InputError  # noqa: E402
from lvlm_eval.vision.backbones.named import builtin_backbones  # noqa: E402
from lvlm_eval.vision.backbones.registry import build_backbone  # noqa: E402

NAMES = tuple(CASES)


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory: pytest.TempPathFactory):
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("vits")

    def folder(name: str) -> Path:
        if not (root / name).exists():
            made(CASES[name], root / name)
        return root / name

    return folder


def built(folder: Path, **arguments: Any) -> Any:
    return build_backbone(f"hf:{folder}", arguments).backbone


def close(ours: Any, theirs: Any) -> None:
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours, theirs, rtol=2e-4, atol=2e-4)
    assert theirs.abs().max() > 0.05


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("cells", [4, 7])
def test_features_are_those_of_the_librarys_own_blocks(name, cells, folder_of):
    case, folder = CASES[name], folder_of(name)
    shown = photos(2, cells * case.patch)
    for layer, block in ((-1, BLOCKS - 1), (0, 0), (1, 1), (-2, BLOCKS - 2)):
        ours = built(folder, layer=layer)
        assert ours.patch == case.patch
        assert ours.identity()["block"] == block
        close(ours.encode(shown), own_features(case, folder, shown, block, norm=False))


@pytest.mark.parametrize("name", [one for one in NAMES if CASES[one].norm])
@pytest.mark.parametrize("layer", [0, -1])
def test_the_final_norm_is_the_models_own(name, layer, folder_of):
    case, folder = CASES[name], folder_of(name)
    shown = photos(1, 5 * case.patch)
    ours = built(folder, layer=layer, final_norm=True).encode(shown)
    block = layer % BLOCKS
    close(ours, own_features(case, folder, shown, block, norm=True))
    plain = own_features(case, folder, shown, block, norm=False)
    assert ours.shape != plain.shape or (ours - plain).abs().max() > 0.05


@pytest.mark.parametrize("name", [one for one in NAMES if one.startswith("dinov2")])
@pytest.mark.parametrize("side", [14, 224, 518, 798])
def test_dinov2_at_the_sizes_of_its_training_and_of_the_protocol(name, side, folder_of):
    case, folder = CASES[name], folder_of(name)
    shown = photos(1, side)
    close(built(folder).encode(shown), own_features(case, folder, shown, -1, norm=False))


def with_positions(folder: Path, name: str, side: int, grid: np.ndarray) -> Any:
    """The library's model for photos of one size, whose stored positions are the given ones."""
    case = CASES[name]
    usual = getattr(lib, case.vision).from_pretrained(folder)
    config = type(usual.config).from_dict(usual.config.to_dict())
    config.image_size = side
    larger = getattr(lib, case.vision)(config).eval()
    state = usual.state_dict()
    key = next(one for one in state if "position_embedding" in one and state[one].ndim >= 2)
    old = state[key].reshape(-1, WIDTH)
    before = old[: old.shape[0] - round((old.shape[0] - 1) ** 0.5 + 0.01) ** 2]
    if name == "siglip":
        before = old[:0]
    new = torch.from_numpy(grid.reshape(-1, WIDTH)).float()
    state[key] = torch.cat((before, new)).reshape(
        *((1,) if state[key].ndim == 3 else ()), -1, WIDTH
    )
    larger.load_state_dict(state)
    return larger


def stored_grid(folder: Path, name: str) -> np.ndarray:
    model = getattr(lib, CASES[name].vision).from_pretrained(folder)
    embeddings = model.embeddings
    stored = getattr(embeddings, "position_embeddings", None)
    stored = embeddings.position_embedding.weight if stored is None else stored
    flat = stored.detach().double().numpy().reshape(-1, WIDTH)
    flat = flat if name == "siglip" else flat[1:]
    side = round(len(flat) ** 0.5)
    return flat.reshape(side, side, WIDTH)


WAYS = {
    "dinov2": resizing.by_factor,
    "vit": resizing.by_factor,
    "dinov2-registers": resizing.with_antialias,
    "clip": resizing.with_antialias,
    "metaclip2": resizing.with_antialias,
    "siglip": resizing.with_antialias,
    "mae": lambda grid, side: resizing.sines(side, grid.shape[2]),
}


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("cells", [3, 6, 57])
def test_hub_positions_equal_arithmetic_on_single_values(name, cells, folder_of):
    case, folder = CASES[name], folder_of(name)
    if cells == 57 and name not in ("dinov2", "dinov2-registers"):
        cells = 50  # 800 px
    side = cells * case.patch
    grid = WAYS[name](stored_grid(folder, name), cells)
    theirs = with_positions(folder, name, side, grid)
    shown = photos(1, side)
    with torch.no_grad():
        output = case.run(theirs, pixels_of(shown, case.normalisation))
    expected = output.hidden_states[-1][:, case.dropped :].reshape(1, cells, cells, WIDTH)
    close(built(folder, pos_embed="hub").encode(shown), expected)


@pytest.mark.parametrize("name", WAYS)
def test_hub_and_library_differ_but_at_the_size_of_the_training(name, folder_of):
    case, folder = CASES[name], folder_of(name)
    hub, library = built(folder, pos_embed="hub"), built(folder)
    assert hub.identity()["positions"]
    for side, equal in ((case.stored, True), (case.stored + 2 * case.patch, False)):
        shown = photos(1, side)
        difference = (hub.encode(shown) - library.encode(shown)).abs().max()
        if equal or name == "dinov2-registers":  # whose library has taken the original way over
            assert difference < 1e-4
        else:
            assert difference > 1e-4
    if name != "dinov2-registers":
        assert hub.identity() != library.identity()


@pytest.mark.parametrize("name", [one for one in NAMES if one not in WAYS])
def test_hub_is_refused_where_no_other_way_is_known(name, folder_of):
    with pytest.raises(InputError, match="pos_embed 'hub': no other way"):
        built(folder_of(name), pos_embed="hub")


@pytest.mark.parametrize("name", NAMES)
def test_a_change_in_one_patch_shows_most_in_its_own_cell(name, folder_of):
    """Rows from the top, columns from the left; the first block sees little of the others."""
    case, folder = CASES[name], folder_of(name)
    shown = photos(1, 6 * case.patch)
    backbone = built(folder, layer=0)
    usual = backbone.encode(shown)
    for row, column in ((0, 5), (4, 1), (2, 3)):
        changed = shown.copy()
        down = slice(row * case.patch, (row + 1) * case.patch)
        across = slice(column * case.patch, (column + 1) * case.patch)
        changed[0, down, across] = 255 - changed[0, down, across]
        difference = (backbone.encode(changed) - usual).norm(dim=-1)[0]
        assert divmod(int(difference.argmax()), 6) == (row, column)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_gives_what_single_photos_give(name, folder_of):
    shown = photos(3, 4 * CASES[name].patch)
    backbone = built(folder_of(name))
    together = backbone.encode(shown)
    assert together.shape == (3, 4, 4, WIDTH)
    for number in range(3):
        close(backbone.encode(shown[number : number + 1])[0], together[number])


@pytest.mark.parametrize("name", NAMES)
def test_the_identity_says_what_is_done(name, folder_of):
    case = CASES[name]
    identity = built(folder_of(name)).identity()
    assert identity["dropped_tokens"] == case.dropped
    assert identity["patch"] == case.patch
    assert identity["normalisation"] == case.normalisation
    assert identity["final_norm"] is False
    assert identity["model"] == case.vision
    assert len(identity["checkpoint"]) == 64


def test_pixels_are_normalised_as_the_checkpoint_or_the_user_says(folder_of, tmp_path):
    folder = made(CASES["vit"], tmp_path / "vit")
    assert built(folder).normalisation == HALF
    (folder / "preprocessor_config.json").write_text(
        '{"do_normalize": true, "image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}'
    )
    own = ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert built(folder).normalisation == own
    shown = photos(1, 64)
    close(built(folder).encode(shown), own_features(CASES["vit"], folder, shown, -1, False, own))
    for word, expected in (("imagenet", IMAGENET), ("clip", CLIP), ("half", HALF), ("raw", RAW)):
        ours = built(folder, normalisation=word)
        assert ours.normalisation == expected
        close(ours.encode(shown), own_features(CASES["vit"], folder, shown, -1, False, expected))


@pytest.mark.parametrize("name", ["dinov2", "vit", "clip"])
def test_less_precision_is_near_and_recorded(name, folder_of):
    shown = photos(1, 4 * CASES[name].patch)
    exact = built(folder_of(name)).encode(shown)
    rough = built(folder_of(name), precision="bfloat16")
    near = rough.encode(shown)
    assert near.dtype == torch.float32
    assert 0 < (near - exact).abs().max() < 0.1 * exact.abs().max()
    assert rough.identity()["precision"] == "bfloat16"


CASE_OF = {
    "facebook/dino-vitb16": "vit",
    "facebook/dino-vits16": "vit",
    "facebook/dinov2-base": "dinov2",
    "facebook/dinov2-large": "dinov2",
    "facebook/dinov2-small": "dinov2",
    "facebook/dinov2-with-registers-base": "dinov2-registers",
    "facebook/dinov3-vitb16-pretrain-lvd1689m": "dinov3",
    "facebook/dinov3-vitl16-pretrain-lvd1689m": "dinov3",
    "facebook/dinov3-vits16plus-pretrain-lvd1689m": "dinov3",
    "facebook/ijepa_vith16_1k": "ijepa",
    "facebook/vit-mae-base": "mae",
    "facebook/pixio-vitb16": "pixio",
    "facebook/pixio-vitl16": "pixio",
    "openai/clip-vit-base-patch16": "clip",
    "openai/clip-vit-large-patch14-336": "clip",
    "laion/CLIP-ViT-B-16-laion2B-s34B-b88K": "clip",
    "laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K": "clip",
    "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K": "clip",
    "laion/CLIP-ViT-L-14-laion2B-s32B-b82K": "clip",
    "facebook/metaclip-2-worldwide-b16": "metaclip2",
    "facebook/metaclip-2-worldwide-l14": "metaclip2",
    "facebook/metaclip-2-worldwide-s16": "metaclip2",
    "facebook/sam-vit-base": "sam",
}
NAMED = [
    one.name
    for one in builtin_backbones().values()
    if one.table.use.startswith("hf:") and one.name != "qwen-l"  # see test_towers
]


@pytest.mark.parametrize("name", NAMED)
def test_each_named_row_is_built_and_gives_what_its_table_says(name, folder_of):
    table = builtin_backbones()[name].table
    case_name = CASE_OF[table.use.removeprefix("hf:")]
    case, folder = CASES[case_name], folder_of(case_name)
    ours = built(folder, **table.arguments)
    pixels = {"imagenet": IMAGENET, "clip": CLIP, "half": HALF}[table.shown("normalisation")]
    assert ours.normalisation == pixels
    assert ours.identity()["block"] == BLOCKS - 1
    side = case.stored  # where positions need no resizing; the tests above look at those
    shown = photos(1, side)
    norm = table.shown("final_norm")
    close(ours.encode(shown), own_features(case, folder, shown, -1, norm, pixels))
    of_14 = any(one in table.use for one in ("dinov2", "patch14", "L-14", "l14"))
    assert table.shown("patch") == (14 if of_14 else 16)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"layer": 99}, "layer 99: '.*' has 3 blocks. Give 0 to 2, or -1 for the last."),
        ({"layer": -4}, "layer -4: "),
        ({"layer": 1.5}, "layer 1.5: "),
        ({"layer": True}, "layer True: "),
        ({"final_norm": "yes"}, "final_norm is 'yes', expected true or false."),
        ({"pos_embed": "hup"}, "unknown pos_embed 'hup'. Did you mean 'hub'"),
        ({"normalisation": "imagenett"}, "Did you mean 'imagenet'"),
        ({"precision": "float8"}, "unknown precision 'float8'"),
        ({"device": "cuda:17"}, "device 'cuda:17'|there is no GPU"),
        ({"layr": 1}, "takes no argument 'layr'. Did you mean 'layer'"),
    ],
)
def test_wrong_arguments_get_one_line(arguments, said, folder_of):
    with pytest.raises(InputError, match=said) as caught:
        built(folder_of("dinov2"), **arguments)
    assert "\n" not in str(caught.value)


def test_a_model_without_a_norm_says_so(folder_of):
    with pytest.raises(InputError, match="RadioModel has no final norm"):
        built(folder_of("radio"), final_norm=True)


def test_what_cannot_be_loaded_gets_one_line(tmp_path, monkeypatch, folder_of):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    empty = tmp_path / "empty"
    empty.mkdir()
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "config.json").write_bytes((folder_of("dinov2") / "config.json").read_bytes())
    text = tmp_path / "text"
    lib.BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1).save_pretrained(text)
    for spec, said in (
        (f"hf:{empty}", f"'{empty}' is no folder with a checkpoint"),
        (f"hf:{bare}", f"'{bare}' cannot be read"),
        (f"hf:{tmp_path / 'absent'}", "there is no folder"),
        ("hf:me/nothing", "could not be had from the hub or its cache"),
        (f"hf:{text}", r"\(bert\) is of a family whose features are not known here"),
    ):
        with pytest.raises(InputError, match=said) as caught:
            build_backbone(spec, {})
        assert "\n" not in str(caught.value)


def test_a_checkpoint_that_lacks_weights_is_refused(folder_of, tmp_path):
    from safetensors.torch import load_file, save_file

    model = lib.Dinov2Model.from_pretrained(folder_of("dinov2"))
    model.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    weights.pop(next(one for one in weights if "layer.2" in one and "fc2.weight" in one))
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match="lacks 1 of the weights of Dinov2Model"):
        built(tmp_path)


def test_a_folder_is_known_by_its_content(folder_of, tmp_path):
    one = build_backbone(f"hf:{folder_of('dinov2')}", {})
    copied = tmp_path / "elsewhere"
    made(CASES["dinov2"], copied)
    assert build_backbone(f"hf:{copied}", {}).identity == one.identity
    randomized(CASES["dinov2"].whole(518), seed=1).save_pretrained(copied)
    assert build_backbone(f"hf:{copied}", {}).identity != one.identity
    assert one.name == "hf:dinov2"


def test_a_repository_of_the_hub_is_known_by_the_commit_in_the_cache(
    folder_of, tmp_path, monkeypatch
):
    cached, commits = tmp_path / "models--me--dino", {"main": "01234567" * 5, "old": "89abcdef" * 5}
    (cached / "refs").mkdir(parents=True)
    for branch, commit in commits.items():
        (cached / "refs" / branch).write_text(commit)
        shutil.copytree(folder_of("dinov2"), cached / "snapshots" / commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    newest = build_backbone("hf:me/dino", {}).identity
    assert newest["checkpoint"] == f"me/dino@{commits['main']}"
    old = build_backbone("hf:me/dino", {"revision": "old"}).identity
    assert old["checkpoint"] == f"me/dino@{commits['old']}"

"""Vision towers of LVLMs: features equal those of the library's whole model, in raster order."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
lib = pytest.importorskip("transformers")

from PIL import Image  # noqa: E402

from local.vision.tiny_vits import CLIP, HALF, IMAGENET, photos, pixels_of  # noqa: E402
from lvlm_eval.errors import InputError  # noqa: E402
from lvlm_eval.vision.backbones.huggingface.qwen import window_order  # noqa: E402
from lvlm_eval.vision.backbones.named import builtin_backbones  # noqa: E402
from lvlm_eval.vision.backbones.registry import build_backbone  # noqa: E402

QWEN = {"qwen2.5-vl": (28, CLIP), "qwen3-vl": (32, HALF)}
OTHERS = {"llava-onevision": (0, HALF), "internvl": (1, IMAGENET), "llava": (1, CLIP)}


def built(folder: Path, **arguments: Any) -> Any:
    return build_backbone(f"hf:{folder}", arguments).backbone


def whole(folder: Path) -> Any:
    model = lib.AutoModelForImageTextToText.from_pretrained(folder)
    return model.eval().model


def processed(folder: Path, shown: np.ndarray) -> tuple[Any, Any]:
    """Pixels and grids as the model's own processor makes them."""
    processor = lib.AutoImageProcessor.from_pretrained(folder, backend="pil")
    made = processor([Image.fromarray(one) for one in shown], do_resize=False, return_tensors="pt")
    return made["pixel_values"], made["image_grid_thw"]


def close(ours: Any, theirs: Any) -> None:
    torch.testing.assert_close(ours, theirs, rtol=2e-4, atol=2e-4)
    assert theirs.abs().max() > 0.05


@pytest.mark.parametrize("family", QWEN)
@pytest.mark.parametrize("cells", [1, 3, 6])
def test_qwens_merged_features_are_those_of_the_whole_model(family, cells, checkpoint):
    folder = checkpoint(family)
    patch, normalisation = QWEN[family]
    shown = photos(2, cells * patch)
    backbone = built(folder)
    assert (backbone.patch, backbone.normalisation) == (patch, normalisation)
    pixels, grids = processed(folder, shown)
    with torch.no_grad():
        merged = whole(folder).visual(pixels, grid_thw=grids).pooler_output
    close(backbone.encode(shown), merged.reshape(2, cells, cells, -1))


@pytest.mark.parametrize("family", QWEN)
@pytest.mark.parametrize(("layer", "norm"), [(0, False), (-1, False), (-1, True), (0, True)])
def test_the_patches_of_a_cell_stand_in_one_feature_of_a_block(family, layer, norm, checkpoint):
    folder = checkpoint(family)
    patch, _ = QWEN[family]
    shown = photos(2, 5 * patch)
    pixels, grids = processed(folder, shown)
    visual = whole(folder).visual
    outputs: list[Any] = []
    visual.blocks[layer].register_forward_hook(lambda _module, _given, out: outputs.append(out))
    with torch.no_grad():
        visual(pixels, grid_thw=grids)
        tokens = outputs[0]
        if norm:
            tokens = (visual.merger.ln_q if family == "qwen2.5-vl" else visual.merger.norm)(tokens)
    cells = tokens.reshape(2, 25, -1)
    if family == "qwen2.5-vl":
        from transformers.vision_utils import get_vision_window_index

        order, _ = get_vision_window_index(grids[:1], 2, 56, 14)
        cells = cells[:, torch.argsort(order)]
    backbone = built(folder, layer=layer, final_norm=norm)
    close(backbone.encode(shown), cells.reshape(2, 5, 5, -1))
    assert backbone.identity()["merged"] is False
    assert backbone.identity()["block"] == layer % 2


@pytest.mark.parametrize(("rows", "columns", "window"), [(1, 1, 4), (5, 5, 2), (29, 29, 4)])
def test_windows_are_ordered_as_in_the_library(rows, columns, window):
    from transformers.vision_utils import get_vision_window_index

    grid = torch.tensor([[1, 2 * rows, 2 * columns]])
    order, _ = get_vision_window_index(grid, 2, window * 28, 14)
    assert window_order(rows, columns, window).tolist() == order.tolist()


@pytest.mark.parametrize("family", [*QWEN, *OTHERS])
@pytest.mark.parametrize("arguments", [{}, {"layer": 0}])
def test_a_change_in_one_cell_shows_most_in_its_own_feature(family, arguments, checkpoint):
    backbone = built(checkpoint(family), **arguments)
    shown = photos(2, 5 * backbone.patch)
    usual = backbone.encode(shown)
    for row, column in ((0, 4), (3, 1), (4, 2)):
        changed = shown.copy()
        down = slice(row * backbone.patch, (row + 1) * backbone.patch)
        across = slice(column * backbone.patch, (column + 1) * backbone.patch)
        changed[1, down, across] = 255 - changed[1, down, across]
        difference = (backbone.encode(changed) - usual).norm(dim=-1)
        assert divmod(int(difference[1].argmax()), 5) == (row, column)
        assert difference[0].max() < 1e-4  # the other photo does not see it


@pytest.mark.parametrize("family", OTHERS)
@pytest.mark.parametrize("cells", [4, 7])
@pytest.mark.parametrize("layer", [0, -1])
def test_ordinary_towers_give_what_they_give_in_the_whole_model(family, cells, layer, checkpoint):
    folder = checkpoint(family)
    dropped, normalisation = OTHERS[family]
    shown = photos(2, cells * 14)
    tower = whole(folder).vision_tower
    more = {} if family == "internvl" else {"interpolate_pos_encoding": True}
    with torch.no_grad():
        output = tower(pixels_of(shown, normalisation), output_hidden_states=True, **more)
    tokens = output.hidden_states[1 if layer == 0 else -1]
    backbone = built(folder, layer=layer)
    assert backbone.normalisation == normalisation
    close(backbone.encode(shown), tokens[:, dropped:].reshape(2, cells, cells, -1))


@pytest.mark.parametrize("family", [*QWEN, *OTHERS])
def test_a_batch_gives_what_single_photos_give(family, checkpoint):
    backbone = built(checkpoint(family))
    shown = photos(3, 3 * backbone.patch)
    together = backbone.encode(shown)
    for number in range(3):
        close(backbone.encode(shown[number : number + 1])[0], together[number])


@pytest.mark.parametrize("family", ["qwen2.5-vl", "qwen3-vl", "llava-onevision", "internvl"])
def test_only_the_towers_files_are_needed(family, checkpoint, tmp_path):
    folder = tmp_path / family
    shutil.copytree(checkpoint(family), folder)
    model = lib.AutoModelForImageTextToText.from_pretrained(checkpoint(family))
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="100KB")
    index = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
    of_tower = {file for name, file in index.items() if "visual" in name or "vision_tower" in name}
    others = set(index.values()) - of_tower
    assert of_tower
    assert others
    for file in others:
        (folder / file).unlink()
    shown = photos(1, 4 * built(folder).patch)
    close(built(folder).encode(shown), built(checkpoint(family)).encode(shown))
    (folder / sorted(of_tower)[0]).unlink()
    with pytest.raises(InputError, match="has no file model-") as caught:
        built(folder)
    assert "\n" not in str(caught.value)


def test_the_papers_row_is_built_after_the_merger(checkpoint):
    table = builtin_backbones()["qwen-l"].table
    assert table.use == "hf:Qwen/Qwen2.5-VL-7B-Instruct"
    backbone = built(checkpoint("qwen2.5-vl"), **table.arguments)
    identity = backbone.identity()
    assert (identity["merged"], identity["patch"]) == (True, table.shown("patch"))
    assert identity["block"] == 1  # the last of two


def test_photos_outside_of_the_published_bounds_are_told_once(checkpoint):
    lines: list[str] = []
    backbone = build_backbone(f"hf:{checkpoint('qwen2.5-vl')}", {}, lines.append).backbone
    backbone.encode(photos(1, 448))  # 200,704 pixels
    assert lines == []
    backbone.encode(photos(1, 28))
    backbone.encode(photos(1, 28))
    assert len(lines) == 1
    assert lines[0].startswith("photos of 28 × 28 px are shown to the tower as they are")


@pytest.mark.parametrize(
    ("family", "arguments", "said"),
    [
        ("qwen2.5-vl", {"layer": 99}, "layer 99: .* has 2 blocks"),
        ("qwen2.5-vl", {"final_norm": 1}, "final_norm is 1, expected true or false"),
        ("qwen2.5-vl", {"pos_embed": "hub"}, "takes no argument 'pos_embed'"),
        ("llava-onevision", {"layer": -9}, "layer -9: .* has 2 blocks"),
    ],
)
def test_wrong_arguments_get_one_line(family, arguments, said, checkpoint):
    with pytest.raises(InputError, match=said):
        built(checkpoint(family), **arguments)

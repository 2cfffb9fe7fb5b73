"""The whole dense-feature path with a real architecture: exact, encoded once, on disk, probed."""

import json

import numpy as np
import pytest
from commands import lvlm_eval
from vision import naive
from vision.comparing import Wrapped, assert_same, assert_same_figures, fast
from vision.trap_tree import make_trap_tree

torch = pytest.importorskip("torch")

from lvlm_eval.models.tiny.checkpoint import make_checkpoint  # noqa: E402
from lvlm_eval.vision.backbones.registry import build_backbone  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("tiny") / "dinov2"
    make_checkpoint(made, "dinov2")
    return made


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return make_trap_tree(tmp_path_factory.mktemp("traps"))


@pytest.fixture(scope="module")
def backbone(folder):
    return build_backbone(f"hf:{folder}", {"pos_embed": "hub", "device": "cpu"}).backbone


def one_by_one(backbone):
    return lambda photos: backbone.encode(photos).numpy()


@pytest.mark.parametrize("size", [10, 224, 800])
def test_every_prediction_and_figure_is_that_of_the_reference(tree, backbone, size):
    """Both sides get the same maps, one photo at a time, so that rounding is the same too."""
    theirs = naive.evaluate(tree, 14, one_by_one(backbone), size)
    ours = fast(tree, Wrapped(one_by_one(backbone), 14), size, batch=1)
    assert assert_same(ours, theirs) == len(ours.work.rows) > 200
    assert_same_figures(ours, theirs)


def test_batches_move_nothing_but_what_lies_within_rounding(tree, backbone):
    theirs = naive.evaluate(tree, 14, one_by_one(backbone), 224)
    ours = fast(tree, backbone, 224, batch=7)
    assert assert_same(ours, theirs, least_margin=1e-5) > 200
    assert ours.encoded.passes == len(ours.work.photos)


def test_forward_passes_are_counted_in_the_model_itself(tree, backbone):
    photos = []
    hook = backbone._block.register_forward_hook(
        lambda module, args, output: photos.append(len(args[0]))
    )
    ours = fast(tree, backbone, 224, batch=4)
    hook.remove()
    assert sum(photos) == len(ours.work.photos)


SMALL = ("--image-size", 112, "--device", "cpu")


def test_the_command_gives_all_figures_and_the_ceiling(folder, tmp_path):
    tasks = "cc,soc,cross-soc,soc-geo,ceiling,linear"
    made = lvlm_eval(
        "vision", "--backbone", f"hf:{folder}", *SMALL, "--task", tasks, "--json", cwd=tmp_path
    )
    document = json.loads(made.stdout)
    assert document["config"]["side"] == 112
    assert 0 < document["intra"]["cc"]["pair"]["0.10"] < 100
    linear = document["linear"]
    assert linear["training"]["losses"][-1] < linear["training"]["losses"][0]
    assert linear["soc"]["counts"] == linear["without_probe"]["soc"]["counts"]
    assert document["ceiling"]["counts"]["questions"] == 200


def test_the_ceiling_as_a_run_answers_as_the_command_does(folder, tmp_path):
    backbone = f"hf:{folder}"
    of_vision = lvlm_eval(
        "vision", "--backbone", backbone, *SMALL, "--task", "ceiling", "--json", cwd=tmp_path
    )
    of_run = lvlm_eval(
        "run", "--model", f"dense:{backbone}", "--model-arg", "image_size=112", "--model-arg",
        "device=cpu", "--json", cwd=tmp_path,
    )  # fmt: skip
    assert "answers vis, not vis+desc, desc" in of_run.stderr
    accuracy = json.loads(of_vision.stdout)["ceiling"]["accuracy"]
    vis = json.loads(of_run.stdout)["settings"]["vis"]
    assert vis["circular_accuracy"] == pytest.approx(accuracy)
    assert vis["average_accuracy"] == pytest.approx(accuracy)


def test_a_probe_is_a_linear_map_of_every_cell():
    from lvlm_eval.vision.probe import Probe

    generator = np.random.default_rng(0)
    probe = Probe(np.eye(4, dtype=np.float32), np.zeros(4, dtype=np.float32), ())
    map_ = generator.normal(size=(3, 5, 4)).astype(np.float32)
    assert np.array_equal(probe(map_), map_)
    moved = Probe(2 * np.eye(4, dtype=np.float32), np.ones(4, dtype=np.float32), ())
    assert np.allclose(moved(torch.from_numpy(map_)).numpy(), 2 * map_ + 1)

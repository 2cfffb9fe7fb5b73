"""``lvlm-eval vision`` through the real command line, on good input and on bad."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from commands import ENVIRONMENT, command, complaint_of, lvlm_eval

from lvlm_eval.resources import data_folder

pytest.importorskip("skimage")

DAISY = ("vision", "--backbone", "classic:daisy")
SMALL = (*DAISY, "--image-size", 160)


@pytest.fixture
def tree(tmp_path):
    """Two categories of the sample, to be broken."""
    made = tmp_path / "tree"
    sample = data_folder() / "sample"
    for name in ("car", "bus"):
        shutil.copytree(sample / "Images" / name, made / "Images" / name)
        for split in ("intra", "cross"):
            pairs = Path("PairAnnotations") / split / name
            shutil.copytree(sample / pairs, made / pairs)
    return made


def write_backbone(folder: Path, body: str) -> str:
    (folder / "mine.py").write_text(
        "import numpy as np\n\n\nclass Mine:\n    patch = 16\n\n"
        f"    def encode(self, photos):\n        {body}\n"
    )
    return "mine.py"


_MEANS = "return photos.reshape(len(photos), -1, 16, photos.shape[2] // 16, 16, 3)"
MEAN_COLOURS = f"{_MEANS}.mean(axis=(2, 4)).astype(np.float32)"


def test_daisy_on_the_sample_is_a_real_model(tmp_path):
    done = lvlm_eval(*DAISY, "--json", cwd=tmp_path)
    document = json.loads(done.stdout)
    intra, cross = document["intra"], document["cross"]
    soc, cc = intra["soc"]["pair"], intra["cc"]["pair"]
    assert cc["0.10"] > soc["0.10"] > soc["0.05"] > soc["0.02"] > 0
    assert intra["soc"]["counts"] == {"groups": 10, "pairs": 200, "keypoints": 1176}
    low, high = intra["soc"]["ci95"]["0.10"]
    assert low < soc["0.10"] < high
    geo = intra["soc_geo"]
    assert geo["all"]["counts"]["keypoints"] > geo["multi"]["counts"]["keypoints"] > 0
    assert geo["all"]["chance"]["0.10"] > geo["multi"]["chance"]["0.10"]
    assert document["drops"]["cc_to_soc"]["0.10"] == pytest.approx(cc["0.10"] - soc["0.10"])
    mean = (cc["0.10"] + soc["0.10"] + cross["soc"]["pair"]["0.10"]) / 3
    assert document["average"]["0.10"] == pytest.approx(mean)
    # A fair coin names a quarter of the four candidates.
    assert document["ceiling"]["ci95"][0] > 25
    assert document["config"]["data"]["photos"] == 80
    of_categories = [one["soc"]["pair"]["0.10"] for one in intra["categories"].values()]
    assert sum(of_categories) / 10 == pytest.approx(soc["0.10"])
    animals = document["supercategories"]["animals"]["soc"]
    members = [intra["categories"][one]["soc"]["pair"]["0.10"] for one in
               ("dog", "giraffe", "elephant") if one in intra["categories"]]  # fmt: skip
    assert animals["categories"] <= len(members)
    assert sum(turn["soc"]["pairs"] for turn in intra["azimuth"]) == 200
    assert "every photo is encoded once" in done.stderr


def test_figures_are_written_with_all_predictions_and_are_the_same_bytes_again(tmp_path):
    for name in ("one", "two"):
        done = lvlm_eval(*SMALL, "--out", name, cwd=tmp_path)
    assert "▶ classic:daisy" in done.stdout
    assert "not comparable" in done.stdout
    first, second = (tmp_path / name / "metrics.json" for name in ("one", "two"))
    assert first.read_bytes() == second.read_bytes()
    lines = (tmp_path / "one" / "keypoints.jsonl").read_text().splitlines()
    document = json.loads(first.read_text())
    by_split = {}
    for line in map(json.loads, lines):
        if line["soc_error"] is not None:
            by_split.setdefault(line["split"], []).append(line["soc_error"])
    for split, errors in by_split.items():
        assert len(errors) == document[split]["soc"]["counts"]["keypoints"]
    manifest = json.loads((tmp_path / "one" / "manifest.json").read_text())
    assert manifest["passes"] == 80
    assert manifest["command"].startswith("lvlm-eval vision --backbone classic:daisy")


def test_a_later_run_uses_the_maps_on_disk(tree, tmp_path):
    words = (*SMALL, "--data", tree, "--cache", "disk", "--cache-dir", "maps", "--json")
    first = lvlm_eval(*words, cwd=tmp_path)
    second = lvlm_eval(*words, cwd=tmp_path)
    assert first.stdout == second.stdout
    assert "16 of them encoded by an earlier run" in second.stderr
    none = lvlm_eval(*SMALL, "--data", tree, "--cache", "none", "--json", cwd=tmp_path)
    assert none.stdout == first.stdout
    assert "are encoded a second time" in none.stderr


def test_a_stopped_run_goes_on_from_the_maps_on_disk(tree, tmp_path):
    (tmp_path / "slow.py").write_text(
        "import time\nimport numpy as np\n\n\nclass Slow:\n    patch = 16\n    batch = 1\n\n"
        "    def encode(self, photos):\n        time.sleep(0.5)\n"
        f"        {MEAN_COLOURS}\n"
    )
    words = ("vision", "--backbone", "slow.py", "--image-size", 160, "--data", tree, "--cache",
             "disk", "--cache-dir", "maps", "--json")  # fmt: skip
    with subprocess.Popen(
        command(*words), cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True
    ) as running:
        while len(list((tmp_path / "maps").glob("*/*.npy"))) < 3:
            time.sleep(0.05)
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        _, stderr = running.communicate(timeout=60)
    assert running.returncode == 4
    assert "the same command goes on" in stderr
    kept = len(list((tmp_path / "maps").glob("*/*.npy")))
    assert 3 <= kept < 16
    done = lvlm_eval(*words, cwd=tmp_path)
    assert f"{kept} of them encoded by an earlier run" in done.stderr


def test_a_backbone_of_ones_own(tree, tmp_path):
    mine = write_backbone(tmp_path, MEAN_COLOURS)
    done = lvlm_eval("vision", "--backbone", mine, "--data", tree, "--json", cwd=tmp_path)
    document = json.loads(done.stdout)
    assert document["config"]["backbone"] == "mine.py:Mine"
    assert document["config"]["grid"] == [50, 50, 3]
    ran = lvlm_eval(
        "run", "--model", f"dense:{mine}", "--data", tree, "--out", "r", "--json", cwd=tmp_path
    )
    vis = json.loads(ran.stdout)["settings"]["vis"]
    assert vis["circular_accuracy"] == pytest.approx(document["ceiling"]["accuracy"])


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("--task", "sock"), "--task 'sock' is not known. Did you mean 'soc'"),
        (("--task", "linear", "--data", "TREE"), "has no train pairs"),
        (("--cache", "dsk"), "--cache 'dsk' is not known. Did you mean 'disk'?"),
        (("--cache-type", "float8"), "--cache-type 'float8' is not known"),
        (("--threshold", "0.1,ten"), "--threshold 'ten' is no number above 0"),
        (("--data", "nowhere"), "no dataset at"),
        (("--backbone", "classic:dasy"), "Did you mean 'daisy'?"),
        (("--backbone", "dinov22"), "Did you mean"),
        (("--backbone-arg", "sped=3"), "sped"),
        (("--layer", "3"), "layer"),
        (("--out", "/proc/none"), "--out /proc/none cannot be written"),
        (("--pos-embed", "hub"), "pos_embed"),
        (("--seed", "-1"), "--seed"),
    ],
)
def test_every_mistake_is_one_line(tree, tmp_path, words, wanted):
    words = tuple(str(tree) if one == "TREE" else one for one in words)
    assert wanted in complaint_of(*SMALL, *words, cwd=tmp_path, status=2)


def test_figures_of_something_else_are_not_overwritten(tmp_path):
    lvlm_eval(*SMALL, "--task", "soc", "--out", "o", cwd=tmp_path)
    before = (tmp_path / "o" / "metrics.json").read_bytes()
    for words, wanted in (
        (("--task", "cc"), "tasks is"),
        (("--task", "soc", "--threshold", "0.2"), "thresholds is"),
        (("--task", "soc", "--seed", "3"), "seed is 0 there and 3 now"),
    ):
        line = complaint_of(*SMALL, *words, "--out", "o", cwd=tmp_path, status=2)
        assert wanted in line
    lvlm_eval(*SMALL, "--task", "soc", "--out", "o", cwd=tmp_path)
    assert (tmp_path / "o" / "metrics.json").read_bytes() == before


def test_a_full_disk_costs_the_files_and_not_the_figures(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    if (
        os.geteuid()
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], capture_output=True
        ).returncode
    ):
        pytest.skip("no small disk can be made here")
    try:
        done = lvlm_eval(*SMALL, "--task", "soc", "--out", small, cwd=tmp_path, status=4)
        assert "▶ classic:daisy" in done.stdout
        assert "could not be written" in done.stderr
        assert not [one.name for one in small.iterdir()]
    finally:
        subprocess.run(["umount", small], check=True)


def test_photos_that_no_memory_holds_are_refused_at_once(tmp_path):
    line = complaint_of(*DAISY, "--image-size", 200_000, cwd=tmp_path, status=2)
    assert "GB of memory are free" in line


def test_a_table_has_no_keypoints(tmp_path):
    (tmp_path / "soco_lvlm_img.tsv").write_text("index\n")
    line = complaint_of(*SMALL, "--data", "soco_lvlm_img.tsv", cwd=tmp_path, status=2)
    assert "no keypoints" in line


def _break(tree: Path, how: str) -> str:
    photo = tree / "Images" / "car" / "car_1.JPEG"
    if how == "torn":
        photo.write_bytes(photo.read_bytes()[:2000])
    elif how == "missing":
        photo.unlink()
    else:
        pair = next((tree / "PairAnnotations" / "intra" / "car").glob("*car_1-*"))
        pair.write_text(pair.read_text()[:300])
        return pair.name
    return "car_1.JPEG"


@pytest.mark.parametrize("how", ["torn", "missing", "pair"])
def test_what_is_broken_is_named_and_left_out_only_when_told(tree, tmp_path, how):
    whole = json.loads(lvlm_eval(*SMALL, "--data", tree, "--json", cwd=tmp_path).stdout)
    name = _break(tree, how)
    assert name in complaint_of(*SMALL, "--data", tree, cwd=tmp_path, status=2)
    done = lvlm_eval(*SMALL, "--data", tree, "--skip-broken", "--json", cwd=tmp_path)
    assert name in done.stderr
    document = json.loads(done.stdout)
    data, before = document["config"]["data"], whole["config"]["data"]
    # A photo that is torn counts as one that is missing.
    assert data["skipped_photos"] == (0 if how == "pair" else 1)
    assert data["photos"] == 16 - data["skipped_photos"]
    assert data["pairs"] == before["pairs"] - data["skipped_pairs"]
    assert data["skipped_pairs"] == 1 if how == "pair" else data["skipped_pairs"] > 1
    fewer = document["intra"]["soc"]["counts"]["pairs"]
    assert 0 < fewer < whole["intra"]["soc"]["counts"]["pairs"]
    # The other category is untouched.
    assert document["intra"]["categories"]["bus"] == whole["intra"]["categories"]["bus"]


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("return np.full((len(photos), 10, 10, 4), np.nan, np.float32)", "not all numbers"),
        ("return np.ones((10, 10, 4), np.float32)", "must give an array of"),
        ("return np.ones((len(photos), 3, 10, 10), np.float32)", "as many rows as columns"),
        ("raise ValueError('out of luck')", "out of luck"),
        ("raise SystemExit(0)", "the backbone failed: SystemExit"),
    ],
)
def test_a_backbone_that_fails_ends_in_one_line(tree, tmp_path, body, wanted):
    mine = write_backbone(tmp_path, body)
    line = complaint_of(
        "vision", "--backbone", mine, "--image-size", 160, "--data", tree, cwd=tmp_path, status=2
    )
    assert wanted in line


def test_maps_that_do_not_fit_on_the_disk_are_refused_before_the_work(tree, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    if (
        os.geteuid()
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", small], capture_output=True
        ).returncode
    ):
        pytest.skip("no small disk can be made here")
    try:
        words = (*SMALL, "--data", tree, "--cache", "disk", "--cache-dir", small)
        line = complaint_of(*words, cwd=tmp_path, status=2)
        assert "kB are free on the disk" in line
        assert len(list(small.glob("*/*.npy"))) <= 8
        # A budget that is larger than the disk finds that out by itself.
        done = lvlm_eval(*words, "--cache-gb", "0.0003", "--json", cwd=tmp_path)
        assert "are encoded a second time" in done.stderr
    finally:
        subprocess.run(["umount", small], check=True)

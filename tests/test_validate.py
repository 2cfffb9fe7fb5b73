"""``lvlm-eval validate`` through the real command line."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from making import write_table, write_tree

ENVIRONMENT = {**os.environ, "COLUMNS": "100"}
FIRST = "PairAnnotations/intra/car/00001-car_1-car_2.json"


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "lvlm_eval", "validate", *map(str, words)]


def validate(
    *words: object, cwd: Path | None = None, status: int = 0
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command(*words), cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == status, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    """A tree with one missing photo and five pair files whose box is swapped."""
    tree = write_tree(tmp_path / "mine", images=8)
    (tree / "Images/bus/bus_3.JPEG").unlink()
    for path in sorted((tree / "PairAnnotations/intra/car").iterdir())[:5]:
        path.write_text(json.dumps(json.loads(path.read_text()) | {"src_bndbox": [9, 9, 3, 3]}))
    return tree


def test_the_sample_has_no_error(tmp_path: Path) -> None:
    done = validate("sample", cwd=tmp_path)
    rows = dict(re.findall(r"^ *(\w[\w, ]*?) {2,}([\d,]+)", done.stdout, re.MULTILINE))
    assert rows["images"] == "80"
    assert rows["keypoints"] == "779"
    assert rows["pairs, intra"] == "200"
    assert rows["questions"] == "200"
    assert "No errors, no warnings" in done.stdout
    assert done.stderr == ""


def test_errors_are_grouped_with_the_first_three(spoilt: Path) -> None:
    done = validate(spoilt, status=2)
    assert re.search(r"^error +1 +images that do not exist$", done.stdout, re.MULTILINE)
    assert re.search(r"^error +5 +boxes with swapped sides", done.stdout, re.MULTILINE)
    assert f"    {FIRST}: src_bndbox: [9, 9, 3, 3] has swapped sides" in done.stdout
    assert done.stdout.count("src_bndbox: ") == 3
    assert "… and 2 more" in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"lvlm-eval: 6 errors in 6 files of '{spoilt}'")
    assert "validate again" in line
    assert validate(spoilt, "--all", status=2).stdout.count("src_bndbox: ") == 5


def test_json_is_one_document_and_nothing_else(spoilt: Path) -> None:
    done = validate(spoilt, "--json", status=2)
    document = json.loads(done.stdout)
    assert document["severities"]["error"] == 6
    assert document["kinds"]["pair-box"] == 5
    assert document["counts"]["pairs"]["intra"] == 11
    assert document["defects"][0] == {
        "severity": "error",
        "kind": "pair-box",
        "file": FIRST,
        "field": "src_bndbox",
        "message": document["defects"][0]["message"],
    }
    assert len(document["defects"]) == sum(document["kinds"].values())
    assert "questions" not in document


def many_pairs(tree: Path) -> Path:
    """Enough files that worker processes are started: some are broken, some are odd."""
    folder = tree / "PairAnnotations/intra/car"
    first = json.loads(next(folder.iterdir()).read_text())
    for number in range(100, 1800):
        content = first | {"pair_id": number // 2}
        if number % 50 == 0:
            content["semantic_overlap"] = ["nose"]
        text = "{" if number % 70 == 0 else json.dumps(content)
        (folder / f"{number:05d}.json").write_text(text)
    return tree


def test_the_number_of_workers_changes_nothing(tmp_path: Path) -> None:
    tree = many_pairs(write_tree(tmp_path / "tree"))
    documents = [
        validate(tree, "--questions", "--json", "--jobs", jobs, status=2).stdout
        for jobs in (1, 2, 3)
    ]
    assert documents[0] == documents[1] == documents[2]
    assert json.loads(documents[0])["kinds"]["pair-json"] == 24  # 140, 210, … 1750
    assert json.loads(documents[0])["counts"]["pairs"]["intra"] == 1700 - 24 + 6


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_ends_all_processes_with_one_line(tmp_path: Path, jobs: int) -> None:
    tree = many_pairs(write_tree(tmp_path / "tree"))
    pipe = tmp_path / "never.json"  # reading it never ends; it is read after pairs and photos
    os.mkfifo(pipe)
    process = subprocess.Popen(
        command(tree, "--jobs", jobs, "--descriptions", pipe),
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    descriptor = None
    while descriptor is None:  # until the reader is there, so that all before it is done
        try:
            descriptor = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            assert process.poll() is None
            time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # to all, as a terminal does
    out, errors = process.communicate(timeout=60)
    os.close(descriptor)
    assert process.returncode == 4
    assert errors == "lvlm-eval: stopped by SIGINT\n"
    assert out == ""


def test_doubtful_questions_are_listed_and_written(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", categories=("car",))
    path = tree / FIRST
    content = json.loads(path.read_text())
    content["trg_keypoints"] = content["trg_keypoints"][:4]
    for place, point in enumerate(content["trg_keypoints"]):
        point["pos"] = [20 + 12 * (place // 2), 30]  # two and two at one place
    content["semantic_overlap"] = ["wheel_front_left"]
    content["concept_matches"] = []
    path.write_text(json.dumps(content))
    done = validate(tree, "--questions", "--out", "found/doubtful.jsonl", cwd=tmp_path)
    assert "candidates" in done.stdout
    assert "two candidates at one place" in done.stdout
    assert re.search(r"    car/00001-car_1-car_2: candidates . and . are 0.0 px apart", done.stdout)
    lines = (tmp_path / "found/doubtful.jsonl").read_text().splitlines()
    written = {one["id"]: one["reasons"] for one in map(json.loads, lines)}
    assert len(written) == len(lines)
    assert "candidates-one" in written["car/00001-car_1-car_2"]
    document = json.loads(validate(tree, "--questions", "--json").stdout)["questions"]
    assert document["drawn"] == 3
    assert document["doubtful"] == len(written)
    assert {one["id"] for one in document["doubts"]} == set(written)
    assert sum(document["reasons"].values()) == len(document["doubts"])
    assert validate(tree).stdout.count("Doubtful") == 0


def test_questions_depend_on_the_flags_of_a_run(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree")
    words = ("--pairs-per-category", 2, "--seed", 5, "--distractors", "nearest", "--json")
    document = json.loads(validate(tree, "--questions", *words).stdout)
    assert document["questions"]["drawn"] == document["counts"]["questions"] == 4
    assert document["counts"]["policy"] == {
        "pairs_per_category": 2,
        "distractors": "nearest",
        "min_distance": 0.0,
        "seed": 5,
    }


def test_tables(tmp_path: Path) -> None:
    path = write_table(tmp_path / "soco_lvlm_img.tsv")
    done = validate(path)
    assert re.search(r"soco_lvlm_img.tsv +vis +0\.0 MB", done.stdout)
    assert re.search(r"questions +2 +4 rows each", done.stdout)
    path.write_bytes(path.read_bytes()[:-400])
    done = validate(path, status=2)
    assert re.search(r"^error +1 +rows that cannot be read$", done.stdout, re.MULTILINE)
    assert "    soco_lvlm_img.tsv row 8: " in done.stdout
    assert "1 error in 1 file" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("smaple",), "Did you mean 'sample'?"),
        (("tree/Images",), "is a part of a dataset"),
        (("tree", "--out", "x"), "add --questions"),
        (("tree", "--distractors", "random2"), "Did you mean 'random'?"),
        (("tree", "--min-distance", "1"), "from 0 to below 1"),
        (("tree", "--pairs-per-category", "0"), "at least 1"),
        (("tree", "--descriptions", "gone.json"), "cannot be read"),
        (("a_img.tsv", "--min-distance", "0.1"), "cannot be used with 'a_img.tsv'"),
        (("tree", "--questions", "--out", "tree"), "cannot be written"),
    ],
)
def test_wrong_usage_is_one_line(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    write_tree(tmp_path / "tree")
    write_table(tmp_path / "a_img.tsv")
    done = validate(*words, cwd=tmp_path, status=2)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert said in line


def test_names_cannot_spoil_the_terminal_or_the_json(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree")
    odd = os.fsencode(tree / "PairAnnotations/intra/car") + b"/\x1b[31m\xff[bold].json"
    Path(os.fsdecode(odd)).write_text("{")
    done = validate(tree, status=2)
    assert "\x1b" not in done.stdout
    assert r"\x1b[31m\udcff[bold].json: is not readable as JSON" in done.stdout
    files = [
        one["file"] for one in json.loads(validate(tree, "--json", status=2).stdout)["defects"]
    ]
    assert any(r"\x1b[31m\udcff[bold].json" in file for file in files)

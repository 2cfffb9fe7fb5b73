"""Every command through the real command line, in processes of their own."""

import hashlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from commands import ENVIRONMENT, KEY, command, lvlm_eval
from making import table_rows, write_table, write_tables, write_tree
from openpyxl import Workbook
from serving import Reply, Seen, serving


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "tree", images=3)  # six questions, 72 rows


def test_run_prints_the_table_and_leaves_a_folder(tree: Path, tmp_path: Path) -> None:
    done = lvlm_eval("run", "--model", "random++", "--data", tree, cwd=tmp_path)
    rows = [line.strip() for line in done.stdout.splitlines()]
    for name in ("Random ", "Random++", "GPT4o", "DINOv2 (VFM ceiling)", "▶ random++"):
        assert any(row.startswith(name) for row in rows), name
    assert "not comparable" in done.stdout
    (folder,) = (tmp_path / "results").iterdir()
    assert folder.name.startswith("random-plus-plus-tree-")
    assert {path.name for path in folder.iterdir()} - {".lock"} == {
        "manifest.json", "questions.jsonl", "predictions.jsonl", "answers.jsonl", "metrics.json",
    }  # fmt: skip
    assert len(lines_of(folder / "questions.jsonl")) == 6
    assert len(lines_of(folder / "predictions.jsonl")) == 72
    answers = lines_of(folder / "answers.jsonl")
    assert len(answers) == 72
    assert answers[0]["parsers"]["official"]["rule"] == "lone-letter"
    metrics = json.loads((folder / "metrics.json").read_text())
    for setting in ("vis", "vis+desc", "desc"):
        figures = metrics["settings"][setting]
        assert figures["circular_accuracy"] == figures["average_accuracy"]
        assert (figures["groups"], figures["rows"], figures["complete"]) == (6, 24, True)
        assert set(figures["parsers"]) == {"official", "strict"}
        assert set(metrics["categories"][setting]) == {"bus", "car"}
        assert set(metrics["supercategories"][setting]) == {"transportation"}


def test_the_same_command_again_asks_nothing_and_says_so(tree: Path, tmp_path: Path) -> None:
    words = ("run", "--model", "random", "--data", tree, "--setting", "desc")
    first = lvlm_eval(*words, cwd=tmp_path)
    second = lvlm_eval(*words, cwd=tmp_path)
    assert "24 of 24 rows were answered before; 0 to go" in second.stderr
    assert second.stdout == first.stdout
    (folder,) = (tmp_path / "results").iterdir()
    assert len(lines_of(folder / "predictions.jsonl")) == 24


def test_json_is_one_document_and_nothing_else(tree: Path, tmp_path: Path) -> None:
    done = lvlm_eval("run", "--model", "random", "--data", tree, "--json", cwd=tmp_path)
    document = json.loads(done.stdout)
    assert document["model"] == "random"
    assert document["not_comparable_because"]
    saved = json.loads((tmp_path / document["place"] / "metrics.json").read_text())
    assert {key: document[key] for key in saved} == saved


def test_metrics_do_not_depend_on_the_machine(tree: Path, tmp_path: Path) -> None:
    """The whole figure of one small run, worked out beforehand with hashlib alone."""

    def draw(*words: str) -> bytes:
        return hashlib.sha256("\x1f".join(("3", *words)).encode()).digest()

    done = lvlm_eval(
        "run", "--model", "random++", "--data", tree, "--seed", 3, "--json", cwd=tmp_path
    )
    names = ["wheel_front_left", "wheel_front_right", "wheel_rear_left", "wheel_rear_right"]
    names += ["lamp_left", "lamp_right"]
    right = Counter[str]()
    for category in ("car", "bus"):
        for number in (1, 2, 3):
            key = f"{category}/{number:05d}-{category}_{number}-{category}_{number % 3 + 1}"
            query = min(names, key=lambda name, k=key: draw("query", k, name))
            others = sorted(
                (name for name in names if name != query),
                key=lambda name, k=key, q=query: draw("distractor", k, q, name),
            )
            order = sorted(
                [query, *others[:3]], key=lambda name, k=key, q=query: draw("label", k, q, name)
            )
            for setting in ("vis", "vis+desc", "desc"):
                guess = int.from_bytes(draw("guess", f"{key}/{setting}")[:8], "big") % 4
                right[setting] += order[guess] == query
    settings = json.loads(done.stdout)["settings"]
    assert {
        setting: round(settings[setting]["circular_accuracy"] * 6 / 100) for setting in right
    } == right


def test_a_users_adapter_stands_in_the_table(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "always_b.py").write_text(
        "from lvlm_eval.records import Response\n"
        "class AlwaysB:\n"
        "    def __init__(self, letter='B'):\n"
        "        self.letter = letter\n"
        "    def answer(self, requests):\n"
        "        for request in requests:\n"
        "            assert request.images[-1].mode == 'RGB'\n"
        "            yield Response(request.id, text=f'Answer: {self.letter}')\n"
    )
    words = ("--data", tree, "--setting", "vis", "--model-arg", "letter=C", "--json")
    done = lvlm_eval("run", "--model", "always_b.py", *words, cwd=tmp_path)
    figures = json.loads(done.stdout)["settings"]["vis"]
    # The right option stands at each letter once in four rotations.
    assert figures["average_accuracy"] == 25.0
    assert figures["circular_accuracy"] == 0.0
    assert figures["right_of_group"] == {"0": 0, "1": 6, "2": 0, "3": 0, "4": 0}
    assert figures["letters_chosen"]["C"] == 24
    assert figures["accuracy_by_place"]["C"] == {"rows": 6, "accuracy": 100.0}


def test_run_against_a_server_in_all_settings(tree: Path, tmp_path: Path) -> None:
    with serving(lambda seen, _: Reply(text="The answer is (D).")) as server:
        done = lvlm_eval(
            "run", "--model", "openai:m", "--base-url", server.url, "--data", tree,
            "--concurrency", 4, "--json", "--out", "out", cwd=tmp_path,
        )  # fmt: skip
    assert len(server.seen) == 72
    assert len({seen.key for seen in server.seen}) == 72
    settings = json.loads(done.stdout)["settings"]
    assert [settings[s]["average_accuracy"] for s in ("vis", "vis+desc", "desc")] == [25.0] * 3
    recorded = lines_of(tmp_path / "out" / "predictions.jsonl")
    assert {line["served_model"] for line in recorded} == {"served-model-1"}
    assert Counter(len(line["images"]) for line in recorded) == {2: 48, 1: 24}

    sent = {hashlib.sha256(image).hexdigest() for seen in server.seen for image in seen.images}
    assert {sha for line in recorded for sha in line["images"]} == sent
    everything = "".join(p.read_text() for p in (tmp_path / "out").iterdir())
    assert "canary" not in everything + done.stdout + done.stderr


def test_killed_and_resumed_ends_with_every_answer_once(tree: Path, tmp_path: Path) -> None:
    enough = threading.Event()

    def behave(seen: Seen, before: int) -> Reply:
        time.sleep(0.01)
        if len(server.seen) > 25:
            enough.set()
        return Reply(text=seen.key[:1].translate(str.maketrans("0123456789abcdef", "ABCD" * 4)))

    words = command(
        "run", "--model", "openai:m", "--data", tree, "--concurrency", 3, "--out", "out"
    )  # fmt: skip
    with serving(behave) as server:
        words += ["--base-url", server.url]
        process = subprocess.Popen(
            words, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert enough.wait(60)
        process.kill()
        process.communicate()
        on_disk = {line["id"] for line in lines_of(tmp_path / "out" / "predictions.jsonl")}
        asked_before = Counter(seen.key for seen in server.seen)
        assert 0 < len(on_disk) < 72
        lvlm_eval(*words[3:], cwd=tmp_path)
        asked = Counter(seen.key for seen in server.seen)
    ids = [line["id"] for line in lines_of(tmp_path / "out" / "predictions.jsonl")]
    assert len(ids) == len(set(ids)) == 72
    # Only what was in flight at the kill may have been asked twice.
    assert sum(asked.values()) - 72 <= 3 + len(asked_before) - len(on_disk)
    with serving(behave) as server:
        lvlm_eval(
            "run", "--model", "openai:m", "--base-url", server.url, "--data", tree,
            "--out", "undisturbed", cwd=tmp_path,
        )  # fmt: skip
    answers = [
        {line["id"]: line["text"] for line in lines_of(tmp_path / name / "predictions.jsonl")}
        for name in ("out", "undisturbed")
    ]
    assert answers[0] == answers[1]


def test_ctrl_c_leaves_a_resumable_run_and_says_how(tree: Path, tmp_path: Path) -> None:
    enough = threading.Event()

    def behave(seen: Seen, before: int) -> Reply:
        if len(server.seen) > 10:
            enough.set()
            time.sleep(0.2)
        return Reply()

    with serving(behave) as server:
        words = command(
            "run", "--model", "openai:m", "--base-url", server.url, "--data", tree, "--out", "out"
        )
        process = subprocess.Popen(
            words, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert enough.wait(60)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 4
        assert out == ""
        assert "stopped by SIGINT" in err
        assert "the same command goes on from there" in err
        assert "Traceback" not in err
        lvlm_eval(*words[3:], cwd=tmp_path)
    ids = [line["id"] for line in lines_of(tmp_path / "out" / "predictions.jsonl")]
    assert len(ids) == len(set(ids)) == 72


def test_failed_requests_end_in_status_3_and_an_incomplete_headline(
    tree: Path, tmp_path: Path
) -> None:
    def behave(seen: Seen, before: int) -> Reply:
        bad = "left lamp" in seen.text
        return Reply(status=400, error={"message": "bad"}) if bad else Reply(text="A")

    with serving(behave) as server:
        words = ("run", "--model", "openai:m", "--base-url", server.url, "--data", tree)
        done = lvlm_eval(*words, "--setting", "desc", cwd=tmp_path, status=3)
        assert "INCOMPLETE" in done.stdout
        assert "requests failed, most often: BadRequestError" in done.stderr
    with serving(lambda *_: Reply(text="A")) as server:
        words = ("run", "--model", "openai:m", "--base-url", server.url, "--data", tree)
        done = lvlm_eval(*words, "--setting", "desc", cwd=tmp_path)
        assert "INCOMPLETE" not in done.stdout


def test_run_on_tables_and_score_on_the_toolkits_workbooks_agree(tmp_path: Path) -> None:
    """The same answers, once as a run and once as the public toolkit would have written them."""
    write_tables(tmp_path / "tables")
    done = lvlm_eval("run", "--model", "random", "--data", "tables", "--json", cwd=tmp_path)
    document = json.loads(done.stdout)
    predictions = lines_of(tmp_path / document["place"] / "predictions.jsonl")
    for setting, name in (("vis", "img"), ("vis+desc", "imgtxt"), ("desc", "txt")):
        book = Workbook()
        sheet = book.active
        sheet.append(["index", "g_index", "category", "A", "B", "C", "D", "answer", "prediction"])
        for place, line in enumerate(p for p in predictions if p["setting"] == setting):
            options = [f"Point {line['options'][letter]}" for letter in "ABCD"]
            category = ("car", "bus")[int(line["question"]) % 2]
            sheet.append(
                [place, int(line["question"]), category, *options, line["answer"], line["text"]]
            )
        folder = tmp_path / "outputs" / "random" / "T20260101_abc"
        folder.mkdir(parents=True, exist_ok=True)
        book.save(folder / f"random_soco_lvlm_{name}_c.xlsx")
    scored = json.loads(lvlm_eval("score", "outputs", "--json", cwd=tmp_path).stdout)
    for setting in ("vis", "vis+desc", "desc"):
        for field in ("circular_accuracy", "average_accuracy", "groups", "rows", "letters_chosen"):
            assert scored["settings"][setting][field] == document["settings"][setting][field]
    assert scored["categories"] == document["categories"]
    one = next((tmp_path / "outputs").rglob("*_img_c.xlsx"))
    two = json.loads(lvlm_eval("score", one, document["place"], "--json", cwd=tmp_path).stdout)[
        "runs"
    ]
    assert [run["model"] for run in two] == ["random", "random"]


def test_score_makes_the_derived_files_again_byte_for_byte(tree: Path, tmp_path: Path) -> None:
    lvlm_eval("run", "--model", "random", "--data", tree, "--out", "out", cwd=tmp_path)
    derived = ("answers.jsonl", "metrics.json")
    before = [(tmp_path / "out" / name).read_bytes() for name in derived]
    for name in derived:
        (tmp_path / "out" / name).unlink()
    lvlm_eval("score", "out", cwd=tmp_path)
    assert [(tmp_path / "out" / name).read_bytes() for name in derived] == before


def test_show_writes_exactly_what_a_model_gets(tree: Path, tmp_path: Path) -> None:
    done = lvlm_eval(
        "show",
        1,
        "--data",
        tree,
        "--setting",
        "vis",
        "--rotation",
        2,
        "--out",
        "look",
        cwd=tmp_path,
    )
    text_file, *images = sorted((tmp_path / "look").iterdir(), key=lambda p: p.suffix != ".txt")
    text = text_file.read_text()
    assert text in done.stdout
    assert "[right option: " in done.stdout
    lvlm_eval(
        "run", "--model", "random", "--data", tree, "--setting", "vis", "--limit", 1,
        "--out", "out", cwd=tmp_path,
    )  # fmt: skip

    line = next(p for p in lines_of(tmp_path / "out/predictions.jsonl") if p["rotation"] == 2)
    assert line["prompt_sha256"] == hashlib.sha256(b"\0" + text.encode()).hexdigest()
    assert len(images) == 2
    assert all(path.suffix == ".png" for path in images)


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("models", ["random++", "openai:<model>", "hf:<id", "qwen3-vl-8b", "gpt-4o"]),
        ("prompts", ["soco", "short", "reason", "numbers"]),
        ("renderers", ["red-arrow", "numbered-dots", "green-arrow", "red-cross"]),
        ("datasets", ["sample"]),
    ],
)
def test_list(what: str, names: list[str], tmp_path: Path) -> None:
    done = lvlm_eval("list", what, cwd=tmp_path)
    first_words = [line.split()[0] for line in done.stdout.splitlines() if line.strip()]
    assert set(names) <= set(first_words)
    assert "BROKEN" not in done.stdout


RUN = ("run", "--model", "random")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((*RUN, "--data", "tre"), "tre"),
        (("run", "--model", "randm"), "Did you mean 'random'"),
        ((*RUN, "--data", "tree", "--setting", "viss"), "Did you mean 'vis'"),
        ((*RUN, "--data", "tree", "--prompt", "socco"), "Did you mean 'soco'"),
        ((*RUN, "--data", "tree", "--renderer", "red-arow"), "Did you mean 'red-arrow'"),
        ((*RUN, "--data", "tree", "--protocol", "option"), "Did you mean 'options'"),
        ((*RUN, "--data", "tree", "--distractors", "randon"), "Did you mean 'random'"),
        ((*RUN, "--data", "tree", "--rotations", 2), "--rotations 2 is not possible"),
        ((*RUN, "--data", "tree", "--decode", "scor"), "Did you mean 'score'"),
        ((*RUN, "--data", "tree", "--decode", "score"), "answers with text only"),
        ((*RUN, "--data", "tree", "--model-arg", "decode=score"), "a flag of its own, --decode"),
        ((*RUN, "--data", "tree", "--model-arg", "preset=paper"), "'random' has no presets"),
        (("run", "--model", "qwen3vl-8b"), "Did you mean 'qwen3-vl-8b'"),
        ((*RUN, "--data", "tree", "--model-arg", "seed"), "is not key=value"),
        ((*RUN, "--data", "tree", "--model-arg", "sed=1"), "Did you mean 'seed'"),
        ((*RUN, "--data", "tree", "--base-url", "http://h"), "takes no argument 'base_url'"),
        ((*RUN, "--data", "tree", "--descriptions", "no.json"), "no.json"),
        ((*RUN, "--data", "tree", "--limit", 0), "--limit"),
        ((*RUN, "--data", "tree", "--pairs-per-category", 0), "at least 1"),
        ((*RUN, "--data", "tree", "--limt", 3), "--limt"),
        (("score", "nowhere"), "nowhere does not exist"),
        (("score", "tree"), "is neither a run"),
        (("score",), "DIR"),
        (("show", "truck", "--data", "tree"), "no question 'truck'"),
        (("show", "car", "--data", "tree"), "fits 3 questions"),
        (("show", "1", "--data", "tree", "--rotation", 4), "has 4 rows"),
        (("list", "promts"), "Did you mean 'prompts'"),
        (("rnu",), "rnu"),
    ],
)  # fmt: skip
def test_each_mistake_gets_status_2_and_a_hint(
    tree: Path, tmp_path: Path, words: tuple[object, ...], complaint: str
) -> None:
    done = lvlm_eval(*words, cwd=tmp_path, status=2)
    assert complaint in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "results").exists()


def test_a_table_refuses_what_cannot_apply(tmp_path: Path) -> None:
    write_table(tmp_path / "soco_lvlm_img.tsv")
    words = ("run", "--model", "random", "--data", "soco_lvlm_img.tsv")
    done = lvlm_eval(*words, "--renderer", "red-arrow", cwd=tmp_path, status=2)
    assert "--renderer cannot be used" in done.stderr
    done = lvlm_eval(*words, "--setting", "desc", cwd=tmp_path, status=2)
    assert "has tables for vis only" in done.stderr


def test_a_second_process_on_the_same_run_is_refused(tree: Path, tmp_path: Path) -> None:
    started, go_on = threading.Event(), threading.Event()

    def behave(seen: Seen, before: int) -> Reply:
        started.set()
        go_on.wait(60)
        return Reply()

    with serving(behave) as server:
        words = (
            "run", "--model", "openai:m", "--base-url", server.url, "--data", tree,
            "--setting", "desc", "--limit", "1", "--out", "out",
        )  # fmt: skip
        process = subprocess.Popen(
            command(*words), cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert started.wait(60)
        done = lvlm_eval(*words, cwd=tmp_path, status=2)
        assert "another process is writing" in done.stderr
        go_on.set()
        assert process.wait(60) == 0


def test_version_and_help(tmp_path: Path) -> None:
    assert lvlm_eval("--version", cwd=tmp_path).stdout.startswith("lvlm-eval ")
    assert lvlm_eval(cwd=tmp_path).stdout.count("Usage") == 1
    plain = {**ENVIRONMENT, "TYPER_USE_RICH": "0"}
    done = subprocess.run(command(), env=plain, capture_output=True, text=True, check=True)
    assert done.stdout.count("Usage") == 1
    assert "validate" in lvlm_eval("--help", "run", cwd=tmp_path).stdout
    for words in ((), ("run",), ("score",), ("show",), ("list",)):
        done = lvlm_eval(*words, "--help", cwd=tmp_path)
        assert "Usage" in done.stdout
    shown = " ".join(lvlm_eval("run", "--help", cwd=tmp_path).stdout.replace("│", " ").split())
    for default in ("soco", "red-arrow", "options", "random", "20", "4", "sample", "all"):
        assert f"[default: {default}]" in shown


def test_only_the_command_that_is_called_is_loaded() -> None:
    code = (
        "import sys; sys.argv = ['lvlm-eval', 'list', 'prompts']\n"
        "from lvlm_eval.cli import run_command_line; run_command_line()\n"
        "print(*sorted(one for one in sys.modules if one.startswith('lvlm_eval.cli.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.splitlines()[-1].split()
    assert "lvlm_eval.cli.listing" in loaded
    assert "lvlm_eval.cli.run" not in loaded


# Written down once from a run; every machine and every later version must give the same bytes.
KNOWN_METRICS = {
    "sample": "a02cba4d45948a8211386ab3da8cf5aeaed487528fb4df33fdd36b76caa2bbf8",
    "real_photos": "a77792b528d38f9324568c8d0aaded0b35bb27ac44ffb80185d624d75c9ee83f",
}


@pytest.mark.parametrize("name", KNOWN_METRICS)
def test_random_plus_plus_gives_the_same_bytes_everywhere(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    data = name if name == "sample" else request.getfixturevalue(name)
    lvlm_eval("run", "--model", "random++", "--data", data, "--out", "out", cwd=tmp_path)
    content = (tmp_path / "out" / "metrics.json").read_bytes()
    assert hashlib.sha256(content).hexdigest() == KNOWN_METRICS[name]


def test_no_secret_reaches_the_disk(tree: Path, tmp_path: Path) -> None:
    with serving(lambda *_: Reply(status=400, error={"message": f"bad {KEY}"})) as server:
        url = server.url.replace("http://", "http://user:canary-pw@")
        done = lvlm_eval(
            "run", "--model", "openai:m", "--base-url", url, "--data", tree, "--limit", 1,
            "--setting", "desc", "--out", "out", "--model-arg",
            'extra={"x_api_key": "canary-nested"}', cwd=tmp_path, status=3,
        )  # fmt: skip
    written = "".join(path.read_text() for path in (tmp_path / "out").iterdir())
    assert "canary" not in written + done.stdout + done.stderr
    assert "(not recorded)" in written


def test_what_an_adapter_prints_does_not_spoil_the_json(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "chatty.py").write_text(
        "from lvlm_eval.records import Response\n"
        "print('loading')\n"
        "class Chatty:\n"
        "    chunk = 7\n"
        "    def answer(self, requests):\n"
        "        print('asked', len(requests))\n"
        "        return [Response(one.id, text='[/bold] A') for one in requests]\n"
    )
    done = lvlm_eval("run", "--model", "chatty.py", "--data", tree, "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["model"] == "chatty.py:Chatty"
    assert "loading" in done.stderr
    assert "asked 7" in done.stderr


def test_names_with_markup_do_not_break_the_table(tree: Path, tmp_path: Path) -> None:
    with serving(lambda *_: Reply()) as server:
        done = lvlm_eval(
            "run", "--model", "openai:foo[/bar]", "--base-url", server.url, "--data", tree,
            "--limit", 1, cwd=tmp_path,
        )  # fmt: skip
    assert "foo[/bar]" in done.stdout


def test_ctrl_c_while_a_model_loads_is_a_stop_and_no_mistake(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import pathlib, time\n"
        "pathlib.Path('loading').touch()\n"
        "time.sleep(60)\n"
        "class Slow:\n"
        "    def answer(self, requests): ...\n"
    )
    process = subprocess.Popen(
        command("run", "--model", "slow.py", "--data", tree), cwd=tmp_path, env=ENVIRONMENT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not (tmp_path / "loading").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 4
    assert err.strip() == "lvlm-eval: stopped by SIGINT"


def test_an_irregular_table_from_rows_to_figures(tmp_path: Path) -> None:
    """Groups of 4, 3, 5 and 1 rows, apart from each other; a doubled row, a row whose image is that
    of another row, a row without an answer. The model says A, and nothing to the last."""
    rows = table_rows(groups=4)
    by_group = [rows[4 * g : 4 * g + 4] for g in range(4)]
    doubled = {**by_group[2][2], "index": "99"}
    alone = {**by_group[3][0], "answer": "", "question": "say nothing"}
    pointing = {**by_group[0][3], "image": by_group[0][0]["index"]}
    listed = [
        *by_group[1][:2], by_group[0][0], alone, *by_group[2], by_group[0][2], by_group[1][2],
        pointing, doubled, by_group[0][1],
    ]  # fmt: skip
    write_table(tmp_path / "soco_lvlm_img.tsv", listed)

    def behave(seen: Seen, before: int) -> Reply:
        return Reply(text="" if "say nothing" in seen.text else "A")

    with serving(behave) as server:
        done = lvlm_eval(
            "run", "--model", "openai:m", "--base-url", server.url, "--data", "soco_lvlm_img.tsv",
            "--json", cwd=tmp_path,
        )  # fmt: skip
    assert len(server.seen) == 13
    assert all(len(seen.images) == 2 for seen in server.seen)
    vis = json.loads(done.stdout)["settings"]["vis"]
    # Of group g the answer is A in the row of rotation g: one right row each in groups 0 (of 4) and
    # 1 (of 3), two in group 2 (of 5, its doubled row is that of rotation 2). The official parser
    # counts the row without an answer, where it reads nothing, as right.
    assert (vis["groups"], vis["rows"], vis["complete"]) == (4, 13, True)
    assert vis["average_accuracy"] == round(100 * 5 / 13, 6)
    assert vis["circular_accuracy"] == 25.0
    strict = vis["parsers"]["strict"]
    assert strict["average_accuracy"] == round(100 * 4 / 13, 6)
    assert strict["circular_accuracy"] == 0.0
    assert "1 rows have no right answer" in "".join(json.loads(done.stdout)["warnings"])


def test_another_server_behind_the_same_name_is_told(tree: Path, tmp_path: Path) -> None:
    words = ("run", "--model", "openai:m", "--data", tree, "--setting", "desc", "--out", "out")
    urls = []
    for limit in (1, 2):
        with serving(lambda *_: Reply()) as server:
            urls.append(server.url)
            done = lvlm_eval(
                *words, "--base-url", server.url, "--limit", limit, cwd=tmp_path, status=0
            )
    assert f"earlier answers here came from {urls[0]}, this call asks {urls[1]}" in done.stderr


def test_prices_give_a_total_that_goes_on(tree: Path, tmp_path: Path) -> None:
    """Each answer has 7 prompt tokens and 1 of its own: 7 · 1000 + 1 · 3000 millionths of a EUR."""
    (tmp_path / "p.toml").write_text('currency = "EUR"\n[m]\ninput = 1000\noutput = 3000\n')
    costs = []
    with serving(lambda *_: Reply()) as server:
        for limit in (1, 3):
            done = lvlm_eval(
                "run", "--model", "openai:m", "--base-url", server.url, "--data", tree,
                "--setting", "desc", "--prices", "p.toml", "--limit", limit, "--out", "out",
                "--json", cwd=tmp_path,
            )  # fmt: skip
            costs.append(json.loads(done.stdout)["cost"])
    assert costs == [
        {"currency": "EUR", "total": 0.04, "this_call": 0.04, "answers_without_token_counts": 0},
        {"currency": "EUR", "total": 0.12, "this_call": 0.08, "answers_without_token_counts": 0},
    ]
    assert (
        "cost of the recorded answers: 0.1200 EUR, of which 0.0800 EUR in this call" in done.stderr
    )


def test_a_named_model_is_asked_by_its_table(tree: Path, tmp_path: Path) -> None:
    first = {"token": "C", "logprob": -0.1, "top_logprobs": [{"token": "C", "logprob": -0.1}]}
    choice = {
        "message": {"role": "assistant", "content": "C"},
        "finish_reason": "length",
        "logprobs": {"content": [first]},
    }
    reply = Reply(body=json.dumps({"choices": [choice]}).encode())
    with serving(lambda *_: reply) as server:
        (tmp_path / "models.toml").write_text(
            '[mine]\nbackend = "openai"\nendpoint = "some/model-7B"\n'
            "paper = { temperature = 0.7 }\n"
            f'note = "It was asked twice."\narguments = {{ base_url = "{server.url}" }}\n'
        )
        done = lvlm_eval(
            "run", "--model", "mine", "--data", tree, "--setting", "desc", "--limit", 1,
            "--decode", "score", "--model-arg", "preset=paper", "--json", cwd=tmp_path,
        )  # fmt: skip
    assert "preset=paper of mine: It was asked twice." in done.stderr
    assert {seen.body["model"] for seen in server.seen} == {"some/model-7B"}
    assert {seen.body["temperature"] for seen in server.seen} == {0.7}
    document = json.loads(done.stdout)
    assert document["model"] == "openai:some/model-7B"
    folder = tmp_path / document["place"]
    assert folder.name.startswith("openai-mine-paper-tree-")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["identity"]["decode"] == "score"
    assert manifest["recorded"]["calls"][0]["model"] == "mine"
    lines = lines_of(folder / "predictions.jsonl")
    assert [(one["text"], one["logprobs"], one["status"]) for one in lines] == [
        ("C", {"C": -0.1}, "ok")
    ] * 4

"""``lvlm-eval ablate`` itself: a real server, folders as ``run`` makes them.

Most calls are made in this process, because starting one takes longer than a small grid.
"""

import json
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from command_here import Command
from commands import ENVIRONMENT, KEY, command, lvlm_eval
from drawing_counter import stored
from making import write_tables, write_tree
from serving import Reply, Seen, serving

from lvlm_eval.ablation.outlook import PNG_BYTES_OF_PX, look_ahead
from lvlm_eval.ablation.plan import AblationPlan
from lvlm_eval.ablation.preparing import Grid, prepare
from lvlm_eval.pictures import PictureStore
from lvlm_eval.prices import Price
from lvlm_eval.runs.jobs import OpenedData


def good_text(seen: Seen) -> str:
    """An answer that depends on the request alone."""
    return "Answer: " + "ABCD"[int(seen.key, 16) % 4]


def predictions(folder: Path) -> list[dict[str, Any]]:
    """Lines without what may differ between two runs of the same."""
    lines = (folder / "predictions.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    return [{k: v for k, v in one.items() if k not in ("at", "seconds")} for one in found]


def grid_of(plan: AblationPlan, out: Path) -> Grid:
    return prepare(plan, out, lambda line: None, OpenedData(plan.data))


def test_a_grid_of_one_cell_is_the_run(tmp_path: Path, lvlm_eval_here: Command) -> None:
    lvlm_eval(
        "ablate", "--model", "random++", "--vary", "prompt=soco", "--limit", 6, "--out", "grid",
        cwd=tmp_path,
    )  # fmt: skip
    lvlm_eval_here("run", "--model", "random++", "--limit", 6, "--out", "run")
    cell = tmp_path / "grid" / "random-plus-plus"
    for name in ("metrics.json", "questions.jsonl", "answers.jsonl"):
        assert (cell / name).read_bytes() == (tmp_path / "run" / name).read_bytes()
    assert predictions(cell) == predictions(tmp_path / "run")
    manifests = [
        json.loads((one / "manifest.json").read_text()) for one in (cell, tmp_path / "run")
    ]
    assert manifests[0]["identity"] == manifests[1]["identity"]
    assert manifests[0]["files"] == manifests[1]["files"]


def test_cells_are_drawn_once_and_go_on_with_run(
    tmp_path: Path, lvlm_eval_here: Command, drawn: Counter[str]
) -> None:
    """A whole grid: tables, document, shared pictures, and the cells as runs of their own."""
    with serving(lambda seen, _: Reply(text=good_text(seen))) as server:
        words = (
            "ablate", "--model", "openai:m", "--base-url", server.url, "--setting", "vis",
            "--limit", 3, "--vary", "marker.size=0.125,0.2",
            "--vary", "protocol=options,markers", "--out", "grid",
        )  # fmt: skip
        dry = lvlm_eval_here(*words, "--dry-run")
        assert not (tmp_path / "grid").exists()
        assert not server.seen
        assert "0 answered, 48 to ask" in dry.stdout
        # Of each question and size one source photo, and the target in four letterings.
        assert "30 distinct, 0 of them on disk, 30 to draw" in dry.stdout
        told = json.loads(lvlm_eval_here(*words, "--dry-run", "--json").stdout)
        assert (told["planned"], told["pending"], len(told["runs"])) == (48, 48, 4)
        assert told["pictures"]["distinct"] == 30
        assert not (tmp_path / "grid").exists()
        done = lvlm_eval_here(*words, "--json")
        assert len(server.seen) == 48
        assert (len(drawn), set(drawn.values())) == (30, {1})
        document = json.loads(done.stdout)
        assert len(document["cells"]) == 4
        effects = document["main_effects"]["vis"]
        assert [one["level"] for one in effects["protocol"]] == ["options", "markers"]
        for one in effects["marker.size"]:
            figures = [
                cell["settings"]["vis"]["average_accuracy"]
                for cell in document["cells"]
                if cell["levels"]["marker.size"] == one["level"]
            ]
            assert one["average"] == {
                "mean": pytest.approx(sum(figures) / 2),
                "least": min(figures),
                "most": max(figures),
                "cells": 2,
            }
        assert len(document["comparisons"]["vis"]) == 3
        assert {one["against"] for one in document["comparisons"]["vis"]} == {"openai-m"}
        grid = tmp_path / "grid"
        assert not (grid / ".pictures").exists()
        written = (grid / "ablation.json").read_bytes()
        big = grid / "openai-m--marker.size=0.2--protocol=markers"
        assert big.is_dir()
        again = lvlm_eval_here(*words)
        assert len(server.seen) == 48
        assert "48 answered, 0 to ask" in again.stdout
        assert "Vis.: every cell" in again.stdout
        assert (grid / "ablation.json").read_bytes() == written
        # The cell is a run, which the command in its manifest goes on with.
        manifest = json.loads((big / "manifest.json").read_text())
        going_on = manifest["recorded"]["calls"][-1]["run_command"].split()[1:]
        assert "grid/renderers/red-arrow--marker.size=0.2.toml" in going_on
        lvlm_eval_here(*going_on)
        assert len(server.seen) == 48
        going_on[going_on.index("--limit") + 1] = "4"
        lvlm_eval_here(*going_on)
        assert len(server.seen) == 52
        lvlm_eval_here("score", big)
    everything = b"".join(path.read_bytes() for path in grid.rglob("*") if path.is_file())
    assert KEY.encode() not in everything + done.stdout.encode() + done.stderr.encode()


def test_equal_cells_are_asked_once(tmp_path: Path, lvlm_eval_here: Command) -> None:
    with serving(lambda seen, _: Reply(text=good_text(seen))) as server:
        (tmp_path / "plan.toml").write_text(
            f"""
            model = "openai:m"
            limit = 2
            [grid]
            renderer = ["red-circle", "red-arrow"]
            marker.shape = ["arrow", "circle"]
            setting = ["vis", "desc", "vis,desc"]
            [arguments]
            base_url = "{server.url}"
            """
        )
        done = lvlm_eval_here("ablate", "plan.toml", "--out", "grid", "--json")
        assert len(server.seen) == 2 * 2 * 2 * 4  # runs, questions, settings, rotations
    document = json.loads(done.stdout)
    folders = Counter(cell["folder"] for cell in document["cells"])
    assert folders == {"openai-m": 6, "openai-m--marker.shape=circle": 6}
    assert {tuple(cell["settings"]) for cell in document["cells"]} == {
        ("vis",),
        ("desc",),
        ("vis", "desc"),
    }
    # A plan with other words for the same finds the same folders.
    grid = grid_of(
        AblationPlan(
            models=("openai:m",),
            base={"setting": "vis"},
            grid={"renderer": ("red-circle",)},
            arguments={"base_url": "http://127.0.0.1:1/v1"},
        ),
        tmp_path / "grid",
    )
    assert [run.folder.name for run in grid.runs] == ["openai-m--marker.shape=circle"]


def test_names_do_not_depend_on_what_else_is_varied(tmp_path: Path) -> None:
    base = AblationPlan(models=("random++",), base={"prompt": "short"})
    one = grid_of(base.varied("seed", (0, 7)), tmp_path)
    two = grid_of(base.varied("rotations", (1,)).varied("seed", (7,)), tmp_path)
    assert [run.folder.name for run in one.runs] == [
        "random-plus-plus--prompt=short",
        "random-plus-plus--prompt=short--seed=7",
    ]
    assert [run.folder.name for run in two.runs] == [
        "random-plus-plus--prompt=short--rotations=1--seed=7"
    ]
    assert one.runs[0].source.questions != one.runs[1].source.questions


def test_what_is_wrong_costs_nothing(tmp_path: Path, lvlm_eval_here: Command) -> None:
    (tmp_path / "bad.toml").write_text('model = "random"\n[grid]\n"marker.shape" = ["arow"]\n')
    assert "Did you mean 'arrow'?" in lvlm_eval_here("ablate", "bad.toml", status=2).complaint
    with serving(lambda seen, _: Reply()) as server:
        own = ("ablate", "--model", "openai:m", "--base-url", server.url, "--out", "grid")
        for words, said in (
            ((), "nothing to vary"),
            (("--vary", "promt=soco"), "Did you mean 'prompt' or"),
            (("--vary", "prompt=soco,shrt"), "unknown prompt 'shrt'. Did you mean 'short'?"),
            (("--vary", "prompt=soco,numbers"), "cell prompt=numbers: prompt 'numbers' speaks of"),
            (("--vary", "model=openai:m,rndom"), "unknown model 'rndom'"),
            (("--vary", "prompt=soco", "--max-cost", 1), "give --prices"),
        ):
            line = lvlm_eval_here(*own, *words, status=2).complaint
            assert said in line
        assert not server.seen
    assert not (tmp_path / "grid").exists()


def test_another_run_in_a_cell_is_found_before_anything_is_asked(
    tmp_path: Path, lvlm_eval_here: Command
) -> None:
    with serving(lambda seen, _: Reply(text=good_text(seen))) as server:
        words = ("ablate", "--model", "openai:m", "--base-url", server.url, "--limit", 1)
        words = (*words, "--setting", "vis", "--vary", "prompt=soco,short", "--out", "grid")
        lvlm_eval_here(*words, "--model-arg", "temperature=0")
        line = lvlm_eval_here(*words, "--model-arg", "temperature=1", status=2).complaint
        assert "holds another run: model.settings.temperature" in line
        assert len(server.seen) == 8


def test_tables_can_vary_the_model_and_nothing_that_is_drawn(
    tmp_path: Path, lvlm_eval_here: Command
) -> None:
    tables = write_tables(tmp_path / "tables")
    words = ("ablate", "--data", tables, "--out", "grid")
    done = lvlm_eval_here(*words, "--vary", "model=random,random++", "--json")
    document = json.loads(done.stdout)
    assert [cell["folder"] for cell in document["cells"]] == ["random", "random-plus-plus"]
    assert len(document["rankings"]["vis"]["circular"]) == 1
    line = lvlm_eval_here(
        *words, "--model", "random", "--vary", "marker.shape=arrow,dot", status=2
    ).complaint
    assert "marker.shape cannot be used with a table" in line
    line = lvlm_eval_here(*words, "--model", "random", "--vary", "prompt=soco", status=2).complaint
    assert "--prompt cannot be used" in line


def test_failed_rows_are_asked_again_with_the_pictures_that_are_there(
    tmp_path: Path, lvlm_eval_here: Command, drawn: Counter[str]
) -> None:
    broken = True

    def behave(seen: Seen, before: int) -> Reply:
        if broken and int(seen.key, 16) % 3 == 0:
            return Reply(status=400, error={"message": "no"})
        return Reply(text=good_text(seen))

    with serving(behave) as server:
        words = (
            "ablate", "--model", "openai:m", "--base-url", server.url, "--setting", "vis",
            "--limit", 3, "--vary", "prompt=soco,short", "--out", "grid",
        )  # fmt: skip
        done = lvlm_eval_here(*words, status=3)
        failed = sum(int(seen.key, 16) % 3 == 0 for seen in server.seen)
        assert f"{failed} of 24 requests failed, most often" in done.stderr
        assert "(INCOMPLETE)" in done.stdout
        assert stored(tmp_path / "grid" / ".pictures")
        broken = False
        lvlm_eval_here(*words)
        assert len(server.seen) == 24 + failed
    assert set(drawn.values()) == {1}
    assert not (tmp_path / "grid" / ".pictures").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_and_the_same_command_goes_on(
    tmp_path: Path, lvlm_eval_here: Command, number: int
) -> None:
    def behave(seen: Seen, before: int) -> Reply:
        time.sleep(0.02)
        return Reply(text=good_text(seen))

    with serving(behave) as server:
        words = (
            "ablate", "--model", "openai:m", "--base-url", server.url, "--setting", "vis",
            "--limit", 5, "--vary", "prompt=soco,short", "--concurrency", 1, "--out", "grid",
        )  # fmt: skip
        process = subprocess.Popen(
            command(*words), cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        while len(server.seen) < 25:
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(number)
        assert process.wait(60) == 4
        assert process.stderr is not None
        (line,) = [one for one in process.stderr if one.startswith("lvlm-eval: ")]
        process.stderr.close()
        assert signal.Signals(number).name in line
        assert "the same command goes on from there" in line
        lvlm_eval_here(*words)
        assert len(server.seen) <= 40 + 1  # the one in flight


def test_the_bound_on_cost_is_for_all_cells(tmp_path: Path, lvlm_eval_here: Command) -> None:
    """Each answer takes 7 tokens in and one out: 8 units of money at these prices."""
    (tmp_path / "prices.toml").write_text('["m"]\ninput = 1e6\noutput = 1e6\n')
    with serving(lambda seen, _: Reply(text=good_text(seen))) as server:
        words = (
            "ablate", "--model", "openai:m", "--base-url", server.url, "--setting", "vis",
            "--limit", 2, "--vary", "prompt=soco,short,reason", "--concurrency", 1,
            "--prices", "prices.toml", "--out", "grid",
        )  # fmt: skip
        told = (
            "openai-m--prompt=short: --max-cost 104 USD is reached: the recorded answers cost "
            "104.0000 USD, one more about 8; 11 requests are left in all, for which it must be"
        )
        for _ in range(2):
            assert told in lvlm_eval_here(*words, "--max-cost", 8 * 13, status=4).complaint
            assert len(server.seen) == 13  # 8 of the first cell, 5 of the second
        line = lvlm_eval_here(*words, "--max-cost", 8 * 8, status=4).complaint
        assert "--max-cost 64 USD is reached: the recorded answers cost 104.0000 USD" in line
        assert "11 requests are left in all" in line
        # The other cells have spent it all before the cell that is to go on has begun.
        words_of_two = [*words, "--vary", "prompt=soco,reason"]
        line = lvlm_eval_here(*words_of_two, "--max-cost", 8 * 8, status=4).complaint
        assert "openai-m--prompt=reason: --max-cost 64 USD is reached: the recorded" in line
        assert "answers cost 64.0000 USD; 8 requests are left in all" in line
        assert len(server.seen) == 13
        dry = lvlm_eval_here(*words, "--dry-run")
        assert f"about {8 * 11:.4f} USD" in dry.stdout
        done = lvlm_eval_here(*words, "--json")
        assert json.loads(done.stdout)["cost"]["total"] == 8 * 24
        assert len(server.seen) == 24


def test_disk_is_what_is_stored_at_a_time(tmp_path: Path) -> None:
    """One model: a style's pictures go with its last cell. Two models: they wait for the second."""
    data = write_tree(tmp_path / "tree", images=2)
    plan = AblationPlan(
        data=str(data), models=("openai:m",), grid={"renderer": ("red-arrow", "red-dot")},
        base={"setting": "vis"}, arguments={"base_url": "http://127.0.0.1:1/v1"},
    )  # fmt: skip
    plan = plan.varied("renderer", ("red-arrow", "blue-arrow"))
    store = PictureStore(tmp_path / "store", 10**9)
    one = look_ahead(grid_of(plan, tmp_path / "out"), store, {})
    both = plan.varied("model", ("openai:m", "openai:n"))
    two = look_ahead(grid_of(both, tmp_path / "out"), store, {})
    assert one.pictures == two.pictures == 4 * 2 * 2  # questions, photos, styles
    assert two.disk == 2 * one.disk == 16 * round(80 * 60 * PNG_BYTES_OF_PX)
    assert [len(keys) for keys in two.last_uses()] == [0, 0, 8, 8]
    assert (two.planned, two.pending, two.cost) == (64, 64, 0.0)


def test_what_a_cell_will_cost_is_told_from_the_answers_of_its_model(
    tmp_path: Path, lvlm_eval_here: Command
) -> None:
    words = ("ablate", "--model", "random", "--limit", 1)
    lvlm_eval_here(*words, "--vary", "prompt=soco", "--out", "grid")
    path = tmp_path / "grid" / "random" / "predictions.jsonl"
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    lines = [json.loads(line) | {"usage": usage} for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines[:8]))
    plan = AblationPlan(models=("random", "random++"), limit=1, grid={"prompt": ("soco", "short")})
    grid = grid_of(plan, tmp_path / "grid")
    price = Price("EUR", input=1e5, cached_input=0, output=1e6)  # 1 + 5 an answer
    store = PictureStore(tmp_path / "store", 10**9)
    of_random = {run.model: price for run in grid.runs if run.model.spec == "random"}
    seen = look_ahead(grid, store, of_random)
    assert (seen.cost, seen.currency) == (6 * (4 + 12), "EUR")
    everyone = {run.model: price for run in grid.runs}
    assert look_ahead(grid, store, everyone).cost is None


ADAPTER = """
from pathlib import Path

from lvlm_eval.records import Response


class Mine:
    def __init__(self, size=1, decode="text"):
        with Path("made.log").open("a") as log:
            log.write(f"{size} {decode};")

    def answer(self, requests):
        return [Response(one.id, text="A") for one in requests]
"""


def test_a_model_is_made_once_for_all_its_cells(
    tmp_path: Path, lvlm_eval_here: Command, drawn: Counter[str]
) -> None:
    """And arguments go to those that take them."""
    (tmp_path / "mine.py").write_text(ADAPTER)
    words = (
        "ablate", "--vary", "prompt=soco,short", "--vary", "protocol=options,markers",
        "--limit", 1, "--setting", "vis", "--model", "random++", "--model-arg", "size=3",
    )  # fmt: skip
    done = lvlm_eval_here(
        *words, "--model", "mine.py", "--vary", "decode=text", "--out", "grid", "--json"
    )
    assert (tmp_path / "made.log").read_text() == "3 text;"
    document = json.loads(done.stdout)
    assert len(document["cells"]) == 8
    assert document["plan"]["arguments"] == {"size": 3}
    (ranked,) = {len(one["ranks"]) for one in document["rankings"]["vis"]["average"]}
    assert ranked == 2
    assert len(drawn) == 5
    assert set(drawn.values()) == {1}
    assert "'random++' takes no argument 'size'" in lvlm_eval_here(*words, status=2).complaint


def test_a_picture_that_does_not_fit_the_space_is_said(
    tmp_path: Path, lvlm_eval_here: Command, drawn: Counter[str]
) -> None:
    (tmp_path / "mine.py").write_text(ADAPTER)
    done = lvlm_eval_here(
        "ablate", "--model", "mine.py", "--vary", "prompt=soco,short", "--limit", 1, "--setting",
        "vis", "--picture-space", 0, "--out", "grid",
    )  # fmt: skip
    assert "pictures need about" in done.stderr
    assert "some pictures were drawn more than once" in done.stderr
    assert set(drawn.values()) == {2}

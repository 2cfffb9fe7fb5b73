"""The tables of ``lvlm-eval ablate``: which cell a row names, and what stands for no answer."""

import json

from command_here import Command
from serving import Reply, Seen, serving


def good_text(seen: Seen) -> str:
    """An answer that depends on the request alone."""
    return "Answer: " + "ABCD"[int(seen.key, 16) % 4]


def section(shown: str, title: str) -> list[str]:
    """The rows of a table, without blanks that only set them out."""
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    start = next(place for place, line in enumerate(lines) if line.startswith(title))
    rule = next(place for place in range(start, len(lines)) if lines[place].startswith("──"))
    return lines[rule + 1 : lines.index("", rule)]


def test_a_row_names_a_cell_that_asked_in_its_setting(lvlm_eval_here: Command) -> None:
    words = ("ablate", "--model", "random++", "--limit", 5, "--vary", "rotations=1,4")
    many = (*words, "--vary", "setting=vis,desc,all", "--out", "grid")
    document = json.loads(lvlm_eval_here(*many, "--json").stdout)
    asked = {
        setting: one["levels"]["setting"]
        for setting, (one,) in document["comparisons"].items()
    }  # fmt: skip
    assert asked == {"vis": "vis", "vis+desc": "all", "desc": "desc"}
    shown = lvlm_eval_here(*many).stdout
    for title, setting in (("Vis.:", "vis"), ("Vis.+Desc.:", "all"), ("Desc.:", "desc")):
        (row,) = section(shown, f"{title} average accuracy, percentage points")
        assert row.startswith(f"rotations=1 setting={setting} +0.0 [")


def test_what_a_pair_is_compared_by_is_said(lvlm_eval_here: Command) -> None:
    words = ("ablate", "--model", "random++", "--limit", 5, "--setting", "vis", "--out", "grid")
    shown = lvlm_eval_here(*words, "--vary", "prompt=soco,short").stdout
    assert section(shown, "Vis.: circular accuracy,")
    shown = lvlm_eval_here(*words, "--vary", "prompt=soco,short", "--vary", "rotations=4,1").stdout
    rows = section(shown, "Vis.: accuracy, percentage points")
    compared = {row.split(" [")[0].rsplit(" ", 1)[0] for row in rows}
    assert compared == {
        "prompt=soco rotations=1 average",
        "prompt=short rotations=4 circular",
        "prompt=short rotations=1 average",
    }


def test_other_questions_are_one_line_for_all_settings(lvlm_eval_here: Command) -> None:
    done = lvlm_eval_here(
        "ablate", "--model", "random++", "--limit", 5, "--vary", "seed=0,1", "--out", "grid"
    )
    (line,) = [one for one in done.stdout.splitlines() if "compared" in one]
    assert line == (
        "vis, vis+desc, desc: random-plus-plus--seed=1 is not compared with random-plus-plus: they "
        "have no question in common, as after another seed."
    )


def test_a_cell_without_answers_is_in_no_mean(lvlm_eval_here: Command) -> None:
    """No request of one prompt is answered; its 0 % are of the requests, not of the model."""

    def behave(seen: Seen, before: int) -> Reply:
        if "Answer with one letter." in seen.text:
            return Reply(status=400, error={"message": "no"})
        return Reply(text=good_text(seen))

    with serving(behave) as server:
        words = (
            "ablate", "--model", "openai:m", "--base-url", server.url, "--setting", "vis",
            "--limit", 2, "--vary", "prompt=soco,short", "--vary", "protocol=options,markers",
            "--out", "grid",
        )  # fmt: skip
        document = json.loads(lvlm_eval_here(*words, "--json", status=3).stdout)
        shown = lvlm_eval_here(*words, status=3).stdout
    effects = document["main_effects"]["vis"]
    soco, short = effects["prompt"]
    assert (short["circular"], short["average"], short["incomplete"]) == (None, None, 2)
    assert (soco["circular"]["cells"], soco["incomplete"]) == (2, 0)
    for one in effects["protocol"]:
        assert (one["circular"]["cells"], one["average"]["cells"], one["incomplete"]) == (1, 1, 1)
        (cell,) = [
            cell["settings"]["vis"]
            for cell in document["cells"]
            if cell["levels"] == {"prompt": "soco", "protocol": one["level"]}
        ]
        assert one["circular"]["mean"] == cell["circular_accuracy"]
    rows = section(shown, "Vis.: mean over the cells of a level")
    assert rows[1] == "short * – – 0"
    assert rows[0].startswith("prompt soco ") and "*" not in rows[0]
    assert all("*" in row for row in rows[2:])
    assert "a cell without any answer is in no mean" in " ".join(shown.split())
    rows = section(shown, "Vis.: every cell")
    assert "prompt=short protocol=markers (INCOMPLETE) – – 2" in rows

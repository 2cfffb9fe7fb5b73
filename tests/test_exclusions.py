"""``--exclude``: questions left out of a run, or of the figures of one that was asked."""

import json
from pathlib import Path

import pytest
from commands import complaint_of, lvlm_eval
from making import table_rows, write_table

from lvlm_eval.errors import InputError
from lvlm_eval.exclusions import check_known, read_ids
from lvlm_eval.runs.jobs import DrawingChoices, open_source

RUN = ("run", "--model", "random++", "--data", "sample", "--setting", "vis")


def test_ids_come_one_a_line_in_either_form(tmp_path: Path) -> None:
    file = tmp_path / "ids"
    file.write_text(
        '\ufeffcar/1\n\n# a remark\n  # another\n{"id": "bus/2", "reasons": ["x"]}\n  dog/3  \n'
    )
    assert read_ids(file) == {"car/1", "bus/2", "dog/3"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no question"),
        ("# nothing\n", "names no question"),
        ('{"name": "x"}\n', 'line 1 is no JSON with an "id"'),
        ('car/1\n{"id": 3}\n', "line 2: id is 3"),
        ('{"id": "x"\n', 'no JSON with an "id"'),
    ],
)
def test_what_is_no_list_of_ids_is_told(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "ids"
    file.write_text(text)
    with pytest.raises(InputError, match=said):
        read_ids(file)


def test_a_list_of_other_questions_is_told(tmp_path: Path) -> None:
    check_known({"a", "x"}, {"a", "b"}, tmp_path)
    with pytest.raises(InputError, match="none of its 2 ids is a question here"):
        check_known({"x", "y"}, {"a", "b"}, tmp_path)
    with pytest.raises(InputError, match="leaves no question"):
        check_known({"a", "b", "c"}, {"a", "b"}, tmp_path)


def test_the_doubtful_questions_of_validate_are_left_out(tmp_path: Path) -> None:
    words = ("validate", "sample", "--questions", "--out", "doubts.jsonl")
    lvlm_eval(*words, cwd=tmp_path)
    doubtful = read_ids(tmp_path / "doubts.jsonl")
    assert doubtful
    lvlm_eval(*RUN, "--out", "all", cwd=tmp_path)
    done = lvlm_eval(*RUN, "--out", "sure", "--exclude", "doubts.jsonl", cwd=tmp_path)
    assert f"--exclude leaves out {len(doubtful)} of 200 questions" in done.stderr

    def asked(folder: str) -> set[str]:
        return {
            json.loads(line)["id"]
            for line in (tmp_path / folder / "questions.jsonl").read_text().splitlines()
        }

    assert asked("all") - asked("sure") == doubtful
    assert "another run" in complaint_of(*RUN, "--out", "sure", cwd=tmp_path, status=2)
    # The same figures come of answers to all of them, and nothing of those is written anew.
    before = (tmp_path / "all/metrics.json").read_bytes()
    done = lvlm_eval("score", "all", "--exclude", "doubts.jsonl", "--json", cwd=tmp_path)
    told = lvlm_eval("score", "all", "--exclude", "doubts.jsonl", cwd=tmp_path).stdout
    assert f"--exclude leaves out {len(doubtful)} of 200 questions" in told
    fresh = json.loads((tmp_path / "sure/metrics.json").read_text())
    assert json.loads(done.stdout)["settings"] == fresh["settings"]
    assert (tmp_path / "all/metrics.json").read_bytes() == before


def test_questions_of_a_table_are_left_out(tmp_path: Path) -> None:
    table = write_table(tmp_path / "soco_lvlm_img.tsv", table_rows(groups=3))
    (tmp_path / "ids").write_text("1\n")
    whole = open_source(str(table), DrawingChoices(), None)
    part = open_source(str(table), DrawingChoices(exclude=tmp_path / "ids"), None)
    left = {one.id for one in whole.questions} - {one.id for one in part.questions}
    assert left == {"1"}
    assert whole.identity() != part.identity()


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    assert "cannot be read" in complaint_of(*RUN, "--exclude", "no", cwd=tmp_path, status=2)
    (tmp_path / "ids").write_text("nothing/1\n")
    line = complaint_of(*RUN, "--exclude", "ids", cwd=tmp_path, status=2)
    assert "none of its 1 ids is a question here" in line
    (tmp_path / "folder").mkdir()
    line = complaint_of("score", "folder", "--exclude", "ids", cwd=tmp_path, status=2)
    assert "--exclude is for runs" in line


def test_ids_that_are_no_question_are_told(tmp_path: Path) -> None:
    first = open_source("sample", DrawingChoices(), None).questions[0].id
    (tmp_path / "ids").write_text(f"{first}\nnothing/1\n")
    done = lvlm_eval(*RUN, "--limit", 3, "--exclude", "ids", "--out", "r", cwd=tmp_path)
    assert "leaves out 1 of 200 questions; 1 of its 2 ids are no question here" in done.stderr

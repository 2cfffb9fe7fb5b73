"""Prompts whose texts can stand in a table, and those whose cannot."""

from pathlib import Path

import pytest
from exporting import compare, exported, opened
from hypothesis import given, settings
from hypothesis import strategies as st
from making import write_tree

from lvlm_eval.errors import InputError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "tree", images=2)


WHOLE = """
def write(context):
    words = f"{context.description} {context.source_label} {''.join(context.labels)}"
    lines = [f"Question: QUESTION", "Options:"]
    lines += [f"{o.letter}. Point {o.label}" for o in context.options]
    return "\\n".join(lines) + "\\nPlease select the correct answer from the options above. \\n"
"""


def own_prompt(folder: Path, question: str, code: str = WHOLE) -> str:
    """A prompt whose question is an f-string that has ``words`` for all that must be in it."""
    path = folder / "mine.py"
    path.write_text(code.replace("QUESTION", question), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    "question",
    [
        "{words}",
        '\\"quoted\\" \\t and\\ttabs {words}',
        "two\\nlines\\r\\nthree\\rfour {words}",
        " blanks around {words}  ",
        "Options:\\nA. Point X\\n\\nOptions:\\n{words}",
        "=1+1 \\x85 é 中 \\U0001F600 {words}",
    ],
)
def test_own_words_survive(tree: Path, tmp_path: Path, question: str) -> None:
    source = opened(tree, prompt=own_prompt(tmp_path, question))
    exported(source, tmp_path / "out", limit=1)
    assert compare(source, tmp_path / "out", limit=1) == 12


@settings(max_examples=30)
@given(words=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30))
def test_any_words_survive_or_are_refused(
    words: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("any")
    write_tree(folder / "tree", ("car",), images=2)
    quoted = repr(words)[1:-1].replace("{", "{{").replace("}", "}}").replace('"', '\\"')
    source = opened(folder / "tree", prompt=own_prompt(folder, quoted + "{words}"))
    exported(source, folder / "out", limit=1)
    assert compare(source, folder / "out", limit=1) == 12


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("def write", "SYSTEM = 'Be brief.'\ndef write", "has a system text, which a table cannot"),
        ("Options:", "Choices:", "in another form"),
        ("above. ", "above.", "in another form"),
        ("Question: ", "Q: ", "in another form"),
        ("{o.letter}.", "{o.letter})", "in another form"),
        ("Point {o.label}", "{o.label}", "has to read 'Point A'"),
        ("Point {o.label}", "Point  {o.label}", "has to read 'Point A'"),
        (
            "QUESTION",
            "{words if context.labels[0] == 'p1' else 'NA'}",
            "gives 'NA' as the question",
        ),
    ],
)
def test_prompts_of_another_form_are_refused_before_anything_is_written(
    tree: Path, tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    assert WHOLE.count(old) == 1
    source = opened(tree, prompt=own_prompt(tmp_path, "{words}", WHOLE.replace(old, new)))
    with pytest.raises(InputError, match=complaint):
        exported(source, tmp_path / "out", limit=1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["soco", "short", "reason"])
def test_templates_cannot_have_the_form(tree: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=f"prompt '{name}' words .*Use --prompt toolkit"):
        exported(opened(tree, prompt=name), tmp_path / "out")

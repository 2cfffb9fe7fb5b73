from dataclasses import replace
from pathlib import Path

import pytest

from lvlm_eval.errors import InputError
from lvlm_eval.prompts import Option, PromptContext, load_prompt
from lvlm_eval.records import SETTINGS, Setting
from lvlm_eval.resources import available

BUILTIN = ("numbers", "reason", "short", "soco", "toolkit")


def context(setting: Setting, drawn: str = "CDAB") -> PromptContext:
    return PromptContext(
        setting=setting,
        category="fire truck",
        description="center point of the front left wheel",
        options=tuple(Option(letter, label) for letter, label in zip("ABCD", drawn, strict=True)),
        labels=tuple(sorted(drawn)),
        marker="blue circle",
        source_label="REF",
    )


def test_the_built_in_prompts() -> None:
    assert tuple(found.name for found in available("prompts")) == BUILTIN


@pytest.mark.parametrize("name", BUILTIN)
@pytest.mark.parametrize("setting", SETTINGS)
def test_every_prompt_says_what_the_setting_needs(name: str, setting: Setting) -> None:
    prompt = load_prompt(name)
    text = prompt.write(context(setting)).user
    assert "A. Point C\nB. Point D\nC. Point A\nD. Point B" in text
    assert "fire truck" in text
    assert ("center point of the front left wheel" in text) == (setting != "vis")
    assert ("REF" in text) == (setting != "desc")
    assert "{" not in text
    assert "\n\n\n" not in text
    # What the public toolkit writes ends in a blank and a line feed.
    assert text == text.strip() + (" \n" if name == "toolkit" else "")
    assert prompt.write(context(setting)).system is None


def test_the_default_names_the_markers_and_the_frame() -> None:
    text = load_prompt("soco").write(context("vis")).user
    assert "marked with a blue circle and the text REF" in text
    assert "the object's own point of view" in text
    assert text.endswith("Answer with one letter only: A, B, C or D.")


def test_toolkit_has_the_form_of_a_row() -> None:
    question, rest = load_prompt("toolkit").write(context("desc")).user.split("\n", 1)
    assert question.startswith("Question: You see a photo of a fire truck. Four points are marked")
    assert rest == (
        "Options:\nA. Point C\nB. Point D\nC. Point A\nD. Point B\n"
        "Please select the correct answer from the options above. \n"
    )


def test_reason_ends_in_the_form_that_the_parsers_read() -> None:
    assert load_prompt("reason").write(context("desc")).user.endswith("Final answer: X")


@pytest.mark.parametrize("name", ["soco", "toolkit"])
def test_articles(name: str) -> None:
    elephant = replace(context("desc"), category="elephant", marker="orange dot")
    text = load_prompt(name).write(elephant).user
    assert "a photo of an elephant" in text
    assert "each with an orange dot" in text


def test_the_prompt_of_numbers_refuses_letters() -> None:
    prompt = load_prompt("numbers")
    prompt.check_fits(("1", "2", "3", "4"), "numbered-dots")
    with pytest.raises(InputError, match=r"speaks of numbers and renderer 'red-arrow' draws let"):
        prompt.check_fits(("A", "B", "C", "D"), "red-arrow")


MINIMAL = """
description = "d"
[templates]
desc = "{{ description }} {{ options }} {{ answer }}"
"""


def write(tmp_path: Path, content: str, name: str = "mine.toml") -> str:
    path = tmp_path / name
    path.write_text(content)
    return str(path)


def test_a_users_file_with_one_setting(tmp_path: Path) -> None:
    prompt = load_prompt(write(tmp_path, 'system = "Be {{ category }}"\n' + MINIMAL))
    assert prompt.settings == ("desc",)
    text = prompt.write(context("desc"))
    assert text.system == "Be fire truck"
    assert text.user.startswith("center point of the front left wheel A. Point C\nB. Point D")
    with pytest.raises(InputError, match="no template for 'vis'"):
        prompt.write(context("vis"))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (MINIMAL.replace("{{ description }}", "{{ descripton }}"),
         r"templates\.desc: 'descripton' is undefined\. A template may use: .*description"),
        (MINIMAL.replace("{{ answer }}", "{% if %}"), r"templates\.desc"),
        (MINIMAL.replace("{{ answer }}", "{{ ''.__class__.__mro__ }}"), "unsafe"),
        ('option = "{{ nothing }}"' + MINIMAL, "option: 'nothing' is undefined"),
        ('anwser = "x"' + MINIMAL, r"unknown field 'anwser'\. Did you mean 'answer'"),
        (MINIMAL.replace("desc =", "descr ="), r"unknown setting in 'templates\.descr'"),
        (MINIMAL.replace('description = "d"', ""), "description: Field required"),
        (MINIMAL.replace('description = "d"', "description = 3"), "description: .*string"),
        ("[templates", "mine.toml"),
        (MINIMAL.replace("{{ options }}", ""), "desc: the text lacks the label of a point"),
        (MINIMAL.replace("{{ description }}", ""), "desc: the text lacks the description"),
        (MINIMAL.replace("desc =", "vis ="), "vis: the text lacks the query's label"),
    ],
)  # fmt: skip
def test_mistakes_are_found_before_a_run_in_one_line(
    tmp_path: Path, content: str, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint) as caught:
        load_prompt(write(tmp_path, content))
    assert "\n" not in str(caught.value)


def test_a_python_prompt(tmp_path: Path) -> None:
    code = """
DESCRIPTION = "in capitals"
SYSTEM = "You answer."
def write(context):
    labels = "/".join(o.label for o in context.options)
    return context.description + " " + context.source_label + " " + labels
"""
    prompt = load_prompt(write(tmp_path, code, "mine.py"))
    assert prompt.description == "in capitals"
    written = prompt.write(context("desc"))
    assert written.user == "center point of the front left wheel REF C/D/A/B"
    assert written.system == "You answer."
    assert prompt.definition == {"python": code}


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("x = 1", r"no function write\(context\)"),
        ("def write(context): return 3", "gave int, expected str"),
        ("def write(context): return context.colour", "AttributeError"),
        ("def write(:", "SyntaxError"),
    ],
)
def test_mistakes_in_python_prompts(tmp_path: Path, code: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        load_prompt(write(tmp_path, code, "mine.py"))


def test_names_are_looked_up_as_path_then_here_then_built_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert not load_prompt("soco").shadows
    (tmp_path / "prompts").mkdir()
    write(tmp_path / "prompts", MINIMAL, "soco.toml")
    write(tmp_path / "prompts", MINIMAL, "new.toml")
    assert load_prompt("soco").shadows
    assert load_prompt("soco").settings == ("desc",)
    assert not load_prompt("new").shadows
    assert "new" in {found.name for found in available("prompts")}


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("scoo", "unknown prompt 'scoo'. Did you mean 'soco'"),
        ("nothing/here.toml", "prompt file 'nothing/here.toml' does not exist"),
    ],
)
def test_unknown_names_suggest_the_nearest(name: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        load_prompt(name)

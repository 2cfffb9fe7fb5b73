"""Whatever names and texts a run holds, the page shows them and nothing of them takes effect."""

import base64
import hashlib
import json
import os
import re
import shlex
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib")

from hostile_names import hostile_page, hostile_runs
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_pages import Page
from report_runs import identity, make_run

from lvlm_eval.report.page import Section, write_files, write_report
from lvlm_eval.report.page.assembling import assemble
from lvlm_eval.report.page.commands import repeatable
from lvlm_eval.report.page.figures.rendering import page_svg
from lvlm_eval.report.page.figures.spec import Figure, LineChart, Series
from lvlm_eval.report.page.inputs import Input
from lvlm_eval.report.page.tables.files import WRITERS
from lvlm_eval.report.page.tables.table import Column, Row, Table, number, words
from lvlm_eval.report.page.templates import json_element, template


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    return hostile_page(tmp_path_factory).read_text(encoding="utf-8")


def test_names_are_text_and_nothing_else(text: str) -> None:
    page = Page(text)
    assert not page.depth  # every element was ended where it should be
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"img", "textarea", "iframe", "object", "link", "form", "base", "embed"}
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        for name in ("src", "href"):
            target = str(attributes.get(name) or "#")
            assert target.startswith(("#", "https://arxiv.org/")), target
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "49" not in re.findall(r"\{\{ 7\*7 \}\}|49\{", text)
    assert "{{ 7*7 }}" in text


def test_signs_that_are_not_seen_are_spelt_out(text: str) -> None:
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f\x00\x1b\ud800-\udfff]", text)
    assert "\\u202egnp.evil\\u202c" in text
    assert "\\udc80\\ud800half" in text
    assert "\\x1b[31m" in text


def test_scripts_and_style_are_the_page_s_own(text: str) -> None:
    """The policy names exactly the hashes of what the page holds, and forbids the rest."""
    page = Page(text)
    (policy,) = [
        str(found["content"]) for tag, found in page.elements
        if tag == "meta" and found.get("http-equiv") == "Content-Security-Policy"
    ]  # fmt: skip
    rules = dict(one.strip().split(" ", 1) for one in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in policy
    assert rules["img-src"] == "data:"

    def hashes(tag: str) -> list[str]:
        return [
            f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'"
            for name, found, one in page.raw
            if name == tag and found.get("type") != "application/json"
        ]

    assert rules["script-src"].split() == hashes("script")
    assert rules["style-src"].split() == hashes("style")


def test_files_keep_their_form(tmp_path: Path) -> None:
    runs = hostile_runs(tmp_path / "runs")
    for kind in ("md", "csv", "json", "latex", "svg"):
        for path in write_files(runs if kind != "svg" else runs[::3], tmp_path / kind, kind).files:
            content = path.read_text(encoding="utf-8")
            if kind == "json":
                json.loads(content)
            if kind == "svg":
                ET.fromstring(content)
            if kind == "csv":
                assert '"=HYPERLINK' not in content.replace("'=", "")
            if kind == "latex":
                assert content.count("{") - content.count("\\{") == content.count(
                    "}"
                ) - content.count("\\}")


@given(st.text(alphabet=st.characters(), max_size=40))
def test_a_cell_keeps_its_place_in_every_format(name: str) -> None:
    table = Table(
        "t", name, name, (Column("a", name, numeric=False), Column("b", "B")),
        (Row((words(name), number(1.5))), Row((words("z"), number(None)))),
    )  # fmt: skip
    lines = WRITERS["md"](table).strip().split("\n")
    assert [len(re.findall(r"(?<!\\)\|", line)) for line in lines[-4:]] == [3] * 4
    assert len(WRITERS["csv"](table).strip("\n").split("\n")) == 3
    assert json.loads(WRITERS["json"](table))["rows"][0]["b"] == 1.5
    assert WRITERS["latex"](table).count(r"\\") == 3 + WRITERS["latex"](table).count(r"\\\\")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda one: (
    st.lists(one, max_size=3) | st.dictionaries(st.text(), one, max_size=3))))  # fmt: skip
def test_json_in_the_page_is_the_value_and_ends_no_element(value: Any) -> None:
    element = json_element(value)
    assert json.loads(element) == value
    assert element.isascii()
    assert not set(element) & set("<>&\u2028")


def test_numbers_that_json_lacks_are_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_element(float("nan"))


@settings(max_examples=15)
@given(st.text(max_size=30))
def test_a_label_in_a_drawing_is_its_text(name: str) -> None:
    series = Series("l0", name, (1.0, None), 0)
    figure = Figure("f", name, name, LineChart(("a", "b"), "percent", (series,)))
    root = ET.fromstring(page_svg(figure))
    assert root.get("role") == "img"
    shown = "".join(text.text or "" for text in root.iter("text"))
    if name.isprintable() and len(name) <= 32:
        assert f"{name}  1.0" in shown
    assert not [one for element in root.iter() for one in element.attrib if one == "style"]


@settings(max_examples=40)
@given(
    st.lists(st.text(alphabet=st.characters(exclude_characters="\x00"), max_size=12), min_size=1)
)
def test_a_command_is_the_same_words_again(words_: list[str]) -> None:
    kept = [one for one in words_ if not any("\ud800" <= s <= "\udfff" for s in one)]
    line = repeatable(shlex.join(kept))
    assert line.isprintable()
    if kept:
        script = f"printf '%s\\0' {line}"
        done = subprocess.run(
            ["bash", "-c", script], capture_output=True, check=True,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        assert done.stdout.split(b"\0")[:-1] == [one.encode() for one in kept]


def test_a_file_name_that_is_no_utf8_is_the_same_bytes_again() -> None:
    name = os.fsdecode(b"photos-\xff\xfe 'x'\n")
    line = repeatable(shlex.join(["lvlm-eval", "run", "--data", name]))
    done = subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True)
    assert done.stdout.split(b"\0")[3] == b"photos-\xff\xfe 'x'\n"


def test_a_text_that_is_no_command_is_shown() -> None:
    assert repeatable("it's \x1b[0m") == "$'it\\'s \\x1b[0m'"


def test_templates_escape_and_refuse_what_is_undefined() -> None:
    made = template("provenance.html").environment.from_string("{{ a }}|{{ a | block }}")
    assert made.render(a="<b>\n&\u202e") == "&lt;b&gt; &amp;\\u202e|&lt;b&gt;\n&amp;\\u202e"
    with pytest.raises(Exception, match="undefined"):
        made.render()


def test_long_prompts_are_shown_in_full(tmp_path: Path) -> None:
    prompt = "word " * 2000 + "end"
    run = make_run(
        tmp_path / "run",
        whole_identity=identity(prompt={"name": "long", "templates": {"vis": prompt}}),
    )
    write_report([run], tmp_path / "page.html")
    assert prompt in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_sections_that_would_break_the_page_are_refused() -> None:
    for bad in ({"id": "a b"}, {"style": "</style>"}, {"script": "'</SCRIPT>'"}):
        with pytest.raises(ValueError, match="section"):
            Section(**{"id": "a", "title": "A", "html": "", **bad})  # type: ignore[arg-type]
    one = Section("a", "A", "half \udc80")
    with pytest.raises(ValueError, match="same id"):
        assemble([one, one], "t", Input((), ()))
    assert "half \\udc80" in assemble([one], "t", Input((), ()))


def test_line_ends_of_another_system_do_not_change_a_hash() -> None:
    text = assemble([Section("a", "A", "", script="1;\r\n2;")], "t", Input((), ()))
    page = Page(text)
    script = page.raw[-1][2]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert digest in text
    assert "\r" not in text

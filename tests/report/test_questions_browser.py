"""The browser of questions in a real browser: Chromium; skipped where it is absent."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("playwright")

from browser_runs import question, says, write_run
from hostile_names import HOSTILE
from making import write_tree
from report_runs import make_run

from lvlm_eval.report.page import write_report
from lvlm_eval.report.page.browser import Browser, BrowserChoices

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not on this machine"),
]

ANSWERS = (*(one for one in HOSTILE if one.isascii() or "\udc80" not in one), "y" * 1_000_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


def write(folders: list[Path], out: Path, **choices: Any) -> Path:
    write_report(folders, out, makers=[Browser(out, BrowserChoices(**choices))])
    return out


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs; the second misses ``bus/1`` and is unsure of ``car/2``."""
    base = tmp_path_factory.mktemp("questions")
    both = ("vis", "desc")
    one, two = question("bus/1", "bus", both), question("car/2", settings=both)
    three, four = question("car/3", settings=both), question("car/4", settings=both)

    def run(name: str, vis: tuple[str, str, str, str]) -> Path:
        told = [
            (asked, says(asked, labels, reasoning="I think.") + says(asked, "AAAA", "desc"))
            for asked, labels in zip((one, two, three, four), vis, strict=True)
        ]
        return write_run(base / name, told, model=name)

    first = run("first", ("AAAA", "AAAA", "CCDD", "AAAA"))
    second = run("second", ("BBBB", "AAB?", "A!A!", "AAAA"))
    return write([first, second], base / "page.html")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("large")
    for seed, model in enumerate(("one", "two")):
        make_run(
            base / model, model=model, questions=2000, seed=seed, settings=("vis",), rotations=1
        )
    return write([base / "one", base / "two"], base / "page.html", samples=2000)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("hostile")
    told = []
    for place, text in enumerate(ANSWERS):
        one = question(f"{place} {text[:200]}", text[:100])
        told.append((one, says(one, "AAAA", text=text, reasoning=text, finish_reason=text)))
        told[-1][1][1:2] = says(one, " A", status="error", error=text, text="")
    return write([write_run(base / "run", told, model=HOSTILE[0])], base / "page.html")


class Opened:
    """A page at its questions, with all that it said and asked for."""

    def __init__(self, browser: Any, file: Path, hash: str = "", **options: Any) -> None:
        options = {"viewport": {"width": 1280, "height": 900}, **options}
        self.context = browser.new_context(**options)
        self.context.set_default_timeout(5_000)
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.said.append("dialog"), dialog.dismiss()))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri() + hash)
        self.page.locator("#questions").scroll_into_view_if_needed()
        self.page.locator(".questions-row").first.wait_for()

    def rows(self) -> list[tuple[str, str]]:
        """Id and setting of what is in view."""
        return [
            (row.locator("bdi").inner_text(), row.locator(".questions-setting").inner_text())
            for row in self.page.locator(".questions-row").all()
        ]

    def choose(self, label: str, value: str) -> None:
        self.page.get_by_label(label, exact=True).select_option(label=value)

    def has_rows(self, number: int) -> None:
        from playwright.sync_api import expect

        expect(self.page.locator(".questions-row")).to_have_count(number)

    def count(self) -> str:
        return str(self.page.locator(".questions-count").inner_text())

    def chosen(self) -> str:
        return str(self.page.locator(".questions-one h3").inner_text())


@pytest.fixture
def opened(browser: Any, file: Path) -> Iterator[Opened]:
    made = Opened(browser, file)
    yield made
    made.context.close()
    assert made.said == []
    assert {one for one in made.asked if not one.startswith("data:")} == {file.as_uri()}


VIS = [(id, "vis") for id in ("bus/1", "car/2", "car/3", "car/4")]


def test_everything_is_listed_at_first(opened: Opened) -> None:
    assert opened.count() == "8 of 8 entries listed"
    assert opened.rows() == [(id, one) for id, _ in VIS for one in ("vis", "desc")]
    assert opened.chosen() == "bus/1"
    assert opened.page.locator(".questions-count").get_attribute("aria-live") == "polite"


FILTERS: tuple[tuple[dict[str, str], list[tuple[str, str]]], ...] = (
    ({"Setting": "vis"}, VIS),
    ({"Setting": "vis", "Category": "car"}, VIS[1:]),
    ({"Outcome": "not right in all"}, VIS[:3]),
    ({"Outcome": "wrong: right in none"}, [VIS[0], VIS[2]]),
    ({"Outcome": "wrong: right in none", "Run": "first"}, VIS[2:3]),
    ({"Outcome": "inconsistent: right in some"}, VIS[1:3]),
    ({"Outcome": "failed or not asked"}, VIS[2:3]),
    ({"Outcome": "failed or not asked", "Run": "first"}, []),
    ({"Outcome": "no letter read"}, VIS[1:2]),
    ({"Outcome": "right in all rotations", "Run": "second", "Setting": "vis"}, VIS[3:]),
    ({"Wrong point": "another instance of the concept"}, VIS[:2]),
    ({"Wrong point": "another concept"}, VIS[2:3]),
)


def test_filters(opened: Opened) -> None:
    for choices, shown in FILTERS:
        for label, value in choices.items():
            opened.choose(label, value)
        assert opened.rows() == shown, choices
        assert opened.count() == f"{len(shown)} of 8 entries listed"
        if not shown:
            assert "No entry fits" in opened.page.inner_text(".questions-list")
        opened.page.get_by_role("button", name="Clear").click()
        opened.has_rows(8)


def test_two_runs_that_disagree(opened: Opened) -> None:
    opened.page.get_by_label("Two runs disagree").check()
    assert opened.rows() == VIS[:2]  # both missed car/3, each in its way
    opened.page.get_by_label("Id holds").fill("CAR")
    assert opened.rows() == VIS[1:2]


def test_a_question_in_full(opened: Opened) -> None:
    opened.choose("Setting", "vis")
    opened.page.locator(".questions-row").nth(1).click()
    shown = opened.page.locator(".questions-one")
    text = shown.inner_text()
    assert "front wheel" in text
    assert "A: wheel_A ✓ right" in text
    assert "B: wheel_B, same concept" in text
    assert [one.inner_text() for one in shown.locator("h4").all()] == [
        "first\nright",
        "second\ninconsistent",
    ]
    answers = shown.locator(".questions-answer").all()
    assert len(answers) == 8
    assert answers[4].inner_text().startswith("Rotation 1 · right: A\n● right")
    assert "official: D (point B) wrong, rule lone-letter" in answers[6].inner_text().replace(
        "\n", " "
    )
    assert "I cannot tell." in answers[7].inner_text()
    assert "official: no letter" in answers[7].inner_text()
    assert shown.locator("details[open]").count() == 0
    answers[7].locator("summary").click()
    assert "I think." in answers[7].inner_text()
    opened.page.locator(".questions-row").nth(2).click()
    assert "error: the server went away" in shown.inner_text()


def test_keys(opened: Opened) -> None:
    page = opened.page
    page.locator(".questions-list").focus()
    seen = []
    for key in ("j", "ArrowDown", "j", "k", "ArrowUp", "End", "j", "Home", "k"):
        page.keyboard.press(key)
        row = page.locator('.questions-row[aria-selected="true"]')
        seen.append(int(row.get_attribute("aria-posinset")))
        active = page.locator(".questions-list").get_attribute("aria-activedescendant")
        assert row.get_attribute("id") == active
    assert seen == [2, 3, 4, 3, 2, 8, 8, 1, 1]
    page.get_by_label("Id holds").focus()
    page.keyboard.type("jk")  # letters, not moves
    assert opened.count() == "0 of 8 entries listed"


def test_the_address_leads_to_the_same_view(opened: Opened, browser: Any, file: Path) -> None:
    opened.choose("Setting", "desc")
    opened.page.get_by_label("Id holds").fill("car")
    opened.page.locator(".questions-row").nth(1).click()
    hash = opened.page.evaluate("location.hash")
    again = Opened(browser, file, hash)
    assert again.rows() == [(id, "desc") for id, _ in VIS[1:]]
    assert again.chosen() == "car/3"
    again.page.evaluate("location.hash = '#questions?state=failed&setting=nonsense'")
    again.has_rows(1)
    assert again.said == []
    again.context.close()


@pytest.mark.parametrize("width", [360, pytest.param(1280, marks=pytest.mark.slow)])
def test_hostile_answers_do_nothing(browser: Any, hostile: Path, width: int) -> None:
    made = Opened(browser, hostile, viewport={"width": width, "height": 740})
    page = made.page
    page.locator(".questions-list").focus()
    for _ in ANSWERS:
        page.evaluate(
            "document.querySelectorAll('#questions details').forEach((d) => d.open = true)"
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.keyboard.press("j")
    page.wait_for_timeout(100)
    assert made.said == []
    assert {one for one in made.asked if not one.startswith("data:")} == {hostile.as_uri()}
    assert page.locator("#questions .questions-one script, .questions-one img").count() == 0
    page.get_by_label("Id holds").fill("yyyyy")
    shown = page.locator(".questions-answer pre").first.inner_text()
    assert "980,000 characters left out" in shown
    page.get_by_label("Id holds").fill("onerror")
    assert "<img src=x onerror=alert(1)>" in page.locator(".questions-one h3").inner_text()
    page.get_by_label("Id holds").fill("u202e")
    assert "\\u202egnp.evil" in page.locator(".questions-answer pre").first.inner_text()
    made.context.close()


def test_only_what_is_in_view_is_in_the_document(browser: Any, large: Path) -> None:
    made = Opened(browser, large)
    assert made.count() == "2,000 of 2,000 entries listed"
    most = made.page.evaluate(
        """async () => {
            const list = document.querySelector(".questions-list");
            let most = 0;
            for (let step = 0; step <= 20; step += 1) {
                list.scrollTop = step * list.scrollHeight / 20;
                for (let frame = 0; frame < 2; frame += 1) {
                    await new Promise((done) => requestAnimationFrame(done));
                }
                most = Math.max(most, document.querySelectorAll(".questions-row").length);
            }
            return most;
        }"""
    )
    assert 5 < most < 40
    last = made.page.locator(".questions-row").last
    assert last.get_attribute("aria-posinset") == "2000"
    made.page.locator(".questions-list").focus()
    made.page.keyboard.press("Home")
    made.page.keyboard.press("j")
    assert made.page.locator('[aria-selected="true"]').get_attribute("aria-posinset") == "2"
    assert made.said == []
    made.context.close()


@pytest.mark.parametrize("photos", [pytest.param("inside", marks=pytest.mark.slow), "beside"])
def test_photos_are_seen(browser: Any, tmp_path: Path, photos: str) -> None:
    from commands import lvlm_eval

    write_tree(tmp_path / "tree", ("car",))
    lvlm_eval("run", "--model", "random++", "--data", "tree", "--setting", "vis", "--out", "run",
              cwd=tmp_path)  # fmt: skip
    choices = {"photos": photos, "data": str(tmp_path / "tree")}
    page = write([tmp_path / "run"], tmp_path / "page.html", **choices)
    made = Opened(browser, page)
    assert made.page.locator(".questions-photos img").count() == 2
    sizes = made.page.evaluate(
        """Promise.all([...document.querySelectorAll(".questions-photos img")].map(
            async (one) => (await one.decode(), [one.naturalWidth, one.naturalHeight])))"""
    )
    assert sizes == [[80, 60], [80, 60]]
    assert made.said == []  # the policy allows it
    made.page.locator(".questions-one summary").first.click()
    assert "marked with a red arrow" in made.page.inner_text(".questions-one pre")
    made.context.close()


def test_paper_has_a_note(browser: Any, file: Path) -> None:
    made = Opened(browser, file)
    made.page.emulate_media(media="print")
    assert not made.page.locator(".questions-app").is_visible()
    assert made.page.get_by_text("Single questions are for the screen").is_visible()
    made.context.close()


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_no_serious_violation_of_accessibility(browser: Any, file: Path, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    made = Opened(browser, file, color_scheme=scheme)
    made.page.evaluate(
        "document.querySelectorAll('#questions details').forEach((d) => d.open = true)"
    )
    found = axe.Axe().run(made.page, "#questions").response
    assert len(found["passes"]) >= 15
    grave = [
        (one["id"], one["nodes"][0]["html"][:160])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    assert grave == []
    made.context.close()

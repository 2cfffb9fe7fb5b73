"""The page in a real browser: Chromium, driven by Playwright; skipped where either is absent."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("playwright")

from hostile_names import HOSTILE, hostile_page
from report_runs import make_run, make_vision

from lvlm_eval.report.page import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not on this machine"),
]

CHART = "#leaderboard-chart"
TABLE = "#leaderboard-table"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("browser")
    make_run(base / "runs" / "good", model="good", skill=0.9, seed=1)
    make_run(base / "runs" / "poor", model="poor", skill=0.1, seed=2, leave_out=3)
    make_run(base / "runs" / "words", model="words", settings=("desc",), seed=3)
    make_vision(base / "runs" / "figures")
    write_report([base / "runs"], base / "page.html")
    return base / "page.html"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hostile_page(tmp_path_factory)


class Opened:
    """A page with all that it said and asked for."""

    def __init__(self, browser: Any, file: Path, **options: Any) -> None:
        self.context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 900}, **options}
        )
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.said.append("dialog"), dialog.dismiss()))
        self.stopped: list[str] = []
        self.page.on("requestfailed", lambda request: self.stopped.append(request.url))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())

    def names(self, table: str = TABLE) -> list[str]:
        rows = self.page.locator(f"{table} tbody tr:visible th .name bdi")
        return [one.strip() for one in rows.all_inner_texts()]

    def column(self, key: str) -> list[float | None]:
        script = """([table, key]) => {
            const head = document.querySelector(`${table} th[data-key="${key}"]`);
            return [...document.querySelectorAll(`${table} tbody tr`)].map((row) => {
                const cell = row.cells[head.cellIndex];
                return "value" in cell.dataset ? Number(cell.dataset.value) : null;
            });
        }"""
        return list(self.page.evaluate(script, [TABLE, key]))

    def drawn(self, series: str, chart: str = CHART) -> int:
        return int(self.page.locator(f'{chart} svg [data-series="{series}"]:visible').count())


@pytest.fixture
def opened(browser: Any, file: Path) -> Iterator[Opened]:
    made = Opened(browser, file)
    yield made
    made.context.close()
    assert made.said == []
    assert made.asked == [file.as_uri()]


def test_the_leaderboard_is_on_the_first_screen(opened: Opened) -> None:
    box = opened.page.locator(f"{TABLE} tbody tr").first.bounding_box()
    assert box["y"] + box["height"] < 700
    assert "SOCO report" in opened.page.title()
    assert set(opened.names()[:2]) == {"DINOv2 (VFM ceiling)", "good"}


def test_a_row_shows_and_hides_its_line(opened: Opened) -> None:
    button = opened.page.get_by_role("button", name="good", exact=True).first
    series = button.get_attribute("data-toggles")
    whole = opened.drawn(series)
    assert whole > 4
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert opened.drawn(series) == 0
    # A click beside the button does the same.
    opened.page.locator(f'{TABLE} tr[data-row="{series}"] td').nth(2).click()
    assert button.get_attribute("aria-pressed") == "true"
    assert opened.drawn(series) == whole


def test_a_backbone_is_hidden_in_all_figures_at_once(opened: Opened) -> None:
    figures = ("#vision-slope", "#supercategories-radar", "#soc-geo-bars", "#thresholds-chart",
               "#categories-heat")  # fmt: skip
    assert all(opened.drawn("v0", one) for one in figures)
    opened.page.locator('#vision-main-table [data-toggles="v0"]').click()
    assert not any(opened.drawn("v0", one) for one in figures)
    other = opened.page.locator('#thresholds-table [data-toggles="v0"]')
    assert other.get_attribute("aria-pressed") == "false"
    assert opened.drawn("vp0", "#vision-slope")


def test_keys_alone_reach_and_press_everything(opened: Opened) -> None:
    page = opened.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    button = page.locator(f"{TABLE} [data-toggles]").first
    button.focus()
    page.keyboard.press("Space")
    assert button.get_attribute("aria-pressed") == "false"
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    head = page.locator(f'{TABLE} th[data-key="circular_desc"]')
    head.locator("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"


def test_columns_sort_by_value_and_gaps_stay_last(opened: Opened) -> None:
    page = opened.page
    assert page.locator(f'{TABLE} th[data-key="circular_vis"]').get_attribute("aria-sort") == (
        "descending"
    )
    for key in ("circular_vis", "circular_vis_desc", "description_gain", "average_desc"):
        for order in ("descending", "ascending"):
            head = page.locator(f'{TABLE} th[data-key="{key}"]')
            while head.get_attribute("aria-sort") != order:
                head.locator("button").click()
            values = opened.column(key)
            known = [one for one in values if one is not None]
            assert known == sorted(known, reverse=order == "descending")
            assert values == [*known, *[None] * (len(values) - len(known))]
            sorted_heads = page.locator(f'{TABLE} th[aria-sort$="ending"]')
            assert sorted_heads.count() == 1
    page.locator(f'{TABLE} th[data-key="model"] button').click()
    names = opened.names()
    assert names[0].casefold() < names[-1].casefold()
    assert page.locator(f'{TABLE} th[data-key="model"]').get_attribute("aria-sort") == "ascending"


def test_rows_are_filtered_by_what_is_typed(opened: Opened) -> None:
    box = opened.page.get_by_label("Filter rows").first
    whole = len(opened.names())
    box.fill("QWEN3")
    assert sorted(opened.names()) == ["Qwen3-VL-4B", "Qwen3-VL-8B"]
    told = opened.page.locator('[data-counts="leaderboard"]')
    assert told.inner_text() == f"2 of {whole} rows"
    box.fill("incomplete")
    assert opened.names() == ["poor"]
    box.fill("no such row")
    assert opened.names() == []
    box.fill("")
    assert len(opened.names()) == whole


def test_lines_are_chosen_together(opened: Opened) -> None:
    page = opened.page
    tools = page.get_by_role("group", name="Lines in the chart").first
    tools.get_by_role("button", name="Yours").click()
    assert opened.drawn("l0")
    assert not opened.drawn("lp3")
    tools.get_by_role("button", name="None").click()
    assert page.locator(f"{CHART} svg [data-series]:visible").count() == 0
    assert page.locator("#vision-slope svg [data-series]:visible").count() > 0
    tools.get_by_role("button", name="All lines").click()
    assert opened.drawn("l0")
    assert opened.drawn("lp3")


def overflow(page: Any) -> list[str]:
    """Elements that stick out of the screen, but for what scrolls in a box of its own."""
    return list(
        page.evaluate(
            """() => [...document.querySelectorAll("body *")].filter((one) =>
                !one.closest(".scroll, .bar ul, pre, .skip, caption") &&
                one.getBoundingClientRect().right > document.documentElement.clientWidth + 1
            ).map((one) => one.outerHTML.slice(0, 80))"""
        )
    )


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_is_wider_than_the_screen(
    browser: Any, file: Path, hostile: Path, width: int
) -> None:
    for one in (file, hostile):
        made = Opened(browser, one, viewport={"width": width, "height": 740})
        assert made.page.evaluate("document.documentElement.scrollWidth") <= width
        assert overflow(made.page) == []
        made.context.close()


def luminance(page: Any, expression: str) -> float:
    text = page.evaluate(expression)
    red, green, blue = (int(one) for one in text[4:-1].split(",")[:3])
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255


def test_the_dark_mode_is_dark_in_drawings_too(browser: Any, file: Path) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    ink = "getComputedStyle(document.querySelector('#leaderboard-chart svg text')).fill"
    for scheme, dark in (("light", False), ("dark", True)):
        made = Opened(browser, file, color_scheme=scheme)
        assert (luminance(made.page, ground) < 0.2) is dark
        assert (luminance(made.page, ink) > 0.4) is dark
        made.page.emulate_media(media="print", color_scheme=scheme)
        assert luminance(made.page, ground) > 0.9  # paper is white
        made.context.close()


def test_what_is_folded_in_is_printed(browser: Any, file: Path) -> None:
    made = Opened(browser, file)
    made.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert made.page.locator("#vision details:not([open])").count() == 0
    assert made.page.locator(".record details[open]").count() == 0  # whole manifests stay out
    made.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert made.page.locator("details[open]").count() == 0
    made.context.close()


def test_without_scripts_all_is_there(browser: Any, file: Path) -> None:
    made = Opened(browser, file, java_script_enabled=False)
    assert made.page.locator(f"{TABLE} tbody tr").count() == 13
    assert made.page.locator(f"{CHART} svg").is_visible()
    made.context.close()


def test_hostile_names_do_nothing(browser: Any, hostile: Path) -> None:
    made = Opened(browser, hostile)
    made.page.wait_for_timeout(200)
    assert made.said == []
    assert made.asked == [hostile.as_uri()]
    assert made.page.locator("nav.bar a").all_inner_texts() == [
        "Leaderboard",
        "Vision",
        "Provenance",
    ]
    assert made.page.locator("main > section").count() == 3
    shown = made.page.locator(f"{TABLE} tr.own").count()
    assert shown == len(HOSTILE)
    assert HOSTILE[0] in made.page.inner_text(TABLE)
    made.context.close()


def test_what_is_injected_is_not_run(browser: Any, file: Path, tmp_path: Path) -> None:
    """Even if escaping failed somewhere, the policy would stop it."""
    text = file.read_text(encoding="utf-8")
    attack = (
        "<script>document.title='1'</script><img src=x onerror=\"document.title='2'\">"
        "<style>body{display:none}</style><p style='position:fixed'>x</p>"
        "<script src='https://example.org/x.js'></script><iframe src='data:text/html,x'></iframe>"
    )
    attacked = tmp_path / "attacked.html"
    attacked.write_text(text.replace("<main ", f"{attack}<main ", 1), encoding="utf-8")
    made = Opened(browser, attacked)
    made.page.wait_for_timeout(200)
    assert made.page.title() == "SOCO report"
    assert made.page.locator("h1").is_visible()
    assert set(made.asked) == {attacked.as_uri(), *made.stopped}  # nothing left the machine
    assert len([one for one in made.said if "Content Security Policy" in one]) >= 4
    made.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_violation_of_accessibility(browser: Any, file: Path, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    made = Opened(browser, file, color_scheme=scheme)
    # Rows are alike, and drawings are images with a name: a few of the one, and none of the inside
    # of the other, spare minutes.
    made.page.evaluate("""() => {
        for (const one of document.querySelectorAll("details")) one.open = true;
        for (const one of document.querySelectorAll("tbody tr:nth-child(n + 7)")) one.remove();
        for (const one of document.querySelectorAll(".drawing svg")) one.replaceChildren();
    }""")
    assert made.page.locator("tbody tr.own").count() > 0
    found = axe.Axe().run(made.page).response
    assert len(found["passes"]) >= 20  # it ran
    grave = [
        (one["id"], one["nodes"][0]["html"][:120])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    assert grave == []
    made.context.close()

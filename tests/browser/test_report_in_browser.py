"""`report.html` in a real browser: no errors, no requests, sorts, hovers, and opens at once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sim.deadline.html.timeline
from sim.deadline.html.charts import cells_figure, response_times
from sim.deadline.html.page import Page, Section, Table
from sim.deadline.html.timeline import MOST_JOBS, timeline
from sim.deadline.job import Job, Outcome, Source
from sim.deadline.log import JobMemory
from sim.deadline.responses import Responses

webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="needs Chromium: apt-get install chromium chromium-driver"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--enable-unsafe-swiftshader", "--window-size=1100,900",
        f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield made
    made.quit()


def log_of(jobs: int) -> JobMemory:
    outcomes = (Outcome.MET, Outcome.MET, Outcome.LATE)
    with JobMemory("solver") as log:
        for index in range(jobs):
            release = 1_000_000 * index
            taken = 300_000 + 400_000 * (index % 3)
            log.append(
                Job(
                    index, release, release + 50_000, release + 50_000 + taken, release + 700_000,
                    outcomes[index % 3], Source.OWN, taken, 3,
                )
            )  # fmt: skip
    return log


RESPONSES = Responses(np.arange(1, 700) * 1000, np.full(200, 700_000))


def page_of(jobs: int) -> Page:
    log = log_of(jobs)
    return Page(
        "many jobs",
        "computed",
        (),
        [
            Section(
                "table",
                table=Table(
                    ("name", "value"),
                    [["b", "10"], ["a", "9"], ["c", "-"]],
                    [[None, 10.0], [None, 9.0], [None, None]],
                ),
            ),
            Section("timeline", figures=[timeline({"solver": log.parts()})]),
            Section("cells", text="**bold** <b>&", figures=[cells_of(["met", "missed"])]),
            Section("times", figures=[response_times({"solver": [RESPONSES]}, [700_000])]),
        ],
    )


def cells_of(names: list[str]) -> Any:
    cells = [
        {"row": 0, "column": place, "shade": "#1a5a9e", "text": "0", "name": name}
        for place, name in enumerate(names)
    ]
    return cells_figure("", cells, names, ["wmmse"], ("x", "y"), {"outcome": "name"})


def waiting(browser: webdriver.Chrome) -> Any:
    """Return what waits until something is so, and gives up where it never is."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, 60)


def opened(browser: webdriver.Chrome, page: Page, path: Path) -> None:
    page.write(path)
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(path.as_uri())
    idle = "return typeof Bokeh !== 'undefined' && Bokeh.documents.some(d => d.is_idle)"
    waiting(browser).until(lambda browser: browser.execute_script(idle))


def test_it_draws_without_errors_and_requests(browser: webdriver.Chrome, tmp_path: Path) -> None:
    opened(browser, page_of(60), tmp_path / "report.html")
    severe = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert severe == []
    asked = [
        entry["message"]
        for entry in browser.get_log("performance")
        if "Network.requestWillBeSent" in entry["message"]
    ]
    assert not [text for text in asked if '"url":"http' in text]
    figures = browser.execute_script("return document.querySelectorAll('.bk-Figure').length")
    assert figures == 3
    prose = browser.find_element("css selector", ".text")
    assert prose.text == "bold <b>&"
    assert prose.find_element("css selector", "strong").text == "bold"


def test_a_click_sorts_and_another_turns_it(browser: webdriver.Chrome, tmp_path: Path) -> None:
    opened(browser, page_of(3), tmp_path / "report.html")

    def column(place: int) -> list[str]:
        return browser.execute_script(
            "return [...document.querySelectorAll('tbody tr')]"
            f".map(row => row.cells[{place}].textContent.trim())"
        )

    heads = browser.find_elements("css selector", "th button")
    heads[0].click()
    assert column(0) == ["a", "b", "c"]
    heads[0].click()
    assert column(0) == ["c", "b", "a"]
    heads[1].click()
    assert column(1) == ["9", "10", "-"]  # as numbers
    heads[1].click()
    assert column(1) == ["10", "9", "-"]  # what is none comes last


def test_a_job_tells_its_times_when_hovered(browser: webdriver.Chrome, tmp_path: Path) -> None:
    opened(browser, page_of(3), tmp_path / "report.html")
    # Where the first bar is on the screen, from the figure's own scales.
    place = browser.execute_script(
        """
        const figure = Bokeh.documents.flatMap(d => d.roots()).find(m => m.x_range.bounds);
        const view = [...Object.values(Bokeh.index)].find(v => v.model === figure);
        const frame = view.frame ?? view.plot_view.frame;
        const box = view.el.getBoundingClientRect();
        return [box.x + frame.bbox.left + frame.x_scale.compute(0.2) - frame.x_scale.compute(0),
                box.y + frame.bbox.top + frame.bbox.height / 2];
        """
    )
    from selenium.webdriver.common.actions.action_builder import ActionBuilder

    browser.execute_script("window.scrollTo(0, 0)")
    action = ActionBuilder(browser)
    action.pointer_action.move_to_location(round(place[0]), round(place[1]))
    action.perform()
    tooltip = """
        const texts = [];
        const walk = node => {
          if (node.shadowRoot) walk(node.shadowRoot);
          if (node.classList && node.classList.contains('bk-Tooltip')) texts.push(
            (node.shadowRoot ?? node).textContent);
          node.childNodes.forEach(walk);
        };
        walk(document.body);
        return texts.join(' ');
        """
    text = waiting(browser).until(lambda browser: browser.execute_script(tooltip))
    assert "0 of solver" in text
    assert "0.0500 ms" in text
    assert "met, in force: own" in text


MODELS = "Bokeh.documents.flatMap(d => d.roots()).flatMap(r => [...r.references()])"


def titles(browser: webdriver.Chrome) -> list[str]:
    """Return what is said above figures, to be seen."""
    said = browser.find_elements("css selector", ".actions output")
    assert all(each.is_displayed() and each.size["height"] > 10 for each in said if each.text)
    return [each.text for each in said if each.text]


def miss_buttons(browser: webdriver.Chrome) -> list[Any]:
    """Return the buttons to the miss before and to the next, once they are there."""
    find = "return [...document.querySelectorAll('.actions button')].map(each => each.textContent)"
    waiting(browser).until(lambda browser: browser.execute_script(find))
    found: list[Any] = browser.find_elements("css selector", ".actions button")
    assert [button.text for button in found] == ["previous miss", "next miss"]
    return found


def test_misses_that_a_page_does_not_hold_are_told(
    browser: webdriver.Chrome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sim.deadline.html.timeline, "MOST_JOBS", 20)
    opened(browser, page_of(60), tmp_path / "report.html")  # every third job is late
    before, after = miss_buttons(browser)
    for _ in range(6):
        after.click()
    assert titles(browser) == ["job 17 of solver: late"]
    after.click()
    more = "no miss after this is held here, but from 20.7 ms on there are more"
    assert titles(browser) == [more]
    before.click()
    assert titles(browser) == ["job 14 of solver: late"]
    axis = f"{MODELS}.find(m => m.type === 'Range1d' && m.bounds)"
    browser.execute_script(f"Object.assign({axis}, {{start: 18, end: 20}})")
    assert titles(browser) == ["from 9.0 ms on, only jobs about misses are here"]
    browser.execute_script(f"Object.assign({axis}, {{start: 18, end: 21}})")
    assert titles(browser) == [
        "from 9.0 ms on, only jobs about misses are here, and from 20.7 ms on not all misses"
    ]


def test_buttons_go_from_miss_to_miss(browser: webdriver.Chrome, tmp_path: Path) -> None:
    opened(browser, page_of(60), tmp_path / "report.html")  # every third job is late

    def middle() -> float:
        found: float = browser.execute_script(
            f"const r = {MODELS}.find(m => m.type === 'Range1d' && m.bounds); "
            "return (r.start + r.end) / 2"
        )
        return found

    before, after = miss_buttons(browser)
    after.click()  # of job 2, due at 2.7 ms: no further to the left than 0
    assert titles(browser) == ["job 2 of solver: late"]
    for _ in range(3):
        after.click()
    assert titles(browser) == ["job 11 of solver: late"]
    assert middle() == pytest.approx(11.7)
    before.click()
    assert titles(browser) == ["job 8 of solver: late"]
    for _ in range(3):
        before.click()
    assert titles(browser) == ["no miss before this"]


def test_misses_due_at_once_are_gone_to_one_by_one(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with JobMemory("solver") as log:
        for index, due in enumerate((5, 5, 5, 9, 9)):
            for controller in range(2):
                outcome = Outcome.LATE if index != 3 or controller else Outcome.MET
                log.append(
                    Job(
                        index, index * 10**6, index * 10**6, 10**7, due * 10**6,
                        outcome if controller == 0 else Outcome.SKIPPED, Source.HELD, 1,
                        controller=controller,
                    )
                )  # fmt: skip
    parts = list(log.parts())
    figure = timeline({"a": parts, "b": log_of(10).parts()}, ["left", "right"])
    opened(browser, Page("t", "v", (), [Section("s", figures=[figure])]), tmp_path / "r.html")
    before, after = miss_buttons(browser)
    but = "; passed over, as most of it is missed: a / left, a / right"
    for job in (2, 5, 8):
        after.click()
        assert titles(browser) == [f"job {job} of b: late{but}"]
    after.click()
    assert titles(browser) == [f"no miss after this{but}"]

    figure = timeline({"a": parts}, ["left", "right"])
    opened(browser, Page("t", "v", (), [Section("s", figures=[figure])]), tmp_path / "r.html")
    before, after = miss_buttons(browser)
    wanted = [
        f"job {job} of a / {side}: {outcome}"
        for job in range(5)
        for side, outcome in (("left", "late"), ("right", "skipped"))
        if (job, side) != (3, "left")
    ]
    seen = []
    for _ in wanted:
        after.click()
        seen += titles(browser)
    assert seen == wanted
    for said in wanted[-2::-1]:
        before.click()
        assert titles(browser) == [said]


def test_a_hundred_thousand_jobs_are_there(browser: webdriver.Chrome, tmp_path: Path) -> None:
    """That they are there within three seconds is measured, not asserted: a test has no clock."""
    opened(browser, page_of(MOST_JOBS), tmp_path / "report.html")
    script = f"""
        const held = new Set({MODELS}.filter(
            m => m.type === 'ColumnDataSource' && 'last_ms' in m.data && m.length));
        const drawn = [...held].filter(m => typeof m.data.row[0] === 'string');
        const all = [...held].filter(m => !drawn.includes(m));
        return [all.map(m => m.length), drawn.map(m => m.length).reduce((a, b) => a + b, 0),
                Math.min(...drawn.flatMap(m => [...m.data.index]))];
        """

    def drawn(least: int, most: int) -> int:
        """The first job that is drawn, once so many are."""
        waiting(browser).until(lambda browser: least <= browser.execute_script(script)[1] <= most)
        first: int = browser.execute_script(script)[2]
        return first

    def look(start: float, end: float) -> None:
        axis = f"{MODELS}.find(m => m.type === 'Range1d' && m.bounds)"
        move = f"Object.assign({axis}, {{start: {start}, end: {end}}})"
        browser.execute_script(move)

    assert drawn(12, 14) == 0
    assert browser.execute_script(script)[0] == [MOST_JOBS]
    # a slot of 1 ms each: all of them, then a hundred far from the first
    look(0, MOST_JOBS)
    assert drawn(2500, 3000) == 0
    titles = f"return {MODELS}.filter(m => m.type === 'Title').map(m => m.text)"
    assert "one job in 34 is drawn: zoom in for all" in browser.execute_script(titles)
    look(70_000.01, 70_099.99)
    assert abs(drawn(99, 102) - 70_000) <= 1


def test_cells_show_what_there_is_room_for(browser: webdriver.Chrome, tmp_path: Path) -> None:
    names = [f"allocator_{place}" for place in range(12)]
    page = Page("t", "v", (), [Section("cells", figures=[cells_of(names)])])
    opened(browser, page, tmp_path / "report.html")
    models = "Bokeh.documents.flatMap(d => d.roots()).flatMap(r => [...r.references()])"
    state = f"""
        const axis = {models}.find(m => m.axis_label === 'x');
        const text = {models}.find(m => m.type === 'GlyphRenderer' && m.glyph.type === 'Text');
        return [axis.ticker.ticks.length, axis.major_label_orientation, text.visible];
        """
    resize = "document.querySelector('main').style.width = arguments[0]"
    browser.execute_script(resize, "100%")
    waiting(browser).until(lambda browser: browser.execute_script(state)[0] == 12)
    assert browser.execute_script(state)[2]
    browser.execute_script(resize, "260px")
    waiting(browser).until(lambda browser: not browser.execute_script(state)[2])
    ticks, slant, _ = browser.execute_script(state)
    assert ticks < 12
    assert slant == 0.6
    few = Page("t", "v", (), [Section("cells", figures=[cells_of(["allocator_1", "b"])])])
    opened(browser, few, tmp_path / "few.html")
    waiting(browser).until(lambda browser: browser.execute_script(state)[1] == 0)


def test_a_sort_makes_no_column_wider(browser: webdriver.Chrome, tmp_path: Path) -> None:
    opened(browser, page_of(3), tmp_path / "report.html")
    widths = "return [...document.querySelectorAll('th')].map(th => th.offsetWidth)"
    before = browser.execute_script(widths)
    for head in browser.find_elements("css selector", "th button"):
        head.click()
        assert browser.execute_script(widths) == before

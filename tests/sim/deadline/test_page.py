"""Pages: whole in themselves, whatever names and numbers are put in."""

from __future__ import annotations

import base64
import io
import locale
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import numpy as np
import pytest
from bokeh.models import Label
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image
from toys import log_of

from sim.deadline.errors import InputError
from sim.deadline.html.charts import response_times, short_names
from sim.deadline.html.page import Page, Picture, Section, Table, reproduction
from sim.deadline.html.timeline import timeline
from sim.deadline.job import Outcome
from sim.deadline.plots import named_numbers
from sim.deadline.responses import Responses

NASTY = '<script>alert("x")</script> & "quotes" \'\u202e'


class Seen(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


RESPONSES = Responses(np.array([5, 7, 900]), np.array([500]))


@pytest.fixture
def page() -> Page:
    log = log_of(*Outcome)
    return Page(
        NASTY,
        NASTY,
        [NASTY],
        [
            Section("table", table=Table(("name", "value"), [[NASTY, "1"]], [[None, 1.0]])),
            Section("timeline", figures=[timeline({NASTY: log.parts()})]),
            Section("times", figures=[response_times({"solver": [RESPONSES]}, [500])]),
            Section("pictures", pictures=[Picture.of(Image.new("RGB", (8, 8)), NASTY)]),
            Section("again", code=NASTY, facts={NASTY: NASTY}),
        ],
    )


def test_it_loads_nothing_from_anywhere(page: Page) -> None:
    for tag, attributes in Seen(page.html()).tags:
        for name in ("src", "href", "action", "data"):
            address = attributes.get(name) or ""
            assert not re.match(r"(?i)\s*(https?:|//|file:)", address), (tag, address)
            assert address == "" or address.startswith(("data:", "#")), (tag, address)


def test_what_is_put_in_is_text(page: Page) -> None:
    seen = Seen(page.html())
    assert seen.text.count("\u202e") >= 6
    assert page.html().count('<script>alert("x")</script>') == 0
    assert [tag for tag, _ in seen.tags].count("section") == 5


def test_a_page_without_figures_needs_no_library() -> None:
    text = Page("title", "verdict", (), [Section("only", "a note")]).html()
    assert len(text) < 20_000
    assert "bokeh" not in text


def test_a_log_of_no_job_at_all_is_drawn() -> None:
    figure = timeline({"nobody": log_of().parts(), "somebody": log_of(Outcome.MET).parts()})
    assert Page("t", "v", (), [Section("s", figures=[figure])]).html()
    assert response_times({"nobody": []}, [1]) is not None


def test_deadlines_are_told_apart() -> None:
    def labels(*deadlines_ns: int) -> list[str]:
        drawn = response_times({"solver": [RESPONSES]}, deadlines_ns)
        return sorted(label.text for label in drawn.select({"type": Label}))

    assert labels(700_000, 400_000, 700_000) == ["400 us", "700 us"]
    assert labels(700_000, 700_000) == []


def test_log_axes_name_round_numbers() -> None:
    assert named_numbers(58.0, 950.0) == [100.0, 200.0, 500.0]
    assert named_numbers(70.0, 400.0) == [80.0, 100.0, 150.0, 200.0, 300.0, 400.0]
    assert named_numbers(0.5, 3000.0) == [1.0, 10.0, 100.0, 1000.0]
    drawn = response_times({"solver": [RESPONSES]}, [500])
    assert drawn.y_range.end == 1.0
    assert max(drawn.yaxis.ticker.ticks) == 1.0


def test_names_break_behind_underscores_only() -> None:
    text = Page("t", "v", (), [Section("s", table=Table(("a",), [["a_<b>"]]))]).html()
    assert "<td>a_<wbr>&lt;b&gt;</td>" in text


@given(st.lists(st.text(max_size=60), unique=True, max_size=60))
def test_names_in_figures_are_short_and_differ(names: list[str]) -> None:
    found = short_names(names)
    assert list(found) == names
    assert len(set(found.values())) == len(names)
    assert all(len(short) <= 24 for short in found.values())
    assert all(short == name for name, short in found.items() if len(name) <= 24)


def test_a_page_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        Page("t", "v").write(tmp_path / "none" / "report.html")


def test_markdown_is_shown_and_html_in_it_is_text() -> None:
    text = Page("t", "v", (), [Section("s", text="*slow* <b>bold</b>\n\n|a|\n|-|\n|1|")]).html()
    assert "<em>slow</em> &lt;b&gt;bold&lt;/b&gt;" in text
    assert "<td>1</td>" in text


def cells(table: Table) -> list[dict[str, str | None]]:
    seen = Seen(Page("t", "v", (), [Section("s", table=table)]).html())
    return [attributes for tag, attributes in seen.tags if tag == "td"]


def test_cells_are_sorted_by_their_values() -> None:
    rows = [["a", "1 ms"], ["b", "2 ms"]]
    valued = cells(Table(("name", "time"), rows, [[None, 1.0], [None, 2.0]]))
    assert [cell.get("data-value") for cell in valued] == [None, "1.0", None, "2.0"]
    plain = cells(Table(("name", "time"), rows))
    assert [cell.get("data-value") for cell in plain] == 4 * [None]
    for values in ([[1.0], [2.0]], [[None, 1.0]]):  # too few in a row, too few rows
        with pytest.raises(ValueError, match="zip"):
            cells(Table(("name", "time"), rows, values))


def content(picture: Picture, kind: str) -> bytes:
    assert picture.source.startswith(f"data:{kind};base64,")
    return base64.b64decode(picture.source.partition(",")[2], validate=True)


def test_pictures_are_in_the_page() -> None:
    image = Image.new("RGBA", (8, 8), (200, 30, 30, 255))
    picture = Picture.of(image, "red")
    assert picture.caption == "red"
    assert Picture.of(image).caption == ""
    with Image.open(io.BytesIO(content(picture, "image/jpeg"))) as found:
        assert (found.format, found.size) == ("JPEG", (8, 8))
        assert np.abs(np.array(found) - [200, 30, 30]).max() < 4


def test_drawings_are_in_the_page() -> None:
    drawing = Figure()
    drawing.add_subplot().set_title("a drawing")
    picture = Picture.drawn(drawing, "drawn")
    assert picture.caption == "drawn"
    assert Picture.drawn(drawing).caption == ""
    root = fromstring(content(picture, "image/svg+xml"))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"


def test_a_figure_brings_its_library_and_one_script() -> None:
    def size(*figures: Any) -> int:
        return len(Page("t", "v", (), [Section("s", figures=figures)]).html())

    figure = timeline({"solver": log_of(Outcome.MET).parts()})
    text = Page("t", "v", (), [Section("s", figures=[figure])]).html()
    ids = re.findall(r'<div id="([^"]+)" data-root-id', text)
    assert len(ids) == 1
    assert text.count(ids[0]) >= 2  # the place, and the script that draws there
    assert "Bokeh.safely" in text
    assert "bokeh-gl" in text
    # each library once; without those of widgets and tables, which no page needs
    assert 800_000 < size(figure) < 1_600_000


def test_a_page_is_utf_8_whatever_the_locale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locale, "getpreferredencoding", lambda _=True: "ascii")
    monkeypatch.setattr(locale, "getencoding", lambda: "ascii", raising=False)
    Page("Zürich → 東京", "v").write(tmp_path / "p.html")
    assert "Zürich → 東京" in (tmp_path / "p.html").read_bytes().decode("utf-8")


def test_how_to_run_it_again() -> None:
    manifest = {
        "command": ["ttirace", "run", "my file.yaml"],
        "seed": 0,
        "machine": {"processor": "a processor", "system": "a system", "cores": 2},
        "versions": {"python": "3.11", "torch": None, "numpy": "2.0"},
        "git": {"commit": "abc123"},
        "written": "2026-01-01",
    }
    section = reproduction(manifest, study="mine")
    assert section.title == "How to run it again"
    assert section.code == "ttirace run 'my file.yaml'"
    assert list(section.facts.items()) == [
        ("study", "mine"),
        ("seed", "0"),
        ("machine", "a processor, a system"),
        ("versions", "python 3.11, numpy 2.0"),
        ("source", "abc123"),
        ("written", "2026-01-01"),
    ]


def test_what_a_manifest_lacks_is_left_out() -> None:
    section = reproduction({"machine": {"system": "a system"}, "git": None}, empty="")
    assert section.code == ""
    assert section.facts == {"machine": "a system", "source": "an installed package"}
    assert reproduction({"machine": None}).facts == {"source": "an installed package"}

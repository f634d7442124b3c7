"""Pages: whole in themselves, whatever names and numbers are put in."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from toys import log_of

from sim.deadline.errors import InputError
from sim.deadline.html.charts import response_times, short_names
from sim.deadline.html.page import Page, Picture, Section, Table
from sim.deadline.html.timeline import timeline
from sim.deadline.job import Outcome
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

"""A page made of sections: text, tables that sort, pictures and figures, all in one file."""

from __future__ import annotations

import base64
import io
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.deadline.files import whole_file
from sim.deadline.plots import svg

if TYPE_CHECKING:
    from bokeh.models import LayoutDOM
    from markupsafe import Markup
    from matplotlib.figure import Figure as Drawing
    from PIL.Image import Image

_TEMPLATE = "page.html.jinja"


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose columns sort when their headings are clicked.

    Attributes:
        headings: of the columns.
        rows: cells as they are shown.
        values: what each cell is sorted by; the text where this is None.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    values: Sequence[Sequence[float | None]] | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture with what is said of it.

    Attributes:
        caption: text below.
        source: as a ``data:`` address.
    """

    caption: str
    source: str

    @classmethod
    def of(cls, image: Image, caption: str = "") -> Picture:
        """Return one of Pillow's images, as JPEG."""
        content = io.BytesIO()
        image.convert("RGB").save(content, "JPEG", quality=88)
        return cls(caption, _address("image/jpeg", content.getvalue()))

    @classmethod
    def drawn(cls, drawing: Drawing, caption: str = "") -> Picture:
        """Return one of Matplotlib's figures, as SVG."""
        return cls(caption, _address("image/svg+xml", svg(drawing)))


@dataclass(slots=True)
class Section:
    """A part of a page under a heading of its own.

    Attributes:
        title: the heading.
        note: how to read it, in a sentence or two.
        text: what there is to say, in Markdown.
        table: a table.
        figures: of Bokeh; several stand beside each other where there is room.
        pictures: side by side.
        code: text as it is, such as a command.
        facts: names and values.
        more: a caption, and text as it is that opens below it.
    """

    title: str
    note: str = ""
    text: str = ""
    figures: Sequence[LayoutDOM] = ()
    table: Table | None = None
    pictures: Sequence[Picture] = ()
    code: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    more: tuple[str, str] | None = None


@dataclass(slots=True)
class Page:
    """A report.

    Attributes:
        title: its own.
        verdict: the answer, in a sentence or two.
        warnings: what should make a reader doubt it.
        sections: one after the other.
        more: further answers, below the verdict.
    """

    title: str
    verdict: str
    warnings: Sequence[str] = ()
    sections: list[Section] = field(default_factory=list)
    more: Sequence[str] = ()

    def html(self) -> str:
        """Return the page, everything inside."""
        from bokeh.embed import components
        from bokeh.resources import Resources
        from jinja2 import Environment, PackageLoader, StrictUndefined

        figures = [figure for section in self.sections for figure in section.figures]
        script, divs = components(tuple(figures)) if figures else ("", ())
        held = iter(divs)
        parts: list[dict[str, Any]] = [
            {
                "section": section,
                "text": _prose(section.text),
                "divs": [next(held) for _ in section.figures],
                "rows": [] if section.table is None else _cells(section.table),
            }
            for section in self.sections
        ]
        environment = Environment(
            loader=PackageLoader("sim.deadline.html", ""),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters["breakable"] = _breakable
        resources = Resources(mode="inline", components=["bokeh", "bokeh-gl"])
        text: str = environment.get_template(_TEMPLATE).render(
            page=self,
            parts=parts,
            script=script,
            library=resources.render_js() if figures else "",
        )
        return text

    def write(self, path: Path) -> None:
        """Write the page; it appears whole or not at all.

        Raises:
            InputError: it cannot be written.
        """
        text = self.html()
        with whole_file(path) as part:
            part.write_text(text, encoding="utf-8")


def reproduction(manifest: Mapping[str, Any], **facts: str) -> Section:
    """Return the section that says how to run something again.

    Args:
        manifest: from `sim.deadline.manifest.read_manifest`; what it lacks is left out.
        facts: more of them, first.
    """
    machine, git = manifest.get("machine") or {}, manifest.get("git")
    seed = manifest.get("seed")
    told = {
        **facts,
        "seed": "" if seed is None else str(seed),
        "machine": ", ".join(machine[key] for key in ("processor", "system") if key in machine),
        "versions": ", ".join(f"{k} {v}" for k, v in manifest.get("versions", {}).items() if v),
        "source": git["commit"] if git else "an installed package",
        "written": manifest.get("written", ""),
    }
    return Section(
        "How to run it again",
        code=shlex.join(manifest.get("command", ())),
        facts={name: value for name, value in told.items() if value},
    )


def _address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _prose(text: str) -> str:
    """Return Markdown as HTML; what looks like HTML in it stands there as it is."""
    from markdown_it import MarkdownIt

    return str(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))


def _breakable(text: str) -> Markup:
    """Return a text that may go on in another line behind an underscore."""
    from markupsafe import Markup, escape

    return Markup("_<wbr>").join(escape(part) for part in text.split("_"))


def _cells(table: Table) -> list[list[tuple[str, float | None]]]:
    values = table.values or [[None] * len(row) for row in table.rows]
    return [
        list(zip(row, numbers, strict=True))
        for row, numbers in zip(table.rows, values, strict=True)
    ]

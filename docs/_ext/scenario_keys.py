"""The directive ``scenario-keys``: every key of a scenario, from the models that read it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from docutils import nodes
from docutils.parsers.rst import Directive
from pydantic import BaseModel
from scenario_models import (
    Place,
    default_of,
    key_of,
    keys_of,
    kind_of,
    meaning_of,
    models_in,
    name_of,
    places,
    type_of,
    unit_of,
    values_of,
)
from sphinx.application import Sphinx

from sim.scenario.allocators import FallbackModel, OnMissModel

_WIDTHS = (18, 20, 13, 17, 42)

#: How a place is written, where that is not plain from its keys.
_WRITTEN = {
    "channel": "`channel: {rayleigh: {links: 10}}`, or `channel: {model: rayleigh, links: 10}`. "
    "One of the following.",
    "latency": "`latency: measured`, `latency: {constant: 20 us}` (a value by itself is that of "
    "the first key after the model), `latency: {constant: {base: 20 us, per_work: 5 us}}`, or "
    "`latency: {model: constant, base: 20 us}`. One of the following. `release_jitter` takes the "
    "same, but `measured`.",
    "controllers": "`controllers: 4`, or a list whose entries have these keys.",
    "on_miss": "`on_miss: hold`, or `on_miss: {fallback: max_power, latency: {constant: 1 us}}`. "
    "In full, as `ttirace validate --show` prints it, `on_miss: {policy: hold}` and "
    "`on_miss: {policy: fallback, fallback: {allocator: max_power}}`.",
    "fallback": "`fallback: max_power`, or with parameters `fallback: {dnn: {model: dnn_k10}}`; in "
    "full, `fallback: {allocator: dnn, parameters: {model: dnn_k10}}`.",
    "allocators": "A list. An entry is a name, `wmmse`, or a name with its parameters and other "
    "keys beside it, `{wmmse: {restarts: 4}, label: best_of_5}`; in full, "
    "`{allocator: wmmse, parameters: {restarts: 4}, label: best_of_5}`.",
}


class ScenarioKeys(Directive):
    """A section a place, as a file spells it, and a row a key."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        self._place_of = {model: place for place in places() for model in place.models}
        return [self._section(place) for place in places()]

    def _section(self, place: Place) -> nodes.section:
        section = nodes.section(ids=[_anchor(place.key)])
        if place.key:
            section += nodes.title("", "", nodes.literal(text=place.key))
        else:
            section += nodes.title(text="The file")
        if not place.choice:
            section += self._summary(place.models[0])
        if place.key in _WRITTEN:
            section += _prose(_WRITTEN[place.key])
        if not place.choice:
            section += self._table(place.models[0])
            return section
        for model in place.models:
            name = name_of(model)
            inner = nodes.section(ids=[_anchor(place.key, name)])
            inner += nodes.title("", "", nodes.literal(text=f"{place.key}: {name}"))
            inner += self._summary(model)
            inner += self._table(model)
            section += inner
        return section

    def _summary(self, model: type[BaseModel]) -> nodes.paragraph:
        paragraph = _prose((model.__doc__ or "").split("\n", 1)[0])
        paragraph += nodes.Text(" ")
        paragraph += nodes.inline(text=f"In Python: {model.__name__}.", classes=["aside"])
        return paragraph

    def _table(self, model: type[BaseModel]) -> nodes.table:
        table = nodes.table(classes=["keys"])
        group = nodes.tgroup(cols=len(_WIDTHS))
        for width in _WIDTHS:
            group += nodes.colspec(colwidth=width)
        head = nodes.thead()
        head += _row(*map(_prose, ("key", "value", "unit", "default", "meaning")))
        body = nodes.tbody()
        for cells in self._rows(model):
            body += _row(*cells)
        group += [head, body]
        table += group
        return table

    def _rows(self, model: type[BaseModel]) -> Iterator[tuple[nodes.Node, ...]]:
        if model is OnMissModel:  # a file has no `policy` in it
            yield from self._on_miss()
            return
        for name in keys_of(model):
            yield self._cells(key_of(name, model.model_fields[name]), model, name)

    def _on_miss(self) -> Iterator[tuple[nodes.Node, ...]]:
        key, value, *rest = self._cells("on_miss", OnMissModel, "policy")
        words = values_of(OnMissModel.model_fields["policy"].annotation)
        value = _listed(nodes.literal(text=word) for word in words if word != "fallback")
        yield key, value, *rest
        *cells, _, _ = self._cells("on_miss.fallback", OnMissModel, "fallback")
        meaning = _prose("the allocator that runs first in every job, in the place of a word")
        yield *cells, _prose("none"), meaning
        yield self._cells("on_miss.latency", FallbackModel, "latency")

    def _cells(self, key: str, model: type[BaseModel], name: str) -> tuple[nodes.Node, ...]:
        field = model.model_fields[name]
        return (
            _paragraph([nodes.literal(text=key)]),
            self._value(model, name),
            _prose(unit_of(name, field)),
            self._default(model, name),
            _prose(meaning_of(field)),
        )

    def _value(self, model: type[BaseModel], name: str) -> nodes.paragraph:
        """Return what a key holds: links where it holds keys of its own."""
        field = model.model_fields[name]
        inner = list(models_in(field.annotation))
        if len(inner) > 1:
            key = self._place_of[inner[0]].key
            return _listed(_link(name_of(one), _anchor(key, name_of(one))) for one in inner)
        if inner:
            if inner[0] is OnMissModel:
                return _paragraph([_link("on_miss", _anchor("on_miss"))])
            key = self._place_of[inner[0]].key
            before = "list of " if "list" in str(field.annotation) else "keys of "
            return _paragraph([nodes.Text(before), _link(key, _anchor(key))])
        words = values_of(field.annotation)
        if words:
            return _listed(nodes.literal(text=word) for word in words)
        return _prose(type_of(field.annotation, "quantity" if kind_of(field) else "number"))

    def _default(self, model: type[BaseModel], name: str) -> nodes.paragraph:
        default = default_of(model, name)
        if isinstance(default, BaseModel):
            key = self._place_of[type(default)].key
            return _paragraph([nodes.Text("those of "), _link(key, _anchor(key))])
        return _prose(default)


def _anchor(*names: str) -> str:
    return nodes.make_id("-".join(["keys", *filter(None, names)]))


def _link(text: str, anchor: str) -> nodes.reference:
    reference = nodes.reference("", "", refid=anchor, internal=True)
    reference += nodes.literal(text=text)
    return reference


def _paragraph(parts: Iterable[nodes.Node]) -> nodes.paragraph:
    paragraph = nodes.paragraph()
    paragraph += list(parts)
    return paragraph


def _listed(parts: Iterable[nodes.Node]) -> nodes.paragraph:
    paragraph = nodes.paragraph()
    for part in parts:
        if len(paragraph):
            paragraph += nodes.Text(", ")
        paragraph += part
    return paragraph


def _prose(text: str) -> nodes.paragraph:
    """Return a paragraph in which what stands between backquotes is code."""
    pieces = re.split(r"(`+)(.+?)\1", text)
    paragraph = nodes.paragraph()
    for i in range(0, len(pieces), 3):
        paragraph += nodes.Text(pieces[i])
        if i + 2 < len(pieces):
            paragraph += nodes.literal(text=pieces[i + 2])
    return paragraph


def _row(*cells: nodes.Node) -> nodes.row:
    row = nodes.row()
    for cell in cells:
        entry = nodes.entry()
        entry += cell
        row += entry
    return row


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("scenario-keys", ScenarioKeys)
    return {"parallel_read_safe": True}

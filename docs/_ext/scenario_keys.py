"""The directive ``scenario-keys``: every key of a scenario, from the models that read it."""

from __future__ import annotations

from docutils import nodes
from docutils.parsers.rst import Directive
from pydantic import BaseModel
from scenario_models import all_models, default_of, key_of, kind_of, meaning_of, type_of
from sphinx.application import Sphinx


class ScenarioKeys(Directive):
    """A section a model, a row a key."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        return [self._section(model) for model in all_models()]

    def _section(self, model: type[BaseModel]) -> nodes.section:
        section = nodes.section(ids=[nodes.make_id(f"keys-{model.__name__}")])
        name = model.__name__.removesuffix("Model")
        section += nodes.title(text=name)
        section += nodes.paragraph(text=(model.__doc__ or "").split("\n", 1)[0].replace("`", ""))
        table = nodes.table()
        group = nodes.tgroup(cols=5)
        for width in (18, 20, 14, 14, 46):
            group += nodes.colspec(colwidth=width)
        head = nodes.thead()
        head += _row("key", "value", "unit", "default", "meaning")
        body = nodes.tbody()
        for field_name, field in model.model_fields.items():
            kind = kind_of(field)
            unit = "" if kind is None else ", ".join(kind.units)
            default = default_of(field)
            if kind is not None and default not in ("required", "none", ""):
                default = f"{default} {kind.canonical}".removesuffix(" linear")
            body += _row(
                nodes.literal(text=key_of(field_name, field)),
                "quantity" if kind is not None else type_of(field.annotation),
                unit,
                default,
                meaning_of(field).replace("`", ""),
            )
        group += [head, body]
        table += group
        section += table
        return section


def _row(*cells: str | nodes.Node) -> nodes.row:
    row = nodes.row()
    for cell in cells:
        paragraph = nodes.paragraph()
        paragraph += nodes.Text(cell) if isinstance(cell, str) else cell
        entry = nodes.entry()
        entry += paragraph
        row += entry
    return row


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("scenario-keys", ScenarioKeys)
    return {"parallel_read_safe": True}

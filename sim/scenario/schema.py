"""The JSON schema of scenarios, with every short form that a file may use."""

from __future__ import annotations

from typing import Any

from sim.scenario.models import Scenario


def scenario_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a scenario file."""
    schema = Scenario.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema

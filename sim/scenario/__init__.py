"""Scenarios: YAML files to frozen models."""

from sim.scenario.load import dump_scenario, load_scenario
from sim.scenario.models import AllocatorModel, Controller, Scenario

__all__ = ["AllocatorModel", "Controller", "Scenario", "dump_scenario", "load_scenario"]

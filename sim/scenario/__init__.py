"""Scenarios: YAML files to frozen models."""

from sim.scenario.allocators import AllocatorModel
from sim.scenario.load import dump_scenario, load_scenario
from sim.scenario.models import Controller, Scenario

__all__ = ["AllocatorModel", "Controller", "Scenario", "dump_scenario", "load_scenario"]

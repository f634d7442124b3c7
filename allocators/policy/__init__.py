"""Policies that were trained by reinforcement learning, as allocators."""

from allocators.policy.solver import Policy

__all__ = ["Policy"]

"""What can go wrong, for those who catch our errors and for those who catch Gymnasium's."""

from __future__ import annotations

import gymnasium.error

from sim.deadline import InputError


class InvalidActionError(InputError, gymnasium.error.InvalidAction):
    """An action that is not in the action space."""


class ResetNeededError(InputError, gymnasium.error.ResetNeeded):
    """A step before the first `reset`, or after the end of an episode."""


class NoWindowError(InputError, gymnasium.error.DependencyNotInstalled):
    """A render mode that needs a window, where none can be opened."""

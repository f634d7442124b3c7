"""What an agent can get wrong, for those who catch ours and for those who catch Gymnasium's."""

from __future__ import annotations

import gymnasium.error

from sim.deadline import InputError


class InvalidActionError(InputError, gymnasium.error.InvalidAction):
    """An action that is not in the action space."""


class ResetNeededError(InputError, gymnasium.error.ResetNeeded):
    """A step before the first `reset`, or after the end of an episode."""
